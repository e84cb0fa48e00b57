/*
 * verify.c - computes what a reference vector states and holds it against the expected values: one line per expected tensor.
 */
#include "vector.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct verify {
	tl_vector v;
	tl_model *m;
	FILE *out;
	int lines, failed;
	double rtol, atol, total;
	bool perturb;
};

/* --- given values into the model ------------------------------------------------------------------------------------------------------------- */
static int
put_weight(struct verify *k, const tl_st_entry *x, tl_error *e)
{
	const char *name = x->name + strlen("weight.");
	int at = tl_weights_find(tl_model_weights(k->m), name);
	const tl_weight_info *w;
	bool same;
	double *values;

	if (at < 0)
		return tl_error_set(e, TL_USAGE, "%s is given, but the model has no weight of that name", x->name);
	w = tl_weights_at(tl_model_weights(k->m), at);
	same = tl_rank(w->tensor) == x->rank;
	for (int a = 0; same && a < x->rank; a++)
		same = tl_dim(w->tensor, a) == x->dim[a];
	if (!same) {
		int64_t dim[TL_MAX_RANK];
		char *want, *got;
		for (int a = 0; a < tl_rank(w->tensor); a++)
			dim[a] = tl_dim(w->tensor, a);
		want = tl_shape_words(k->m, tl_rank(w->tensor), dim);
		got = tl_shape_words(k->m, TL_MIN(x->rank, 8), x->dim);
		tl_error_set(e, TL_USAGE, "%s: wanted %s, as the model says, got %s", x->name, want, got);
		free(want);
		free(got);
		return -1;
	}
	values = tl_vector_reals(&k->v, x, e);
	return values ? tl_set_reals(w->tensor, values) : -1;
}

/* Every weight of the model is given; a copy of another one may be left to it. */
static int
put_weights(struct verify *k, tl_error *e)
{
	tl_weights *all = tl_model_weights(k->m);

	for (int i = 0; i < tl_st_count(k->v.file); i++)
		if (tl_starts(tl_st_at(k->v.file, i)->name, "weight.") && put_weight(k, tl_st_at(k->v.file, i), e) < 0)
			return -1;
	for (int n = 0; n < k->m->n; n++) {
		const tl_model_instance *i = &k->m->instance[n];
		for (int w = 0; w < i->n_weights; w++) {
			char *name = tl_format("weight.%s.%s", i->name, i->weight[w].name);
			bool given = tl_st_find(k->v.file, name) != NULL;
			if (!given && i->weight[w].row->init == TL_INIT_COPY) {
				char *from = tl_format("%s.%s", i->name, i->weight[w].row->of);
				int at = tl_weights_find(all, from);
				if (at >= 0 && tl_weights_at(all, at)->count == i->weight[w].count)
					memcpy(tl_data_mut(tl_weights_at(all, i->weight[w].index)->tensor), tl_data(tl_weights_at(all, at)->tensor), (size_t)i->weight[w].count * (k->m->compute == TL_F64 ? 8 : 4));
				given = at >= 0;
				free(from);
			}
			if (!given)
				tl_error_set(e, TL_USAGE, "the model needs %s, which is not given", name);
			free(name);
			if (!given)
				return -1;
		}
	}
	return 0;
}

/* The state row behind "state.MODULE.NAME" (prefix cut off), or NULL. */
static tl_bound_state *
state_named(tl_model *m, const char *name, tl_state_block **block)
{
	for (int n = 0; n < m->n; n++) {
		tl_model_instance *i = &m->instance[n];
		size_t length = strlen(i->name);
		if (strncmp(name, i->name, length) || name[length] != '.')
			continue;
		for (int s = 0; s < i->n_states; s++)
			if (!strcmp(i->state[s].row->name, name + length + 1) && i->state[s].row->kind != TL_STATE_ENCODER) {
				*block = (tl_state_block *)((char *)i->self + i->state[s].row->at);
				return &i->state[s];
			}
	}
	return NULL;
}

