/* initial.c - initial weights: always drawn on the CPU in double from a named stream, then rounded. */
#include <math.h>
#include <stdlib.h>

#include "internal.h"

static void
put(tl_tensor *x, int64_t i, double v)
{
	if (x->view.dtype == TL_F64)
		((double *)x->view.data)[i] = v;
	else
		((float *)x->view.data)[i] = (float)v;
}

/* Value i comes from block i of its stream alone: a large table is drawn in one pass without a word drawn twice, and
 * on any number of threads with the same values. */
static double
unit(const uint32_t *word)
{
	return (double)((uint64_t)(word[0] >> 5) << 26 | word[1] >> 6) * 0x1p-53;
}

typedef struct draw { tl_tensor *x; uint64_t key; double scale; } draw;
enum { DRAW = 16384 }; /* values of one piece */

static void
uniform_piece(void *arg, int64_t piece)
{
	const draw *d = arg;
	int64_t to = TL_MIN((piece + 1) * DRAW, d->x->view.count);

	for (int64_t i = piece * DRAW; i < to; i++) {
		uint32_t word[4];
		tl_philox(d->key, 0, (uint64_t)i, word);
		put(d->x, i, d->scale * (2 * unit(word) - 1));
	}
}

static void
normal_piece(void *arg, int64_t piece)
{
	const draw *d = arg;
	int64_t to = TL_MIN((piece + 1) * DRAW, d->x->view.count);

	for (int64_t i = piece * DRAW; i < to; i++) {
		uint32_t word[4];
		tl_philox(d->key, 0, (uint64_t)i, word);
		put(d->x, i, d->scale * sqrt(-2 * log(1 - unit(word))) * cos(6.283185307179586476925 * unit(word + 2)));
	}
}

void
tl_init_uniform(tl_pool *pool, tl_tensor *x, uint64_t key, double limit)
{
	tl_pool_run(pool, (x->view.count + DRAW - 1) / DRAW, uniform_piece, &(draw){ x, key, limit });
}

void
tl_init_normal(tl_pool *pool, tl_tensor *x, uint64_t key, double sd)
{
	tl_pool_run(pool, (x->view.count + DRAW - 1) / DRAW, normal_piece, &(draw){ x, key, sd });
}

void
tl_init_fill(tl_tensor *x, double value)
{
	for (int64_t i = 0; i < x->view.count; i++)
		put(x, i, value);
}

/* Rows (or columns, where there are fewer) of a normal matrix made orthonormal, twice for the rounding's sake. */
int
tl_init_orthogonal(tl_tensor *x, uint64_t key, double gain, tl_error *e)
{
	tl_stream s = { .key = key };
	int64_t rows = x->view.rank ? x->view.dim[0] : 1, columns = rows ? x->view.count / rows : 0;
	int64_t n = TL_MIN(rows, columns), m = TL_MAX(rows, columns);
	double *q;

	if (x->view.rank < 2)
		return tl_error_set(e, TL_USAGE, "orthogonal initial values need a weight of rank 2 or more; this one has rank %d", x->view.rank);
	q = tl_alloc((size_t)(n * m) * sizeof *q + 1);
	for (int64_t i = 0; i < n; i++) {
		double *row = q + i * m, norm = 0;
		for (int64_t j = 0; j < m; j++)
			row[j] = tl_random_normal(&s);
		for (int twice = 0; twice < 2; twice++)
			for (int64_t k = 0; k < i; k++) {
				double dot = 0;
				for (int64_t j = 0; j < m; j++)
					dot += row[j] * q[k * m + j];
				for (int64_t j = 0; j < m; j++)
					row[j] -= dot * q[k * m + j];
			}
		for (int64_t j = 0; j < m; j++)
			norm += row[j] * row[j];
		norm = sqrt(norm);
		for (int64_t j = 0; j < m; j++)
			row[j] /= norm;
	}
	for (int64_t r = 0; r < rows; r++)
		for (int64_t j = 0; j < columns; j++)
			put(x, r * columns + j, gain * (rows <= columns ? q[r * m + j] : q[j * m + r]));
	free(q);
	return 0;
}
