/*
 * linear.c - act(x wT + b): x [N, in], w [out, in], b [out] -> [N, out].
 * A tile of the product gets its bias and activation while it is in the cache. gelu keeps its slope; the other activations are
 * differentiated from their result.
 */
#include "tensor/cpu/cpu.h"

static int
shape(tl_op_call *c)
{
	int64_t dims[TL_MAX_RANK];

	if (tl_shape_act(c, c->arg[0]) || tl_shape_rank(c, 0, 1, TL_MAX_RANK) || tl_shape_rank(c, 1, 2, 2) || tl_shape_dim(c, 0, -1, c->in[1].dim[1], "w's second axis"))
		return -1;
	if (c->in[2].data && (tl_shape_rank(c, 2, 1, 1) || tl_shape_dim(c, 2, 0, c->in[1].dim[0], "w's first axis")))
		return -1;
	memcpy(dims, c->in[0].dim, sizeof dims);
	dims[c->in[0].rank - 1] = c->in[1].dim[0];
	if (tl_shape_out(c, TL_REAL_DTYPE, c->in[0].rank, dims))
		return -1;
	return c->arg[0] == TL_GELU ? tl_shape_save(c, TL_REAL_DTYPE, c->in[0].rank, dims) : 0;
}

enum { TILE_M = 256, TILE_N = 384 };

struct job { int act; int64_t n, in, out, columns; const REAL *x, *w, *b; REAL *slope, *y; };

static void
tile(void *arg, int64_t t)
{
	const struct job *j = arg;
	int64_t i0 = t / j->columns * TILE_M, j0 = t % j->columns * TILE_N, m = TL_MIN(TILE_M, j->n - i0), n = TL_MIN(TILE_N, j->out - j0);
	REAL *z = j->slope ? j->slope : j->y; /* before the activation */

	GEMM1(0, 1, m, n, j->in, 1, j->x + i0 * j->in, j->in, j->w + j0 * j->in, j->in, 0, z + i0 * j->out + j0, j->out);
	if (!j->b && j->act == TL_NONE)
		return;
	for (int64_t i = i0; i < i0 + m; i++) {
		REAL *row = z + i * j->out + j0;
		INNER()->act(j->act, n, row, j->b ? j->b + j0 : NULL, j->y + i * j->out + j0, j->slope ? row : NULL);
	}
}

static int
forward(tl_op_call *c)
{
	int64_t in = c->in[1].dim[1], out = c->in[1].dim[0], n = tl_rows(&c->in[0], 1);
	struct job j = { (int)c->arg[0], n, in, out, (out + TILE_N - 1) / TILE_N, c->in[0].data, c->in[1].data, c->in[2].data, NULL, c->out.data };

	if (j.act == TL_GELU && c->backward_follows)
		j.slope = c->saved[0].data;
	tl_parallel(c->ctx, (n + TILE_M - 1) / TILE_M * j.columns, tile, &j);
	return 0;
}

struct act_job { int act; const REAL *slope, *y, *g; REAL *to; };

static void
act_block(void *arg, int64_t from, int64_t to)
{
	const struct act_job *j = arg;

	if (j->act == TL_GELU)
#pragma omp simd
		for (int64_t i = from; i < to; i++)
			j->to[i] = j->g[i] * j->slope[i];
	else
		INNER()->act_back(j->act, to - from, NULL, j->y + from, j->g + from, j->to + from, true);
}

static int
backward(tl_op_call *c)
{
	int64_t in = c->in[1].dim[1], out = c->in[1].dim[0], n = tl_rows(&c->in[0], 1);
	struct act_job j = { (int)c->arg[0], c->n_saved ? c->saved[0].data : NULL, c->out.data, c->grad_out, NULL };
	const REAL *g = c->grad_out;
	tl_pool *pool = tl_ctx_pool(c->ctx);

	if (j.act != TL_NONE) {
		if (!(j.to = tl_scratch(c->ctx, (size_t)(n * out) * sizeof(REAL))))
			return -1;
		tl_blocks(c->ctx, n * out, 32768, act_block, &j);
		g = j.to;
	}
	if (c->grad_in[0])
		GEMM(pool, 0, 0, n, in, out, 1, g, out, c->in[1].data, in, !c->grad_fresh[0], c->grad_in[0], in);
	if (c->grad_in[1])
		GEMM(pool, 1, 0, out, in, n, 1, g, out, c->in[0].data, in, !c->grad_fresh[1], c->grad_in[1], in);
	if (c->grad_in[2])
		TL_SUFFIX(tl_column_sums)(c->ctx, n, out, g, NULL, c->grad_in[2], c->grad_fresh[2]);
	return 0;
}

TL_CPU_OP(linear, TL_OP_FRESH)
