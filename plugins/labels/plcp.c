/*
 * plcp - pairwise label co-occurrence prediction (LACO, eq. 5): do two labels stand together in this document?
 *
 *   for each document `pairs` draws: IsCo-occur (two labels of Y+) with probability ratio / (1 + ratio), else NotCo-occur (one of Y+, one of Y-)
 *   p = sigma(w.[h_a ; h_b] + b);   loss = weight * mean over all pairs of BCE(p, IsCo-occur)
 *
 * What differs from the paper: the corner cases that it does not name. One label: only NotCo-occur; all labels: only IsCo-occur; none: no pair.
 */
#include "tagloom/plugin.h"

struct plcp {
	double ratio;
	int64_t pairs;
	tl_tensor *label_hidden; /* [L, d] or [B, L, d] */
	tl_tensor *w, *b;        /* [1, 2d] [1] */
};

static const tl_param params[] = {
	TL_P_REAL(struct plcp, ratio, "0.5", 0, 1e6, "IsCo-occur draws for each NotCo-occur draw"),
	TL_P_INT(struct plcp, pairs, "1", 1, 100000, "pairs drawn for each document"),
	{ 0 }
};
static const tl_weight weights[] = {
	{ .name = "weight", .at = offsetof(struct plcp, w), .shape = "1 2*d" },
	{ .name = "bias", .at = offsetof(struct plcp, b), .shape = "1", .init = TL_INIT_ZEROS },
	{ 0 }
};
static const tl_slot reads[] = { { .name = "label_hidden", .at = offsetof(struct plcp, label_hidden), .shape = "L d | B L d", .doc = "h" }, { 0 } };
static const tl_loss losses[] = { { .part = "", .param = "weight", .value = "1" }, { 0 } };

/* One of the labels that the document lacks: the r-th of them. */
static int32_t
absent(const int32_t *labels, int32_t n, int32_t r)
{
	for (int32_t i = 0; i < n && labels[i] <= r; i++)
		r++;
	return r;
}

/* Draws pairs into a, b (rows of the label vectors) and target; returns their number. */
static int64_t
draw(tl_ctx *ctx, const struct plcp *self, const tl_lists *y, int32_t n_labels, bool per_document, int32_t *a, int32_t *b, double *target)
{
	tl_stream s = tl_stream_for(ctx, "pairs");
	int64_t n = 0;

	for (int32_t d = 0; d < y->n; d++) {
		const int32_t *labels = y->index + y->offsets[d];
		int32_t size = y->offsets[d + 1] - y->offsets[d], base = per_document ? d * n_labels : 0;

		for (int64_t k = 0; k < self->pairs; k++) {
			bool is = tl_random_unit(&s) < self->ratio / (1 + self->ratio);
			uint32_t r1 = tl_random_below(&s, (uint32_t)size), r2 = tl_random_below(&s, (uint32_t)(size > 1 ? size - 1 : 1));
			uint32_t r3 = tl_random_below(&s, (uint32_t)(n_labels - size));
			if (!size || (size == 1 && n_labels == 1))
				continue;
			is = size == 1 ? false : size == n_labels ? true : is;
			a[n] = base + labels[r1];
			b[n] = base + (is ? labels[r2 + (r2 >= r1)] : absent(labels, size, (int32_t)r3));
			target[n++] = is;
		}
	}
	return n;
}

static int64_t
given(tl_ctx *ctx, const tl_lists *draws, int32_t n_labels, bool per_document, int32_t *a, int32_t *b, double *target)
{
	for (int32_t i = 0; i < draws->n; i++) {
		const int32_t *row = draws->index + draws->offsets[i]; /* document, a, b, co-occur */
		if (draws->offsets[i + 1] - draws->offsets[i] != 4 || row[0] < 0 || row[0] >= tl_n_documents(ctx) || row[1] < 0 || row[1] >= n_labels || row[2] < 0 || row[2] >= n_labels)
			return tl_fail(ctx, "draw %d is no [document, a, b, co-occur] of this batch's documents and %d labels", i, n_labels);
		int32_t base = per_document ? row[0] * n_labels : 0;
		a[i] = base + row[1];
		b[i] = base + row[2];
		target[i] = row[3];
	}
	return draws->n;
}

static int
forward(tl_ctx *ctx, void *p)
{
	struct plcp *self = p;
	const tl_lists *y = tl_labels(ctx);
	bool per_document = tl_rank(self->label_hidden) == 3;
	int32_t n_labels = (int32_t)tl_n_labels(ctx), *a, *b;
	int64_t most, n, d = tl_dim(self->label_hidden, -1);
	double *target;
	tl_lists injected;
	tl_tensor *h, *z;
	int have;

	if (!tl_training(ctx))
		return 0;
	have = tl_draw_lists(ctx, NULL, &injected);
	if (have < 0)
		return -1;
	most = (have ? injected.n : y->n * self->pairs) + 1;
	a = tl_scratch(ctx, (size_t)most * sizeof *a);
	b = tl_scratch(ctx, (size_t)most * sizeof *b);
	target = tl_scratch(ctx, (size_t)most * sizeof *target);
	if (!a || !b || !target)
		return -1;
	n = have ? given(ctx, &injected, n_labels, per_document, a, b, target) : draw(ctx, self, y, n_labels, per_document, a, b, target);
	if (n < 0)
		return -1;
	if (!n)
		return tl_add_loss(ctx, "", tl_fill(ctx, 0, NULL, 0));
	h = tl_reshape(ctx, self->label_hidden, 2, -1, d, 0, 0);
	z = tl_concat(ctx, (tl_tensor *[]){ tl_gather(ctx, h, tl_ints(ctx, 1, &n, a)), tl_gather(ctx, h, tl_ints(ctx, 1, &n, b)) }, 2, 1); /* [n, 2d] */
	z = tl_reshape(ctx, tl_linear(ctx, z, self->w, self->b, TL_NONE), 1, n, 0, 0, 0);
	return tl_add_loss(ctx, "", tl_scale(ctx, tl_bce_dense(ctx, z, tl_reals(ctx, 1, &n, target), NULL), 1 / (double)n, 0));
}

static const tl_module module = { .size = sizeof(tl_module), .forward = forward };

const tl_plugin tagloom_plugin = {
	TL_LABEL(struct plcp),
	.name = "plcp",
	.version = "1.0",
	.summary = "pairwise label co-occurrence prediction",
	.citation = "LACO, eq. 5",
	.differs = "corner cases that the paper does not name: one label, all labels, none",
	.params = params,
	.weights = weights,
	.reads = reads,
	.losses = losses,
	.module = &module,
};
