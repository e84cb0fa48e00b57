/*
 * bce.c - binary cross-entropy with logits [B, L] against label lists: softplus(z) - y z, for any z. The targets are never laid out as
 * a matrix.
 */
#include "tensor/cpu/lists.h"
#include "tensor/cpu/softplus.h"

#define STRIP 8192 /* labels of one document in one tile */
#define BLOCK 512  /* elements of the backward pass at a time */

typedef struct job { const REAL *z; REAL *dz; const int32_t *at, *label; double *partial; REAL by; int64_t l, strips; bool fresh; } job;

static int
shape(tl_op_call *c)
{
	return lists_reduction(c) ? -1 : lists_shape(c);
}

static void
forward_tile(void *arg, int64_t t)
{
	const job *j = arg;
	int64_t from = t % j->strips * STRIP;

	j->partial[t] = softplus_sum(j->z + t / j->strips * j->l + from, TL_MIN(STRIP, j->l - from), NULL);
}

static job
make_job(tl_op_call *c, double *by)
{
	job j = { .z = c->in[0].data, .at = c->in[1].data, .label = c->in[2].data, .l = c->in[0].dim[1] };

	j.strips = tiles(j.l, STRIP);
	*by = lists_factor(c, c->in[0].dim[0], j.l);
	return j;
}

static int
forward(tl_op_call *c)
{
	int64_t b = c->in[0].dim[0];
	double sum = 0, by;
	job j = make_job(c, &by);

	if (lists_check(c) || !(j.partial = tl_scratch(c->ctx, (size_t)(b * j.strips) * sizeof(double))))
		return -1;
	tl_parallel(c->ctx, b * j.strips, forward_tile, &j);
	for (int64_t t = 0; t < b * j.strips; t++)
		sum += j.partial[t];
	for (int64_t i = 0; i < b; i++)
		for (int64_t k = j.at[i]; k < j.at[i + 1]; k++)
			sum -= j.z[i * j.l + j.label[k]];
	*(REAL *)c->out.data = (REAL)(sum * by);
	return 0;
}

/* (sigmoid(z) - y) times the scale, one pass over the logits; the labels' own terms after it. */
static void
backward_tile(void *arg, int64_t t)
{
	const job *j = arg;
	int64_t i = t / j->strips, from = t % j->strips * STRIP, n = TL_MIN(STRIP, j->l - from);
	const REAL *z = j->z + i * j->l + from;
	REAL *dz = j->dz + i * j->l + from, by = j->by, e[BLOCK];

	for (int64_t at = 0; at < n; at += BLOCK) {
		int64_t m = TL_MIN(n - at, BLOCK);

#pragma omp simd
		for (int64_t k = 0; k < m; k++)
			e[k] = -z[at + k];
		INNER()->exp(m, e, e);
		if (j->fresh)
#pragma omp simd
			for (int64_t k = 0; k < m; k++)
				dz[at + k] = by / (1 + e[k]);
		else
#pragma omp simd
			for (int64_t k = 0; k < m; k++)
				dz[at + k] += by / (1 + e[k]);
	}
	for (int64_t k = j->at[i]; k < j->at[i + 1]; k++)
		if (j->label[k] >= from && j->label[k] < from + n)
			dz[j->label[k] - from] -= by;
}

static int
backward(tl_op_call *c)
{
	double by;
	job j = make_job(c, &by);

	if (!(j.dz = c->grad_in[0]))
		return 0;
	j.by = (REAL)(by * *(const REAL *)c->grad_out);
	j.fresh = c->grad_fresh && c->grad_fresh[0];
	tl_parallel(c->ctx, c->in[0].dim[0] * j.strips, backward_tile, &j);
	return 0;
}

TL_CPU_OP(bce, TL_OP_FRESH)
