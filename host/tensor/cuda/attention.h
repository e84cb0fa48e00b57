/*
 * attention.h - what both ways of attention.cu share: a document's tiles of 64 queries or keys, with where dropout's elements begin, and a block for each
 * tile, head and chunk of a head's columns.
 */
#ifndef HOST_TENSOR_CUDA_ATTENTION_H
#define HOST_TENSOR_CUDA_ATTENTION_H

#include "tensor/cuda/cuda.h"

constexpr int TILE = 64;

struct task { int32_t q0, queries, k0, keys, at, n; uint64_t base; }; /* a document, and the n queries (keys) of it from `at` on */

struct job {
	const task *tasks;
	int64_t d, heads, width, chunks;
	float scale;
	tl_drop drop;
};

/* One block's part: of `tasks`, heads, chunks. */
struct part { task t; int64_t head, chunk; };
__device__ static inline part
part_of(const job &j)
{
	int64_t b = blockIdx.x, rest = j.heads * j.chunks;
	part p = { j.tasks[b / rest], b % rest / j.chunks, b % j.chunks };

	return p;
}

/* Result [queries, d] and lse [queries, heads], and the gradients, with products on the tensor cores (attention_bf16.cu); dots: see attention.cu. */
int tl_attention_bf16(tl_op_call *c, job j, int64_t n);
int tl_attention_bf16_back(tl_op_call *c, job j, const task *of_keys, int64_t n_keys, const task *of_queries, int64_t n_queries, const float *dots);

#endif
