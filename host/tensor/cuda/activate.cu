/* activate.cu - act(x). */
#include "tensor/cuda/cuda.h"

template <class T> static int
forward(tl_op_call *c)
{
	const T *x = (const T *)c->in[0].data;
	T *y = (T *)c->out.data;
	int act = (int)c->arg[0];

	return tl_each(c, c->out.count, [=] __device__ (int64_t i) { tl_set(y, i, tl_act(act, tl_get(x, i))); });
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *x = (const T *)c->in[0].data, *y = (const T *)c->out.data, *g = (const T *)c->grad_out;
	T *gx = (T *)c->grad_in[0];
	int act = (int)c->arg[0];
	bool fresh = c->grad_fresh[0];

	return tl_each(c, c->out.count, [=] __device__ (int64_t i) { tl_add_to(gx, i, tl_get(g, i) * tl_act_slope(act, tl_get(x, i), tl_get(y, i)), fresh); });
}

TL_CUDA_OP(activate)
