/* sparse.c - sparse rows: made, filled, added, freed. */
#include "sparse.h"

#include <stdlib.h>

#include "base.h"

tl_sparse
tl_sparse_new(int64_t n, int64_t width, int64_t most)
{
	return (tl_sparse){ n, width, tl_alloc((size_t)(n + 1) * 8), tl_alloc((size_t)(most + 1) * 4), tl_alloc((size_t)(most + 1) * 8) };
}

void
tl_sparse_fill(tl_sparse *s, int64_t i, const double *row, int64_t *room)
{
	int64_t at = s->offset[i], index_room = *room;

	for (int64_t k = 0; row && k < s->width; k++) {
		if (row[k] == 0)
			continue;
		s->index = tl_grow(s->index, at, &index_room, sizeof *s->index);
		s->value = tl_grow(s->value, at, room, sizeof *s->value);
		s->index[at] = (int32_t)k;
		s->value[at++] = row[k];
	}
	s->offset[i + 1] = at;
}

void
tl_sparse_free(tl_sparse *s)
{
	free(s->offset);
	free(s->index);
	free(s->value);
	*s = (tl_sparse){ 0 };
}

tl_sparse
tl_sparse_sum(const tl_sparse *a, double factor, const tl_sparse *b)
{
	tl_sparse sum = tl_sparse_new(a->n, TL_MAX(a->width, b->width), a->offset[a->n] + b->offset[b->n]);
	int64_t at = 0;

	for (int64_t i = 0; i < a->n; i++) {
		int64_t x = a->offset[i], y = b->offset[i];
		while (x < a->offset[i + 1] || y < b->offset[i + 1]) {
			bool left = y == b->offset[i + 1] || (x < a->offset[i + 1] && a->index[x] <= b->index[y]);
			bool right = x == a->offset[i + 1] || (y < b->offset[i + 1] && b->index[y] <= a->index[x]);
			sum.index[at] = left ? a->index[x] : b->index[y];
			sum.value[at] = (left ? a->value[x] : 0) + (right ? factor * b->value[y] : 0);
			at += sum.value[at] != 0;
			x += left;
			y += right;
		}
		sum.offset[i + 1] = at;
	}
	return sum;
}
