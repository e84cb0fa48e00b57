/* rows.avx512.c - the inner loops in float with AVX-512. */
#define REAL float
#define FMA(a, b, c) __builtin_fmaf(a, b, c)
#define TABLE tl_rows_avx512_f32
#define TYPE tl_rows_f32
#include "tensor/cpu/rows_body.h"
