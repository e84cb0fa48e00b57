/*
 * gemm_own.h - the blocked matrix product, written once and compiled for each instruction set and type. Before including:
 *   REAL, VEC, LANES, ZERO(), LOAD(p), STORE(p, v), SET1(x), FMA(a, b, c) = a b + c; OWN, SMALL and SMALL_TYPE: names (see gemm.h);
 *   MR: rows of C that a kernel holds in registers, of NR = 2 LANES columns;
 *   KC: the longest block of k;
 *   STRIPS_FIRST: 1 where a strip of B (KC x NR) fits into the first-level cache: it stays there while the packed rows of A pass from the
 *     second level. 0: rows of A stay in the first level, read where they lie, while strips pass from the second.
 *
 * B is packed by all threads into strips of NR columns that every tile of C shares, some blocks of k at a time; A strip by strip of MR rows
 * within a tile. What is needed next is fetched while the kernel computes. Tiles are cut by shape alone, and sums run in ascending k
 * within a block and over the blocks.
 */
#include <stdlib.h>
#include <string.h>

#include "gemm.h"

#define NR (2 * LANES)
enum {
	LINE = 64 / (int)sizeof(REAL),         /* elements of a cache line */
	SHARED = 1 << 21,                      /* elements of B that are packed at a time, about */
	NC = 4096,                             /* columns of B that are packed at a time, at most */
	GROUP = 8 * NR,                        /* columns that are packed together, and handed to `after` together */
	MOST_ROWS = 96, MOST_COLUMNS = STRIPS_FIRST ? 1536 : 384, ENOUGH = 8 /* of a tile; tiles */
};

struct job {
	int ta, tb;
	int64_t m, n, k, lda, ldb, ldc;
	REAL alpha;
	const REAL *a, *b;
	REAL *c, *packed;
	bool add;
	int64_t kb;                            /* length of a block of k */
	int64_t j0, nc, width;                 /* columns at hand, and rounded up to whole strips */
	int64_t p0, pe;                        /* blocks of k at hand: p0 .. pe-1 */
	int64_t rows, columns, across;         /* of a tile; tiles side by side */
	tl_gemm_after *after;
	void *arg;
};

/* c [MR, NR] = (or +=) a b; element (i, p) of a lies at a[i * row + p * step]. `lines` cache lines from `next` on are fetched meanwhile.
 * `each` rows are reached from one address: where all are, it moves on at every step, else at every fourth. Where it moves the compiler
 * is not told whence it came: else it keeps a register for each of 4 MR addresses, of which there are too few, and loads them from the stack. */
static inline __attribute__((always_inline)) void
kernel(int64_t k, const REAL *a, int64_t row, int64_t step, int each, const REAL *b, REAL *c, int64_t ldc, bool add, const REAL *next, int64_t lines)
{
	VEC sum[MR][2];
	const REAL *at[MR];

#pragma GCC unroll 16
	for (int i = 0; i < MR; i += each)
		at[i / each] = a + i * row;

#pragma GCC unroll 16
	for (int i = 0; i < MR; i++) {
		sum[i][0] = sum[i][1] = ZERO();
		__builtin_prefetch(c + i * ldc, 1);
		__builtin_prefetch(c + i * ldc + NR - 1, 1);
	}
#define MOVE(steps) do { \
	_Pragma("GCC unroll 16") \
	for (int i = 0; i < MR; i += each) { \
		at[i / each] += (steps) * step; \
		__asm__("" : "+r"(at[i / each])); \
	} \
} while (0)
#define STEP(q) do { \
	VEC b0 = LOAD(b + (q) * NR), b1 = LOAD(b + (q) * NR + LANES); \
	_Pragma("GCC unroll 16") \
	for (int i = 0; i < MR; i++) { \
		VEC x = SET1(at[i / each][i % each * row + (each < MR ? (q) * step : 0)]); \
		sum[i][0] = FMA(x, b0, sum[i][0]); \
		sum[i][1] = FMA(x, b1, sum[i][1]); \
	} \
	if (each == MR) \
		MOVE(1); \
} while (0)
	for (; k >= 4; k -= 4, b += 4 * NR) {
#if STRIPS_FIRST
		__builtin_prefetch(at[0] + 32 * step);
		__builtin_prefetch(at[0] + 32 * step + 2 * MR);
#else
#pragma GCC unroll 8
		for (int q = 8; q < 12; q++) {
			__builtin_prefetch(b + q * NR);
			__builtin_prefetch(b + q * NR + LANES);
		}
#endif
		if (lines > 0) {
			__builtin_prefetch(next, 0, 2);
			next += LINE;
			lines--;
		}
		STEP(0);
		STEP(1);
		STEP(2);
		STEP(3);
		if (each < MR)
			MOVE(4);
	}
	for (; k > 0; k--, b += NR) {
		STEP(0);
		if (each < MR)
			MOVE(1);
	}
