/*
 * guide - GUDN: the text branch is guided by the encoding of the document's own labels; prediction needs the text alone.
 *
 *   f_t, f_l = first-token vectors of the last layers_text / layers_label blocks, last block first, of the text and of the document's label sequence
 *   E_t = text.W ReLU(Drop(f_t)) + b;   E_l = label.W ReLU(Drop(f_l)) + b                                  (eq. 2)
 *   G_t = fc(shape(E_t));   G_l = fc(E_l);   feature = 1/(2B) sum ||G_t - G_l||^2                           (Fig. 3, eq. 3)
 *   link = BCE(sigma(link.W G_l + b), Y)                                                                    (eq. 4)
 *   logits = rank.1 theta(rank.0 E_t + b), theta = softmax over the features as printed;  class = BCE       (eq. 6, 7)
 *   total = weight_feature feature + weight_link link + weight class                                        (eq. 8)
 *
 * variant = "released": ten blocks on both sides, one linear classifier for both branches, feature = mean squared difference of the pooled vectors, no reinforcement.
 * label_source = "multihot": f_l is a linear map of the document's multi-hot label vector (Table 7). Both switches off: the text branch alone (Table 6).
 *
 * What differs from the paper: layers_* beyond the encoder's blocks take all of them, with a warning; BCE is a mean by default (the paper prints sums).
 */
#include <string.h>

#include "tagloom/plugin.h"

enum { SOFTMAX, RELU, NONE };
enum { WITHOUT, ORDERED, DISORDERED };
enum { TEXT, MULTIHOT };
enum { PAPER, RELEASED };

struct guide {
	int64_t layers_text, layers_label, feature_dim, label_length;
	double dropout;
	int rank_activation, reinforcement, label_source, reduction, variant;
	bool feature, link, layers_text_given, layers_label_given, feature_dim_given, rank_given, reinforcement_given, told;
	tl_list layers;                              /* K x [T, d] */
	const tl_input *input;
	tl_tensor *pooled, *logits;                  /* [B, d] [B, L] */
	tl_tensor *text_w, *text_b, *label_w, *label_b, *shape_w, *shape_b, *fc_w, *fc_b, *link_w, *link_b, *rank0_w, *rank0_b, *rank1_w;
	tl_tensor *multihot_w, *multihot_b, *classifier_w, *classifier_b;
};

