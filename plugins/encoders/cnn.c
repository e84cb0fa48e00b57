/*
 * cnn - convolutions over word embeddings with max over time (Kim 2014).
 *
 *   z_w[o, t] = ReLU(b_w[o] + sum_c sum_k W_w[o, c, k] x[t + k - (w - 1), c])    for every width w, w - 1 zeros on both sides
 *   pooled = Dropout([max_t z_w1 ; max_t z_w2 ; ...])                             in the order of `widths`
 *
 * What differs from the paper: word pieces of a vocabulary trained on the training split instead of word2vec; no max-norm constraint.
 */
#include "tagloom/plugin.h"

struct cnn {
	int64_t dim, filters, vocab;
	tl_int_list widths;
	double dropout;
	tl_tensor *embedding;       /* [V, dim] */
	tl_tensor **weight, **bias; /* per width: [filters, dim, w], [filters] */
};

static const tl_param params[] = {
	TL_P_INT(struct cnn, dim, "300", 1, 65536, "width of the embeddings"),
	TL_P_INT(struct cnn, filters, "100", 1, 100000, "filters of each width"),
	TL_P_INTS(struct cnn, widths, "3 4 5", "widths of the convolutions, in tokens"),
	TL_P_INT(struct cnn, vocab, "30000", 1, 10000000, "size of the WordPiece vocabulary trained on the training split"),
	TL_P_REAL(struct cnn, dropout, "0.5", 0, 0.99, "dropout on the document vector"),
	{ 0 }
};
static const tl_weight weights[] = {
	{ .name = "embedding.weight", .at = offsetof(struct cnn, embedding), .shape = "V dim", .init = TL_INIT_NORMAL },
	{ .name = "conv.#.weight", .at = offsetof(struct cnn, weight), .shape = "filters dim #", .repeat = "widths" },
	{ .name = "conv.#.bias", .at = offsetof(struct cnn, bias), .shape = "filters", .init = TL_INIT_ZEROS, .repeat = "widths" },
	{ 0 }
};
static const tl_slot reads[] = { { .name = "input", .kind = TL_SLOT_INPUT, .doc = "packed token ids" }, { 0 } };
static const tl_slot writes[] = {
	{ .name = "hidden", .shape = "T dim", .doc = "embeddings of the tokens" },
	{ .name = "pooled", .shape = "B filters*widths", .doc = "the largest response of every filter" },
	{ 0 }
};

static int
check(tl_ctx *ctx, void *p)
{
	struct cnn *self = p;

	if (self->widths.n < 1)
		return tl_fail(ctx, "widths is empty; wanted at least one width");
	for (int64_t i = 0; i < self->widths.n; i++) {
		if (self->widths.at[i] < 1)
			return tl_fail(ctx, "widths holds %ld; a width is at least 1", (long)self->widths.at[i]);
		for (int64_t j = 0; j < i; j++)
			if (self->widths.at[i] == self->widths.at[j])
				return tl_fail(ctx, "widths holds %ld twice", (long)self->widths.at[i]);
	}
	return 0;
}

/* Offsets of the sequences after a convolution that makes each of them longer by `more`. */
static tl_tensor *
grown(tl_ctx *ctx, const tl_input *input, int64_t more)
{
	int64_t dims[1] = { input->n + 1 };
	int32_t *offsets = tl_scratch(ctx, (size_t)dims[0] * sizeof *offsets);

	if (!offsets)
		return NULL;
	for (int64_t i = 0; i <= input->n; i++)
		offsets[i] = input->host_offsets[i] + (int32_t)(i * more);
	return tl_ints(ctx, 1, dims, offsets);
}

static int
encode(tl_ctx *ctx, void *p, const tl_input *input, unsigned want, tl_encoded *out)
{
	struct cnn *self = p;
	tl_tensor *x = tl_gather(ctx, self->embedding, input->ids), **parts; /* [T, dim] */

	if (input->vectors)
		x = tl_replace_rows(ctx, x, input->vector_at, input->vectors);
	out->hidden = x;
	if (!(want & TL_WANT_POOLED))
		return tl_status(ctx);
	parts = tl_scratch(ctx, (size_t)self->widths.n * sizeof *parts);
	if (!parts)
		return -1;
	for (int64_t i = 0; i < self->widths.n; i++) {
		int more = (int)self->widths.at[i] - 1;
		tl_tensor *z = tl_conv1d(ctx, x, input->offsets, self->weight[i], self->bias[i], more, more, TL_RELU); /* [T + n more, filters] */
		parts[i] = tl_segment_max(ctx, z, grown(ctx, input, more)); /* [n, filters] */
	}
	out->pooled = tl_dropout(ctx, tl_concat(ctx, parts, (int)self->widths.n, 1), self->dropout);
	return tl_status(ctx);
}

static const tl_module module = { .size = sizeof(tl_module), .check = check, .encode = encode };

const tl_plugin tagloom_plugin = {
	TL_ENCODER(struct cnn),
	.name = "cnn",
	.version = "1.0",
	.summary = "convolutions over word pieces, max over time",
	.citation = "Kim 2014",
	.differs = "word pieces of a vocabulary trained on the training split, no pre-trained word vectors, no max-norm constraint",
	.params = params,
	.weights = weights,
	.reads = reads,
	.writes = writes,
	.module = &module,
};
