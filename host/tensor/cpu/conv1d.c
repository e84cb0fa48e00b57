/*
 * conv1d.c - cross-correlation along each packed document: x [T, c], w [o, c, k] -> [T + B(before + after - k + 1), o].
 * A patch is k rows of x, one after the other; the weights are laid out the same way, [o, k, c], for the call.
 */
#include "tensor/cpu/conv.h"

static int
shape(tl_op_call *c)
{
	int64_t documents, rows, dims[2];

	if (conv_shape(c, 3, &documents) || tl_shape_dim(c, 2, 1, c->in[0].dim[1], "x's width"))
		return -1;
	rows = c->in[0].dim[0] + documents * ((int64_t)c->arg[0] + (int64_t)c->arg[1] - c->in[2].dim[2] + 1);
	if (rows < 0)
		return tl_op_refuse(c, "a window of %lld over %lld rows of %lld documents, padded by %g and %g, leaves nothing; wanted more padding", (long long)c->in[2].dim[2],
		                    (long long)c->in[0].dim[0], (long long)documents, c->arg[0], c->arg[1]);
	dims[0] = rows, dims[1] = c->in[2].dim[0];
	if (tl_shape_out(c, TL_REAL_DTYPE, 2, dims))
		return -1;
	return c->arg[2] == TL_GELU ? tl_shape_save(c, TL_REAL_DTYPE, 2, dims) : 0;
}

static void
fill_row(const conv_job *j, int64_t r, REAL *to)
{
	int64_t i = j->document[r], n = j->at[i + 1] - j->at[i], first = r - j->row_at[i] - j->before; /* may lie outside 0 .. n-1 */

	if (!j->c)
		return;
	for (int64_t k = 0; k < j->k; k++, to += j->c)
		if (first + k >= 0 && first + k < n)
			memcpy(to, j->x + (j->at[i] + first + k) * j->c, (size_t)j->c * sizeof *to);
		else
			memset(to, 0, (size_t)j->c * sizeof *to);
}

static void
return_row(const conv_job *j, int64_t t)
{
	int64_t low = j->document[j->from], high = j->document[j->to - 1], s, from, to;
	REAL *dx = j->dx + t * j->c;

	while (low < high) { /* the document of row t: the last one that begins at or before it */
		int64_t middle = (low + high + 1) / 2;

		if (j->at[middle] <= t)
			low = middle;
		else
			high = middle - 1;
	}
	s = t - j->at[low];
	from = TL_MAX(j->from, j->row_at[low]), to = TL_MIN(j->to, j->row_at[low + 1]);
	for (int64_t k = 0; k < j->k; k++) {
		int64_t r = j->row_at[low] + s + j->before - k;
		const REAL *g = j->patch + (r - j->from) * j->width + k * j->c;

		if (r >= from && r < to)
#pragma omp simd
			for (int64_t e = 0; e < j->c; e++)
				dx[e] += g[e];
	}
}

/* [o, c, k] -> [o, k, c] */
static REAL *
packed_weights(tl_op_call *c, const conv_job *j)
{
	const REAL *w = c->in[2].data;
	REAL *p = tl_scratch(c->ctx, (size_t)c->in[2].count * sizeof *p);

	for (int64_t o = 0; p && o < j->o; o++)
		for (int64_t e = 0; e < j->c; e++)
			for (int64_t k = 0; k < j->k; k++)
				p[(o * j->k + k) * j->c + e] = w[(o * j->c + e) * j->k + k];
	return p;
}

/* Bounds of the documents in the output. */
static int
prepare(tl_op_call *c, conv_job *j)
{
	int64_t documents = c->in[1].dim[0] - 1, more = j->before + (int64_t)c->arg[1] - j->k + 1;
	int32_t *row_at = tl_scratch(c->ctx, (size_t)(documents + 1) * sizeof *row_at);

	if (!row_at)
		return -1;
	row_at[0] = 0;
	for (int64_t i = 0; i < documents; i++) {
		int64_t n = j->at[i + 1] - j->at[i];

		if (n + more < 0)
			return tl_op_refuse(c, "document %lld has %lld rows, too few for a window of %lld with padding %g and %g", (long long)i, (long long)n, (long long)j->k, c->arg[0], c->arg[1]);
		row_at[i + 1] = (int32_t)(row_at[i] + n + more);
	}
	j->rows = c->out.dim[0];
	j->width = j->k * j->c;
	return conv_documents(c, j, row_at);
}

static int
forward(tl_op_call *c)
{
	conv_job j = conv_make(c);
	const REAL *w;

	if (tl_check_offsets(c, 1, c->in[0].dim[0]) || prepare(c, &j) || !(w = packed_weights(c, &j)))
		return -1;
	return conv_forward(c, &j, w);
}

static int
backward(tl_op_call *c)
{
	conv_job j = conv_make(c);
	REAL *dw = c->grad_in[2], *packed = NULL;
	const REAL *w;

	if (prepare(c, &j) || !(w = packed_weights(c, &j)))
		return -1;
	if (dw) {
		if (!(packed = tl_scratch(c->ctx, (size_t)c->in[2].count * sizeof *packed)))
			return -1;
		memset(packed, 0, (size_t)c->in[2].count * sizeof *packed);
	}
	j.dx = c->grad_in[0];
	if (conv_backward(c, &j, w, packed, c->grad_in[3]))
		return -1;
	for (int64_t o = 0; dw && o < j.o; o++)
		for (int64_t e = 0; e < j.c; e++)
			for (int64_t k = 0; k < j.k; k++)
				dw[(o * j.c + e) * j.k + k] += packed[(o * j.k + k) * j.c + e];
	return 0;
}

TL_CPU_OP(conv1d, 0)
