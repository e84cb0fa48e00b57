/*
 * xmc - raw texts as extreme classification distributes them. In a folder it looks for, in this order (train may be called trn, test tst,
 * valid val; each file may be .gz, .xz or .zst):
 *
 *   train.json          {"uid", "title", "content", "target_ind": [label numbers]} a line; the text is the title, a line end, the content
 *   X.train.txt         + Y.train.txt             texts; label numbers as "3:1.0 17:1.0", with or without a header line "documents labels"
 *   train_X.txt         + train_X_Y.txt           the same
 *   train.raw.txt       + train.labels.txt        texts; label keys separated by blanks
 *   train_raw_texts.txt + train_labels.txt        the same
 *   train_texts.txt     + train_labels.txt        the same
 *
 * Label numbers count from 0 into the label list: lbl.json ({"uid", "title"} a line: key and name), labels.txt (key TAB name), or Y.txt or
 * output-items.txt (a name a line; the key is the number). Without a list a label's key is its number, or the word in the labels file.
 */
#include <errno.h>
#include <jansson.h>
#include <tagloom/reader.h>

/* --- the label list ------------------------------------------------------------------------------------------------------------ */
struct keys { char **at; int64_t n, capacity; }; /* by number; n = 0: there is no list */

static int
keep_key(tl_sink *sink, struct keys *k, const char *key)
{
	if (k->n == k->capacity) {
		int64_t capacity = k->capacity ? k->capacity * 2 : 1024;
		char **more = realloc(k->at, (size_t)capacity * sizeof *more);
		if (!more)
			return sink->fail(sink->arg, "out of memory for %lld labels", (long long)capacity);
		k->at = more;
		k->capacity = capacity;
	}
	if (!(k->at[k->n] = strdup(key)))
		return sink->fail(sink->arg, "out of memory for label %lld", (long long)k->n);
	k->n++;
	return 0;
}

static void
keys_free(struct keys *k)
{
	for (int64_t i = 0; i < k->n; i++)
		free(k->at[i]);
	free(k->at);
	*k = (struct keys){ 0 };
}

static json_t *
object(tl_source *f)
{
	json_error_t e;
	json_t *v = json_loadb(f->text, f->length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);

	if (!v)
		f->sink->fail(f->sink->arg, "%s: not valid JSON: %s (column %d)", f->where, e.text, e.column);
	else if (!json_is_object(v))
		f->sink->fail(f->sink->arg, "%s: wanted an object", f->where);
	if (v && !json_is_object(v)) {
		json_decref(v);
		v = NULL;
	}
	return v;
}

/* Calls `each` for every label of the list: 0, 1 where there is none, -1. */
static int
label_list(tl_sink *sink, const char *path, int (*each)(void *arg, const char *key, const char *name), void *arg)
{
	static const char *const files[] = { "lbl.json", "labels.txt", "Y.txt", "output-items.txt" };
	tl_source f;
	int got = 0, kind, bad = 0;
	int64_t n = 0;

	for (kind = 0; kind < 4; kind++)
		if ((got = tl_source_open(&f, sink, path, files[kind])) != 0)
			break;
	if (got <= 0)
		return got < 0 ? -1 : 1;
	while (!bad && (got = tl_source_line(&f)) > 0) {
		char number[32], *line = NULL, *tab;
		snprintf(number, sizeof number, "%lld", (long long)n);
		if (kind == 0) {
			json_t *v = f.length ? object(&f) : NULL;
			const char *key = json_string_value(json_object_get(v, "uid"));
			if (f.length)
				bad = v ? each(arg, key ? key : number, json_string_value(json_object_get(v, "title"))) : -1;
			n += f.length != 0;
			json_decref(v);
			continue;
		}
		if (kind == 1 && !f.length)
			continue;
		if (!(line = strdup(f.text))) {
			bad = sink->fail(sink->arg, "%s: out of memory", f.where);
			break;
		}
		tab = kind == 1 ? strchr(line, '\t') : NULL;
		if (tab)
			*tab++ = 0;
		bad = kind == 1 ? each(arg, line, tab) : each(arg, number, line);
		free(line);
		n++;
	}
	tl_source_close(&f);
	return bad || got < 0 ? -1 : 0;
}

static int
tell(void *arg, const char *key, const char *name)
{
	tl_sink *sink = arg;

	return sink->label(sink->arg, key, name, NULL);
}

static int
labels(tl_sink *sink, const char *path)
{
	return label_list(sink, path, tell, sink);
}

struct keeping { tl_sink *sink; struct keys *keys; };

