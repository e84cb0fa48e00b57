/* topk.c - x [..., m] -> i32 [..., k]: the k largest of each row, best first, ties by the lower index. */
#include "tensor/cpu/best.h"

typedef struct job { const REAL *x; int32_t *out; int64_t m, k; } job;

static int
shape(tl_op_call *c)
{
	const tl_view *x = &c->in[0];
	int64_t dims[TL_MAX_RANK] = { 0 };

	if (tl_shape_rank(c, 0, 1, TL_MAX_RANK))
		return -1;
	if (!(c->arg[0] >= 0 && c->arg[0] <= (double)last_dim(x)))
		return tl_op_refuse(c, "k is %g for x %s; wanted 0 to %lld", c->arg[0], in_words(x).s, (long long)last_dim(x));
	memcpy(dims, x->dim, sizeof dims);
	dims[x->rank - 1] = (int64_t)c->arg[0];
	return tl_shape_out(c, TL_I32, x->rank, dims);
}

static void
row(void *arg, int64_t i)
{
	const job *j = arg;

	best_of(j->x + i * j->m, j->m, j->k, j->out + i * j->k);
}

static int
forward(tl_op_call *c)
{
	job j = { .x = c->in[0].data, .out = c->out.data, .m = last_dim(&c->in[0]), .k = (int64_t)c->arg[0] };

	tl_parallel(c->ctx, leading_rows(&c->in[0]), row, &j);
	return 0;
}

#define backward NULL
TL_CPU_OP(topk, TL_OP_NO_GRAD)
