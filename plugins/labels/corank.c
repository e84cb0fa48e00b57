/*
 * corank - LabelCoRank (Sec. 3): a first ranking picks labels, training co-occurrence completes them to gamma, and the document is read again through that label sequence.
 *
 *   S2 = labels with sigma(logits.initial) > alpha, best first, at most gamma; none passes: the single best     (eq. 3)
 *   M^ = sum_{i in S2} m[i], m[i][j] = count[i][j] / count[i];  S3 = the best others by M^                      (eq. 9)
 *   S  = S2 u S3 by training frequency, descending                                                              (eq. 11)
 *   F  = label_embedding[S] + position_embedding;  F^ = ffn.1 ReLU(Drop(ffn.0 F))                               (eq. 12)
 *   A  = MultiHead(query F^, key hidden, value hidden), no output projection;  doc = the gamma rows of A concatenated   (eq. 13, 14, 5)
 *
 * What differs from the paper: ranking compares logits, so that the order also holds where sigma saturates; labels that never co-occur fill up by training frequency,
 * so that the sequence always has gamma entries; variant "released" of the recipe sets select = "topk", where co-occurrence has nothing left to fill.
 */
#include "tagloom/plugin.h"

enum { THRESHOLD, TOPK };
enum { CONDITIONAL, COUNT };
enum { BY_FREQUENCY = 1, BY_COOCCURRENCE = 2 }; /* flags of the op corank_select */

struct corank {
	double alpha, dropout;
	int64_t gamma, heads, ffn_hidden;
	bool cooccurrence, ranking, position, ffn;
	int select, matrix;
	const tl_input *input;
	tl_tensor *initial, *hidden;                   /* [B, L] [T, d] */
	tl_tensor *doc, *labels;                       /* [B, gamma d] i32 [B, gamma] */
	tl_tensor *label_embedding, *position_embedding; /* [L, d] [gamma, d] */
	tl_tensor *ffn0_w, *ffn0_b, *ffn1_w, *ffn1_b;  /* [ffn_hidden, d] [ffn_hidden] [d, ffn_hidden] [d] */
	tl_tensor *q_w, *q_b, *k_w, *k_b, *v_w, *v_b;  /* [d, d] [d] */
};

static const tl_param params[] = {
	TL_P_REAL(struct corank, alpha, "0.3", 0, 1, "probability that a label of the first ranking must exceed"),
	TL_P_INT(struct corank, gamma, "20", 1, 1000000, "length of the label sequence; at most L"),
	TL_P_INT(struct corank, heads, "12", 1, 1024, "attention heads; must divide d"),
	TL_P_INT(struct corank, ffn_hidden, "512", 1, 1000000, "inner width of the feed-forward layer"),
	TL_P_REAL(struct corank, dropout, "0.3", 0, 0.99, "dropout in the feed-forward layer and on attention weights"),
	TL_P_FLAG(struct corank, cooccurrence, "true", "complete the sequence by co-occurrence (Table 8)"),
	TL_P_FLAG(struct corank, ranking, "true", "order the sequence by training frequency (Table 8)"),
	TL_P_FLAG(struct corank, position, "true", "add position embeddings (Table 8)"),
	TL_P_FLAG(struct corank, ffn, "true", "feed-forward layer before the attention"),
	TL_P_CHOICE(struct corank, select, "threshold", "threshold|topk", "labels over alpha, or the gamma best"),
	TL_P_CHOICE(struct corank, matrix, "conditional", "conditional|count", "m[i][j]: count[i][j] / count[i], or count[i][j]"),
	{ 0 }
};
#define AT(field) .at = offsetof(struct corank, field)
static const tl_weight weights[] = {
	{ .name = "label_embedding.weight", AT(label_embedding), .shape = "L d", .init = TL_INIT_NORMAL },
	{ .name = "position_embedding.weight", AT(position_embedding), .shape = "gamma d", .init = TL_INIT_NORMAL, .when = "position" },
	{ .name = "ffn.0.weight", AT(ffn0_w), .shape = "ffn_hidden d", .when = "ffn" },
	{ .name = "ffn.0.bias", AT(ffn0_b), .shape = "ffn_hidden", .init = TL_INIT_ZEROS, .when = "ffn" },
	{ .name = "ffn.1.weight", AT(ffn1_w), .shape = "d ffn_hidden", .when = "ffn" },
	{ .name = "ffn.1.bias", AT(ffn1_b), .shape = "d", .init = TL_INIT_ZEROS, .when = "ffn" },
	{ .name = "query.weight", AT(q_w), .shape = "d d" },
	{ .name = "query.bias", AT(q_b), .shape = "d", .init = TL_INIT_ZEROS },
	{ .name = "key.weight", AT(k_w), .shape = "d d" },
	{ .name = "key.bias", AT(k_b), .shape = "d", .init = TL_INIT_ZEROS },
	{ .name = "value.weight", AT(v_w), .shape = "d d" },
	{ .name = "value.bias", AT(v_b), .shape = "d", .init = TL_INIT_ZEROS },
	{ 0 }
};
static const tl_slot reads[] = {
	{ .name = "logits.initial", AT(initial), .shape = "B L", .doc = "first ranking" },
	{ .name = "input", AT(input), .kind = TL_SLOT_INPUT, .doc = "the documents' bounds" },
	{ .name = "hidden", AT(hidden), .shape = "T d", .doc = "keys and values" },
	{ 0 }
};
static const tl_slot writes[] = {
	{ .name = "doc", AT(doc), .shape = "B gamma*d", .doc = "the attended label sequence, position after position" },
	{ .name = "~.labels", AT(labels), .shape = "B gamma", .kind = TL_SLOT_INT, .doc = "the label sequence" },
	{ 0 }
};

