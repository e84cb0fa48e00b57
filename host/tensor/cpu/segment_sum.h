/* segment_sum.h - segment_sum and segment_mean: MEAN is 0 or 1. Sums in double, in ascending row order. */
#include "tensor/cpu/segment.h"

static int
shape(tl_op_call *c)
{
	return segment_shape(c);
}

static void
forward_tile(void *arg, int64_t t)
{
	const segment_job *j = arg;
	segment_tile s = segment_at(j, t);
	double sum[STRIP] = { 0 }, by = MEAN && s.to > s.from ? 1.0 / (double)(s.to - s.from) : 1;

	for (int64_t r = s.from; r < s.to; r++)
#pragma omp simd
		for (int64_t k = 0; k < s.n; k++)
			sum[k] += j->x[r * j->m + s.column + k];
#pragma omp simd
	for (int64_t k = 0; k < s.n; k++)
		j->out[s.segment * j->m + s.column + k] = (REAL)(sum[k] * by);
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

static void
backward_tile(void *arg, int64_t t)
{
	const segment_job *j = arg;
	segment_tile s = segment_at(j, t);
	const REAL *g = j->g + s.segment * j->m + s.column;
	REAL by = MEAN && s.to > s.from ? 1 / (REAL)(s.to - s.from) : 1;

	for (int64_t r = s.from; r < s.to; r++)
#pragma omp simd
		for (int64_t k = 0; k < s.n; k++)
			j->dx[r * j->m + s.column + k] += g[k] * by;
}

static int
backward(tl_op_call *c)
{
	segment_job j = segment_make(c);

	j.g = c->grad_out;
	if ((j.dx = c->grad_in[0]))
		segment_run(c, &j, backward_tile);
	return 0;
}
