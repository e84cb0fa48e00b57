/*
 * transformer - post-layernorm encoders: BERT, RoBERTa, MiniLM / sentence-transformers and DistilBERT, pre-trained or from scratch.
 *
 * Idea: every token looks at every other token of its own document through `heads` softmax-weighted averages, then through a
 * two-layer network; both steps are added to what was there and normalised. Tokens are packed: nothing is padded.
 *
 *   x0 = Dropout(LN(word[id] + position[p] + segment[s]))
 *   a  = Attention(Wq x, Wk x, Wv x), scores over sqrt(d / heads)            (Vaswani et al. 2017, eq. 1)
 *   x' = LN(x + Dropout(Wo a));   x = LN(x' + Dropout(W2 act(W1 x')))
 *   pooled = tanh(Wp x[first] + bp), or x[first], or the mean over the document's tokens
 *
 * Where nobody reads `hidden` or `layers`, the last block needs keys and values of every token, and the rest of first tokens alone.
 * Frozen blocks run without dropout, and nothing below the lowest trained weight is kept for a backward pass.
 *
 * Weights carry the names of the checkpoint: BERT and RoBERTa share one layout, DistilBERT has its own.
 * What differs from Hugging Face's modules: documents are never padded, so a token with the pad id is an ordinary token; the pooler
 * is made fresh where a checkpoint has none.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tagloom/plugin.h"

enum { BERT, ROBERTA, DISTILBERT };
enum { AUTO, POOLER, CLS, MEAN };

struct transformer {
	const char *weights, *freeze, *config;
	int64_t dim, layers, heads, ffn, vocab, max_positions, types, pad;
	double dropout, attention_dropout, eps;
	int layout, activation, pooled, cache;
	bool lean;
	int64_t frozen; /* blocks from below that are not trained, the embeddings with them; layers + 1: the pooler, too */

	tl_tensor *word, *position, *segment, *norm_gain, *norm_bias; /* [V, d] [max_positions, d] [types, d] [d] [d] */
	tl_tensor **q_w, **q_b, **k_w, **k_b, **v_w, **v_b, **o_w, **o_b; /* [d, d] [d] */
	tl_tensor **norm1_gain, **norm1_bias, **norm2_gain, **norm2_bias; /* [d] */
	tl_tensor **up_w, **up_b, **down_w, **down_b; /* [ffn, d] [ffn] [d, ffn] [d] */
	tl_tensor *pooler_w, *pooler_b; /* [d, d] [d] */
};

static const tl_param params[] = {
	TL_P_STRING(struct transformer, weights, NULL, "Hugging Face folder with config.json and model.safetensors; without it training starts from scratch"),
	TL_P_INT(struct transformer, dim, "384", 1, 65536, "width d of the token vectors"),
	TL_P_INT(struct transformer, layers, "6", 1, 1000, "number of blocks K"),
	TL_P_INT(struct transformer, heads, "12", 1, 1024, "attention heads; must divide dim"),
	TL_P_INT(struct transformer, ffn, "1536", 1, 1000000, "width of the inner layer"),
	TL_P_INT(struct transformer, vocab, "30000", 1, 10000000, "size of the vocabulary V"),
	TL_P_INT(struct transformer, max_positions, "512", 1, 1000000, "rows of the position table"),
	TL_P_REAL(struct transformer, dropout, "0.1", 0, 0.99, "dropout on embeddings and on both sublayers' outputs"),
	TL_P_REAL(struct transformer, attention_dropout, "0.1", 0, 0.99, "dropout on attention weights"),
	TL_P_STRING(struct transformer, freeze, "0", "\"all\", or the number of lowest blocks (and the embeddings) that are not trained"),
	TL_P_CHOICE(struct transformer, cache, "auto", "auto|none|f32|bf16", "freeze = \"all\": outputs that are read are computed once per document and kept on disk; auto: f32 where they take up to half the cache's bound (the same bits as none)"),
	TL_P_FLAG(struct transformer, lean, "true", "the last block computes what somebody reads; false: every token's row (the same to rounding, with the same dropout masks)"),
	TL_P_CHOICE(struct transformer, pooled, "auto", "auto|pooler|cls|mean", "what the slot `pooled` holds; auto: what the checkpoint's 1_Pooling says, else the pooler"),
	TL_P_CHOICE(struct transformer, layout, "bert", "bert|roberta|distilbert", "names of the weights and rule of the positions; read from the checkpoint where there is one"),
	TL_P_CHOICE(struct transformer, activation, "gelu", "none|relu|gelu|tanh", "activation of the inner layer (gelu: erf form)"),
	TL_P_INT(struct transformer, types, "2", 0, 1000, "rows of the segment table; 0: none"),
	TL_P_INT(struct transformer, pad, "0", 0, 10000000, "id of the padding token; RoBERTa's positions start behind it"),
	TL_P_REAL(struct transformer, eps, "1e-12", 1e-20, 1, "epsilon of the layernorms"),
	{ .name = "config", .type = TL_JSON, .at = offsetof(struct transformer, config), .optional = true, .doc = "a config.json given in place of a folder's" },
	{ 0 }
};

