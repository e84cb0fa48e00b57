/*
 * linear.c - act(x wT + b): x [N, in], w [out, in], b [out] -> [N, out].
 * A part of the product gets its bias and activation while it is in the cache. gelu keeps the product, from which its result can be made
 * again, and its slope in the product's place with it; the other activations are differentiated from their result.
 */
#include "tensor/cpu/cpu.h"
#include "tensor/gemm.h"

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
	c->again = c->arg[0] == TL_GELU;
	return c->again ? tl_shape_save(c, TL_REAL_DTYPE, c->in[0].rank, dims) : 0;
}

#define AFTER TL_SUFFIX(tl_gemm_after)

struct after { int act; int64_t n; const REAL *bias; REAL *from, *y; bool slope; }; /* from: the product; y = act(from + bias); slope goes to `from` */

static void
after(void *arg, int64_t i0, int64_t j0, int64_t m, int64_t n)
{
	const struct after *j = arg;

	for (int64_t i = i0; i < i0 + m; i++) {
		REAL *from = j->from + i * j->n + j0;
		INNER()->act(j->act, n, from, j->bias ? j->bias + j0 : NULL, j->y + i * j->n + j0, j->slope ? from : NULL);
	}
}

static void
rows(void *arg, int64_t from, int64_t to)
{
	const struct after *j = arg;

	after(arg, from, 0, to - from, j->n);
}

/* gelu: the result from the product that was kept, and the slope in its place. */
static void
result_and_slope(tl_op_call *c)
{
	int64_t out = c->in[1].dim[0];
	struct after j = { TL_GELU, out, c->in[2].data, c->saved[0].data, c->out.data, true };

	tl_blocks(c->ctx, tl_rows(&c->in[0], 1), TL_MAX(1, 32768 / TL_MAX(out, 1)), rows, &j);
}

static int
forward(tl_op_call *c)
{
	int64_t in = c->in[1].dim[1], out = c->in[1].dim[0];
	bool keep = c->arg[0] == TL_GELU && c->backward_follows;
	struct after j = { (int)c->arg[0], out, c->in[2].data, keep ? c->saved[0].data : c->out.data, c->out.data, false };

	if (c->again) {
		result_and_slope(c);
		return 0;
	}
	AFTER(tl_ctx_pool(c->ctx), 0, 1, tl_rows(&c->in[0], 1), out, in, 1, c->in[0].data, in, c->in[1].data, in, 0, j.from, out, j.bias || j.act != TL_NONE ? after : NULL, &j);
	return 0;
}

/* --- backward --- */

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
	struct act_job act = { (int)c->arg[0], c->n_saved ? c->saved[0].data : NULL, c->out.data, c->grad_out, NULL };
	const REAL *g = c->grad_out; /* [n, out], before the activation */

	if (act.act != TL_NONE) {
		if (act.act == TL_GELU && !c->again)
			result_and_slope(c);
		/* gelu: into the slope's own buffer, which nothing reads afterwards */
		if (!(act.to = act.act == TL_GELU ? c->saved[0].data : tl_scratch(c->ctx, (size_t)(n * out) * sizeof(REAL))))
			return -1;
		tl_blocks(c->ctx, n * out, 32768, act_block, &act);
		g = act.to;
	}
	if (c->grad_in[0])
		GEMM(tl_ctx_pool(c->ctx), 0, 0, n, in, out, 1, g, out, c->in[1].data, in, !c->grad_fresh[0], c->grad_in[0], in);
	if (c->grad_in[1])
		GEMM(tl_ctx_pool(c->ctx), 1, 0, out, in, n, 1, g, out, c->in[0].data, in, !c->grad_fresh[1], c->grad_in[1], in);
	if (c->grad_in[2])
		TL_SUFFIX(tl_column_sums)(c->ctx, n, out, g, NULL, c->grad_in[2], c->grad_fresh[2]);
	return 0;
}

TL_CPU_OP(linear, TL_OP_FRESH)
