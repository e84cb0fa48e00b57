/*
 * packed_sum.cu - w [T, m], x [T, d] packed by offsets -> [B, m, d]: for every document its tokens' vectors summed under m sets of weights,
 * a product wT x for each run of equally long documents.
 */
#include "tensor/cuda/packed.h"

template <class T> static int
forward(tl_op_call *c)
{
	const T *w = (const T *)c->in[0].data, *x = (const T *)c->in[2].data;
	T *out = (T *)c->out.data;
	int64_t m = c->in[0].dim[1], d = c->in[2].dim[1];
	const int32_t *at;

	if (tl_check_offsets(c, 1, c->in[0].dim[0]) || !(at = tl_packed_offsets(c, 1)))
		return -1;
	return tl_each_run(at, c->in[1].dim[0] - 1, [=] (int64_t i, int64_t batch, int64_t rows) {
		tl_product p = tl_dense(1, 0, m, d, rows, w + at[i] * m, x + at[i] * d, out + i * m * d, batch);
		return tl_multiply(c, &p);
	});
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *w = (const T *)c->in[0].data, *x = (const T *)c->in[2].data, *g = (const T *)c->grad_out;
	T *gw = (T *)c->grad_in[0], *gx = (T *)c->grad_in[2];
	int64_t m = c->in[0].dim[1], d = c->in[2].dim[1];
	float keep_w = c->grad_fresh[0] ? 0 : 1, keep_x = c->grad_fresh[2] ? 0 : 1;
	const int32_t *at = tl_packed_offsets(c, 1);

	return !at ? -1 : tl_each_run(at, c->in[1].dim[0] - 1, [=] (int64_t i, int64_t batch, int64_t rows) {
		tl_product pw = tl_dense(0, 1, rows, m, d, x + at[i] * d, g + i * m * d, gw + at[i] * m, batch);
		tl_product px = tl_dense(0, 0, rows, d, m, w + at[i] * m, g + i * m * d, gx + at[i] * d, batch);
		pw.beta = keep_w, px.beta = keep_x;
		return (gw && tl_multiply(c, &pw)) || (gx && tl_multiply(c, &px)) ? -1 : 0;
	});
}

TL_CUDA_PRODUCTS(packed_sum, 1 << 0 | 1 << 2, NULL)