#define LAYER(field, bert_name, distil_name, shape_, init_) \
	{ .name = "encoder.layer.#." bert_name, .at = offsetof(struct transformer, field), .shape = shape_, .init = init_, .repeat = "layers", .when = "layout != distilbert" }, \
	{ .name = "transformer.layer.#." distil_name, .at = offsetof(struct transformer, field), .shape = shape_, .init = init_, .repeat = "layers", .when = "layout == distilbert" }

static const tl_weight weights[] = {
	{ .name = "embeddings.word_embeddings.weight", .at = offsetof(struct transformer, word), .shape = "V d", .init = TL_INIT_NORMAL },
	{ .name = "embeddings.position_embeddings.weight", .at = offsetof(struct transformer, position), .shape = "max_positions d", .init = TL_INIT_NORMAL },
	{ .name = "embeddings.token_type_embeddings.weight", .at = offsetof(struct transformer, segment), .shape = "types d", .init = TL_INIT_NORMAL, .when = "types > 0 && layout != distilbert" },
	{ .name = "embeddings.LayerNorm.weight", .at = offsetof(struct transformer, norm_gain), .shape = "d", .init = TL_INIT_ONES },
	{ .name = "embeddings.LayerNorm.bias", .at = offsetof(struct transformer, norm_bias), .shape = "d", .init = TL_INIT_ZEROS },
	LAYER(q_w, "attention.self.query.weight", "attention.q_lin.weight", "d d", TL_INIT_NORMAL),
	LAYER(q_b, "attention.self.query.bias", "attention.q_lin.bias", "d", TL_INIT_ZEROS),
	LAYER(k_w, "attention.self.key.weight", "attention.k_lin.weight", "d d", TL_INIT_NORMAL),
	LAYER(k_b, "attention.self.key.bias", "attention.k_lin.bias", "d", TL_INIT_ZEROS),
	LAYER(v_w, "attention.self.value.weight", "attention.v_lin.weight", "d d", TL_INIT_NORMAL),
	LAYER(v_b, "attention.self.value.bias", "attention.v_lin.bias", "d", TL_INIT_ZEROS),
	LAYER(o_w, "attention.output.dense.weight", "attention.out_lin.weight", "d d", TL_INIT_NORMAL),
	LAYER(o_b, "attention.output.dense.bias", "attention.out_lin.bias", "d", TL_INIT_ZEROS),
	LAYER(norm1_gain, "attention.output.LayerNorm.weight", "sa_layer_norm.weight", "d", TL_INIT_ONES),
	LAYER(norm1_bias, "attention.output.LayerNorm.bias", "sa_layer_norm.bias", "d", TL_INIT_ZEROS),
	LAYER(up_w, "intermediate.dense.weight", "ffn.lin1.weight", "ffn d", TL_INIT_NORMAL),
	LAYER(up_b, "intermediate.dense.bias", "ffn.lin1.bias", "ffn", TL_INIT_ZEROS),
	LAYER(down_w, "output.dense.weight", "ffn.lin2.weight", "d ffn", TL_INIT_NORMAL),
	LAYER(down_b, "output.dense.bias", "ffn.lin2.bias", "d", TL_INIT_ZEROS),
	LAYER(norm2_gain, "output.LayerNorm.weight", "output_layer_norm.weight", "d", TL_INIT_ONES),
	LAYER(norm2_bias, "output.LayerNorm.bias", "output_layer_norm.bias", "d", TL_INIT_ZEROS),
	{ .name = "pooler.dense.weight", .at = offsetof(struct transformer, pooler_w), .shape = "d d", .init = TL_INIT_NORMAL, .when = "pooled == pooler" },
	{ .name = "pooler.dense.bias", .at = offsetof(struct transformer, pooler_b), .shape = "d", .init = TL_INIT_ZEROS, .when = "pooled == pooler" },
	{ 0 }
};