#undef STEP
#undef MOVE
#pragma GCC unroll 16
	for (int i = 0; i < MR; i++) {
		REAL *to = c + i * ldc;
		if (add) {
			sum[i][0] += LOAD(to);
			sum[i][1] += LOAD(to + LANES);
		}
		STORE(to, sum[i][0]);
		STORE(to + LANES, sum[i][1]);
	}
}

/* The forms of A that occur: packed, read where it lies, and the same turned. */
static __attribute__((noinline)) void
kernel_packed(int64_t k, const REAL *a, const REAL *b, REAL *c, int64_t ldc, bool add, const REAL *next, int64_t lines)
{
	kernel(k, a, 1, MR, MR, b, c, ldc, add, next, lines);
}

static __attribute__((noinline)) void
kernel_in_place(int64_t k, const REAL *a, int64_t lda, const REAL *b, REAL *c, int64_t ldc, bool add)
{
	kernel(k, a, lda, 1, 3, b, c, ldc, add, NULL, 0);
}

static __attribute__((noinline)) void
kernel_turned(int64_t k, const REAL *a, int64_t lda, const REAL *b, REAL *c, int64_t ldc, bool add)
{
	kernel(k, a, 1, lda, MR, b, c, ldc, add, NULL, 0);
}

/* One strip of rows by one strip of columns; at the edges the kernel computes a full corner, of which a part is taken. */
static inline void
one_kernel(int64_t rows, int64_t columns, int64_t k, const REAL *a, int64_t row, int64_t step, const REAL *b, REAL *corner, REAL *c, int64_t ldc, bool add, const REAL *next,
           int64_t lines)
{
	bool whole = rows >= MR && columns >= NR;
	REAL *to = whole ? c : corner;
	int64_t ld = whole ? ldc : NR;

	if (row == 1 && step == MR)
		kernel_packed(k, a, b, to, ld, add && whole, next, lines);
	else if (row == 1)
		kernel_turned(k, a, step, b, to, ld, add && whole);
	else
		kernel_in_place(k, a, row, b, to, ld, add && whole);
	for (int64_t r = 0; !whole && r < TL_MIN(MR, rows); r++)
		for (int64_t s = 0; s < TL_MIN(NR, columns); s++)
			c[r * ldc + s] = corner[r * NR + s] + (add ? c[r * ldc + s] : 0);
}

/* Some rows of op(A) times alpha, k columns, as strips [rows/MR][k][MR], missing rows zero. */
static void
pack_a(int t, REAL alpha, const REAL *a, int64_t lda, int64_t rows, int64_t k, REAL *to)
{
	int64_t whole = rows / MR * MR, rest = rows - whole;

	for (int64_t p = 0; t && p < k; p++) { /* row by row of A, each a piece of every strip */
		const REAL *from = a + p * lda;
		for (int64_t i = 0; i < rows; i += LINE)
			__builtin_prefetch(from + 8 * lda + i);
		for (int64_t i = 0; i < whole; i += MR)
			memcpy(to + i * k + p * MR, from + i, MR * sizeof *to);
		for (int64_t r = 0; rest && r < MR; r++)
			to[whole * k + p * MR + r] = r < rest ? from[whole + r] : 0;
	}
	for (int64_t i = 0; !t && i < whole; i += MR)
		for (int64_t p0 = 0; p0 < k; p0 += LINE) {
			const REAL *from = a + i * lda;
			for (int64_t r = 0; r < MR; r++)
				__builtin_prefetch(from + (MR + r) * lda + p0);
			for (int64_t p = p0; p < TL_MIN(k, p0 + LINE); p++)
#pragma GCC unroll 16
				for (int64_t r = 0; r < MR; r++)
					to[i * k + p * MR + r] = from[r * lda + p];
		}
	for (int64_t p = 0; !t && rest && p < k; p++)
		for (int64_t r = 0; r < MR; r++)
			to[whole * k + p * MR + r] = r < rest ? a[(whole + r) * lda + p] : 0;
	for (int64_t i = 0; alpha != 1 && i < (rows + MR - 1) / MR * MR * k; i++)
		to[i] *= alpha;
}

