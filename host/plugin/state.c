/*
 * state.c - what a module keeps between steps and no optimizer touches: state rows, copies of the encoder, models that fitted themselves.
 * Saved as one block of bytes; read back with every length checked.
 */
#include "model.h"

#include <stdlib.h>
#include <string.h>

static const char magic[8] = "tlstate1";

static tl_bound_state *
state_of_block(const tl_model *m, const tl_state_block *block, tl_model_instance **owner)
{
	for (int k = 0; k < m->n; k++)
		for (int s = 0; s < m->instance[k].n_states; s++)
			if ((const char *)block == (const char *)m->instance[k].self + m->instance[k].state[s].row->at) {
				*owner = &m->instance[k];
				return &m->instance[k].state[s];
			}
	return NULL;
}

static void
resize(const tl_bound_state *s, tl_state_block *block, int64_t rows, int64_t items)
{
	int64_t old = block->rows;

	block->width = s->width;
	if (s->row->kind == TL_STATE_RAGGED) {
		int64_t had = block->offsets ? block->offsets[TL_MIN(old, rows)] : 0;
		block->offsets = tl_realloc(block->offsets, (size_t)(rows + 1) * sizeof *block->offsets);
		if (!old)
			block->offsets[0] = 0;
		for (int64_t r = old; r < rows; r++)
			block->offsets[r + 1] = block->offsets[old];
		block->ints = tl_realloc(block->ints, (size_t)(TL_MAX(items, had) + 1) * sizeof *block->ints);
		if (items > had)
			memset(block->ints + had, 0, (size_t)(items - had) * sizeof *block->ints);
	} else if (s->row->kind == TL_STATE_REAL) {
		block->real = tl_realloc(block->real, (size_t)(rows * s->width + 1) * sizeof *block->real);
		if (rows > old)
			memset(block->real + old * s->width, 0, (size_t)((rows - old) * s->width) * sizeof *block->real);
	} else {
		block->ints = tl_realloc(block->ints, (size_t)(rows * s->width + 1) * sizeof *block->ints);
		if (rows > old)
			memset(block->ints + old * s->width, 0, (size_t)((rows - old) * s->width) * sizeof *block->ints);
	}
	block->rows = rows;
}

int
tl_state_resize(tl_ctx *ctx, tl_state_block *block, int64_t rows, int64_t items)
{
	tl_model *m = tl_ctx_user(ctx);
	tl_model_instance *owner = NULL;
	tl_bound_state *s = m ? state_of_block(m, block, &owner) : NULL;

	if (tl_status(ctx))
		return -1;
	if (!s)
		return tl_fail(ctx, "tl_state_resize: the block is no declared state of a module");
	if (rows < 0 || items < 0 || rows > (int64_t)1 << 32 || items > (int64_t)1 << 36 || (s->width && rows > ((int64_t)1 << 36) / s->width))
		return tl_fail(ctx, "state %s: %lld rows of %lld cannot be meant", s->row->name, (long long)rows, (long long)s->width);
	resize(s, block, rows, items);
	return 0;
}

/* --- writing ---------------------------------------------------------------------------------------------------------------------------------- */
static void
put_number(tl_text *t, int64_t v)
{
	tl_text_bytes(t, &v, sizeof v);
}

static void
put_name(tl_text *t, const char *s)
{
	put_number(t, (int64_t)strlen(s));
	tl_text_bytes(t, s, strlen(s));
}

static void
save_copy(tl_text *t, const tl_encoder_copy *c)
{
	int n = c ? tl_weights_count(c->weights) : 0;
	size_t item = c && tl_weights_dtype(c->weights) == TL_F64 ? 8 : 4;

	put_number(t, n);
	put_number(t, (int64_t)item);
	for (int k = 0; k < n; k++) {
		const tl_weight_info *w = tl_weights_at(c->weights, k);
		put_name(t, w->name);
		put_number(t, w->count);
		tl_text_bytes(t, tl_data(w->tensor), (size_t)w->count * item);
	}
}

static void
save_block(tl_text *t, const tl_bound_state *s, const tl_state_block *b)
{
	int64_t items = s->row->kind == TL_STATE_RAGGED ? b->offsets ? b->offsets[b->rows] : 0 : b->rows * s->width;

	put_number(t, b->rows);
	put_number(t, s->width);
	put_number(t, items);
	if (s->row->kind == TL_STATE_RAGGED && b->rows)
		tl_text_bytes(t, b->offsets, (size_t)(b->rows + 1) * sizeof *b->offsets);
	if (items)
		tl_text_bytes(t, s->row->kind == TL_STATE_REAL ? (const void *)b->real : (const void *)b->ints, (size_t)items * 8);
}

