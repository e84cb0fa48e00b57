/* repeat.c - x [...] -> [times, ...]. */
#include "tensor/cpu/cut.h"

typedef struct job { const REAL *from; REAL *to; int64_t n, times; } job;

static int
shape(tl_op_call *c)
{
	const tl_view *x = &c->in[0];
	int64_t dims[TL_MAX_RANK] = { (int64_t)c->arg[0] };

	if (tl_shape_rank(c, 0, 0, TL_MAX_RANK - 1))
		return -1;
	if (!(c->arg[0] >= 0 && c->arg[0] <= INT32_MAX))
		return tl_op_refuse(c, "times is %g; wanted 0 to %d", c->arg[0], INT32_MAX);
	for (int i = 0; i < x->rank; i++)
		dims[i + 1] = x->dim[i];
	return tl_shape_out(c, TL_REAL_DTYPE, x->rank + 1, dims);
}

static void
forward_tile(void *arg, int64_t t)
{
	const job *j = arg;
	int64_t from = t * TILE, to = TL_MIN(j->n, from + TILE);

	for (int64_t r = 0; r < j->times; r++)
		memcpy(j->to + r * j->n + from, j->from + from, (size_t)(to - from) * sizeof(REAL));
}

static int
forward(tl_op_call *c)
{
	job j = { .from = c->in[0].data, .to = c->out.data, .n = c->in[0].count, .times = c->out.dim[0] };

	tl_parallel(c->ctx, tiles(j.n, TILE), forward_tile, &j);
	return 0;
}

static void
backward_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t r = 0; r < j->times; r++)
#pragma omp simd
		for (int64_t i = t * TILE; i < TL_MIN(j->n, (t + 1) * TILE); i++)
			j->to[i] += j->from[r * j->n + i];
}

static int
backward(tl_op_call *c)
{
	job j = { .from = c->grad_out, .to = c->grad_in[0], .n = c->in[0].count, .times = c->out.dim[0] };

	if (j.to)
		tl_parallel(c->ctx, tiles(j.n, TILE), backward_tile, &j);
	return 0;
}

TL_CPU_OP(repeat, 0)
