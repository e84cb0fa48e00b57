/* mse.c - mean of (a - b)^2, summed in double; 0 where there are no elements. */
#include "tensor/cpu/cut.h"

typedef struct job { const REAL *a, *b; REAL *out; double *partial; REAL by; int64_t n; } job;

static int
shape(tl_op_call *c)
{
	if (tl_shape_same(c, 0, 1))
		return -1;
	return tl_shape_out(c, TL_REAL_DTYPE, 0, NULL);
}

static void
forward_tile(void *arg, int64_t t)
{
	const job *j = arg;
	double sum = 0;

#pragma omp simd reduction(+ : sum)
	for (int64_t i = t * TILE; i < TL_MIN(j->n, (t + 1) * TILE); i++) {
		double d = (double)j->a[i] - (double)j->b[i];

		sum += d * d;
	}
	j->partial[t] = sum;
}

static int
forward(tl_op_call *c)
{
	job j = { .a = c->in[0].data, .b = c->in[1].data, .n = c->in[0].count };
	double sum;

	if (sum_of_tiles(c, j.n, forward_tile, &j, &j.partial, &sum))
		return -1;
	*(REAL *)c->out.data = (REAL)(j.n ? sum / (double)j.n : 0);
	return 0;
}

static void
backward_tile(void *arg, int64_t t)
{
	const job *j = arg;

#pragma omp simd
	for (int64_t i = t * TILE; i < TL_MIN(j->n, (t + 1) * TILE); i++)
		j->out[i] += j->by * (j->a[i] - j->b[i]);
}

static int
backward(tl_op_call *c)
{
	job j = { .a = c->in[0].data, .b = c->in[1].data, .n = c->in[0].count };

	if (!j.n)
		return 0;
	j.by = 2 * *(const REAL *)c->grad_out / (REAL)j.n;
	if ((j.out = c->grad_in[0]))
		tl_parallel(c->ctx, tiles(j.n, TILE), backward_tile, &j);
	j.by = -j.by;
	if ((j.out = c->grad_in[1]))
		tl_parallel(c->ctx, tiles(j.n, TILE), backward_tile, &j);
	return 0;
}

TL_CPU_OP(mse, 0)
