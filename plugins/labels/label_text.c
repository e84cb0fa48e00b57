/*
 * label_text - label vectors from the labels' own texts, read by the model's encoder (SEP-MLDC's label semantic enhancement, eq. 1, 2).
 *
 *   label_hidden_l = first token, or mean over the tokens (special ones included), of encoder(name or description of l)      [L, d]
 *
 * `budget` bounds the tokens spent on labels in one step: where all labels do not fit, those of the batch, and uniformly drawn others up to the budget, are encoded with
 * gradients; the rest come from a cache of their last value (zero before the first). `refresh` = n encodes in every n-th step only. Before an evaluation
 * the cache is filled for all labels.
 *
 * What differs from the paper: the paper encodes every label in every step and says nothing of sets that do not fit.
 */
#include <string.h>

#include "tagloom/plugin.h"

enum { CLS, MEAN };

struct label_text {
	int source, pool;
	int64_t refresh, budget, max_length;
	tl_state_block cache;    /* [L, d] last value of every label; no rows before the first step */
	tl_tensor *label_hidden; /* [L, d] */
};

static const tl_param params[] = {
	TL_P_CHOICE(struct label_text, source, "name", "name|description", "which text of labels.txt"),
	TL_P_CHOICE(struct label_text, pool, "cls", "cls|mean", "first token, or mean over all tokens"),
	TL_P_INT(struct label_text, refresh, "1", 1, 1000000, "encode in every n-th step; the cache serves the others"),
	TL_P_INT(struct label_text, budget, "4096", 1, 1000000000, "tokens that one step may spend on labels"),
	TL_P_INT(struct label_text, max_length, "128", 2, 1000000, "tokens of one label's text, special ones included"),
	{ 0 }
};
static const tl_state states[] = { { .name = "cache", .kind = TL_STATE_REAL, .at = offsetof(struct label_text, cache), .shape = "L d" }, { 0 } };
static const tl_slot writes[] = { { .name = "label_hidden", .at = offsetof(struct label_text, label_hidden), .shape = "L d", .doc = "encoded label texts" }, { 0 } };

static int
check(tl_ctx *ctx, void *p)
{
	const struct label_text *self = p;
	int64_t most = tl_symbol(ctx, "positions");

	if (most >= 0 && self->max_length > most)
		return tl_fail(ctx, "max_length = %ld, but the encoder has positions for %ld tokens; set max_length to that or less", (long)self->max_length, (long)most);
	return 0;
}

static const char *
text_of(tl_ctx *ctx, const struct label_text *self, int64_t label)
{
	const char *text = tl_label_text(ctx, label, self->source ? "description" : "name");

	return text ? text : "";
}

static int64_t
length_of(tl_ctx *ctx, const struct label_text *self, int64_t label)
{
	const int32_t *ids;
	int64_t n = tl_tokenize(ctx, text_of(ctx, self, label), 1, &ids);

	return n < self->max_length ? n : self->max_length;
}

/* Which labels are encoded now: all, or those of the batch and drawn others while the budget lasts. Ascending; returns their number, -1 after an error. */
static int64_t
choose(tl_ctx *ctx, const struct label_text *self, int32_t *list)
{
	int64_t n_labels = tl_n_labels(ctx), total = 0, n = 0;
	const tl_lists *y = tl_labels(ctx);
	bool *in = tl_scratch(ctx, (size_t)n_labels + 1);
	tl_stream s = tl_stream_for(ctx, "labels");

	if (!in)
		return -1;
	/* Without a tokenizer (reference vectors give the call's result) nothing can be counted. */
	if (tl_token_id(ctx, "unk") >= 0 || tl_token_id(ctx, "cls") >= 0)
		for (int64_t l = 0; l < n_labels && total <= self->budget; l++)
			total += length_of(ctx, self, l);
	for (int64_t l = 0; l < n_labels; l++)
		in[l] = total <= self->budget;
	if (total > self->budget) {
		int64_t left = self->budget;
		for (int32_t i = 0; i < y->offsets[y->n]; i++)
			if (!in[y->index[i]]) {
				in[y->index[i]] = true;
				left -= length_of(ctx, self, y->index[i]);
			}
		for (int64_t tries = 0; left > 0 && tries < 4 * n_labels; tries++) {
			uint32_t l = tl_random_below(&s, (uint32_t)n_labels);
			if (in[l])
				continue;
			left -= length_of(ctx, self, l);
			in[l] = left >= 0;
		}
	}
	for (int64_t l = 0; l < n_labels; l++)
		if (in[l])
			list[n++] = (int32_t)l;
	return tl_status(ctx) ? -1 : n;
}

