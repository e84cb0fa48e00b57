/*
 * lan - label attention network (UCLAF, eq. 2-4): every label looks for its own words, and is scored from what it found.
 *
 *   s_tk = v . tanh(attention.label l_k + attention.text f_t)
 *   scope = "token": beta = softmax over the tokens of the document, c_ik = sum_t beta_tk f_t [B, L, d];  logits_ik = fc.1 ReLU(fc.0 [l_k ; c_ik])
 *   scope = "batch": f are the batch's pooled vectors, softmax over the batch, one c_k per label;         logits_ik = f_i . (fc.1 ReLU(fc.0 [l_k ; c_k]))
 *   loss = BCE(sigma(logits), Y)
 *
 * What differs from the paper: the paper normalises over the batch, and per-document scores then need a product that it does not print. `batch` is that literal reading; its
 * predictions depend on which documents stand in one batch. `token`, the default, normalises within a document. [T, L, attention_dim] is never stored.
 */
#include "tagloom/plugin.h"

enum { TOKEN, BATCH };

struct lan {
	int64_t attention_dim, hidden;
	int scope, reduction;
	double dropout;
	const tl_input *input;
	tl_tensor *tokens, *pooled, *label_hidden, *logits; /* [T, d] [B, d] [L, d] or [B, L, d] [B, L] */
	tl_tensor *label_w, *text_w, *v;                    /* [A, d] [A, d] [A] */
	tl_tensor *fc0_w, *fc0_b, *fc1_w, *fc1_b;           /* [hidden, 2d] [hidden] [1 or d, hidden] [1 or d] */
};

static const tl_param params[] = {
	TL_P_INT(struct lan, attention_dim, "256", 1, 65536, "width A of the attention"),
	TL_P_INT(struct lan, hidden, "0", 0, 65536, "width of the scoring layer; 0: the encoder's width d"),
	TL_P_CHOICE(struct lan, scope, "token", "token|batch", "softmax over the tokens of each document, or over the batch's pooled vectors"),
	TL_P_CHOICE(struct lan, reduction, "mean", "mean|sum_labels|sum", "of the BCE"),
	TL_P_REAL(struct lan, dropout, "0.5", 0, 0.99, "dropout on the text representation"),
	{ 0 }
};
#define AT(field) .at = offsetof(struct lan, field)
static const tl_weight weights[] = {
	{ .name = "attention.label.weight", AT(label_w), .shape = "attention_dim d" },
	{ .name = "attention.text.weight", AT(text_w), .shape = "attention_dim d" },
	{ .name = "attention.v", AT(v), .shape = "attention_dim", .init = TL_INIT_NORMAL },
	{ .name = "fc.0.weight", AT(fc0_w), .shape = "hidden 2*d", .when = "hidden > 0" },
	{ .name = "fc.0.weight", AT(fc0_w), .shape = "d 2*d", .when = "hidden == 0" },
	{ .name = "fc.0.bias", AT(fc0_b), .shape = "hidden", .init = TL_INIT_ZEROS, .when = "hidden > 0" },
	{ .name = "fc.0.bias", AT(fc0_b), .shape = "d", .init = TL_INIT_ZEROS, .when = "hidden == 0" },
	{ .name = "fc.1.weight", AT(fc1_w), .shape = "1 hidden", .when = "hidden > 0 && scope == token" },
	{ .name = "fc.1.weight", AT(fc1_w), .shape = "1 d", .when = "hidden == 0 && scope == token" },
	{ .name = "fc.1.weight", AT(fc1_w), .shape = "d hidden", .when = "hidden > 0 && scope == batch" },
	{ .name = "fc.1.weight", AT(fc1_w), .shape = "d d", .when = "hidden == 0 && scope == batch" },
	{ .name = "fc.1.bias", AT(fc1_b), .shape = "1", .init = TL_INIT_ZEROS, .when = "scope == token" },
	{ .name = "fc.1.bias", AT(fc1_b), .shape = "d", .init = TL_INIT_ZEROS, .when = "scope == batch" },
	{ 0 }
};
static const tl_slot reads[] = {
	{ .name = "input", AT(input), .kind = TL_SLOT_INPUT, .when = "scope == token", .doc = "the documents' bounds" },
	{ .name = "hidden", AT(tokens), .shape = "T d", .when = "scope == token", .doc = "f_t" },
	{ .name = "pooled", AT(pooled), .shape = "B d", .when = "scope == batch", .doc = "f_i" },
	{ .name = "label_hidden", AT(label_hidden), .shape = "L d | B L d", .when = "scope == token", .doc = "l_k" },
	{ .name = "label_hidden", AT(label_hidden), .shape = "L d", .when = "scope == batch", .doc = "l_k" },
	{ 0 }
};
static const tl_slot writes[] = { { .name = "logits", AT(logits), .shape = "B L", .doc = "one logit per label" }, { 0 } };
static const tl_loss losses[] = { { .part = "", .param = "weight", .value = "1" }, { 0 } };