static int
save_fitted(tl_model *m, tl_model_instance *i, tl_text *t)
{
	void *bytes = NULL;
	size_t n = 0;
	tl_guarded g;
	int status = 0;

	if (i->fitted) {
		tl_guard_enter(&g, i, "save");
		status = tl_guard_leave(&g, i, i->plugin->module->save(m->ctx, i->self, &bytes, &n));
	}
	put_number(t, i->fitted);
	put_number(t, (int64_t)n);
	tl_text_bytes(t, bytes, n);
	free(bytes);
	return status;
}

int
tl_model_save_state(tl_model *m, tl_text *bytes)
{
	tl_text_bytes(bytes, magic, sizeof magic);
	for (int k = 0; k < m->n; k++) {
		tl_model_instance *i = &m->instance[k];
		for (int s = 0; s < i->n_states; s++) {
			const char *field = (const char *)i->self + i->state[s].row->at;
			char *name = tl_format("%s.%s", i->name, i->state[s].row->name);
			put_name(bytes, name);
			free(name);
			put_number(bytes, i->state[s].row->kind);
			if (i->state[s].row->kind == TL_STATE_ENCODER)
				save_copy(bytes, *(tl_encoder_copy *const *)field);
			else
				save_block(bytes, &i->state[s], (const tl_state_block *)field);
		}
		if (i->plugin->module->fit) {
			put_name(bytes, i->name);
			put_number(bytes, 0);
			if (save_fitted(m, i, bytes) < 0)
				return -1;
		}
	}
	put_name(bytes, "");
	return 0;
}

/* --- reading ---------------------------------------------------------------------------------------------------------------------------------- */
struct reader { const char *at, *end; bool bad; };

static const void *
take(struct reader *r, int64_t n)
{
	const char *s = r->at;

	if (r->bad || n < 0 || n > r->end - r->at) {
		r->bad = true;
		return "";
	}
	r->at += n;
	return s;
}

static int64_t
take_number(struct reader *r)
{
	int64_t v = 0;

	if (r->bad || r->end - r->at < (int64_t)sizeof v)
		r->bad = true;
	else
		memcpy(&v, take(r, sizeof v), sizeof v);
	return v;
}

static bool
take_name(struct reader *r, char *name, size_t n)
{
	int64_t length = take_number(r);
	const char *s = take(r, length);

	if (r->bad || length >= (int64_t)n) {
		r->bad = true;
		return false;
	}
	memcpy(name, s, (size_t)length);
	name[length] = 0;
	return true;
}

static int
load_block(tl_model *m, const tl_bound_state *s, tl_state_block *b, struct reader *r)
{
	int64_t rows = take_number(r), width = take_number(r), items = take_number(r);
	const void *offsets = NULL, *values;
	bool ragged = s->row->kind == TL_STATE_RAGGED;

	if (r->bad || rows < 0 || items < 0 || width != s->width || (!ragged && (width ? items / width != rows || items % width : items)))
		return tl_fail(m->ctx, "the saved state %s does not fit: %lld rows of %lld where the width is %lld", s->row->name, (long long)rows, (long long)width, (long long)s->width);
	if (rows > (r->end - r->at) || items > (r->end - r->at) / 8)
		return tl_fail(m->ctx, "the saved state is cut off");
	if (ragged && rows)
		offsets = take(r, (rows + 1) * 8);
	values = take(r, items * 8);
	if (r->bad)
		return tl_fail(m->ctx, "the saved state is cut off");
	if (offsets) {
		int64_t before = 0;
		for (int64_t k = 0; k <= rows; k++) {
			int64_t v;
			memcpy(&v, (const char *)offsets + k * 8, 8);
			if (v < before || v > items || (!k && v))
				return tl_fail(m->ctx, "the saved state %s has offsets that do not ascend", s->row->name);
			before = v;
		}
	}
	resize(s, b, 0, 0);
	resize(s, b, rows, items);
	if (offsets)
		memcpy(b->offsets, offsets, (size_t)(rows + 1) * 8);
	if (items)
		memcpy(s->row->kind == TL_STATE_REAL ? (void *)b->real : (void *)b->ints, values, (size_t)items * 8);
	return 0;
}

