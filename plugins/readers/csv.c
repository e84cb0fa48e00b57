/*
 * csv - tables: train.csv, valid.csv (optional), test.csv with a header line. Columns (in any order, any case; others are passed over):
 *
 *   text     the document
 *   labels   its labels, separated by ; or | (nothing: none)
 *   id       optional; the record's first line otherwise
 *
 * Fields may be quoted with "; inside, a quote is doubled, and line ends and separators are text. labels.txt (key TAB name) is read where
 * there is one. The reader `tsv` is the same with tabs, and files called .tsv.
 */
#include <strings.h>
#include <tagloom/reader.h>

#ifndef TABLE_NAME
#define TABLE_NAME "csv"
#define TABLE_SEPARATOR ','
#endif

struct record { char *bytes; size_t n, room, *start; int64_t fields, capacity; int64_t line; char where[4200]; };

static int
labels(tl_sink *sink, const char *path)
{
	return tl_read_label_list(sink, path, "labels.txt");
}

static int
put(struct record *r, char c)
{
	if (r->n == r->room) {
		size_t room = r->room ? r->room * 2 : 65536;
		char *more = realloc(r->bytes, room);
		if (!more)
			return -1;
		r->bytes = more;
		r->room = room;
	}
	r->bytes[r->n++] = c;
	return 0;
}

static int
start_field(struct record *r)
{
	if (r->fields == r->capacity) {
		int64_t capacity = r->capacity ? r->capacity * 2 : 32;
		size_t *more = realloc(r->start, (size_t)capacity * sizeof *more);
		if (!more)
			return -1;
		r->start = more;
		r->capacity = capacity;
	}
	r->start[r->fields++] = r->n;
	return 0;
}

/* A quoted field, from behind its first quote; it may go on over lines. Returns where the line goes on behind it, or NULL. */
static const char *
quoted(tl_source *f, struct record *r, const char *s)
{
	tl_sink *sink = f->sink;
	int64_t opened = f->number;

	for (;;) {
		const char *end = f->text + f->length;
		while (s < end && *s != '"')
			if (put(r, *s++) < 0)
				return NULL;
		if (s == end) {
			int got = put(r, '\n') < 0 ? -1 : tl_source_line(f);
			if (!got)
				sink->fail(sink->arg, "%s:%lld: the quoted field that begins here is never closed; quotes inside a field are written twice", f->path, (long long)opened);
			if (got <= 0)
				return NULL;
			s = f->text;
		} else if (s + 1 < end && s[1] == '"') {
			if (put(r, '"') < 0)
				return NULL;
			s += 2;
		} else if (s + 1 < end && s[1] != TABLE_SEPARATOR) {
			sink->fail(sink->arg, "%s: field %lld goes on behind its closing quote; quotes inside a field are written twice", f->where, (long long)r->fields);
			return NULL;
		} else {
			return s + 1;
		}
	}
}

/* The next record that is not an empty line. 1, 0 at the end, -1. */
static int
next_record(tl_source *f, struct record *r)
{
	const char *s;
	int got;

	do
		got = tl_source_line(f);
	while (got > 0 && !f->length);
	if (got <= 0)
		return got;
	r->n = 0;
	r->fields = 0;
	r->line = f->number;
	snprintf(r->where, sizeof r->where, "%s", f->where);
	for (s = f->text;; s++) {
		if (start_field(r) < 0)
			return -1;
		if (s < f->text + f->length && *s == '"') {
			if (!(s = quoted(f, r, s + 1)))
				return -1;
		} else {
			while (s < f->text + f->length && *s != TABLE_SEPARATOR)
				if (put(r, *s++) < 0)
					return -1;
		}
		if (put(r, 0) < 0)
			return -1;
		if (s >= f->text + f->length)
			return 1;
	}
}

/* Its place, -1 where there is none, -2 after an error. */
static int64_t
column(tl_source *f, const struct record *r, const char *name)
{
	int64_t found = -1;

	for (int64_t i = 0; i < r->fields; i++) {
		const char *field = r->bytes + r->start[i];
		size_t n;
		field += strspn(field, " ");
		n = strlen(field);
		while (n && field[n - 1] == ' ')
			n--;
		if (n != strlen(name) || strncasecmp(field, name, n))
			continue;
		if (found >= 0) {
			f->sink->fail(f->sink->arg, "%s: the header line has two columns \"%s\", %lld and %lld; wanted one", f->where, name, (long long)found + 1, (long long)i + 1);
			return -2;
		}
		found = i;
	}
	return found;
}

static int
documents(tl_source *f, struct record *r, tl_words *w)
{
	tl_sink *sink = f->sink;
	int64_t fields, text, keys, id;
	int got = next_record(f, r);

	if (got <= 0)
		return got;
	fields = r->fields;
	if ((text = column(f, r, "text")) == -2 || (keys = column(f, r, "labels")) == -2 || (id = column(f, r, "id")) == -2)
		return -1;
	if (text < 0 || keys < 0)
		return sink->fail(sink->arg, "%s: the header line has no column \"%s\" among its %lld; wanted text, labels and (optional) id", f->where, text < 0 ? "text" : "labels", (long long)fields);
	while ((got = next_record(f, r)) > 0) {
		const char *cell;
		if (r->fields != fields)
			return sink->fail(sink->arg, "%s: %lld fields; the header line has %lld", r->where, (long long)r->fields, (long long)fields);
		cell = r->bytes + r->start[keys];
		if (tl_words_split(w, cell, strlen(cell), ";|") < 0)
			return sink->fail(sink->arg, "%s: out of memory", r->where);
		cell = r->bytes + r->start[text];
		if (sink->document(sink->arg, id < 0 ? NULL : r->bytes + r->start[id], cell, (text + 1 < fields ? r->start[text + 1] : r->n) - r->start[text] - 1, w->at, w->n, 0, NULL, NULL, false, r->where) < 0)
			return -1;
	}
	return got;
}

static int
split(tl_sink *sink, const char *path, const char *which)
{
	struct record r = { 0 };
	tl_words w = { 0 };
	tl_source f;
	char name[64];
	int got, bad;

	snprintf(name, sizeof name, "%s." TABLE_NAME, which);
	if ((got = tl_source_open(&f, sink, path, name)) <= 0)
		return got < 0 ? -1 : 1;
	bad = documents(&f, &r, &w);
	tl_source_close(&f);
	tl_words_free(&w);
	free(r.bytes);
	free(r.start);
	return bad ? -1 : 0;
}

static const tl_reader reader = { sizeof(tl_reader), labels, split };

const tl_plugin tagloom_plugin = { TL_READER, .name = TABLE_NAME, .version = "1", .summary = "tables (" TABLE_NAME ") with the columns text, labels and id", .reader = &reader };
