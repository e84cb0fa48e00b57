/*
 * optimizer.cu - AdamW, Adam and SGD over the flat weight buffers, a block for each tile (host/train/optimizer.c has the equations). The
 * norm is a sum of tile sums in tile order, in double; it stays on the device, where the update reads it: nothing waits. A norm that is
 * not finite stops this step and all that follow, so that the sums that show where it came from are still there when the host looks.
 */
#include "tensor/cuda/inside.h"

#include <stdlib.h>

struct global { double norm, clip; int stopped; };

struct tl_device_optimizer {
	int64_t n;
	int weights;
	tl_device_tile *tile;
	tl_device_rate *rate;
	double *sum;
	struct global *global;
	tl_bf16 **half;           /* [n] where each tile's numbers lie in bf16 as well; NULL: nowhere */
	tl_bf16 **host;           /* the same, to be sent */
	tl_device_tile *at;       /* the tiles on the host */
	int made;                 /* shadows there were when it was sent */
};

__device__ static inline double
sum_of_block(double v, double *part)
{
	int lane = threadIdx.x % 32, warp = threadIdx.x / 32;

	for (int by = 16; by; by >>= 1)
		v += __shfl_xor_sync(0xffffffffu, v, by);
	if (!lane)
		part[warp] = v;
	__syncthreads();
	v = 0;
	for (int i = 0; i < (int)blockDim.x / 32; i++)
		v += part[i];
	return v;
}

static __global__ void
squares_kernel(const tl_device_tile *tile, const float *g, double *sum, const global *all)
{
	__shared__ double part[32];
	tl_device_tile t = tile[blockIdx.x];
	double v = 0;

	if (all->stopped) /* the same for every thread of the grid */
		return;
	for (int i = threadIdx.x; i < t.n; i += blockDim.x)
		v += (double)g[t.from + i] * (double)g[t.from + i], tl_moved(4, 0);
	v = sum_of_block(v, part);
	if (!threadIdx.x)
		sum[blockIdx.x] = v;
}

static __global__ void
norm_kernel(int64_t n, const double *sum, double clip, global *all)
{
	__shared__ double part[32];
	double v = 0;
	bool stopped = all->stopped;

	for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
		v += sum[i];
	v = sqrt(sum_of_block(v, part));
	if (threadIdx.x || stopped)
		return;
	all->norm = v;
	all->stopped = !isfinite(v);
	all->clip = clip > 0 ? fmin(1.0, clip / (v + 1e-6)) : 1;
}

static __global__ void
adam_kernel(const tl_device_tile *tile, const tl_device_rate *rate, const global *all, tl_device_step s, float *w, float *g, float *m, float *v, tl_bf16 *const *halves)
{
	tl_bf16 *half = halves ? halves[blockIdx.x] : NULL;
	tl_device_tile t = tile[blockIdx.x];
	tl_device_rate r = rate[t.weight];
	float clip = (float)all->clip, keep = (float)(1 - r.rate * s.factor * r.decay), l2 = (float)r.l2, b1 = (float)(1 - s.beta1), b2 = (float)s.beta2, c2 = (float)(1 - s.beta2), eps = (float)s.eps,
	      size = (float)(r.rate * s.factor / s.bias1), correction = (float)s.correction;

	if (all->stopped)
		return;
	for (int64_t i = t.from + threadIdx.x; i < t.from + t.n; i += blockDim.x) {
		float x = g[i] * clip + l2 * w[i];
		float mean = m[i] + (x - m[i]) * b1;
		float square = v[i] * b2 + x * x * c2;
		m[i] = mean;
		v[i] = square;
		x = w[i] * keep - size * (mean / (sqrtf(square) / correction + eps));
		w[i] = x;
		g[i] = 0;
		tl_moved(16, 16);
		if (half)
			tl_set(half, i - t.from, x);
	}
}

static __global__ void
sgd_kernel(const tl_device_tile *tile, const tl_device_rate *rate, const global *all, tl_device_step s, float *w, float *g, float *m, tl_bf16 *const *halves)
{
	tl_bf16 *half = halves ? halves[blockIdx.x] : NULL;
	tl_device_tile t = tile[blockIdx.x];
	tl_device_rate r = rate[t.weight];
	float clip = (float)all->clip, l2 = (float)r.l2, momentum = (float)s.beta1, size = (float)(r.rate * s.factor);

	if (all->stopped)
		return;
	for (int64_t i = t.from + threadIdx.x; i < t.from + t.n; i += blockDim.x) {
		m[i] = m[i] * momentum + (g[i] * clip + l2 * w[i]);
		w[i] -= size * m[i];
		g[i] = 0;
		tl_moved(12, 12);
		if (half)
			tl_set(half, i - t.from, w[i]);
	}
}