/* ReLU(fc.0 [l ; c]) without making [l ; c]: the weight's halves are applied apart. c [n, L, d] -> [n, L, hidden]. */
static tl_tensor *
score_hidden(tl_ctx *ctx, const struct lan *self, tl_tensor *c)
{
	int64_t d = tl_dim(self->label_hidden, -1);
	tl_tensor *of_label = tl_linear(ctx, self->label_hidden, tl_slice(ctx, self->fc0_w, 1, 0, d), self->fc0_b, TL_NONE);
	tl_tensor *of_text = tl_linear(ctx, c, tl_slice(ctx, self->fc0_w, 1, d, 2 * d), NULL, TL_NONE);

	return tl_activate(ctx, tl_add(ctx, of_text, of_label), TL_RELU);
}

static tl_tensor *
by_token(tl_ctx *ctx, const struct lan *self)
{
	tl_tensor *offsets = self->input->offsets, *f = tl_dropout(ctx, self->tokens, self->dropout), *s, *c, *h;
	int64_t n = self->input->n, n_labels = tl_n_labels(ctx);

	s = tl_additive_scores(ctx, tl_linear(ctx, f, self->text_w, NULL, TL_NONE), offsets, tl_linear(ctx, self->label_hidden, self->label_w, NULL, TL_NONE), self->v);
	c = tl_packed_sum(ctx, tl_segment_softmax(ctx, s, offsets), offsets, f); /* [B, L, d] */
	h = score_hidden(ctx, self, c);
	return tl_reshape(ctx, tl_linear(ctx, h, self->fc1_w, self->fc1_b, TL_NONE), 2, n, n_labels, 0, 0);
}

static tl_tensor *
by_batch(tl_ctx *ctx, const struct lan *self)
{
	int64_t n_labels = tl_n_labels(ctx), two = 2;
	int32_t whole[2] = { 0, (int32_t)tl_dim(self->pooled, 0) };
	tl_tensor *f = tl_dropout(ctx, self->pooled, self->dropout), *offsets = tl_ints(ctx, 1, &two, whole), *s, *c, *g;

	s = tl_additive_scores(ctx, tl_linear(ctx, f, self->text_w, NULL, TL_NONE), offsets, tl_linear(ctx, self->label_hidden, self->label_w, NULL, TL_NONE), self->v);
	c = tl_packed_sum(ctx, tl_segment_softmax(ctx, s, offsets), offsets, f); /* [1, L, d] */
	g = tl_linear(ctx, score_hidden(ctx, self, c), self->fc1_w, self->fc1_b, TL_NONE); /* [1, L, d] */
	return tl_matmul(ctx, f, tl_reshape(ctx, g, 2, n_labels, -1, 0, 0), 0, 1);
}

static int
forward(tl_ctx *ctx, void *p)
{
	struct lan *self = p;

	self->logits = self->scope == TOKEN ? by_token(ctx, self) : by_batch(ctx, self);
	if (tl_training(ctx))
		tl_add_loss(ctx, "", tl_bce(ctx, self->logits, tl_label_offsets(ctx), tl_label_index(ctx), self->reduction));
	return tl_status(ctx);
}

static const tl_module module = { .size = sizeof(tl_module), .forward = forward };

const tl_plugin tagloom_plugin = {
	TL_LABEL(struct lan),
	.name = "lan",
	.version = "1.0",
	.summary = "label attention over tokens, one score per label",
	.citation = "UCLAF, eq. 2-4",
	.differs = "softmax within a document by default; scope = \"batch\" is the literal reading, whose predictions depend on the batch",
	.params = params,
	.weights = weights,
	.reads = reads,
	.writes = writes,
	.losses = losses,
	.module = &module,
};