static int
keep(void *arg, const char *key, const char *name)
{
	struct keeping *k = arg;

	(void)name;
	return keep_key(k->sink, k->keys, key);
}

/* --- documents -------------------------------------------------------------------------------------------------------------------- */
struct chosen { const char **at; char (*number)[24]; int64_t n, capacity, most; }; /* the labels of one document; most: what the header says there are, 0: no header */

static int
choose(tl_source *f, struct chosen *c, const struct keys *k, long long number)
{
	tl_sink *sink = f->sink;

	if (number < 0 || (k->n && number >= k->n))
		return sink->fail(sink->arg, "%s: the label number %lld; the label list has %lld, from 0", f->where, number, (long long)k->n);
	if (c->most && number >= c->most)
		return sink->fail(sink->arg, "%s: the label number %lld; the header says there are %lld, from 0", f->where, number, (long long)c->most);
	if (c->n == c->capacity) {
		int64_t capacity = c->capacity ? c->capacity * 2 : 64;
		const char **at = realloc(c->at, (size_t)capacity * sizeof *at);
		char(*digits)[24] = at ? realloc(c->number, (size_t)capacity * sizeof *digits) : NULL;
		if (at)
			c->at = at;
		if (!digits)
			return sink->fail(sink->arg, "%s: out of memory", f->where);
		c->number = digits;
		c->capacity = capacity;
	}
	snprintf(c->number[c->n], sizeof *c->number, "%lld", number);
	c->at[c->n++] = k->n ? k->at[number] : NULL;
	return 0;
}

static void
name_chosen(struct chosen *c)
{
	for (int64_t i = 0; i < c->n; i++) /* only now: the numbers' memory no longer moves */
		if (!c->at[i])
			c->at[i] = c->number[i];
}

static int
json_document(tl_source *f, json_t *v, struct chosen *c, const struct keys *k)
{
	tl_sink *sink = f->sink;
	json_t *target = json_object_get(v, "target_ind"), *item;
	const char *title = json_string_value(json_object_get(v, "title")), *content = json_string_value(json_object_get(v, "content")), *both;
	size_t i, a = title ? strlen(title) : 0, b = content ? strlen(content) : 0;
	char *text = malloc(a + b + 2);
	int bad = 0;

	c->n = 0;
	if (!text)
		return sink->fail(sink->arg, "%s: out of memory", f->where);
	both = a && b ? "\n" : "";
	snprintf(text, a + b + 2, "%s%s%s", title ? title : "", both, content ? content : "");
	if (target && !json_is_array(target))
		bad = sink->fail(sink->arg, "%s: \"target_ind\" is no list of label numbers", f->where);
	json_array_foreach(target, i, item) {
		if (bad)
			break;
		bad = json_is_integer(item) ? choose(f, c, k, json_integer_value(item)) : sink->fail(sink->arg, "%s: element %zu of \"target_ind\" is no whole number", f->where, i + 1);
	}
	name_chosen(c);
	if (!bad)
		bad = sink->document(sink->arg, json_string_value(json_object_get(v, "uid")), text, strlen(text), c->at, c->n, 0, NULL, NULL, false, f->where);
	free(text);
	return bad;
}

static int
json_documents(tl_source *f, struct chosen *c, const struct keys *k)
{
	int got, bad = 0;

	while (!bad && (got = tl_source_line(f)) > 0) {
		json_t *v;
		if (!f->length)
			continue;
		v = object(f);
		bad = v ? json_document(f, v, c, k) : -1;
		json_decref(v);
	}
	return bad || got < 0 ? -1 : 0;
}

/* "3:1.0 17:1.0", or "3 17". Labels with a relevance of 0 are none. */
static int
sparse_line(tl_source *f, tl_words *w, struct chosen *c, const struct keys *k)
{
	tl_sink *sink = f->sink;

	c->n = 0;
	for (int64_t i = 0; i < w->n; i++) {
		char *end;
		long long number;
		double value = 1;
		errno = 0;
		number = strtoll(w->at[i], &end, 10);
		if (*end == ':' && end != w->at[i])
			value = strtod(end + 1, &end);
		if (*end || end == w->at[i] || errno)
			return sink->fail(sink->arg, "%s: \"%.60s\" is no label; wanted NUMBER or NUMBER:1.0", f->where, w->at[i]);
		if (value > 0 && choose(f, c, k, number) < 0)
			return -1;
	}
	name_chosen(c);
	return 0;
}