static const tl_slot reads[] = { { .name = "input", .kind = TL_SLOT_INPUT, .doc = "packed token ids" }, { 0 } };
static const tl_slot writes[] = {
	{ .name = "hidden", .shape = "T d", .doc = "last block" },
	{ .name = "layers", .shape = "T d", .kind = TL_SLOT_LIST, .doc = "every block" },
	{ .name = "cls", .shape = "B d", .doc = "first token of the last block" },
	{ .name = "pooled", .shape = "B d", .doc = "document vector" },
	{ 0 }
};

static int64_t
number(const json_t *config, const char *key, int64_t fallback)
{
	const json_t *v = json_object_get(config, key);

	return json_is_integer(v) ? json_integer_value(v) : fallback;
}

static int
read_layout(tl_ctx *ctx, struct transformer *self, const json_t *config)
{
	const char *type = json_string_value(json_object_get(config, "model_type"));

	if (type && !strcmp(type, "bert"))
		self->layout = BERT;
	else if (type && (!strcmp(type, "roberta") || !strcmp(type, "xlm-roberta") || !strcmp(type, "camembert")))
		self->layout = ROBERTA;
	else if (type && !strcmp(type, "distilbert"))
		self->layout = DISTILBERT;
	else
		return tl_fail(ctx, "config.json: model_type \"%s\" is not known here; wanted bert, roberta, xlm-roberta, camembert or distilbert", type ? type : "(missing)");
	type = json_string_value(json_object_get(config, "position_embedding_type"));
	if (type && strcmp(type, "absolute"))
		return tl_fail(ctx, "config.json: position_embedding_type \"%s\" is not known here; wanted absolute", type);
	type = json_string_value(json_object_get(config, self->layout == DISTILBERT ? "activation" : "hidden_act"));
	if (!type || !strcmp(type, "gelu"))
		self->activation = TL_GELU;
	else if (!strcmp(type, "relu"))
		self->activation = TL_RELU;
	else
		return tl_fail(ctx, "config.json: activation \"%s\" is not known here; wanted gelu (erf form) or relu", type);
	return 0;
}

/* Sizes and names from a config.json; the host puts the content of 1_Pooling/config.json, where there is one, under the key "1_Pooling". */
static int
configure(tl_ctx *ctx, void *p, const char *text)
{
	struct transformer *self = p;
	json_error_t je;
	json_t *config = json_loads(text, JSON_REJECT_DUPLICATES, &je), *pooling;

	if (!json_is_object(config)) {
		tl_fail(ctx, "config.json: not a JSON object: %s (line %d)", je.text, je.line);
		json_decref(config);
		return -1;
	}
	if (read_layout(ctx, self, config) == 0) {
		bool distil = self->layout == DISTILBERT;
		const json_t *eps = json_object_get(config, "layer_norm_eps");
		self->dim = number(config, distil ? "dim" : "hidden_size", 768);
		self->layers = number(config, distil ? "n_layers" : "num_hidden_layers", distil ? 6 : 12);
		self->heads = number(config, distil ? "n_heads" : "num_attention_heads", 12);
		self->ffn = number(config, distil ? "hidden_dim" : "intermediate_size", 3072);
		self->vocab = number(config, "vocab_size", 30522);
		self->max_positions = number(config, "max_position_embeddings", 512);
		self->types = distil ? 0 : number(config, "type_vocab_size", 2);
		self->pad = number(config, "pad_token_id", self->layout == ROBERTA ? 1 : 0);
		self->eps = !distil && json_is_number(eps) ? json_number_value(eps) : 1e-12;
	}
	pooling = json_object_get(config, "1_Pooling");
	if (self->pooled == AUTO && json_is_object(pooling)) {
		if (json_is_true(json_object_get(pooling, "pooling_mode_mean_tokens")))
			self->pooled = MEAN;
		else if (json_is_true(json_object_get(pooling, "pooling_mode_cls_token")))
			self->pooled = CLS;
	}
	json_decref(config);
	return tl_status(ctx);
}

