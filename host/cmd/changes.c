/* changes.c - what differs between the parts of two identities, in words. */
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

static void
say(tl_text *out, const char *what, const char *name)
{
	tl_text_add(out, "%s%s%s%s", out->n ? ", " : "", what, *name ? " " : "", name);
}

/* By what is written: a stored 1 was 1.0. */
static bool
same(const json_t *a, const json_t *b)
{
	char *x, *y;
	bool equal;

	if (!a || !b)
		return a == b;
	x = tl_json_canonical(a);
	y = tl_json_canonical(b);
	equal = !strcmp(x, y);
	free(x);
	free(y);
	return equal;
}

/* Every key of either object whose values differ. */
static void
objects(const json_t *before, const json_t *now, const char *what, tl_text *out)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)before, key, v)
		if (!same(v, json_object_get(now, key)))
			say(out, what, key);
	json_object_foreach((json_t *)(uintptr_t)now, key, v)
		if (!json_object_get(before, key))
			say(out, what, key);
}

static void
models(const json_t *before, const json_t *now, tl_text *out)
{
	size_t n = json_array_size(before), m = json_array_size(now);

	if (n != m) {
		say(out, "the model's modules", "");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const json_t *a = json_array_get(before, i), *b = json_array_get(now, i);
		char *prefix;
		if (same(a, b))
			continue;
		if (strcmp(tl_json_string(a, "name", ""), tl_json_string(b, "name", "")) || strcmp(tl_json_string(a, "plugin", ""), tl_json_string(b, "plugin", ""))) {
			say(out, "module", tl_json_string(b, "name", ""));
			continue;
		}
		prefix = tl_format("parameter of %s:", tl_json_string(b, "name", ""));
		objects(json_object_get(a, "params"), json_object_get(b, "params"), prefix, out);
		free(prefix);
	}
}

void
tl_identity_changes(const json_t *before, const json_t *now, tl_text *out)
{
	static const struct { const char *key, *words; } simple[] = {
		{ "dataset", "the data" }, { "numeric", "the numeric version of the program" }, { "device", "the device" }, { "isa", "the instruction set" },
		{ "gemm", "the library of matrix products" }, { "precision", "the precision" }, { "seed", "the seed" }, { "on_epoch", "the script with its on_epoch" },
	};
	size_t start = out->n;

	if (!before) {
		tl_text_add(out, "what it was is not recorded");
		return;
	}
	objects(json_object_get(before, "plugins"), json_object_get(now, "plugins"), "the plugin", out);
	for (int64_t i = 0; i < TL_COUNT(simple); i++) {
		const json_t *a = json_object_get(before, simple[i].key), *b = json_object_get(now, simple[i].key);
		if ((a || b) && !same(a, b))
			say(out, simple[i].words, "");
	}
	objects(json_object_get(before, "files"), json_object_get(now, "files"), "the weights or tokenizer of", out);
	models(json_object_get(before, "model"), json_object_get(now, "model"), out);
	objects(json_object_get(before, "data"), json_object_get(now, "data"), "data", out);
	objects(json_object_get(before, "train"), json_object_get(now, "train"), "train", out);
	if (out->n == start && !same(before, now))
		tl_text_add(out, "parts that this version does not know");
}