static void
optimizer_free(tl_device *d, tl_device_optimizer *o)
{
	if (!o)
		return;
	d->release(d, o->tile);
	d->release(d, o->rate);
	d->release(d, o->sum);
	d->release(d, o->global);
	d->release(d, o->half);
	d->release_host(d, o->host);
	free(o->at);
	free(o);
}

static tl_device_optimizer *
optimizer_new(tl_device *d, int64_t n, const tl_device_tile *tile, int weights)
{
	tl_device_optimizer *o = (tl_device_optimizer *)calloc(1, sizeof *o);
	size_t tiles = (size_t)(n + 1) * sizeof *tile;

	o->n = n;
	o->weights = weights;
	if ((o->tile = (tl_device_tile *)d->alloc(d, tiles)) && (o->rate = (tl_device_rate *)d->alloc(d, (size_t)(weights + 1) * sizeof *o->rate)) &&
	    (o->sum = (double *)d->alloc(d, (size_t)(n + 1) * sizeof *o->sum)) && (o->global = (struct global *)d->alloc(d, sizeof *o->global)) &&
	    (o->half = (tl_bf16 **)d->alloc(d, (size_t)(n + 1) * sizeof *o->half)) && (o->host = (tl_bf16 **)d->alloc_host(d, (size_t)(n + 1) * sizeof *o->host)) &&
	    (o->at = (tl_device_tile *)malloc(tiles)) && memcpy(o->at, tile, (size_t)n * sizeof *tile) && !d->upload(d, o->tile, tile, (size_t)n * sizeof *tile) && !d->zero(d, o->global, sizeof *o->global) && !d->wait(d))
		return o;
	optimizer_free(d, o);
	return NULL;
}

static int
optimizer_rates(tl_device *d, tl_device_optimizer *o, const tl_device_rate *rate, int weights)
{
	return d->upload(d, o->rate, rate, (size_t)weights * sizeof *rate) || d->wait(d) ? -1 : 0;
}

/* Where the tiles' numbers lie in bf16 as well; sent again only after a product has asked for a weight for the first time. */
static int
halves_there(tl_device *d, tl_device_optimizer *o, const float *w)
{
	if (o->made == tl_shadows_made(d))
		return 0;
	if (d->wait(d)) /* the memory may still be read */
		return -1;
	for (int64_t i = 0; i < o->n; i++)
		o->host[i] = tl_shadow_there(d, w + o->at[i].from);
	o->made = tl_shadows_made(d);
	return d->upload(d, o->half, o->host, (size_t)o->n * sizeof *o->half);
}

static int
optimizer_step(tl_device *d, tl_device_optimizer *o, const tl_device_step *s, float *w, float *g, float *m, float *v, double *report)
{
	dim3 grid((unsigned)o->n);
	cudaError_t e;
	tl_device_step step = *s;
	tl_bf16 **halves;

	if (halves_there(d, o, w))
		return -1;
	halves = o->made ? o->half : NULL;
	TL_LAUNCH_ON(d, squares_kernel, grid, dim3(TL_THREADS), 0, o->tile, g, o->sum, o->global);
	TL_LAUNCH_ON(d, norm_kernel, dim3(1), dim3(1024), 0, o->n, o->sum, step.clip, o->global);
	if (v)
		TL_LAUNCH_ON(d, adam_kernel, grid, dim3(TL_THREADS), 0, o->tile, o->rate, o->global, step, w, g, m, v, halves);
	else
		TL_LAUNCH_ON(d, sgd_kernel, grid, dim3(TL_THREADS), 0, o->tile, o->rate, o->global, step, w, g, m, halves);
	if ((e = cudaGetLastError()) != cudaSuccess) {
		snprintf(d->error, sizeof d->error, "the device refused a launch: %s", cudaGetErrorString(e));
		return -1;
	}
	return d->fetch(d, report, &o->global->norm, sizeof *report);
}

static int
optimizer_sums(tl_device *d, tl_device_optimizer *o, double *sum)
{
	return d->download(d, sum, o->sum, (size_t)o->n * sizeof *sum);
}

void
tl_optimizer_functions(tl_device *d)
{
	d->optimizer = optimizer_new;
	d->optimizer_free = optimizer_free;
	d->optimizer_rates = optimizer_rates;
	d->optimizer_step = optimizer_step;
	d->optimizer_sums = optimizer_sums;
}
