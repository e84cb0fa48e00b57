/*
 * linear.cu - act(x wT + b): x [N, in], w [out, in], b [out] -> [N, out].
 * The bias and relu are added by the product itself. Its gelu is the approximation by tanh, ours the exact one, so gelu, tanh and sigmoid
 * are one pass of their own; gelu keeps what it was computed from.
 */
#include "tensor/cuda/cuda.h"

template <class T> static int
forward(tl_op_call *c)
{
	int64_t in = c->in[1].dim[1], out = c->in[1].dim[0], n = tl_rows(&c->in[0], 1);
	int act = (int)c->arg[0];
	bool after = act != TL_NONE && act != TL_RELU;
	T *y = (T *)c->out.data, *h = act == TL_GELU && c->backward_follows ? (T *)c->saved[0].data : y;
	tl_product p = {};

	p.tb = 1, p.m = n, p.n = out, p.k = in, p.alpha = 1;
	p.a = c->in[0].data, p.lda = in, p.b = c->in[1].data, p.ldb = in, p.c = h, p.ldc = out;
	p.batch = 1, p.in = p.out = tl_type<T>::dtype, p.bias = c->in[2].data, p.relu = act == TL_RELU;
	if (tl_multiply(c, &p))
		return -1;
	return after ? tl_each(c, n * out, [=] __device__ (int64_t i) { tl_set(y, i, tl_act(act, tl_get(h, i))); }) : 0;
}

template <class T> static int
backward(tl_op_call *c)
{
	int64_t in = c->in[1].dim[1], out = c->in[1].dim[0], n = tl_rows(&c->in[0], 1);
	int act = (int)c->arg[0];
	const T *h = act == TL_GELU ? (const T *)c->saved[0].data : NULL, *y = (const T *)c->out.data, *g = (const T *)c->grad_out;
	tl_product p = {};

	if (act != TL_NONE) {
		T *before = (T *)tl_scratch(c->ctx, (size_t)(n * out) * sizeof *before);
		const T *after = g;
		if (!before || tl_each(c, n * out, [=] __device__ (int64_t i) { tl_set(before, i, tl_get(after, i) * tl_act_slope(act, h ? tl_get(h, i) : 0, h ? 0 : tl_get(y, i))); }))
			return -1;
		g = before;
	}
	p.alpha = 1, p.batch = 1, p.in = p.out = tl_type<T>::dtype;
	if (c->grad_in[0]) {
		p.m = n, p.n = in, p.k = out, p.a = g, p.lda = out, p.b = c->in[1].data, p.ldb = in, p.c = c->grad_in[0], p.ldc = in, p.beta = c->grad_fresh[0] ? 0 : 1;
		if (tl_multiply(c, &p))
			return -1;
	}
	if (c->grad_in[1]) {
		p.ta = 1, p.m = out, p.n = in, p.k = n, p.a = g, p.lda = out, p.b = c->in[0].data, p.ldb = in, p.c = c->grad_in[1], p.ldc = in, p.beta = c->grad_fresh[1] ? 0 : 1;
		if (tl_multiply(c, &p))
			return -1;
	}
	return c->grad_in[2] ? tl_column_sums(c, n, out, g, (const T *)NULL, (T *)c->grad_in[2], c->grad_fresh[2]) : 0;
}

TL_CUDA_OP(linear)
