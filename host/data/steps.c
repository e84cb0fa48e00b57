/*
 * steps.c - lists of steps in tokenizer.json: a normalizer or a pre-tokenizer is one object with a "type", or a Sequence of such, nested or
 * not. Both become one flat list; what a step holds is read by whoever asks.
 */
#include <string.h>

#include "data/tokenizer.h"

const char *
tl_json_kind(const json_t *j)
{
	switch (j ? json_typeof(j) : JSON_NULL) {
	case JSON_OBJECT: return "an object";
	case JSON_ARRAY: return "a list";
	case JSON_STRING: return "a string";
	case JSON_INTEGER: case JSON_REAL: return "a number";
	case JSON_TRUE: case JSON_FALSE: return "true or false";
	default: return j ? "null" : "missing";
	}
}

int
tl_json_flag(const json_t *j, const char *key, bool fallback, bool *out, const char *what, tl_error *e)
{
	const json_t *v = json_object_get(j, key);

	*out = v && json_is_boolean(v) ? json_is_true(v) : fallback;
	if (v && !json_is_boolean(v) && !json_is_null(v))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: \"%s\" is %s; wanted true or false", what, key, tl_json_kind(v));
	return 0;
}

static int
unknown(const tl_step_kinds *k, const char *type, const char *what, tl_error *e)
{
	tl_text names = { 0 };

	for (int i = 0; i < k->n; i++)
		tl_text_add(&names, "%s, ", k->names[i]);
	tl_error_set(e, TL_ENVIRONMENT, "%s: the %s \"%.60s\" is not supported; those that are: %sSequence", what, k->word, type, names.s);
	tl_text_free(&names);
	return -1;
}

static int
read_steps(const tl_step_kinds *k, void *list, const json_t *j, const char *what, int depth, tl_error *e)
{
	const char *type = tl_json_string(j, "type", NULL);

	if (depth > TL_NESTING)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: %ss are nested deeper than %d", what, k->word, TL_NESTING);
	if (!type)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: a %s is %s; wanted an object with \"type\"", what, k->word, json_is_object(j) ? "an object without it" : tl_json_kind(j));
	if (!strcmp(type, "Sequence")) {
		const json_t *inner = json_object_get(j, k->list);
		if (!json_is_array(inner))
			return tl_error_set(e, TL_ENVIRONMENT, "%s: a Sequence %s's \"%s\" is %s; wanted a list", what, k->word, k->list, tl_json_kind(inner));
		for (size_t i = 0; i < json_array_size(inner); i++)
			if (read_steps(k, list, json_array_get(inner, i), what, depth + 1, e) < 0)
				return -1;
		return 0;
	}
	for (int i = 0; i < k->n; i++)
		if (!strcmp(type, k->names[i]))
			return k->add(list, i, j, what, e);
	return unknown(k, type, what, e);
}

int
tl_json_steps(const tl_step_kinds *k, void *list, const json_t *j, const char *what, tl_error *e)
{
	return read_steps(k, list, j, what, 0, e);
}
