/*
 * clcp - conditional label co-occurrence prediction (LACO, eq. 6): given some labels of the document, which others does it have?
 *
 *   Y^G = min(given, |Y+|) labels drawn from Y+;   g = mean of their h
 *   p_j = sigma(w.[h_j ; g] + b) for every label outside Y^G;   loss = weight * sum over those labels, mean over documents, of BCE(p_j, Y_j)
 *
 * What differs from the paper: a document without labels, or with all labels given, contributes 0 and counts in the mean.
 */
#include "tagloom/plugin.h"

struct clcp {
	int64_t given;
	tl_tensor *label_hidden; /* [L, d] or [B, L, d] */
	tl_tensor *w, *b;        /* [1, 2d] [1] */
};

static const tl_param params[] = { TL_P_INT(struct clcp, given, "1", 1, 1000000, "labels of the document that are given"), { 0 } };
static const tl_weight weights[] = {
	{ .name = "weight", .at = offsetof(struct clcp, w), .shape = "1 2*d" },
	{ .name = "bias", .at = offsetof(struct clcp, b), .shape = "1", .init = TL_INIT_ZEROS },
	{ 0 }
};
static const tl_slot reads[] = { { .name = "label_hidden", .at = offsetof(struct clcp, label_hidden), .shape = "L d | B L d", .doc = "h" }, { 0 } };
static const tl_loss losses[] = { { .part = "", .param = "weight", .value = "1" }, { 0 } };

/* Draws the given labels of every document: offsets [B + 1], index. */
static int
draw(tl_ctx *ctx, const struct clcp *self, const tl_lists *y, tl_lists *out)
{
	tl_stream s = tl_stream_for(ctx, "given");
	int32_t *offsets = tl_scratch(ctx, (size_t)(y->n + 1) * sizeof *offsets), *index = tl_scratch(ctx, (size_t)(y->offsets[y->n] + 1) * sizeof *index), n = 0;

	if (!offsets || !index)
		return -1;
	offsets[0] = 0;
	for (int32_t d = 0; d < y->n; d++) {
		int32_t size = y->offsets[d + 1] - y->offsets[d], *own = index + n;
		for (int32_t i = 0; i < size; i++)
			own[i] = y->index[y->offsets[d] + i];
		for (int32_t i = 0; i < size && i < self->given; i++) { /* the first steps of a shuffle */
			int32_t j = i + (int32_t)tl_random_below(&s, (uint32_t)(size - i)), swap = own[i];
			own[i] = own[j];
			own[j] = swap;
		}
		n += size < self->given ? size : (int32_t)self->given;
		offsets[d + 1] = n;
	}
	*out = (tl_lists){ y->n, offsets, index };
	return 0;
}

/* target [B, L]: Y; use [B, L]: 1 for the labels that are predicted. */
static void
fill(const tl_lists *y, const tl_lists *g, int64_t n_labels, double *target, double *use)
{
	for (int32_t d = 0; d < y->n; d++) {
		double *t = target + d * n_labels, *u = use + d * n_labels;
		bool any = g->offsets[d + 1] > g->offsets[d];
		for (int64_t l = 0; l < n_labels; l++) {
			t[l] = 0;
			u[l] = any;
		}
		for (int32_t i = y->offsets[d]; i < y->offsets[d + 1]; i++)
			t[y->index[i]] = 1;
		for (int32_t i = g->offsets[d]; i < g->offsets[d + 1]; i++)
			u[g->index[i]] = 0;
	}
}

static int
forward(tl_ctx *ctx, void *p)
{
	struct clcp *self = p;
	const tl_lists *y = tl_labels(ctx);
	int64_t n_labels = tl_n_labels(ctx), d = tl_dim(self->label_hidden, -1), dims[2], rows, one_row[2] = { 1, n_labels };
	bool per_document = tl_rank(self->label_hidden) == 3;
	tl_tensor *h, *g, *z, *zg;
	double *target, *use;
	int32_t *at;
	tl_lists given;
	int have;

	if (!tl_training(ctx))
		return 0;
	have = tl_draw_lists(ctx, NULL, &given);
	if (have < 0 || (!have && draw(ctx, self, y, &given)))
		return -1;
	if (given.n != y->n)
		return tl_fail(ctx, "there are draws for %d documents, but the batch has %d", given.n, y->n);
	for (int32_t i = 0; i < given.offsets[given.n]; i++)
		if (given.index[i] < 0 || given.index[i] >= n_labels)
			return tl_fail(ctx, "a draw holds label %d; there are %ld labels", given.index[i], (long)n_labels);
	dims[0] = y->n;
	dims[1] = n_labels;
	target = tl_scratch(ctx, (size_t)(y->n * n_labels + 1) * sizeof *target);
	use = tl_scratch(ctx, (size_t)(y->n * n_labels + 1) * sizeof *use);
	at = tl_scratch(ctx, (size_t)(given.offsets[given.n] + 1) * sizeof *at);
	if (!target || !use || !at)
		return -1;
	fill(y, &given, n_labels, target, use);
	for (int32_t i = 0; i < given.n; i++)
		for (int32_t k = given.offsets[i]; k < given.offsets[i + 1]; k++)
			at[k] = given.index[k] + (per_document ? i * (int32_t)n_labels : 0);
	rows = given.offsets[given.n];
	h = tl_reshape(ctx, self->label_hidden, 2, -1, d, 0, 0); /* [L, d] or [B L, d] */
	g = tl_segment_mean(ctx, tl_gather(ctx, h, tl_ints(ctx, 1, &rows, at)), tl_ints(ctx, 1, (int64_t[]){ given.n + 1 }, given.offsets)); /* [B, d] */
	/* w.[h_j ; g] = w_h.h_j + w_g.g: [B, L, 2d] is never made. */
	zg = tl_matmul(ctx, tl_linear(ctx, g, tl_slice(ctx, self->w, 1, d, 2 * d), NULL, TL_NONE), tl_fill(ctx, 2, one_row, 1), 0, 0); /* [B, L] */
	z = tl_linear(ctx, h, tl_slice(ctx, self->w, 1, 0, d), self->b, TL_NONE);
	z = per_document ? tl_reshape(ctx, z, 2, y->n, n_labels, 0, 0) : tl_reshape(ctx, z, 1, n_labels, 0, 0, 0);
	z = tl_add(ctx, zg, z);
	z = tl_bce_dense(ctx, z, tl_reals(ctx, 2, dims, target), tl_reals(ctx, 2, dims, use));
	return tl_add_loss(ctx, "", tl_scale(ctx, z, y->n ? 1 / (double)y->n : 0, 0));
}

static const tl_module module = { .size = sizeof(tl_module), .forward = forward };

const tl_plugin tagloom_plugin = {
	TL_LABEL(struct clcp),
	.name = "clcp",
	.version = "1.0",
	.summary = "conditional label co-occurrence prediction",
	.citation = "LACO, eq. 6",
	.differs = "a document without labels, or with all labels given, contributes 0 and counts in the mean",
	.params = params,
	.weights = weights,
	.reads = reads,
	.losses = losses,
	.module = &module,
};
