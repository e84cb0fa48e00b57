/*
 * label_embedding - one trainable vector per label.
 *
 *   label_hidden = weight [L, dim]
 *
 * init = "text": before the first training step the rows are set to the mean over the tokens of the label's name, encoded by the model's own encoder.
 */
#include "tagloom/plugin.h"

enum { RANDOM, TEXT };

struct label_embedding {
	int64_t dim;
	int init;
	tl_state_block started; /* [1] 1 once the rows were set from the text */
	tl_tensor *weight, *label_hidden;
};

static const tl_param params[] = {
	TL_P_CHOICE(struct label_embedding, init, "random", "random|text", "random: N(0, 0.02); text: the encoded label names"),
	TL_P_INT(struct label_embedding, dim, "0", 0, 65536, "width of the vectors; 0: the encoder's width d"),
	{ 0 }
};
static const tl_weight weights[] = {
	{ .name = "weight", .at = offsetof(struct label_embedding, weight), .shape = "L d", .init = TL_INIT_NORMAL, .when = "dim == 0" },
	{ .name = "weight", .at = offsetof(struct label_embedding, weight), .shape = "L dim", .init = TL_INIT_NORMAL, .when = "dim > 0" },
	{ 0 }
};
static const tl_state states[] = { { .name = "started", .kind = TL_STATE_INT, .at = offsetof(struct label_embedding, started), .shape = "1 1", .when = "init == text" }, { 0 } };
static const tl_slot writes[] = {
	{ .name = "label_hidden", .at = offsetof(struct label_embedding, label_hidden), .shape = "L d", .when = "dim == 0", .doc = "label vectors" },
	{ .name = "label_hidden", .at = offsetof(struct label_embedding, label_hidden), .shape = "L dim", .when = "dim > 0", .doc = "label vectors" },
	{ 0 }
};

static int
start_from_text(tl_ctx *ctx, struct label_embedding *self)
{
	int64_t n = tl_n_labels(ctx);
	const char **texts = tl_scratch(ctx, (size_t)n * sizeof *texts);
	tl_encode_call call = { .name = "label_embedding", .texts = texts, .n_texts = (int32_t)n, .max_length = 64, .want = TL_WANT_HIDDEN };
	tl_encoded names;

	if (!texts)
		return -1;
	for (int64_t i = 0; i < n; i++)
		texts[i] = tl_label_text(ctx, i, "name");
	tl_no_grad_push(ctx);
	if (!tl_encode(ctx, &call, &names)) {
		tl_tensor *mean = tl_segment_mean(ctx, names.hidden, names.offsets); /* [L, d] */
		if (mean && tl_dim(mean, 1) != tl_dim(self->weight, 1))
			tl_fail(ctx, "init = \"text\" gives vectors of width %ld, but dim is %ld; leave dim out", (long)tl_dim(mean, 1), (long)tl_dim(self->weight, 1));
		else if (mean)
			tl_blend(ctx, self->weight, mean, 0);
	}
	tl_no_grad_pop(ctx);
	if (tl_status(ctx) || tl_state_resize(ctx, &self->started, 1, 0))
		return -1;
	self->started.ints[0] = 1;
	return 0;
}

static int
forward(tl_ctx *ctx, void *p)
{
	struct label_embedding *self = p;

	if (self->init == TEXT && tl_training(ctx) && !self->started.rows && start_from_text(ctx, self))
		return -1;
	self->label_hidden = self->weight;
	return tl_status(ctx);
}

static const tl_module module = { .size = sizeof(tl_module), .forward = forward };

const tl_plugin tagloom_plugin = {
	TL_LABEL(struct label_embedding),
	.name = "label_embedding",
	.version = "1.0",
	.summary = "a trainable vector per label",
	.params = params,
	.weights = weights,
	.states = states,
	.writes = writes,
	.module = &module,
};
