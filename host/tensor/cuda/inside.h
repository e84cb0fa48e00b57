/* inside.h - what the files of the device itself share (runtime.cu, gemm.cu); kernels of ops do not need it. */
#ifndef HOST_TENSOR_CUDA_INSIDE_H
#define HOST_TENSOR_CUDA_INSIDE_H

#include "tensor/cuda/cuda.h"

#ifdef TL_EMULATED
#define TL_LAUNCH_ON_(d, kernel, grid, block, shared, ...) tl_emulate_start((cudaStream_t)(d)->stream, #kernel, grid, block, shared, kernel, ##__VA_ARGS__)
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
/* Copies of weights in bf16 (half.cu). at: what a product reads in place of x, current; NULL where x belongs to no weight; -1 after an error. there: where the copy of
 * what begins at x lies, NULL: nobody asked for it yet. made: changes when one comes or goes. old: something wrote these bytes. */
int tl_shadow_at(tl_device *d, const float *x, const tl_bf16 **half);
tl_bf16 *tl_shadow_there(tl_device *d, const float *x);
int tl_shadows_made(const tl_device *d);
void tl_shadows_old(tl_device *d, const void *p, size_t bytes);
void tl_shadows_open(tl_device *d);
void tl_shadows_close(tl_device *d);
int tl_products_open(tl_device *d);
void tl_products_close(tl_device *d);

#endif
