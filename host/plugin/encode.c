/*
 * encode.c - the encoder: run as a module of the list, or called by another module on sequences of its own, with the model's weights or
 * a copy of them.
 */
#include "model.h"

#include <stdlib.h>
#include <string.h>

/* --- as a module --------------------------------------------------------------------------------------------------------------------------- */
/* Rows of a joint sequence that belong to the document (labels false) or are label positions. */
static tl_tensor *
rows_of(tl_model *m, const tl_input *in, bool labels, int64_t *n)
{
	int32_t *at = tl_scratch(m->ctx, (size_t)(in->tokens + 1) * sizeof *at);

	*n = 0;
	if (!at)
		return NULL;
	for (int32_t i = 0; i < in->n; i++) {
		int32_t first = in->host_offsets[i] + (labels ? in->host_split[i] : 0), count = labels ? in->joint_labels : in->host_split[i];
		if (count < 0 || first + count > in->host_offsets[i + 1]) {
			tl_fail(m->ctx, "sequence %d of the joint input has %d tokens, fewer than its document part and %d labels", i, in->host_offsets[i + 1] - in->host_offsets[i], in->joint_labels);
			return NULL;
		}
		for (int32_t k = 0; k < count; k++)
			at[(*n)++] = first + k;
	}
	return tl_ints(m->ctx, 1, n, at);
}

/* The document part of a joint input: what `input` is after the encoder. */
static const tl_input *
document_part(tl_model *m, const tl_input *in)
{
	int32_t *ids = tl_scratch(m->ctx, (size_t)(in->tokens + 1) * 3 * sizeof *ids), *segments = ids + in->tokens, *positions = segments + in->tokens;
	int32_t *offsets = tl_scratch(m->ctx, (size_t)(in->n + 1) * sizeof *offsets), n = 0;

	if (!ids || !offsets)
		return NULL;
	for (int32_t i = 0; i < in->n; i++) {
		offsets[i] = n;
		for (int32_t k = 0; k < in->host_split[i]; k++, n++) {
			ids[n] = in->host_ids[in->host_offsets[i] + k];
			segments[n] = in->host_segments[in->host_offsets[i] + k];
			positions[n] = in->host_positions[in->host_offsets[i] + k];
		}
	}
	offsets[in->n] = n;
	return tl_input_of(m->ctx, in->n, offsets, ids, segments, positions);
}

static int
split_joint(tl_model *m, const tl_input *in, tl_encoded *out, tl_tensor **label_hidden, const tl_input **input)
{
	int64_t n_document, n_label;
	tl_tensor *document = rows_of(m, in, false, &n_document), *label = rows_of(m, in, true, &n_label), **layers;

	if (!document || !label)
		return -1;
	if (out->hidden && in->joint_labels)
		*label_hidden = tl_reshape(m->ctx, tl_gather(m->ctx, out->hidden, label), 3, in->n, in->joint_labels, tl_dim(out->hidden, 1), 0); /* [B, L, d] */
	if (m->want & TL_WANT_LAYERS && out->n_layers) {
		layers = tl_scratch(m->ctx, (size_t)out->n_layers * sizeof *layers);
		for (int k = 0; layers && k < out->n_layers; k++)
			layers[k] = tl_gather(m->ctx, out->layers[k], document);
		out->layers = layers;
	}
	if (out->hidden)
		out->hidden = tl_gather(m->ctx, out->hidden, document);
	*input = document_part(m, in);
	return *input ? tl_status(m->ctx) : -1;
}

static int
put_tensor(tl_model *m, tl_model_instance *i, const char *name, unsigned bit, tl_tensor *x)
{
	int at = tl_find_slot(m, name);
	tl_slot_value *s = at >= 0 ? &m->slot[at] : NULL;

	if (!s || s->writer < 0)
		return 0;
	if (!x)
		return m->want & bit ? tl_fail(m->ctx, "left %s empty, which a module behind it reads", name) : 0;
	s->tensor = x;
	s->there = true;
	for (const tl_slot *row = i->plugin->writes; row && row->name; row++) {
		tl_error why = { 0 };
		int64_t dim[TL_MAX_RANK];
		if (strcmp(row->name, name) || !row->shape)
			continue;
		for (int a = 0; a < tl_rank(x); a++)
			dim[a] = tl_dim(x, a);
		if (tl_unify(i, row->shape, tl_rank(x), dim, &why) < 0) {
			char *got = tl_shape_words(m, tl_rank(x), dim);
			tl_fail(m->ctx, "declares %s as [%s], but wrote %s: %s", name, row->shape, got, why.text);
			free(got);
			return -1;
		}
	}
	return 0;
}