static int
check(tl_ctx *ctx, void *p)
{
	struct transformer *self = p;

	if (self->config && configure(ctx, self, self->config) < 0)
		return -1;
	if (self->pooled == AUTO)
		self->pooled = POOLER;
	if (self->dim < 1 || self->layers < 1 || self->heads < 1 || self->ffn < 1 || self->vocab < 1 || self->max_positions < 1 || self->types < 0)
		return tl_fail(ctx, "sizes must be positive: dim %ld, layers %ld, heads %ld, ffn %ld, vocab %ld, max_positions %ld", (long)self->dim, (long)self->layers,
		               (long)self->heads, (long)self->ffn, (long)self->vocab, (long)self->max_positions);
	if (self->dim % self->heads)
		return tl_fail(ctx, "heads = %ld does not divide dim = %ld", (long)self->heads, (long)self->dim);
	self->frozen = !strcmp(self->freeze, "all") ? self->layers + 1 : strtoll(self->freeze, NULL, 10); /* the host refuses what is no number */
	return 0;
}

/* The longest sequence that the position table allows: RoBERTa's starts behind the padding id. */
static int64_t
longest(tl_ctx *ctx, void *p)
{
	const struct transformer *self = p;

	(void)ctx;
	return self->max_positions - (self->layout == ROBERTA ? self->pad + 1 : 0);
}

/* Position ids: as they come, but for RoBERTa, whose table starts behind the padding id. */
static tl_tensor *
positions(tl_ctx *ctx, const struct transformer *self, const tl_input *input)
{
	int64_t start = self->layout == ROBERTA ? self->pad + 1 : 0, dims[1] = { input->tokens };
	int32_t *shifted;

	for (int64_t i = 0; i < input->tokens; i++)
		if (input->host_positions[i] < 0 || input->host_positions[i] + start >= self->max_positions) {
			tl_fail(ctx, "a sequence has a token at position %ld, but the encoder has positions for %ld tokens; lower max_length", (long)input->host_positions[i],
			        (long)(self->max_positions - start));
			return NULL;
		}
	if (!start)
		return input->positions;
	shifted = tl_scratch(ctx, (size_t)(input->tokens + 1) * sizeof *shifted);
	if (!shifted)
		return NULL;
	for (int64_t i = 0; i < input->tokens; i++)
		shifted[i] = input->host_positions[i] + (int32_t)start;
	return tl_ints(ctx, 1, dims, shifted);
}

struct embedding { const struct transformer *self; const tl_input *input; };

static tl_tensor *
embed(tl_ctx *ctx, tl_tensor *const *in, int n_in, void *arg)
{
	const struct transformer *self = ((const struct embedding *)arg)->self;
	const tl_input *input = ((const struct embedding *)arg)->input;
	tl_tensor *x = tl_gather(ctx, self->word, input->ids); /* [T, d] */

	(void)in, (void)n_in;
	if (input->vectors)
		x = tl_replace_rows(ctx, x, input->vector_at, input->vectors);
	x = tl_add(ctx, x, tl_gather(ctx, self->position, positions(ctx, self, input)));
	if (self->segment && self->types == 1)
		x = tl_add(ctx, x, tl_reshape(ctx, self->segment, 1, self->dim, 0, 0, 0));
	else if (self->segment)
		x = tl_add(ctx, x, tl_gather(ctx, self->segment, input->segments));
	x = tl_layernorm(ctx, x, NULL, self->norm_gain, self->norm_bias, 0, self->eps);
	return tl_dropout(ctx, x, self->frozen ? 0 : self->dropout);
}

/* --- rows of first tokens ------------------------------------------------------------------------------------------------------ */
struct firsts { tl_tensor *at, *offsets; }; /* i32 [n]: the first token of every sequence; [n + 1]: 0, 1, .. n. NULL: every row is wanted */

/* May the last block leave out all rows but the first tokens'? */
static bool
firsts_suffice(const struct transformer *self, unsigned want)
{
	return self->lean && !(want & (TL_WANT_HIDDEN | TL_WANT_LAYERS)) && !(want & TL_WANT_POOLED && self->pooled == MEAN);
}

static int
firsts_of(tl_ctx *ctx, const tl_input *input, struct firsts *f)
{
	int64_t n = input->n, more = n + 1;
	int32_t *count = tl_scratch(ctx, (size_t)more * sizeof *count);

	if (!count)
		return -1;
	for (int32_t i = 0; i <= input->n; i++)
		count[i] = i;
	f->at = tl_ints(ctx, 1, &n, input->host_offsets);
	f->offsets = tl_ints(ctx, 1, &more, count);
	return tl_status(ctx);
}

