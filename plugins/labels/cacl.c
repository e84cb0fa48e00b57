/*
 * cacl - category-aware contrastive learning (UCLAF, eq. 5-11): documents that share labels are pulled together, against a queue of earlier keys.
 *
 *   z_q = norm(proj(pooled));   z_k = norm(key.proj(pooled of a second view by a momentum copy of the encoder)), no gradient
 *   A(i) = the batch's keys (its own second view included) and the filled part of the queue
 *   each: l_i = sum_{j in Y_i} -1/|P_j| sum_{p in P_j} log softmax_A(z_q.z_k^p / tau), P_j = keys that have label j
 *   any, all: l_i = -1/|P_i| sum_{p in P_i} ..., P_i = keys that share a label with i, or have its label set;   loss = weight * mean over B
 *   after the step: key = momentum key + (1 - momentum) own; the keys are enqueued, the oldest leave
 *
 * What differs from the paper: documents without labels contribute 0 and are never positives, they stay in A(i); tau has no default. Where gradients are accumulated over
 * several batches, each sees the queue as it was before the step, and the keys of all of them are enqueued after it.
 */
#include <string.h>

#include "tagloom/plugin.h"

enum { EACH, ANY, ALL };
enum { DROPOUT, MASK, SPAN, SHUFFLE };

struct cacl {
	double tau, momentum, rate;
	int64_t queue, dim;
	int positives, view;
	const tl_input *input;
	tl_tensor *pooled;                                     /* [B, d] */
	tl_tensor *proj0_w, *proj0_b, *proj1_w, *proj1_b;      /* [d, d] [d] [dim, d] [dim] */
	tl_tensor *key0_w, *key0_b, *key1_w, *key1_b;
	tl_state_block keys, key_labels;                       /* [n, dim] oldest first; their label lists */
	tl_state_block fresh, fresh_labels;                    /* the keys of this step's batches so far, enqueued after it */
	int64_t batch, batch_from;                             /* the last of these batches, and its first row of them */
	tl_encoder_copy *encoder;
};

#define AT(field) .at = offsetof(struct cacl, field)
static const tl_param params[] = {
	{ .name = "tau", .type = TL_REAL, AT(tau), .min = 1e-6, .max = 1e6, .doc = "temperature" },
	TL_P_INT(struct cacl, queue, "2048", 0, 100000000, "keys of earlier batches that are kept"),
	TL_P_REAL(struct cacl, momentum, "0.999", 0, 1, "of the copy of encoder and projection"),
	TL_P_INT(struct cacl, dim, "256", 1, 65536, "width of the projection"),
	TL_P_CHOICE(struct cacl, positives, "each", "each|any|all", "keys that have a label of the document, label by label; that share any; that have the identical set"),
	TL_P_CHOICE(struct cacl, view, "dropout", "dropout|mask|span|shuffle", "the second view: another dropout mask; random tokens or a run of tokens masked; a window shuffled"),
	TL_P_REAL(struct cacl, rate, "0.15", 0, 1, "share of the tokens that the view touches"),
	{ 0 }
};
static const tl_weight weights[] = {
	{ .name = "proj.0.weight", AT(proj0_w), .shape = "d d" },
	{ .name = "proj.0.bias", AT(proj0_b), .shape = "d", .init = TL_INIT_ZEROS },
	{ .name = "proj.1.weight", AT(proj1_w), .shape = "dim d" },
	{ .name = "proj.1.bias", AT(proj1_b), .shape = "dim", .init = TL_INIT_ZEROS },
	{ .name = "key.proj.0.weight", AT(key0_w), .shape = "d d", .init = TL_INIT_COPY, .of = "proj.0.weight", .flags = TL_FROZEN },
	{ .name = "key.proj.0.bias", AT(key0_b), .shape = "d", .init = TL_INIT_COPY, .of = "proj.0.bias", .flags = TL_FROZEN },
	{ .name = "key.proj.1.weight", AT(key1_w), .shape = "dim d", .init = TL_INIT_COPY, .of = "proj.1.weight", .flags = TL_FROZEN },
	{ .name = "key.proj.1.bias", AT(key1_b), .shape = "dim", .init = TL_INIT_COPY, .of = "proj.1.bias", .flags = TL_FROZEN },
	{ 0 }
};
static const tl_state states[] = {
	{ .name = "queue", .kind = TL_STATE_REAL, AT(keys), .shape = "queue dim", .doc = "normalised keys, oldest first" },
	{ .name = "queue_labels", .kind = TL_STATE_RAGGED, AT(key_labels), .shape = "queue", .doc = "their label lists" },
	{ .name = "fresh", .kind = TL_STATE_REAL, AT(fresh), .shape = "queue dim", .doc = "keys of a step that is under way" },
	{ .name = "fresh_labels", .kind = TL_STATE_RAGGED, AT(fresh_labels), .shape = "queue", .doc = "their label lists" },
	{ .name = "encoder", .kind = TL_STATE_ENCODER, AT(encoder), .doc = "momentum copy" },
	{ 0 }
};
static const tl_slot reads[] = {
	{ .name = "input", AT(input), .kind = TL_SLOT_INPUT, .optional = true, .doc = "what the second view is made of" },
	{ .name = "pooled", AT(pooled), .shape = "B d", .doc = "first view" },
	{ 0 }
};
static const tl_loss losses[] = { { .part = "", .param = "weight", .value = "1" }, { 0 } };

