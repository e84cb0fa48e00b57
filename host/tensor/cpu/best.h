/* best.h - the k largest of a row, best first, ties by the lower index; a NaN counts as minus infinity. */
#include "tensor/cpu/cut.h"

static inline REAL
rank_value(REAL x)
{
	return isnan(x) ? -(REAL)INFINITY : x;
}

/* Does element a stand behind element b? */
static inline bool
behind(const REAL *x, int32_t a, int32_t b)
{
	REAL u = rank_value(x[a]), v = rank_value(x[b]);

	return u < v || (u == v && a > b);
}

/* Lets the element at `i` of a heap with the worst element at its root sink to its place. */
static inline void
sink(const REAL *x, int32_t *heap, int64_t n, int64_t i)
{
	int32_t item = heap[i];

	for (int64_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && behind(x, heap[child + 1], heap[child]))
			child++;
		if (!behind(x, heap[child], item))
			break;
		heap[i] = heap[child];
	}
	heap[i] = item;
}

/* out [k], k <= n. A block is looked at closely only where it holds an element above the worst one kept. */
static inline void
best_of(const REAL *x, int64_t n, int64_t k, int32_t *out)
{
	enum { BLOCK = 64 };

	if (!k)
		return;
	for (int64_t i = 0; i < k; i++)
		out[i] = (int32_t)i;
	for (int64_t i = k / 2; i-- > 0;)
		sink(x, out, k, i);
	for (int64_t from = k; from < n; from += BLOCK) {
		int64_t to = TL_MIN(n, from + BLOCK);
		REAL worst = rank_value(x[out[0]]);
		int above = 0;

#pragma omp simd reduction(| : above)
		for (int64_t i = from; i < to; i++)
			above |= x[i] > worst;
		for (int64_t i = from; above && i < to; i++)
			if (x[i] > worst) {
				out[0] = (int32_t)i;
				sink(x, out, k, 0);
				worst = rank_value(x[out[0]]);
			}
	}
	for (int64_t i = k; i-- > 1;) { /* the worst goes to the end, and the heap shrinks */
		int32_t item = out[0];

		out[0] = out[i];
		out[i] = item;
		sink(x, out, i, 0);
	}
}
