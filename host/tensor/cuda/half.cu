/*
 * half.cu - precision = "bf16": numbers rounded for products, and the copies of weights ("shadows"). A shadow is allocated and filled when the first product
 * asks for its weight, so that tables of embeddings have none; from then on the optimizer writes it with the weight. What else writes into a
 * weight (a copy from the host, an average) makes the shadow old, and the next product that asks fills it again.
 */
#include "tensor/cuda/inside.h"

#include <stdlib.h>

struct copy { const float *from; int64_t n; tl_bf16 *to; bool fresh; };
struct shadows {
	struct copy *list; /* by address */
	int n, capacity, made; /* made: grows with every copy that is allocated or given back */
};

/* Four at a time where both addresses allow. */
static __global__ void
halve_kernel(int64_t n, const float *x, tl_bf16 *y, bool aligned)
{
	for (int64_t i = 4 * (blockIdx.x * (int64_t)blockDim.x + threadIdx.x); i < n; i += 4 * (int64_t)gridDim.x * blockDim.x) {
		if (aligned)
			tl_store_four(y, i, n, tl_load_four(x, i, n));
		for (int64_t k = i; !aligned && k < n && k < i + 4; k++)
			tl_set(y, k, tl_get(x, k));
	}
}

static __global__ void
widen_kernel(int64_t n, const tl_bf16 *x, float *y)
{
	for (int64_t i = 4 * (blockIdx.x * (int64_t)blockDim.x + threadIdx.x); i < n; i += 4 * (int64_t)gridDim.x * blockDim.x)
		tl_store_four(y, i, n, tl_load_four(x, i, n));
}

static int
launched(tl_device *d)
{
	cudaError_t e = cudaGetLastError();

	if (e == cudaSuccess)
		return 0;
	snprintf(d->error, sizeof d->error, "the device refused a launch: %s", cudaGetErrorString(e));
	return -1;
}

static int
halve(tl_device *d, void *to, const float *from, int64_t n)
{
	TL_LAUNCH_ON(d, halve_kernel, tl_blocks_for((n + 3) / 4), dim3(TL_THREADS), 0, n, from, (tl_bf16 *)to, !((uintptr_t)from % 16) && !((uintptr_t)to % 8));
	return launched(d);
}

/* Both begin where tensors begin. */
static int
widen(tl_device *d, float *to, const void *from, int64_t n)
{
	TL_LAUNCH_ON(d, widen_kernel, tl_blocks_for((n + 3) / 4), dim3(TL_THREADS), 0, n, (const tl_bf16 *)from, to);
	return launched(d);
}

static struct shadows *
all(const tl_device *d)
{
	return (struct shadows *)d->shadows;
}

/* The first that ends behind x. */
static int
place(const struct shadows *s, const float *x)
{
	int low = 0, high = s->n;

	while (low < high) {
		int middle = (low + high) / 2;
		if (s->list[middle].from + s->list[middle].n <= x)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int
shadow(tl_device *d, const float *w, int64_t n)
{
	struct shadows *s = all(d);
	int at = place(s, w);

	if (!n)
		return 0;
	if (s->n == s->capacity)
		s->list = (struct copy *)realloc(s->list, (size_t)(s->capacity = 2 * s->capacity + 64) * sizeof *s->list);
	memmove(s->list + at + 1, s->list + at, (size_t)(s->n++ - at) * sizeof *s->list);
	s->list[at] = copy{ w, n, NULL, false };
	return 0;
}

static void
shadow_end(tl_device *d, const float *w, int64_t n)
{
	struct shadows *s = all(d);
	int from = place(s, w), to = from;

	for (; to < s->n && s->list[to].from < w + n; to++)
		if (s->list[to].to) {
			d->release(d, s->list[to].to);
			s->made++;
		}
	memmove(s->list + from, s->list + to, (size_t)(s->n - to) * sizeof *s->list);
	s->n -= to - from;
}

int
tl_shadow_at(tl_device *d, const float *x, const tl_bf16 **half)
{
	struct shadows *s = all(d);
	int i = place(s, x);
	struct copy *w = s->list + i;

	*half = NULL;
	if (i == s->n || x < w->from)
		return 0;
	if (!w->to) {
		if (!(w->to = (tl_bf16 *)d->alloc(d, (size_t)w->n * sizeof *w->to)))
			return -1;
		s->made++;
	}
	if (!w->fresh && halve(d, w->to, w->from, w->n))
		return -1;
	w->fresh = true;
	*half = w->to + (x - w->from);
	return 0;
}

tl_bf16 *
tl_shadow_there(tl_device *d, const float *x)
{
	const struct shadows *s = all(d);
	int i = place(s, x);

	return i < s->n && x >= s->list[i].from && s->list[i].to ? s->list[i].to + (x - s->list[i].from) : NULL;
}

int
tl_shadows_made(const tl_device *d)
{
	return all(d)->made;
}

void
tl_shadows_old(tl_device *d, const void *p, size_t bytes)
{
	struct shadows *s = all(d);

	for (int i = s->n ? place(s, (const float *)p) : 0; i < s->n && (const char *)s->list[i].from < (const char *)p + bytes; i++)
		s->list[i].fresh = false;
}

void
tl_shadows_open(tl_device *d)
{
	d->shadows = calloc(1, sizeof(struct shadows));
	d->halve = halve;
	d->widen = widen;
	d->shadow = shadow;
	d->shadow_end = shadow_end;
}

void
tl_shadows_close(tl_device *d)
{
	struct shadows *s = all(d);

	for (int i = 0; i < s->n; i++)
		if (s->list[i].to)
			d->release(d, s->list[i].to);
	free(s->list);
	free(s);
	d->shadows = NULL;
}