/* Masks or shuffles `touch` of a document's inner tokens in place. */
static void
disturb(const struct cacl *self, int32_t *ids, int64_t n, int32_t mask, tl_stream *s)
{
	int64_t inner = n - 2, touch = (int64_t)((double)inner * self->rate + 0.5), from;

	if (inner < 1 || touch < 1)
		return;
	ids++; /* the first and the last token are never touched */
	from = tl_random_below(s, (uint32_t)(inner - touch + 1));
	for (int64_t i = 0; self->view == SPAN && i < touch; i++)
		ids[from + i] = mask;
	for (int64_t i = touch - 1; self->view == SHUFFLE && i > 0; i--) {
		int64_t j = tl_random_below(s, (uint32_t)i + 1);
		int32_t swap = ids[from + i];
		ids[from + i] = ids[from + j];
		ids[from + j] = swap;
	}
	/* Each inner token in turn is one of the `touch` chosen with the right probability (selection sampling). */
	for (int64_t i = 0, left = touch; self->view == MASK && i < inner && left; i++)
		if ((int64_t)tl_random_below(s, (uint32_t)(inner - i)) < left) {
			ids[i] = mask;
			left--;
		}
}

/* NULL where there is nothing to make it of: in reference vectors, which have no tokenizer and give the view's result. */
static const tl_input *
second_view(tl_ctx *ctx, const struct cacl *self)
{
	const tl_input *in = self->input;
	int32_t mask = tl_token_id(ctx, "mask"), *ids;
	tl_stream s = tl_stream_for(ctx, "view");

	if (self->view == DROPOUT && tl_training(ctx) && !tl_wants_gradient(self->pooled))
		tl_warn(ctx, "the encoder is frozen and runs without dropout, so that view = \"dropout\" makes a second view like the first; take mask, span or shuffle");
	if (!in || !in->host_ids || self->view == DROPOUT)
		return in;
	if (self->view != SHUFFLE && mask < 0) {
		if (tl_token_id(ctx, "unk") >= 0 || tl_token_id(ctx, "cls") >= 0)
			tl_fail(ctx, "view = \"%s\" needs a mask token, but the tokenizer has none; use view = \"dropout\" or \"shuffle\"", self->view == MASK ? "mask" : "span");
		return NULL;
	}
	ids = tl_scratch(ctx, (size_t)(in->tokens + 1) * sizeof *ids);
	if (!ids)
		return NULL;
	memcpy(ids, in->host_ids, (size_t)in->tokens * sizeof *ids);
	for (int32_t i = 0; i < in->n; i++)
		disturb(self, ids + in->host_offsets[i], in->host_offsets[i + 1] - in->host_offsets[i], mask, &s);
	return tl_make_input(ctx, in->n, in->host_offsets, ids, in->host_segments, in->host_positions);
}

