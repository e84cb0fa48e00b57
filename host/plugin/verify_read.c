/*
 * verify_read.c - reads a reference vector: metadata, label lists, given slots and calls. A file that contradicts itself is refused with
 * a sentence; nothing of it reaches a plugin unchecked.
 */
#include "vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool
tl_vector_is_integer(const tl_st_entry *x)
{
	return x->dtype[0] == 'I' || x->dtype[0] == 'U';
}

bool
tl_vector_expected(const char *name)
{
	return tl_starts(name, "out.") || tl_starts(name, "loss.") || tl_starts(name, "grad.") || tl_starts(name, "state_after.");
}

double *
tl_vector_reals(tl_vector *v, const tl_st_entry *x, tl_error *e)
{
	double *out = tl_arena_alloc(v->arena, (size_t)(x->count + 1) * sizeof *out);

	if (tl_vector_is_integer(x)) {
		tl_error_set(e, TL_ENVIRONMENT, "%s: wanted real numbers, got %s", x->name, x->dtype);
		return NULL;
	}
	return tl_st_reals(x, out, e) < 0 ? NULL : out;
}

int32_t *
tl_vector_ints(tl_vector *v, const tl_st_entry *x, tl_error *e)
{
	int64_t *wide = tl_arena_alloc(v->arena, (size_t)(x->count + 1) * sizeof *wide);
	int32_t *out = tl_arena_alloc(v->arena, (size_t)(x->count + 1) * sizeof *out);

	if (!tl_vector_is_integer(x)) {
		tl_error_set(e, TL_ENVIRONMENT, "%s: wanted integers, got %s", x->name, x->dtype);
		return NULL;
	}
	if (tl_st_ints(x, wide, e) < 0)
		return NULL;
	for (int64_t i = 0; i < x->count; i++) {
		if (wide[i] < INT32_MIN || wide[i] > INT32_MAX) {
			tl_error_set(e, TL_ENVIRONMENT, "%s: %lld at %lld does not fit 32 bits", x->name, (long long)wide[i], (long long)i);
			return NULL;
		}
		out[i] = (int32_t)wide[i];
	}
	return out;
}

/* Offsets [n + 1] that start at 0, ascend and end with the number of rows they cut. min: the fewest rows of one piece. */
static int32_t *
read_offsets(tl_vector *v, const tl_st_entry *x, int64_t rows, int least, tl_error *e)
{
	int32_t *o = tl_vector_ints(v, x, e);

	if (!o)
		return NULL;
	if (x->rank != 1 || x->count < 1 || o[0] != 0) {
		tl_error_set(e, TL_ENVIRONMENT, "%s: wanted a list of offsets that starts at 0", x->name);
		return NULL;
	}
	for (int64_t i = 1; i < x->count; i++) {
		if (o[i] - o[i - 1] < least || o[i] < o[i - 1]) {
			tl_error_set(e, TL_ENVIRONMENT, "%s: entry %lld is %d after %d; wanted ascending offsets%s", x->name, (long long)i, o[i], o[i - 1], least ? ", at least one token each" : "");
			return NULL;
		}
	}
	if (rows >= 0 && o[x->count - 1] != rows) {
		tl_error_set(e, TL_ENVIRONMENT, "%s: ends with %d, but there are %lld tokens", x->name, o[x->count - 1], (long long)rows);
		return NULL;
	}
	return o;
}

/* --- metadata ---------------------------------------------------------------------------------------------------------------------------------- */
static int
meta_json(tl_vector *v, const char *key, bool wanted, json_t **out, tl_error *e)
{
	const char *text = tl_st_metadata(v->file, key);
	char *what;

	*out = NULL;
	if (!text)
		return wanted ? tl_error_set(e, TL_ENVIRONMENT, "no reference vector: the metadata has no \"%s\"", key) : 0;
	what = tl_format("metadata %s", key);
	*out = tl_json_parse(text, strlen(text), what, e);
	free(what);
	return *out ? 0 : -1;
}

static int
meta_number(tl_vector *v, const char *key, double fallback, double *out, tl_error *e)
{
	const char *text = tl_st_metadata(v->file, key);
	char *end;

	*out = text ? strtod(text, &end) : fallback;
	if (text && (!*text || *end || !(*out >= 0) || isinf(*out)))
		return tl_error_set(e, TL_ENVIRONMENT, "metadata %s: \"%.40s\" is no tolerance", key, text);
	return 0;
}