static int
put_outputs(tl_model *m, tl_model_instance *i, tl_encoded *out, tl_tensor *label_hidden)
{
	int at = tl_find_slot(m, "layers");

	i->n_symbols = 0;
	if (put_tensor(m, i, "hidden", TL_WANT_HIDDEN, out->hidden) < 0 || put_tensor(m, i, "cls", TL_WANT_CLS, out->cls) < 0 ||
	    put_tensor(m, i, "pooled", TL_WANT_POOLED, out->pooled) < 0 || put_tensor(m, i, "label_hidden", 0, label_hidden) < 0)
		return -1;
	if (at >= 0 && out->layers && m->want & TL_WANT_LAYERS) {
		m->slot[at].list = (tl_list){ out->n_layers, (tl_tensor **)(uintptr_t)out->layers };
		m->slot[at].there = true;
	}
	return 0;
}

int
tl_run_encoder(tl_model *m, tl_model_instance *i)
{
	int at = tl_find_slot(m, "input");
	const tl_input *in = at >= 0 && m->slot[at].there ? m->slot[at].input : NULL;
	tl_tensor *label_hidden = NULL;
	tl_encoded out = { 0 };
	tl_guarded g;
	int status;

	if (!in || !in->ids)
		return tl_fail(m->ctx, "%s: there are no token ids to encode", i->who);
	tl_guard_enter(&g, i, "encode");
	tl_ctx_instance(m->ctx, i->name);
	out.offsets = in->offsets;
	out.host_offsets = in->host_offsets;
	out.n = in->n;
	if (!m->want)
		status = 0; /* nobody reads: nothing is computed */
	else if (tl_model_fixed(m, NULL) && (!tl_ctx_device(m->ctx) || (m->documents && m->documents->kept)))
		status = tl_fixed_outputs(m, in, &out);
	else
		status = i->plugin->module->encode(m->ctx, i->self, in, m->want, &out);
	m->T = in->tokens;
	if (!status && in->host_split) {
		const tl_input *document = NULL;
		status = split_joint(m, in, &out, &label_hidden, &document);
		if (!status) {
			m->slot[at].input = document;
			m->T = document->tokens;
		}
	}
	if (!status)
		status = put_outputs(m, i, &out, label_hidden);
	return tl_guard_leave(&g, i, status);
}

/* --- called by a module ------------------------------------------------------------------------------------------------------------------------ */
tl_tensor *
tl_injected_tensor(tl_model *m, tl_injected *x, bool gradient)
{
	if (x->tensor)
		return x->tensor;
	x->used = true;
	x->tensor = x->ints ? tl_ints(m->ctx, x->rank, x->dim, x->ints) : gradient ? tl_variable(m->ctx, x->rank, x->dim, x->reals) : tl_reals(m->ctx, x->rank, x->dim, x->reals);
	return x->tensor;
}

static tl_injected *
injected_call(tl_model *m, const char *name, const char *part)
{
	for (int k = 0; m->injection && k < m->injection->n_calls; k++) {
		const char *s = m->injection->call[k].name;
		size_t n = strlen(name);
		if (!strncmp(s, name, n) && !strcmp(s + n, part))
			return &m->injection->call[k];
	}
	return NULL;
}

