/*
 * packed_matmul.cu - x [T, d] packed by offsets, y [L, d] or [B, L, d] -> [T, L]: every token against the label vectors of its
 * document. One product for all tokens where the documents share y; otherwise one for each run of equally long documents.
 */
#include "tensor/cuda/packed.h"

/* One run of all tokens where y is shared. */
template <class F> static int
each_run(tl_op_call *c, F f)
{
	const int32_t *at;

	if (c->in[2].rank == 2)
		return f(0, 1, c->in[0].dim[0], 0);
	if (!(at = tl_packed_offsets(c, 1)))
		return -1;
	return tl_each_run(at, c->in[1].dim[0] - 1, [=] (int64_t i, int64_t batch, int64_t rows) { return f(i, batch, rows, at[i]); });
}

template <class T> static int
forward(tl_op_call *c)
{
	const T *x = (const T *)c->in[0].data, *y = (const T *)c->in[2].data;
	T *out = (T *)c->out.data;
	int64_t d = c->in[0].dim[1], l = c->out.dim[1];

	if (tl_check_offsets(c, 1, c->in[0].dim[0]))
		return -1;
	return each_run(c, [=] (int64_t i, int64_t batch, int64_t rows, int64_t at) {
		tl_product p = tl_dense(0, 1, rows, l, d, x + at * d, y + i * l * d, out + at * l, batch);
		return tl_multiply(c, &p);
	});
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *x = (const T *)c->in[0].data, *y = (const T *)c->in[2].data, *g = (const T *)c->grad_out;
	T *gx = (T *)c->grad_in[0], *gy = (T *)c->grad_in[2];
	int64_t d = c->in[0].dim[1], l = c->out.dim[1];
	float keep_x = c->grad_fresh[0] ? 0 : 1, keep_y = c->grad_fresh[2] ? 0 : 1;

	return each_run(c, [=] (int64_t i, int64_t batch, int64_t rows, int64_t at) {
		tl_product px = tl_dense(0, 0, rows, d, l, g + at * l, y + i * l * d, gx + at * d, batch);
		tl_product py = tl_dense(1, 0, l, d, rows, g + at * l, x + at * d, gy + i * l * d, batch);
		px.beta = keep_x, py.beta = keep_y;
		return (gx && tl_multiply(c, &px)) || (gy && tl_multiply(c, &py)) ? -1 : 0;
	});
}

TL_CUDA_PRODUCTS(packed_matmul, 1 << 0 | 1 << 2, NULL)