/* Columns from .. to-1 (whole strips) of op(B), of whose columns n are there, as strips [..][k][NR], missing columns zero. */
static void
pack_b(int t, const REAL *b, int64_t ldb, int64_t n, int64_t k, int64_t from, int64_t to, REAL *packed)
{
	for (int64_t j = from; t && j < to; j += NR)
		for (int64_t p0 = 0; p0 < k; p0 += LINE) { /* in small squares: reads and writes both stay in the cache */
			int64_t some = TL_MIN(NR, TL_MAX(0, n - j)), pe = TL_MIN(k, p0 + LINE);
			for (int64_t r = 0; r < some; r++)
				for (int64_t p = p0; p < pe; p++)
					packed[j * k + p * NR + r] = b[(j + r) * ldb + p];
			for (int64_t p = p0; some < NR && p < pe; p++)
				memset(packed + j * k + p * NR + some, 0, (size_t)(NR - some) * sizeof *packed);
		}
	for (int64_t p = 0; !t && p < k; p++)
		for (int64_t j = from; j < to; j += NR) {
			REAL *strip = packed + j * k + p * NR;
			__builtin_prefetch(b + (p + 8) * ldb + j);
			if (n - j >= NR)
				memcpy(strip, b + p * ldb + j, NR * sizeof *strip);
			else
				for (int64_t r = 0; r < NR; r++)
					strip[r] = j + r < n ? b[p * ldb + j + r] : 0;
		}
}

static void
pack_group(void *arg, int64_t unit)
{
	const struct job *s = arg;
	int64_t groups = (s->width + GROUP - 1) / GROUP, p = s->p0 + unit / groups * s->kb, from = unit % groups * GROUP;

	pack_b(s->tb, s->tb ? s->b + s->j0 * s->ldb + p : s->b + p * s->ldb + s->j0, s->ldb, s->nc, TL_MIN(s->kb, s->pe - p), from, TL_MIN(s->width, from + GROUP),
	       s->packed + (p - s->p0) * s->width);
}

static void
tile(void *arg, int64_t t)
{
	const struct job *s = arg;
	int64_t i0 = t / s->across * s->rows, j0 = t % s->across * s->columns, m = TL_MIN(s->rows, s->m - i0), n = TL_MIN(s->columns, s->nc - j0);
	int64_t down = (m + MR - 1) / MR, strips = (n + NR - 1) / NR;
	REAL *pa = tl_gemm_memory(TL_GEMM_TILE, (size_t)(MOST_ROWS * KC + MR * NR + LINE) * sizeof *pa), *corner = pa + MOST_ROWS * KC;
	REAL *c = s->c + i0 * s->ldc + s->j0 + j0;

	for (int64_t p = s->p0; p < s->pe; p += s->kb) {
		int64_t k = TL_MIN(s->kb, s->pe - p), lines = (k * NR / LINE + down - 1) / down;
		const REAL *a = s->ta ? s->a + p * s->lda + i0 : s->a + i0 * s->lda + p, *b = s->packed + (p - s->p0) * s->width + j0 * k;
		bool packs = STRIPS_FIRST || s->ta || s->alpha != 1, add = s->add || p > 0, last = p + k == s->k && s->after;
		if (packs)
			pack_a(s->ta, s->alpha, a, s->lda, m, k, pa);
		else if (m % MR)
			pack_a(0, 1, a + m / MR * MR * s->lda, s->lda, m % MR, k, pa + m / MR * MR * k);
		for (int64_t x = 0; x < down * strips; x++) {
			int64_t i = (STRIPS_FIRST ? x % down : x / strips) * MR, j = (STRIPS_FIRST ? x / down : x % strips) * NR;
			bool packed = packs || m - i < MR;
			one_kernel(m - i, n - j, k, packed ? pa + i * k : a + i * s->lda, packed ? 1 : s->lda, packed ? MR : 1, b + j * k, corner, c + i * s->ldc + j, s->ldc, add,
			           b + (j + NR) * k + i / MR * lines * LINE, lines);
			if (!last)
				continue;
			if (STRIPS_FIRST && i + MR >= m && ((j + NR) % GROUP == 0 || j + NR >= n))
				s->after(s->arg, i0, s->j0 + j0 + j / GROUP * GROUP, m, TL_MIN(n, j + NR) - j / GROUP * GROUP);
			if (!STRIPS_FIRST && j + NR >= n)
				s->after(s->arg, i0 + i, s->j0 + j0, TL_MIN(MR, m - i), n);
		}
	}
}