static int
answer_injected(tl_model *m, const tl_encode_call *call, tl_injected *x, tl_encoded *out)
{
	tl_injected *pooled = injected_call(m, call->name, ".pooled");
	tl_tensor *value = tl_injected_tensor(m, x, call->gradient), **layers;
	int64_t n = x->offsets ? x->n_offsets - 1 : x->rank ? x->dim[0] : 1, wanted = call->input ? call->input->n : call->texts ? call->n_texts : tl_n_documents(m->ctx);

	if (!value)
		return -1;
	if (n != wanted)
		return tl_fail(m->ctx, "in.call.%s holds %lld sequences; wanted %lld", call->name, (long long)n, (long long)wanted);
	if (!x->offsets) { /* [n, d]: the pooled vectors */
		out->n = (int32_t)n;
		out->pooled = value;
		return 0;
	}
	out->n = (int32_t)n;
	out->host_offsets = x->offsets;
	out->offsets = tl_ints(m->ctx, 1, &x->n_offsets, x->offsets);
	out->hidden = value;
	if (x->rank == 3) { /* [K, T', d] */
		out->n_layers = (int)x->dim[0];
		out->layers = layers = tl_scratch(m->ctx, (size_t)(out->n_layers + 1) * sizeof *layers);
		for (int k = 0; layers && k < out->n_layers; k++)
			layers[k] = tl_reshape(m->ctx, tl_slice(m->ctx, value, 0, k, k + 1), 2, x->dim[1], x->dim[2], 0, 0);
		out->hidden = layers && out->n_layers ? layers[out->n_layers - 1] : NULL;
	}
	out->cls = tl_gather(m->ctx, out->hidden, tl_ints(m->ctx, 1, &n, x->offsets));
	if (pooled)
		out->pooled = tl_injected_tensor(m, pooled, call->gradient);
	else if (call->want & TL_WANT_POOLED)
		return tl_fail(m->ctx, "the call %s wants pooled vectors, and in.call.%s.pooled is not given", call->name, call->name);
	return tl_status(m->ctx);
}

/* The texts of a call as one packed input. */
static const tl_input *
tokenised(tl_model *m, const tl_encode_call *call)
{
	int32_t *offsets = tl_scratch(m->ctx, (size_t)(call->n_texts + 1) * sizeof *offsets), *ids = NULL;
	tl_ids all = { 0 };
	const tl_input *in = NULL;

	if (!offsets)
		return NULL;
	if (!m->tokenizer) {
		tl_fail(m->ctx, "the call %s encodes texts, and there is no tokenizer", call->name);
		return NULL;
	}
	for (int32_t t = 0; t < call->n_texts; t++) {
		const char *text = call->texts[t] ? call->texts[t] : "";
		tl_error e = { 0 };
		offsets[t] = (int32_t)all.n;
		if (tl_tokenizer_encode(m->tokenizer, text, strlen(text), true, call->max_length, &all, &e) < 0 || all.n > INT32_MAX / 2) {
			tl_fail(m->ctx, "the call %s: %s", call->name, e.status ? e.text : "more than 2^30 tokens");
			free(all.at);
			return NULL;
		}
	}
	offsets[call->n_texts] = (int32_t)all.n;
	ids = all.at;
	in = tl_input_of(m->ctx, call->n_texts, offsets, ids, NULL, NULL);
	free(all.at);
	return in;
}

int
tl_encode(tl_ctx *ctx, const tl_encode_call *call, tl_encoded *out)
{
	tl_model *m = tl_ctx_user(ctx);
	tl_injected *given;
	const tl_input *in;
	void *saved;
	bool dropout;
	char purpose[64];
	tl_guarded g;
	int status;

	memset(out, 0, sizeof *out);
	if (tl_status(ctx))
		return -1;
	if (!m || !call->name)
		return tl_fail(ctx, "the encoder can be called inside forward only, under a name");
	if ((given = injected_call(m, call->name, "")))
		return answer_injected(m, call, given, out);
	if (!m->encoder)
		return tl_fail(ctx, m->injection ? "calls the encoder (%s), and neither in.call.%s nor an encoder is given" : "calls the encoder (%s), and the model has none; put one before it (in.call.%s in reference vectors)",
		               call->name, call->name);
	if (!call->input && !call->texts)
		return tl_fail(ctx, "the call %s has neither token ids nor texts to encode", call->name);
	in = call->input ? call->input : tokenised(m, call);
	if (!in)
		return -1;
	saved = tl_ctx_stream_save(ctx);
	snprintf(purpose, sizeof purpose, "call %s", call->name);
	tl_purpose(ctx, purpose);
	dropout = tl_ctx_dropout(ctx, m->training && call->dropout && tl_ctx_training(ctx));
	if (!call->gradient)
		tl_no_grad_push(ctx);
	out->offsets = in->offsets;
	out->host_offsets = in->host_offsets;
	out->n = in->n;
	if (call->copy)
		tl_point_weights(m->encoder, call->copy->weights, memcpy(call->copy->self, m->encoder->self, m->encoder->plugin->self_size), tl_ctx_arena(ctx), true);
	tl_guard_enter(&g, m->encoder, "encode");
	status = m->encoder->plugin->module->encode(ctx, call->copy ? call->copy->self : m->encoder->self, in, call->want, out);
	status = tl_guard_leave(&g, m->encoder, status);
	if (!status && call->want & TL_WANT_CLS && !out->cls && out->hidden) { /* an encoder without that output */
		int64_t n = in->n;
		out->cls = tl_gather(ctx, out->hidden, tl_ints(ctx, 1, &n, in->host_offsets));
		status = tl_status(ctx);
	}
	if (!call->gradient)
		tl_no_grad_pop(ctx);
	tl_ctx_dropout(ctx, dropout);
	tl_ctx_stream_restore(ctx, saved);
	return status;
}

