/*
 * update.h - the optimizer's inner loops, compiled once for each instruction set (update.c, update.avx2.c, update.avx512.c).
 * UPDATE(name) gives the set's name to a function. Element by element the same operations in the same order: the sets differ in sums only.
 */
#include <math.h>
#include <stdint.h>

#ifndef HOST_TRAIN_UPDATE_H
#define HOST_TRAIN_UPDATE_H
typedef struct tl_update { /* one step's constants */
	double clip;                /* factor on the gradient */
	double decay;               /* decoupled: the weight is multiplied with 1 - decay */
	double l2;                  /* added to the gradient: l2 * weight */
	double beta1, beta2, eps;
	double size, correction;    /* lr / (1 - beta1^t), sqrt(1 - beta2^t); SGD: size = lr, beta1 = momentum */
} tl_update;
typedef struct tl_update_set {
	double (*squares32)(const float *g, int64_t n);
	double (*squares64)(const double *g, int64_t n);
	void (*adam32)(const tl_update *u, float *w, float *g, float *m, float *v, int64_t n);
	void (*adam64)(const tl_update *u, double *w, double *g, double *m, double *v, int64_t n);
	void (*sgd32)(const tl_update *u, float *w, float *g, float *m, int64_t n);
	void (*sgd64)(const tl_update *u, double *w, double *g, double *m, int64_t n);
} tl_update_set;
extern const tl_update_set tl_update_plain, tl_update_avx2, tl_update_avx512;
#endif

#define SQUARES(name, real) \
	static double name(const real *g, int64_t n) \
	{ \
		double sum = 0; \
		_Pragma("omp simd reduction(+ : sum)") \
		for (int64_t i = 0; i < n; i++) \
			sum += (double)g[i] * (double)g[i]; \
		return sum; \
	}
/* m += (1 - beta1)(g - m); v = beta2 v + (1 - beta2) g^2; w -= size m / (sqrt(v) / correction + eps). The gradient is left at zero. */
#define ADAM(name, real, root) \
	static void name(const tl_update *u, real *restrict w, real *restrict g, real *restrict m, real *restrict v, int64_t n) \
	{ \
		const real clip = (real)u->clip, keep = (real)(1 - u->decay), l2 = (real)u->l2, b1 = (real)(1 - u->beta1), b2 = (real)u->beta2, \
		           c2 = (real)(1 - u->beta2), eps = (real)u->eps, size = (real)u->size, correction = (real)u->correction; \
		_Pragma("omp simd") \
		for (int64_t i = 0; i < n; i++) { \
			real x = g[i] * clip + l2 * w[i]; \
			real mean = m[i] + (x - m[i]) * b1; \
			real square = v[i] * b2 + x * x * c2; \
			m[i] = mean; \
			v[i] = square; \
			w[i] = w[i] * keep - size * (mean / (root(square) / correction + eps)); \
			g[i] = 0; \
		} \
	}
/* m = momentum m + g; w -= lr m. */
#define SGD(name, real) \
	static void name(const tl_update *u, real *restrict w, real *restrict g, real *restrict m, int64_t n) \
	{ \
		const real clip = (real)u->clip, l2 = (real)u->l2, momentum = (real)u->beta1, size = (real)u->size; \
		_Pragma("omp simd") \
		for (int64_t i = 0; i < n; i++) { \
			m[i] = m[i] * momentum + (g[i] * clip + l2 * w[i]); \
			w[i] -= size * m[i]; \
			g[i] = 0; \
		} \
	}

SQUARES(squares32, float)
SQUARES(squares64, double)
ADAM(adam32, float, sqrtf)
ADAM(adam64, double, sqrt)
SGD(sgd32, float)
SGD(sgd64, double)
const tl_update_set UPDATE_SET = { squares32, squares64, adam32, adam64, sgd32, sgd64 };
