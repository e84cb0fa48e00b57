/*
 * optimizer.c - AdamW, Adam and SGD with momentum over the flat weight buffers.
 * The buffers are cut into tiles by the weights' shapes alone; the global norm is a sum of tile sums in tile order, so that any number of
 * threads gives the same bits.
 */
#include "loop.h"
#include "tensor/device.h"
#include "update.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { TILE = TL_DEVICE_TILE };

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
	char *values, *gradients; /* the weights' of this step */
	void *m, *v;
	int64_t steps;
	size_t item;
	/* on a device: the moments there, and which side's are current */
	tl_device *device;
	tl_device_optimizer *there;
	void *m_there, *v_there;
	bool host_old, device_old, told;
	double *late;         /* where a norm that is waited for arrives */
};

static size_t
item_size(const tl_weights *w)
{
	return tl_weights_dtype(w) == TL_F64 ? sizeof(double) : sizeof(float);
}

static size_t
moment_bytes(const tl_optimizer *o)
{
	return (size_t)(tl_weights_size(o->w) + 1) * o->item;
}

int
tl_optimizer_on(tl_optimizer *o, tl_error *e)
{
	tl_device *d = o->device = tl_weights_device(o->w);
	int weights = tl_weights_count(o->w);
	tl_device_tile *tile;
	int bad;

	if (!d)
		return 0;
	tile = tl_alloc((size_t)(o->n_tiles + 1) * sizeof *tile);
	for (int64_t i = 0; i < o->n_tiles; i++)
		tile[i] = (tl_device_tile){ o->tile[i].from, (int32_t)o->tile[i].n, o->tile[i].weight };
	o->there = d->optimizer(d, o->n_tiles, tile, weights);
	free(tile);
	bad = !o->there || !(o->late = d->alloc_host(d, sizeof *o->late)) || !(o->m_there = d->alloc(d, moment_bytes(o))) || d->zero(d, o->m_there, moment_bytes(o)) ||
	      (o->v && (!(o->v_there = d->alloc(d, moment_bytes(o))) || d->zero(d, o->v_there, moment_bytes(o))));
	return bad ? tl_error_set(e, TL_ENVIRONMENT, "the optimizer's moments: %s", d->error) : 0;
}

/* What the layers above set for each weight, read once before the first step. */
static int
rates_there(tl_optimizer *o)
{
	int n = tl_weights_count(o->w), status;
	tl_device_rate *rate = tl_alloc((size_t)(n + 1) * sizeof *rate);

	for (int i = 0; i < n; i++) {
		const tl_weight_info *x = tl_weights_at(o->w, i);
		double decay = !x->decay ? 0 : x->weight_decay >= 0 ? x->weight_decay : o->plan.weight_decay;
		rate[i] = (tl_device_rate){ (x->lr >= 0 ? x->lr : o->plan.lr) * x->lr_scale, o->plan.optimizer == TL_ADAMW ? decay : 0, o->plan.optimizer == TL_ADAMW ? 0 : decay };
	}
	status = o->device->optimizer_rates(o->device, o->there, rate, n);
	free(rate);
	return status;
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
	const char *g = o->gradients + (size_t)t->from * o->item;

	o->sum[i] = o->item == sizeof(double) ? o->set->squares64((const double *)(const void *)g, t->n) : o->set->squares32((const float *)(const void *)g, t->n);
}

static void
update(void *arg, int64_t i)
{
	tl_optimizer *o = arg;
	const struct tile *t = &o->tile[i];
	const tl_update *u = &o->update[t->weight];
	size_t at = (size_t)t->from * o->item;
	void *w = o->values + at, *g = o->gradients + at, *m = (char *)o->m + at, *v = o->v ? (char *)o->v + at : NULL;

	if (o->item == sizeof(double))
		v ? o->set->adam64(u, w, g, m, v, t->n) : o->set->sgd64(u, w, g, m, t->n);
	else
		v ? o->set->adam32(u, w, g, m, v, t->n) : o->set->sgd32(u, w, g, m, t->n);
}

/* The same equations there; the norm arrives in *norm, which is alloc_host'd, some time after. */
int
tl_optimizer_step_there(tl_optimizer *o, double lr_factor, double *norm)
{
	const tl_plan *p = &o->plan;
	tl_device *d = o->device;
	bool sgd = p->optimizer == TL_SGD;
	float *w = tl_weights_there(o->w, true), *g = tl_weights_gradients_there(o->w);
	tl_device_step s;

	if (o->device_old && (d->upload(d, o->m_there, o->m, moment_bytes(o)) || (o->v && d->upload(d, o->v_there, o->v, moment_bytes(o))) || d->wait(d)))
		return -1;
	if (!w || (!o->told && rates_there(o)))
		return -1;
	o->told = true;
	o->device_old = false;
	o->host_old = true;
	o->steps++;
	s = (tl_device_step){ p->clip, lr_factor, sgd ? p->momentum : p->beta1, p->beta2, p->eps, sgd ? 1 : 1 - pow(p->beta1, (double)o->steps), sgd ? 1 : sqrt(1 - pow(p->beta2, (double)o->steps)) };
	return d->optimizer_step(d, o->there, &s, w, g, o->m_there, o->v_there, norm);
}

int
tl_optimizer_step(tl_optimizer *o, double lr_factor, double *norm)
{
	const tl_plan *p = &o->plan;
	double sum = 0, clip = 1, bias1, bias2;

	if (o->device) {
		*norm = NAN;
		if (tl_optimizer_step_there(o, lr_factor, o->late) || o->device->wait(o->device))
			return -1;
		*norm = *o->late;
		return isfinite(*norm) ? 0 : -1;
	}

	o->values = tl_weights_values(o->w); /* here, for it writes down that the host has them */
	o->gradients = tl_weights_gradients(o->w);
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
tl_optimizer_bad(tl_optimizer *o)
{
	if (o->device)
		o->device->optimizer_sums(o->device, o->there, o->sum);
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
	tl_device *d = o->device;

	if (d && o->host_old && !d->download(d, o->m, o->m_there, moment_bytes(o)) && (!o->v || !d->download(d, o->v, o->v_there, moment_bytes(o))))
		o->host_old = false;
	o->device_old = d != NULL; /* the caller may write */
	return which ? o->v : o->m;
}

void
tl_optimizer_free(tl_optimizer *o)
{
	if (!o)
		return;
	if (o->device) {
		o->device->wait(o->device);
		o->device->optimizer_free(o->device, o->there);
		if (o->m_there)
			o->device->release(o->device, o->m_there);
		if (o->v_there)
			o->device->release(o->device, o->v_there);
		if (o->late)
			o->device->release_host(o->device, o->late);
	}
	free(o->tile);
	free(o->sum);
	free(o->update);
	free(o->m);
	free(o->v);
	free(o);
}
