/*
 * linear_bce.cu - bce(x wT + b, labels) as one operation: x [B, d], w [L, d], b [L]. The logits are one product; their loss is summed and
 * they become sigmoid(z) - y in the same place, which is all that is kept for the backward pass: B L numbers, as on the CPU, but document by
 * document. The gradient g of the loss is known to the device alone, so it is multiplied into what is small: x before the product for w,
 * and the product for x after it.
 * Launches: forward a product and 4 (z is read once more than written), backward two products and 3.
 */
#include "tensor/cuda/lists.h"

template <class T> static int
forward(tl_op_call *c)
{
	int64_t b = c->in[0].dim[0], d = c->in[0].dim[1], labels = c->in[1].dim[0], n = b * labels, parts;
	T *z = (T *)c->saved[0].data;
	tl_lists lists = tl_lists_of(c, 3, labels, TL_ROW_linear_bce);
	tl_product p = tl_dense(0, 1, b, labels, d, (const T *)c->in[0].data, (const T *)c->in[1].data, z, 1);
	double *part;

	p.bias = c->in[2].data;
	parts = tl_parts(lists.count);
	if (tl_lists_check(c, 3, labels) || !(part = (double *)tl_scratch(c->ctx, (size_t)(parts + tl_parts(n)) * sizeof *part)) || tl_multiply(c, &p))
		return -1;
	if (tl_parts_of(c, lists.count, [=] __device__ (int64_t k) {
		int64_t at = tl_lists_at(lists, k);
		return at < 0 ? 0 : -(double)tl_get(z, at);
	}, part))
		return -1;
	if (tl_parts_of(c, n, [=] __device__ (int64_t i) {
		float x = tl_get(z, i);
		tl_set(z, i, tl_act(TL_SIGMOID, x));
		return tl_softplus(x);
	}, part + parts))
		return -1;
	if (c->backward_follows && tl_each(c, lists.count, [=] __device__ (int64_t k) {
		int64_t at = tl_lists_at(lists, k);
		if (at >= 0)
			tl_set(z, at, tl_get(z, at) - 1);
	}))
		return -1;
	return tl_parts_end(c, parts + tl_parts(n), part, tl_lists_factor(c, b, labels), (T *)c->out.data);
}

template <class T> static int
backward(tl_op_call *c)
{
	int64_t b = c->in[0].dim[0], d = c->in[0].dim[1], labels = c->in[1].dim[0];
	const T *x = (const T *)c->in[0].data, *z = (const T *)c->saved[0].data, *g = (const T *)c->grad_out;
	T *gx = (T *)c->grad_in[0], *gb = (T *)c->grad_in[2], *some = (T *)tl_scratch(c->ctx, (size_t)(b * d) * sizeof *some);
	double factor = tl_lists_factor(c, b, labels);
	bool fresh_x = c->grad_fresh[0], fresh_b = c->grad_fresh[2];

	if (!some)
		return -1;
	if (c->grad_in[1]) { /* dw = zT (g x) */
		tl_product p = tl_dense(1, 0, labels, d, b, z, (const T *)some, (T *)c->grad_in[1], 1);
		p.beta = c->grad_fresh[1] ? 0 : 1;
		if (tl_each(c, b * d, [=] __device__ (int64_t i) { tl_set(some, i, (float)(factor * (double)tl_get(g, 0)) * tl_get(x, i)); }) || tl_multiply(c, &p))
			return -1;
	}
	if (gx) { /* dx = g (z w) */
		tl_product p = tl_dense(0, 0, b, d, labels, z, (const T *)c->in[1].data, some, 1);
		if (tl_multiply(c, &p) || tl_each(c, b * d, [=] __device__ (int64_t i) { tl_add_to(gx, i, (float)(factor * (double)tl_get(g, 0)) * tl_get(some, i), fresh_x); }))
			return -1;
	}
	return tl_each(c, gb ? labels : 0, [=] __device__ (int64_t k) {
		float sum = 0;
		for (int64_t i = 0; i < b; i++)
			sum += tl_get(z, i * labels + k);
		tl_add_to(gb, k, (float)(factor * (double)tl_get(g, 0)) * sum, fresh_b);
	});
}

TL_CUDA_PRODUCTS(linear_bce, 1 << 1, NULL)