/* Lists of label indexes as CSR; each ascending and without repetition. wide: 64-bit offsets for the statistics. */
static int
read_lists(tl_vector *v, const json_t *lists, const char *what, int32_t **offsets, int32_t **index, int64_t **wide, int64_t *n, tl_error *e)
{
	int64_t items = 0, at = 0;

	if (!json_is_array(lists))
		return tl_error_set(e, TL_ENVIRONMENT, "metadata %s: wanted a list of label lists", what);
	*n = (int64_t)json_array_size(lists);
	for (int64_t i = 0; i < *n; i++)
		items += (int64_t)json_array_size(json_array_get(lists, (size_t)i));
	*offsets = tl_arena_alloc(v->arena, (size_t)(*n + 1) * sizeof **offsets);
	*index = tl_arena_alloc(v->arena, (size_t)(items + 1) * sizeof **index);
	if (wide)
		*wide = tl_arena_alloc(v->arena, (size_t)(*n + 1) * sizeof **wide);
	for (int64_t i = 0; i < *n; i++) {
		const json_t *list = json_array_get(lists, (size_t)i);
		(*offsets)[i] = (int32_t)at;
		if (!json_is_array(list))
			return tl_error_set(e, TL_ENVIRONMENT, "metadata %s: entry %lld is no list", what, (long long)i);
		for (size_t k = 0; k < json_array_size(list); k++) {
			const json_t *x = json_array_get(list, k);
			int64_t label = json_is_integer(x) ? (int64_t)json_integer_value(x) : -1, p = at++;
			if (label < 0 || label >= v->n_labels)
				return tl_error_set(e, TL_ENVIRONMENT, "metadata %s: entry %lld holds a label that is not between 0 and L - 1 = %lld", what, (long long)i, (long long)v->n_labels - 1);
			for (; p > (*offsets)[i] && (*index)[p - 1] > label; p--)
				(*index)[p] = (*index)[p - 1];
			(*index)[p] = (int32_t)label;
			if (p > (*offsets)[i] && (*index)[p - 1] == label)
				return tl_error_set(e, TL_ENVIRONMENT, "metadata %s: entry %lld holds label %lld twice", what, (long long)i, (long long)label);
		}
	}
	(*offsets)[*n] = (int32_t)at;
	for (int64_t i = 0; wide && i <= *n; i++)
		(*wide)[i] = (*offsets)[i];
	return 0;
}

/* Sizes that are not in `dims` are read from a tensor that has them. */
static void
infer(tl_vector *v, const char *symbol, const char *tensor, int rank, int axis)
{
	const tl_st_entry *x = tl_st_find(v->file, tensor);

	if (x && (!rank || x->rank == rank) && x->rank >= (axis < 0 ? -axis : axis + 1) && !json_object_get(v->dims, symbol))
		json_object_set_new(v->dims, symbol, json_integer(x->dim[axis < 0 ? x->rank + axis : axis]));
}

static int
read_sizes(tl_vector *v, tl_error *e)
{
	static const char *const widths[] = { "in.hidden", "in.layers", "in.label_hidden", "in.cls", "in.pooled", "in.call.label_text", "in.call.label_sequence", "in.call.key_view", "in.doc" };
	static const struct { const char *name; int rank, axis; } counts[] = { { "in.logits.initial", 2, 1 }, { "in.logits", 2, 1 }, { "out.logits", 2, 1 }, { "out.logits.initial", 2, 1 },
		{ "in.label_hidden", 0, -2 }, { "out.label_hidden", 0, -2 } };

	for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
		infer(v, "d", widths[i], 0, -1);
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		infer(v, "L", counts[i].name, counts[i].rank, counts[i].axis);
	infer(v, "K", "in.layers", 3, 0);
	infer(v, "K", "in.call.label_sequence", 3, 0);
	v->n_labels = tl_json_int(v->dims, "L", -1);
	if (v->n_labels < 0 || v->n_labels > 10000000)
		return tl_error_set(e, TL_ENVIRONMENT, "metadata dims: L is %s", json_object_get(v->dims, "L") ? "no number of labels" : "missing");
	return 0;
}

