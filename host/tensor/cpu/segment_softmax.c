/* segment_softmax.c - x [T, ...] packed: softmax over the rows of each segment, column by column. */
#include "tensor/cpu/segment.h"

static int
shape(tl_op_call *c)
{
	int64_t segments;

	if (tl_shape_rank(c, 0, 1, TL_MAX_RANK) || shape_offsets(c, 1, &segments))
		return -1;
	return tl_shape_like(c, 0);
}

static void
forward_tile(void *arg, int64_t t)
{
	const segment_job *j = arg;
	segment_tile s = segment_at(j, t);
	REAL most[STRIP], sum[STRIP];

#pragma omp simd
	for (int64_t k = 0; k < s.n; k++)
		most[k] = -INFINITY, sum[k] = 0;
	for (int64_t r = s.from; r < s.to; r++) {
		const REAL *x = j->x + r * j->m + s.column;

#pragma omp simd
		for (int64_t k = 0; k < s.n; k++)
			most[k] = x[k] > most[k] ? x[k] : most[k];
	}
	for (int64_t r = s.from; r < s.to; r++) {
		const REAL *x = j->x + r * j->m + s.column;
		REAL *out = j->out + r * j->m + s.column;

#pragma omp simd
		for (int64_t k = 0; k < s.n; k++)
			out[k] = x[k] - most[k];
		INNER()->exp(s.n, out, out);
#pragma omp simd
		for (int64_t k = 0; k < s.n; k++)
			sum[k] += out[k];
	}
#pragma omp simd
	for (int64_t k = 0; k < s.n; k++)
		sum[k] = 1 / sum[k];
	for (int64_t r = s.from; r < s.to; r++) {
		REAL *out = j->out + r * j->m + s.column;

#pragma omp simd
		for (int64_t k = 0; k < s.n; k++)
			out[k] *= sum[k];
	}
}

static int
forward(tl_op_call *c)
{
	segment_job j = segment_make(c);

	if (tl_check_offsets(c, 1, c->in[0].dim[0]))
		return -1;
	j.out = c->out.data;
	segment_run(c, &j, forward_tile);
	return 0;
}

/* y (g - sum of y g) */
static void
backward_tile(void *arg, int64_t t)
{
	const segment_job *j = arg;
	segment_tile s = segment_at(j, t);
	REAL along[STRIP] = { 0 };

	for (int64_t r = s.from; r < s.to; r++) {
		const REAL *y = j->y + r * j->m + s.column, *g = j->g + r * j->m + s.column;

#pragma omp simd
		for (int64_t k = 0; k < s.n; k++)
			along[k] += y[k] * g[k];
	}
	for (int64_t r = s.from; r < s.to; r++) {
		const REAL *y = j->y + r * j->m + s.column, *g = j->g + r * j->m + s.column;
		REAL *dx = j->dx + r * j->m + s.column;

		if (j->fresh)
#pragma omp simd
			for (int64_t k = 0; k < s.n; k++)
				dx[k] = y[k] * (g[k] - along[k]);
		else
#pragma omp simd
			for (int64_t k = 0; k < s.n; k++)
				dx[k] += y[k] * (g[k] - along[k]);
	}
}

static int
backward(tl_op_call *c)
{
	segment_job j = segment_make(c);

	j.y = c->out.data, j.g = c->grad_out, j.fresh = c->grad_fresh[0];
	if ((j.dx = c->grad_in[0]))
		segment_run(c, &j, backward_tile);
	return 0;
}

TL_CPU_OP(segment_softmax, TL_OP_FRESH)
