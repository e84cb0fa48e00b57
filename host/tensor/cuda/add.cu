/* add.cu - a + b; b has a's shape, or the shape of a's last axes, or is a scalar. */
#include "tensor/cuda/cuda.h"

template <class T> static int
forward(tl_op_call *c)
{
	const T *a = (const T *)c->in[0].data, *b = (const T *)c->in[1].data;
	T *y = (T *)c->out.data;
	int64_t d = c->in[1].count;

	return tl_each(c, c->out.count, [=] __device__ (int64_t i) { tl_set(y, i, tl_get(a, i) + tl_get(b, i % d)); });
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *g = (const T *)c->grad_out;
	T *ga = (T *)c->grad_in[0], *gb = (T *)c->grad_in[1];
	bool fresh = ga && c->grad_fresh[0];
	int64_t n = c->out.count, d = c->in[1].count;

	if (ga && tl_each(c, n, [=] __device__ (int64_t i) { tl_add_to(ga, i, tl_get(g, i), fresh); }))
		return -1;
	if (gb && d == 1)
		return tl_sum_all(c, n, g, 1, gb, c->grad_fresh[1]);
	return gb ? tl_column_sums(c, d ? n / d : 0, d, g, (const T *)NULL, gb, c->grad_fresh[1]) : 0;
}

TL_CUDA_OP(add)
