/*
 * joint - document and labels in one sequence (LACO, Sec. 3.2).
 *
 *   [CLS] words [SEP] y_1 ... y_L [SEP], segment 0 up to the first [SEP], 1 after it; words are cut so that all fits max_length
 *
 * Every label stands for itself with one vector in place of a word embedding: a trainable one ("new"), or the mean of its name's word pieces ("name_mean").
 * Position and segment embeddings apply to it as to any token. After the encoder `hidden` is the document part and `label_hidden` is [B, L, d].
 *
 * What differs from the paper: the released code maps labels onto reserved vocabulary ids; here they have a table of their own.
 */
#include "tagloom/plugin.h"

enum { NEW, NAME_MEAN };

struct joint {
	int label_token;
	int64_t max_length;
	const tl_input *input, *joined;
	tl_tensor *table; /* [L, d] */
};

static const tl_param params[] = {
	TL_P_CHOICE(struct joint, label_token, "new", "new|name_mean", "a trainable vector per label, or the mean of its name's word-piece embeddings"),
	TL_P_INT(struct joint, max_length, "320", 4, 1000000, "tokens of the joint sequence"),
	{ 0 }
};
static const tl_weight weights[] = { { .name = "label_token.weight", .at = offsetof(struct joint, table), .shape = "L d", .init = TL_INIT_NORMAL, .when = "label_token == new" }, { 0 } };
static const tl_slot reads[] = { { .name = "input", .at = offsetof(struct joint, input), .kind = TL_SLOT_INPUT, .doc = "[CLS] words [SEP]" }, { 0 } };
static const tl_slot writes[] = { { .name = "input", .at = offsetof(struct joint, joined), .kind = TL_SLOT_INPUT, .doc = "[CLS] words [SEP] labels [SEP]" }, { 0 } };

static int
check(tl_ctx *ctx, void *p)
{
	struct joint *self = p;
	int64_t n_labels = tl_symbol(ctx, "L");

	if (n_labels + 3 > self->max_length)
		return tl_fail(ctx, "%ld labels and three special tokens do not fit max_length = %ld; the joint input is for small label sets", (long)n_labels, (long)self->max_length);
	return 0;
}

static tl_tensor *
label_vectors(tl_ctx *ctx, const struct joint *self)
{
	int64_t n = tl_n_labels(ctx), rows = n + 1, tokens;
	const int32_t *offsets, *ids;

	if (self->label_token == NEW)
		return self->table;
	if (tl_label_tokens(ctx, &offsets, &ids))
		return NULL;
	tokens = offsets[n];
	return tl_segment_mean(ctx, tl_gather(ctx, tl_word_embeddings(ctx), tl_ints(ctx, 1, &tokens, ids)), tl_ints(ctx, 1, &rows, offsets)); /* [L, d] */
}

static int
forward(tl_ctx *ctx, void *p)
{
	struct joint *self = p;
	const tl_input *in = self->input;
	int64_t n_labels = tl_n_labels(ctx), most = in->tokens + in->n * (n_labels + 2), vectors = in->n * n_labels, at = 0;
	int32_t *ids = tl_scratch(ctx, (size_t)(most + 1) * sizeof *ids), *segments = tl_scratch(ctx, (size_t)(most + 1) * sizeof *segments),
	        *positions = tl_scratch(ctx, (size_t)(most + 1) * sizeof *positions), *offsets = tl_scratch(ctx, (size_t)(in->n + 1) * sizeof *offsets),
	        *split = tl_scratch(ctx, (size_t)(in->n + 1) * sizeof *split), *where = tl_scratch(ctx, (size_t)(vectors + 1) * sizeof *where);
	tl_tensor *table = label_vectors(ctx, self);
	tl_input *out;

	if (!ids || !segments || !positions || !offsets || !split || !where || !table)
		return -1;
	if (!in->host_ids)
		return tl_fail(ctx, "there are no token ids to put the labels after");
	for (int32_t i = 0; i < in->n; i++) {
		const int32_t *doc = in->host_ids + in->host_offsets[i];
		int64_t n = in->host_offsets[i + 1] - in->host_offsets[i], words = n - 2, from = at;
		int32_t last = doc[n - 1];

		words = words < 0 ? 0 : words > self->max_length - n_labels - 3 ? self->max_length - n_labels - 3 : words;
		offsets[i] = (int32_t)at;
		ids[at++] = doc[0];
		for (int64_t k = 0; k < words; k++)
			ids[at++] = doc[1 + k];
		ids[at++] = last;
		split[i] = (int32_t)(at - from);
		for (int64_t l = 0; l < n_labels; l++) {
			where[i * n_labels + l] = (int32_t)at;
			ids[at++] = last; /* replaced by the label's vector */
		}
		ids[at++] = last;
		for (int64_t k = from; k < at; k++) {
			segments[k] = k - from >= split[i];
			positions[k] = (int32_t)(k - from);
		}
	}
	offsets[in->n] = (int32_t)at;
	out = tl_make_input(ctx, in->n, offsets, ids, segments, positions);
	if (!out)
		return -1;
	out->vectors = tl_reshape(ctx, tl_repeat(ctx, table, in->n), 2, vectors, tl_dim(table, 1), 0, 0); /* [B L, d] */
	out->vector_at = tl_ints(ctx, 1, &vectors, where);
	out->host_split = split;
	out->joint_labels = (int32_t)n_labels;
	self->joined = out;
	return tl_status(ctx);
}

static const tl_module module = { .size = sizeof(tl_module), .check = check, .forward = forward };

const tl_plugin tagloom_plugin = {
	TL_LABEL(struct joint),
	.name = "joint",
	.version = "1.0",
	.summary = "document and labels in one encoder sequence",
	.citation = "LACO, Sec. 3.2",
	.differs = "labels have a table of their own instead of reserved vocabulary ids",
	.params = params,
	.weights = weights,
	.reads = reads,
	.writes = writes,
	.module = &module,
};
