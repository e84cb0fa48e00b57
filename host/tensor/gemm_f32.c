/* gemm_f32.c - the blocked product for float in plain C. */
#define REAL float
typedef REAL vec __attribute__((vector_size(16), aligned(sizeof(REAL)), may_alias));
#define VEC vec
#define LANES (16 / (int)sizeof(REAL))
#define ZERO() ((vec){ 0 })
#define LOAD(p) (*(const vec *)(p))
#define STORE(p, v) (*(vec *)(p) = (v))
#define SET1(x) ((vec){ 0 } + (x))
#define FMA(a, b, c) ((a) * (b) + (c))
#define MR 6
#define KC 256
#define STRIPS_FIRST 1
#define OWN tl_own_f32_plain
#define SMALL tl_small_f32_plain
#define SMALL_TYPE tl_small_f32
#include "gemm_own.h"
