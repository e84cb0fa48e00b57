/* gemm_f32.avx512.c - the blocked product for float with AVX-512. */
#include <immintrin.h>

#define REAL float
#define VEC __m512
#define LANES 16
#define ZERO() _mm512_setzero_ps()
#define LOAD(p) _mm512_loadu_ps(p)
#define STORE(p, v) _mm512_storeu_ps(p, v)
#define SET1(x) _mm512_set1_ps(x)
#define FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define MR 12
#define KC 384
#define STRIPS_FIRST 0
#define OWN tl_own_f32_avx512
#define SMALL tl_small_f32_avx512
#define SMALL_TYPE tl_small_f32
#include "gemm_own.h"