static int
read_metadata(tl_vector *v, tl_error *e)
{
	json_t *names = NULL, *train = NULL;
	int32_t *offsets, *index;
	int64_t *wide, n;
	int status = 0;

	if (meta_json(v, "model", true, &v->modules, e) < 0 || meta_json(v, "labels", true, &v->labels, e) < 0 || meta_json(v, "dims", false, &v->dims, e) < 0 ||
	    meta_json(v, "draws", false, &v->draws, e) < 0)
		return -1;
	if (!v->dims)
		v->dims = json_object();
	if (!json_is_array(v->modules) || !json_is_object(v->dims) || (v->draws && !json_is_object(v->draws)))
		return tl_error_set(e, TL_ENVIRONMENT, "metadata: wanted model as a list, dims and draws as objects");
	if (read_sizes(v, e) < 0 || read_lists(v, v->labels, "labels", &v->label_offsets, &v->label_index, NULL, &v->n_documents, e) < 0)
		return -1;
	if (meta_json(v, "train_labels", false, &train, e) < 0 || meta_json(v, "label_names", false, &names, e) < 0)
		status = -1;
	if (!status && train) {
		status = read_lists(v, train, "train_labels", &offsets, &index, &wide, &n, e);
		if (!status)
			status = tl_statistics_of(&v->statistics, wide, index, NULL, n, v->n_labels, v->arena, e);
		v->has_statistics = !status;
	}
	if (!status && names) {
		const char **list = tl_arena_zalloc(v->arena, (size_t)(v->n_labels + 1) * sizeof *list);
		if (!json_is_array(names) || (int64_t)json_array_size(names) != v->n_labels)
			status = tl_error_set(e, TL_ENVIRONMENT, "metadata label_names: wanted a list of L = %lld names", (long long)v->n_labels);
		for (int64_t l = 0; !status && l < v->n_labels; l++) {
			const char *s = json_string_value(json_array_get(names, (size_t)l));
			list[l] = tl_arena_strdup(v->arena, s ? s : "");
		}
		v->in.label_names = list;
	}
	json_decref(train);
	json_decref(names);
	return status;
}

/* --- given tensors ------------------------------------------------------------------------------------------------------------------------------ */
static int
read_given(tl_vector *v, const tl_st_entry *x, const char *name, tl_injected *to, tl_error *e)
{
	to->name = name;
	to->rank = x->rank;
	if (x->rank > TL_MAX_RANK)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: rank %d; the most is %d", x->name, x->rank, TL_MAX_RANK);
	memcpy(to->dim, x->dim, (size_t)x->rank * sizeof *to->dim);
	if (tl_vector_is_integer(x))
		return (to->ints = tl_vector_ints(v, x, e)) ? 0 : -1;
	return (to->reals = tl_vector_reals(v, x, e)) ? 0 : -1;
}

static int
read_call(tl_vector *v, const tl_st_entry *x, tl_error *e)
{
	tl_injected *to = &v->in.call[v->in.n_calls];
	char *name = tl_arena_strdup(v->arena, x->name + strlen("in.call.")), *key;
	const tl_st_entry *offsets;

	if (tl_ends(name, ".offsets"))
		return 0;
	if (read_given(v, x, name, to, e) < 0)
		return -1;
	v->in.n_calls++;
	key = tl_format("%s.offsets", x->name);
	offsets = tl_st_find(v->file, key);
	free(key);
	if (offsets) {
		if (x->rank < 2)
			return tl_error_set(e, TL_ENVIRONMENT, "%s: wanted [T', d] or [K, T', d]", x->name);
		to->offsets = read_offsets(v, offsets, x->dim[x->rank - 2], 0, e);
		to->n_offsets = offsets->count;
		return to->offsets ? 0 : -1;
	}
	return x->rank == 2 && to->reals ? 0 : tl_error_set(e, TL_ENVIRONMENT, "%s: wanted %s.offsets beside it, or pooled vectors [B, d]", x->name, x->name);
}

