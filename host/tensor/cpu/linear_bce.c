/*
 * linear_bce.c - bce(x wT + b, labels) as one operation, for label sets of any size: x [B, d], w [L, d], b [L].
 *
 * A block of labels is multiplied, its loss summed and its logits turned into sigmoid(z) - y while it is in the cache; that [L, B] is all that
 * is kept for the backward pass, which needs no logits. Keeping it costs B L numbers written and read once; computing the logits again would
 * cost 2 B L d operations, some hundred times as much. It lies label by label, so that a block of labels is one piece of memory in all three
 * products, and so are its rows of w and of w's gradient.
 */
#include "tensor/cpu/lists.h"
#include "tensor/cpu/softplus.h"

enum { LABELS = 256, STRIPS = 32 }; /* labels of a block: their rows of w stay in the cache; strips: sums of x's gradient apart, at most */

typedef struct job {
	const REAL *x, *w, *bias;
	REAL *z, *dx, *dw, *db;          /* z [L, B]; dx [strips, B, d] */
	const int32_t *at, *label;
	double *partial;                 /* [blocks] */
	int64_t b, d, l, a_strip;        /* blocks of a strip */
	REAL g;
	bool dw_fresh, db_fresh;
} job;

static int
shape(tl_op_call *c)
{
	const tl_view *w = &c->in[1];

	if (lists_reduction(c) || tl_shape_rank(c, 1, 2, 2) || lists_shape_at(c, 3) || tl_shape_dim(c, 0, 1, w->dim[1], "w's second axis"))
		return -1;
	if (given(&c->in[2]) && (tl_shape_rank(c, 2, 1, 1) || tl_shape_dim(c, 2, 0, w->dim[0], "w's first axis")))
		return -1;
	return tl_shape_save(c, TL_REAL_DTYPE, 2, (int64_t[]){ w->dim[0], c->in[0].dim[0] });
}

/* First place in a document's labels that is not below l. */
static int32_t
not_below(const int32_t *label, int32_t from, int32_t to, int64_t l)
{
	while (from < to) {
		int32_t middle = from + (to - from) / 2;

		if (label[middle] < l)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static void
forward_block(void *arg, int64_t t)
{
	const job *j = arg;
	int64_t l0 = t * LABELS, n = TL_MIN(LABELS, j->l - l0), b = j->b;
	REAL *z = j->z + l0 * b;
	double of_labels = 0;

	GEMM1(0, 1, n, b, j->d, 1, j->w + l0 * j->d, j->d, j->x, j->d, 0, z, b);
	for (int64_t k = 0; j->bias && k < n; k++)
#pragma omp simd
		for (int64_t i = 0; i < b; i++)
			z[k * b + i] += j->bias[l0 + k];
	for (int64_t i = 0; i < b; i++)
		for (int32_t k = not_below(j->label, j->at[i], j->at[i + 1], l0); k < j->at[i + 1] && j->label[k] < l0 + n; k++)
			of_labels += z[(j->label[k] - l0) * b + i];
	j->partial[t] = softplus_sum(z, n * b, z) - of_labels;
	for (int64_t i = 0; i < b; i++)
		for (int32_t k = not_below(j->label, j->at[i], j->at[i + 1], l0); k < j->at[i + 1] && j->label[k] < l0 + n; k++)
			z[(j->label[k] - l0) * b + i] -= 1;
}

static job
make_job(const tl_op_call *c)
{
	return (job){ .x = c->in[0].data, .w = c->in[1].data, .bias = c->in[2].data, .at = c->in[3].data, .label = c->in[4].data, .z = c->saved[0].data,
		.b = c->in[0].dim[0], .d = c->in[0].dim[1], .l = c->in[1].dim[0] };
}

static int
forward(tl_op_call *c)
{
	job j = make_job(c);
	int64_t blocks = tiles(j.l, LABELS);
	double sum = 0;

	if (lists_check_at(c, 3, j.l) || !(j.partial = tl_scratch(c->ctx, (size_t)blocks * sizeof(double))))
		return -1;
	tl_parallel(c->ctx, blocks, forward_block, &j);
	for (int64_t t = 0; t < blocks; t++)
		sum += j.partial[t];
	*(REAL *)c->out.data = (REAL)(sum * lists_factor(c, j.b, j.l));
	return 0;
}

/* --- backward: dw = g (sigma - y)T x, db = g sum over documents, dx = g (sigma - y) w, each block's three products together --- */
static void
backward_block(const job *j, REAL *dx, int64_t l0, bool first)
{
	int64_t n = TL_MIN(LABELS, j->l - l0), b = j->b, d = j->d;
	const REAL *z = j->z + l0 * b;

	if (dx)
		GEMM1(1, 0, b, d, n, j->g, z, b, j->w + l0 * d, d, first ? 0 : 1, dx, d);
	if (j->dw)
		GEMM1(0, 0, n, d, b, j->g, z, b, j->x, d, j->dw_fresh ? 0 : 1, j->dw + l0 * d, d);
	for (int64_t k = 0; j->db && k < n; k++) {
		REAL sum = 0;

#pragma omp simd reduction(+ : sum)
		for (int64_t i = 0; i < b; i++)
			sum += z[k * b + i];
		j->db[l0 + k] = j->g * sum + (j->db_fresh ? 0 : j->db[l0 + k]);
	}
}

static void
backward_strip(void *arg, int64_t s)
{
	const job *j = arg;
	int64_t from = s * j->a_strip * LABELS, to = TL_MIN(j->l, from + j->a_strip * LABELS);

	for (int64_t l0 = from; l0 < to; l0 += LABELS)
		backward_block(j, j->dx ? j->dx + s * j->b * j->d : NULL, l0, l0 == from);
}

static int
backward(tl_op_call *c)
{
	job j = make_job(c);
	int64_t blocks = tiles(j.l, LABELS), strips;
	REAL *dx = c->grad_in[0];

	j.a_strip = TL_MAX(1, tiles(blocks, STRIPS));
	strips = tiles(blocks, j.a_strip);
	j.g = (REAL)(lists_factor(c, j.b, j.l) * (double)*(const REAL *)c->grad_out);
	j.dw = c->grad_in[1];
	j.db = c->grad_in[2];
	j.dw_fresh = j.dw && c->grad_fresh[1];
	j.db_fresh = j.db && c->grad_fresh[2];
	if (dx && !(j.dx = tl_scratch(c->ctx, (size_t)(strips * j.b * j.d) * sizeof(REAL))))
		return -1;
	tl_parallel(c->ctx, strips, backward_strip, &j);
	if (dx && c->grad_fresh[0])
		memset(dx, 0, (size_t)(j.b * j.d) * sizeof(REAL));
	for (int64_t s = 0; dx && s < strips; s++)
#pragma omp simd
		for (int64_t k = 0; k < j.b * j.d; k++)
			dx[k] += j.dx[s * j.b * j.d + k];
	return 0;
}

TL_CPU_OP(linear_bce, TL_OP_FRESH)
