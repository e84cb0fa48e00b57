/*
 * unary.h - an op of one input, element by element. The including file defines VALUES(n, x, y), which fills y, and BY_X(g, x, y), the
 * gradient of one x.
 */
#include "tensor/cpu/cut.h"

typedef struct unary_job { const REAL *x, *y, *g; REAL *out; int64_t n; } unary_job;

static int
shape(tl_op_call *c)
{
	return tl_shape_like(c, 0);
}

static void
forward_tile(void *arg, int64_t t)
{
	const unary_job *j = arg;

	VALUES(TL_MIN(TILE, j->n - t * TILE), j->x + t * TILE, j->out + t * TILE);
}

static int
forward(tl_op_call *c)
{
	unary_job j = { .x = c->in[0].data, .out = c->out.data, .n = c->out.count };

	tl_parallel(c->ctx, tiles(j.n, TILE), forward_tile, &j);
	return 0;
}

static void
backward_tile(void *arg, int64_t t)
{
	const unary_job *j = arg;

	(void)j->x, (void)j->y;
#pragma omp simd
	for (int64_t i = t * TILE; i < TL_MIN(j->n, (t + 1) * TILE); i++)
		j->out[i] += BY_X(j->g[i], j->x[i], j->y[i]);
}

static int
backward(tl_op_call *c)
{
	unary_job j = { .x = c->in[0].data, .y = c->out.data, .g = c->grad_out, .out = c->grad_in[0], .n = c->out.count };

	if (j.out)
		tl_parallel(c->ctx, tiles(j.n, TILE), backward_tile, &j);
	return 0;
}
