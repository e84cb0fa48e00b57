/*
 * rows_drop.h - dropout factors from Philox: some blocks at a time, each round for all of them; a part of rows_body.h.
 * Element e uses 16 bits of block e / 8: halves of words, low half first, word after word.
 */
#if defined(__AVX512BW__) && !defined(TL_DOUBLE)
#include <immintrin.h>
enum { AT_ONCE = 128 };

/* High and low halves of 32-bit products, lane by lane. */
#define MULTIPLY(x, m, high, low) do { \
	__m512i even_ = _mm512_mul_epu32(x, m), odd_ = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), m); \
	high = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even_, 32), odd_); \
	low = _mm512_mask_blend_epi32(0xAAAA, even_, _mm512_slli_epi64(odd_, 32)); \
} while (0)

static void
drop_some(uint64_t key, uint64_t step, uint64_t block, uint32_t threshold, float keep, float *f)
{
	/* Block 4j + l goes to lane 4l + j, so that the interleaving below ends in order. */
	const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
	const __m512i m0 = _mm512_set1_epi32((int)0xD2511F53u), m1 = _mm512_set1_epi32((int)0xCD9E8D57u), limit = _mm512_set1_epi16((short)threshold);
	const __m512 kept = _mm512_set1_ps(keep);
	__m512i first = _mm512_set1_epi32((int)(uint32_t)block), c0 = _mm512_add_epi32(first, order);
	__m512i c1 = _mm512_mask_add_epi32(_mm512_set1_epi32((int)(block >> 32)), _mm512_cmplt_epu32_mask(c0, first), _mm512_set1_epi32((int)(block >> 32)), _mm512_set1_epi32(1));
	__m512i c2 = _mm512_set1_epi32((int)(uint32_t)step), c3 = _mm512_set1_epi32((int)(step >> 32)), a, b, c, d, out[4];
	uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);

	for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
		MULTIPLY(c0, m0, a, b);
		MULTIPLY(c2, m1, c, d);
		c0 = _mm512_xor_si512(_mm512_xor_si512(c, c1), _mm512_set1_epi32((int)k0));
		c1 = d;
		c2 = _mm512_xor_si512(_mm512_xor_si512(a, c3), _mm512_set1_epi32((int)k1));
		c3 = b;
	}
	a = _mm512_unpacklo_epi32(c0, c1);
	b = _mm512_unpackhi_epi32(c0, c1);
	c = _mm512_unpacklo_epi32(c2, c3);
	d = _mm512_unpackhi_epi32(c2, c3);
	out[0] = _mm512_unpacklo_epi64(a, c);
	out[1] = _mm512_unpackhi_epi64(a, c);
	out[2] = _mm512_unpacklo_epi64(b, d);
	out[3] = _mm512_unpackhi_epi64(b, d);
	for (int i = 0; i < 4; i++) {
		__mmask32 on = _mm512_cmpge_epu16_mask(out[i], limit);
		_mm512_storeu_ps(f + 32 * i, _mm512_maskz_mov_ps((__mmask16)on, kept));
		_mm512_storeu_ps(f + 32 * i + 16, _mm512_maskz_mov_ps((__mmask16)(on >> 16), kept));
	}
}
#undef MULTIPLY

#elif defined(__AVX2__) && !defined(TL_DOUBLE)
#include <immintrin.h>
enum { AT_ONCE = 64 };

#define MULTIPLY(x, m, high, low) do { \
	__m256i even_ = _mm256_mul_epu32(x, m), odd_ = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), m); \
	high = _mm256_blend_epi32(_mm256_srli_epi64(even_, 32), odd_, 0xAA); \
	low = _mm256_blend_epi32(even_, _mm256_slli_epi64(odd_, 32), 0xAA); \
} while (0)

