/*
 * binary.h - an op of two inputs, element by element, with b broadcast over a's leading axes. The including file defines
 * VALUE(a, b), and BY_A(g, a, b), BY_B(g, a, b): the gradients of a and b for the output's gradient g.
 */
#include "tensor/cuda/cuda.h"

template <class T> static int
forward(tl_op_call *c)
{
	const T *pa = (const T *)c->in[0].data, *pb = (const T *)c->in[1].data;
	T *y = (T *)c->out.data;
	int64_t d = c->in[1].count;

	return tl_each(c, c->out.count, [=] __device__ (int64_t i) {
		float a = tl_get(pa, i), b = tl_get(pb, i % d);
		tl_set(y, i, VALUE(a, b));
	});
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *pa = (const T *)c->in[0].data, *pb = (const T *)c->in[1].data, *pg = (const T *)c->grad_out;
	T *ga = (T *)c->grad_in[0], *gb = (T *)c->grad_in[1];
	bool fresh_a = c->grad_fresh[0], fresh_b = c->grad_fresh[1];
	int64_t n = c->out.count, d = c->in[1].count;
	float *each;

	if (ga && tl_each(c, n, [=] __device__ (int64_t i) {
		float g = tl_get(pg, i), a = tl_get(pa, i), b = tl_get(pb, i % d);
		(void)a, (void)b;
		tl_add_to(ga, i, BY_A(g, a, b), fresh_a);
	}))
		return -1;
	if (!gb)
		return 0;
	if (n == d)
		return tl_each(c, n, [=] __device__ (int64_t i) {
			float g = tl_get(pg, i), a = tl_get(pa, i), b = tl_get(pb, i);
			(void)a, (void)b;
			tl_add_to(gb, i, BY_B(g, a, b), fresh_b);
		});
	if (!(each = (float *)tl_scratch(c->ctx, (size_t)n * sizeof *each)) || tl_each(c, n, [=] __device__ (int64_t i) {
		float g = tl_get(pg, i), a = tl_get(pa, i), b = tl_get(pb, i % d);
		(void)a, (void)b;
		each[i] = BY_B(g, a, b);
	}))
		return -1;
	return d == 1 ? tl_sum_all(c, n, each, 1, gb, fresh_b) : tl_column_sums(c, d ? n / d : 0, d, each, (const float *)NULL, gb, fresh_b);
}
