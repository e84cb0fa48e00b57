/*
 * weights.c - persistent tensors. Values lie in one buffer and gradients in another, so that an optimizer, a norm or a checksum is
 * one loop.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { ALIGN = 16 }; /* elements */

struct tl_weights {
	tl_dtype dtype;
	tl_arena *arena;            /* names, infos, tensors: they never move */
	tl_weight_info **info;
	int64_t n, capacity, size;
	void *values, *gradients;
	tl_device *device;
	void *values_there, *gradients_there;
	bool host_old, device_old;  /* which side's values the other has overtaken */
};

tl_weights *
tl_weights_new(tl_dtype dtype)
{
	tl_weights *w = tl_alloc(sizeof *w);

	w->dtype = dtype;
	w->arena = tl_arena_new(0);
	return w;
}

int
tl_weights_find(const tl_weights *w, const char *name)
{
	for (int64_t i = 0; i < w->n; i++)
		if (tl_streq(w->info[i]->name, name))
			return (int)i;
	return -1;
}

int
tl_weights_add(tl_weights *w, const char *name, int rank, const int64_t *dims, bool trainable, tl_error *e)
{
	tl_weight_info *info;
	int64_t count = 1;

	if (w->values)
		return tl_error_set(e, TL_FAILED, "weight %s: added after the weights were laid out", name);
	if (tl_weights_find(w, name) >= 0)
		return tl_error_set(e, TL_USAGE, "weight %s: there are two of that name; give one of the modules another name", name);
	if (rank < 0 || rank > TL_MAX_RANK)
		return tl_error_set(e, TL_USAGE, "weight %s: rank %d; the most is %d", name, rank, TL_MAX_RANK);
	for (int i = 0; i < rank; i++)
		if (dims[i] < 0 || __builtin_mul_overflow(count, dims[i], &count) || count > (int64_t)1 << 36)
			return tl_error_set(e, TL_USAGE, "weight %s: dimension %d is %lld; the weight would have more than 2^36 numbers, or a negative size", name, i, (long long)dims[i]);
	info = tl_arena_zalloc(w->arena, sizeof *info);
	*info = (tl_weight_info){ .name = tl_arena_strdup(w->arena, name), .tensor = tl_arena_zalloc(w->arena, sizeof(tl_tensor)), .offset = w->size, .count = count,
		.trainable = trainable, .decay = rank > 1, .lr_scale = 1, .lr = -1, .weight_decay = -1 };
	info->tensor->view = (tl_view){ .dtype = w->dtype, .rank = rank, .count = count };
	if (rank)
		memcpy(info->tensor->view.dim, dims, (size_t)rank * sizeof *dims);
	info->tensor->weight = info;
	info->owner = w;
	w->info = tl_grow(w->info, w->n, &w->capacity, sizeof *w->info);
	w->info[w->n] = info;
	w->size += (count + ALIGN - 1) / ALIGN * ALIGN;
	return (int)w->n++;
}

int
tl_weights_finish(tl_weights *w, tl_error *e)
{
	size_t item = tl_dtype_bytes(w->dtype), bytes = ((size_t)w->size * item + 63) / 64 * 64 + 64;
	bool trained = false; /* a copy that is only read has no gradients */

	if (w->values)
		return 0;
	for (int64_t i = 0; i < w->n; i++)
		trained |= w->info[i]->trainable;
	w->values = aligned_alloc(64, bytes);
	w->gradients = trained ? aligned_alloc(64, bytes) : NULL;
	if (!w->values || (trained && !w->gradients))
		return tl_error_set(e, TL_ENVIRONMENT, "the weights need %.2f GB twice, and there is not that much memory", (double)bytes * 1e-9);
	memset(w->values, 0, bytes);
	if (trained)
		memset(w->gradients, 0, bytes);
	if (w->device) {
		tl_device *d = w->device;
		if (!(w->values_there = d->alloc(d, bytes)) || (trained && (!(w->gradients_there = d->alloc(d, bytes)) || d->zero(d, w->gradients_there, bytes))))
			return tl_error_set(e, TL_ENVIRONMENT, "the weights: %s", d->error);
		w->device_old = true;
		for (int64_t i = 0; i < w->n && d->bf16; i++)
			if (w->info[i]->tensor->view.rank > 1)
				d->shadow(d, (const float *)w->values_there + w->info[i]->offset, w->info[i]->count);
	}
	for (int64_t i = 0; i < w->n; i++) {
		tl_weight_info *info = w->info[i];
		info->tensor->view.data = (char *)w->values + (size_t)info->offset * item;
		info->tensor->grad = trained ? (char *)w->gradients + (size_t)info->offset * item : NULL;
	}
	return 0;
}

int
tl_weights_count(const tl_weights *w)
{
	return (int)w->n;
}

tl_weight_info *
tl_weights_at(tl_weights *w, int i)
{
	return w->info[i];
}

/* --- two sides: the host's memory and a device's --- */

static size_t
value_bytes(const tl_weights *w)
{
	return (size_t)w->size * tl_dtype_bytes(w->dtype);
}

void
tl_weights_on(tl_weights *w, tl_device *d)
{
	w->device = d;
}

tl_device *
tl_weights_device(const tl_weights *w)
{
	return w->device;
}