/* --- copies of the encoder ------------------------------------------------------------------------------------------------------------------------ */
tl_encoder_copy *
tl_copy_encoder(tl_model *m)
{
	tl_encoder_copy *c = tl_alloc(sizeof *c);
	char *prefix = tl_format("%s.", m->encoder->name);

	c->encoder = m->encoder;
	c->weights = tl_weights_clone(m->weights, prefix);
	c->self = tl_alloc(m->encoder->plugin->self_size + 64);
	c->next = m->copies;
	m->copies = c;
	free(prefix);
	return c;
}

void
tl_copies_free(tl_model *m)
{
	for (tl_encoder_copy *c = m->copies, *next; c; c = next) {
		next = c->next;
		tl_weights_free(c->weights);
		free(c->self);
		free(c);
	}
	m->copies = NULL;
}

struct blend { void *to; const void *from; double momentum; int64_t n; bool is_double; };
enum { BLEND_TILE = 1 << 16 };

static void
blend_tile(void *arg, int64_t tile)
{
	const struct blend *b = arg;
	int64_t from = tile * BLEND_TILE, end = TL_MIN(b->n, from + BLEND_TILE);

	if (b->is_double) {
		double *to = b->to;
		const double *x = b->from;
		for (int64_t i = from; i < end; i++)
			to[i] = b->momentum * to[i] + (1 - b->momentum) * x[i];
	} else {
		float *to = b->to, m = (float)b->momentum, rest = (float)(1 - b->momentum);
		const float *x = b->from;
		for (int64_t i = from; i < end; i++)
			to[i] = m * to[i] + rest * x[i];
	}
}

int
tl_blend(tl_ctx *ctx, tl_tensor *to, const tl_tensor *from, double momentum)
{
	struct blend b = { .momentum = momentum };

	if (tl_status(ctx) || !to || !from)
		return tl_status(ctx) ? -1 : tl_fail(ctx, "tl_blend: a tensor is NULL");
	if (tl_count(to) != tl_count(from) || tl_dtype_of(to) != tl_dtype_of(from) || (tl_dtype_of(to) != TL_F32 && tl_dtype_of(to) != TL_F64))
		return tl_fail(ctx, "tl_blend: wanted two real tensors of one size, got %lld and %lld numbers", (long long)tl_count(to), (long long)tl_count(from));
	if (tl_ctx_counting(ctx))
		return 0;
	if (tl_ctx_device(ctx))
		return tl_device_blend(ctx, to, from, momentum);
	b.to = tl_data_mut(to);
	b.from = tl_data(from);
	b.n = tl_count(to);
	b.is_double = tl_dtype_of(to) == TL_F64;
	tl_pool_run(tl_ctx_pool(ctx), (b.n + BLEND_TILE - 1) / BLEND_TILE, blend_tile, &b);
	return 0;
}

int
tl_copy_blend(tl_ctx *ctx, tl_encoder_copy *copy, double momentum)
{
	tl_model *m = tl_ctx_user(ctx);

	if (!copy)
		return m && m->injection ? 0 : tl_fail(ctx, "tl_copy_blend: there is no copy");
	for (int k = 0; k < copy->encoder->n_weights; k++) {
		tl_weight_info *to = tl_weights_at(copy->weights, k), *from = tl_weights_at(m->weights, copy->encoder->weight[k].index);
		if (tl_blend(ctx, to->tensor, from->tensor, momentum) < 0)
			return -1;
	}
	return 0;
}
