/* cuda_bf16.h - stands in for CUDA's header: bfloat16 with rounding to nearest even. */
#ifndef TESTS_EMULATE_CUDA_BF16_H
#define TESTS_EMULATE_CUDA_BF16_H

#include <stdint.h>
#include <string.h>

struct __nv_bfloat16 { uint16_t bits; };
static inline float
__bfloat162float(__nv_bfloat16 x)
{
	uint32_t u = (uint32_t)x.bits << 16;
	float f;

	memcpy(&f, &u, sizeof f);
	return f;
}
static inline __nv_bfloat16
__float2bfloat16(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof u);
	if (f != f)
		return __nv_bfloat16{ 0x7fff };
	return __nv_bfloat16{ (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16) };
}
static inline unsigned short
__bfloat16_as_ushort(__nv_bfloat16 x)
{
	return x.bits;
}

#endif
