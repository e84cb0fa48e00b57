/* slice.c - elements from .. to-1 along an axis. */
#include "tensor/cpu/blocks.h"

static int
shape(tl_op_call *c)
{
	const tl_view *x = &c->in[0];
	int64_t dims[TL_MAX_RANK] = { 0 };
	int axis = axis_of(c->arg[0], x);

	if (tl_shape_rank(c, 0, 1, TL_MAX_RANK))
		return -1;
	if (c->arg[0] != (int)c->arg[0] || axis < 0 || axis >= x->rank)
		return tl_op_refuse(c, "axis is %g for x of rank %d; wanted %d to %d", c->arg[0], x->rank, -x->rank, x->rank - 1);
	if (!(c->arg[1] >= 0 && c->arg[1] <= c->arg[2] && c->arg[2] <= (double)x->dim[axis]))
		return tl_op_refuse(c, "from %g to %g on axis %d of x %s; wanted 0 <= from <= to <= %lld", c->arg[1], c->arg[2], axis, in_words(x).s, (long long)x->dim[axis]);
	memcpy(dims, x->dim, sizeof dims);
	dims[axis] = (int64_t)c->arg[2] - (int64_t)c->arg[1];
	return tl_shape_out(c, TL_REAL_DTYPE, x->rank, dims);
}

static int
move(tl_op_call *c, bool backward_pass)
{
	const tl_view *x = &c->in[0];
	int axis = axis_of(c->arg[0], x);
	int64_t outer, big, small, first;

	blocks_of(x, axis, &outer, &big);
	blocks_of(&c->out, axis, &outer, &small);
	first = x->dim[axis] ? (int64_t)c->arg[1] * (big / x->dim[axis]) : 0;
	if (!backward_pass)
		move_blocks(c, false, (struct blocks){ (const REAL *)x->data + first, c->out.data, small, outer, big, small });
	else if (c->grad_in[0])
		move_blocks(c, true, (struct blocks){ c->grad_out, (REAL *)c->grad_in[0] + first, small, outer, small, big });
	return 0;
}

static int
forward(tl_op_call *c)
{
	return move(c, false);
}

static int
backward(tl_op_call *c)
{
	return move(c, true);
}

TL_CPU_OP(slice, 0)
