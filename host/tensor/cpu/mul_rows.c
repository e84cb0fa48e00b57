/* mul_rows.c - each row of x [N, d] times its own number of w [N]. */
#include "tensor/cpu/cut.h"

typedef struct job { const REAL *x, *w, *g; REAL *out, *dx, *dw; int64_t n, d, rows; } job;

/* w is [N] for all leading axes folded, or has x's leading axes. */
static int
shape(tl_op_call *c)
{
	const tl_view *x = &c->in[0], *w = &c->in[1];
	bool fits = w->rank == 1 && w->count == leading_rows(x);

	if (tl_shape_rank(c, 0, 1, TL_MAX_RANK))
		return -1;
	if (!fits && w->rank == x->rank - 1) {
		fits = true;
		for (int i = 0; i < w->rank; i++)
			fits = fits && w->dim[i] == x->dim[i];
	}
	if (!fits)
		return tl_op_refuse(c, "w is %s for x %s; wanted one number for each row of x", in_words(w).s, in_words(x).s);
	return tl_shape_like(c, 0);
}

static void
forward_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t r = t * j->rows; r < TL_MIN(j->n, (t + 1) * j->rows); r++) {
		const REAL *x = j->x + r * j->d, w = j->w[r];
		REAL *out = j->out + r * j->d;

#pragma omp simd
		for (int64_t k = 0; k < j->d; k++)
			out[k] = w * x[k];
	}
}

static int
forward(tl_op_call *c)
{
	job j = { .x = c->in[0].data, .w = c->in[1].data, .out = c->out.data, .n = c->in[1].count, .d = last_dim(&c->in[0]) };

	j.rows = tile_rows(j.d);
	tl_parallel(c->ctx, tiles(j.n, j.rows), forward_tile, &j);
	return 0;
}

static void
backward_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t r = t * j->rows; r < TL_MIN(j->n, (t + 1) * j->rows); r++) {
		const REAL *x = j->x + r * j->d, *g = j->g + r * j->d, w = j->w[r];
		REAL sum = 0;

		if (j->dx)
#pragma omp simd
			for (int64_t k = 0; k < j->d; k++)
				j->dx[r * j->d + k] += w * g[k];
		if (!j->dw)
			continue;
#pragma omp simd reduction(+ : sum)
		for (int64_t k = 0; k < j->d; k++)
			sum += x[k] * g[k];
		j->dw[r] += sum;
	}
}

static int
backward(tl_op_call *c)
{
	job j = { .x = c->in[0].data, .w = c->in[1].data, .g = c->grad_out, .dx = c->grad_in[0], .dw = c->grad_in[1], .n = c->in[1].count,
	          .d = last_dim(&c->in[0]) };

	j.rows = tile_rows(j.d);
	tl_parallel(c->ctx, tiles(j.n, j.rows), backward_tile, &j);
	return 0;
}

TL_CPU_OP(mul_rows, 0)
