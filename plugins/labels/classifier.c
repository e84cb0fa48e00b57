/*
 * classifier - one number per label from a document vector: linear, or with one hidden layer.
 *
 *   logits = W Dropout(x) + b                        hidden = 0
 *   logits = W1 Dropout(act(W0 Dropout(x) + b0)) + b1
 *   loss   = BCE(sigma(logits), Y), reduced as `reduction` says, or
 *            softmax: 1/B sum_i sum_{j in Y_i} -log softmax(logits_i)_j
 */
#include "tagloom/plugin.h"

enum { BCE, SOFTMAX };

struct classifier {
	int64_t hidden;
	int activation, reduction, loss;
	double dropout;
	const char *from, *into;
	tl_tensor *x, *logits;                  /* [B, m], [B, L] */
	tl_tensor *w0, *b0, *w1, *b1;           /* [hidden, m] [hidden] [L, m or hidden] [L] */
};

static const tl_param params[] = {
	TL_P_INT(struct classifier, hidden, "0", 0, 1000000, "width of a hidden layer; 0: none"),
	TL_P_CHOICE(struct classifier, activation, "relu", "relu|tanh|gelu", "activation of the hidden layer"),
	TL_P_REAL(struct classifier, dropout, "0.1", 0, 0.99, "dropout on the input of each linear layer"),
	TL_P_CHOICE(struct classifier, loss, "bce", "bce|softmax", "binary cross-entropy per label, or softmax over labels summed over the positives"),
	TL_P_CHOICE(struct classifier, reduction, "mean", "mean|sum_labels|sum", "of bce: mean over documents and labels; sum over labels, mean over documents; sum over both"),
	TL_P_STRING(struct classifier, from, "doc", "slot [B, m] that is read"),
	TL_P_STRING(struct classifier, into, "logits", "slot [B, L] that is written"),
	{ 0 }
};
static const tl_weight weights[] = {
	{ .name = "weight", .at = offsetof(struct classifier, w1), .shape = "L m", .when = "hidden == 0" },
	{ .name = "bias", .at = offsetof(struct classifier, b1), .shape = "L", .init = TL_INIT_ZEROS, .when = "hidden == 0" },
	{ .name = "0.weight", .at = offsetof(struct classifier, w0), .shape = "hidden m", .when = "hidden > 0" },
	{ .name = "0.bias", .at = offsetof(struct classifier, b0), .shape = "hidden", .init = TL_INIT_ZEROS, .when = "hidden > 0" },
	{ .name = "1.weight", .at = offsetof(struct classifier, w1), .shape = "L hidden", .when = "hidden > 0" },
	{ .name = "1.bias", .at = offsetof(struct classifier, b1), .shape = "L", .init = TL_INIT_ZEROS, .when = "hidden > 0" },
	{ 0 }
};
static const tl_slot reads[] = { { .name = "@from", .at = offsetof(struct classifier, x), .shape = "B m", .doc = "document vectors" }, { 0 } };
static const tl_slot writes[] = { { .name = "@into", .at = offsetof(struct classifier, logits), .shape = "B L", .doc = "one logit per label" }, { 0 } };
static const tl_loss losses[] = { { .part = "", .param = "weight", .value = "1" }, { 0 } };

/* Where nobody reads the logits, [B, L] is not made: the loss goes over blocks of labels. */
static int
add_loss(tl_ctx *ctx, const struct classifier *self, tl_tensor *x)
{
	tl_tensor *offsets = tl_label_offsets(ctx), *labels = tl_label_index(ctx);

	if (self->loss == SOFTMAX)
		return tl_add_loss(ctx, "", tl_softmax_loss(ctx, self->logits, offsets, labels));
	return tl_add_loss(ctx, "", self->logits ? tl_bce(ctx, self->logits, offsets, labels, self->reduction) : tl_linear_bce(ctx, x, self->w1, self->b1, offsets, labels, self->reduction));
}

static int
forward(tl_ctx *ctx, void *p)
{
	static const int activations[] = { TL_RELU, TL_TANH, TL_GELU };
	struct classifier *self = p;
	tl_tensor *x = tl_dropout(ctx, self->x, self->dropout);

	if (self->hidden)
		x = tl_dropout(ctx, tl_linear(ctx, x, self->w0, self->b0, activations[self->activation]), self->dropout);
	if (tl_training(ctx) && self->loss == SOFTMAX)
		self->logits = tl_linear(ctx, x, self->w1, self->b1, TL_NONE);
	else
		self->logits = tl_logits(ctx, self->into, x, self->w1, self->b1);
	return tl_training(ctx) ? add_loss(ctx, self, x) : tl_status(ctx);
}

static const tl_module module = { .size = sizeof(tl_module), .forward = forward };

const tl_plugin tagloom_plugin = {
	TL_LABEL(struct classifier),
	.name = "classifier",
	.version = "1.0",
	.summary = "linear or two-layer classifier with BCE or softmax loss",
	.params = params,
	.weights = weights,
	.reads = reads,
	.writes = writes,
	.losses = losses,
	.module = &module,
};
