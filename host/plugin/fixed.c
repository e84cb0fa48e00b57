/*
 * fixed.c - an encoder that is frozen as a whole. Its outputs are functions of the document alone, to the bit: every document is encoded by
 * itself (a matrix product may round differently in another batch), many at the same time, and a step takes them from where they are kept.
 * On a device documents are encoded batch by batch, so that there outputs are fixed only where they are kept: cache = "f32" or "bf16", not "auto".
 */
#include "model.h"

#include <stdlib.h>
#include <string.h>

const char *const tl_fixed_names[TL_FIXED_OUTPUTS] = { "hidden", "layers", "cls", "pooled" };
static const unsigned wants[TL_FIXED_OUTPUTS] = { TL_WANT_HIDDEN, TL_WANT_LAYERS, TL_WANT_CLS, TL_WANT_POOLED };

/* Has the instance's parameter this value? Words of a choice end with a bar. */
static bool
is_set(const tl_model_instance *i, const char *name, const char *value)
{
	const tl_param *row = tl_param_find(i->plugin, name, strlen(name));
	size_t n = 0;
	const char *word = row && (row->type == TL_STRING || row->type == TL_CHOICE) ? tl_param_word(i->self, row, &n) : NULL;

	return word && n == strlen(value) && !memcmp(word, value, n);
}

static const char *
cache_of(const tl_model_instance *i)
{
	static const char *const words[] = { "auto", "f32", "bf16" };

	for (int64_t k = 0; k < TL_COUNT(words); k++)
		if (is_set(i, "cache", words[k]))
			return words[k];
	return "none";
}

/* The last axis of an output as the encoder declares it. */
static int64_t
width_of(const tl_model *m, const char *name)
{
	const tl_slot *row = m->encoder->plugin->writes;
	tl_error ignored = { 0 };
	int64_t dim[TL_MAX_RANK];
	int rank;

	while (row && row->name && strcmp(row->name, name))
		row++;
	if (row && row->name && row->shape && tl_evaluate_shape(m->encoder, row->shape, 0, 0, &rank, dim, &ignored) == 0 && rank > 0)
		return dim[rank - 1];
	return (int64_t)m->d;
}

bool
tl_model_fixed(const tl_model *m, tl_fixed *out)
{
	const tl_model_instance *i = m->encoder;
	int at = tl_find_slot(m, "input");

	if (out)
		*out = (tl_fixed){ .cache = "none" };
	/* (A step that is counted meets the encoder's operations where nothing is kept of them.) */
	if (m->unfixed || m->injection || !m->want || (tl_ctx_counting(m->ctx) && i && !strcmp(cache_of(i), "none")) || !i || !is_set(i, "freeze", "all") ||
	    (tl_ctx_device(m->ctx) && (!strcmp(cache_of(i), "none") || !strcmp(cache_of(i), "auto"))))
		return false;
	if (at >= 0 && m->slot[at].writer >= 0 && m->slot[at].writer < i->at) {
		if (out)
			out->why_not = tl_arena_format(m->arena, "the outputs of %s are not kept: %s rewrites its input in every step", i->name, m->instance[m->slot[at].writer].name);
		return false;
	}
	if (!out)
		return true;
	for (int k = 0; k < TL_FIXED_OUTPUTS; k++)
		if (m->want & wants[k])
			out->width[k] = width_of(m, tl_fixed_names[k]) * (k == TL_FIXED_LAYERS ? (int64_t)m->K : 1);
	out->cache = cache_of(i);
	return true;
}

void
tl_model_unfix(tl_model *m)
{
	m->unfixed = true;
}

