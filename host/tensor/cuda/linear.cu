/*
 * linear.cu - act(x wT + b): x [N, in], w [out, in], b [out] -> [N, out].
 * The bias and relu are added by the product itself. Its gelu is the approximation by tanh, ours the exact one, so gelu, tanh and sigmoid
 * are one pass of their own; gelu keeps what it was computed from, and can be made again from that.
 * precision = "bf16": the gradient before an activation is written in bf16, as the two products read it. Of gelu, the inner and widest part of a
 * transformer's layer, nothing is float in memory: kept is x wT in bf16, to which the bias is added when it is read, and the result is bf16 alone.
 */
#include "tensor/cuda/cuda.h"

static bool
narrow(const tl_op_call *c)
{
	return c->arg[0] == TL_GELU && tl_device_of(c->ctx)->bf16;
}

static int
gelu_in_bf16(tl_op_call *c, tl_product p)
{
	int64_t n = p.m * p.n, out = p.n;
	tl_bf16 *h = (tl_bf16 *)(c->backward_follows ? c->saved[0].data : tl_scratch(c->ctx, (size_t)n * sizeof *h)), *y = (tl_bf16 *)tl_op_half_out(c, true);
	const float *bias = (const float *)p.bias;

	p.bias = NULL, p.c = h, p.out = TL_BF16;
	if (!h || tl_multiply(c, &p))
		return -1;
	return tl_each(c, (n + 3) / 4, [=] __device__ (int64_t k) {
		tl_four v = tl_load_four(h, 4 * k, n);
		for (int i = 0; i < 4; i++)
			v.x[i] = tl_act(TL_GELU, v.x[i] + (bias ? bias[(4 * k + i) % out] : 0));
		tl_store_four(y, 4 * k, n, v);
	});
}

template <class T> static int
forward(tl_op_call *c)
{
	int64_t in = c->in[1].dim[1], out = c->in[1].dim[0], n = tl_rows(&c->in[0], 1);
	int act = (int)c->arg[0];
	bool after = act != TL_NONE && act != TL_RELU;
	T *y = (T *)c->out.data, *h = act == TL_GELU && c->backward_follows ? (T *)c->saved[0].data : y;
	tl_product p = tl_dense(0, 1, n, out, in, (const T *)c->in[0].data, (const T *)c->in[1].data, h, 1);

	p.bias = c->in[2].data, p.relu = act == TL_RELU;
	if (narrow(c))
		return gelu_in_bf16(c, p);
	if (!c->again && tl_multiply(c, &p))
		return -1;
	return after ? tl_each(c, n * out, [=] __device__ (int64_t i) { tl_set(y, i, tl_act(act, tl_get(h, i))); }) : 0;
}

/* The gradient of what the activation is given, in G: the type in which products read it. NULL after an error. */
template <class G, class T> static const G *
before_act(tl_op_call *c, int64_t n, int64_t out)
{
	int act = (int)c->arg[0];
	const T *h = act == TL_GELU ? (const T *)c->saved[0].data : NULL, *y = (const T *)c->out.data, *g = (const T *)c->grad_out;
	const tl_bf16 *half = (const tl_bf16 *)h;
	const float *bias = (const float *)c->in[2].data;
	bool in_bf16 = narrow(c);
	G *to = (G *)tl_scratch(c->ctx, (size_t)(n * out) * sizeof *to);

	return to && !tl_each(c, (n * out + 3) / 4, [=] __device__ (int64_t k) {
		tl_four v = tl_load_four(g, 4 * k, n * out), at = in_bf16 ? tl_load_four(half, 4 * k, n * out) : tl_load_four(h ? h : y, 4 * k, n * out);
		for (int i = 0; i < 4; i++)
			v.x[i] *= tl_act_slope(act, at.x[i] + (in_bf16 && bias ? bias[(4 * k + i) % out] : 0), at.x[i]);
		tl_store_four(to, 4 * k, n * out, v);
	}) ? to : NULL;
}

/* g [n, out] in G: T, or bf16 where that is what products read. */
template <class T, class G> static int
products_back(tl_op_call *c, int64_t n, int64_t out, const G *g)
{
	int64_t in = c->in[1].dim[1];
	bool half = sizeof(G) < sizeof(T);
	tl_product dx = tl_dense(0, 0, n, in, out, (const T *)(const void *)g, (const T *)c->in[1].data, (T *)c->grad_in[0], 1);
	tl_product dw = tl_dense(1, 0, out, in, n, (const T *)(const void *)g, (const T *)c->in[0].data, (T *)c->grad_in[1], 1);

	dx.half_a = dw.half_a = half;
	dx.beta = c->grad_fresh[0] ? 0 : 1;
	dw.beta = c->grad_fresh[1] ? 0 : 1;
	if (c->grad_in[0] && tl_multiply(c, &dx))
		return -1;
	if (c->grad_in[1])
		return c->grad_in[2] ? tl_multiply_summing(c, &dw, (float *)c->grad_in[2], c->grad_fresh[2]) : tl_multiply(c, &dw);
	return c->grad_in[2] ? tl_column_sums(c, n, out, g, (const G *)NULL, (T *)c->grad_in[2], c->grad_fresh[2]) : 0;
}

template <class T> static int
backward(tl_op_call *c)
{
	int64_t out = c->in[1].dim[0], n = tl_rows(&c->in[0], 1);

	if (c->arg[0] == TL_NONE)
		return products_back<T>(c, n, out, (const T *)c->grad_out);
	if (tl_device_of(c->ctx)->bf16) {
		const tl_bf16 *g = before_act<tl_bf16, T>(c, n, out);
		return g ? products_back<T>(c, n, out, g) : -1;
	}
	const T *g = before_act<T, T>(c, n, out);
	return g ? products_back<T>(c, n, out, g) : -1;
}

TL_CUDA_PRODUCTS(linear, 1 << 0 | 1 << 1, narrow)
