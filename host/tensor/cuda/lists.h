/* lists.h - what the losses over label lists share: B rows in input 0, and as two inputs label_offsets [B + 1], labels. */
#ifndef HOST_TENSOR_CUDA_LISTS_H
#define HOST_TENSOR_CUDA_LISTS_H

#include "tensor/cuda/parts.h"

/* The host's copy is looked at in the CPU's words; offsets: the input that holds label_offsets. */
static inline int
tl_lists_check(tl_op_call *c, int offsets, int64_t n_labels)
{
	const int32_t *at = tl_op_ints(c, offsets), *label = tl_op_ints(c, offsets + 1);

	if (tl_check_offsets(c, offsets, c->in[offsets + 1].count) || tl_check_index(c, offsets + 1, 0, n_labels))
		return -1;
	for (int64_t i = 0; at && label && i + 1 < c->in[offsets].count; i++)
		for (int64_t k = at[i] + 1; k < at[i + 1]; k++)
			if (label[k] <= label[k - 1])
				return tl_op_refuse(c, "labels of document %lld hold %d after %d; wanted each label once, in ascending order", (long long)i, label[k], label[k - 1]);
	return 0;
}

/* What the sum over documents and labels is multiplied with. */
static inline double
tl_lists_factor(const tl_op_call *c, int64_t documents, int64_t n_labels)
{
	if (!documents || !n_labels)
		return 0;
	return c->arg[0] == TL_MEAN ? 1 / ((double)documents * (double)n_labels) : c->arg[0] == TL_SUM_LABELS ? 1 / (double)documents : 1;
}

/* Label lists on the device. */
typedef struct tl_lists { const int32_t *at, *label; int64_t documents, n_labels, count; int32_t *flag; int32_t row; } tl_lists;

static inline tl_lists
tl_lists_of(tl_op_call *c, int offsets, int64_t n_labels, int32_t row)
{
	return tl_lists{ (const int32_t *)c->in[offsets].data, (const int32_t *)c->in[offsets + 1].data, c->in[offsets].count - 1, n_labels, c->in[offsets + 1].count, tl_device_flag(c->ctx), row };
}
/* Where entry k of the lists lies in [B, L]; -1, and the flag, where it is no label. */
__device__ static inline int64_t
tl_lists_at(const tl_lists &l, int64_t k)
{
	int64_t label = l.label[k];

	if (label < 0 || label >= l.n_labels) {
		*l.flag = l.row + 1;
		return -1;
	}
	return tl_segment_at(l.at, l.documents, k) * l.n_labels + label;
}

/* ln(1 + e^z) for any z */
__device__ static inline double
tl_softplus(float z)
{
	return (double)(z > 0 ? z : 0) + (double)log1pf(expf(-fabsf(z)));
}

#endif
