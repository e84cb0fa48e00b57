/* reshape.c - the same elements under another shape: a view of the same memory and gradient. */
#include "tensor/cpu/cpu.h"

static int
shape(tl_op_call *c)
{
	int64_t dims[TL_MAX_RANK] = { 0 }, known = 1;
	int rank = (int)c->arg[0], open = -1;

	if (c->arg[0] < 0 || c->arg[0] > TL_MAX_RANK)
		return tl_op_refuse(c, "rank %g; wanted 0 to %d", c->arg[0], TL_MAX_RANK);
	for (int i = 0; i < rank; i++) {
		dims[i] = (int64_t)c->arg[1 + i];
		if (dims[i] == -1 && open < 0)
			open = i;
		else if (dims[i] < 0)
			return tl_op_refuse(c, "dimension %d is %lld; wanted sizes, and at most one -1", i, (long long)dims[i]);
		else if (__builtin_mul_overflow(known, dims[i], &known))
			return tl_op_refuse(c, "the sizes multiply beyond 2^63");
	}
	if (open >= 0) {
		if (known == 0 || c->in[0].count % known)
			return tl_op_refuse(c, "x has %lld elements; they cannot be cut into rows of %lld", (long long)c->in[0].count, (long long)known);
		dims[open] = c->in[0].count / known;
	} else if (known != c->in[0].count)
		return tl_op_refuse(c, "x has %lld elements; the wanted shape has %lld", (long long)c->in[0].count, (long long)known);
	return tl_shape_out(c, c->in[0].dtype, rank, dims);
}

#define forward NULL
#define backward NULL
TL_CPU_OP(reshape, TL_OP_VIEW)
