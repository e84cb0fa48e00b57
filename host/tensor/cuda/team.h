/*
 * team.h - row by row with a team of threads for each: a warp for short rows, a block for long ones, by the row's length alone.
 */
#ifndef HOST_TENSOR_CUDA_TEAM_H
#define HOST_TENSOR_CUDA_TEAM_H

#include "tensor/cuda/cuda.h"

constexpr int TL_LONG_ROW = 2048, TL_LONG_TEAM = 512, TL_SHORT_TEAM = 32;

/* Sums and maxima go to every thread of the team, and every thread must ask for them. */
struct tl_team {
	int rank, size;
	double *part;
	template <class S> __device__ S
	sum(S v) const
	{
		return size == TL_SHORT_TEAM ? tl_warp_sum(v) : tl_block_sum(v, (S *)part);
	}
	__device__ float
	max(float v) const
	{
		return size == TL_SHORT_TEAM ? tl_warp_max(v) : tl_block_max(v, (float *)part);
	}
};

template <class F> static __global__ void __launch_bounds__(TL_LONG_TEAM)
tl_each_team_kernel(int64_t n, int size, F f)
{
	__shared__ double part[33];
	int teams = (int)blockDim.x / size;
	tl_team t = { (int)threadIdx.x % size, size, part };

	for (int64_t row = blockIdx.x * (int64_t)teams + threadIdx.x / size; row < n; row += (int64_t)gridDim.x * teams)
		f(row, t);
}
/* f(row, team) for rows [0, n) of length m. */
template <class F> static inline int
tl_each_team(tl_op_call *c, int64_t n, int64_t m, F f)
{
	int size = m > TL_LONG_ROW ? TL_LONG_TEAM : TL_SHORT_TEAM, threads = m > TL_LONG_ROW ? TL_LONG_TEAM : (int)TL_THREADS, teams = threads / size;

	TL_LAUNCH(tl_each_team_kernel<F>, tl_grid_some((n + teams - 1) / teams), dim3(threads), 0, c, n, size, f);
	return tl_launched(c);
}

#endif
