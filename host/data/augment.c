/* augment.c - pseudo-documents for rare labels, from a file of JSON Lines: added to train, flagged, left out of the statistics. */
#include "load.h"

#include <stdlib.h>
#include <string.h>

/* The labels of one line, as strings borrowed from it. -1 after an error. */
static int64_t
line_labels(json_t *list, const char ***out, const char *where, tl_error *e)
{
	const char **label;
	size_t n = json_array_size(list);

	if (list && !json_is_null(list) && !json_is_array(list))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: \"labels\" is no list; wanted \"labels\": [\"key\", ...]", where);
	label = tl_alloc((n + 1) * sizeof *label);
	for (size_t i = 0; i < n; i++) {
		label[i] = json_string_value(json_array_get(list, i));
		if (label[i])
			continue;
		free(label);
		return tl_error_set(e, TL_ENVIRONMENT, "%s: element %zu of \"labels\" is no string", where, i + 1);
	}
	*out = label;
	return (int64_t)n;
}

/* Worth adding: one of its labels is rarer than tail_below in the real training documents. */
static bool
for_tail(const tl_loader *l, const char *const *label, int64_t n, const int64_t *count, int64_t n_counted, int64_t tail_below)
{
	for (int64_t i = 0; i < n; i++) {
		int64_t number = tl_names_find(&l->labels, label[i]);
		if (number < 0 || number >= n_counted || count[number] < tail_below)
			return true;
	}
	return false;
}

static int
read_line(tl_loader *l, const char *text, size_t n, const char *where, const int64_t *count, int64_t n_counted, int64_t tail_below, int64_t *kept, int64_t *dropped)
{
	json_t *v = tl_json_parse(text, n, where, l->e), *body;
	const char **label = NULL, *id;
	char made[64];
	int64_t n_labels;
	int bad = -1;

	if (!v)
		return -1;
	body = json_object_get(v, "text");
	if (!json_is_object(v) || !json_is_string(body)) {
		tl_error_set(l->e, TL_ENVIRONMENT, "%s: wanted an object with \"text\" and \"labels\"", where);
	} else if ((n_labels = line_labels(json_object_get(v, "labels"), &label, where, l->e)) >= 0) {
		id = json_string_value(json_object_get(v, "id"));
		if (!id) { /* its line number could be a real document's */
			snprintf(made, sizeof made, "pseudo:%s", strrchr(where, ':') + 1);
			id = made;
		}
		bad = 0;
		if (for_tail(l, label, n_labels, count, n_counted, tail_below)) {
			bad = tl_loader_document(l, TL_TRAIN, id, json_string_value(body), json_string_length(body), label, n_labels, true, where);
			++*kept;
		} else {
			++*dropped;
		}
		free(label);
	}
	json_decref(v);
	return bad;
}

int
tl_augment_read(tl_loader *l, const char *path, int64_t tail_below, int64_t *kept, int64_t *dropped)
{
	tl_building *b = &l->part[TL_TRAIN];
	int64_t n_counted = l->labels.n, *count = tl_alloc((size_t)(n_counted + 1) * sizeof *count), number;
	tl_lines *lines = tl_loader_open(l, path);
	const char *text;
	size_t n;
	int got = -1;

	if (!lines)
		tl_error_set(l->e, TL_ENVIRONMENT, "%s: data.augment: no such file", path);
	for (int64_t k = 0; k < b->n_labels; k++)
		count[b->s.labels[k]]++;
	while (lines && (got = tl_lines_next(lines, &text, &n, &number, l->e)) > 0) {
		char *where;
		if (!text[strspn(text, " \t")])
			continue;
		where = tl_format("%s:%lld", tl_lines_path(lines), (long long)number);
		got = read_line(l, text, n, where, count, n_counted, tail_below, kept, dropped);
		free(where);
		if (got < 0)
			break;
	}
	tl_lines_close(lines);
	free(count);
	return got < 0 ? -1 : 0;
}
