/* random.c - streams of numbers from Philox. */
#include <math.h>

#include "philox.h"
#include "tagloom/tensor.h"

void
tl_philox(uint64_t key, uint64_t step, uint64_t counter, uint32_t out[4])
{
	tl_philox_block(key, step, counter, out);
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
