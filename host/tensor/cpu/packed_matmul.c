/*
 * packed_matmul.c - x [T, d] packed by offsets, y [L, d] or [B, L, d] -> [T, L]: every token against the label vectors of its
 * document. One product for all tokens where the documents share y; otherwise one product per document.
 */
#include "tensor/cpu/cut.h"

typedef struct job { const REAL *x, *y, *g; REAL *out, *dx, *dy; const int32_t *at; int64_t d, l; bool fresh_x, fresh_y; } job;

static int
shape(tl_op_call *c)
{
	const tl_view *y = &c->in[2];
	int64_t documents, dims[2] = { c->in[0].dim[0], 0 };

	if (tl_shape_rank(c, 0, 2, 2) || shape_offsets(c, 1, &documents) || tl_shape_rank(c, 2, 2, 3))
		return -1;
	if (y->rank == 3 && tl_shape_dim(c, 2, 0, documents, "one block for each document"))
		return -1;
	if (tl_shape_dim(c, 2, -1, c->in[0].dim[1], "x's width"))
		return -1;
	dims[1] = y->dim[y->rank - 2];
	return tl_shape_out(c, TL_REAL_DTYPE, 2, dims);
}

static job
make_job(tl_op_call *c)
{
	const tl_view *y = &c->in[2];

	return (job){ .x = c->in[0].data, .y = y->data, .at = c->in[1].data, .d = c->in[0].dim[1], .l = y->dim[y->rank - 2] };
}

static void
forward_document(void *arg, int64_t i)
{
	const job *j = arg;
	int64_t from = j->at[i], n = j->at[i + 1] - from;

	GEMM1(0, 1, n, j->l, j->d, 1, j->x + from * j->d, j->d, j->y + i * j->l * j->d, j->d, 0, j->out + from * j->l, j->l);
}

static int
forward(tl_op_call *c)
{
	job j = make_job(c);

	j.out = c->out.data;
	if (tl_check_offsets(c, 1, c->in[0].dim[0]))
		return -1;
	if (c->in[2].rank == 2)
		GEMM(tl_ctx_pool(c->ctx), 0, 1, c->in[0].dim[0], j.l, j.d, 1, j.x, j.d, j.y, j.d, 0, j.out, j.l);
	else
		tl_parallel(c->ctx, c->in[1].dim[0] - 1, forward_document, &j);
	return 0;
}

static void
x_document(void *arg, int64_t i)
{
	const job *j = arg;
	int64_t from = j->at[i], n = j->at[i + 1] - from;

	GEMM1(0, 0, n, j->d, j->l, 1, j->g + from * j->l, j->l, j->y + i * j->l * j->d, j->d, !j->fresh_x, j->dx + from * j->d, j->d);
}

static void
y_document(void *arg, int64_t i)
{
	const job *j = arg;
	int64_t from = j->at[i], n = j->at[i + 1] - from;

	GEMM1(1, 0, j->l, j->d, n, 1, j->g + from * j->l, j->l, j->x + from * j->d, j->d, !j->fresh_y, j->dy + i * j->l * j->d, j->d);
}

static int
backward(tl_op_call *c)
{
	job j = make_job(c);
	int64_t t = c->in[0].dim[0];

	j.g = c->grad_out, j.dx = c->grad_in[0], j.dy = c->grad_in[2];
	j.fresh_x = c->grad_fresh[0], j.fresh_y = c->grad_fresh[2];
	if (c->in[2].rank == 3) {
		if (j.dx)
			tl_parallel(c->ctx, c->in[1].dim[0] - 1, x_document, &j);
		if (j.dy)
			tl_parallel(c->ctx, c->in[1].dim[0] - 1, y_document, &j);
		return 0;
	}
	if (j.dx)
		GEMM(tl_ctx_pool(c->ctx), 0, 0, t, j.d, j.l, 1, j.g, j.l, j.y, j.d, !j.fresh_x, j.dx, j.d);
	if (j.dy)
		GEMM(tl_ctx_pool(c->ctx), 1, 0, j.l, j.d, t, 1, j.g, j.l, j.x, j.d, !j.fresh_y, j.dy, j.d);
	return 0;
}

TL_CPU_OP(packed_matmul, TL_OP_FRESH)