int
tl_model_fixed_key(tl_model *m, char hex[65], tl_error *e)
{
	static const char *const idle[] = { "weights", "name", "lr", "weight_decay", "init_scale", "dropout", "attention_dropout", "freeze", "cache" };
	const tl_model_instance *i = m->encoder;
	const char *plugin = tl_plugin_hash(i->candidate, e);
	json_t *params = json_copy(i->params);
	char *text, numbers[40];
	tl_sha *sha;

	if (!plugin) {
		json_decref(params);
		return -1;
	}
	for (int64_t k = 0; k < TL_COUNT(idle); k++)
		json_object_del(params, idle[k]);
	text = tl_json_canonical(params);
	json_decref(params);
	snprintf(numbers, sizeof numbers, "%u %d", m->want, (int)m->compute);
	sha = tl_sha_new();
	tl_sha_add(sha, plugin, strlen(plugin) + 1);
	tl_sha_add(sha, text, strlen(text) + 1);
	tl_sha_add(sha, numbers, strlen(numbers) + 1);
	for (int k = 0; k < i->n_weights; k++) {
		const tl_weight_info *w = tl_weights_at(m->weights, i->weight[k].index);
		tl_sha_add(sha, i->weight[k].name, strlen(i->weight[k].name) + 1);
		tl_sha_add(sha, tl_data(w->tensor), (size_t)w->count * (m->compute == TL_F64 ? 8 : 4));
	}
	tl_sha_end(sha, hex);
	free(text);
	return 0;
}

/* --- one document by itself ---------------------------------------------------------------------------------------------------------- */
struct tl_lone { tl_ctx *ctx; void *self; };
struct each { tl_model *m; const int32_t *offsets, *ids; void *const *out; tl_fixed fixed; size_t item; };

static int
copy_out(const struct each *j, tl_ctx *ctx, int output, int64_t document, const tl_tensor *x, int64_t block)
{
	int64_t from = j->offsets[document], rows = j->offsets[document + 1] - from, width = j->fixed.width[output];
	bool by_token = output == TL_FIXED_HIDDEN || output == TL_FIXED_LAYERS;
	int64_t count = output == TL_FIXED_LAYERS ? rows * width / (int64_t)j->m->K : (by_token ? rows : 1) * width;

	if (!x || tl_count(x) != count)
		return tl_fail(ctx, "%s has %lld numbers for a document of %lld tokens; wanted %lld", tl_fixed_names[output], (long long)tl_count(x), (long long)rows, (long long)count);
	memcpy((char *)j->out[output] + (size_t)((by_token ? from : document) * width + block * count) * j->item, tl_data(x), (size_t)count * j->item);
	return 0;
}

static void
encode_one(void *arg, int64_t document)
{
	const struct each *j = arg;
	tl_model *m = j->m;
	const struct tl_lone *l = &m->lone[tl_pool_worker()];
	int32_t offsets[2] = { 0, j->offsets[document + 1] - j->offsets[document] };
	tl_float_state state;
	tl_encoded out = { 0 };
	const tl_input *in;
	int status;

	if (tl_status(l->ctx))
		return;
	tl_ctx_begin(l->ctx, m->seed, 0, false, false);
	tl_ctx_instance(l->ctx, m->encoder->name);
	if (!(in = tl_input_of(l->ctx, 1, offsets, j->ids + j->offsets[document], NULL, NULL)))
		return;
	tl_float_save(&state);
	status = m->encoder->plugin->module->encode(l->ctx, l->self, in, m->want, &out);
	tl_float_restore(&state, NULL, 0);
	if (status && !tl_status(l->ctx))
		tl_fail(l->ctx, "the plugin failed without saying why (tl_fail was not called)");
	if (!tl_status(l->ctx) && j->out[TL_FIXED_HIDDEN])
		copy_out(j, l->ctx, TL_FIXED_HIDDEN, document, out.hidden, 0);
	if (!tl_status(l->ctx) && j->out[TL_FIXED_CLS])
		copy_out(j, l->ctx, TL_FIXED_CLS, document, out.cls, 0);
	if (!tl_status(l->ctx) && j->out[TL_FIXED_POOLED])
		copy_out(j, l->ctx, TL_FIXED_POOLED, document, out.pooled, 0);
	for (int k = 0; !tl_status(l->ctx) && j->out[TL_FIXED_LAYERS] && k < (int)m->K; k++)
		copy_out(j, l->ctx, TL_FIXED_LAYERS, document, k < out.n_layers ? out.layers[k] : NULL, k);
}

