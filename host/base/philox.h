/*
 * philox.h - Philox4x32-10 (Salmon et al. 2011): a block of four words is a pure function of key and counter, so that every number
 * has a name and no number depends on what was drawn before it elsewhere. One text for the CPU (tl_philox) and for kernels on a device.
 */
#ifndef HOST_BASE_PHILOX_H
#define HOST_BASE_PHILOX_H

#include <stdint.h>

#ifdef __CUDACC__
__host__ __device__
#endif
static inline void
tl_philox_block(uint64_t key, uint64_t step, uint64_t counter, uint32_t out[4])
{
	uint32_t c0 = (uint32_t)counter, c1 = (uint32_t)(counter >> 32), c2 = (uint32_t)step, c3 = (uint32_t)(step >> 32);
	uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);

	for (int round = 0; round < 10; round++) {
		uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
		c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
		c1 = (uint32_t)b;
		c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
		c3 = (uint32_t)a;
		k0 += 0x9E3779B9u;
		k1 += 0xBB67AE85u;
	}
	out[0] = c0;
	out[1] = c1;
	out[2] = c2;
	out[3] = c3;
}

#endif
