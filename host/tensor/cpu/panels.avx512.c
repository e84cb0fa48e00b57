/*
 * panels.avx512.c - see panels.h. The kernel holds 12 x 32 sums in registers; k is cut into blocks of 384, so that a block of the
 * right factor (384 columns) stays in the second-level cache while the rows of the left one pass. Sums run in ascending k.
 */
#include <immintrin.h>
#include <string.h>

#include "tensor/cpu/panels.h"
#include "tensor/gemm.h"

enum { ROWS = 12, COLUMNS = TL_STRIP_COLUMNS, BLOCK = 384 };

void
tl_panel_pack(int tb, const float *b, int64_t ldb, int64_t n, int64_t k, int64_t strip, float *to)
{
	int64_t j = strip * COLUMNS, columns = TL_MIN(COLUMNS, n - j);

	if (tb)
		for (int64_t p0 = 0; p0 < k; p0 += 16) /* in small squares: reads and writes both stay in the cache */
			for (int64_t r = 0; r < COLUMNS; r++)
				for (int64_t p = p0; p < TL_MIN(k, p0 + 16); p++)
					to[p * COLUMNS + r] = r < columns ? b[(j + r) * ldb + p] : 0;
	else
		for (int64_t p = 0; p < k; p++) {
			memcpy(to + p * COLUMNS, b + p * ldb + j, (size_t)columns * sizeof *to);
			memset(to + p * COLUMNS + columns, 0, (size_t)(COLUMNS - columns) * sizeof *to);
		}
}

/* c [12, 32] = (or +=) a b; element (i, p) of a lies at a[i * row + p * step]. */
static inline __attribute__((always_inline)) void
kernel(int64_t k, const float *a, int64_t row, int64_t step, const float *b, float *c, int64_t ldc, bool add)
{
	__m512 sum[ROWS][2];

#pragma GCC unroll 12
	for (int i = 0; i < ROWS; i++) {
		sum[i][0] = sum[i][1] = _mm512_setzero_ps();
		_mm_prefetch((const char *)(c + i * ldc), _MM_HINT_T0);
		_mm_prefetch((const char *)(c + i * ldc + 16), _MM_HINT_T0);
	}
	for (int64_t p = 0; p < k; p++, a += step, b += COLUMNS) {
		__m512 b0 = _mm512_loadu_ps(b), b1 = _mm512_loadu_ps(b + 16);
		_mm_prefetch((const char *)(b + 8 * COLUMNS), _MM_HINT_T0);
		_mm_prefetch((const char *)(b + 8 * COLUMNS + 16), _MM_HINT_T0);
#pragma GCC unroll 12
		for (int i = 0; i < ROWS; i++) {
			__m512 x = _mm512_set1_ps(a[i * row]);
			sum[i][0] = _mm512_fmadd_ps(x, b0, sum[i][0]);
			sum[i][1] = _mm512_fmadd_ps(x, b1, sum[i][1]);
		}
	}
#pragma GCC unroll 12
	for (int i = 0; i < ROWS; i++) {
		float *to = c + i * ldc;
		if (add) {
			sum[i][0] = _mm512_add_ps(sum[i][0], _mm512_loadu_ps(to));
			sum[i][1] = _mm512_add_ps(sum[i][1], _mm512_loadu_ps(to + 16));
		}
		_mm512_storeu_ps(to, sum[i][0]);
		_mm512_storeu_ps(to + 16, sum[i][1]);
	}
}

static __attribute__((noinline)) void
kernel_rows(int64_t k, const float *a, int64_t lda, const float *b, float *c, int64_t ldc, bool add)
{
	kernel(k, a, lda, 1, b, c, ldc, add);
}

static __attribute__((noinline)) void
kernel_packed(int64_t k, const float *a, const float *b, float *c, int64_t ldc, bool add)
{
	kernel(k, a, 1, ROWS, b, c, ldc, add);
}

/* Rows i .. i+rows-1 of op(A), k columns, as [k, 12]; missing rows are zero. */
static void
pack_rows(int ta, const float *a, int64_t lda, int64_t rows, int64_t k, float *to)
{
	__mmask16 mask = (__mmask16)((1u << rows) - 1);

	if (ta)
		for (int64_t p = 0; p < k; p++)
			_mm512_mask_storeu_ps(to + p * ROWS, 0xFFF, _mm512_maskz_loadu_ps(mask, a + p * lda));
	else
		for (int64_t p = 0; p < k; p++)
			for (int64_t r = 0; r < ROWS; r++)
				to[p * ROWS + r] = r < rows ? a[r * lda + p] : 0;
}

void
tl_panel_tile(int ta, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *packed, bool add, float *c, int64_t ldc)
{
	float *rows_packed = tl_gemm_memory((ROWS * BLOCK + 16 + ROWS * COLUMNS) * sizeof *rows_packed), *corner = rows_packed + ROWS * BLOCK + 16;

	for (int64_t i = 0; i < m && k == 0 && !add; i++)
		memset(c + i * ldc, 0, (size_t)n * sizeof *c);
	for (int64_t pc = 0; pc < k; pc += BLOCK) {
		int64_t kc = TL_MIN(BLOCK, k - pc);
		bool more = add || pc > 0;
		for (int64_t i = 0; i < m; i += ROWS) {
			int64_t rows = TL_MIN(ROWS, m - i);
			const float *from = ta ? a + pc * lda + i : a + i * lda + pc;
			bool pack = ta || rows < ROWS;
			if (pack)
				pack_rows(ta, from, lda, rows, kc, rows_packed);
			for (int64_t j = 0; j < n; j += COLUMNS) {
				const float *b = packed + j * k + pc * COLUMNS;
				float *to = c + i * ldc + j;
				if (rows == ROWS && n - j >= COLUMNS) {
					if (pack)
						kernel_packed(kc, rows_packed, b, to, ldc, more);
					else
						kernel_rows(kc, from, lda, b, to, ldc, more);
					continue;
				}
				if (pack)
					kernel_packed(kc, rows_packed, b, corner, COLUMNS, false);
				else
					kernel_rows(kc, from, lda, b, corner, COLUMNS, false);
				for (int64_t r = 0; r < rows; r++)
					for (int64_t s = 0; s < TL_MIN(COLUMNS, n - j); s++)
						to[r * ldc + s] = corner[r * COLUMNS + s] + (more ? to[r * ldc + s] : 0);
			}
		}
	}
}