static int
put_state(struct verify *k, const tl_st_entry *x, tl_error *e)
{
	tl_state_block *block;
	tl_bound_state *s = state_named(k->m, x->name + strlen("state."), &block);
	int64_t rows = x->rank ? x->dim[0] : 1;

	if (!s || s->row->kind == TL_STATE_RAGGED)
		return tl_error_set(e, TL_USAGE, "%s is given, but the model has no such state", x->name);
	if (x->count != rows * s->width)
		return tl_error_set(e, TL_USAGE, "%s: wanted rows of %lld", x->name, (long long)s->width);
	if (tl_state_resize(k->m->ctx, block, rows, 0) < 0)
		return tl_error_set(e, TL_USAGE, "%s", tl_ctx_error(k->m->ctx)->text);
	if (s->row->kind == TL_STATE_REAL) {
		const double *values = tl_vector_reals(&k->v, x, e);
		if (!values)
			return -1;
		if (x->count)
			memcpy(block->real, values, (size_t)x->count * sizeof *values);
		return 0;
	}
	return tl_st_ints(x, block->ints, e);
}

/* --- what was computed ------------------------------------------------------------------------------------------------------------------------ */
static double *
reals_of(struct verify *k, tl_tensor *x, int64_t *count)
{
	double *values;

	*count = tl_count(x);
	values = tl_arena_alloc(k->v.arena, (size_t)(*count + 1) * sizeof *values);
	if (tl_dtype_of(x) == TL_I32) {
		int32_t *ints = tl_arena_alloc(k->v.arena, (size_t)(*count + 1) * sizeof *ints);
		if (tl_get_ints(k->m->ctx, x, ints) < 0)
			return NULL;
		for (int64_t i = 0; i < *count; i++)
			values[i] = ints[i];
	} else if (tl_get_reals(k->m->ctx, x, values) < 0) {
		return NULL;
	}
	return values;
}

static tl_slot_value *
slot_value(tl_model *m, const char *name)
{
	int at = tl_find_slot(m, name);

	if ((at < 0 || !m->slot[at].there) && !strcmp(name, "doc"))
		at = tl_find_slot(m, "pooled");
	return at >= 0 && m->slot[at].there ? &m->slot[at] : NULL;
}

static double *
slot_reals(struct verify *k, const char *name, int64_t *count, int *rank, int64_t *dim)
{
	tl_slot_value *s = slot_value(k->m, name);
	tl_tensor *first;
	double *all;

	if (!s || s->kind == TL_SLOT_INPUT || s->kind == TL_SLOT_FEATURES)
		return NULL;
	first = s->kind == TL_SLOT_LIST ? s->list.n ? s->list.item[0] : NULL : s->tensor;
	if (!first)
		return NULL;
	*rank = tl_rank(first);
	for (int a = 0; a < *rank; a++)
		dim[a] = tl_dim(first, a);
	if (s->kind != TL_SLOT_LIST)
		return reals_of(k, s->tensor, count);
	memmove(dim + 1, dim, (size_t)*rank * sizeof *dim);
	dim[0] = s->list.n;
	++*rank;
	*count = s->list.n * tl_count(first);
	all = tl_arena_alloc(k->v.arena, (size_t)(*count + 1) * sizeof *all);
	for (int l = 0; l < s->list.n; l++)
		if (tl_count(s->list.item[l]) != tl_count(first) || tl_get_reals(k->m->ctx, s->list.item[l], all + l * tl_count(first)) < 0)
			return NULL;
	return all;
}