/* Documents are dealt to the threads, each with a context and a copy of the encoder's struct of its own. */
static int
encode_each(tl_model *m, int32_t n, const int32_t *offsets, const int32_t *ids, void *const out[TL_FIXED_OUTPUTS])
{
	tl_pool *pool = tl_ctx_pool(m->ctx);
	struct each j = { .m = m, .offsets = offsets, .ids = ids, .out = out, .item = m->compute == TL_F64 ? 8 : 4 };
	int threads = tl_pool_size(pool);

	tl_model_fixed(m, &j.fixed);
	if (!m->lone) {
		m->lone = tl_alloc((size_t)threads * sizeof *m->lone);
		for (int t = 0; t < threads; t++)
			m->lone[t] = (struct tl_lone){ tl_ctx_new(m->compute, pool, m), tl_alloc(m->encoder->plugin->self_size + 64) };
	}
	for (int t = 0; t < threads; t++)
		memcpy(m->lone[t].self, m->encoder->self, m->encoder->plugin->self_size);
	tl_pool_run(pool, n, encode_one, &j);
	for (int t = 0; t < threads; t++) {
		tl_error *e = tl_ctx_error(m->lone[t].ctx);
		if (e->status)
			tl_fail(m->ctx, "%s", e->text);
		*e = (tl_error){ 0 };
	}
	return tl_status(m->ctx);
}

void
tl_lone_free(tl_model *m)
{
	for (int t = 0; m->lone && t < tl_pool_size(tl_ctx_pool(m->ctx)); t++) {
		tl_ctx_free(m->lone[t].ctx);
		free(m->lone[t].self);
	}
	free(m->lone);
}

/* --- a batch on a device ---------------------------------------------------------------------------------------------------------------- */
/* Values of x, K blocks of a document's rows side by side where `block` says which of them x is; else as they are. */
static int
fetch_out(tl_model *m, const tl_documents *batch, const tl_tensor *x, int64_t rows, int64_t width, int64_t block, int64_t blocks, float *to)
{
	double *host = tl_alloc((size_t)(rows * width + 1) * sizeof *host);
	int status = x && tl_count(x) == rows * width ? tl_get_reals(m->ctx, x, host) : tl_fail(m->ctx, "an output has %lld numbers; wanted %lld rows of %lld", (long long)tl_count(x), (long long)rows, (long long)width);

	for (int64_t i = 0; !status && blocks == 1 && i < rows * width; i++)
		to[i] = (float)host[i];
	for (int64_t i = 0; !status && blocks > 1 && i < batch->n; i++) {
		int64_t from = batch->offsets[i], n = batch->offsets[i + 1] - from;
		for (int64_t k = 0; k < n * width; k++)
			to[(from * blocks + block * n) * width + k] = (float)host[from * width + k];
	}
	free(host);
	return status;
}

