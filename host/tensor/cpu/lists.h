/* lists.h - shapes and checks that the losses over label lists share: B rows in input 0, and as two inputs label_offsets [B + 1], labels. */
#include "tensor/cpu/cut.h"

/* offsets: the input that holds label_offsets; labels are the next one. */
static inline int
lists_shape_at(tl_op_call *c, int offsets)
{
	int64_t documents;

	if (tl_shape_rank(c, 0, 2, 2) || shape_offsets(c, offsets, &documents) || tl_shape_ints(c, offsets + 1) || tl_shape_rank(c, offsets + 1, 1, 1))
		return -1;
	if (documents != c->in[0].dim[0])
		return tl_op_refuse(c, "label_offsets has %lld entries for %s; wanted one more than there are rows", (long long)c->in[offsets].dim[0], in_words(&c->in[0]).s);
	return tl_shape_out(c, TL_REAL_DTYPE, 0, NULL);
}

static inline int
lists_shape(tl_op_call *c)
{
	return lists_shape_at(c, 1);
}

static inline int
lists_check_at(tl_op_call *c, int offsets, int64_t n_labels)
{
	const int32_t *at = c->in[offsets].data, *label = c->in[offsets + 1].data;

	if (tl_check_offsets(c, offsets, c->in[offsets + 1].count) || tl_check_index(c, offsets + 1, 0, n_labels))
		return -1;
	for (int64_t i = 0; i + 1 < c->in[offsets].count; i++)
		for (int64_t k = at[i] + 1; k < at[i + 1]; k++)
			if (label[k] <= label[k - 1])
				return tl_op_refuse(c, "labels of document %lld hold %d after %d; wanted each label once, in ascending order", (long long)i, label[k], label[k - 1]);
	return 0;
}

static inline int
lists_check(tl_op_call *c)
{
	return lists_check_at(c, 1, c->in[0].dim[1]);
}

static inline int
lists_reduction(tl_op_call *c)
{
	if (c->arg[0] != TL_MEAN && c->arg[0] != TL_SUM_LABELS && c->arg[0] != TL_SUM)
		return tl_op_refuse(c, "reduction is %g; wanted TL_MEAN, TL_SUM_LABELS or TL_SUM", c->arg[0]);
	return 0;
}

/* What the sum over documents and labels is multiplied with. */
static inline double
lists_factor(const tl_op_call *c, int64_t documents, int64_t n_labels)
{
	if (!documents || !n_labels)
		return 0;
	return c->arg[0] == TL_MEAN ? 1 / ((double)documents * (double)n_labels) : c->arg[0] == TL_SUM_LABELS ? 1 / (double)documents : 1;
}
