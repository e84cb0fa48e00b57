/* gemm_f32.avx2.c - the blocked product for float with AVX2. */
#include <immintrin.h>

#define REAL float
#define VEC __m256
#define LANES 8
#define ZERO() _mm256_setzero_ps()
#define LOAD(p) _mm256_loadu_ps(p)
#define STORE(p, v) _mm256_storeu_ps(p, v)
#define SET1(x) _mm256_set1_ps(x)
#define FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define MR 6
#define KC 256
#define STRIPS_FIRST 1
#define OWN tl_own_f32_avx2
#define SMALL tl_small_f32_avx2
#define SMALL_TYPE tl_small_f32
#include "gemm_own.h"
