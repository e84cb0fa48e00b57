/* common.cu - sums that several kernels share: tiles by shape, then the tiles in their order. */
#include "tensor/cuda/cuda.h"

enum { ROWS = 64, CHUNK = 4096 };

/* One block: ROWS rows of 32 columns, 8 rows at a time; part [tiles, d]. */
template <class T> static __global__ void
columns_kernel(int64_t n, int64_t d, const T *g, const T *m, float *part)
{
	__shared__ float sums[8][33];
	int64_t strips = (d + 31) / 32, tile = blockIdx.x / strips, column = blockIdx.x % strips * 32 + threadIdx.x, from = tile * ROWS;
	float sum = 0;

	for (int64_t i = from + threadIdx.y; i < from + ROWS && i < n && column < d; i += 8)
		sum += m ? tl_get(g, i * d + column) * tl_get(m, i * d + column) : tl_get(g, i * d + column);
	sums[threadIdx.y][threadIdx.x] = sum;
	__syncthreads();
	if (threadIdx.y == 0 && column < d) {
		for (int i = 1; i < 8; i++)
			sum += sums[i][threadIdx.x];
		part[tile * d + column] = sum;
	}
}

template <class T, class S> static int
column_sums(tl_op_call *c, int64_t n, int64_t d, const T *g, const T *m, S *to, bool fresh)
{
	int64_t tiles = (n + ROWS - 1) / ROWS;
	float *part = (float *)tl_scratch(c->ctx, (size_t)(tiles * d) * sizeof *part);

	if (!part)
		return -1;
	TL_LAUNCH(columns_kernel<T>, dim3((unsigned)(tiles * ((d + 31) / 32))), dim3(32, 8), 0, c, n, d, g, m, part);
	return tl_each(c, d, [=] __device__ (int64_t k) {
		float sum = 0;
		for (int64_t t = 0; t < tiles; t++)
			sum += part[t * d + k];
		tl_add_to(to, k, sum, fresh);
	});
}

int
tl_column_sums(tl_op_call *c, int64_t n, int64_t d, const float *g, const float *m, float *to, bool fresh)
{
	return column_sums(c, n, d, g, m, to, fresh);
}
int
tl_column_sums(tl_op_call *c, int64_t n, int64_t d, const tl_bf16 *g, const tl_bf16 *m, float *to, bool fresh)
{
	return column_sums(c, n, d, g, m, to, fresh);
}
int
tl_column_sums(tl_op_call *c, int64_t n, int64_t d, const tl_bf16 *g, const tl_bf16 *m, tl_bf16 *to, bool fresh)
{
	return column_sums(c, n, d, g, m, to, fresh);
}

template <class T> static __global__ void
sums_kernel(int64_t n, const T *x, float *part)
{
	__shared__ float warps[33];
	int64_t from = blockIdx.x * (int64_t)CHUNK;
	float sum = 0;

	for (int64_t i = from + threadIdx.x; i < from + CHUNK && i < n; i += blockDim.x)
		sum += tl_get(x, i);
	sum = tl_block_sum(sum, warps);
	if (threadIdx.x == 0)
		part[blockIdx.x] = sum;
}

template <class S> static __global__ void
last_kernel(int64_t n, const float *part, float factor, S *to, bool fresh)
{
	__shared__ float warps[33];
	float sum = 0;

	for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
		sum += part[i];
	sum = tl_block_sum(sum, warps);
	if (threadIdx.x == 0)
		tl_add_to(to, 0, factor * sum, fresh);
}

template <class T> static int
sum_all(tl_op_call *c, int64_t n, const T *x, float factor, T *to, bool fresh)
{
	int64_t tiles = (n + CHUNK - 1) / CHUNK;
	float *part = (float *)tl_scratch(c->ctx, (size_t)tiles * sizeof *part);

	if (!part)
		return -1;
	TL_LAUNCH(sums_kernel<T>, dim3((unsigned)tiles), dim3(TL_THREADS), 0, c, n, x, part);
	TL_LAUNCH(last_kernel<T>, dim3(1), dim3(TL_THREADS), 0, c, tiles, (const float *)part, factor, to, fresh);
	return tl_launched(c);
}

int
tl_sum_all(tl_op_call *c, int64_t n, const float *x, float factor, float *to, bool fresh)
{
	return sum_all(c, n, x, factor, to, fresh);
}
int
tl_sum_all(tl_op_call *c, int64_t n, const tl_bf16 *x, float factor, tl_bf16 *to, bool fresh)
{
	return sum_all(c, n, x, factor, to, fresh);
}
