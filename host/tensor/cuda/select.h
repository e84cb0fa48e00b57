/*
 * select.h - the k best of n by a block of threads. First the k-th best key is found, two bits at a time: each of 16 passes counts the keys at
 * or above three bounds. Then one more pass lists those above it, and of those equal to it the first ones, in ascending order of
 * place. Last the k are ranked. No sorting network, no atomics; n + k^2 / threads steps, whatever the keys are.
 */
#ifndef HOST_TENSOR_CUDA_SELECT_H
#define HOST_TENSOR_CUDA_SELECT_H

#include "tensor/cuda/cuda.h"

/* Larger numbers have larger keys; -0 is 0. A NaN has no place of its own: the caller turns it into a number. */
__device__ static inline uint32_t
tl_key(float x)
{
	uint32_t bits = __float_as_uint(x + 0.0f);

	return bits >> 31 ? ~bits : bits | 0x80000000u;
}
/* Threads of the block for rows of n. */
static inline unsigned
tl_select_threads(int64_t n)
{
	return n > 4096 ? 512 : 128;
}

struct tl_select_room { int counts[33], above[17], equal[17]; };

/* The largest bound that at least k of n keys reach; 1 <= k <= n. */
template <class F> __device__ static inline uint32_t
tl_select_bound(tl_select_room *room, int64_t n, int64_t k, F key)
{
	uint32_t bound = 0;

	for (int shift = 30; shift >= 0; shift -= 2) {
		int count[3] = { 0, 0, 0 };
		for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
			uint32_t x = key(i);
			for (int b = 0; b < 3; b++)
				count[b] += x >= (bound | (uint32_t)(b + 1) << shift);
		}
		for (int b = 0; b < 3; b++)
			count[b] = tl_block_sum(count[b], room->counts);
		for (int b = 2; b >= 0; b--)
			if (count[b] >= k) {
				bound |= (uint32_t)(b + 1) << shift;
				break;
			}
	}
	return bound;
}

/* take(slot, i) for the k best, slots and places i ascending. Every thread of the block calls it; barriers before and after. */
template <class F, class G> __device__ static inline void
tl_select(tl_select_room *room, int64_t n, int64_t k, F key, G take)
{
	int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32, more = 0;
	uint32_t bound = tl_select_bound(room, n, k, key);
	int64_t above = 0, equal = 0, room_for_equal;

	for (int64_t i = threadIdx.x; i < n; i += blockDim.x)
		more += key(i) > bound;
	room_for_equal = k - tl_block_sum(more, room->counts);
	for (int64_t base = 0; base < n && above + (equal < room_for_equal ? equal : room_for_equal) < k; base += blockDim.x) {
		int64_t i = base + threadIdx.x, here_above = above, here_equal = equal;
		uint32_t x = i < n ? key(i) : 0;
		bool is_above = i < n && x > bound, is_equal = i < n && x == bound;
		uint32_t all_above = __ballot_sync(0xffffffffu, is_above), all_equal = __ballot_sync(0xffffffffu, is_equal), before = (1u << lane) - 1;
		if (!lane) {
			room->above[warp] = __popc(all_above);
			room->equal[warp] = __popc(all_equal);
		}
		__syncthreads();
		for (int w = 0; w < warps; w++) {
			if (w < warp) {
				here_above += room->above[w];
				here_equal += room->equal[w];
			}
			above += room->above[w];
			equal += room->equal[w];
		}
		here_above += __popc(all_above & before);
		here_equal += __popc(all_equal & before);
		if (is_above || (is_equal && here_equal < room_for_equal))
			take(here_above + (here_equal < room_for_equal ? here_equal : room_for_equal), i);
		__syncthreads();
	}
}

/* put(place, slot) for k slots with keys, best first, of equals the lower slot. */
template <class F, class G> __device__ static inline void
tl_rank(int64_t k, F key, G put)
{
	for (int64_t slot = threadIdx.x; slot < k; slot += blockDim.x) {
		uint32_t x = key(slot);
		int64_t place = 0;
		for (int64_t other = 0; other < k; other++) {
			uint32_t y = key(other);
			place += y > x || (y == x && other < slot);
		}
		put(place, slot);
	}
}

#endif
