/*
 * aapd - the layout of the AAPD release: text_train, text_val, text_test with one document a line, and label_train, label_val, label_test with
 * that line's labels, separated by blanks. labels.txt (key TAB name) is read where there is one; otherwise labels are numbered as seen in train.
 * The document's id is its line.
 */
#include <tagloom/reader.h>

static int
labels(tl_sink *sink, const char *path)
{
	return tl_read_label_list(sink, path, "labels.txt");
}

static int
pairs(tl_source *text, tl_source *label, tl_words *w)
{
	tl_sink *sink = text->sink;

	for (;;) {
		int more = tl_source_line(text), labelled = more < 0 ? -1 : tl_source_line(label);
		if (more < 0 || labelled < 0)
			return -1;
		if (!more && !labelled)
			return 0;
		if (!more || !labelled)
			return sink->fail(sink->arg, "%s ends after line %lld, and %s goes on; wanted one line of labels for every document", more ? label->path : text->path,
			                  (long long)(more ? label : text)->number, more ? text->path : label->path);
		if (tl_words_split(w, label->text, label->length, " \t") < 0)
			return sink->fail(sink->arg, "%s: out of memory", label->where);
		if (sink->document(sink->arg, NULL, text->text, text->length, w->at, w->n, 0, NULL, NULL, false, text->where) < 0)
			return -1;
	}
}

static int
split(tl_sink *sink, const char *path, const char *which)
{
	const char *part = strcmp(which, "valid") ? which : "val";
	tl_source text, label;
	tl_words w = { 0 };
	char name[64];
	int got, bad;

	snprintf(name, sizeof name, "text_%s", part);
	if ((got = tl_source_open(&text, sink, path, name)) <= 0)
		return got < 0 ? -1 : 1;
	snprintf(name, sizeof name, "label_%s", part);
	got = tl_source_open(&label, sink, path, name);
	bad = got > 0 ? pairs(&text, &label, &w) : got < 0 ? -1 : sink->fail(sink->arg, "%s is there and %s is not; wanted both", text.path, label.path);
	tl_words_free(&w);
	tl_source_close(&label);
	tl_source_close(&text);
	return bad ? -1 : 0;
}

static const tl_reader reader = { sizeof(tl_reader), labels, split };

const tl_plugin tagloom_plugin = {
	TL_READER, .name = "aapd", .version = "1", .summary = "text_train and label_train, one document a line, as AAPD is distributed", .reader = &reader
};
