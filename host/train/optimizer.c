/*
 * optimizer.c - AdamW, Adam and SGD with momentum over the flat weight buffers.
 * The buffers are cut into tiles by the weights' shapes alone; the global norm is a sum of tile sums in tile order, so that any number of
 * threads gives the same bits.
 */
#include "loop.h"
#include "update.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { TILE = 16384 };

struct tile { int weight; int64_t from, n; };

struct tl_optimizer {
	tl_weights *w;
	tl_plan plan;
	tl_pool *pool;
	const tl_update_set *set;
	int64_t n_tiles;
	struct tile *tile;
	double *sum;          /* [n_tiles] */
	tl_update *update;    /* [weights] of this step */
	void *m, *v;
	int64_t steps;
	size_t item;
};

static size_t
item_size(const tl_weights *w)
{
	return tl_weights_dtype(w) == TL_F64 ? sizeof(double) : sizeof(float);
}

tl_optimizer *
tl_optimizer_new(tl_weights *w, const tl_plan *p, tl_pool *pool)
{
	tl_optimizer *o = tl_alloc(sizeof *o);
	const char *isa = tl_isa();
	int64_t capacity = 0;

	*o = (tl_optimizer){ .w = w, .plan = *p, .pool = pool, .item = item_size(w) };
	o->set = !strcmp(isa, "avx512") ? &tl_update_avx512 : !strcmp(isa, "avx2") ? &tl_update_avx2 : &tl_update_plain;
	for (int i = 0; i < tl_weights_count(w); i++) {
		const tl_weight_info *x = tl_weights_at(w, i);
		for (int64_t at = 0; x->trainable && at < x->count; at += TILE) {
			o->tile = tl_grow(o->tile, o->n_tiles, &capacity, sizeof *o->tile);
			o->tile[o->n_tiles++] = (struct tile){ i, x->offset + at, TL_MIN((int64_t)TILE, x->count - at) };
		}
	}
	o->sum = tl_alloc((size_t)(o->n_tiles + 1) * sizeof *o->sum);
	o->update = tl_alloc((size_t)(tl_weights_count(w) + 1) * sizeof *o->update);
	o->m = tl_alloc((size_t)(tl_weights_size(w) + 1) * o->item);
	if (p->optimizer != TL_SGD)
		o->v = tl_alloc((size_t)(tl_weights_size(w) + 1) * o->item);
	return o;
}

/* Number behind ".layer." in a weight's name, or -1. */
static int64_t
block_of(const char *name)
{
	const char *p = strstr(name, ".layer.");

	return p && isdigit((unsigned char)p[7]) ? atoll(p + 7) : -1;
}

void
tl_layer_decay(tl_weights *w, const char *encoder, double decay)
{
	size_t n = strlen(encoder);
	int64_t blocks = 0;

	for (int i = 0; i < tl_weights_count(w); i++) {
		const char *name = tl_weights_at(w, i)->name;
		if (!strncmp(name, encoder, n) && name[n] == '.')
			blocks = TL_MAX(blocks, block_of(name + n) + 1);
	}
	for (int i = 0; i < tl_weights_count(w); i++) {
		tl_weight_info *x = tl_weights_at(w, i);
		int64_t block = block_of(x->name + TL_MIN(n, strlen(x->name)));
		if (strncmp(x->name, encoder, n) || x->name[n] != '.')
			continue;
		/* Blocks count from 1; what lies below the first is layer 0, what lies above the last (a pooler) keeps the full rate. */
		if (block >= 0)
			x->lr_scale = pow(decay, (double)(blocks - block - 1));
		else if (strstr(x->name + n, "embedding"))
			x->lr_scale = pow(decay, (double)blocks);
		else
			x->lr_scale = 1;
	}
}

static void
squares(void *arg, int64_t i)
{
	tl_optimizer *o = arg;
	const struct tile *t = &o->tile[i];
	const char *g = (const char *)tl_weights_gradients(o->w) + (size_t)t->from * o->item;

	o->sum[i] = o->item == sizeof(double) ? o->set->squares64((const double *)(const void *)g, t->n) : o->set->squares32((const float *)(const void *)g, t->n);
}

static void
update(void *arg, int64_t i)
{
	tl_optimizer *o = arg;
	const struct tile *t = &o->tile[i];
	const tl_update *u = &o->update[t->weight];
	size_t at = (size_t)t->from * o->item;
	void *w = (char *)tl_weights_values(o->w) + at, *g = (char *)tl_weights_gradients(o->w) + at, *m = (char *)o->m + at, *v = o->v ? (char *)o->v + at : NULL;

	if (o->item == sizeof(double))
		v ? o->set->adam64(u, w, g, m, v, t->n) : o->set->sgd64(u, w, g, m, t->n);
	else
		v ? o->set->adam32(u, w, g, m, v, t->n) : o->set->sgd32(u, w, g, m, t->n);
}

int
tl_optimizer_step(tl_optimizer *o, double lr_factor, double *norm)
{
	const tl_plan *p = &o->plan;
	double sum = 0, clip = 1, bias1, bias2;

	tl_pool_run(o->pool, o->n_tiles, squares, o);
	for (int64_t i = 0; i < o->n_tiles; i++)
		sum += o->sum[i];
	*norm = sqrt(sum);
	if (!isfinite(*norm))
		return -1;
	if (p->clip > 0)
		clip = TL_MIN(1.0, p->clip / (*norm + 1e-6));
	o->steps++;
	bias1 = 1 - pow(p->beta1, (double)o->steps);
	bias2 = 1 - pow(p->beta2, (double)o->steps);
	for (int i = 0; i < tl_weights_count(o->w); i++) {
		const tl_weight_info *x = tl_weights_at(o->w, i);
		double lr = (x->lr >= 0 ? x->lr : p->lr) * x->lr_scale * lr_factor;
		double decay = !x->decay ? 0 : x->weight_decay >= 0 ? x->weight_decay : p->weight_decay;
		o->update[i] = (tl_update){
			.clip = clip, .decay = p->optimizer == TL_ADAMW ? lr * decay : 0, .l2 = p->optimizer == TL_ADAMW ? 0 : decay,
			.beta1 = p->optimizer == TL_SGD ? p->momentum : p->beta1, .beta2 = p->beta2, .eps = p->eps,
			.size = p->optimizer == TL_SGD ? lr : lr / bias1, .correction = sqrt(bias2),
		};
	}
	tl_pool_run(o->pool, o->n_tiles, update, o);
	return 0;
}

const char *
tl_optimizer_bad(const tl_optimizer *o)
{
	for (int64_t i = o->n_tiles - 1; i >= 0; i--)
		if (!isfinite(o->sum[i]))
			return tl_weights_at(o->w, o->tile[i].weight)->name;
	return NULL;
}

int64_t
tl_optimizer_steps(const tl_optimizer *o)
{
	return o->steps;
}

void
tl_optimizer_set_steps(tl_optimizer *o, int64_t steps)
{
	o->steps = steps;
}

void *
tl_optimizer_moment(tl_optimizer *o, int which)
{
	return which ? o->v : o->m;
}

void
tl_optimizer_free(tl_optimizer *o)
{
	if (!o)
		return;
	free(o->tile);
	free(o->sum);
	free(o->update);
	free(o->m);
	free(o->v);
	free(o);
}
