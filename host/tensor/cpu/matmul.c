/*
 * matmul.c - op(a) op(b), batched over the first axis of rank 3; b of rank 2 serves every batch.
 * One large product is cut into tiles over the threads; many small ones go to the threads one by one. Which of both depends on shape.
 */
#include "tensor/cpu/cpu.h"

struct sizes { int64_t g, m, n, k; bool ta, tb, shared; };

static struct sizes
sizes_of(const tl_op_call *c)
{
	const tl_view *a = &c->in[0], *b = &c->in[1];
	struct sizes s = { .g = a->rank == 3 ? a->dim[0] : 1, .ta = c->arg[0] != 0, .tb = c->arg[1] != 0, .shared = a->rank == 3 && b->rank == 2 };

	s.m = a->dim[a->rank - (s.ta ? 1 : 2)];
	s.k = a->dim[a->rank - (s.ta ? 2 : 1)];
	s.n = b->dim[b->rank - (s.tb ? 2 : 1)];
	return s;
}

static int
shape(tl_op_call *c)
{
	struct sizes s;
	int64_t dims[3];

	if (tl_shape_rank(c, 0, 2, 3) || tl_shape_rank(c, 1, 2, 3))
		return -1;
	if (c->in[0].rank == 2 && tl_shape_rank(c, 1, 2, 2))
		return -1;
	s = sizes_of(c);
	if (c->in[1].rank == 3 && tl_shape_dim(c, 1, 0, s.g, "as many as a has"))
		return -1;
	if (tl_shape_dim(c, 1, s.tb ? -1 : -2, s.k, "the inner size of a"))
		return -1;
	dims[0] = s.g;
	dims[1] = s.m;
	dims[2] = s.n;
	return tl_shape_out(c, TL_REAL_DTYPE, c->in[0].rank, dims + (c->in[0].rank == 2));
}

/* C_g = op(A_g) op(B_g) + beta C_g for all g; steps in elements from one g to the next. */
struct job { int ta, tb; int64_t m, n, k; const REAL *a, *b; REAL beta, *c; int64_t lda, ldb, step_a, step_b, step_c; };

static void
one(void *arg, int64_t g)
{
	const struct job *j = arg;

	GEMM1(j->ta, j->tb, j->m, j->n, j->k, 1, j->a + g * j->step_a, j->lda, j->b + g * j->step_b, j->ldb, j->beta, j->c + g * j->step_c, j->n);
}

static void
products(tl_op_call *c, int64_t g, int ta, int tb, int64_t m, int64_t n, int64_t k, const REAL *a, int64_t step_a, const REAL *b, int64_t step_b, bool add, REAL *to, int64_t step_c)
{
	struct job j = { ta, tb, m, n, k, a, b, add, to, ta ? m : k, tb ? k : n, step_a, step_b, step_c };

	if (g >= 8 && step_c)
		tl_parallel(c->ctx, g, one, &j);
	else
		for (int64_t i = 0; i < g; i++) {
			GEMM(tl_ctx_pool(c->ctx), ta, tb, m, n, k, 1, a + i * step_a, j.lda, b + i * step_b, j.ldb, j.beta, to + i * step_c, n);
			if (!step_c)
				j.beta = 1; /* all into one */
		}
}

static int
forward(tl_op_call *c)
{
	struct sizes s = sizes_of(c);

	if (s.shared && !s.ta) /* one product with all rows */
		products(c, 1, 0, s.tb, s.g * s.m, s.n, s.k, c->in[0].data, 0, c->in[1].data, 0, false, c->out.data, 0);
	else
		products(c, s.g, s.ta, s.tb, s.m, s.n, s.k, c->in[0].data, s.m * s.k, c->in[1].data, s.shared ? 0 : s.k * s.n, false, c->out.data, s.m * s.n);
	return 0;
}

static int
backward(tl_op_call *c)
{
	struct sizes s = sizes_of(c);
	const REAL *a = c->in[0].data, *b = c->in[1].data, *g = c->grad_out;
	int64_t sa = s.m * s.k, sb = s.shared ? 0 : s.k * s.n, sg = s.m * s.n;

	if (c->grad_in[0] && !s.ta)
		products(c, s.g, 0, !s.tb, s.m, s.k, s.n, g, sg, b, sb, !c->grad_fresh[0], c->grad_in[0], sa);
	else if (c->grad_in[0])
		products(c, s.g, s.tb, 1, s.k, s.m, s.n, b, sb, g, sg, !c->grad_fresh[0], c->grad_in[0], sa);
	if (!c->grad_in[1])
		return 0;
	if (s.g == 0 && s.shared && c->grad_fresh[1])
		memset(c->grad_in[1], 0, (size_t)c->in[1].count * sizeof(REAL));
	if (s.shared && !s.ta) { /* the sum over g is part of one product */
		s.m *= s.g;
		s.g = 1;
	}
	if (!s.tb)
		products(c, s.g, !s.ta, 0, s.k, s.n, s.m, a, sa, g, sg, !c->grad_fresh[1], c->grad_in[1], sb);
	else
		products(c, s.g, 1, s.ta, s.n, s.k, s.m, g, sg, a, sa, !c->grad_fresh[1], c->grad_in[1], sb);
	return 0;
}

TL_CPU_OP(matmul, TL_OP_FRESH)
