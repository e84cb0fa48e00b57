/* mean.c - mean of all elements, summed in double; 0 where there are none. */
#include "tensor/cpu/cut.h"

typedef struct job { const REAL *x; REAL *dx; double *partial; REAL g; int64_t n; } job;

static int
shape(tl_op_call *c)
{
	return tl_shape_out(c, TL_REAL_DTYPE, 0, NULL);
}

static void
forward_tile(void *arg, int64_t t)
{
	const job *j = arg;
	double sum = 0;

#pragma omp simd reduction(+ : sum)
	for (int64_t i = t * TILE; i < TL_MIN(j->n, (t + 1) * TILE); i++)
		sum += j->x[i];
	j->partial[t] = sum;
}

static int
forward(tl_op_call *c)
{
	job j = { .x = c->in[0].data, .n = c->in[0].count };
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
		j->dx[i] += j->g;
}

static int
backward(tl_op_call *c)
{
	job j = { .dx = c->grad_in[0], .n = c->in[0].count };

	if (!j.dx || !j.n)
		return 0;
	j.g = *(const REAL *)c->grad_out / (REAL)j.n;
	tl_parallel(c->ctx, tiles(j.n, TILE), backward_tile, &j);
	return 0;
}

TL_CPU_OP(mean, 0)