static int
encode_there(tl_model *m, const tl_documents *batch, void *const out[TL_FIXED_OUTPUTS])
{
	int64_t tokens = batch->offsets[batch->n], K = (int64_t)m->K;
	tl_encoded got = { 0 };
	const tl_input *in;
	tl_fixed fixed;

	tl_model_fixed(m, &fixed);
	tl_ctx_begin(m->ctx, m->seed, 0, false, false);
	tl_ctx_instance(m->ctx, m->encoder->name);
	if (!(in = tl_input_of(m->ctx, batch->n, batch->offsets, batch->ids, NULL, NULL)) || m->encoder->plugin->module->encode(m->ctx, m->encoder->self, in, m->want, &got))
		return tl_status(m->ctx) ? -1 : tl_fail(m->ctx, "the plugin failed without saying why (tl_fail was not called)");
	if ((out[TL_FIXED_HIDDEN] && fetch_out(m, batch, got.hidden, tokens, fixed.width[TL_FIXED_HIDDEN], 0, 1, out[TL_FIXED_HIDDEN])) ||
	    (out[TL_FIXED_CLS] && fetch_out(m, batch, got.cls, batch->n, fixed.width[TL_FIXED_CLS], 0, 1, out[TL_FIXED_CLS])) ||
	    (out[TL_FIXED_POOLED] && fetch_out(m, batch, got.pooled, batch->n, fixed.width[TL_FIXED_POOLED], 0, 1, out[TL_FIXED_POOLED])))
		return -1;
	for (int64_t k = 0; out[TL_FIXED_LAYERS] && k < K; k++)
		if (fetch_out(m, batch, k < got.n_layers ? got.layers[k] : NULL, tokens, fixed.width[TL_FIXED_LAYERS] / K, k, K, out[TL_FIXED_LAYERS]))
			return -1;
	return 0;
}

int
tl_model_encode_fixed(tl_model *m, const tl_documents *batch, void *const out[TL_FIXED_OUTPUTS])
{
	tl_guarded g;

	m->fault = NULL;
	tl_guard_enter(&g, m->encoder, "encode");
	return tl_guard_leave(&g, m->encoder, tl_ctx_device(m->ctx) ? encode_there(m, batch, out) : encode_each(m, batch->n, batch->offsets, batch->ids, out));
}

/* --- in a step -------------------------------------------------------------------------------------------------------------------------- */
static double
number_at(const tl_kept *kept, int output, int64_t i)
{
	uint32_t bits;
	float value;

	if (!kept->half)
		return ((const float *)kept->output[output])[i];
	bits = (uint32_t)((const uint16_t *)kept->output[output])[i] << 16;
	memcpy(&value, &bits, sizeof value);
	return value;
}

/* Rows of the step's documents from what is kept, in the compute type. */
static void
take_kept(const tl_model *m, const tl_documents *d, int output, int64_t width, void *to)
{
	bool by_token = output == TL_FIXED_HIDDEN || output == TL_FIXED_LAYERS;

	for (int32_t i = 0; i < d->n; i++) {
		int64_t from = by_token ? d->kept->offsets[d->document[i]] : d->document[i], rows = by_token ? d->kept->offsets[d->document[i] + 1] - from : 1;
		int64_t at = (by_token ? d->offsets[i] : i) * width, n = rows * width;
		if (m->compute == TL_F32 && !d->kept->half) {
			memcpy((float *)to + at, (const float *)d->kept->output[output] + from * width, (size_t)n * sizeof(float));
			continue;
		}
		for (int64_t k = 0; k < n; k++)
			if (m->compute == TL_F64)
				((double *)to)[at + k] = number_at(d->kept, output, from * width + k);
			else
				((float *)to)[at + k] = (float)number_at(d->kept, output, from * width + k);
	}
}

/* Documents' blocks of layers, [tokens, d] K times each, as one tensor per layer. */
static int
deal_layers(tl_model *m, const tl_input *in, const char *blocks, tl_encoded *out)
{
	int64_t K = (int64_t)m->K, d = width_of(m, "layers"), dims[2] = { in->tokens, d };
	size_t item = m->compute == TL_F64 ? 8 : 4;
	tl_tensor **layers = tl_scratch(m->ctx, (size_t)(K + 1) * sizeof *layers);

	if (!layers)
		return -1;
	for (int64_t k = 0; k < K; k++) {
		if (!(layers[k] = tl_fill(m->ctx, 2, dims, 0)))
			return -1;
		for (int32_t i = 0; i < in->n && !tl_ctx_counting(m->ctx); i++) {
			int64_t from = in->host_offsets[i], rows = in->host_offsets[i + 1] - from;
			memcpy((char *)tl_data_mut(layers[k]) + (size_t)(from * d) * item, blocks + (size_t)((from * K + k * rows) * d) * item, (size_t)(rows * d) * item);
		}
	}
	out->layers = layers;
	out->n_layers = (int)K;
	return 0;
}