/* "documents labels", the first line of a file of label numbers: 1 and what it says, or 0. */
static int
header(const tl_source *label, const tl_words *w, long long *documents, int64_t *labels)
{
	char *end[2];
	long long n;

	if (label->number != 1 || w->n != 2 || strchr(label->text, ':'))
		return 0;
	*documents = strtoll(w->at[0], &end[0], 10);
	n = strtoll(w->at[1], &end[1], 10);
	if (*end[0] || *end[1] || *documents < 0 || n < 1)
		return 0;
	*labels = n;
	return 1;
}

static int
pairs(tl_source *text, tl_source *label, bool sparse, tl_words *w, struct chosen *c, const struct keys *k)
{
	tl_sink *sink = text->sink;
	long long documents = -1;

	for (;;) {
		int more = tl_source_line(text), labelled = more < 0 ? -1 : tl_source_line(label), bad = 0;
		if (labelled > 0 && tl_words_split(w, label->text, label->length, " \t") < 0)
			return sink->fail(sink->arg, "%s: out of memory", label->where);
		if (labelled > 0 && sparse && header(label, w, &documents, &c->most)) {
			labelled = tl_source_line(label);
			if (labelled > 0 && tl_words_split(w, label->text, label->length, " \t") < 0)
				return sink->fail(sink->arg, "%s: out of memory", label->where);
		}
		if (more < 0 || labelled < 0)
			return -1;
		if (!more && !labelled && documents >= 0 && documents != text->number)
			return sink->fail(sink->arg, "%s: the header says %lld documents, and %s has %lld", label->path, documents, text->path, (long long)text->number);
		if (!more && !labelled)
			return 0;
		if (!more || !labelled)
			return sink->fail(sink->arg, "%s ends after line %lld, and %s goes on; wanted one line of labels for every document", more ? label->path : text->path,
			                  (long long)(more ? label : text)->number, more ? text->path : label->path);
		if (sparse)
			bad = sparse_line(label, w, c, k);
		if (bad || sink->document(sink->arg, NULL, text->text, text->length, sparse ? c->at : w->at, sparse ? c->n : w->n, 0, NULL, NULL, false, text->where) < 0)
			return -1;
	}
}

/* Opens the first layout that is there. 1, 0 none, -1. */
static int
find(tl_sink *sink, const char *path, const char *which, tl_source *text, tl_source *label, bool *json, bool *sparse)
{
	static const struct { const char *text, *label; bool sparse; } layouts[] = {
		{ "%s.json", NULL, false }, { "X.%s.txt", "Y.%s.txt", true }, { "%s_X.txt", "%s_X_Y.txt", true }, { "%s.raw.txt", "%s.labels.txt", false },
		{ "%s_raw_texts.txt", "%s_labels.txt", false }, { "%s_texts.txt", "%s_labels.txt", false },
	};
	const char *names[2] = { which, strcmp(which, "train") == 0 ? "trn" : strcmp(which, "test") == 0 ? "tst" : "val" };
	char name[64];
	int got = 0;

	for (int n = 0; n < 2; n++) {
		for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(name, sizeof name, layouts[i].text, names[n]);
			if ((got = tl_source_open(text, sink, path, name)) == 0)
				continue;
			*json = !layouts[i].label;
			*sparse = layouts[i].sparse;
			if (got < 0 || *json)
				return got;
			snprintf(name, sizeof name, layouts[i].label, names[n]);
#pragma GCC diagnostic pop
			got = tl_source_open(label, sink, path, name);
			return got ? got : sink->fail(sink->arg, "%s is there and %s is not; wanted both", text->path, label->path);
		}
	}
	return 0;
}

static int
split(tl_sink *sink, const char *path, const char *which)
{
	tl_source text = { 0 }, label = { 0 };
	struct keys k = { 0 };
	struct keeping keeping = { sink, &k };
	struct chosen c = { 0 };
	tl_words w = { 0 };
	bool json = false, sparse = false;
	int got = find(sink, path, which, &text, &label, &json, &sparse), bad = got < 0;

	if (got > 0 && (json || sparse))
		bad = label_list(sink, path, keep, &keeping) < 0;
	if (got > 0 && !bad)
		bad = json ? json_documents(&text, &c, &k) : pairs(&text, &label, sparse, &w, &c, &k);
	tl_source_close(&text);
	tl_source_close(&label);
	keys_free(&k);
	tl_words_free(&w);
	free(c.at);
	free(c.number);
	return bad ? -1 : got ? 0 : 1;
}

static const tl_reader reader = { sizeof(tl_reader), labels, split };

const tl_plugin tagloom_plugin = {
	TL_READER, .name = "xmc", .version = "1", .summary = "raw texts and label lists as extreme classification distributes them", .reader = &reader
};
