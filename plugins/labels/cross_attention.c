/*
 * cross_attention - one weight per word from its similarity with every label (LACO, eq. 1, 2).
 *
 *   M   = H_D H_Y^T                                 [T, L], rows of both l2-normalised where `normalize`
 *   a_t = tanh(max_c ReLU(b_c + sum_c' sum_k W[c, c', k] M[t + k - (window-1)/2, c']))      conv = "words"
 *   doc_i = sum_t a_t h_t                            [B, d]
 *   conv = "2d" (released code): window x window filters over the words-by-labels image of a document, one maximum over filters and labels.
 *
 * What differs from the paper: every token of the document takes part, first and last included; normalisation is a switch (the paper prints raw products).
 */
#include "tagloom/plugin.h"

enum { WORDS, TWO_D };

struct cross_attention {
	int64_t window;
	int conv;
	bool normalize;
	const tl_input *input;
	tl_tensor *hidden, *label_hidden, *doc; /* [T, d] [L, d] or [B, L, d] [B, d] */
	tl_tensor *w, *b;                       /* [L, L, window] or [L, 1, window, window] [L] */
};

static const tl_param params[] = {
	TL_P_INT(struct cross_attention, window, "10", 1, 1000, "width of the convolution, in words"),
	TL_P_CHOICE(struct cross_attention, conv, "words", "words|2d", "over word positions with labels as channels, or over the words-by-labels image"),
	TL_P_FLAG(struct cross_attention, normalize, "true", "l2-normalise words and labels first"),
	{ 0 }
};
static const tl_weight weights[] = {
	{ .name = "conv.weight", .at = offsetof(struct cross_attention, w), .shape = "L L window", .when = "conv == words" },
	{ .name = "conv.weight", .at = offsetof(struct cross_attention, w), .shape = "L 1 window window", .when = "conv != words" },
	{ .name = "conv.bias", .at = offsetof(struct cross_attention, b), .shape = "L", .init = TL_INIT_ZEROS },
	{ 0 }
};
static const tl_slot reads[] = {
	{ .name = "input", .at = offsetof(struct cross_attention, input), .kind = TL_SLOT_INPUT, .doc = "the documents' bounds" },
	{ .name = "hidden", .at = offsetof(struct cross_attention, hidden), .shape = "T d", .doc = "H_D" },
	{ .name = "label_hidden", .at = offsetof(struct cross_attention, label_hidden), .shape = "L d | B L d", .doc = "H_Y" },
	{ 0 }
};
static const tl_slot writes[] = { { .name = "doc", .at = offsetof(struct cross_attention, doc), .shape = "B d", .doc = "weighted sum of the words" }, { 0 } };

static int
forward(tl_ctx *ctx, void *p)
{
	struct cross_attention *self = p;
	tl_tensor *offsets = self->input->offsets, *h = self->hidden, *y = self->label_hidden, *m, *a;
	int before = (int)(self->window - 1) / 2, after = (int)self->window - 1 - before;
	int64_t tokens = tl_dim(h, 0), d = tl_dim(h, 1);

	if (self->normalize) {
		h = tl_l2_normalize(ctx, h);
		y = tl_l2_normalize(ctx, y);
	}
	m = tl_packed_matmul(ctx, h, offsets, y); /* [T, L] */
	if (self->conv == WORDS) {
		a = tl_conv1d(ctx, m, offsets, self->w, self->b, before, after, TL_RELU); /* [T, L] */
	} else {
		a = tl_conv2d(ctx, m, offsets, self->w, self->b, before, after, TL_RELU); /* [T, L, L] */
		a = tl_reshape(ctx, a, 2, tokens, tl_dim(a, 1) * tl_dim(a, 2), 0, 0);
	}
	a = tl_activate(ctx, tl_row_max(ctx, a), TL_TANH); /* [T] */
	self->doc = tl_packed_sum(ctx, tl_reshape(ctx, a, 2, tokens, 1, 0, 0), offsets, h); /* [B, 1, d] */
	self->doc = tl_reshape(ctx, self->doc, 2, -1, d, 0, 0);
	return tl_status(ctx);
}

static const tl_module module = { .size = sizeof(tl_module), .forward = forward };

const tl_plugin tagloom_plugin = {
	TL_LABEL(struct cross_attention),
	.name = "cross_attention",
	.version = "1.0",
	.summary = "a document vector weighted by word-label similarity",
	.citation = "LACO, eq. 1, 2",
	.differs = "every token takes part, first and last included; normalisation is a switch",
	.params = params,
	.weights = weights,
	.reads = reads,
	.writes = writes,
	.module = &module,
};