static void
drop_some(uint64_t key, uint64_t step, uint64_t block, uint32_t threshold, float keep, float *f)
{
	const __m256i m0 = _mm256_set1_epi32((int)0xD2511F53u), m1 = _mm256_set1_epi32((int)0xCD9E8D57u), limit = _mm256_set1_epi16((short)threshold);
	const __m256 kept = _mm256_set1_ps(keep);
	/* Block 2j + l goes to lane 4l + j, so that the interleaving below ends in order. */
#define LOW(i) (int)(uint32_t)(block + (i))
#define HIGH(i) (int)(uint32_t)((block + (i)) >> 32)
	__m256i c0 = _mm256_setr_epi32(LOW(0), LOW(2), LOW(4), LOW(6), LOW(1), LOW(3), LOW(5), LOW(7));
	__m256i c1 = _mm256_setr_epi32(HIGH(0), HIGH(2), HIGH(4), HIGH(6), HIGH(1), HIGH(3), HIGH(5), HIGH(7));
	__m256i c2 = _mm256_set1_epi32((int)(uint32_t)step), c3 = _mm256_set1_epi32((int)(step >> 32)), a, b, c, d, out[4];
	uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);

	for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
		MULTIPLY(c0, m0, a, b);
		MULTIPLY(c2, m1, c, d);
		c0 = _mm256_xor_si256(_mm256_xor_si256(c, c1), _mm256_set1_epi32((int)k0));
		c1 = d;
		c2 = _mm256_xor_si256(_mm256_xor_si256(a, c3), _mm256_set1_epi32((int)k1));
		c3 = b;
	}
	a = _mm256_unpacklo_epi32(c0, c1);
	b = _mm256_unpackhi_epi32(c0, c1);
	c = _mm256_unpacklo_epi32(c2, c3);
	d = _mm256_unpackhi_epi32(c2, c3);
	out[0] = _mm256_unpacklo_epi64(a, c);
	out[1] = _mm256_unpackhi_epi64(a, c);
	out[2] = _mm256_unpacklo_epi64(b, d);
	out[3] = _mm256_unpackhi_epi64(b, d);
	for (int i = 0; i < 4; i++) {
		__m256i on = _mm256_cmpeq_epi16(_mm256_max_epu16(out[i], limit), out[i]);
		__m256i low = _mm256_cvtepi16_epi32(_mm256_castsi256_si128(on)), high = _mm256_cvtepi16_epi32(_mm256_extracti128_si256(on, 1));
		_mm256_storeu_ps(f + 16 * i, _mm256_and_ps(_mm256_castsi256_ps(low), kept));
		_mm256_storeu_ps(f + 16 * i + 8, _mm256_and_ps(_mm256_castsi256_ps(high), kept));
	}
#undef LOW
#undef HIGH
}
#undef MULTIPLY

#else
enum { AT_ONCE = 8 };

static void
drop_some(uint64_t key, uint64_t step, uint64_t block, uint32_t threshold, REAL keep, REAL *f)
{
	uint32_t word[4];

	tl_philox(key, step, block, word);
	for (int w = 0; w < 4; w++) {
		f[2 * w] = (word[w] & 0xFFFF) < threshold ? 0 : keep;
		f[2 * w + 1] = word[w] >> 16 < threshold ? 0 : keep;
	}
}
#endif

static void
drop_row(uint64_t key, uint64_t step, uint64_t e0, int64_t n, uint32_t threshold, REAL keep, REAL *f)
{
	REAL all[AT_ONCE];

	if (threshold > 65535) { /* beyond 16 bits: nothing is kept */
		memset(f, 0, (size_t)n * sizeof *f);
		return;
	}
	for (int64_t i = 0; i < n;) {
		uint64_t e = e0 + (uint64_t)i;
		int64_t skip = (int64_t)(e % 8), take = AT_ONCE - skip < n - i ? AT_ONCE - skip : n - i;

		if (take == AT_ONCE)
			drop_some(key, step, e / 8, threshold, keep, f + i);
		else {
			drop_some(key, step, e / 8, threshold, keep, all);
			memcpy(f + i, all + skip, (size_t)take * sizeof *f);
		}
		i += take;
	}
}