/* Kept outputs as tensors of a device. */
static int
outputs_there(tl_model *m, const tl_input *in, const tl_fixed *fixed, tl_encoded *out)
{
	tl_tensor **tensor[TL_FIXED_OUTPUTS] = { [TL_FIXED_HIDDEN] = &out->hidden, [TL_FIXED_CLS] = &out->cls, [TL_FIXED_POOLED] = &out->pooled };
	int64_t K = (int64_t)m->K;

	for (int k = 0; k < TL_FIXED_OUTPUTS; k++) {
		bool layers = k == TL_FIXED_LAYERS, by_token = layers || k == TL_FIXED_HIDDEN;
		int64_t rows = by_token ? in->tokens : in->n, width = fixed->width[k] / (layers ? K : 1), dims[2] = { rows, width };
		float *host = fixed->width[k] ? tl_arena_alloc(tl_ctx_arena(m->ctx), (size_t)(rows * fixed->width[k] + 1) * sizeof *host) : NULL;
		tl_tensor **list;

		if (!host)
			continue;
		take_kept(m, m->documents, k, fixed->width[k], host);
		if (!layers) {
			*tensor[k] = tl_floats(m->ctx, 2, dims, host);
			continue;
		}
		list = tl_scratch(m->ctx, (size_t)(K + 1) * sizeof *list);
		for (int64_t l = 0; list && l < K; l++) {
			float *one = tl_arena_alloc(tl_ctx_arena(m->ctx), (size_t)(rows * width + 1) * sizeof *one);
			for (int32_t i = 0; i < in->n; i++) {
				int64_t from = in->host_offsets[i], n = in->host_offsets[i + 1] - from;
				memcpy(one + from * width, host + (from * K + l * n) * width, (size_t)(n * width) * sizeof *one);
			}
			list[l] = tl_floats(m->ctx, 2, dims, one);
		}
		out->layers = list;
		out->n_layers = (int)K;
	}
	return tl_status(m->ctx);
}

int
tl_fixed_outputs(tl_model *m, const tl_input *in, tl_encoded *out)
{
	tl_tensor **tensor[TL_FIXED_OUTPUTS] = { [TL_FIXED_HIDDEN] = &out->hidden, [TL_FIXED_CLS] = &out->cls, [TL_FIXED_POOLED] = &out->pooled };
	const tl_documents *d = m->documents;
	void *room[TL_FIXED_OUTPUTS] = { 0 };
	tl_fixed fixed;

	tl_model_fixed(m, &fixed);
	if (tl_ctx_device(m->ctx))
		return outputs_there(m, in, &fixed, out);
	for (int k = 0; k < TL_FIXED_OUTPUTS; k++) {
		int64_t dims[2] = { k == TL_FIXED_HIDDEN ? in->tokens : in->n, fixed.width[k] };
		if (!fixed.width[k])
			continue;
		if (k == TL_FIXED_LAYERS)
			room[k] = tl_scratch(m->ctx, (size_t)(in->tokens * fixed.width[k]) * sizeof(double));
		else if ((*tensor[k] = tl_fill(m->ctx, 2, dims, 0)))
			room[k] = tl_data_mut(*tensor[k]);
		if (!room[k])
			return -1;
		if (d->kept && !tl_ctx_counting(m->ctx))
			take_kept(m, d, k, fixed.width[k], room[k]);
	}
	if (!d->kept && !tl_ctx_counting(m->ctx) && encode_each(m, in->n, in->host_offsets, in->host_ids, room))
		return -1;
	return room[TL_FIXED_LAYERS] ? deal_layers(m, in, room[TL_FIXED_LAYERS], out) : tl_status(m->ctx);
}
