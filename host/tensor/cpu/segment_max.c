/* segment_max.c - x [T, ...] packed -> [B, ...]: the largest of each segment, column by column; 0 for an empty one. The first of equals takes the gradient. */
#include "tensor/cpu/segment.h"

static int
shape(tl_op_call *c)
{
	if (segment_shape(c))
		return -1;
	return tl_shape_save(c, TL_I32, c->out.rank, c->out.dim);
}

static void
forward_tile(void *arg, int64_t t)
{
	const segment_job *j = arg;
	segment_tile s = segment_at(j, t);
	REAL *out = j->out + s.segment * j->m + s.column;
	int32_t *which = j->which + s.segment * j->m + s.column;

	for (int64_t k = 0; k < s.n; k++) {
		out[k] = s.from < s.to ? j->x[s.from * j->m + s.column + k] : 0;
		which[k] = s.from < s.to ? (int32_t)s.from : -1;
	}
	for (int64_t r = s.from + 1; r < s.to; r++)
#pragma omp simd
		for (int64_t k = 0; k < s.n; k++) {
			REAL x = j->x[r * j->m + s.column + k];
			bool better = x > out[k] || (isnan(x) && !isnan(out[k]));

			out[k] = better ? x : out[k];
			which[k] = better ? (int32_t)r : which[k];
		}
}

static int
forward(tl_op_call *c)
{
	segment_job j = segment_make(c);

	if (tl_check_offsets(c, 1, c->in[0].dim[0]))
		return -1;
	j.out = c->out.data, j.which = c->saved[0].data;
	segment_run(c, &j, forward_tile);
	return 0;
}

static void
backward_tile(void *arg, int64_t t)
{
	const segment_job *j = arg;
	segment_tile s = segment_at(j, t);

	for (int64_t k = s.segment * j->m + s.column; k < s.segment * j->m + s.column + s.n; k++)
		if (j->which[k] >= 0)
			j->dx[(int64_t)j->which[k] * j->m + k % j->m] += j->g[k];
}

static int
backward(tl_op_call *c)
{
	segment_job j = segment_make(c);

	j.g = c->grad_out, j.which = c->saved[0].data;
	if ((j.dx = c->grad_in[0]))
		segment_run(c, &j, backward_tile);
	return 0;
}

TL_CPU_OP(segment_max, 0)
