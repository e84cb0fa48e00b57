/*
 * segment.h - x [T, m] packed by offsets [B + 1], a block of 32 columns x 8 rows at a time for each segment's strip of 32 columns. Rows
 * are taken by eight, and the eight results put together in their order.
 */
#ifndef HOST_TENSOR_CUDA_SEGMENT_H
#define HOST_TENSOR_CUDA_SEGMENT_H

#include "tensor/cuda/cuda.h"

constexpr int TL_STRIP = 32, TL_LANES = 8;

struct tl_strip { int64_t segment, from, to, column; int lane; bool there; }; /* rows [from, to) of a column, by `lane` of 8; not there: beyond the last column */
__device__ static inline tl_strip
tl_strip_of(const int32_t *at, int64_t m)
{
	int64_t strips = (m + TL_STRIP - 1) / TL_STRIP;
	tl_strip s = { blockIdx.x / strips, 0, 0, blockIdx.x % strips * TL_STRIP + threadIdx.x, (int)threadIdx.y, false };

	s.there = s.column < m;
	s.from = s.there ? at[s.segment] : 0;
	s.to = s.there ? at[s.segment + 1] : 0;
	return s;
}
static inline dim3
tl_strips(int64_t segments, int64_t m)
{
	return dim3((unsigned)(segments * ((m + TL_STRIP - 1) / TL_STRIP)));
}
static inline dim3
tl_strip_block(void)
{
	return dim3(TL_STRIP, TL_LANES);
}
/* Sum of a column over the eight lanes; every thread of the block asks for it. part [TL_LANES][TL_STRIP + 1] is shared. */
template <class S> __device__ static inline S
tl_strip_sum(S v, S (*part)[TL_STRIP + 1])
{
	part[threadIdx.y][threadIdx.x] = v;
	__syncthreads();
	v = part[0][threadIdx.x];
	for (int i = 1; i < TL_LANES; i++)
		v += part[i][threadIdx.x];
	__syncthreads();
	return v;
}
static inline int64_t
tl_segments(const tl_op_call *c)
{
	return c->in[1].dim[0] - 1;
}

#endif
