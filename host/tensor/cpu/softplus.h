/*
 * softplus.h - ln(1 + e^z) over a row, and its derivative, for any z. ln(1 + e^-|z|) is summed as the logarithm of products, one logarithm
 * for some hundred elements.
 */
#ifndef HOST_TENSOR_SOFTPLUS_H
#define HOST_TENSOR_SOFTPLUS_H

#include "tensor/cpu/cut.h"

#define SOFTPLUS_BLOCK 512 /* elements in one product */

/* Sum of max(z, 0) + ln(1 + e^-|z|). slope, where it is not NULL, receives sigmoid(z); it may be z. */
static inline double
softplus_sum(const REAL *z, int64_t n, REAL *slope)
{
	double linear = 0, logs = 0, product[SOFTPLUS_BLOCK];
	REAL e[SOFTPLUS_BLOCK];

	for (int64_t from = 0; from < n; from += SOFTPLUS_BLOCK) {
		int64_t m = TL_MIN(n - from, SOFTPLUS_BLOCK);

#pragma omp simd
		for (int64_t i = 0; i < m; i++)
			e[i] = -(REAL)fabs(z[from + i]);
#pragma omp simd reduction(+ : linear)
		for (int64_t i = 0; i < m; i++)
			linear += z[from + i] - e[i]; /* 2 max(z, 0) */
		INNER()->exp(m, e, e);
#pragma omp simd
		for (int64_t i = 0; i < m; i++)
			product[i] = 1 + (double)e[i];
		if (slope)
#pragma omp simd
			for (int64_t i = 0; i < m; i++)
				slope[from + i] = (z[from + i] < 0 ? e[i] : 1) / (1 + e[i]);
#pragma omp simd
		for (int64_t i = m; i < SOFTPLUS_BLOCK; i++)
			product[i] = 1;
		for (int64_t half = SOFTPLUS_BLOCK / 2; half; half /= 2) /* at most 2^512 in the end, which a double holds */
#pragma omp simd
			for (int64_t i = 0; i < half; i++)
				product[i] *= product[i + half];
		logs += log(product[0]);
	}
	return linear / 2 + logs;
}

#endif
