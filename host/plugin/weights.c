/*
 * weights.c - a model's weights from the plugins' rows: names, shapes, initial values. Every initial value has a stream of its own
 * (seed, instance, "init", weight), so that removing a module leaves all others as they were.
 */
#include "model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "encoder.layer.#.bias" with # = 3 */
static char *
element_name(tl_arena *a, const char *name, int64_t element)
{
	const char *hash = strchr(name, '#');

	return hash ? tl_arena_format(a, "%.*s%lld%s", (int)(hash - name), name, (long long)element, hash + 1) : tl_arena_strdup(a, name);
}

static int
add_weight(tl_model *m, tl_model_instance *i, const tl_weight *row, int64_t position, int64_t element, tl_error *e)
{
	tl_bound_weight *b;
	char *full;

	if ((i->n_weights & (i->n_weights - 1)) == 0)
		i->weight = tl_realloc(i->weight, (size_t)TL_MAX(1, 2 * i->n_weights) * sizeof *i->weight);
	b = &i->weight[i->n_weights];
	memset(b, 0, sizeof *b);
	b->row = row;
	b->element = position;
	b->name = element_name(m->arena, row->name, element);
	if (tl_evaluate_shape(i, row->shape, row->repeat ? '#' : 0, (double)element, &b->rank, b->dim, e) < 0)
		return tl_error_who(e, "%s: weight %s [%s]", i->who, b->name, row->shape);
	b->count = 1;
	for (int a = 0; a < b->rank; a++) {
		if (b->dim[a] == TL_PROBE_B || b->dim[a] == TL_PROBE_T)
			return tl_error_set(e, TL_USAGE, "%s: weight %s [%s]: a weight cannot depend on the size of a batch", i->who, b->name, row->shape);
		if (__builtin_mul_overflow(b->count, b->dim[a], &b->count))
			return tl_error_set(e, TL_USAGE, "%s: weight %s [%s]: the shape is larger than any memory", i->who, b->name, row->shape);
	}
	full = tl_format("%s.%s", i->name, b->name);
	b->index = tl_weights_add(m->weights, full, b->rank, b->dim, !(row->flags & TL_FROZEN), e);
	free(full);
	if (b->index < 0)
		return tl_error_who(e, "%s", i->who);
	i->n_weights++;
	return 0;
}

/* How often a row repeats, and the list of its elements' values where they are not 0 .. n-1. */
static int
repetitions(tl_model_instance *i, const tl_weight *row, int64_t *n, const int64_t **values, tl_error *e)
{
	const tl_param *param = tl_param_find(i->plugin, row->repeat, strlen(row->repeat));
	tl_symbols names = tl_instance_symbols(i);
	double v;

	*values = NULL;
	if (param && param->type == TL_INTS) {
		const tl_int_list *list = (const tl_int_list *)((char *)i->self + param->at);
		*n = list->n;
		*values = list->at;
		return 0;
	}
	if (tl_expression(row->repeat, strlen(row->repeat), &names, &v, e) < 0)
		return tl_error_who(e, "%s: weight %s repeats over %s", i->who, row->name, row->repeat);
	if (v < 0 || v > 100000 || v != floor(v))
		return tl_error_set(e, TL_USAGE, "%s: weight %s repeats over %s = %.17g: wanted a whole number up to 100000", i->who, row->name, row->repeat, v);
	*n = (int64_t)v;
	return 0;
}

int
tl_declare_weights(tl_model *m, tl_model_instance *i, tl_error *e)
{
	for (const tl_weight *row = i->plugin->weights; row && row->name; row++) {
		bool holds;
		if (tl_row_holds(i, row->when, &holds, e) < 0)
			return tl_error_who(e, "%s: weight %s", i->who, row->name);
		if (!holds)
			continue;
		if (row->repeat) {
			const int64_t *values;
			int64_t n = 0;
			if (repetitions(i, row, &n, &values, e) < 0)
				return -1;
			for (int64_t k = 0; k < n; k++)
				if (add_weight(m, i, row, k, values ? values[k] : k, e) < 0)
					return -1;
		} else if (add_weight(m, i, row, -1, 0, e) < 0) {
			return -1;
		}
	}
	return 0;
}

/* Sets the weight fields of a struct to the tensors of `from`, by index or (a copy's) by name. */
void
tl_point_weights(tl_model_instance *i, tl_weights *from, void *self, tl_arena *a, bool by_name)
{
	for (int k = 0; k < i->n_weights; k++) {
		const tl_bound_weight *b = &i->weight[k];
		char *full = by_name ? tl_format("%s.%s", i->name, b->name) : NULL;
		tl_tensor *x = tl_weights_at(from, by_name ? tl_weights_find(from, full) : b->index)->tensor;
		char *field = (char *)self + b->row->at;
		free(full);
		if (b->element < 0) {
			*(tl_tensor **)field = x;
			continue;
		}
		if (b->element == 0) {
			int64_t n = 1;
			while (k + n < i->n_weights && i->weight[k + n].row == b->row)
				n++;
			*(tl_tensor ***)field = tl_arena_zalloc(a, (size_t)n * sizeof(tl_tensor *));
		}
		(*(tl_tensor ***)field)[b->element] = x;
	}
}

