/*
 * gemm_own.h - the blocked matrix product, written once and compiled for each instruction set and type. Before including:
 *   REAL, VEC, LANES, ZERO(), LOAD(p), STORE(p, v), SET1(x), FMA(a, b, c) = a b + c, MR rows of C per kernel, OWN the function's name.
 *
 * Both operands are packed into panels: A in strips of MR rows, B in strips of NR = 2 LANES columns, so that the kernel reads straight on.
 * k is cut into blocks of KC; sums run in ascending k within a block and over the blocks, whatever the rest of the shape.
 */
#include <stdlib.h>
#include <string.h>

#include "gemm.h"

#define NR (2 * LANES)
enum { KC = 256, MC = 24 * MR, NC = 16 * NR };

static inline __attribute__((always_inline)) void
kernel(int64_t k, const REAL *restrict a, const REAL *restrict b, REAL *restrict out /* [MR, NR] */)
{
	VEC c[MR][2];

#pragma GCC unroll 16
	for (int i = 0; i < MR; i++)
		c[i][0] = c[i][1] = ZERO();
	for (int64_t p = 0; p < k; p++, a += MR, b += NR) {
		VEC b0 = LOAD(b), b1 = LOAD(b + LANES);
#pragma GCC unroll 16
		for (int i = 0; i < MR; i++) {
			VEC x = SET1(a[i]);
			c[i][0] = FMA(x, b0, c[i][0]);
			c[i][1] = FMA(x, b1, c[i][1]);
		}
	}
#pragma GCC unroll 16
	for (int i = 0; i < MR; i++) {
		STORE(out + i * NR, c[i][0]);
		STORE(out + i * NR + LANES, c[i][1]);
	}
}

/* rows x k of op(A) as strips [rows/MR][k][MR], missing rows zero */
static void
pack_a(int t, const REAL *a, int64_t lda, int64_t rows, int64_t k, REAL *to)
{
	for (int64_t i = 0; i < rows; i += MR)
		for (int64_t p = 0; p < k; p++)
			for (int64_t r = 0; r < MR; r++)
				*to++ = i + r < rows ? t ? a[p * lda + i + r] : a[(i + r) * lda + p] : 0;
}

/* k x columns of op(B) as strips [columns/NR][k][NR], missing columns zero */
static void
pack_b(int t, const REAL *b, int64_t ldb, int64_t columns, int64_t k, REAL *to)
{
	for (int64_t j = 0; j < columns; j += NR)
		for (int64_t p = 0; p < k; p++)
			for (int64_t r = 0; r < NR; r++)
				*to++ = j + r < columns ? t ? b[(j + r) * ldb + p] : b[p * ldb + j + r] : 0;
}

void
OWN(int ta, int tb, int64_t m, int64_t n, int64_t k, REAL alpha, const REAL *a, int64_t lda, const REAL *b, int64_t ldb, REAL beta, REAL *c, int64_t ldc)
{
	_Alignas(64) REAL out[MR * NR];
	REAL *pa = tl_gemm_memory((MC * KC + KC * NC) * sizeof(REAL)), *pb = pa + MC * KC;

	for (int64_t i = 0; i < m; i++)
		for (int64_t j = 0; j < n && beta != 1; j++)
			c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
	for (int64_t jc = 0; jc < n; jc += NC)
		for (int64_t pc = 0; pc < k; pc += KC) {
			int64_t nc = TL_MIN(NC, n - jc), kc = TL_MIN(KC, k - pc);
			pack_b(tb, tb ? b + jc * ldb + pc : b + pc * ldb + jc, ldb, nc, kc, pb);
			for (int64_t ic = 0; ic < m; ic += MC) {
				int64_t mc = TL_MIN(MC, m - ic);
				pack_a(ta, ta ? a + pc * lda + ic : a + ic * lda + pc, lda, mc, kc, pa);
				for (int64_t j = 0; j < nc; j += NR)
					for (int64_t i = 0; i < mc; i += MR) {
						int64_t rows = TL_MIN(MR, mc - i), columns = TL_MIN(NR, nc - j);
						kernel(kc, pa + i * kc, pb + j * kc, out);
						for (int64_t r = 0; r < rows; r++) {
							REAL *to = c + (ic + i + r) * ldc + jc + j;
							for (int64_t s = 0; s < columns; s++)
								to[s] += alpha * out[r * NR + s];
						}
					}
			}
		}
}
#undef NR