static int
load_copy(tl_model *m, tl_encoder_copy *c, struct reader *r)
{
	int64_t n = take_number(r), item = take_number(r);
	char name[512];

	if (r->bad || (item != 4 && item != 8))
		return tl_fail(m->ctx, "the saved copy of the encoder does not fit this model");
	for (int64_t k = 0; k < n && !r->bad; k++) {
		bool named = take_name(r, name, sizeof name);
		int64_t count = take_number(r);
		int at = named && c ? tl_weights_find(c->weights, name) : -1;
		const void *values = count >= 0 && count < (int64_t)1 << 40 ? take(r, count * item) : take(r, -1);
		if (at < 0 || r->bad || tl_weights_at(c->weights, at)->count != count || (size_t)item != (tl_weights_dtype(c->weights) == TL_F64 ? 8 : 4))
			return tl_fail(m->ctx, "the saved copy of the encoder does not fit this model");
		memcpy(tl_data_mut(tl_weights_at(c->weights, at)->tensor), values, (size_t)(count * item));
	}
	return r->bad ? tl_fail(m->ctx, "the saved state is cut off") : 0;
}

static int
load_fitted(tl_model *m, tl_model_instance *i, struct reader *r)
{
	int64_t fitted = take_number(r), n = take_number(r);
	const void *bytes = take(r, n);
	tl_guarded g;

	if (r->bad)
		return tl_fail(m->ctx, "the saved state is cut off");
	if (!fitted)
		return 0;
	tl_guard_enter(&g, i, "load");
	if (i->fitted)
		i->plugin->module->drop(i->self);
	i->fitted = false;
	if (tl_guard_leave(&g, i, i->plugin->module->load(m->ctx, i->self, bytes, (size_t)n)) < 0)
		return -1;
	i->fitted = true;
	return 0;
}

static int
load_named(tl_model *m, const char *name, struct reader *r)
{
	int64_t kind = take_number(r);
	const char *dot = strrchr(name, '.');

	for (int k = 0; k < m->n; k++) {
		tl_model_instance *i = &m->instance[k];
		if (!kind && !strcmp(i->name, name) && i->plugin->module->fit)
			return load_fitted(m, i, r);
		for (int s = 0; kind && dot && s < i->n_states; s++) {
			char *field = (char *)i->self + i->state[s].row->at;
			if (strlen(i->name) != (size_t)(dot - name) || strncmp(name, i->name, (size_t)(dot - name)) || strcmp(dot + 1, i->state[s].row->name))
				continue;
			if (kind != i->state[s].row->kind)
				return tl_fail(m->ctx, "the saved state %s is of another kind", name);
			return kind == TL_STATE_ENCODER ? load_copy(m, *(tl_encoder_copy **)field, r) : load_block(m, &i->state[s], (tl_state_block *)field, r);
		}
	}
	return tl_fail(m->ctx, "the saved state %s belongs to no module of this model", name);
}

int
tl_model_load_state(tl_model *m, const void *bytes, size_t n)
{
	struct reader r = { bytes, (const char *)bytes + n, false };
	char name[512];

	if (n < sizeof magic || memcmp(take(&r, sizeof magic), magic, sizeof magic))
		return tl_fail(m->ctx, "the saved state does not begin as one");
	for (;;) {
		if (!take_name(&r, name, sizeof name))
			return tl_fail(m->ctx, "the saved state is cut off");
		if (!name[0])
			return 0;
		if (load_named(m, name, &r) < 0)
			return -1;
	}
}

int64_t
tl_model_state_bytes(const tl_model *m)
{
	int64_t bytes = 0;

	for (int k = 0; k < m->n; k++)
		for (int s = 0; s < m->instance[k].n_states; s++) {
			tl_model_instance *i = &m->instance[k];
			const tl_state *row = i->state[s].row;
			int64_t dim[TL_MAX_RANK], count = 8;
			int rank;
			for (int b = 0; row->kind == TL_STATE_ENCODER && m->encoder && b < m->encoder->n_weights; b++)
				bytes += m->encoder->weight[b].count * (m->compute == TL_F64 ? 8 : 4);
			if (row->kind == TL_STATE_ENCODER || !row->shape || tl_evaluate_shape(i, row->shape, 0, 0, &rank, dim, NULL) < 0)
				continue;
			for (int a = 0; a < rank; a++)
				count *= dim[a];
			bytes += count;
		}
	return bytes;
}
