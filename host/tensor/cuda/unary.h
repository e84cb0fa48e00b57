/*
 * unary.h - an op of one input, element by element. The including file defines VALUE(x), and BY_X(g, x, y): the gradient of x for the
 * output's gradient g.
 */
#include "tensor/cuda/cuda.h"

template <class T> static int
forward(tl_op_call *c)
{
	const T *px = (const T *)c->in[0].data;
	T *y = (T *)c->out.data;

	return tl_each(c, c->out.count, [=] __device__ (int64_t i) { tl_set(y, i, VALUE(tl_get(px, i))); });
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *px = (const T *)c->in[0].data, *py = (const T *)c->out.data, *pg = (const T *)c->grad_out;
	T *gx = (T *)c->grad_in[0];
	bool fresh = c->grad_fresh[0];

	return tl_each(c, c->out.count, [=] __device__ (int64_t i) {
		float g = tl_get(pg, i), x = tl_get(px, i), y = tl_get(py, i);
		(void)x, (void)y;
		tl_add_to(gx, i, BY_X(g, x, y), fresh);
	});
}
