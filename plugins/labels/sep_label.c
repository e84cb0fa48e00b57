/*
 * sep_label - supervised contrast between the labels of a batch (SEP-MLDC, eq. 5-9): labels that share documents are pushed apart according to how many.
 *
 *   W_ik = |docs(i) & docs(k)| / |docs(i) | docs(k)|  over the batch, 0 replaced by disjoint_weight, W_ii = 1
 *   l_i  = -log( exp(e_i.e_i/tau) W_ii / sum_{k != i} exp(e_i.e_k/tau) W_ik )    for the labels present in the batch;   loss = weight * sum_i l_i / L
 *
 * What differs from the paper: e is l2-normalised by default (raw products over tau = 0.1 overflow any float format); the printed shapes of the two
 * weight matrices are swapped, its own products Y^T Y and Y Y^T decide; a label whose denominator is empty contributes 0.
 */
#include "tagloom/plugin.h"

struct sep_label {
	double tau, disjoint_weight;
	bool normalize;
	tl_tensor *label_hidden; /* [L, d] */
};

static const tl_param params[] = {
	TL_P_REAL(struct sep_label, tau, "0.1", 1e-6, 1e6, "temperature"),
	TL_P_FLAG(struct sep_label, normalize, "true", "l2-normalise the label vectors first"),
	TL_P_REAL(struct sep_label, disjoint_weight, "0", 0, 1e6, "weight of a pair without a common document"),
	{ 0 }
};
static const tl_slot reads[] = { { .name = "label_hidden", .at = offsetof(struct sep_label, label_hidden), .shape = "L d", .doc = "e" }, { 0 } };
static const tl_loss losses[] = { { .part = "", .param = "weight", .value = "0.01" }, { 0 } };

/* The batch's labels: list of the present ones, their numbers of documents, and place[l] in the list or -1. */
static int32_t
present_labels(const tl_lists *y, int64_t n_labels, int32_t *list, double *count, int32_t *place)
{
	int32_t n = 0;

	for (int64_t l = 0; l < n_labels; l++)
		place[l] = -1;
	for (int32_t i = 0; i < y->offsets[y->n]; i++)
		place[y->index[i]] = 0;
	for (int64_t l = 0; l < n_labels; l++)
		if (place[l] == 0) {
			place[l] = n;
			count[n] = 0;
			list[n++] = (int32_t)l;
		}
	for (int32_t i = 0; i < y->offsets[y->n]; i++)
		count[place[y->index[i]]]++;
	return n;
}

/* w [n, L]: the Jaccard weights of every present label's pairs, 0 on itself; some[i]: 1 where a weight is positive. */
static void
pair_weights(const struct sep_label *self, const tl_lists *y, int64_t n_labels, int32_t n, const int32_t *list, const double *count, const int32_t *place, double *w, double *some)
{
	for (int64_t i = 0; i < n * n_labels; i++)
		w[i] = 0;
	for (int32_t d = 0; d < y->n; d++)
		for (int32_t a = y->offsets[d]; a < y->offsets[d + 1]; a++)
			for (int32_t b = y->offsets[d]; b < y->offsets[d + 1]; b++)
				w[place[y->index[a]] * n_labels + y->index[b]]++;
	for (int32_t i = 0; i < n; i++) {
		some[i] = 0;
		for (int64_t k = 0; k < n_labels; k++) {
			double *x = &w[i * n_labels + k];
			if (k == list[i])
				*x = 0;
			else if (*x > 0)
				*x /= count[i] + count[place[k]] - *x;
			else
				*x = self->disjoint_weight;
			if (*x > 0)
				some[i] = 1;
		}
	}
}

static int
forward(tl_ctx *ctx, void *p)
{
	struct sep_label *self = p;
	const tl_lists *y = tl_labels(ctx);
	int64_t n_labels = tl_n_labels(ctx), dims[2];
	int32_t *list, *place, n;
	double *count, *some, *w;
	tl_tensor *e, *anchors, *sim, *own, *each;

	if (!tl_training(ctx))
		return 0;
	list = tl_scratch(ctx, (size_t)n_labels * sizeof *list);
	place = tl_scratch(ctx, (size_t)n_labels * sizeof *place);
	count = tl_scratch(ctx, (size_t)n_labels * sizeof *count);
	some = tl_scratch(ctx, (size_t)n_labels * sizeof *some);
	if (!list || !place || !count || !some)
		return -1;
	n = present_labels(y, n_labels, list, count, place);
	w = tl_scratch(ctx, (size_t)(n * n_labels + 1) * sizeof *w);
	if (!w)
		return -1;
	pair_weights(self, y, n_labels, n, list, count, place, w, some);
	dims[0] = n;
	dims[1] = n_labels;
	e = self->normalize ? tl_l2_normalize(ctx, self->label_hidden) : self->label_hidden;
	anchors = tl_gather(ctx, e, tl_ints(ctx, 1, dims, list)); /* [n, d] */
	sim = tl_scale(ctx, tl_matmul(ctx, anchors, e, 0, 1), 1 / self->tau, 0); /* [n, L] */
	own = tl_scale(ctx, tl_row_sum(ctx, tl_mul(ctx, anchors, anchors)), 1 / self->tau, 0); /* [n] */
	each = tl_sub(ctx, tl_logsumexp(ctx, sim, tl_reals(ctx, 2, dims, w)), own);
	each = tl_mul(ctx, each, tl_reals(ctx, 1, dims, some));
	return tl_add_loss(ctx, "", tl_scale(ctx, tl_sum(ctx, each), 1 / (double)n_labels, 0));
}

static const tl_module module = { .size = sizeof(tl_module), .forward = forward };

const tl_plugin tagloom_plugin = {
	TL_LABEL(struct sep_label),
	.name = "sep_label",
	.version = "1.0",
	.summary = "contrastive loss between the labels of a batch",
	.citation = "SEP-MLDC, eq. 5-9",
	.differs = "l2-normalised by default; matrix shapes as the paper's products, not as printed; an empty denominator contributes 0",
	.params = params,
	.reads = reads,
	.losses = losses,
	.module = &module,
};