static tl_tensor *
factors_of_all(tl_ctx *ctx, tl_tensor *const *in, int n_in, void *arg)
{
	int64_t dims[2] = { tl_dim(in[0], 0), tl_dim(in[0], 1) };

	(void)n_in;
	return tl_gather(ctx, tl_dropout(ctx, tl_fill(ctx, 2, dims, 1), *(const double *)arg), in[1]);
}

/* The dropout factors that these rows of x [T, d] would have among all of them: [n, d]. NULL: nothing is dropped. So a mask is the same, whoever reads. */
static tl_tensor *
factors(tl_ctx *ctx, tl_tensor *x, tl_tensor *at, double p)
{
	tl_tensor *f;

	if (!at || !tl_dropping(ctx))
		return NULL;
	tl_no_grad_push(ctx);
	f = tl_scoped(ctx, factors_of_all, (tl_tensor *[]){ x, at }, 2, &p);
	tl_no_grad_pop(ctx);
	return f;
}

/* --- blocks ---------------------------------------------------------------------------------------------------------------------- */
static tl_tensor *
block(tl_ctx *ctx, const struct transformer *s, int64_t i, tl_tensor *x, tl_tensor *offsets, struct firsts only)
{
	double p = i < s->frozen ? 0 : s->dropout;
	tl_tensor *rows = only.at ? tl_gather(ctx, x, only.at) : x; /* [N, d]: N is T, or n */
	tl_tensor *q = tl_linear(ctx, rows, s->q_w[i], s->q_b[i], TL_NONE), *k = tl_linear(ctx, x, s->k_w[i], s->k_b[i], TL_NONE), *v = tl_linear(ctx, x, s->v_w[i], s->v_b[i], TL_NONE);
	tl_tensor *a, *h, *f1, *f2; /* [N, d]; h [N, ffn] */

	a = tl_attention(ctx, q, only.at ? only.offsets : offsets, k, v, offsets, (int)s->heads, i < s->frozen ? 0 : s->attention_dropout);
	f1 = factors(ctx, x, only.at, p);
	f2 = factors(ctx, x, only.at, p);
	a = tl_linear(ctx, a, s->o_w[i], s->o_b[i], TL_NONE);
	rows = tl_layernorm(ctx, f1 ? tl_mul(ctx, a, f1) : a, rows, s->norm1_gain[i], s->norm1_bias[i], f1 ? 0 : p, s->eps);
	h = tl_linear(ctx, rows, s->up_w[i], s->up_b[i], s->activation);
	h = tl_linear(ctx, h, s->down_w[i], s->down_b[i], TL_NONE);
	return tl_layernorm(ctx, f2 ? tl_mul(ctx, h, f2) : h, rows, s->norm2_gain[i], s->norm2_bias[i], f2 ? 0 : p, s->eps);
}

struct block_call { const struct transformer *self; int64_t layer; };

static tl_tensor *
one_block(tl_ctx *ctx, tl_tensor *const *in, int n_in, void *arg)
{
	const struct block_call *c = arg;

	(void)n_in;
	return block(ctx, c->self, c->layer, in[0], in[1], (struct firsts){ in[2], in[3] });
}

/* Blocks from .. to-1 of x, or of the embeddings. */
struct stack { const struct transformer *self; const tl_input *input; int64_t from, to; struct firsts last; tl_tensor **layers; };

static tl_tensor *
run_stack(tl_ctx *ctx, tl_tensor *const *in, int n_in, void *arg)
{
	const struct stack *s = arg;
	tl_tensor *x = in[0] ? in[0] : tl_scoped(ctx, embed, NULL, 0, &(struct embedding){ s->self, s->input });

	(void)n_in;
	for (int64_t i = s->from; i < s->to; i++) {
		struct firsts only = i == s->self->layers - 1 ? s->last : (struct firsts){ 0 };
		struct block_call *call = tl_scratch(ctx, sizeof *call);
		if (!call)
			return NULL;
		*call = (struct block_call){ s->self, i };
		x = (tl_recompute(ctx) ? tl_segment : tl_scoped)(ctx, one_block, (tl_tensor *[]){ x, s->input->offsets, only.at, only.offsets }, 4, call);
		if (s->layers)
			s->layers[i] = x;
	}
	return x;
}