static tl_injected *
injected(tl_injected *list, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

/* A gradient as numbers: zeros where the total does not reach. NULL: there is no such input. */
static double *
gradient_of(struct verify *k, const char *name, int64_t *count, int *rank, int64_t *dim)
{
	tl_tensor *x = NULL, *g;
	double *values;
	tl_injected *in = tl_starts(name, "in.call.") ? injected(k->v.in.call, k->v.in.n_calls, name + 8) : tl_starts(name, "in.") ? injected(k->v.in.slot, k->v.in.n_slots, name + 3) : NULL;

	if (in) {
		*rank = in->rank;
		memcpy(dim, in->dim, (size_t)in->rank * sizeof *dim);
		*count = 1;
		for (int a = 0; a < in->rank; a++)
			*count *= in->dim[a];
		x = in->tensor;
	} else if (tl_starts(name, "weight.")) {
		int at = tl_weights_find(tl_model_weights(k->m), name + 7);
		if (at < 0)
			return NULL;
		x = tl_weights_at(tl_model_weights(k->m), at)->tensor;
		*rank = tl_rank(x);
		*count = tl_count(x);
		for (int a = 0; a < *rank; a++)
			dim[a] = tl_dim(x, a);
	} else {
		return NULL;
	}
	values = tl_arena_zalloc(k->v.arena, (size_t)(*count + 1) * sizeof *values);
	g = x ? tl_gradient(k->m->ctx, x) : NULL;
	if (g && tl_get_reals(k->m->ctx, g, values) < 0)
		return NULL;
	return values;
}

static double *
loss_of(struct verify *k, const char *name, int64_t *count)
{
	double *v = tl_arena_alloc(k->v.arena, sizeof *v);

	*count = 1;
	if (!strcmp(name, "total")) {
		*v = k->total;
		return v;
	}
	for (int i = 0; i < k->m->n_parts; i++)
		if (!strcmp(k->m->part[i], name)) {
			*v = k->m->value[i];
			return v;
		}
	return NULL;
}

static double *
state_of(struct verify *k, const char *name, int64_t *count, int *rank, int64_t *dim)
{
	tl_state_block *block;
	tl_bound_state *s = state_named(k->m, name, &block);
	double *values;

	if (!s || s->row->kind == TL_STATE_RAGGED)
		return NULL;
	*rank = 2;
	dim[0] = block->rows;
	dim[1] = s->width;
	*count = block->rows * s->width;
	values = tl_arena_alloc(k->v.arena, (size_t)(*count + 1) * sizeof *values);
	for (int64_t i = 0; i < *count; i++)
		values[i] = s->row->kind == TL_STATE_REAL ? block->real[i] : (double)block->ints[i];
	return values;
}

/* --- comparing ------------------------------------------------------------------------------------------------------------------------------------ */
static void
line(struct verify *k, bool good, const char *name, const char *format, ...)
{
	va_list ap;

	k->lines++;
	k->failed += !good;
	fprintf(k->out, "%sok - %s: %s", good ? "" : "not ", k->v.path, name);
	va_start(ap, format);
	vfprintf(k->out, format, ap);
	va_end(ap);
	fputc('\n', k->out);
}

static void
where_text(char *text, size_t n, int64_t at, int rank, const int64_t *dim)
{
	int64_t index[8];
	size_t used = 0;

	for (int a = rank - 1; a >= 0; a--) {
		index[a] = dim[a] ? at % dim[a] : 0;
		at = dim[a] ? at / dim[a] : 0;
	}
	used += (size_t)snprintf(text, n, "[");
	for (int a = 0; a < rank && used < n; a++)
		used += (size_t)snprintf(text + used, n - used, "%s%lld", a ? ", " : "", (long long)index[a]);
	snprintf(text + used, n - used, "]");
}

static void
compare(struct verify *k, const tl_st_entry *x, const double *got, int64_t count, int rank, const int64_t *dim)
{
	bool integer = tl_vector_is_integer(x), gradient = tl_starts(x->name, "grad."), same = rank == x->rank;
	double *want = tl_arena_alloc(k->v.arena, (size_t)(x->count + 1) * sizeof *want), largest = 0, worst = 0, allowed;
	int64_t at = 0;
	char where[128];
	tl_error e = { 0 };

	if (integer) {
		const int32_t *ints = tl_vector_ints(&k->v, x, &e);
		for (int64_t i = 0; ints && i < x->count; i++)
			want[i] = ints[i];
	} else {
		tl_st_reals(x, want, &e);
	}
	for (int a = 0; same && a < rank; a++)
		same = dim[a] == x->dim[a];
	if (x->count == 1 && count == 1)
		same = true;
	if (e.status || !same || count != x->count) {
		char *computed = tl_shape_words(k->m, rank, dim), *expected = tl_shape_words(k->m, TL_MIN(x->rank, 8), x->dim);
		line(k, false, x->name, e.status ? ": %s" : ": computed %2$s, expected %3$s", e.text, computed, expected);
		free(computed);
		free(expected);
		return;
	}
	for (int64_t i = 0; i < count; i++) {
		double error = fabs(got[i] - want[i]);
		largest = fmax(largest, fabs(want[i]));
		if (error > worst || (isnan(error) && !isnan(worst))) {
			worst = error;
			at = i;
		}
	}
	allowed = integer ? 0 : (k->atol + k->rtol * largest) * (gradient ? 10 : 1);
	where_text(where, sizeof where, at, x->rank, x->dim);
	if (worst <= allowed)
		line(k, true, x->name, ": largest error %.2g at %s, allowed %.2g", worst, where, allowed);
	else
		line(k, false, x->name, ": error %.3g at %s, allowed %.2g: computed %.17g, expected %.17g", worst, where, allowed, got[at], want[at]);
}

static void
hold(struct verify *k, const tl_st_entry *x)
{
	int64_t count = 0, dim[8] = { 0 };
	int rank = 0;
	const double *got = NULL;

	if (tl_starts(x->name, "out."))
		got = slot_reals(k, x->name + 4, &count, &rank, dim);
	else if (tl_starts(x->name, "loss."))
		got = loss_of(k, x->name + 5, &count);
	else if (tl_starts(x->name, "state_after."))
		got = state_of(k, x->name + 12, &count, &rank, dim);
	else
		got = gradient_of(k, x->name + 5, &count, &rank, dim);
	if (got)
		compare(k, x, got, count, rank, dim);
	else
		line(k, false, x->name, ": not computed: the model has no such %s", tl_starts(x->name, "out.") ? "slot" : tl_starts(x->name, "loss.") ? "loss" : tl_starts(x->name, "grad.") ? "input or weight" : "state");
}

/* --- a wrong input, on purpose --- */
/* The given tensor on which the expected values depend most, as far as the file tells: the one with the largest expected gradient. */
static tl_injected *
most_felt(struct verify *k)
{
	double most = -1;
	tl_injected *best = NULL;

	for (int pass = 0; pass < 2; pass++) {
		tl_injected *list = pass ? k->v.in.call : k->v.in.slot;
		for (int i = 0; i < (pass ? k->v.in.n_calls : k->v.in.n_slots); i++) {
			char *name = tl_format("grad.in.%s%s", pass ? "call." : "", list[i].name);
			const tl_st_entry *x = tl_st_find(k->v.file, name);
			const double *g = x ? tl_vector_reals(&k->v, x, NULL) : NULL;
			double sum = 0;
			for (int64_t j = 0; g && j < x->count; j++)
				sum += fabs(g[j]);
			if (list[i].reals && sum > most) {
				most = sum;
				best = &list[i];
			}
			free(name);
		}
	}
	return best;
}

static void
perturb(struct verify *k)
{
	tl_injected *x = most_felt(k);
	tl_weights *w = tl_model_weights(k->m);
	int64_t n = 1;

	if (x) {
		double *values = (double *)(uintptr_t)x->reals;
		for (int a = 0; a < x->rank; a++)
			n *= x->dim[a];
		for (int64_t i = 0; i < n; i++)
			values[i] += 0.05 + 0.01 * (double)(i % 7);
		fprintf(k->out, "# %s: in.%s was changed on purpose\n", k->v.path, x->name);
		return;
	}
	for (int i = 0; i < tl_st_count(k->v.file); i++) {
		const tl_st_entry *e = tl_st_at(k->v.file, i);
		int at = tl_starts(e->name, "weight.") ? tl_weights_find(w, e->name + 7) : -1;
		double *values = at >= 0 ? tl_vector_reals(&k->v, e, NULL) : NULL;
		for (int64_t j = 0; values && j < e->count; j++)
			values[j] += 0.05 + 0.01 * (double)(j % 7);
		if (values) {
			tl_set_reals(tl_weights_at(w, at)->tensor, values);
			fprintf(k->out, "# %s: %s was changed on purpose\n", k->v.path, e->name);
			return;
		}
	}
}

/* --- the computation -------------------------------------------------------------------------------------------------------------------------------- */
/* sum(out * seed), added to the total before it is differentiated. */
static tl_tensor *
seeded(struct verify *k, tl_tensor *total, const tl_st_entry *x, tl_error *e)
{
	tl_slot_value *s = slot_value(k->m, x->name + 5);
	const double *values = tl_vector_reals(&k->v, x, e);
	int n = s && s->kind == TL_SLOT_LIST ? s->list.n : 1;
	int64_t count = 0, all = 0;

	if (!values)
		return NULL;
	for (int l = 0; s && l < n; l++)
		all += tl_count(s->kind == TL_SLOT_LIST ? s->list.item[l] : s->tensor);
	for (int l = 0; s && l < n && all == x->count; l++) {
		tl_tensor *out = s->kind == TL_SLOT_LIST ? s->list.item[l] : s->tensor;
		int64_t dim[TL_MAX_RANK];
		if (tl_dtype_of(out) == TL_I32)
			break;
		for (int a = 0; a < tl_rank(out); a++)
			dim[a] = tl_dim(out, a);
		total = tl_add(k->m->ctx, total, tl_sum(k->m->ctx, tl_mul(k->m->ctx, out, tl_reals(k->m->ctx, tl_rank(out), dim, values + count))));
		count += tl_count(out);
	}
	if (count != x->count) {
		tl_error_set(e, TL_USAGE, "%s has %lld numbers, the slot %lld", x->name, (long long)x->count, (long long)all);
		return NULL;
	}
	return total;
}

static int
compute(struct verify *k, tl_error *e)
{
	static const int32_t no_tokens[1];
	tl_documents d = { .n = (int32_t)k->v.n_documents, .offsets = no_tokens, .label_offsets = k->v.label_offsets, .labels = k->v.label_index };
	tl_pass pass = { &d, 1, true, false, true };
	tl_tensor *total;
	bool after = false;

	if (put_weights(k, e) < 0)
		return -1;
	if (k->perturb)
		perturb(k);
	for (int i = 0; i < tl_st_count(k->v.file); i++) {
		const tl_st_entry *x = tl_st_at(k->v.file, i);
		after = after || tl_starts(x->name, "state_after.");
		if (tl_starts(x->name, "state.") && put_state(k, x, e) < 0)
			return -1;
	}
	if (tl_model_forward(k->m, &pass) == 0 && (total = tl_model_total(k->m, 1, &k->total, NULL))) {
		for (int i = 0; i < tl_st_count(k->v.file) && total; i++)
			if (tl_starts(tl_st_at(k->v.file, i)->name, "seed."))
				total = seeded(k, total, tl_st_at(k->v.file, i), e);
		if (total && tl_wants_gradient(total))
			tl_backward(k->m->ctx, total);
	}
	if (!e->status && tl_status(k->m->ctx))
		tl_error_set(e, TL_FAILED, "%s", tl_ctx_error(k->m->ctx)->text);
	if (e->status)
		return -1;
	for (int i = 0; i < tl_st_count(k->v.file); i++) {
		const tl_st_entry *x = tl_st_at(k->v.file, i);
		if (tl_vector_expected(x->name) && !tl_starts(x->name, "state_after."))
			hold(k, x);
	}
	if (after && tl_model_after_step(k->m) < 0)
		return tl_error_set(e, TL_FAILED, "%s", tl_ctx_error(k->m->ctx)->text);
	for (int i = 0; i < tl_st_count(k->v.file); i++)
		if (tl_starts(tl_st_at(k->v.file, i)->name, "state_after."))
			hold(k, tl_st_at(k->v.file, i));
	return 0;
}

int
tl_verify_vector(const char *path, tl_registry *r, FILE *out, const tl_verify_options *o, int *failed, tl_error *e)
{
	struct verify k = { .out = out, .perturb = o->perturb };
	tl_error why = { 0 };
	tl_pool *pool;
	tl_device *device = NULL;
	bool single;

	if (tl_vector_read(&k.v, path, e) < 0) {
		tl_vector_close(&k.v);
		return -1;
	}
	if (o->device && !(device = tl_device_open(o->device, e))) {
		tl_vector_close(&k.v);
		return -1;
	}
	single = o->single || !k.v.is_double || device;
	k.rtol = single && k.v.is_double ? fmax(k.v.rtol, 1e-5) : k.v.rtol;
	k.atol = single && k.v.is_double ? fmax(k.v.atol, 1e-6) : k.v.atol;
	pool = tl_pool_new(o->threads > 1 ? o->threads : 1);
	k.m = tl_model_build(&(tl_model_setup){ .registry = r, .modules = k.v.modules, .compute = single ? TL_F32 : TL_F64, .device = device, .pool = pool, .seed = 1, .n_labels = k.v.n_labels,
		.statistics = k.v.has_statistics ? &k.v.statistics : NULL, .dims = k.v.dims }, &k.v.in, &why);
	if (!k.m || compute(&k, &why) < 0) {
		int before = k.lines;
		for (int i = 0, seen = 0; i < tl_st_count(k.v.file); i++)
			if (tl_vector_expected(tl_st_at(k.v.file, i)->name) && seen++ >= before)
				line(&k, false, tl_st_at(k.v.file, i)->name, ": not computed: %s", why.text);
	}
	if (!k.lines)
		line(&k, false, "the file", " holds no expected tensor");
	tl_model_free(k.m);
	tl_device_close(device);
	tl_pool_free(pool);
	tl_vector_close(&k.v);
	*failed += k.failed;
	return k.lines;
}
