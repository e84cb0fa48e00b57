/* common.c - loops that several kernels share: column sums, sums, activations. */
#include "tensor/cpu/cpu.h"

enum { ROWS = 256, CHUNK = 16384 };

struct columns { int64_t n, d; const REAL *g, *m; REAL *part; };

static void
columns_tile(void *arg, int64_t tile)
{
	const struct columns *j = arg;
	int64_t from = tile * ROWS, to = TL_MIN(j->n, from + ROWS), d = j->d;
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
	int64_t tiles = (n + ROWS - 1) / ROWS;
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

/* --- activations --- */

#ifdef TL_DOUBLE
#define ERF erf
#define EXP exp
#define TANH tanh
#else
#define ERF erff
#define EXP expf
#define TANH tanhf
#endif

static REAL
sigmoid(REAL x)
{
	REAL e = EXP(x < 0 ? x : -x);

	return x < 0 ? e / (1 + e) : 1 / (1 + e);
}

void
TL_SUFFIX(tl_act_forward)(int act, int64_t n, const REAL *x, REAL *y)
{
	switch (act) {
	case TL_NONE:
		if (x != y)
			memmove(y, x, (size_t)n * sizeof *y);
		break;
	case TL_RELU:
		for (int64_t i = 0; i < n; i++)
			y[i] = x[i] <= 0 ? 0 : x[i]; /* NaN stays */
		break;
	case TL_GELU:
		for (int64_t i = 0; i < n; i++)
			y[i] = (REAL)0.5 * x[i] * (1 + ERF(x[i] * (REAL)0.70710678118654752440));
		break;
	case TL_TANH:
		for (int64_t i = 0; i < n; i++)
			y[i] = TANH(x[i]);
		break;
	case TL_SIGMOID:
		for (int64_t i = 0; i < n; i++)
			y[i] = sigmoid(x[i]);
		break;
	}
}

static REAL
slope(int act, REAL x, REAL y)
{
	switch (act) {
	case TL_RELU: return y <= 0 ? 0 : 1;
	case TL_GELU: return (REAL)0.5 * (1 + ERF(x * (REAL)0.70710678118654752440)) + x * EXP((REAL)-0.5 * x * x) * (REAL)0.39894228040143267794;
	case TL_TANH: return 1 - y * y;
	case TL_SIGMOID: return y * (1 - y);
	default: return 1;
	}
}

void
TL_SUFFIX(tl_act_backward)(int act, int64_t n, const REAL *x, const REAL *y, const REAL *g, REAL *gx, bool fresh)
{
	for (int64_t i = 0; i < n; i++) {
		REAL v = g[i] * slope(act, act == TL_GELU ? x[i] : 0, y[i]);
		gx[i] = fresh ? v : gx[i] + v;
	}
}
