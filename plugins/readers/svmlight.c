/*
 * svmlight - bags of words: train.svm, valid.svm, test.svm (or .svmlight, .libsvm, .txt), one document a line:
 *
 *   l1,l2 3:0.5 17:1.25 # remark
 *
 * A line that begins with a blank, or whose first word is a feature, has no labels. A first line of three whole numbers, "documents features
 * labels", is the header of the extreme classification repository's files, and what it says is checked. Feature numbers are kept as they
 * are, from 0. labels.txt (key TAB name) is read where there is one. The document's id is its line.
 */
#include <errno.h>
#include <math.h>
#include <tagloom/reader.h>

struct row { int32_t *at; float *value; int64_t n, capacity; };
struct header { bool there; long long documents, features, labels; };

static int
labels(tl_sink *sink, const char *path)
{
	return tl_read_label_list(sink, path, "labels.txt");
}

static int
grow(struct row *r)
{
	int64_t capacity = r->capacity ? r->capacity * 2 : 1024;
	int32_t *at;
	float *value;

	if (r->n < r->capacity)
		return 0;
	if (!(at = realloc(r->at, (size_t)capacity * sizeof *at)))
		return -1;
	r->at = at;
	if (!(value = realloc(r->value, (size_t)capacity * sizeof *value)))
		return -1;
	r->value = value;
	r->capacity = capacity;
	return 0;
}

/* The features of a line, from `s` on. */
static int
features(tl_source *f, const char *s, struct row *r, const struct header *h)
{
	tl_sink *sink = f->sink;

	for (r->n = 0;;) {
		char *end;
		long long at;
		float value;
		int word;

		s += strspn(s, " \t");
		if (!*s || *s == '#')
			return 0;
		word = (int)strcspn(s, " \t");
		if (!strncmp(s, "qid:", 4)) {
			s += word;
			continue;
		}
		errno = 0;
		at = strtoll(s, &end, 10);
		if (*end != ':' || end == s || errno || at < 0 || at >= INT32_MAX)
			return sink->fail(sink->arg, "%s: \"%.*s\" is no feature; wanted NUMBER:VALUE with a number from 0 to 2147483646", f->where, word > 60 ? 60 : word, s);
		if (h->there && at >= h->features)
			return sink->fail(sink->arg, "%s: feature %lld; the header says there are %lld, from 0", f->where, at, h->features);
		value = strtof(end + 1, (char **)&s);
		if (s == end + 1 || (*s && *s != ' ' && *s != '\t' && *s != '#') || !isfinite(value))
			return sink->fail(sink->arg, "%s: feature %lld has no finite number as its value", f->where, at);
		if (grow(r) < 0)
			return sink->fail(sink->arg, "%s: out of memory", f->where);
		r->at[r->n] = (int32_t)at;
		r->value[r->n++] = value;
	}
}

static bool
read_header(const char *text, struct header *h)
{
	int used = 0;

	h->there = sscanf(text, "%lld %lld %lld%n", &h->documents, &h->features, &h->labels, &used) == 3 && !text[used + (int)strspn(text + used, " \t")] && h->documents >= 0 && h->features >= 0;
	return h->there;
}

static int
documents(tl_source *f, struct row *r, tl_words *w)
{
	tl_sink *sink = f->sink;
	struct header h = { 0 };
	long long n = 0;
	int got;

	while ((got = tl_source_line(f)) > 0) {
		size_t labels_end = strcspn(f->text, " \t");
		if (f->number == 1 && read_header(f->text, &h))
			continue;
		if (f->text[0] == '#' || (!h.there && !f->text[strspn(f->text, " \t")]))
			continue;
		if (memchr(f->text, ':', labels_end))
			labels_end = 0;
		if (tl_words_split(w, f->text, labels_end, ",") < 0)
			return sink->fail(sink->arg, "%s: out of memory", f->where);
		if (features(f, f->text + labels_end, r, &h) < 0 || (!r->capacity && grow(r) < 0))
			return -1;
		if (sink->document(sink->arg, NULL, NULL, 0, w->at, w->n, r->n, r->at, r->value, false, f->where) < 0)
			return -1;
		n++;
	}
	if (!got && h.there && n != h.documents)
		return sink->fail(sink->arg, "%s: the header says %lld documents, and the file has %lld", f->path, h.documents, n);
	return got;
}

static int
split(tl_sink *sink, const char *path, const char *which)
{
	static const char *const endings[] = { "svm", "svmlight", "libsvm", "txt" };
	struct row r = { 0 };
	tl_words w = { 0 };
	tl_source f;
	int got = 0, bad;

	for (size_t i = 0; i < sizeof endings / sizeof *endings && !got; i++) {
		char name[64];
		snprintf(name, sizeof name, "%s.%s", which, endings[i]);
		got = tl_source_open(&f, sink, path, name);
	}
	if (got <= 0)
		return got < 0 ? -1 : 1;
	bad = documents(&f, &r, &w);
	tl_source_close(&f);
	tl_words_free(&w);
	free(r.at);
	free(r.value);
	return bad ? -1 : 0;
}

static const tl_reader reader = { sizeof(tl_reader), labels, split };

const tl_plugin tagloom_plugin = { TL_READER, .name = "svmlight", .version = "1", .summary = "bags of words: \"l1,l2 3:0.5 17:1.25\" a line", .reader = &reader };