static uint64_t
name_hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3u;
	return h;
}

static int
initialise(tl_model *m, tl_model_instance *i, const tl_bound_weight *b, double scale, tl_error *e)
{
	tl_tensor *x = tl_weights_at(m->weights, b->index)->tensor;
	uint64_t key = tl_stream_key(m->seed, i->name, "init", name_hash(b->name));
	double in, out;

	switch (b->row->init) {
	case TL_INIT_ZEROS: return 0;
	case TL_INIT_ONES: tl_init_fill(x, 1); return 0;
	case TL_INIT_NORMAL: tl_init_normal(tl_ctx_pool(m->ctx), x, key, 0.02 * scale); return 0;
	case TL_INIT_ORTHOGONAL: return tl_init_orthogonal(x, key, scale, e);
	case TL_INIT_COPY: return 0; /* after everything else, checkpoints included */
	default: break;
	}
	if (!b->count)
		return 0;
	out = b->rank ? (double)b->dim[0] : 1; /* [out, in, kernel...]; a vector is one row */
	in = (double)b->count / out;
	if (b->rank == 1) {
		in = (double)b->count;
		out = 1;
	} else if (b->rank > 2) {
		out *= (double)b->count / ((double)b->dim[0] * (double)b->dim[1]);
	}
	tl_init_uniform(tl_ctx_pool(m->ctx), x, key, scale * sqrt(6 / (in + out)));
	return 0;
}

static int
copy_of(tl_model *m, tl_model_instance *i, const tl_bound_weight *b, tl_error *e)
{
	for (int k = 0; k < i->n_weights; k++) {
		const tl_bound_weight *from = &i->weight[k];
		tl_weight_info *to = tl_weights_at(m->weights, b->index), *source;
		if (strcmp(from->row->name, b->row->of) || from->element != b->element)
			continue;
		source = tl_weights_at(m->weights, from->index);
		if (from->count != b->count)
			return tl_error_set(e, TL_USAGE, "%s: weight %s copies %s, which has %lld numbers where %lld are wanted", i->who, b->name, from->name, (long long)from->count, (long long)b->count);
		memcpy(tl_data_mut(to->tensor), tl_data(source->tensor), (size_t)b->count * (tl_weights_dtype(m->weights) == TL_F64 ? 8 : 4));
		return 0;
	}
	return tl_error_set(e, TL_USAGE, "%s: weight %s copies %s, which these parameters leave out", i->who, b->name, b->row->of);
}

const char *
tl_checkpoint_of(const tl_model_instance *i)
{
	const tl_param *row = i->plugin->kind == TL_KIND_ENCODER ? tl_param_find(i->plugin, "weights", 7) : NULL;

	return row && row->type == TL_STRING ? *(const char **)((char *)i->self + row->at) : NULL;
}

int
tl_create_weights(tl_model *m, tl_error *e)
{
	for (int k = 0; k < m->n; k++)
		if (m->instance[k].plugin->kind == TL_KIND_ENCODER && tl_freeze(m, &m->instance[k], e) < 0)
			return tl_error_who(e, "%s", m->instance[k].who);
	for (int k = 0; k < m->n && m->skip_weights; k++) {
		const char *folder = tl_checkpoint_of(&m->instance[k]);
		tl_point_weights(&m->instance[k], m->weights, m->instance[k].self, m->arena, false);
		if (folder && !m->blank && tl_load_checkpoint(m, &m->instance[k], folder, e) < 0)
			return tl_error_who(e, "%s", m->instance[k].who);
	}
	if (m->skip_weights)
		return 0;
	if (tl_weights_finish(m->weights, e) < 0)
		return -1;
	for (int k = 0; k < m->n; k++) {
		tl_model_instance *i = &m->instance[k];
		double scale = tl_json_number(i->params, "init_scale", 1);
		const char *folder = tl_checkpoint_of(i);
		for (int b = 0; b < i->n_weights; b++) {
			tl_weight_info *info = tl_weights_at(m->weights, i->weight[b].index);
			info->lr = tl_json_number(i->params, "lr", -1);
			info->weight_decay = tl_json_number(i->params, "weight_decay", -1);
			info->decay = i->weight[b].rank > 1 && !(i->weight[b].row->flags & TL_NO_DECAY);
			/* What is read from a file need not be drawn first: a vocabulary's worth of normal numbers takes a second. */
			if (m->blank || (folder && !tl_fresh_allowed(i->weight[b].name)))
				continue;
			if (initialise(m, i, &i->weight[b], scale, e) < 0)
				return tl_error_who(e, "%s: weight %s", i->who, i->weight[b].name);
		}
		tl_point_weights(i, m->weights, i->self, m->arena, false);
		if (folder && tl_load_checkpoint(m, i, folder, e) < 0)
			return tl_error_who(e, "%s", i->who);
		for (int b = 0; b < i->n_weights; b++)
			if (i->weight[b].row->init == TL_INIT_COPY && copy_of(m, i, &i->weight[b], e) < 0)
				return -1;
	}
	return 0;
}
