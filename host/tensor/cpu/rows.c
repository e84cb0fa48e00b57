/* rows.c - the inner loops in plain C, and the choice among the compiled forms. */
#include "tensor/cpu/cpu.h"
#include "tensor/isa.h"

#define FMA(a, b, c) ((a) * (b) + (c))
#ifdef TL_DOUBLE
#define TABLE tl_rows_plain_f64
#define TYPE tl_rows_f64
#else
#define TABLE tl_rows_plain_f32
#define TYPE tl_rows_f32
#endif
#include "tensor/cpu/rows_body.h"

#ifdef TL_DOUBLE
const struct tl_rows_f64 *
tl_rows_of_f64(void)
{
	return &tl_rows_plain_f64;
}
#else
const struct tl_rows_f32 *
tl_rows_of_f32(void)
{
	switch (tl_isa_level()) {
#if defined(__x86_64__)
	case TL_ISA_AVX512: return &tl_rows_avx512_f32;
	case TL_ISA_AVX2: return &tl_rows_avx2_f32;
#endif
	default: return &tl_rows_plain_f32;
	}
}
#endif
