/*
 * rows_body.h - the loops behind rows.h. Before including: REAL, FMA(a, b, c), TABLE (the name of the table), TYPE (its struct); for
 * double TL_DOUBLE. Branches are written as selections, so that compilers vectorise the loops; reductions say so. Selections are made such
 * that a NaN stays one.
 */
#include <math.h>
#include <string.h>

#include "tagloom/tensor.h"
#include "tensor/cpu/rows.h"

#define INLINE static inline __attribute__((always_inline))

#ifdef TL_DOUBLE
#define ABS fabs
#define COPYSIGN copysign
INLINE double
exp_(double x)
{
	return exp(x);
}
INLINE double
tanh_(double x)
{
	return tanh(x);
}
INLINE double
tail_(double a, double e) /* normal distribution beyond a >= 0; e = e^(-a^2/2) */
{
	(void)e;
	return 0.5 * erfc(a * 0.70710678118654752440);
}
#else
#define ABS fabsf
#define COPYSIGN copysignf
INLINE float
power_of_two(int32_t k)
{
	int32_t bits = (int32_t)((uint32_t)(k + 127) << 23);
	float f;

	memcpy(&f, &bits, sizeof f);
	return f;
}

/* x = k ln 2 + r, |r| <= ln 2 / 2; polynomial fitted for least relative error (3e-9 before rounding) */
INLINE float
exp_(float x)
{
	const float magic = 12582912; /* 1.5 * 2^23: adding it rounds to an integer */
	float c = x < -88 ? -88 : x, n, r, p;
	int32_t bits, k, half, first;

	c = c > 89 ? 89 : c;
	n = FMA(c, 1.44269504f, magic);
	memcpy(&bits, &n, sizeof bits);
	k = bits - 0x4B400000;
	n -= magic;
	r = FMA(n, -0.693359375f, c);
	r = FMA(n, 2.12194440e-4f, r);
	p = FMA(r, 0.0013814612f, 0.00836870994f);
	p = FMA(p, r, 0.0416683874f);
	p = FMA(p, r, 0.166665207f);
	p = FMA(p, r, 0.499999935f);
	p = FMA(p * r, r, r) + 1;
	half = k >> 1; /* in two factors: neither overflows where the result does not */
	first = (int32_t)((uint32_t)(half + 127) << 23);
	first = k < -125 ? 0 : first; /* denormal results are slow and of no use: what lies below 1e-38 is 0 */
	memcpy(&n, &first, sizeof n);
	return p * n * power_of_two(k - half);
}

INLINE float
tanh_(float x)
{
	float a = fabsf(x), u = x * x, p = FMA(u, -0.00571704036f, 0.0206505827f), e, big;

	p = FMA(p, u, -0.0537434965f);
	p = FMA(p, u, 0.133314913f);
	p = FMA(p, u, -0.333332839f);
	p = FMA(p * u, x, x);
	e = exp_(-2 * a);
	big = (1 - e) / (1 + e);
	big = COPYSIGN(big, x);
	return a < 0.625f ? p : big;
}

/* e q(t) with t = 1 / (1 + 0.24 a); q fitted for least relative error over [0, 14] (3e-9 before rounding) */
INLINE float
tail_(float a, float e)
{
	float t = 1 / FMA(a, 0.24f, 1.f), q = FMA(t, 0.02547335538f, -0.1243346059f);

	q = FMA(q, t, 0.2047237499f);
	q = FMA(q, t, -0.1431932417f);
	q = FMA(q, t, 0.1404878598f);
	q = FMA(q, t, 0.02871427508f);
	q = FMA(q, t, 0.08755177514f);
	q = FMA(q, t, 0.08898361785f);
	q = FMA(q, t, 0.09585077747f);
	q = FMA(q, t, 0.09574243858f);
	return q * t * e;
}
#endif

INLINE REAL
sigmoid_(REAL x)
{
	REAL e = exp_(-ABS(x)), top = x < 0 ? e : 1;

	return top / (1 + e);
}