static tl_tensor *
encode(tl_ctx *ctx, const struct label_text *self, const int32_t *list, int64_t n, bool training)
{
	const char **texts = tl_scratch(ctx, (size_t)(n + 1) * sizeof *texts);
	tl_encode_call call = { .name = "label_text", .texts = texts, .n_texts = (int32_t)n, .max_length = (int32_t)self->max_length,
		.want = self->pool == MEAN ? TL_WANT_HIDDEN : TL_WANT_CLS, .gradient = training, .dropout = training };
	tl_encoded out;

	if (!texts)
		return NULL;
	for (int64_t i = 0; i < n; i++)
		texts[i] = text_of(ctx, self, list[i]);
	if (tl_encode(ctx, &call, &out))
		return NULL;
	return self->pool == MEAN ? tl_segment_mean(ctx, out.hidden, out.offsets) : out.cls; /* [n, d] */
}

/* Writes encoded rows into the cache, which is made (zeros) where it is not there. */
static int
keep(tl_ctx *ctx, struct label_text *self, const int32_t *list, int64_t n, tl_tensor *rows)
{
	int64_t d = tl_dim(rows, 1), n_labels = tl_n_labels(ctx);
	double *values = tl_scratch(ctx, (size_t)(n * d + 1) * sizeof *values);

	if (!values || (n && tl_get_reals(ctx, rows, values)))
		return -1;
	if (self->cache.rows != n_labels) {
		if (tl_state_resize(ctx, &self->cache, n_labels, 0))
			return -1;
		memset(self->cache.real, 0, (size_t)(n_labels * d) * sizeof *self->cache.real);
	}
	for (int64_t i = 0; i < n; i++)
		memcpy(self->cache.real + list[i] * d, values + i * d, (size_t)d * sizeof *values);
	return 0;
}

static int
fill_cache(tl_ctx *ctx, struct label_text *self)
{
	int64_t n_labels = tl_n_labels(ctx), from = 0;
	int32_t *list = tl_scratch(ctx, (size_t)(n_labels + 1) * sizeof *list);

	if (!list)
		return -1;
	tl_no_grad_push(ctx);
	while (from < n_labels && !tl_status(ctx)) {
		int64_t n = 0, tokens = 0;
		tl_tensor *rows;
		while (from + n < n_labels && (!n || tokens < self->budget)) {
			list[n] = (int32_t)(from + n);
			tokens += length_of(ctx, self, from + n++);
		}
		rows = encode(ctx, self, list, n, false);
		if (!rows || keep(ctx, self, list, n, rows))
			break;
		from += n;
	}
	tl_no_grad_pop(ctx);
	return tl_status(ctx);
}

static int
forward(tl_ctx *ctx, void *p)
{
	struct label_text *self = p;
	int64_t n_labels = tl_n_labels(ctx), n, dims[2];
	int32_t *list;
	tl_tensor *rows, *rest;

	if (!tl_training(ctx)) {
		if (self->cache.rows != n_labels && fill_cache(ctx, self))
			return -1;
		dims[0] = n_labels;
		dims[1] = self->cache.width;
		self->label_hidden = tl_reals(ctx, 2, dims, self->cache.real);
		return tl_status(ctx);
	}
	list = tl_scratch(ctx, (size_t)(n_labels + 1) * sizeof *list);
	n = list ? choose(ctx, self, list) : -1;
	if (n < 0)
		return -1;
	if (tl_step(ctx) % self->refresh && self->cache.rows == n_labels)
		n = 0;
	rows = n ? encode(ctx, self, list, n, true) : NULL;
	if (n && !rows)
		return -1;
	if (n < n_labels) { /* the others' last values, without gradient */
		if (self->cache.rows != n_labels && keep(ctx, self, list, 0, rows))
			return -1;
		dims[0] = n_labels;
		dims[1] = self->cache.width;
		rest = tl_reals(ctx, 2, dims, self->cache.real);
		self->label_hidden = n ? tl_replace_rows(ctx, rest, tl_ints(ctx, 1, &n, list), rows) : rest;
	} else {
		self->label_hidden = rows;
	}
	if (n && (n < n_labels || self->refresh > 1) && keep(ctx, self, list, n, rows))
		return -1;
	return tl_status(ctx);
}

/* The weights have moved: what was kept is encoded anew once, not in every batch of the evaluation. */
static int
before_eval(tl_ctx *ctx, void *p)
{
	return fill_cache(ctx, p);
}

static const tl_module module = { .size = sizeof(tl_module), .check = check, .forward = forward, .before_eval = before_eval };

const tl_plugin tagloom_plugin = {
	TL_LABEL(struct label_text),
	.name = "label_text",
	.version = "1.0",
	.summary = "label vectors from label names or descriptions, by the shared encoder",
	.citation = "SEP-MLDC, eq. 1, 2",
	.differs = "label sets that do not fit a step are encoded in part, the rest comes from a cache",
	.params = params,
	.states = states,
	.writes = writes,
	.module = &module,
};
