/* common.c - loops that several kernels share: column sums, sums. */
#include "tensor/cpu/cpu.h"

enum { ROWS_A_TILE = 256, CHUNK = 16384 };

struct columns { int64_t n, d; const REAL *g, *m; REAL *part; };

static void
columns_tile(void *arg, int64_t tile)
{
	const struct columns *j = arg;
	int64_t from = tile * ROWS_A_TILE, to = TL_MIN(j->n, from + ROWS_A_TILE), d = j->d;
	REAL *restrict sum = j->part + tile * d;

	memset(sum, 0, (size_t)d * sizeof *sum);
	for (int64_t i = from; i < to; i++) {
		const REAL *restrict g = j->g + i * d, *restrict m = j->m ? j->m + i * d : NULL;
		if (m)
			for (int64_t k = 0; k < d; k++)
				sum[k] += g[k] * m[k];
		else
#pragma omp simd
			for (int64_t k = 0; k < d; k++)
				sum[k] += g[k];
	}
}

void
TL_SUFFIX(tl_column_sums)(tl_ctx *ctx, int64_t n, int64_t d, const REAL *g, const REAL *m, REAL *to, bool fresh)
{
	int64_t tiles = (n + ROWS_A_TILE - 1) / ROWS_A_TILE;
	struct columns j = { n, d, g, m, tl_scratch(ctx, (size_t)(tiles * d) * sizeof(REAL)) };

	if (!j.part)
		return;
	tl_parallel(ctx, tiles, columns_tile, &j);
	if (fresh)
		memset(to, 0, (size_t)d * sizeof *to);
	for (int64_t t = 0; t < tiles; t++)
#pragma omp simd
		for (int64_t k = 0; k < d; k++)
			to[k] += j.part[t * d + k];
}

struct sums { int64_t n; const REAL *x; double *part; };

static void
sums_tile(void *arg, int64_t tile)
{
	const struct sums *j = arg;
	int64_t from = tile * CHUNK, to = TL_MIN(j->n, from + CHUNK);
	double sum = 0;

#pragma omp simd reduction(+ : sum)
	for (int64_t i = from; i < to; i++)
		sum += (double)j->x[i];
	j->part[tile] = sum;
}

double
TL_SUFFIX(tl_sum_all)(tl_ctx *ctx, int64_t n, const REAL *x)
{
	int64_t tiles = (n + CHUNK - 1) / CHUNK;
	struct sums j = { n, x, tl_scratch(ctx, (size_t)tiles * sizeof(double)) };
	double sum = 0;

	if (!j.part)
		return 0;
	tl_parallel(ctx, tiles, sums_tile, &j);
	for (int64_t t = 0; t < tiles; t++)
		sum += j.part[t];
	return sum;
}

void
TL_SUFFIX(tl_act_forward)(int act, int64_t n, const REAL *x, REAL *y)
{
	INNER()->act(act, n, x, NULL, y, NULL);
}

void
TL_SUFFIX(tl_act_backward)(int act, int64_t n, const REAL *x, const REAL *y, const REAL *g, REAL *gx, bool fresh)
{
	INNER()->act_back(act, n, x, y, g, gx, fresh);
}
