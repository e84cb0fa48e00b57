/* mse.cu - mean of (a - b)^2, summed in double; 0 where there are no elements. */
#include "tensor/cuda/parts.h"

template <class T> static int
forward(tl_op_call *c)
{
	const T *a = (const T *)c->in[0].data, *b = (const T *)c->in[1].data;
	int64_t n = c->in[0].count;

	return tl_sum_of(c, n, [=] __device__ (int64_t i) {
		double d = (double)tl_get(a, i) - (double)tl_get(b, i);
		return d * d;
	}, n ? 1 / (double)n : 0, (T *)c->out.data);
}

/* One pass for both, in the order in which the host gave them: a and b may be one tensor, whose gradient is then added to twice. */
template <class T> static int
backward(tl_op_call *c)
{
	const T *a = (const T *)c->in[0].data, *b = (const T *)c->in[1].data, *g = (const T *)c->grad_out;
	T *ga = (T *)c->grad_in[0], *gb = (T *)c->grad_in[1];
	bool fresh_a = c->grad_fresh[0], fresh_b = c->grad_fresh[1];
	int64_t n = c->in[0].count;

	return tl_each(c, n, [=] __device__ (int64_t i) {
		float d = 2 * tl_get(g, 0) / (float)n * (tl_get(a, i) - tl_get(b, i));
		if (ga)
			tl_add_to(ga, i, d, fresh_a);
		if (gb)
			tl_add_to(gb, i, -d, fresh_b);
	});
}

TL_CUDA_OP(mse)
