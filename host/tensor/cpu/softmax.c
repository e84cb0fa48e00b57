/* softmax.c - softmax over the last axis. */
#include "tensor/cpu/cpu.h"

static int
shape(tl_op_call *c)
{
	return tl_shape_rank(c, 0, 1, TL_MAX_RANK) || tl_shape_like(c, 0) ? -1 : 0;
}

struct job { int64_t d; const REAL *x, *g; REAL *y, *gx; bool fresh; };

static void
some(void *arg, int64_t from, int64_t to)
{
	const struct job *j = arg;
	const ROW_TABLE *rows = INNER();

	for (int64_t i = from * j->d; i < to * j->d; i += j->d)
		if (j->gx)
			rows->softmax_back(j->d, j->y + i, j->g + i, j->gx + i, j->fresh);
		else
			rows->softmax(j->d, j->x + i, j->y + i);
}

static int
run(tl_op_call *c, const struct job *j)
{
	if (j->d)
		tl_blocks(c->ctx, tl_rows(&c->out, 1), TL_MAX(1, 8192 / j->d), some, (void *)(uintptr_t)j);
	return 0;
}

static int
forward(tl_op_call *c)
{
	return run(c, &(struct job){ tl_tail(&c->out, 1), c->in[0].data, NULL, c->out.data, NULL, false });
}

static int
backward(tl_op_call *c)
{
	return run(c, &(struct job){ tl_tail(&c->out, 1), NULL, c->grad_out, c->out.data, c->grad_in[0], c->grad_fresh[0] });
}

TL_CPU_OP(softmax, TL_OP_FRESH)