static int
read_input(tl_vector *v, tl_error *e)
{
	static const char *const parts[] = { "in.input.ids", "in.input.segments", "in.input.positions" };
	const int32_t **to[] = { &v->in.ids, &v->in.segments, &v->in.positions };
	const tl_st_entry *offsets = tl_st_find(v->file, "in.offsets"), *x, *ids;

	v->in.n_tokens = -1;
	if (offsets) {
		v->token_offsets = read_offsets(v, offsets, -1, 1, e);
		if (!v->token_offsets)
			return -1;
		if (offsets->count - 1 != v->n_documents)
			return tl_error_set(e, TL_ENVIRONMENT, "in.offsets has %lld entries; wanted one more than the %lld documents of \"labels\"", (long long)offsets->count, (long long)v->n_documents);
		v->in.offsets = v->token_offsets;
		v->in.n_tokens = v->token_offsets[v->n_documents];
	}
	for (int k = 0; k < 3; k++) {
		if (!(x = tl_st_find(v->file, parts[k])))
			continue;
		if (v->in.n_tokens < 0 || x->rank != 1 || x->count != v->in.n_tokens)
			return tl_error_set(e, TL_ENVIRONMENT, "%s has %lld entries; wanted %s", parts[k], (long long)x->count, v->in.n_tokens < 0 ? "in.offsets beside it" : "as many as in.offsets says");
		if (!(*to[k] = tl_vector_ints(v, x, e)))
			return -1;
		for (int64_t i = 0; i < x->count; i++)
			if ((*to[k])[i] < 0)
				return tl_error_set(e, TL_ENVIRONMENT, "%s: entry %lld is negative", parts[k], (long long)i);
	}
	x = tl_st_find(v->file, "in.label_tokens.offsets");
	ids = tl_st_find(v->file, "in.label_tokens.ids");
	if (x && ids) {
		if (!(v->in.label_token_offsets = read_offsets(v, x, ids->count, 0, e)) || !(v->in.label_token_ids = tl_vector_ints(v, ids, e)))
			return -1;
		if (x->count - 1 != v->n_labels)
			return tl_error_set(e, TL_ENVIRONMENT, "in.label_tokens.offsets has %lld entries; wanted L + 1 = %lld", (long long)x->count, (long long)v->n_labels + 1);
	}
	return 0;
}

static int
read_tensors(tl_vector *v, tl_error *e)
{
	int n = tl_st_count(v->file);

	v->in.slot = tl_arena_zalloc(v->arena, (size_t)(n + 1) * sizeof *v->in.slot);
	v->in.call = tl_arena_zalloc(v->arena, (size_t)(n + 1) * sizeof *v->in.call);
	if (read_input(v, e) < 0)
		return -1;
	for (int k = 0; k < n; k++) {
		const tl_st_entry *x = tl_st_at(v->file, k);
		if (!strcmp(x->dtype, "F64"))
			v->is_double = true;
		if (tl_starts(x->name, "in.call.")) {
			if (read_call(v, x, e) < 0)
				return -1;
		} else if (tl_starts(x->name, "in.") && strcmp(x->name, "in.offsets") && !tl_starts(x->name, "in.input.") && !tl_starts(x->name, "in.label_tokens.")) {
			if (!strcmp(x->name, "in.layers") && x->rank != 3)
				return tl_error_set(e, TL_ENVIRONMENT, "in.layers: wanted [K, T, d], got rank %d", x->rank);
			if (read_given(v, x, tl_arena_strdup(v->arena, x->name + 3), &v->in.slot[v->in.n_slots], e) < 0)
				return -1;
			v->in.n_slots++;
		}
	}
	v->in.n_documents = v->n_documents;
	v->in.draws = v->draws;
	v->in.slot_gradients = true;
	return 0;
}

static void
what_is_expected(tl_vector *v)
{
	static const struct { const char *name; unsigned want; } bits[] = { { "hidden", TL_WANT_HIDDEN }, { "label_hidden", TL_WANT_HIDDEN }, { "layers", TL_WANT_LAYERS }, { "cls", TL_WANT_CLS },
		{ "pooled", TL_WANT_POOLED }, { "doc", TL_WANT_POOLED } };
	char name[64];

	for (size_t b = 0; b < sizeof bits / sizeof *bits; b++) {
		snprintf(name, sizeof name, "out.%s", bits[b].name);
		if (tl_st_find(v->file, name))
			v->in.want |= bits[b].want;
		snprintf(name, sizeof name, "seed.%s", bits[b].name);
		if (tl_st_find(v->file, name))
			v->in.want |= bits[b].want;
	}
}

int
tl_vector_read(tl_vector *v, const char *path, tl_error *e)
{
	memset(v, 0, sizeof *v);
	v->path = path;
	v->arena = tl_arena_new(1 << 16);
	v->file = tl_st_open(path, e);
	if (!v->file)
		return -1;
	if (read_metadata(v, e) < 0 || read_tensors(v, e) < 0 || meta_number(v, "rtol", v->is_double ? 1e-9 : 1e-5, &v->rtol, e) < 0 ||
	    meta_number(v, "atol", v->is_double ? 1e-12 : 1e-6, &v->atol, e) < 0)
		return tl_error_who(e, "%s", path);
	what_is_expected(v);
	return 0;
}

void
tl_vector_close(tl_vector *v)
{
	json_decref(v->modules);
	json_decref(v->dims);
	json_decref(v->labels);
	json_decref(v->draws);
	if (v->file)
		tl_st_close(v->file);
	tl_arena_free(v->arena);
}
