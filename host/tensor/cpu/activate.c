/* activate.c - act(x). */
#include "tensor/cpu/cpu.h"

static int
shape(tl_op_call *c)
{
	return tl_shape_act(c, c->arg[0]) || tl_shape_like(c, 0) ? -1 : 0;
}

struct job { int act; const REAL *x, *g; REAL *y, *gx; bool fresh; };

static void
some(void *arg, int64_t from, int64_t to)
{
	const struct job *j = arg;

	if (j->gx)
		TL_SUFFIX(tl_act_backward)(j->act, to - from, j->x + from, j->y + from, j->g + from, j->gx + from, j->fresh);
	else
		TL_SUFFIX(tl_act_forward)(j->act, to - from, j->x + from, j->y + from);
}

static int
forward(tl_op_call *c)
{
	struct job j = { (int)c->arg[0], c->in[0].data, NULL, c->out.data, NULL, false };

	tl_blocks(c->ctx, c->out.count, 16384, some, &j);
	return 0;
}

static int
backward(tl_op_call *c)
{
	struct job j = { (int)c->arg[0], c->in[0].data, c->grad_out, c->out.data, c->grad_in[0], c->grad_fresh[0] };

	tl_blocks(c->ctx, c->out.count, 16384, some, &j);
	return 0;
}

TL_CPU_OP(activate, TL_OP_FRESH)
