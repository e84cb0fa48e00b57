/* lists.h - shapes and checks that the losses over label lists share: logits [B, L], label_offsets [B + 1], labels. */
#include "tensor/cpu/cut.h"

static inline int
lists_shape(tl_op_call *c)
{
	int64_t documents;

	if (tl_shape_rank(c, 0, 2, 2) || shape_offsets(c, 1, &documents) || tl_shape_ints(c, 2) || tl_shape_rank(c, 2, 1, 1))
		return -1;
	if (documents != c->in[0].dim[0])
		return tl_op_refuse(c, "label_offsets has %lld entries for logits %s; wanted one more than there are rows", (long long)c->in[1].dim[0], in_words(&c->in[0]).s);
	return tl_shape_out(c, TL_REAL_DTYPE, 0, NULL);
}

static inline int
lists_check(tl_op_call *c)
{
	const int32_t *at = c->in[1].data, *label = c->in[2].data;

	if (tl_check_offsets(c, 1, c->in[2].count) || tl_check_index(c, 2, 0, c->in[0].dim[1]))
		return -1;
	for (int64_t i = 0; i + 1 < c->in[1].count; i++)
		for (int64_t k = at[i] + 1; k < at[i + 1]; k++)
			if (label[k] <= label[k - 1])
				return tl_op_refuse(c, "labels of document %lld hold %d after %d; wanted each label once, in ascending order", (long long)i, label[k], label[k - 1]);
	return 0;
}
