/*
 * packed_sum.c - w [T, m], x [T, d] packed by offsets -> [B, m, d]: for every document its tokens' vectors summed under m sets of
 * weights, a product wT x per document.
 * The m rows are cut into strips, so that a few long documents keep all threads at work.
 */
#include "tensor/cpu/cut.h"

#define STRIP 512 /* rows of m in one product */

typedef struct job { const REAL *w, *x, *g; REAL *out, *dw, *dx; const int32_t *at; int64_t m, d, strips; bool fresh_w, fresh_x; } job;

static int
shape(tl_op_call *c)
{
	int64_t documents;

	if (tl_shape_rank(c, 0, 2, 2) || tl_shape_rank(c, 2, 2, 2) || shape_offsets(c, 1, &documents) ||
	    tl_shape_dim(c, 2, 0, c->in[0].dim[0], "one row for each row of w"))
		return -1;
	return tl_shape_out(c, TL_REAL_DTYPE, 3, (int64_t[]){ documents, c->in[0].dim[1], c->in[2].dim[1] });
}

static job
make_job(tl_op_call *c)
{
	job j = { .w = c->in[0].data, .x = c->in[2].data, .at = c->in[1].data, .m = c->in[0].dim[1], .d = c->in[2].dim[1] };

	j.strips = tiles(j.m, STRIP);
	return j;
}

static void
forward_strip(void *arg, int64_t t)
{
	const job *j = arg;
	int64_t i = t / j->strips, from = t % j->strips * STRIP, rows = TL_MIN(STRIP, j->m - from), at = j->at[i], n = j->at[i + 1] - at;
	REAL *out = j->out + (i * j->m + from) * j->d;

	if (n)
		GEMM1(1, 0, rows, j->d, n, 1, j->w + at * j->m + from, j->m, j->x + at * j->d, j->d, 0, out, j->d);
	else
		memset(out, 0, (size_t)(rows * j->d) * sizeof *out);
}

static int
forward(tl_op_call *c)
{
	job j = make_job(c);

	j.out = c->out.data;
	if (tl_check_offsets(c, 1, c->in[0].dim[0]))
		return -1;
	if (j.d)
		tl_parallel(c->ctx, (c->in[1].dim[0] - 1) * j.strips, forward_strip, &j);
	return 0;
}

static void
w_strip(void *arg, int64_t t)
{
	const job *j = arg;
	int64_t i = t / j->strips, from = t % j->strips * STRIP, rows = TL_MIN(STRIP, j->m - from), at = j->at[i], n = j->at[i + 1] - at;

	GEMM1(0, 1, n, rows, j->d, 1, j->x + at * j->d, j->d, j->g + (i * j->m + from) * j->d, j->d, !j->fresh_w, j->dw + at * j->m + from, j->m);
}

static void
x_document(void *arg, int64_t i)
{
	const job *j = arg;
	int64_t at = j->at[i], n = j->at[i + 1] - at;

	GEMM1(0, 0, n, j->d, j->m, 1, j->w + at * j->m, j->m, j->g + i * j->m * j->d, j->d, !j->fresh_x, j->dx + at * j->d, j->d);
}

static int
backward(tl_op_call *c)
{
	job j = make_job(c);
	int64_t documents = c->in[1].dim[0] - 1;

	j.g = c->grad_out, j.dw = c->grad_in[0], j.dx = c->grad_in[2];
	j.fresh_w = c->grad_fresh[0], j.fresh_x = c->grad_fresh[2];
	if (j.dw)
		tl_parallel(c->ctx, documents * j.strips, w_strip, &j);
	if (j.dx)
		tl_parallel(c->ctx, documents, x_document, &j);
	return 0;
}

TL_CPU_OP(packed_sum, TL_OP_FRESH)