/* Keys of the batch: [B, dim], no gradient. */
static tl_tensor *
new_keys(tl_ctx *ctx, const struct cacl *self)
{
	tl_encode_call call = { .name = "key_view", .input = second_view(ctx, self), .copy = self->encoder, .want = TL_WANT_POOLED, .dropout = true };
	tl_tensor *z = NULL;
	tl_encoded out;

	tl_no_grad_push(ctx);
	if (!tl_status(ctx) && !tl_encode(ctx, &call, &out)) {
		z = tl_linear(ctx, out.pooled, self->key0_w, self->key0_b, TL_RELU);
		z = tl_l2_normalize(ctx, tl_linear(ctx, z, self->key1_w, self->key1_b, TL_NONE));
	}
	tl_no_grad_pop(ctx);
	return tl_detach(ctx, z);
}

struct key_set { int64_t n; const int32_t **labels; int32_t *size; }; /* label lists of the keys in A: the batch's, then the queue's */

static int
key_sets(tl_ctx *ctx, const struct cacl *self, const tl_lists *y, const tl_lists *injected, struct key_set *a)
{
	int64_t queued = self->keys.rows;

	if (!injected && self->key_labels.rows != queued)
		return tl_fail(ctx, "the queue has %ld keys, but label lists for %ld (draws.queue_labels in reference vectors)", (long)queued, (long)self->key_labels.rows);
	a->n = y->n + queued;
	a->labels = tl_scratch(ctx, (size_t)(a->n + 1) * sizeof *a->labels);
	a->size = tl_scratch(ctx, (size_t)(a->n + 1) * sizeof *a->size);
	if (!a->labels || !a->size)
		return -1;
	for (int32_t i = 0; i < y->n; i++) {
		a->labels[i] = y->index + y->offsets[i];
		a->size[i] = y->offsets[i + 1] - y->offsets[i];
	}
	for (int64_t i = 0; i < queued; i++) {
		int32_t *list;
		if (injected) {
			a->labels[y->n + i] = injected->index + injected->offsets[i];
			a->size[y->n + i] = injected->offsets[i + 1] - injected->offsets[i];
			continue;
		}
		a->size[y->n + i] = (int32_t)(self->key_labels.offsets[i + 1] - self->key_labels.offsets[i]);
		list = tl_scratch(ctx, (size_t)(a->size[y->n + i] + 1) * sizeof *list);
		if (!list)
			return -1;
		for (int32_t k = 0; k < a->size[y->n + i]; k++)
			list[k] = (int32_t)self->key_labels.ints[self->key_labels.offsets[i] + k];
		a->labels[y->n + i] = list;
	}
	return 0;
}

static int32_t
common(const int32_t *a, int32_t n, const int32_t *b, int32_t m)
{
	int32_t i = 0, j = 0, both = 0;

	while (i < n && j < m)
		if (a[i] == b[j])
			both++, i++, j++;
		else if (a[i] < b[j])
			i++;
		else
			j++;
	return both;
}

static bool
has(const int32_t *list, int32_t n, int32_t label)
{
	int32_t low = 0;

	while (low < n) {
		int32_t middle = (low + n) / 2;
		if (list[middle] == label)
			return true;
		if (list[middle] < label)
			low = middle + 1;
		else
			n = middle;
	}
	return false;
}

