/*
 * mma.h - the tensor cores at the level of a warp: small matrices of bf16 multiplied and summed up in float (compute capability 8.0 and newer). The only
 * place with PTX in it; tests/cuda/emulate does the same with what the lanes give.
 * Lane l holds of a matrix [16, 8] of floats the elements (l / 4, 2 (l % 4)), that one's right neighbour, and the two that lie 8 rows below: c[0..3].
 */
#ifndef HOST_TENSOR_CUDA_MMA_H
#define HOST_TENSOR_CUDA_MMA_H

#include "tensor/cuda/cuda.h"

/*
 * Four matrices of 8 x 8 bf16 from shared memory. Lane l names the row l % 8 of matrix l / 8: 16 bytes at a multiple of 16. It gets of each matrix the
 * elements (l / 4, 2 (l % 4)) and its right neighbour, the left one in the lower half; where turned, of each matrix's transpose.
 */
template <bool turned> __device__ static inline void
tl_load_matrices(unsigned to[4], const tl_bf16 *row)
{
#ifdef TL_EMULATED
	tl_emulate_matrices(__FILE__, __LINE__, to, row, turned);
#else
	unsigned at = (unsigned)__cvta_generic_to_shared(row);
	if (turned)
		asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(at) : "memory");
	else
		asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(at) : "memory");
#endif
}

/* c [16, 8] += a [16, 16] b [16, 8]. a: its quarters (rows 0-7, 8-15 of columns 0-7, then of columns 8-15) as tl_load_matrices gives them; b0, b1: the upper
 * and lower half of b, turned. */
__device__ static inline void
tl_mma(float c[4], const unsigned a[4], unsigned b0, unsigned b1)
{
#ifdef TL_EMULATED
	tl_emulate_mma(__FILE__, __LINE__, c, a, b0, b1);
#else
	asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
	             : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
	             : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#endif
}

#endif
