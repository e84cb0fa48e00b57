/* concat.c - tensors one after the other along an axis; the other axes are equal. */
#include "tensor/cpu/blocks.h"

static int
shape(tl_op_call *c)
{
	int64_t dims[TL_MAX_RANK] = { 0 };
	int rank, axis;

	if (c->n_in < 1)
		return tl_op_refuse(c, "no tensors given; wanted at least one");
	rank = c->in[0].rank;
	axis = axis_of(c->arg[0], &c->in[0]);
	if (c->arg[0] != (int)c->arg[0] || axis < 0 || axis >= rank)
		return tl_op_refuse(c, "axis is %g for tensors of rank %d; wanted %d to %d", c->arg[0], rank, -rank, rank - 1);
	memcpy(dims, c->in[0].dim, sizeof dims);
	for (int i = 1; i < c->n_in; i++) {
		if (tl_shape_rank(c, i, rank, rank))
			return -1;
		for (int k = 0; k < rank; k++)
			if (k != axis && c->in[i].dim[k] != dims[k])
				return tl_op_refuse(c, "xs[%d] is %s and xs[0] is %s; wanted equal sizes on every axis but %d", i, in_words(&c->in[i]).s, in_words(&c->in[0]).s, axis);
		dims[axis] += c->in[i].dim[axis];
	}
	return tl_shape_out(c, TL_REAL_DTYPE, rank, dims);
}

static void
each_input(tl_op_call *c, bool backward_pass)
{
	int axis = axis_of(c->arg[0], &c->out);
	int64_t offset = 0, outer, whole, n;

	blocks_of(&c->out, axis, &outer, &whole);
	for (int i = 0; i < c->n_in; i++, offset += n) {
		blocks_of(&c->in[i], axis, &outer, &n);
		if (!backward_pass)
			move_blocks(c, false, (struct blocks){ c->in[i].data, (REAL *)c->out.data + offset, n, outer, n, whole });
		else if (c->grad_in[i])
			move_blocks(c, true, (struct blocks){ (const REAL *)c->grad_out + offset, c->grad_in[i], n, outer, whole, n });
	}
}

static int
forward(tl_op_call *c)
{
	each_input(c, false);
	return 0;
}

static int
backward(tl_op_call *c)
{
	each_input(c, true);
	return 0;
}

TL_CPU_OP(concat, 0)
