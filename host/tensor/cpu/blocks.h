/* blocks.h - blocks of equal length at equal distances, copied or added to others: what concat and slice are made of, forwards and backwards. */
#ifndef HOST_TENSOR_BLOCKS_H
#define HOST_TENSOR_BLOCKS_H

#include "tensor/cpu/cut.h"

/* `outer` blocks of n elements; the next one lies from_step, or to_step, elements further on. */
struct blocks { const REAL *from; REAL *to; int64_t n, outer, from_step, to_step; };

/* An axis counted from the end where it is negative; it may still be none of v's. */
static inline int
axis_of(double axis, const tl_view *v)
{
	return (int)(axis < 0 ? axis + v->rank : axis);
}

/* The blocks that a view has from an axis on: *outer of them, of *n elements each. */
static inline void
blocks_of(const tl_view *v, int axis, int64_t *outer, int64_t *n)
{
	*outer = *n = 1;
	for (int k = 0; k < v->rank; k++)
		*(k < axis ? outer : n) *= v->dim[k];
}

static inline void
copy_some_blocks(void *arg, int64_t from, int64_t to)
{
	const struct blocks *b = arg;

	for (int64_t r = from; r < to; r++)
		memcpy(b->to + r * b->to_step, b->from + r * b->from_step, (size_t)b->n * sizeof(REAL));
}

static inline void
add_some_blocks(void *arg, int64_t from, int64_t to)
{
	const struct blocks *b = arg;

	for (int64_t r = from; r < to; r++)
#pragma omp simd
		for (int64_t k = 0; k < b->n; k++)
			b->to[r * b->to_step + k] += b->from[r * b->from_step + k];
}

static inline void
move_blocks(const tl_op_call *c, bool add, struct blocks b)
{
	if (b.n)
		tl_blocks(c->ctx, b.outer, tile_rows(b.n), add ? add_some_blocks : copy_some_blocks, &b);
}

#endif
