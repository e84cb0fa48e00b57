/*
 * bow - a bag of word pieces: the document is the mean of its tokens' embeddings.
 *
 *   hidden_t = embedding[id_t];   pooled = mean over the document's tokens
 *
 * The smallest encoder that can be trained (Joulin et al. 2017 without n-grams). It has no blocks and no first-token vector.
 */
#include "tagloom/plugin.h"

struct bow {
	int64_t dim, vocab;
	tl_tensor *embedding; /* [V, dim] */
};

static const tl_param params[] = {
	TL_P_INT(struct bow, dim, "300", 1, 65536, "width of the embeddings"),
	TL_P_INT(struct bow, vocab, "30000", 1, 10000000, "size of the WordPiece vocabulary trained on the training split"),
	{ 0 }
};
static const tl_weight weights[] = { { .name = "embedding.weight", .at = offsetof(struct bow, embedding), .shape = "V dim", .init = TL_INIT_NORMAL }, { 0 } };
static const tl_slot reads[] = { { .name = "input", .kind = TL_SLOT_INPUT, .doc = "packed token ids" }, { 0 } };
static const tl_slot writes[] = {
	{ .name = "hidden", .shape = "T dim", .doc = "embeddings of the tokens" },
	{ .name = "pooled", .shape = "B dim", .doc = "their mean" },
	{ 0 }
};

static int
encode(tl_ctx *ctx, void *p, const tl_input *input, unsigned want, tl_encoded *out)
{
	struct bow *self = p;
	tl_tensor *x = tl_gather(ctx, self->embedding, input->ids); /* [T, dim] */

	if (input->vectors)
		x = tl_replace_rows(ctx, x, input->vector_at, input->vectors);
	out->hidden = x;
	if (want & TL_WANT_POOLED)
		out->pooled = tl_segment_mean(ctx, x, input->offsets);
	return tl_status(ctx);
}

static const tl_module module = { .size = sizeof(tl_module), .encode = encode };

const tl_plugin tagloom_plugin = {
	TL_ENCODER(struct bow),
	.name = "bow",
	.version = "1.0",
	.summary = "mean of word-piece embeddings",
	.citation = "Joulin et al. 2017, without n-grams",
	.params = params,
	.weights = weights,
	.reads = reads,
	.writes = writes,
	.module = &module,
};
