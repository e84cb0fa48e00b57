/*
 * packed.h - a product for each document of a packed batch. Documents one after the other that are equally long (all that were cut at the
 * longest length there is) are one batched product.
 */
#ifndef HOST_TENSOR_CUDA_PACKED_H
#define HOST_TENSOR_CUDA_PACKED_H

#include "tensor/cuda/cuda.h"

/* Offsets on the host; NULL after an error. */
static inline const int32_t *
tl_packed_offsets(tl_op_call *c, int input)
{
	const int32_t *at = tl_op_ints(c, input);

	if (!at)
		tl_op_refuse(c, "the offsets were computed on the device; wanted offsets that the host knows");
	return at;
}
/* f(document, n documents, rows in each) for runs of equally long documents, empty ones too. */
template <class F> static inline int
tl_each_run(const int32_t *at, int64_t documents, F f)
{
	for (int64_t i = 0, to; i < documents; i = to) {
		for (to = i + 1; to < documents && at[to + 1] - at[to] == at[i + 1] - at[i];)
			to++;
		if (f(i, to - i, (int64_t)(at[i + 1] - at[i])))
			return -1;
	}
	return 0;
}

#endif
