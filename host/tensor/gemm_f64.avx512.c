/* gemm_f64.avx512.c - the blocked product for double with AVX-512. */
#include <immintrin.h>

#define REAL double
#define VEC __m512d
#define LANES 8
#define ZERO() _mm512_setzero_pd()
#define LOAD(p) _mm512_loadu_pd(p)
#define STORE(p, v) _mm512_storeu_pd(p, v)
#define SET1(x) _mm512_set1_pd(x)
#define FMA(a, b, c) _mm512_fmadd_pd(a, b, c)
#define MR 12
#define KC 384
#define STRIPS_FIRST 0
#define OWN tl_own_f64_avx512
#define SMALL tl_small_f64_avx512
#define SMALL_TYPE tl_small_f64
#include "gemm_own.h"
