/*
 * cut.h - small things that many kernels share: how work is cut into tiles (by shape alone, so that the number of threads never
 * shows in a result), and shapes in words.
 */
#ifndef HOST_TENSOR_CUT_H
#define HOST_TENSOR_CUT_H

#include <stdio.h>

#include "tensor/cpu/cpu.h"

#define TILE 16384 /* elements that one tile handles, about */

static inline int64_t
tiles(int64_t count, int64_t per)
{
	return (count + per - 1) / per;
}

/* Rows of the given width that make one tile. */
static inline int64_t
tile_rows(int64_t width)
{
	return TL_MAX(1, TILE / TL_MAX(width, 1));
}

/* The sum of what `tile` leaves in (*partial)[t] for every tile t of n elements, in ascending order; `partial` lies in `job`. Returns -1 without memory. */
static inline int
sum_of_tiles(tl_op_call *c, int64_t n, void (*tile)(void *job, int64_t t), void *job, double **partial, double *sum)
{
	if (!(*partial = tl_scratch(c->ctx, (size_t)tiles(n, TILE) * sizeof **partial)))
		return -1;
	tl_parallel(c->ctx, tiles(n, TILE), tile, job);
	*sum = 0;
	for (int64_t t = 0; t < tiles(n, TILE); t++)
		*sum += (*partial)[t];
	return 0;
}

static inline int64_t
last_dim(const tl_view *v)
{
	return v->rank ? v->dim[v->rank - 1] : 1;
}

/* Product of the axes before the last one. */
static inline int64_t
leading_rows(const tl_view *v)
{
	int64_t n = 1;

	for (int i = 0; i + 1 < v->rank; i++)
		n *= v->dim[i];
	return n;
}

/* Product of the axes after the first one. */
static inline int64_t
row_width(const tl_view *v)
{
	int64_t n = 1;

	for (int i = 1; i < v->rank; i++)
		n *= v->dim[i];
	return n;
}

/* Was an optional input given? A missing one is all zeros; a scalar has one element. */
static inline bool
given(const tl_view *v)
{
	return v->rank || v->count;
}

typedef struct shape_words { char s[96]; } shape_words;

/* "[3, 4]" for messages. */
static inline shape_words
in_words(const tl_view *v)
{
	shape_words w = { "[" };
	size_t n = 1;

	for (int i = 0; i < v->rank && n < sizeof w.s - 24; i++)
		n += (size_t)snprintf(w.s + n, sizeof w.s - n, "%s%lld", i ? ", " : "", (long long)v->dim[i]);
	snprintf(w.s + n, sizeof w.s - n, "]");
	return w;
}

static inline bool
same_shape(const tl_view *a, const tl_view *b)
{
	bool same = a->rank == b->rank;

	for (int i = 0; same && i < a->rank; i++)
		same = a->dim[i] == b->dim[i];
	return same;
}

/* An i32 input of rank 1 with offsets of at least zero documents. Sets *documents. */
static inline int
shape_offsets(tl_op_call *c, int input, int64_t *documents)
{
	if (tl_shape_ints(c, input) || tl_shape_rank(c, input, 1, 1))
		return -1;
	*documents = c->in[input].dim[0] - 1;
	if (*documents < 0)
		return tl_op_refuse(c, "offsets have no entry; wanted one more than there are documents, the first one 0");
	return 0;
}

#endif
