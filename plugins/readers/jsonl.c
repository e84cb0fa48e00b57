/*
 * jsonl - a folder with train.jsonl, valid.jsonl (optional), test.jsonl (each may be .gz, .xz or .zst) and labels.txt.
 *
 * One document a line: {"id": "...", "text": "...", "labels": ["cs.IT", ...]}. Further keys are passed over. A missing id becomes the
 * line's number; missing or null text and labels are empty. {"pseudo": true} marks a document that is no real one.
 */
#include <jansson.h>
#include <stdlib.h>
#include <tagloom/reader.h>

static int
labels(tl_sink *sink, const char *path)
{
	return tl_read_label_list(sink, path, "labels.txt");
}

/* A string, or a whole number written out in `made`. NULL: neither. */
static const char *
word(const json_t *v, char made[32])
{
	if (json_is_integer(v)) {
		snprintf(made, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		return made;
	}
	return json_string_value(v);
}

static int
document(tl_source *s, json_t *v, const char ***list, size_t *room, char (**numbers)[32])
{
	tl_sink *sink = s->sink;
	json_t *id = json_object_get(v, "id"), *text = json_object_get(v, "text"), *keys = json_object_get(v, "labels"), *pseudo = json_object_get(v, "pseudo");
	const char *name = NULL;
	char made[32];
	size_t n = json_array_size(keys);

	if (!json_is_object(v))
		return sink->fail(sink->arg, "%s: wanted an object {\"id\": ..., \"text\": ..., \"labels\": [...]}", s->where);
	if (id && !json_is_null(id) && !(name = word(id, made)))
		return sink->fail(sink->arg, "%s: \"id\" is neither a string nor a whole number", s->where);
	if (text && !json_is_null(text) && !json_is_string(text))
		return sink->fail(sink->arg, "%s: \"text\" is no string", s->where);
	if (keys && !json_is_null(keys) && !json_is_array(keys))
		return sink->fail(sink->arg, "%s: \"labels\" is no list; wanted \"labels\": [\"key\", ...]", s->where);
	if (n > *room) {
		const char **more = realloc(*list, n * 2 * sizeof **list);
		char(*digits)[32] = more ? realloc(*numbers, n * 2 * sizeof **numbers) : NULL;
		if (more)
			*list = more;
		if (!digits)
			return sink->fail(sink->arg, "%s: out of memory for %zu labels", s->where, n);
		*numbers = digits;
		*room = n * 2;
	}
	for (size_t i = 0; i < n; i++)
		if (!((*list)[i] = word(json_array_get(keys, i), (*numbers)[i])))
			return sink->fail(sink->arg, "%s: element %zu of \"labels\" is neither a string nor a whole number", s->where, i + 1);
	return sink->document(sink->arg, name, text ? json_string_value(text) : NULL, json_string_length(text), *list, (int64_t)n, 0, NULL, NULL, json_is_true(pseudo), s->where);
}

static int
split(tl_sink *sink, const char *path, const char *which)
{
	tl_source s;
	char name[64];
	const char **list = NULL;
	char(*numbers)[32] = NULL;
	size_t room = 0;
	int got, bad = 0;

	snprintf(name, sizeof name, "%s.jsonl", which);
	if ((got = tl_source_open(&s, sink, path, name)) <= 0)
		return got < 0 ? -1 : 1;
	while (!bad && (got = tl_source_line(&s)) > 0) {
		json_error_t e;
		json_t *v;
		if (!s.text[strspn(s.text, " \t")])
			continue;
		v = json_loadb(s.text, s.length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
		bad = v ? document(&s, v, &list, &room, &numbers) : sink->fail(sink->arg, "%s: not valid JSON: %s (column %d)", s.where, e.text, e.column);
		json_decref(v);
	}
	tl_source_close(&s);
	free(list);
	free(numbers);
	return bad || got < 0 ? -1 : 0;
}

static const tl_reader reader = { sizeof(tl_reader), labels, split };

const tl_plugin tagloom_plugin = {
	TL_READER, .name = "jsonl", .version = "1", .summary = "JSON Lines: {\"id\", \"text\", \"labels\"} a line in train, valid and test.jsonl", .reader = &reader
};