/* y = x P(x); slope = P(x) + x p(x), with P and p the normal distribution and its density */
INLINE REAL
gelu_(REAL x, REAL *slope)
{
	REAL e = exp_((REAL)-0.5 * x * x), tail = tail_(ABS(x), e), step = x < 0 ? 0 : 1, p = step + COPYSIGN(tail, -x);

	*slope = FMA(x * e, (REAL)0.39894228040143267794, p);
	return x * p;
}

static void
act_row(int act, int64_t n, const REAL *x, const REAL *bias, REAL *y, REAL *slope)
{
#define LOOP(expression) \
	_Pragma("omp simd") for (int64_t i = 0; i < n; i++) { REAL v = x[i]; y[i] = (expression); }
	if (act == TL_GELU && bias && slope) { /* the one that counts, in one pass */
#pragma omp simd
		for (int64_t i = 0; i < n; i++) {
			REAL s;
			y[i] = gelu_(x[i] + bias[i], &s);
			slope[i] = s;
		}
		return;
	}
	if (act == TL_GELU && bias) {
		REAL s;
		LOOP(gelu_(v + bias[i], &s))
		return;
	}
	if (bias) {
		LOOP(v + bias[i])
		x = y;
	}
	switch (act) {
	case TL_NONE:
		if (x != y)
			memmove(y, x, (size_t)n * sizeof *y);
		break;
	case TL_RELU: LOOP(v <= 0 ? 0 : v) break;
	case TL_TANH: LOOP(tanh_(v)) break;
	case TL_SIGMOID: LOOP(sigmoid_(v)) break;
	case TL_GELU:
		if (slope)
#pragma omp simd
			for (int64_t i = 0; i < n; i++) {
				REAL s;
				y[i] = gelu_(x[i], &s);
				slope[i] = s;
			}
		else {
			REAL s;
			LOOP(gelu_(v, &s))
		}
		break;
	}
#undef LOOP
}

static void
act_back(int act, int64_t n, const REAL *x, const REAL *y, const REAL *g, REAL *gx, bool fresh)
{
#define LOOP(expression) \
	if (fresh) \
		_Pragma("omp simd") for (int64_t i = 0; i < n; i++) gx[i] = (expression); \
	else \
		_Pragma("omp simd") for (int64_t i = 0; i < n; i++) gx[i] += (expression);
	switch (act) {
	case TL_NONE: LOOP(g[i]) break;
	case TL_RELU: LOOP(y[i] <= 0 ? 0 : g[i]) break;
	case TL_TANH: LOOP(g[i] * (1 - y[i] * y[i])) break;
	case TL_SIGMOID: LOOP(g[i] * (y[i] * (1 - y[i]))) break;
	case TL_GELU:
#pragma omp simd
		for (int64_t i = 0; i < n; i++) {
			REAL s, old = gx[i];
			gelu_(x[i], &s);
			old = fresh ? 0 : old;
			gx[i] = old + g[i] * s;
		}
		break;
	}
#undef LOOP
}

static void
exp_row(int64_t n, const REAL *x, REAL *y)
{
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		y[i] = exp_(x[i]);
}

static REAL
softmax_row(int64_t n, const REAL *x, REAL *y)
{
	REAL most = -INFINITY, sum = 0, by;

#pragma omp simd reduction(max : most)
	for (int64_t i = 0; i < n; i++)
		most = x[i] > most ? x[i] : most;
#pragma omp simd reduction(+ : sum)
	for (int64_t i = 0; i < n; i++) {
		REAL e = exp_(x[i] - most);
		y[i] = e;
		sum += e;
	}
	by = 1 / sum;
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		y[i] *= by;
#ifdef TL_DOUBLE
	return most + log(sum);
#else
	return most + logf(sum);
#endif
}

static REAL
dot_row(int64_t n, const REAL *a, const REAL *b)
{
	REAL sum = 0;

#pragma omp simd reduction(+ : sum)
	for (int64_t i = 0; i < n; i++)
		sum = FMA(a[i], b[i], sum);
	return sum;
}

static void
softmax_back(int64_t n, const REAL *y, const REAL *g, REAL *gx, bool fresh)
{
	REAL d = dot_row(n, y, g);

	if (fresh)
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			gx[i] = y[i] * (g[i] - d);
	else
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			gx[i] += y[i] * (g[i] - d);
}

