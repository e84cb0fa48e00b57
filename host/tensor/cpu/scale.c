/* scale.c - by * x + plus. */
#include "tensor/cpu/cpu.h"

static int
shape(tl_op_call *c)
{
	return tl_shape_like(c, 0);
}

struct job { const REAL *x; REAL *y, by, plus; bool add; };

static void
some(void *arg, int64_t from, int64_t to)
{
	const struct job *j = arg;

	if (j->add)
		for (int64_t i = from; i < to; i++)
			j->y[i] += j->by * j->x[i];
	else
		for (int64_t i = from; i < to; i++)
			j->y[i] = j->by * j->x[i] + j->plus;
}

static int
forward(tl_op_call *c)
{
	struct job j = { c->in[0].data, c->out.data, (REAL)c->arg[0], (REAL)c->arg[1], false };

	tl_blocks(c->ctx, c->out.count, 65536, some, &j);
	return 0;
}

static int
backward(tl_op_call *c)
{
	struct job j = { c->grad_out, c->grad_in[0], (REAL)c->arg[0], 0, !c->grad_fresh[0] };

	tl_blocks(c->ctx, c->out.count, 65536, some, &j);
	return 0;
}

TL_CPU_OP(scale, TL_OP_FRESH | TL_OP_BLIND)
