/* l2_normalize.c - rows over their l2 norm; a row with a norm below 1e-12 becomes zero, with zero gradient. */
#include "tensor/cpu/cut.h"

#define LEAST 1e-12

typedef struct job { const REAL *x, *y, *g; REAL *out, *dx; REAL *inverse; int64_t n, m, tile; } job;

static int
shape(tl_op_call *c)
{
	const tl_view *x = &c->in[0];

	if (tl_shape_rank(c, 0, 1, TL_MAX_RANK) || tl_shape_like(c, 0))
		return -1;
	return tl_shape_save(c, TL_REAL_DTYPE, x->rank - 1, x->dim);
}

static void
forward_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t r = t * j->tile; r < TL_MIN(j->n, (t + 1) * j->tile); r++) {
		const REAL *x = j->x + r * j->m;
		double squares = 0, by;

#pragma omp simd reduction(+ : squares)
		for (int64_t k = 0; k < j->m; k++)
			squares += (double)x[k] * (double)x[k];
		by = sqrt(squares) < LEAST ? 0 : 1 / sqrt(squares);
		j->inverse[r] = (REAL)by;
#pragma omp simd
		for (int64_t k = 0; k < j->m; k++)
			j->out[r * j->m + k] = (REAL)(x[k] * by);
	}
}

static job
make_job(tl_op_call *c)
{
	job j = { .x = c->in[0].data, .y = c->out.data, .inverse = c->saved[0].data, .m = last_dim(&c->in[0]), .n = c->saved[0].count };

	j.tile = tile_rows(j.m);
	return j;
}

static int
forward(tl_op_call *c)
{
	job j = make_job(c);

	j.out = c->out.data;
	tl_parallel(c->ctx, tiles(j.n, j.tile), forward_tile, &j);
	return 0;
}

static void
backward_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t r = t * j->tile; r < TL_MIN(j->n, (t + 1) * j->tile); r++) {
		const REAL *y = j->y + r * j->m, *g = j->g + r * j->m;
		REAL *dx = j->dx + r * j->m, by = j->inverse[r], along;
		double sum = 0;

#pragma omp simd reduction(+ : sum)
		for (int64_t k = 0; k < j->m; k++)
			sum += (double)y[k] * (double)g[k];
		along = (REAL)sum;
		if (by > 0)
#pragma omp simd
			for (int64_t k = 0; k < j->m; k++)
				dx[k] += by * (g[k] - along * y[k]);
	}
}

static int
backward(tl_op_call *c)
{
	job j = make_job(c);

	j.g = c->grad_out;
	if ((j.dx = c->grad_in[0]))
		tl_parallel(c->ctx, tiles(j.n, j.tile), backward_tile, &j);
	return 0;
}

TL_CPU_OP(l2_normalize, 0)
