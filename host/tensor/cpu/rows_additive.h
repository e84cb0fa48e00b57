/*
 * rows_additive.h - one token against two labels for additive_scores: x, y0, y1 [n] hold e^2t of the token and the labels, and
 * tanh = 1 - 2 r with r = 1 / (x y + 1). Both r come from one division, so x y must stay below the square root of what the type holds.
 */
static void
additive_two(int64_t n, const REAL *v, const REAL *x, const REAL *y0, const REAL *y1, REAL *out)
{
	REAL a = 0, b = 0;

#pragma omp simd reduction(+ : a, b)
	for (int64_t k = 0; k < n; k++) {
		REAL d0 = FMA(x[k], y0[k], 1), d1 = FMA(x[k], y1[k], 1), r = 1 / (d0 * d1);

		a = FMA(v[k], FMA(-2 * r, d1, 1), a);
		b = FMA(v[k], FMA(-2 * r, d0, 1), b);
	}
	out[0] = a;
	out[1] = b;
}

/* Adds the gradients of both scores, g0 and g1, to those of v, the token and the labels. The four rows do not overlap. */
static void
additive_back(int64_t n, const REAL *v, const REAL *x, const REAL *y0, const REAL *y1, REAL g0, REAL g1, REAL *dv, REAL *dx, REAL *dy0, REAL *dy1)
{
#pragma omp simd
	for (int64_t k = 0; k < n; k++) {
		REAL d0 = FMA(x[k], y0[k], 1), d1 = FMA(x[k], y1[k], 1), r = 1 / (d0 * d1), r0 = r * d1, r1 = r * d0;
		REAL s0 = 4 * g0 * v[k] * FMA(-r0, r0, r0), s1 = 4 * g1 * v[k] * FMA(-r1, r1, r1);

		dv[k] += FMA(g0, FMA(-2, r0, 1), g1 * FMA(-2, r1, 1));
		dx[k] += s0 + s1;
		dy0[k] += s0;
		dy1[k] += s1;
	}
}
