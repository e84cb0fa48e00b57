/*
 * bce.cu - binary cross-entropy with logits [B, L] against label lists: softplus(z) - y z. The targets are never laid out as a matrix: the
 * sum has an element for each logit and one for each entry of the lists.
 */
#include "tensor/cuda/lists.h"

template <class T> static int
forward(tl_op_call *c)
{
	const T *z = (const T *)c->in[0].data;
	int64_t n = c->in[0].count, labels = c->in[0].dim[1];
	tl_lists lists = tl_lists_of(c, 1, labels, TL_ROW_bce);

	if (tl_lists_check(c, 1, labels))
		return -1;
	return tl_sum_of(c, n + lists.count, [=] __device__ (int64_t i) {
		int64_t at = i < n ? i : tl_lists_at(lists, i - n);
		return i < n ? tl_softplus(tl_get(z, i)) : at < 0 ? 0 : -(double)tl_get(z, at);
	}, tl_lists_factor(c, c->in[0].dim[0], labels), (T *)c->out.data);
}

/* (sigmoid(z) - y) times the factor: all of the logits, then the lists' entries, each of which is there once. */
template <class T> static int
backward(tl_op_call *c)
{
	const T *z = (const T *)c->in[0].data, *g = (const T *)c->grad_out;
	T *gz = (T *)c->grad_in[0];
	int64_t labels = c->in[0].dim[1];
	tl_lists lists = tl_lists_of(c, 1, labels, TL_ROW_bce);
	double factor = tl_lists_factor(c, c->in[0].dim[0], labels);
	bool fresh = c->grad_fresh[0];

	if (tl_each(c, c->in[0].count, [=] __device__ (int64_t i) { tl_add_to(gz, i, (float)(factor * (double)tl_get(g, 0)) * tl_act(TL_SIGMOID, tl_get(z, i)), fresh); }))
		return -1;
	return tl_each(c, lists.count, [=] __device__ (int64_t k) {
		int64_t at = tl_lists_at(lists, k);
		if (at >= 0)
			tl_add_to(gz, at, -(float)(factor * (double)tl_get(g, 0)), false);
	});
}

TL_CUDA_OP(bce)
