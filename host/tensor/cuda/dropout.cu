/*
 * dropout.cu - in training each element is zero with probability p, else x / (1 - p). The mask is drawn again in the backward. A thread draws
 * one block of random numbers and uses all of it: eight elements.
 */
#include "tensor/cuda/cuda.h"

template <class T> static int
masked(tl_op_call *c, const T *x, T *y, bool fresh)
{
	tl_drop drop = tl_drop_of(c, c->arg[0]);
	int64_t n = c->out.count;

	return tl_each(c, (n + 7) / 8, [=] __device__ (int64_t block) {
		float f[8];
		tl_drop_factors(drop, (uint64_t)block, f);
		for (int i = 0; i < 8 && 8 * block + i < n; i++)
			tl_add_to(y, 8 * block + i, f[i] * tl_get(x, 8 * block + i), fresh);
	});
}

template <class T> static int
forward(tl_op_call *c)
{
	return masked(c, (const T *)c->in[0].data, (T *)c->out.data, true);
}

template <class T> static int
backward(tl_op_call *c)
{
	return masked(c, (const T *)c->grad_out, (T *)c->grad_in[0], c->grad_fresh[0]);
}

TL_CUDA_OP(dropout)