static int
check(tl_ctx *ctx, void *p)
{
	struct corank *self = p;
	int64_t n_labels = tl_symbol(ctx, "L"), d = tl_symbol(ctx, "d");

	if (n_labels > 0 && self->gamma > n_labels)
		return tl_fail(ctx, "gamma = %ld, but there are only %ld labels; gamma is at most that", (long)self->gamma, (long)n_labels);
	if (d > 0 && d % self->heads)
		return tl_fail(ctx, "heads = %ld does not divide the encoder's width d = %ld", (long)self->heads, (long)d);
	return 0;
}

/* The label sequence of every document; no gradient passes. */
static tl_tensor *
select_labels(tl_ctx *ctx, const struct corank *self)
{
	const tl_statistics *s = tl_train_statistics(ctx);
	int64_t n_labels = tl_n_labels(ctx), pairs, rows = n_labels + 1;
	int32_t *offsets;
	double *value, *total;
	bool fill = self->cooccurrence && self->select == THRESHOLD;

	if (!s) {
		tl_fail(ctx, "corank needs the training split's label statistics; there are none here");
		return NULL;
	}
	pairs = fill ? s->co_offsets[n_labels] : 0; /* unused otherwise */
	offsets = tl_scratch(ctx, (size_t)rows * sizeof *offsets);
	value = tl_scratch(ctx, (size_t)(pairs + 1) * sizeof *value);
	total = tl_scratch(ctx, (size_t)n_labels * sizeof *total);
	if (!offsets || !value || !total)
		return NULL;
	for (int64_t i = 0; i < rows; i++)
		offsets[i] = fill ? (int32_t)s->co_offsets[i] : 0;
	for (int64_t i = 0; fill && i < n_labels; i++)
		for (int64_t k = s->co_offsets[i]; k < s->co_offsets[i + 1]; k++)
			value[k] = s->co_count[k];
	for (int64_t i = 0; i < n_labels; i++)
		total[i] = (double)s->count[i];
	return tl_corank_select(ctx, self->initial, tl_ints(ctx, 1, &rows, offsets), tl_ints(ctx, 1, &pairs, s->co_index), tl_reals(ctx, 1, &pairs, value),
	                        self->matrix == CONDITIONAL ? tl_reals(ctx, 1, &n_labels, total) : NULL, tl_ints(ctx, 1, &n_labels, s->frequency_rank), self->gamma,
	                        self->alpha, (self->ranking ? BY_FREQUENCY : 0) | (fill ? BY_COOCCURRENCE : 0));
}

static int
forward(tl_ctx *ctx, void *p)
{
	struct corank *self = p;
	int64_t n = tl_dim(self->initial, 0), d = tl_dim(self->hidden, 1), rows = n + 1;
	int32_t *q_offsets = tl_scratch(ctx, (size_t)rows * sizeof *q_offsets);
	tl_tensor *f, *q, *k, *v;

	self->labels = select_labels(ctx, self);
	if (!q_offsets || !self->labels)
		return -1;
	for (int64_t i = 0; i <= n; i++)
		q_offsets[i] = (int32_t)(i * self->gamma);
	f = tl_gather(ctx, self->label_embedding, self->labels); /* [B, gamma, d] */
	if (self->position)
		f = tl_add(ctx, f, self->position_embedding);
	f = tl_reshape(ctx, f, 2, n * self->gamma, d, 0, 0);
	if (self->ffn) {
		f = tl_dropout(ctx, tl_linear(ctx, f, self->ffn0_w, self->ffn0_b, TL_NONE), self->dropout);
		f = tl_linear(ctx, tl_activate(ctx, f, TL_RELU), self->ffn1_w, self->ffn1_b, TL_NONE);
	}
	q = tl_linear(ctx, f, self->q_w, self->q_b, TL_NONE);            /* [B gamma, d] */
	k = tl_linear(ctx, self->hidden, self->k_w, self->k_b, TL_NONE); /* [T, d] */
	v = tl_linear(ctx, self->hidden, self->v_w, self->v_b, TL_NONE);
	f = tl_attention(ctx, q, tl_ints(ctx, 1, &rows, q_offsets), k, v, self->input->offsets, (int)self->heads, self->dropout);
	self->doc = tl_reshape(ctx, f, 2, n, self->gamma * d, 0, 0);
	return tl_status(ctx);
}

static const tl_module module = { .size = sizeof(tl_module), .check = check, .forward = forward };

const tl_plugin tagloom_plugin = {
	TL_LABEL(struct corank),
	.name = "corank",
	.version = "1.0",
	.summary = "label co-occurrence ranking and label-guided attention",
	.citation = "LabelCoRank, eq. 3-14",
	.differs = "ranking compares logits; labels that never co-occur fill up by training frequency",
	.params = params,
	.weights = weights,
	.reads = reads,
	.writes = writes,
	.module = &module,
};
