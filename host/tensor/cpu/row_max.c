/* row_max.c - the largest element over the last axis, [..., m] -> [...]; the first of equals takes the gradient. A NaN is the largest. */
#include "tensor/cpu/cut.h"

typedef struct job { const REAL *x, *g; REAL *out, *dx; int32_t *at; int64_t n, m, tile; } job;

static int
shape(tl_op_call *c)
{
	const tl_view *x = &c->in[0];

	if (tl_shape_rank(c, 0, 1, TL_MAX_RANK))
		return -1;
	if (last_dim(x) < 1)
		return tl_op_refuse(c, "x is %s; wanted at least one element on the last axis", in_words(x).s);
	if (tl_shape_out(c, TL_REAL_DTYPE, x->rank - 1, x->dim))
		return -1;
	return tl_shape_save(c, TL_I32, x->rank - 1, x->dim);
}

static void
forward_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t r = t * j->tile; r < TL_MIN(j->n, (t + 1) * j->tile); r++) {
		const REAL *x = j->x + r * j->m;
		REAL best = x[0];
		int64_t at = 0;
		int nans = 0;

#pragma omp simd reduction(max : best) reduction(| : nans)
		for (int64_t k = 0; k < j->m; k++) {
			best = x[k] > best ? x[k] : best;
			nans |= x[k] != x[k];
		}
		while (at < j->m - 1 && (nans ? x[at] == x[at] : x[at] != best))
			at++;
		j->out[r] = x[at];
		j->at[r] = (int32_t)at;
	}
}

static int
forward(tl_op_call *c)
{
	job j = { .x = c->in[0].data, .out = c->out.data, .at = c->saved[0].data, .n = c->out.count, .m = last_dim(&c->in[0]) };

	j.tile = tile_rows(j.m);
	tl_parallel(c->ctx, tiles(j.n, j.tile), forward_tile, &j);
	return 0;
}

static int
backward(tl_op_call *c)
{
	const int32_t *at = c->saved[0].data;
	const REAL *g = c->grad_out;
	REAL *dx = c->grad_in[0];
	int64_t m = last_dim(&c->in[0]);

	for (int64_t r = 0; dx && r < c->out.count; r++)
		dx[r * m + at[r]] += g[r];
	return 0;
}

TL_CPU_OP(row_max, 0)
