/* json.c - jansson with sentences and a canonical form. */
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *
tl_json_parse(const char *text, size_t n, const char *what, tl_error *e)
{
	json_error_t je;
	json_t *v = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &je);

	if (!v)
		tl_error_set(e, TL_ENVIRONMENT, "%s: not valid JSON: %s (line %d, column %d)", what, je.text, je.line, je.column);
	return v;
}

json_t *
tl_json_file(const char *path, tl_error *e)
{
	char *text;
	size_t n;
	json_t *v;

	if (tl_read_file(path, &text, &n, e) < 0)
		return NULL;
	v = tl_json_parse(text, n, path, e);
	free(text);
	return v;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
canonical(tl_text *t, const json_t *v)
{
	if (json_is_object(v)) {
		size_t n = json_object_size(v), i = 0;
		const char **keys = tl_alloc((n + 1) * sizeof *keys), *key;
		json_t *item;

		json_object_foreach((json_t *)v, key, item)
			keys[i++] = key;
		qsort(keys, n, sizeof *keys, by_name);
		tl_text_bytes(t, "{", 1);
		for (i = 0; i < n; i++) {
			json_t *name = json_string(keys[i]);
			if (i)
				tl_text_bytes(t, ",", 1);
			canonical(t, name);
			json_decref(name);
			tl_text_bytes(t, ":", 1);
			canonical(t, json_object_get(v, keys[i]));
		}
		tl_text_bytes(t, "}", 1);
		free(keys);
	} else if (json_is_array(v)) {
		tl_text_bytes(t, "[", 1);
		for (size_t i = 0; i < json_array_size(v); i++) {
			if (i)
				tl_text_bytes(t, ",", 1);
			canonical(t, json_array_get(v, i));
		}
		tl_text_bytes(t, "]", 1);
	} else if (json_is_real(v)) {
		double x = json_real_value(v);
		/* 1 and 1.0 are one number to a user of Lua, so they are one number in an identity. */
		if (x == floor(x) && fabs(x) < 1e15)
			tl_text_add(t, "%.0f", x == 0 ? 0.0 : x); /* -0 is 0 */
		else
			tl_text_add(t, "%.17g", x);
	} else {
		char *s = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
		tl_text_bytes(t, s, strlen(s));
		free(s);
	}
}

char *
tl_json_canonical(const json_t *v)
{
	tl_text t = { 0 };

	canonical(&t, v);
	return t.s;
}

const char *
tl_json_string(const json_t *object, const char *key, const char *fallback)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : fallback;
}

double
tl_json_number(const json_t *object, const char *key, double fallback)
{
	const json_t *v = json_object_get(object, key);

	return json_is_number(v) ? json_number_value(v) : fallback;
}

int64_t
tl_json_int(const json_t *object, const char *key, int64_t fallback)
{
	const json_t *v = json_object_get(object, key);

	return json_is_integer(v) ? json_integer_value(v) : json_is_real(v) ? (int64_t)json_real_value(v) : fallback;
}

bool
tl_json_bool(const json_t *object, const char *key, bool fallback)
{
	const json_t *v = json_object_get(object, key);

	return json_is_boolean(v) ? json_is_true(v) : fallback;
}
