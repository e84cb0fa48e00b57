/* inside.h - what the files of the device itself share (runtime.cu, gemm.cu); kernels of ops do not need it. */
#ifndef HOST_TENSOR_CUDA_INSIDE_H
#define HOST_TENSOR_CUDA_INSIDE_H

#include "tensor/cuda/cuda.h"

#ifdef TL_EMULATED
#define TL_LAUNCH_ON_(d, kernel, grid, block, shared, ...) tl_emulate_start(#kernel, grid, block, shared, [=] { kernel(__VA_ARGS__); })
#else
#define TL_LAUNCH_ON_(d, kernel, grid, block, shared, ...) (kernel)<<<grid, block, shared, (cudaStream_t)(d)->stream>>>(__VA_ARGS__)
#endif
#define TL_LAUNCH_ON(d, kernel, grid, block, shared, ...) do { \
		dim3 grid_ = (grid), block_ = (block); \
		if (!tl_none(grid_)) \
			TL_LAUNCH_ON_(d, kernel, grid_, block_, shared, __VA_ARGS__); \
	} while (0)
static inline dim3
tl_blocks_for(int64_t n)
{
	return tl_grid_some((n + TL_THREADS - 1) / TL_THREADS);
}
void tl_optimizer_functions(tl_device *d);
int tl_products_open(tl_device *d);
void tl_products_close(tl_device *d);

#endif
