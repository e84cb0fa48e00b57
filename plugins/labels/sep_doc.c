/*
 * sep_doc - supervised contrast between the documents of a batch (SEP-MLDC, eq. 10-15): documents with the same label set attract each other, the others
 * repel by the overlap of their label sets.
 *
 *   W_ij = |Y_i & Y_j| / |Y_i | Y_j|, 0 replaced by disjoint_weight
 *   P_i = other documents with i's label set;  N_i = the remaining other documents
 *   l_i = sum_{j in P_i} -log( exp(e_i.e_j/tau) W_ij / sum_{k in N_i} exp(e_i.e_k/tau) W_ik );   loss = weight * mean over B
 *
 * What differs from the paper: e is l2-normalised by default (raw products over tau = 0.1 overflow); no positive or an empty denominator gives 0; a document
 * without labels has no positives and is a negative of weight disjoint_weight for the others.
 */
#include <string.h>

#include "tagloom/plugin.h"

struct sep_doc {
	double tau, disjoint_weight;
	bool normalize;
	tl_tensor *doc; /* [B, m] */
};

static const tl_param params[] = {
	TL_P_REAL(struct sep_doc, tau, "0.1", 1e-6, 1e6, "temperature"),
	TL_P_FLAG(struct sep_doc, normalize, "true", "l2-normalise the document vectors first"),
	TL_P_REAL(struct sep_doc, disjoint_weight, "0", 0, 1e6, "weight of a pair without a common label"),
	{ 0 }
};
static const tl_slot reads[] = { { .name = "doc", .at = offsetof(struct sep_doc, doc), .shape = "B m", .doc = "e" }, { 0 } };
static const tl_loss losses[] = { { .part = "", .param = "weight", .value = "0.01" }, { 0 } };

static int32_t
common(const tl_lists *y, int32_t i, int32_t j)
{
	int32_t a = y->offsets[i], b = y->offsets[j], n = 0;

	while (a < y->offsets[i + 1] && b < y->offsets[j + 1])
		if (y->index[a] == y->index[b])
			n++, a++, b++;
		else if (y->index[a] < y->index[b])
			a++;
		else
			b++;
	return n;
}

/* negative [B, B]: W_ij on N_i; positive [B, B]: 1 at (j, i) for j in P_i, where i's denominator is not empty. */
static void
pair_weights(const struct sep_doc *self, const tl_lists *y, double *negative, double *positive)
{
	int32_t n = y->n;

	memset(positive, 0, (size_t)n * (size_t)n * sizeof *positive);
	for (int32_t i = 0; i < n; i++) {
		int32_t size = y->offsets[i + 1] - y->offsets[i];
		double *neg = negative + (size_t)i * n, total = 0;

		for (int32_t j = 0; j < n; j++) {
			int32_t both = common(y, i, j), other = y->offsets[j + 1] - y->offsets[j];
			neg[j] = 0;
			if (j == i)
				continue;
			if (size && both == size && other == size)
				positive[(size_t)j * n + i] = 1;
			else
				neg[j] = both ? (double)both / (size + other - both) : self->disjoint_weight;
			total += neg[j];
		}
		for (int32_t j = 0; total <= 0 && j < n; j++)
			positive[(size_t)j * n + i] = 0;
	}
}

static int
forward(tl_ctx *ctx, void *p)
{
	struct sep_doc *self = p;
	const tl_lists *y = tl_labels(ctx);
	int64_t n = y ? y->n : 0, dims[2] = { n, n };
	double *negative, *positive;
	tl_tensor *e, *sim, *lse, *each;

	if (!tl_training(ctx))
		return 0;
	negative = tl_scratch(ctx, (size_t)(n * n + 1) * sizeof *negative);
	positive = tl_scratch(ctx, (size_t)(n * n + 1) * sizeof *positive);
	if (!negative || !positive)
		return -1;
	pair_weights(self, y, negative, positive);
	e = self->normalize ? tl_l2_normalize(ctx, self->doc) : self->doc;
	sim = tl_scale(ctx, tl_matmul(ctx, e, e, 0, 1), 1 / self->tau, 0); /* [B, B] */
	lse = tl_logsumexp(ctx, sim, tl_reals(ctx, 2, dims, negative));    /* [B] */
	/* Pair by pair, so that no large sums cancel; sim is symmetric, so that its column i is measured against the denominator of row i. */
	each = tl_mul(ctx, tl_sub(ctx, sim, lse), tl_reals(ctx, 2, dims, positive));
	return tl_add_loss(ctx, "", tl_scale(ctx, tl_sum(ctx, each), n ? -1 / (double)n : 0, 0));
}

static const tl_module module = { .size = sizeof(tl_module), .forward = forward };

const tl_plugin tagloom_plugin = {
	TL_LABEL(struct sep_doc),
	.name = "sep_doc",
	.version = "1.0",
	.summary = "contrastive loss between the documents of a batch",
	.citation = "SEP-MLDC, eq. 10-15",
	.differs = "l2-normalised by default; no positive or an empty denominator gives 0",
	.params = params,
	.reads = reads,
	.losses = losses,
	.module = &module,
};
