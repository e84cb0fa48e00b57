/*
 * parts.h - a sum over many elements in double: CHUNK elements by each block, then the blocks' parts by one block. Two launches.
 */
#ifndef HOST_TENSOR_CUDA_PARTS_H
#define HOST_TENSOR_CUDA_PARTS_H

#include "tensor/cuda/cuda.h"

enum { TL_PART = 4096 };

template <class F> static __global__ void
tl_parts_kernel(int64_t n, F f, double *part)
{
	__shared__ double warps[33];
	int64_t from = blockIdx.x * (int64_t)TL_PART, to = from + TL_PART < n ? from + TL_PART : n;
	double sum = 0;

	for (int64_t i = from + threadIdx.x; i < to; i += blockDim.x)
		sum += f(i);
	sum = tl_block_sum(sum, warps);
	if (threadIdx.x == 0)
		part[blockIdx.x] = sum;
}

template <class T> static __global__ void
tl_parts_end_kernel(int64_t n, const double *part, double factor, T *to)
{
	__shared__ double warps[33];
	double sum = 0;

	for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
		sum += part[i];
	sum = tl_block_sum(sum, warps);
	if (threadIdx.x == 0)
		tl_set(to, 0, (float)(sum * factor));
}

/* How many parts the sum of n elements has. */
static inline int64_t
tl_parts(int64_t n)
{
	return (n + TL_PART - 1) / TL_PART;
}
/* part[i] = the sums of f over each piece of [0, n). f may also write what belongs to its element. */
template <class F> static inline int
tl_parts_of(tl_op_call *c, int64_t n, F f, double *part)
{
	TL_LAUNCH(tl_parts_kernel<F>, dim3((unsigned)tl_parts(n)), dim3(TL_THREADS), 0, c, n, f, part);
	return tl_launched(c);
}
/* to[0] = factor * the sum of n parts. */
template <class T> static inline int
tl_parts_end(tl_op_call *c, int64_t n, const double *part, double factor, T *to)
{
	TL_LAUNCH(tl_parts_end_kernel<T>, dim3(1), dim3(TL_THREADS), 0, c, n, part, factor, to);
	return tl_launched(c);
}
/* to[0] = factor * the sum of f(i) for i in [0, n). */
template <class T, class F> static inline int
tl_sum_of(tl_op_call *c, int64_t n, F f, double factor, T *to)
{
	double *part = (double *)tl_scratch(c->ctx, (size_t)tl_parts(n) * sizeof *part);

	if (!part || tl_parts_of(c, n, f, part))
		return -1;
	return tl_parts_end(c, tl_parts(n), part, factor, to);
}

#endif
