/* logsumexp.c - ln sum_j w_j e^x_j over the last axis, [..., m] -> [...]; w constant and not negative. A row without any w > 0 gives 0. */
#include "tensor/cpu/cut.h"

#define BLOCK 512

typedef struct job { const REAL *x, *w, *y, *g; REAL *out, *dx; int64_t n, m, tile; } job;

static int
shape(tl_op_call *c)
{
	const tl_view *x = &c->in[0];

	if (tl_shape_rank(c, 0, 1, TL_MAX_RANK) || (given(&c->in[1]) && tl_shape_same(c, 0, 1)))
		return -1;
	return tl_shape_out(c, TL_REAL_DTYPE, x->rank - 1, x->dim);
}

/* e^(x - by) of up to BLOCK elements from `from` on, times w; 0 where w is. How many there are. */
static int64_t
block(const job *j, const REAL *x, const REAL *w, int64_t from, REAL by, REAL *e)
{
	int64_t n = TL_MIN(BLOCK, j->m - from);

#pragma omp simd
	for (int64_t k = 0; k < n; k++)
		e[k] = x[from + k] - by;
	if (w)
#pragma omp simd
		for (int64_t k = 0; k < n; k++)
			e[k] = w[from + k] > 0 ? e[k] : -(REAL)INFINITY;
	INNER()->exp(n, e, e);
	if (w)
#pragma omp simd
		for (int64_t k = 0; k < n; k++)
			e[k] *= w[from + k];
	return n;
}

/* The largest x that counts, minus infinity without one, and the sum of w e^(x - most). */
static REAL
largest(const job *j, const REAL *x, const REAL *w, double *sum)
{
	REAL most = -INFINITY, e[BLOCK];
	double total = 0;

	for (int64_t k = 0; k < j->m; k++)
		most = (!w || w[k] > 0) && x[k] > most ? x[k] : most;
	for (int64_t from = 0; most != -(REAL)INFINITY && from < j->m; from += BLOCK) {
		int64_t n = block(j, x, w, from, most, e);

#pragma omp simd reduction(+ : total)
		for (int64_t k = 0; k < n; k++)
			total += e[k];
	}
	*sum = total;
	return most;
}

static void
forward_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t r = t * j->tile; r < TL_MIN(j->n, (t + 1) * j->tile); r++) {
		const REAL *x = j->x + r * j->m, *w = j->w ? j->w + r * j->m : NULL;
		double sum;
		REAL most = largest(j, x, w, &sum);
		bool any = false;

		if (most != -(REAL)INFINITY) {
			j->out[r] = (REAL)(most + log(sum));
			continue;
		}
		for (int64_t k = 0; k < j->m; k++) /* nothing, or nothing but minus infinity; or NaN alone */
			any |= (!w || w[k] > 0) && x[k] == x[k];
		j->out[r] = any ? most : 0;
		for (int64_t k = 0; k < j->m; k++)
			if ((!w || w[k] > 0) && isnan(x[k]))
				j->out[r] = x[k];
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
		REAL *dx = j->dx + r * j->m, e[BLOCK], most, g;
		double sum;

		if (j->y[r] == -(REAL)INFINITY)
			continue;
		most = largest(j, x, w, &sum); /* not from the result, which is rounded: e^(x - result) would be wrong by its last bit times the result's size */
		if (most == -(REAL)INFINITY) /* nothing counts: zeros; or NaN alone */
			most = j->y[r], sum = 1;
		g = (REAL)(j->g[r] / sum);
		for (int64_t from = 0; from < j->m; from += BLOCK) {
			int64_t n = block(j, x, w, from, most, e);

#pragma omp simd
			for (int64_t k = 0; k < n; k++)
				dx[from + k] += g * e[k];
		}
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