#define AT(field) .at = offsetof(struct guide, field)
static const tl_param params[] = {
	{ .name = "layers_text", .type = TL_INT, AT(layers_text), .value = "8", .min = 1, .max = 1000, .doc = "last blocks whose first-token vectors make f_t", .given_at = offsetof(struct guide, layers_text_given) },
	{ .name = "layers_label", .type = TL_INT, AT(layers_label), .value = "10", .min = 1, .max = 1000, .doc = "last blocks whose first-token vectors make f_l", .given_at = offsetof(struct guide, layers_label_given) },
	{ .name = "feature_dim", .type = TL_INT, AT(feature_dim), .value = "768", .min = 1, .max = 1000000, .doc = "width of E and G", .given_at = offsetof(struct guide, feature_dim_given) },
	TL_P_REAL(struct guide, dropout, "0.5", 0, 0.99, "dropout on f_t and f_l"),
	{ .name = "rank_activation", .type = TL_CHOICE, AT(rank_activation), .value = "softmax", .choices = "softmax|relu|none", .doc = "theta of the ranking classifier", .given_at = offsetof(struct guide, rank_given) },
	{ .name = "reinforcement", .type = TL_CHOICE, AT(reinforcement), .value = "none", .choices = "none|ordered|disordered", .doc = "copies appended to the label sequence (Fig. 5)", .given_at = offsetof(struct guide, reinforcement_given) },
	TL_P_INT(struct guide, label_length, "512", 2, 1000000, "tokens of the label sequence, special ones included"),
	TL_P_FLAG(struct guide, feature, "true", "the feature guide (Table 6)"),
	TL_P_FLAG(struct guide, link, "true", "the link guide (Table 6)"),
	TL_P_CHOICE(struct guide, label_source, "text", "text|multihot", "the label branch reads the label names, or the multi-hot vector (Table 7)"),
	TL_P_CHOICE(struct guide, reduction, "mean", "mean|sum_labels|sum", "of both BCE terms"),
	TL_P_CHOICE(struct guide, variant, "paper", "paper|released", "as printed, or as the released code does it"),
	{ 0 }
};
#define BRANCH "variant == paper && (feature || link)"
static const tl_weight weights[] = {
	{ .name = "text.weight", AT(text_w), .shape = "feature_dim min(layers_text,K)*d", .when = "variant == paper" },
	{ .name = "text.bias", AT(text_b), .shape = "feature_dim", .init = TL_INIT_ZEROS, .when = "variant == paper" },
	{ .name = "multihot.weight", AT(multihot_w), .shape = "feature_dim L", .when = BRANCH " && label_source == multihot" },
	{ .name = "multihot.bias", AT(multihot_b), .shape = "feature_dim", .init = TL_INIT_ZEROS, .when = BRANCH " && label_source == multihot" },
	{ .name = "label.weight", AT(label_w), .shape = "feature_dim min(layers_label,K)*d", .when = BRANCH " && label_source == text" },
	{ .name = "label.weight", AT(label_w), .shape = "feature_dim feature_dim", .when = BRANCH " && label_source == multihot" },
	{ .name = "label.bias", AT(label_b), .shape = "feature_dim", .init = TL_INIT_ZEROS, .when = BRANCH },
	{ .name = "shape.weight", AT(shape_w), .shape = "feature_dim feature_dim", .when = "variant == paper && feature" },
	{ .name = "shape.bias", AT(shape_b), .shape = "feature_dim", .init = TL_INIT_ZEROS, .when = "variant == paper && feature" },
	{ .name = "fc.weight", AT(fc_w), .shape = "feature_dim feature_dim", .when = BRANCH },
	{ .name = "fc.bias", AT(fc_b), .shape = "feature_dim", .init = TL_INIT_ZEROS, .when = BRANCH },
	{ .name = "link.weight", AT(link_w), .shape = "L feature_dim", .when = "variant == paper && link" },
	{ .name = "link.bias", AT(link_b), .shape = "L", .init = TL_INIT_ZEROS, .when = "variant == paper && link" },
	{ .name = "rank.0.weight", AT(rank0_w), .shape = "feature_dim feature_dim", .when = "variant == paper" },
	{ .name = "rank.0.bias", AT(rank0_b), .shape = "feature_dim", .init = TL_INIT_ZEROS, .when = "variant == paper" },
	{ .name = "rank.1.weight", AT(rank1_w), .shape = "L feature_dim", .when = "variant == paper" },
	{ .name = "classifier.weight", AT(classifier_w), .shape = "L min(10,K)*d", .when = "variant == released" },
	{ .name = "classifier.bias", AT(classifier_b), .shape = "L", .init = TL_INIT_ZEROS, .when = "variant == released" },
	{ 0 }
};
static const tl_slot reads[] = {
	{ .name = "input", AT(input), .kind = TL_SLOT_INPUT, .doc = "the documents' bounds" },
	{ .name = "layers", AT(layers), .kind = TL_SLOT_LIST, .shape = "T d", .doc = "every block of the encoder" },
	{ .name = "pooled", AT(pooled), .shape = "B d", .when = "variant == released && feature", .doc = "compared with the label sequence's" },
	{ 0 }
};
static const tl_slot writes[] = { { .name = "logits", AT(logits), .shape = "B L", .doc = "ranking" }, { 0 } };
static const tl_loss losses[] = {
	{ .part = "feature", .param = "weight_feature", .value = "1", .when = "feature" },
	{ .part = "link", .param = "weight_link", .value = "1", .when = "link" },
	{ .part = "class", .param = "weight", .value = "1" },
	{ 0 }
};

static int
check(tl_ctx *ctx, void *p)
{
	struct guide *self = p;
	int64_t most = tl_symbol(ctx, "positions");

	if (self->variant == RELEASED && (self->layers_text_given || self->layers_label_given || self->feature_dim_given || self->rank_given || self->reinforcement_given))
		return tl_fail(ctx, "layers_text, layers_label, feature_dim, rank_activation and reinforcement belong to variant = \"paper\"; leave them out with \"released\"");
	if (self->variant == RELEASED)
		self->layers_text = self->layers_label = 10;
	if (self->variant == RELEASED && self->label_source == MULTIHOT)
		return tl_fail(ctx, "label_source = \"multihot\" belongs to variant = \"paper\"");
	if ((self->feature || self->link) && self->label_source == TEXT && most >= 0 && self->label_length > most)
		return tl_fail(ctx, "label_length = %ld, but the encoder has positions for %ld tokens; set label_length to that or less", (long)self->label_length, (long)most);
	return 0;
}