/* The weights are divided by their own sum, and the sum of weight times gradient is taken of them: so what cancels does, also where lse is large or one weight is 1. */
INLINE void
attention_back_(int64_t n, REAL *s, REAL lse, REAL *dp, REAL scale, const REAL *f, bool drop)
{
	REAL sum = 0, d = 0, by;

#pragma omp simd reduction(+ : sum, d)
	for (int64_t i = 0; i < n; i++) {
		REAL p = exp_(s[i] - lse), g = drop ? dp[i] * f[i] : dp[i];
		s[i] = p;
		dp[i] = g;
		sum += p;
		d += p * g;
	}
	by = 1 / sum;
	d *= by;
#pragma omp simd
	for (int64_t i = 0; i < n; i++) {
		REAL p = s[i] * by;
		dp[i] = p * (dp[i] - d) * scale;
		s[i] = drop ? p * f[i] : p;
	}
}

static void
attention_back(int64_t n, REAL *s, REAL lse, REAL *dp, REAL scale, const REAL *f)
{
	if (f)
		attention_back_(n, s, lse, dp, scale, f, true);
	else
		attention_back_(n, s, lse, dp, scale, NULL, false);
}

static void
times_row(int64_t n, const REAL *f, REAL *y)
{
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		y[i] *= f[i];
}

#include "tensor/cpu/rows_drop.h"
#include "tensor/cpu/rows_additive.h"

static void
residual_row(int64_t n, const REAL *x, const REAL *r, const REAL *f, REAL *z)
{
	if (f && r)
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			z[i] = FMA(x[i], f[i], r[i]);
	else if (f)
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			z[i] = x[i] * f[i];
	else if (r)
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			z[i] = x[i] + r[i];
	else if (n)
		memcpy(z, x, (size_t)n * sizeof *z);
}

static void
norm_row(int64_t n, const REAL *x, const REAL *r, const REAL *f, const REAL *gain, const REAL *bias, REAL eps, REAL *y, REAL *mean, REAL *rstd)
{
	REAL sum = 0, squares = 0, m, s;

	residual_row(n, x, r, f, y);
#pragma omp simd reduction(+ : sum)
	for (int64_t i = 0; i < n; i++)
		sum += y[i];
	m = n ? sum / (REAL)n : 0;
#pragma omp simd reduction(+ : squares)
	for (int64_t i = 0; i < n; i++)
		squares = FMA(y[i] - m, y[i] - m, squares);
	s = 1 / (REAL)sqrt((double)((n ? squares / (REAL)n : 0) + eps));
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		y[i] = FMA((y[i] - m) * s, gain[i], bias[i]);
	*mean = m;
	*rstd = s;
}

static void
norm_back(int64_t n, const REAL *x, const REAL *r, const REAL *f, const REAL *gain, REAL mean, REAL rstd, const REAL *g, REAL *z, REAL *dgain, REAL *dbias,
          REAL *dx, bool dx_fresh, REAL *dr, bool dr_fresh)
{
	REAL a = 0, b = 0;

	residual_row(n, x, r, f, z);
#pragma omp simd reduction(+ : a, b)
	for (int64_t i = 0; i < n; i++) {
		REAL h = (z[i] - mean) * rstd, gg = g[i] * gain[i];
		z[i] = h;
		dgain[i] = FMA(g[i], h, dgain[i]);
		dbias[i] += g[i];
		a += gg;
		b = FMA(gg, h, b);
	}
	a /= (REAL)n;
	b /= (REAL)n;
#pragma omp simd
	for (int64_t i = 0; i < n; i++)
		z[i] = rstd * (g[i] * gain[i] - a - z[i] * b);
	if (dr && dr_fresh)
		memcpy(dr, z, (size_t)n * sizeof *z);
	else if (dr)
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			dr[i] += z[i];
	if (!dx)
		return;
	if (f)
		times_row(n, f, z);
	if (dx_fresh)
		memcpy(dx, z, (size_t)n * sizeof *z);
	else
#pragma omp simd
		for (int64_t i = 0; i < n; i++)
			dx[i] += z[i];
}

const struct TYPE TABLE = { act_row, act_back, exp_row, softmax_row, softmax_back, attention_back, times_row, drop_row, norm_row, norm_back, additive_two, additive_back };