/* Tiles as large as leaves enough of them. */
static void
cut(struct job *s)
{
	s->rows = MOST_ROWS;
	s->columns = MOST_COLUMNS;
	for (;;) {
		s->across = (s->nc + s->columns - 1) / s->columns;
		if ((s->m + s->rows - 1) / s->rows * s->across >= ENOUGH || s->columns <= 192)
			return;
		if (s->columns <= 384 && s->rows > 48)
			s->rows = 48;
		else
			s->columns /= 2;
	}
}

TL_OWN(OWN, REAL)
{
	int64_t blocks = (k + KC - 1) / KC;
	struct job s = { .ta = ta, .tb = tb, .m = m, .n = n, .k = k, .lda = lda, .ldb = ldb, .ldc = ldc, .alpha = alpha, .a = a, .b = b, .c = c, .add = beta != 0, .after = after, .arg = arg };

	if (m <= 0 || n <= 0)
		return;
	if (k <= 0 || alpha == 0 || (beta != 0 && beta != 1))
		for (int64_t i = 0; i < m; i++)
			for (int64_t j = 0; j < n; j++)
				c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
	if (k <= 0 || alpha == 0) {
		if (after)
			after(arg, 0, 0, m, n);
		return;
	}
	s.kb = ((k + blocks - 1) / blocks + 3) / 4 * 4;
	for (s.j0 = 0; s.j0 < n; s.j0 += NC) {
		int64_t at_once;
		s.nc = TL_MIN(NC, n - s.j0);
		s.width = (s.nc + NR - 1) / NR * NR;
		at_once = TL_MAX(1, SHARED / (s.width * s.kb)) * s.kb;
		s.packed = tl_gemm_memory(TL_GEMM_SHARED, (size_t)(s.width * TL_MIN(at_once, blocks * s.kb)) * sizeof *s.packed);
		cut(&s);
		for (s.p0 = 0; s.p0 < k; s.p0 = s.pe) {
			s.pe = TL_MIN(k, s.p0 + at_once);
			tl_pool_run(pool, (s.pe - s.p0 + s.kb - 1) / s.kb * ((s.width + GROUP - 1) / GROUP), pack_group, &s);
			tl_pool_run(pool, (m + s.rows - 1) / s.rows * s.across, tile, &s);
		}
	}
}

/* --- small products --- */

static void
small_pack(int t, REAL alpha, const REAL *b, int64_t ldb, int64_t n, int64_t k, REAL *to)
{
	int64_t width = (n + NR - 1) / NR * NR;

	pack_b(t, b, ldb, n, k, 0, width, to);
	for (int64_t i = 0; alpha != 1 && i < width * k; i++)
		to[i] *= alpha;
}

static void
small_product(int64_t m, int64_t n, int64_t k, const REAL *a, int64_t row, int64_t step, const REAL *b, bool add, REAL *c, int64_t ldc)
{
	int64_t whole = m / MR * MR, down = (m + MR - 1) / MR, strips = (n + NR - 1) / NR;
	REAL *rest = tl_gemm_memory(TL_GEMM_TILE, (size_t)(MR * (k + NR) + LINE) * sizeof *rest), *corner = rest + MR * k;

	for (int64_t p = 0; whole < m && p < k; p++)
		for (int64_t r = 0; r < MR; r++)
			rest[p * MR + r] = whole + r < m ? a[(whole + r) * row + p * step] : 0;
	for (int64_t x = 0; x < down * strips; x++) { /* rows that lie apart stay in the first-level cache, as do strips where neighbours among the rows share lines */
		int64_t i = (row == 1 ? x % down : x / strips) * MR, j = (row == 1 ? x / down : x % strips) * NR;
		bool there = i < whole;
		one_kernel(m - i, n - j, k, there ? a + i * row : rest, there ? row : 1, there ? step : MR, b + j * k, corner, c + i * ldc + j, ldc, add, NULL, 0);
	}
}

const struct SMALL_TYPE SMALL = { NR, small_pack, small_product };
#undef NR