/* c [A, n]: the factor of log softmax_A for every pair of a key and a document; row: room for A numbers. */
static void
pair_factors(const struct cacl *self, int32_t n, const struct key_set *a, double *row, double *c)
{
	for (int32_t i = 0; i < n; i++) {
		memset(row, 0, (size_t)a->n * sizeof *row);
		if (self->positives == EACH) {
			for (int32_t k = 0; k < a->size[i]; k++) {
				int64_t keys = 0;
				for (int64_t p = 0; p < a->n; p++)
					keys += has(a->labels[p], a->size[p], a->labels[i][k]);
				for (int64_t p = 0; keys && p < a->n; p++)
					if (has(a->labels[p], a->size[p], a->labels[i][k]))
						row[p] += 1 / (double)keys;
			}
		} else if (a->size[i]) {
			int64_t keys = 0;
			for (int64_t p = 0; p < a->n; p++) {
				int32_t both = common(a->labels[i], a->size[i], a->labels[p], a->size[p]);
				row[p] = self->positives == ANY ? both > 0 : both == a->size[i] && both == a->size[p];
				keys += row[p] > 0;
			}
			for (int64_t p = 0; keys && p < a->n; p++)
				row[p] /= (double)keys;
		}
		for (int64_t p = 0; p < a->n; p++)
			c[p * n + i] = -row[p];
	}
}

/* Keeps the batch's keys for after the step; a batch that is computed again (a gradient check) takes its own place. */
static int
keep_fresh(tl_ctx *ctx, struct cacl *self, tl_tensor *keys)
{
	const tl_lists *y = tl_labels(ctx);
	int64_t from = self->fresh.rows && self->batch == tl_step(ctx) ? self->batch_from : self->fresh.rows, items = from ? self->fresh_labels.offsets[from] : 0;

	if (tl_state_resize(ctx, &self->fresh, from + y->n, 0) || tl_state_resize(ctx, &self->fresh_labels, from + y->n, items + y->offsets[y->n]))
		return -1;
	for (int32_t i = 0; i < y->n; i++)
		self->fresh_labels.offsets[from + i + 1] = items + y->offsets[i + 1];
	for (int32_t k = 0; k < y->offsets[y->n]; k++)
		self->fresh_labels.ints[items + k] = y->index[k];
	self->batch = tl_step(ctx);
	self->batch_from = from;
	return tl_get_reals(ctx, keys, self->fresh.real + from * self->dim);
}

static int
forward(tl_ctx *ctx, void *p)
{
	struct cacl *self = p;
	const tl_lists *y = tl_labels(ctx);
	struct key_set a = { 0 };
	tl_lists injected;
	tl_tensor *z, *keys, *sim, *log_p;
	int64_t n = tl_dim(self->pooled, 0), dims[2];
	double *c, *row;
	int have;

	if (!tl_training(ctx))
		return 0;
	have = tl_draw_lists(ctx, "queue_labels", &injected);
	if (have < 0)
		return -1;
	if (have && injected.n != self->keys.rows)
		return tl_fail(ctx, "queue_labels has %d lists, but the queue has %ld keys", injected.n, (long)self->keys.rows);
	keys = new_keys(ctx, self);
	if (!keys || keep_fresh(ctx, self, keys))
		return -1;
	if (self->keys.rows) {
		dims[0] = self->keys.rows;
		dims[1] = self->dim;
		keys = tl_concat(ctx, (tl_tensor *[]){ keys, tl_reals(ctx, 2, dims, self->keys.real) }, 2, 0); /* [A, dim] */
	}
	if (!keys || key_sets(ctx, self, y, have ? &injected : NULL, &a))
		return -1;
	c = tl_scratch(ctx, (size_t)(n * a.n + 1) * sizeof *c);
	row = tl_scratch(ctx, (size_t)(a.n + 1) * sizeof *row);
	if (!c || !row)
		return -1;
	pair_factors(self, (int32_t)n, &a, row, c);
	z = tl_linear(ctx, self->pooled, self->proj0_w, self->proj0_b, TL_RELU);
	z = tl_l2_normalize(ctx, tl_linear(ctx, z, self->proj1_w, self->proj1_b, TL_NONE)); /* [B, dim] */
	sim = tl_scale(ctx, tl_matmul(ctx, keys, z, 0, 1), 1 / self->tau, 0);               /* [A, B] */
	log_p = tl_sub(ctx, sim, tl_logsumexp(ctx, tl_transpose(ctx, sim), NULL));          /* subtracted first: both are large where tau is small */
	dims[0] = a.n;
	dims[1] = n;
	return tl_add_loss(ctx, "", tl_scale(ctx, tl_sum(ctx, tl_mul(ctx, log_p, tl_reals(ctx, 2, dims, c))), n ? 1 / (double)n : 0, 0));
}

