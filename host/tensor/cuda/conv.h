/*
 * conv.h - convolutions as matrix products. The including file says what the patch under an output row holds (patch_at) and which patches hold an
 * element of x (returned). Output rows are handled in blocks, so that the patches of a long batch are never all there at once.
 * Launches for a block: forward fill and product (and the activation once); backward fill, two products and the return.
 */
#include "tensor/cuda/cuda.h"

#include <stdlib.h>

constexpr int64_t BLOCK = (int64_t)1 << 24; /* elements of patches, about: 64 MB of floats */

struct conv {
	const int32_t *at, *row_at; /* documents' bounds in x; in the output */
	int64_t documents, rows, width, o, c, k, before;
	int64_t from, to;           /* rows of the block at hand */
};

/* Element e of output row r's patch, a row of document i. */
template <class T> __device__ static inline float patch_at(const conv &j, const T *x, int64_t i, int64_t r, int64_t e);
/* What the patches' gradients of the block hold for x's element (t, e), t a row of document i. */
template <class T> __device__ static inline float returned(const conv &j, const T *patch, int64_t i, int64_t t, int64_t e);

static inline conv
conv_make(const tl_op_call *c, const int32_t *row_at, int64_t rows, int64_t width)
{
	const tl_view *w = &c->in[2];

	return conv{ (const int32_t *)c->in[1].data, row_at, c->in[1].dim[0] - 1, rows, width, w->dim[0], c->in[0].dim[1], w->dim[w->rank - 1], (int64_t)c->arg[0], 0, 0 };
}
static inline int64_t
conv_block(const conv &j)
{
	int64_t block = BLOCK / (j.width ? j.width : 1);

	block = block < 64 ? 64 : block;
	return j.rows < block ? j.rows : block;
}

template <class T> static int
fill(tl_op_call *c, const conv &j, const T *x, T *patch)
{
	return tl_each_row(c, j.width ? j.to - j.from : 0, [=] __device__ (int64_t row, int lane) {
		int64_t r = j.from + row, i = tl_segment_at(j.row_at, j.documents, r);
		for (int64_t e = lane; e < j.width; e += 32)
			tl_set(patch, row * j.width + e, patch_at(j, x, i, r, e));
	});
}

/* w [o, width] */
template <class T> static int
conv_forward(tl_op_call *c, conv j, const T *w)
{
	int act = (int)c->arg[2];
	T *y = (T *)c->out.data, *z = act == TL_GELU && c->backward_follows ? (T *)c->saved[0].data : y;
	T *patch = (T *)tl_scratch(c->ctx, (size_t)(conv_block(j) * j.width) * sizeof *patch);

	if (!patch)
		return -1;
	for (; j.from < j.rows; j.from = j.to) {
		tl_product p;
		j.to = j.from + conv_block(j) < j.rows ? j.from + conv_block(j) : j.rows;
		p = tl_dense(0, 1, j.to - j.from, j.o, j.width, (const T *)patch, w, z + j.from * j.o, 1);
		p.bias = c->in[3].data;
		p.relu = act == TL_RELU;
		if (fill(c, j, (const T *)c->in[0].data, patch) || tl_multiply(c, &p))
			return -1;
	}
	if (act == TL_NONE || act == TL_RELU)
		return 0;
	return tl_each(c, c->out.count, [=] __device__ (int64_t i) { tl_set(y, i, tl_act(act, tl_get(z, i))); });
}

/* g times the activation's slope; NULL after an error. */
template <class T> static const T *
before_act(tl_op_call *c)
{
	int act = (int)c->arg[2];
	const T *g = (const T *)c->grad_out, *y = (const T *)c->out.data, *h = act == TL_GELU ? (const T *)c->saved[0].data : NULL;
	T *to;

	if (act == TL_NONE)
		return g;
	to = (T *)tl_scratch(c->ctx, (size_t)c->out.count * sizeof *to);
	return to && !tl_each(c, c->out.count, [=] __device__ (int64_t i) { tl_set(to, i, tl_get(g, i) * tl_act_slope(act, h ? tl_get(h, i) : 0, tl_get(y, i))); }) ? to : NULL;
}

/* The block's part of x's gradient; the first block writes where it is fresh. */
template <class T> static int
give_back(tl_op_call *c, const conv &j, const T *patch)
{
	T *gx = (T *)c->grad_in[0];
	bool fresh = c->grad_fresh[0] && !j.from;

	return tl_each_row(c, j.c ? c->in[0].dim[0] : 0, [=] __device__ (int64_t t, int lane) {
		int64_t i = tl_segment_at(j.at, j.documents, t);
		for (int64_t e = lane; e < j.c; e += 32)
			tl_add_to(gx, t * j.c + e, returned(j, patch, i, t, e), fresh);
	});
}

/* dw [o, width] (NULL: not wanted) is written, or added to. */
template <class T> static int
conv_backward(tl_op_call *c, conv j, const T *w, T *dw, bool fresh)
{
	T *patch = (T *)tl_scratch(c->ctx, (size_t)(conv_block(j) * j.width) * sizeof *patch);
	const T *g = before_act<T>(c);

	if (!g || !patch)
		return -1;
	if (c->grad_in[3] && tl_column_sums(c, j.rows, j.o, g, (const T *)NULL, (T *)c->grad_in[3], c->grad_fresh[3]))
		return -1;
	do { /* once where there are no rows: fresh gradients are written */
		tl_product of_w, of_x;
		j.to = j.from + conv_block(j) < j.rows ? j.from + conv_block(j) : j.rows;
		of_w = tl_dense(1, 0, j.o, j.width, j.to - j.from, g + j.from * j.o, (const T *)patch, dw, 1);
		of_w.beta = fresh && !j.from ? 0 : 1;
		of_x = tl_dense(0, 0, j.to - j.from, j.width, j.o, g + j.from * j.o, w, patch, 1);
		if (dw && (fill(c, j, (const T *)c->in[0].data, patch) || tl_multiply(c, &of_w)))
			return -1;
		if (c->grad_in[0] && (tl_multiply(c, &of_x) || give_back(c, j, (const T *)patch)))
			return -1;
		j.from = j.to;
	} while (j.from < j.rows);
	return 0;
}

/* row_at on the device, from the host's. NULL after an error. */
static inline const int32_t *
conv_rows_at(tl_op_call *c, int32_t *host)
{
	const int32_t *there = (const int32_t *)tl_upload(c->ctx, host, (size_t)c->in[1].count * sizeof *host);

	free(host);
	return there;
}
static inline const int32_t *
conv_offsets(tl_op_call *c)
{
	const int32_t *at = tl_op_ints(c, 1);

	if (tl_check_offsets(c, 1, c->in[0].dim[0]))
		return NULL;
	if (!at)
		tl_op_refuse(c, "the offsets were computed on the device; wanted offsets that the host knows");
	return at;
}
