/*
 * layernorm.c - gain * normalise(residual + dropout(x, p)) + bias over the last axis.
 * Kept are two numbers a row; the backward makes the sum and the mask again, which is cheaper than to store and load them.
 */
#include "tensor/cpu/cpu.h"

static int
shape(tl_op_call *c)
{
	int64_t d, n;

	if (tl_shape_rank(c, 0, 1, TL_MAX_RANK) || tl_shape_rate(c, c->arg[0]))
		return -1;
	if (!(c->arg[1] >= 0))
		return tl_op_refuse(c, "eps is %g; wanted 0 or more", c->arg[1]);
	d = c->in[0].dim[c->in[0].rank - 1];
	n = tl_rows(&c->in[0], 1);
	if ((c->in[1].data && tl_shape_same(c, 0, 1)) || tl_shape_rank(c, 2, 1, 1) || tl_shape_dim(c, 2, 0, d, "x's last axis") ||
	    tl_shape_rank(c, 3, 1, 1) || tl_shape_dim(c, 3, 0, d, "x's last axis"))
		return -1;
	return tl_shape_like(c, 0) || tl_shape_save(c, TL_REAL_DTYPE, 1, &n) || tl_shape_save(c, TL_REAL_DTYPE, 1, &n) ? -1 : 0;
}

enum { TILE = 32 };
struct job {
	const tl_op_call *c;
	int64_t n, d;
	bool drop;
	REAL *scratch;            /* [threads, 2, d]: factors, a row */
	REAL *part;               /* [tiles, 2, d]: gradients of gain and bias */
};

static REAL *
factors(const struct job *j, int64_t row)
{
	REAL *f = j->scratch + (int64_t)tl_pool_worker() * 2 * j->d;

	if (!j->drop)
		return NULL;
	INNER()->drop(j->c->key, j->c->step, (uint64_t)(row * j->d), j->d, tl_drop_threshold(j->c->arg[0]), (REAL)(1 / (1 - j->c->arg[0])), f);
	return f;
}

static void
forward_tile(void *arg, int64_t from, int64_t to)
{
	const struct job *j = arg;
	const tl_op_call *c = j->c;
	const REAL *x = c->in[0].data, *r = c->in[1].data;
	REAL *y = c->out.data, *mean = c->saved[0].data, *rstd = c->saved[1].data;

	for (int64_t i = from; i < to; i++)
		INNER()->norm(j->d, x + i * j->d, r ? r + i * j->d : NULL, factors(j, i), c->in[2].data, c->in[3].data, (REAL)c->arg[1], y + i * j->d, &mean[i], &rstd[i]);
}

static bool
job_new(struct job *j, tl_op_call *c)
{
	*j = (struct job){ .c = c, .n = tl_rows(&c->in[0], 1), .d = tl_tail(&c->in[0], 1), .drop = c->training && c->arg[0] > 0 };
	j->scratch = tl_scratch(c->ctx, (size_t)(tl_pool_size(tl_ctx_pool(c->ctx)) * 2 * j->d) * sizeof(REAL));
	return j->scratch != NULL;
}

static int
forward(tl_op_call *c)
{
	struct job j;

	if (!job_new(&j, c))
		return -1;
	tl_blocks(c->ctx, j.n, TILE, forward_tile, &j);
	return 0;
}

static void
backward_tile(void *arg, int64_t from, int64_t to)
{
	const struct job *j = arg;
	const tl_op_call *c = j->c;
	const REAL *x = c->in[0].data, *r = c->in[1].data, *g = c->grad_out, *mean = c->saved[0].data, *rstd = c->saved[1].data;
	REAL *dx = c->grad_in[0], *dr = c->grad_in[1], *z = j->scratch + ((int64_t)tl_pool_worker() * 2 + 1) * j->d, *part = j->part + from / TILE * 2 * j->d;

	memset(part, 0, (size_t)(2 * j->d) * sizeof *part);
	for (int64_t i = from; i < to; i++)
		INNER()->norm_back(j->d, x + i * j->d, r ? r + i * j->d : NULL, factors(j, i), c->in[2].data, mean[i], rstd[i], g + i * j->d, z, part, part + j->d,
		                  dx ? dx + i * j->d : NULL, c->grad_fresh[0], dr ? dr + i * j->d : NULL, c->grad_fresh[1]);
}

static int
backward(tl_op_call *c)
{
	struct job j;
	int64_t tiles;

	if (!job_new(&j, c))
		return -1;
	tiles = (j.n + TILE - 1) / TILE;
	if (!(j.part = tl_scratch(c->ctx, (size_t)(tiles * 2 * j.d) * sizeof(REAL))))
		return -1;
	tl_blocks(c->ctx, j.n, TILE, backward_tile, &j);
	for (int i = 2; i < 4; i++) {
		REAL *to = c->grad_in[i];
		if (to && c->grad_fresh[i])
			memset(to, 0, (size_t)j.d * sizeof *to);
		for (int64_t t = 0; to && t < tiles; t++)
#pragma omp simd
			for (int64_t k = 0; k < j.d; k++)
				to[k] += j.part[(2 * t + i - 2) * j.d + k];
	}
	return 0;
}

TL_CPU_OP(layernorm, TL_OP_FRESH | TL_OP_RANDOM)
