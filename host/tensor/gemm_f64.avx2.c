/* gemm_f64.avx2.c - the blocked product for double with AVX2. */
#include <immintrin.h>

#define REAL double
#define VEC __m256d
#define LANES 4
#define ZERO() _mm256_setzero_pd()
#define LOAD(p) _mm256_loadu_pd(p)
#define STORE(p, v) _mm256_storeu_pd(p, v)
#define SET1(x) _mm256_set1_pd(x)
#define FMA(a, b, c) _mm256_fmadd_pd(a, b, c)
#define MR 6
#define KC 256
#define STRIPS_FIRST 1
#define OWN tl_own_f64_avx2
#define SMALL tl_small_f64_avx2
#define SMALL_TYPE tl_small_f64
#include "gemm_own.h"