/* The host's values as they are now; without them training is lost, so an error of the device stays in its error. */
static void
pull(tl_weights *w)
{
	if (w->host_old && !w->device->download(w->device, w->values, w->values_there, value_bytes(w)))
		w->host_old = false;
}

void *
tl_weights_there(tl_weights *w, bool changed)
{
	if (w->device_old) {
		/* the host may write its values again at once, so this copy is waited for */
		if (w->device->upload(w->device, w->values_there, w->values, value_bytes(w)) || w->device->wait(w->device))
			return NULL;
		w->device_old = false;
	}
	w->host_old |= changed;
	return w->values_there;
}

void *
tl_weights_gradients_there(tl_weights *w)
{
	return w->gradients_there;
}

void *
tl_weights_values(tl_weights *w)
{
	pull(w);
	w->device_old = w->device != NULL;
	return w->values;
}

const void *
tl_weight_read(const tl_weight_info *info)
{
	pull(info->owner);
	return info->tensor->view.data;
}

void *
tl_weights_gradients(tl_weights *w)
{
	if (w->device && w->gradients_there)
		w->device->download(w->device, w->gradients, w->gradients_there, value_bytes(w));
	return w->gradients;
}

tl_view
tl_view_here(tl_ctx *ctx, const tl_tensor *x)
{
	tl_view v = x->view;
	char *there;

	if (!ctx->device || (x->narrow && tl_widened(ctx, x)) || !x->weight)
		return v;
	if (!(there = tl_weights_there(x->weight->owner, false))) {
		tl_fail(ctx, "the weights could not be copied to the device: %s", ctx->device->error);
		return v;
	}
	v.data = there + (size_t)x->weight->offset * tl_dtype_bytes(v.dtype);
	return v;
}

int
tl_device_blend(tl_ctx *ctx, tl_tensor *to, const tl_tensor *from, double momentum)
{
	tl_view a = tl_view_here(ctx, to), b = tl_view_here(ctx, from);

	if (tl_status(ctx))
		return -1;
	if (to->weight)
		to->weight->owner->host_old = true;
	return ctx->device->blend(ctx->device, a.data, b.data, a.count, momentum) ? tl_fail(ctx, "tl_blend: %s", ctx->device->error) : 0;
}

int64_t
tl_weights_size(const tl_weights *w)
{
	return w->size;
}

tl_dtype
tl_weights_dtype(const tl_weights *w)
{
	return w->dtype;
}

struct zero_job { char *p; size_t bytes; };
enum { ZERO_TILE = 1 << 20 };

static void
zero_tile(void *arg, int64_t i)
{
	const struct zero_job *j = arg;
	size_t from = (size_t)i * ZERO_TILE;

	memset(j->p + from, 0, TL_MIN((size_t)ZERO_TILE, j->bytes - from));
}

void
tl_weights_zero_gradients(tl_weights *w, tl_pool *pool)
{
	struct zero_job j = { w->gradients, (size_t)w->size * tl_dtype_bytes(w->dtype) };

	if (w->device && w->gradients_there)
		w->device->zero(w->device, w->gradients_there, j.bytes);
	else if (j.p)
		tl_pool_run(pool, (int64_t)((j.bytes + ZERO_TILE - 1) / ZERO_TILE), zero_tile, &j);
}

void
tl_weights_hash(const tl_weights *w, char hex[65])
{
	tl_sha *s = tl_sha_new();

	if (w->n)
		tl_weight_read(w->info[0]);
	for (int64_t i = 0; i < w->n; i++) {
		const tl_weight_info *info = w->info[i];
		const tl_view *v = &info->tensor->view;
		tl_sha_add(s, info->name, strlen(info->name) + 1);
		tl_sha_add(s, v->dim, (size_t)v->rank * sizeof v->dim[0]);
		if (v->data)
			tl_sha_add(s, v->data, (size_t)v->count * tl_dtype_bytes(w->dtype));
	}
	tl_sha_end(s, hex);
}

tl_weights *
tl_weights_clone(const tl_weights *w, const char *prefix)
{
	tl_weights *copy = tl_weights_new(w->dtype);

	copy->device = w->device;
	if (w->n)
		tl_weight_read(w->info[0]);
	for (int64_t i = 0; i < w->n; i++)
		if (!prefix || tl_starts(w->info[i]->name, prefix))
			tl_weights_add(copy, w->info[i]->name, w->info[i]->tensor->view.rank, w->info[i]->tensor->view.dim, false, NULL);
	if (tl_weights_finish(copy, NULL)) {
		tl_weights_free(copy);
		return NULL;
	}
	for (int64_t i = 0; i < copy->n; i++) {
		const tl_view *v = &copy->info[i]->tensor->view;
		memcpy(v->data, w->info[tl_weights_find(w, copy->info[i]->name)]->tensor->view.data, (size_t)v->count * tl_dtype_bytes(w->dtype));
	}
	return copy;
}

void
tl_weights_free(tl_weights *w)
{
	if (!w)
		return;
	if (w->values_there && w->device->bf16)
		w->device->shadow_end(w->device, w->values_there, w->size);
	if (w->values_there)
		w->device->release(w->device, w->values_there);
	if (w->gradients_there)
		w->device->release(w->device, w->gradients_there);
	free(w->values);
	free(w->gradients);
	free(w->info);
	tl_arena_free(w->arena);
	free(w);
}
