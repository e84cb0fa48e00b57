/* logsumexp.c - ln sum_j w_j e^x_j over the last axis, [..., m] -> [...]; w constant and not negative. A row without any w > 0 gives 0. */
#include "tensor/cpu/cut.h"

typedef struct job { const REAL *x, *w, *y, *g; REAL *out, *dx; int64_t n, m, tile; } job;

static int
shape(tl_op_call *c)
{
	const tl_view *x = &c->in[0];

	if (tl_shape_rank(c, 0, 1, TL_MAX_RANK) || (given(&c->in[1]) && tl_shape_same(c, 0, 1)))
		return -1;
	return tl_shape_out(c, TL_REAL_DTYPE, x->rank - 1, x->dim);
}

static void
forward_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t r = t * j->tile; r < TL_MIN(j->n, (t + 1) * j->tile); r++) {
		const REAL *x = j->x + r * j->m, *w = j->w ? j->w + r * j->m : NULL;
		REAL most = -INFINITY;
		double sum = 0;
		bool any = false;

		for (int64_t k = 0; k < j->m; k++)
			if (!w || w[k] > 0) {
				most = x[k] > most || isnan(x[k]) ? x[k] : most;
				any = true;
			}
		if (!any || most == -(REAL)INFINITY) {
			j->out[r] = any ? most : 0;
			continue;
		}
		for (int64_t k = 0; k < j->m; k++)
			if (!w || w[k] > 0)
				sum += (w ? w[k] : 1) * (double)quick_exp(x[k] - most);
		j->out[r] = (REAL)(most + log(sum));
	}
}

static job
make_job(tl_op_call *c)
{
	job j = { .x = c->in[0].data, .w = c->in[1].data, .n = c->out.count, .m = last_dim(&c->in[0]) };

	j.tile = tile_rows(j.m);
	return j;
}

static int
forward(tl_op_call *c)
{
	job j = make_job(c);

	j.out = c->out.data;
	for (int64_t i = 0; j.w && i < c->in[1].count; i++)
		if (!(j.w[i] >= 0))
			return tl_op_refuse(c, "w[%lld] is %g; wanted weights that are not negative", (long long)i, (double)j.w[i]);
	tl_parallel(c->ctx, tiles(j.n, j.tile), forward_tile, &j);
	return 0;
}

static void
backward_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t r = t * j->tile; r < TL_MIN(j->n, (t + 1) * j->tile); r++) {
		const REAL *x = j->x + r * j->m, *w = j->w ? j->w + r * j->m : NULL;
		REAL *dx = j->dx + r * j->m;

		for (int64_t k = 0; k < j->m; k++)
			if ((!w || w[k] > 0) && x[k] > -(REAL)INFINITY)
				dx[k] += j->g[r] * (w ? w[k] : 1) * quick_exp(x[k] - j->y[r]);
	}
}

static int
backward(tl_op_call *c)
{
	job j = make_job(c);

	j.y = c->out.data, j.g = c->grad_out, j.dx = c->grad_in[0];
	if (c->grad_in[1])
		return tl_op_refuse(c, "a gradient is wanted for w, which is a constant; pass it through tl_detach");
	if (j.dx)
		tl_parallel(c->ctx, tiles(j.n, j.tile), backward_tile, &j);
	return 0;
}

TL_CPU_OP(logsumexp, 0)
