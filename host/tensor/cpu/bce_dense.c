/* bce_dense.c - sum of w * BCE(sigmoid(z), target), all of one shape; target and w are constants. */
#include "tensor/cpu/cut.h"

typedef struct job { const REAL *z, *target, *w; REAL *dz; double *partial; REAL g; int64_t n; } job;

static int
shape(tl_op_call *c)
{
	if (tl_shape_same(c, 0, 1) || (given(&c->in[2]) && tl_shape_same(c, 0, 2)))
		return -1;
	return tl_shape_out(c, TL_REAL_DTYPE, 0, NULL);
}

static void
forward_tile(void *arg, int64_t t)
{
	const job *j = arg;
	double sum = 0;

	for (int64_t i = t * TILE; i < TL_MIN(j->n, (t + 1) * TILE); i++) {
		double z = j->z[i], loss = (z > 0 ? z : 0) - z * j->target[i] + log1p(exp(-fabs(z)));

		sum += j->w ? j->w[i] * loss : loss;
	}
	j->partial[t] = sum;
}

static job
make_job(tl_op_call *c)
{
	return (job){ .z = c->in[0].data, .target = c->in[1].data, .w = c->in[2].data, .n = c->in[0].count };
}

static int
forward(tl_op_call *c)
{
	job j = make_job(c);
	double sum;

	if (sum_of_tiles(c, j.n, forward_tile, &j, &j.partial, &sum))
		return -1;
	*(REAL *)c->out.data = (REAL)sum;
	return 0;
}

static void
backward_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t from = t * TILE, n; from < TL_MIN(j->n, (t + 1) * TILE); from += n) {
		REAL y[512];

		n = TL_MIN(TL_COUNT(y), TL_MIN(j->n, (t + 1) * TILE) - from);
		INNER()->act(TL_SIGMOID, n, j->z + from, NULL, y, NULL);
		for (int64_t k = 0; k < n; k++)
			j->dz[from + k] += j->g * (j->w ? j->w[from + k] : 1) * (y[k] - j->target[from + k]);
	}
}

static int
backward(tl_op_call *c)
{
	job j = make_job(c);

	if (c->grad_in[1] || c->grad_in[2])
		return tl_op_refuse(c, "a gradient is wanted for %s, which is a constant; pass it through tl_detach", c->grad_in[1] ? "target" : "w");
	j.g = *(const REAL *)c->grad_out;
	if ((j.dz = c->grad_in[0]))
		tl_parallel(c->ctx, tiles(j.n, TILE), backward_tile, &j);
	return 0;
}

TL_CPU_OP(bce_dense, 0)