/* First-token vectors of the last `count` blocks, last block first, side by side: [n, min(count, K) d]. */
static tl_tensor *
first_tokens(tl_ctx *ctx, tl_tensor *const *layers, int n_layers, int64_t count, const int32_t *offsets, int64_t n)
{
	int take = count < n_layers ? (int)count : n_layers;
	tl_tensor **parts = tl_scratch(ctx, (size_t)(take + 1) * sizeof *parts), *first = tl_ints(ctx, 1, &n, offsets);

	if (!parts)
		return NULL;
	for (int i = 0; i < take; i++)
		parts[i] = tl_gather(ctx, layers[n_layers - 1 - i], first);
	return take == 1 ? parts[0] : tl_concat(ctx, parts, take, 1);
}

/* The names of the labels in this order, joined by blanks, appended to out; returns the new length. Without `out` only the length is counted. */
static size_t
join(tl_ctx *ctx, const int32_t *labels, int32_t n, char *out, size_t at)
{
	for (int32_t i = 0; i < n; i++) {
		const char *name = tl_label_text(ctx, labels[i], "name");
		size_t length = name ? strlen(name) : 0;
		if (at) {
			if (out)
				out[at] = ' ';
			at++;
		}
		if (out && length)
			memcpy(out + at, name, length);
		at += length;
	}
	if (out)
		out[at] = 0;
	return at;
}

/* One document's label sequence as text; reinforcement appends copies until label_length tokens are reached (the encoder call cuts the last). */
static const char *
label_sequence(tl_ctx *ctx, const struct guide *self, const int32_t *labels, int32_t n, tl_stream *s)
{
	int32_t *order = tl_scratch(ctx, (size_t)(n + 1) * sizeof *order);
	int64_t copies = 1, tokens = 0;
	size_t at;
	char *text;

	if (!order)
		return NULL;
	memcpy(order, labels, (size_t)n * sizeof *order);
	if (self->reinforcement != WITHOUT && n && (tl_token_id(ctx, "unk") >= 0 || tl_token_id(ctx, "cls") >= 0)) {
		const int32_t *ids;
		for (int32_t i = 0; i < n; i++)
			tokens += tl_tokenize(ctx, tl_label_text(ctx, labels[i], "name"), 0, &ids);
		if (tokens > 0)
			copies = (self->label_length + tokens - 1) / tokens;
	}
	text = tl_scratch(ctx, (join(ctx, order, n, NULL, 0) + 2) * (size_t)copies + 1);
	if (!text)
		return NULL;
	at = join(ctx, order, n, text, 0);
	for (int64_t c = 1; c < copies; c++) {
		for (int32_t i = n - 1; self->reinforcement == DISORDERED && i > 0; i--) {
			int32_t j = (int32_t)tl_random_below(s, (uint32_t)i + 1), swap = order[i];
			order[i] = order[j];
			order[j] = swap;
		}
		at = join(ctx, order, n, text, at);
	}
	return text;
}

static int
encode_labels(tl_ctx *ctx, const struct guide *self, unsigned want, tl_encoded *out)
{
	const tl_lists *y = tl_labels(ctx);
	const char **texts = tl_scratch(ctx, (size_t)(y->n + 1) * sizeof *texts);
	tl_encode_call call = { .name = "label_sequence", .texts = texts, .n_texts = y->n, .max_length = (int32_t)self->label_length, .want = want, .gradient = true, .dropout = true };
	tl_stream s = tl_stream_for(ctx, "label_sequence");

	if (!texts)
		return -1;
	for (int32_t i = 0; i < y->n; i++) {
		texts[i] = label_sequence(ctx, self, y->index + y->offsets[i], y->offsets[i + 1] - y->offsets[i], &s);
		if (!texts[i])
			return -1;
	}
	return tl_encode(ctx, &call, out);
}

/* The batch's multi-hot vectors times multihot.weight^T: gathered and summed, so that [B, L] is not made. [B, feature_dim] */
static tl_tensor *
multihot(tl_ctx *ctx, const struct guide *self)
{
	tl_tensor *rows = tl_gather(ctx, tl_transpose(ctx, self->multihot_w), tl_label_index(ctx)); /* [sum |Y|, feature_dim] */

	return tl_add(ctx, tl_segment_sum(ctx, rows, tl_label_offsets(ctx)), self->multihot_b);
}

static tl_tensor *
branch(tl_ctx *ctx, const struct guide *self, tl_tensor *f, tl_tensor *w, tl_tensor *b)
{
	return tl_linear(ctx, tl_activate(ctx, tl_dropout(ctx, f, self->dropout), TL_RELU), w, b, TL_NONE);
}

