/*
 * conv2d.c - every packed document an image [n, c], filters w [o, 1, k, k] (row offset, column offset), as much padding as keeps its size:
 * x [T, c] -> [T, c, o]. An output row is one pixel; a patch holds the k x k pixels under it.
 */
#include "tensor/cpu/conv.h"

static int
shape(tl_op_call *c)
{
	int64_t documents, dims[3] = { c->in[0].dim[0], c->in[0].dim[1], c->in[2].dim[0] };

	if (conv_shape(c, 4, &documents) || tl_shape_dim(c, 2, 1, 1, "one channel") || tl_shape_dim(c, 2, 2, c->in[2].dim[3], "a square window"))
		return -1;
	if (c->arg[0] + c->arg[1] != (double)c->in[2].dim[3] - 1)
		return tl_op_refuse(c, "padding of %g and %g for a window of %lld; wanted before + after = window - 1", c->arg[0], c->arg[1], (long long)c->in[2].dim[3]);
	if (tl_shape_out(c, TL_REAL_DTYPE, 3, dims))
		return -1;
	return c->arg[2] == TL_GELU ? tl_shape_save(c, TL_REAL_DTYPE, 3, dims) : 0;
}

static void
fill_row(const conv_job *j, int64_t r, REAL *to)
{
	int64_t i = j->document[r], t = r / j->c, first = r % j->c - j->before, from = TL_MAX(0, -first), n = TL_MIN(j->k, j->c - first);

	for (int64_t a = t - j->before; a < t - j->before + j->k; a++, to += j->k) {
		const REAL *x = j->x + a * j->c + first;
		bool inside = a >= j->at[i] && a < j->at[i + 1];

		for (int64_t b = 0; b < j->k; b++)
			to[b] = 0;
		for (int64_t b = from; inside && b < n; b++)
			to[b] = x[b];
	}
}

static void
return_row(const conv_job *j, int64_t t)
{
	int64_t i = j->document[TL_MIN(TL_MAX(t * j->c, j->from), j->to - 1)], low = TL_MAX(j->from, j->row_at[i]), high = TL_MIN(j->to, j->row_at[i + 1]);
	REAL *dx = j->dx + t * j->c;

	for (int64_t a = 0; a < j->k; a++) {
		int64_t row = (t + j->before - a) * j->c; /* pixels of the token whose patches hold this one in their line a */

		for (int64_t e = TL_MAX(0, low - row); e < TL_MIN(j->c, high - row); e++) {
			const REAL *g = j->patch + (row + e - j->from) * j->width + a * j->k;
			int64_t first = e - j->before;

#pragma omp simd
			for (int64_t b = TL_MAX(0, -first); b < TL_MIN(j->k, j->c - first); b++)
				dx[first + b] += g[b];
		}
	}
}

/* Bounds of the documents in output rows, c for each token. */
static int
prepare(tl_op_call *c, conv_job *j)
{
	int64_t documents = c->in[1].dim[0] - 1;
	int32_t *row_at = tl_scratch(c->ctx, (size_t)(documents + 1) * sizeof *row_at);

	if (!row_at)
		return -1;
	j->rows = c->in[0].count;
	j->width = j->k * j->k;
	if (j->rows > INT32_MAX)
		return tl_op_refuse(c, "x is %s; wanted at most %d elements", in_words(&c->in[0]).s, INT32_MAX);
	for (int64_t i = 0; i <= documents; i++)
		row_at[i] = (int32_t)(j->at[i] * j->c);
	return conv_documents(c, j, row_at);
}

static int
forward(tl_op_call *c)
{
	conv_job j = conv_make(c);

	if (tl_check_offsets(c, 1, c->in[0].dim[0]) || prepare(c, &j))
		return -1;
	return conv_forward(c, &j, c->in[2].data);
}

static int
backward(tl_op_call *c)
{
	conv_job j = conv_make(c);

	if (prepare(c, &j))
		return -1;
	j.dx = c->grad_in[0];
	return conv_backward(c, &j, c->in[2].data, c->grad_in[2], c->grad_in[3]);
}

TL_CPU_OP(conv2d, 0)