/* Appends a row's label list to `ints`; returns their number. */
static int64_t
append(const tl_state_block *lists, int64_t row, int64_t *ints, int64_t n)
{
	for (int64_t k = lists->offsets[row]; k < lists->offsets[row + 1]; k++)
		ints[n++] = lists->ints[k];
	return n;
}

/* The last `queue` of the kept keys and this step's, in order. */
static int
enqueue(tl_ctx *ctx, struct cacl *self)
{
	tl_state_block *keys = &self->keys, *lists = &self->key_labels;
	int64_t old = keys->rows, n = self->fresh.rows, kept = old + n < self->queue ? old + n : self->queue;
	int64_t from_new = n > kept ? n - kept : 0, from_old = old - (kept - (n - from_new)), items = 0, at = 0;
	bool listed = lists->rows == old; /* not in reference vectors */
	int64_t *offsets = tl_scratch(ctx, (size_t)(kept + 1) * sizeof *offsets);
	int64_t *ints = tl_scratch(ctx, (size_t)((lists->rows ? lists->offsets[lists->rows] : 0) + self->fresh_labels.offsets[n] + 1) * sizeof *ints);

	if (!offsets || !ints)
		return -1;
	offsets[0] = 0;
	for (int64_t i = from_old; i < old; i++)
		offsets[++at] = items = listed ? append(lists, i, ints, items) : items;
	for (int64_t i = from_new; i < n; i++)
		offsets[++at] = items = append(&self->fresh_labels, i, ints, items);
	if (old > from_old)
		memmove(keys->real, keys->real + from_old * self->dim, (size_t)((old - from_old) * self->dim) * sizeof *keys->real);
	if (tl_state_resize(ctx, keys, kept, 0) || tl_state_resize(ctx, lists, kept, items))
		return -1;
	memcpy(keys->real + (old - from_old) * self->dim, self->fresh.real + from_new * self->dim, (size_t)((n - from_new) * self->dim) * sizeof *keys->real);
	memcpy(lists->offsets, offsets, (size_t)(kept + 1) * sizeof *offsets);
	if (items)
		memcpy(lists->ints, ints, (size_t)items * sizeof *ints);
	return tl_state_resize(ctx, &self->fresh, 0, 0) || tl_state_resize(ctx, &self->fresh_labels, 0, 0) ? -1 : 0;
}

static int
after_step(tl_ctx *ctx, void *p)
{
	struct cacl *self = p;

	if (self->fresh.rows && enqueue(ctx, self))
		return -1;
	tl_blend(ctx, self->key0_w, self->proj0_w, self->momentum);
	tl_blend(ctx, self->key0_b, self->proj0_b, self->momentum);
	tl_blend(ctx, self->key1_w, self->proj1_w, self->momentum);
	tl_blend(ctx, self->key1_b, self->proj1_b, self->momentum);
	return tl_copy_blend(ctx, self->encoder, self->momentum);
}

static const tl_module module = { .size = sizeof(tl_module), .forward = forward, .after_step = after_step };

const tl_plugin tagloom_plugin = {
	TL_LABEL(struct cacl),
	.name = "cacl",
	.version = "1.0",
	.summary = "category-aware contrastive learning with a momentum queue",
	.citation = "UCLAF, eq. 5-11",
	.differs = "documents without labels contribute 0 and are never positives; tau has no default",
	.params = params,
	.weights = weights,
	.states = states,
	.reads = reads,
	.losses = losses,
	.module = &module,
};
