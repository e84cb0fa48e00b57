/* row_sum.c - sum over the last axis, [..., m] -> [...]. */
#include "tensor/cpu/cut.h"

typedef struct job { const REAL *x, *g; REAL *out, *dx; int64_t n, m, tile; } job;

static int
shape(tl_op_call *c)
{
	const tl_view *x = &c->in[0];

	if (tl_shape_rank(c, 0, 1, TL_MAX_RANK))
		return -1;
	return tl_shape_out(c, TL_REAL_DTYPE, x->rank - 1, x->dim);
}

static void
forward_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t r = t * j->tile; r < TL_MIN(j->n, (t + 1) * j->tile); r++) {
		const REAL *x = j->x + r * j->m;
		double sum = 0;

#pragma omp simd reduction(+ : sum)
		for (int64_t k = 0; k < j->m; k++)
			sum += x[k];
		j->out[r] = (REAL)sum;
	}
}

static int
forward(tl_op_call *c)
{
	job j = { .x = c->in[0].data, .out = c->out.data, .n = c->out.count, .m = last_dim(&c->in[0]) };

	j.tile = tile_rows(j.m);
	tl_parallel(c->ctx, tiles(j.n, j.tile), forward_tile, &j);
	return 0;
}

static void
backward_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t r = t * j->tile; r < TL_MIN(j->n, (t + 1) * j->tile); r++)
#pragma omp simd
		for (int64_t k = 0; k < j->m; k++)
			j->dx[r * j->m + k] += j->g[r];
}

static int
backward(tl_op_call *c)
{
	job j = { .g = c->grad_out, .dx = c->grad_in[0], .n = c->out.count, .m = last_dim(&c->in[0]) };

	j.tile = tile_rows(j.m);
	if (j.dx)
		tl_parallel(c->ctx, tiles(j.n, j.tile), backward_tile, &j);
	return 0;
}

TL_CPU_OP(row_sum, 0)
