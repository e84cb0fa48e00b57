/*
 * keep.h - the best k of a row of logits that comes in pieces: a heap whose root is the worst of those kept. The larger logit is better, ties by the
 * lower label; a logit that is not finite stands before all others, so that it cannot hide. REAL is defined by who includes this.
 */
#ifndef HOST_TENSOR_KEEP_H
#define HOST_TENSOR_KEEP_H

#include <math.h>

#include "base/base.h"

typedef struct tl_keep { int64_t k, n; REAL *logit; int32_t *label; } tl_keep; /* k wanted, n there so far */

static inline REAL
keep_rank(REAL x)
{
	return isfinite(x) ? x : (REAL)INFINITY;
}

static inline bool
keep_better(REAL a, int32_t i, REAL b, int32_t j)
{
	REAL u = keep_rank(a), v = keep_rank(b);

	return u > v || (u == v && i < j);
}

static inline void
keep_sift(const tl_keep *h, int64_t n, int64_t at)
{
	REAL x = h->logit[at];
	int32_t l = h->label[at];

	for (int64_t child; (child = 2 * at + 1) < n; at = child) {
		if (child + 1 < n && keep_better(h->logit[child], h->label[child], h->logit[child + 1], h->label[child + 1]))
			child++;
		if (keep_better(h->logit[child], h->label[child], x, l))
			break;
		h->logit[at] = h->logit[child];
		h->label[at] = h->label[child];
	}
	h->logit[at] = x;
	h->label[at] = l;
}

/* Takes the logits of labels first .. first + n - 1; calls come in ascending order of labels. A block is looked at closely only where it may hold a better one. */
static inline void
keep_more(tl_keep *h, const REAL *row, int64_t n, int64_t first)
{
	enum { BLOCK = 64 };
	int64_t at = 0;

	for (; h->n < h->k && at < n; at++, h->n++) {
		h->logit[h->n] = row[at];
		h->label[h->n] = (int32_t)(first + at);
		if (h->n + 1 == h->k)
			for (int64_t i = h->k / 2; i-- > 0;)
				keep_sift(h, h->k, i);
	}
	if (!h->k)
		return;
	for (int64_t from = at; from < n; from += BLOCK) {
		int64_t to = TL_MIN(n, from + BLOCK);
		REAL worst = keep_rank(h->logit[0]);
		int above = 0;

#pragma omp simd reduction(| : above)
		for (int64_t i = from; i < to; i++)
			above |= (row[i] > worst) | !(row[i] - row[i] == 0);
		for (int64_t i = from; above && i < to; i++)
			if (keep_better(row[i], (int32_t)(first + i), h->logit[0], h->label[0])) {
				h->logit[0] = row[i];
				h->label[0] = (int32_t)(first + i);
				keep_sift(h, h->k, 0);
			}
	}
}

/* Best first. */
static inline void
keep_sort(tl_keep *h)
{
	if (h->n < h->k)
		for (int64_t i = h->n / 2; i-- > 0;)
			keep_sift(h, h->n, i);
	for (int64_t n = h->n - 1; n > 0; n--) { /* the worst goes to the end */
		REAL x = h->logit[0];
		int32_t l = h->label[0];

		h->logit[0] = h->logit[n];
		h->label[0] = h->label[n];
		h->logit[n] = x;
		h->label[n] = l;
		keep_sift(h, n, 0);
	}
}

#endif