/* What lies below the lowest trained weight is not recorded; what is not recorded keeps its last result alone. */
static tl_tensor *
stacks(tl_ctx *ctx, struct transformer *self, const tl_input *input, struct firsts last, tl_tensor **layers)
{
	int64_t below = self->frozen < self->layers ? self->frozen : self->layers;
	struct stack lower = { self, input, 0, below, last, layers }, upper = { self, input, below, self->layers, last, layers };
	tl_tensor *x = NULL;

	if (below && !(input->vectors && tl_wants_gradient(input->vectors))) {
		tl_no_grad_push(ctx);
		x = (layers ? run_stack(ctx, &x, 1, &lower) : tl_scoped(ctx, run_stack, &x, 1, &lower));
		tl_no_grad_pop(ctx);
	} else {
		upper.from = 0;
	}
	if (tl_status(ctx) || (x && upper.from == upper.to))
		return x;
	return layers ? run_stack(ctx, &x, 1, &upper) : tl_scoped(ctx, run_stack, &x, 1, &upper);
}

static int
encode(tl_ctx *ctx, void *p, const tl_input *input, unsigned want, tl_encoded *out)
{
	struct transformer *self = p;
	struct firsts last = { 0 };
	tl_tensor *x, **layers = NULL, *cls = NULL;
	int64_t n = input->n;

	if (want & TL_WANT_LAYERS && !(layers = tl_scratch(ctx, (size_t)self->layers * sizeof *layers)))
		return -1;
	if (firsts_suffice(self, want) && firsts_of(ctx, input, &last))
		return -1;
	x = stacks(ctx, self, input, last, layers);
	if (!last.at)
		out->hidden = x;
	out->layers = layers;
	out->n_layers = layers ? (int)self->layers : 0;
	if (want & TL_WANT_CLS || (want & TL_WANT_POOLED && self->pooled != MEAN))
		cls = last.at ? x : tl_gather(ctx, x, tl_ints(ctx, 1, &n, input->host_offsets)); /* [n, d] */
	out->cls = cls;
	if (want & TL_WANT_POOLED)
		out->pooled = self->pooled == MEAN ? tl_segment_mean(ctx, x, input->offsets) : self->pooled == CLS ? cls : tl_linear(ctx, cls, self->pooler_w, self->pooler_b, TL_TANH);
	return tl_status(ctx);
}

/* Of a block's products, 4 d^2 + 2 d ffn a token, keys and values are 2 d^2. */
static int
left_out(tl_ctx *ctx, void *p, unsigned want, char *text, size_t size)
{
	const struct transformer *self = p;
	double d = (double)self->dim, inner = (double)self->ffn, all = (double)self->layers * (4 * d * d + 2 * d * inner);
	const char *how = want & TL_WANT_GRADIENT ? "no dropout, no gradient of their weights; what they compute is kept for the gradient of the vectors in the input" : "no dropout, no gradient, nothing kept for one";
	int n = 0;

	(void)ctx;
	if (firsts_suffice(self, want))
		n = snprintf(text, size, "nobody reads every token: the last block computes keys and values of all, the rest of first tokens only (%.0f %% of the products less)\n",
		             100 * (2 * d * d + 2 * d * inner) / all);
	if (self->frozen && n >= 0 && (size_t)n < size)
		n += snprintf(text + n, size - (size_t)n, self->frozen >= self->layers ? "frozen" : "the embeddings and %ld of %ld blocks are frozen", (long)self->frozen, (long)self->layers);
	if (self->frozen && n >= 0 && (size_t)n < size)
		snprintf(text + n, size - (size_t)n, ": %s\n", how);
	return 0;
}

static const tl_module module = { .size = sizeof(tl_module), .check = check, .encode = encode, .configure = configure, .longest = longest, .left_out = left_out };

const tl_plugin tagloom_plugin = {
	TL_ENCODER(struct transformer),
	.name = "transformer",
	.version = "1.0",
	.summary = "BERT, RoBERTa, MiniLM and DistilBERT encoders, pre-trained or from scratch",
	.citation = "Vaswani et al. 2017; Devlin et al. 2019; Liu et al. 2019; Sanh et al. 2019",
	.differs = "no padding; a pooler is made fresh where a checkpoint has none",
	.params = params,
	.weights = weights,
	.reads = reads,
	.writes = writes,
	.module = &module,
};