/* BCE of w x + b; logits: the same where they had to be made, else NULL: then [B, L] is never made. */
static void
add_bce(tl_ctx *ctx, const struct guide *self, const char *part, tl_tensor *logits, tl_tensor *x, tl_tensor *w, tl_tensor *b)
{
	tl_tensor *offsets = tl_label_offsets(ctx), *labels = tl_label_index(ctx);

	tl_add_loss(ctx, part, logits ? tl_bce(ctx, logits, offsets, labels, self->reduction) : tl_linear_bce(ctx, x, w, b, offsets, labels, self->reduction));
}

static int
paper(tl_ctx *ctx, struct guide *self)
{
	int64_t n = self->input->n;
	tl_tensor *f, *e_t, *h, *g_t, *g_l;
	tl_encoded sequence;

	f = first_tokens(ctx, self->layers.item, self->layers.n, self->layers_text, self->input->host_offsets, n);
	e_t = branch(ctx, self, f, self->text_w, self->text_b); /* [B, feature_dim] */
	h = tl_linear(ctx, e_t, self->rank0_w, self->rank0_b, self->rank_activation == RELU ? TL_RELU : TL_NONE);
	if (self->rank_activation == SOFTMAX)
		h = tl_softmax(ctx, h);
	self->logits = tl_logits(ctx, "logits", h, self->rank1_w, NULL);
	if (!tl_training(ctx))
		return tl_status(ctx);
	add_bce(ctx, self, "class", self->logits, h, self->rank1_w, NULL);
	if (!self->feature && !self->link)
		return tl_status(ctx);
	if (self->label_source == MULTIHOT) {
		f = multihot(ctx, self);
	} else {
		if (encode_labels(ctx, self, TL_WANT_LAYERS, &sequence))
			return -1;
		f = first_tokens(ctx, sequence.layers, sequence.n_layers, self->layers_label, sequence.host_offsets, sequence.n);
	}
	g_l = tl_linear(ctx, branch(ctx, self, f, self->label_w, self->label_b), self->fc_w, self->fc_b, TL_NONE);
	if (self->feature) {
		g_t = tl_linear(ctx, tl_linear(ctx, e_t, self->shape_w, self->shape_b, TL_NONE), self->fc_w, self->fc_b, TL_NONE);
		tl_add_loss(ctx, "feature", tl_scale(ctx, tl_mse(ctx, g_t, g_l), 0.5 * (double)self->feature_dim, 0));
	}
	if (self->link)
		add_bce(ctx, self, "link", NULL, g_l, self->link_w, self->link_b);
	return tl_status(ctx);
}

static int
released(tl_ctx *ctx, struct guide *self)
{
	tl_tensor *f = first_tokens(ctx, self->layers.item, self->layers.n, 10, self->input->host_offsets, self->input->n);
	tl_encoded sequence;

	f = tl_dropout(ctx, f, self->dropout);
	self->logits = tl_logits(ctx, "logits", f, self->classifier_w, self->classifier_b);
	if (!tl_training(ctx))
		return tl_status(ctx);
	add_bce(ctx, self, "class", self->logits, f, self->classifier_w, self->classifier_b);
	if (!self->feature && !self->link)
		return tl_status(ctx);
	if (encode_labels(ctx, self, (self->link ? TL_WANT_LAYERS : 0) | (self->feature ? TL_WANT_POOLED : 0), &sequence))
		return -1;
	if (self->feature)
		tl_add_loss(ctx, "feature", tl_mse(ctx, self->pooled, sequence.pooled));
	if (self->link) {
		f = first_tokens(ctx, sequence.layers, sequence.n_layers, 10, sequence.host_offsets, sequence.n);
		add_bce(ctx, self, "link", NULL, tl_dropout(ctx, f, self->dropout), self->classifier_w, self->classifier_b);
	}
	return tl_status(ctx);
}

static int
forward(tl_ctx *ctx, void *p)
{
	struct guide *self = p;

	if (!self->told && (self->layers_text > self->layers.n || self->layers_label > self->layers.n)) {
		tl_warn(ctx, "the first-token vectors of %ld (text) and %ld (label) blocks are wanted, but the encoder has %d; all of them are used", (long)self->layers_text, (long)self->layers_label, self->layers.n);
		self->told = true;
	}
	return self->variant == PAPER ? paper(ctx, self) : released(ctx, self);
}

static const tl_module module = { .size = sizeof(tl_module), .check = check, .forward = forward };

const tl_plugin tagloom_plugin = {
	TL_LABEL(struct guide),
	.name = "guide",
	.version = "1.0",
	.summary = "text branch guided by the encoded label sequence",
	.citation = "GUDN, eq. 2-8",
	.differs = "layers beyond the encoder's blocks take all of them; BCE is a mean by default",
	.params = params,
	.weights = weights,
	.reads = reads,
	.writes = writes,
	.losses = losses,
	.module = &module,
};
