/*
 * linear.c - act(x wT + b): x [N, in], w [out, in], b [out] -> [N, out].
 * A tile of the product gets its bias and activation while it is in the cache. gelu keeps its slope; the other activations are
 * differentiated from their result. All three products are cut into tiles by shape; in float with AVX-512 their right factors are packed
 * once (panels.h), elsewhere each tile is a product of its own.
 */
#include "tensor/cpu/cpu.h"
#include "tensor/cpu/panels.h"
#include "tensor/isa.h"

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

/* --- C [m, n] = (or +=) op(A) op(B) in tiles, and what is done to a tile while it is in the cache --- */

enum { COLUMNS = 384 };

struct product {
	int ta, tb;
	int64_t m, n, k, lda, ldb, rows, columns; /* rows of a tile, tiles side by side */
	const REAL *a, *b;
	REAL *c, *packed;                         /* packed: NULL where tiles read b itself */
	bool add;
	int act;                                  /* forward only */
	const REAL *bias;
	REAL *slope, *y;
};

#ifndef TL_DOUBLE
static void
pack(void *arg, int64_t strip)
{
	const struct product *j = arg;

	tl_panel_pack(j->tb, j->b, j->ldb, j->n, j->k, strip, j->packed + strip * TL_STRIP_COLUMNS * j->k);
}
#endif

static void
tile(void *arg, int64_t t)
{
	const struct product *j = arg;
	int64_t i0 = t / j->columns * j->rows, j0 = t % j->columns * COLUMNS, m = TL_MIN(j->rows, j->m - i0), n = TL_MIN(COLUMNS, j->n - j0);
	const REAL *a = j->ta ? j->a + i0 : j->a + i0 * j->lda;
	REAL *c = j->c + i0 * j->n + j0;

#ifndef TL_DOUBLE
	if (j->packed)
		tl_panel_tile(j->ta, m, n, j->k, a, j->lda, j->packed + j0 * j->k, j->add, c, j->n);
	else
#endif
		GEMM1(j->ta, j->tb, m, n, j->k, 1, a, j->lda, j->tb ? j->b + j0 * j->ldb : j->b + j0, j->ldb, j->add, c, j->n);
	if (!j->bias && j->act == TL_NONE)
		return;
	for (int64_t i = 0; i < m; i++, c += j->n)
		INNER()->act(j->act, n, c, j->bias ? j->bias + j0 : NULL, j->y + (i0 + i) * j->n + j0, j->slope ? c : NULL);
}

static int
run(tl_op_call *c, struct product *j)
{
	int64_t strips = (j->n + TL_STRIP_COLUMNS - 1) / TL_STRIP_COLUMNS;

	/* Few rows: smaller tiles, so that there are enough of them; hardly any: packing would cost more than it gives. */
	j->rows = j->m <= 768 ? 96 : 144;
	j->columns = (j->n + COLUMNS - 1) / COLUMNS;
	if (TL_REAL_DTYPE == TL_F32 && tl_isa_level() == TL_ISA_AVX512 && j->m >= 48 && j->k > 0) {
		if (!(j->packed = tl_scratch(c->ctx, (size_t)(strips * TL_STRIP_COLUMNS * j->k) * sizeof(REAL))))
			return -1;
#ifndef TL_DOUBLE
		tl_parallel(c->ctx, strips, pack, j);
#endif
	}
	tl_parallel(c->ctx, (j->m + j->rows - 1) / j->rows * j->columns, tile, j);
	return 0;
}

static int
forward(tl_op_call *c)
{
	int64_t in = c->in[1].dim[1], out = c->in[1].dim[0];
	struct product j = { .tb = 1, .m = tl_rows(&c->in[0], 1), .n = out, .k = in, .a = c->in[0].data, .lda = in, .b = c->in[1].data, .ldb = in, .c = c->out.data,
		.act = (int)c->arg[0], .bias = c->in[2].data, .y = c->out.data };

	if (j.act == TL_GELU && c->backward_follows)
		j.c = j.slope = c->saved[0].data;
	return run(c, &j);
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
		if (!(act.to = tl_scratch(c->ctx, (size_t)(n * out) * sizeof(REAL))))
			return -1;
		tl_blocks(c->ctx, n * out, 32768, act_block, &act);
		g = act.to;
	}
	if (c->grad_in[0]) {
		struct product j = { .m = n, .n = in, .k = out, .a = g, .lda = out, .b = c->in[1].data, .ldb = in, .c = c->grad_in[0], .add = !c->grad_fresh[0] };
		if (run(c, &j))
			return -1;
	}
	if (c->grad_in[1]) {
		struct product j = { .ta = 1, .m = out, .n = in, .k = n, .a = g, .lda = out, .b = c->in[0].data, .ldb = in, .c = c->grad_in[1], .add = !c->grad_fresh[1] };
		if (run(c, &j))
			return -1;
	}
	if (c->grad_in[2])
		TL_SUFFIX(tl_column_sums)(c->ctx, n, out, g, NULL, c->grad_in[2], c->grad_fresh[2]);
	return 0;
}

TL_CPU_OP(linear, TL_OP_FRESH)
