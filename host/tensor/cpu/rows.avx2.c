/* rows.avx2.c - the inner loops in float with AVX2. */
#define REAL float
#define FMA(a, b, c) __builtin_fmaf(a, b, c)
#define TABLE tl_rows_avx2_f32
#define TYPE tl_rows_f32
#include "tensor/cpu/rows_body.h"
