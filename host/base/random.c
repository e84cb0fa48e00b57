/*
 * random.c - Philox4x32-10 (Salmon et al. 2011): a block of four words is a pure function of key and counter, so that every number
 * has a name and no number depends on what was drawn before it elsewhere.
 */
#include <math.h>

#include "tagloom/tensor.h"

void
tl_philox(uint64_t key, uint64_t step, uint64_t counter, uint32_t out[4])
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

uint32_t
tl_random_u32(tl_stream *s)
{
	uint32_t block[4];

	tl_philox(s->key, s->step, s->next / 4, block);
	return block[s->next++ % 4];
}

double
tl_random_unit(tl_stream *s)
{
	uint64_t high = tl_random_u32(s) >> 5, low = tl_random_u32(s) >> 6;

	return (double)(high << 26 | low) * 0x1p-53;
}

uint32_t
tl_random_below(tl_stream *s, uint32_t n)
{
	uint32_t least, x;

	if (n < 2)
		return 0;
	least = -n % n; /* 2^32 mod n: words below it would favour small results */
	do
		x = tl_random_u32(s);
	while (x < least);
	return x % n;
}

double
tl_random_normal(tl_stream *s)
{
	double u = 1 - tl_random_unit(s), v = tl_random_unit(s); /* u in (0, 1] */

	return sqrt(-2 * log(u)) * cos(6.283185307179586476925 * v);
}
