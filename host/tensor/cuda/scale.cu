/* scale.cu - by * x + plus. */
#include "tensor/cuda/cuda.h"

template <class T> static int
forward(tl_op_call *c)
{
	const T *x = (const T *)c->in[0].data;
	T *y = (T *)c->out.data;
	float by = (float)c->arg[0], plus = (float)c->arg[1];

	return tl_each(c, c->out.count, [=] __device__ (int64_t i) { tl_set(y, i, by * tl_get(x, i) + plus); });
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *g = (const T *)c->grad_out;
	T *gx = (T *)c->grad_in[0];
	float by = (float)c->arg[0];
	bool fresh = c->grad_fresh[0];

	return tl_each(c, c->out.count, [=] __device__ (int64_t i) { tl_add_to(gx, i, by * tl_get(g, i), fresh); });
}

TL_CUDA_OP(scale)
