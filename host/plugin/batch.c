/*
 * batch.c - what a module may know about the step: labels, texts, tokens, statistics, symbols, draws.
 */
#include "model.h"

#include <stdlib.h>
#include <string.h>

static tl_model *
model_of(const tl_ctx *ctx)
{
	return tl_ctx_user(ctx);
}

const tl_lists *
tl_labels(tl_ctx *ctx)
{
	return &model_of(ctx)->labels;
}

tl_tensor *
tl_label_offsets(tl_ctx *ctx)
{
	tl_model *m = model_of(ctx);
	int64_t n = m->labels.n + 1;

	if (!m->label_offsets)
		m->label_offsets = tl_ints(ctx, 1, &n, m->labels.offsets);
	return m->label_offsets;
}

tl_tensor *
tl_label_index(tl_ctx *ctx)
{
	tl_model *m = model_of(ctx);
	int64_t n = m->labels.offsets[m->labels.n];

	if (!m->label_index)
		m->label_index = tl_ints(ctx, 1, &n, m->labels.index);
	return m->label_index;
}

bool
tl_training(const tl_ctx *ctx)
{
	return model_of(ctx)->training;
}

int64_t
tl_step(const tl_ctx *ctx)
{
	return model_of(ctx)->step;
}

bool
tl_recompute(const tl_ctx *ctx)
{
	return model_of(ctx)->recompute;
}

int64_t
tl_n_labels(const tl_ctx *ctx)
{
	return model_of(ctx)->n_labels;
}

int64_t
tl_n_documents(const tl_ctx *ctx)
{
	return model_of(ctx)->B;
}

const tl_statistics *
tl_train_statistics(tl_ctx *ctx)
{
	const tl_model *m = model_of(ctx);

	if (!m->statistics)
		tl_fail(ctx, "needs the statistics of the training split, and there is none (train_labels in reference vectors)");
	return m->statistics;
}

int64_t
tl_symbol(tl_ctx *ctx, const char *name)
{
	const tl_model *m = model_of(ctx);
	double v = -1;

	if (!strcmp(name, "L"))
		return m->n_labels;
	if (!strcmp(name, "positions"))
		return m->encoder && !m->injection && m->encoder->plugin->module->longest ? m->encoder->plugin->module->longest(ctx, m->encoder->self) : -1;
	v = !strcmp(name, "d") ? m->d : !strcmp(name, "K") ? m->K : !strcmp(name, "V") ? m->V : tl_json_number(m->dims, name, -1);
	return (int64_t)v;
}

/* --- inputs ---------------------------------------------------------------------------------------------------------------------------------- */
static const int32_t *
copied(tl_ctx *ctx, const int32_t *from, int64_t n)
{
	int32_t *to = tl_scratch(ctx, (size_t)(n + 1) * sizeof *to);

	return to && n ? memcpy(to, from, (size_t)n * sizeof *to) : to;
}

tl_input *
tl_input_of(tl_ctx *ctx, int32_t n, const int32_t *offsets, const int32_t *ids, const int32_t *segments, const int32_t *positions)
{
	tl_input *in = tl_scratch(ctx, sizeof *in);
	int64_t rows = n + 1, tokens = offsets[n];
	int32_t *made;

	if (!in)
		return NULL;
	memset(in, 0, sizeof *in);
	in->n = n;
	in->tokens = tokens;
	if (!(in->host_offsets = copied(ctx, offsets, rows)) || !(in->offsets = tl_ints(ctx, 1, &rows, offsets)))
		return NULL;
	if (!ids) /* only the bounds are known */
		return in;
	in->host_ids = copied(ctx, ids, tokens);
	if (segments) {
		in->host_segments = copied(ctx, segments, tokens);
	} else if ((made = tl_scratch(ctx, (size_t)(tokens + 1) * sizeof *made))) {
		in->host_segments = memset(made, 0, (size_t)tokens * sizeof *made);
	}
	if (positions) {
		in->host_positions = copied(ctx, positions, tokens);
	} else if ((made = tl_scratch(ctx, (size_t)(tokens + 1) * sizeof *made))) {
		for (int32_t i = 0; i < n; i++)
			for (int32_t k = offsets[i]; k < offsets[i + 1]; k++)
				made[k] = k - offsets[i];
		in->host_positions = made;
	}
	if (!in->host_ids || !in->host_segments || !in->host_positions)
		return NULL;
	in->ids = tl_ints(ctx, 1, &tokens, in->host_ids);
	in->segments = tl_ints(ctx, 1, &tokens, in->host_segments);
	in->positions = tl_ints(ctx, 1, &tokens, in->host_positions);
	return tl_status(ctx) ? NULL : in;
}

tl_input *
tl_make_input(tl_ctx *ctx, int32_t n, const int32_t *offsets, const int32_t *ids, const int32_t *segments, const int32_t *positions)
{
	if (tl_status(ctx))
		return NULL;
	if (n < 0 || offsets[0] != 0) {
		tl_fail(ctx, "tl_make_input: wanted offsets that start at 0");
		return NULL;
	}
	for (int32_t i = 0; i < n; i++) {
		if (offsets[i + 1] <= offsets[i]) {
			tl_fail(ctx, "tl_make_input: sequence %d has no tokens; every sequence has at least one", i);
			return NULL;
		}
	}
	return tl_input_of(ctx, n, offsets, ids, segments, positions);
}

/* --- texts ----------------------------------------------------------------------------------------------------------------------------------- */
struct text_entry { char *text; int32_t *ids; int64_t n; int special; struct text_entry *next; };
enum { BUCKETS = 4096 };
struct tl_text_cache { struct text_entry *bucket[BUCKETS]; size_t bytes; };

int32_t
tl_token_id(tl_ctx *ctx, const char *role)
{
	const tl_model *m = model_of(ctx);

	return m->tokenizer ? tl_tokenizer_special(m->tokenizer, role) : -1;
}

const char *
tl_label_text(tl_ctx *ctx, int64_t label, const char *which)
{
	const tl_model *m = model_of(ctx);
	const char *text = NULL;

	if (label < 0 || label >= m->n_labels)
		return NULL;
	if (m->injection && m->injection->label_names)
		return m->injection->label_names[label];
	if (!m->dataset || label >= m->dataset->n_labels)
		return "";
	if (!strcmp(which, "key"))
		return m->dataset->label_key[label];
	if (!strcmp(which, "description"))
		text = m->dataset->label_description[label];
	if (!text || !*text)
		text = m->dataset->label_name[label];
	return text ? text : m->dataset->label_key[label];
}

int64_t
tl_tokenize(tl_ctx *ctx, const char *text, int special, const int32_t **ids)
{
	enum { MOST_BYTES = 64 << 20 };
	tl_model *m = model_of(ctx);
	struct text_entry *x;
	uint64_t h = 0xcbf29ce484222325u + (uint64_t)(special != 0);
	tl_ids out = { 0 };
	tl_error e = { 0 };
	int32_t *copy;

	*ids = NULL;
	if (tl_status(ctx))
		return -1;
	if (!m->tokenizer)
		return tl_fail(ctx, "wants to tokenize a text, and there is no tokenizer");
	for (const char *s = text; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3u;
	if (!m->texts)
		m->texts = tl_alloc(sizeof *m->texts);
	for (x = m->texts->bucket[h % BUCKETS]; x; x = x->next) {
		if (x->special == (special != 0) && !strcmp(x->text, text)) {
			*ids = x->ids;
			return x->n;
		}
	}
	if (tl_tokenizer_encode(m->tokenizer, text, strlen(text), special != 0, 0, &out, &e) < 0) {
		free(out.at);
		return tl_fail(ctx, "%s", e.text);
	}
	if (m->texts->bytes < MOST_BYTES) {
		x = tl_alloc(sizeof *x);
		*x = (struct text_entry){ tl_strdup(text), out.at, out.n, special != 0, m->texts->bucket[h % BUCKETS] };
		m->texts->bucket[h % BUCKETS] = x;
		m->texts->bytes += strlen(text) + (size_t)out.n * sizeof *out.at + sizeof *x;
		*ids = x->ids ? x->ids : (const int32_t *)"\0\0\0";
		return out.n;
	}
	copy = tl_scratch(ctx, (size_t)(out.n + 1) * sizeof *copy);
	if (copy && out.n)
		memcpy(copy, out.at, (size_t)out.n * sizeof *copy);
	free(out.at);
	*ids = copy;
	return copy ? out.n : -1;
}

void
tl_texts_free(tl_model *m)
{
	for (int b = 0; m->texts && b < BUCKETS; b++) {
		for (struct text_entry *x = m->texts->bucket[b], *next; x; x = next) {
			next = x->next;
			free(x->text);
			free(x->ids);
			free(x);
		}
	}
	free(m->texts);
	m->texts = NULL;
}

int
tl_label_tokens(tl_ctx *ctx, const int32_t **offsets, const int32_t **ids)
{
	tl_model *m = model_of(ctx);
	tl_ids all = { 0 };
	tl_error e = { 0 };

	if (tl_status(ctx))
		return -1;
	if (m->injection && m->injection->label_token_offsets) {
		*offsets = m->injection->label_token_offsets;
		*ids = m->injection->label_token_ids;
		return 0;
	}
	if (!m->label_token_offsets) {
		if (!m->tokenizer)
			return tl_fail(ctx, "wants the word pieces of the label names, and there is no tokenizer (in.label_tokens in reference vectors)");
		m->label_token_offsets = tl_alloc((size_t)(m->n_labels + 1) * sizeof *m->label_token_offsets);
		for (int64_t l = 0; l < m->n_labels; l++) {
			const char *text = tl_label_text(ctx, l, "name");
			if (tl_tokenizer_encode(m->tokenizer, text, strlen(text), false, 0, &all, &e) < 0) {
				free(all.at);
				free(m->label_token_offsets);
				m->label_token_offsets = NULL;
				return tl_fail(ctx, "the name of label %lld: %s", (long long)l, e.text);
			}
			m->label_token_offsets[l + 1] = (int32_t)all.n;
		}
		m->label_token_ids = all.at ? all.at : tl_alloc(sizeof(int32_t));
	}
	*offsets = m->label_token_offsets;
	*ids = m->label_token_ids;
	return 0;
}

tl_tensor *
tl_word_embeddings(tl_ctx *ctx)
{
	tl_model *m = model_of(ctx);
	const tl_model_instance *i = m->encoder;

	if (tl_status(ctx))
		return NULL;
	for (int k = 0; i && k < i->n_weights; k++) {
		const tl_bound_weight *b = &i->weight[k];
		if (b->rank == 2 && (double)b->dim[0] == m->V && (double)b->dim[1] == m->d && strstr(b->name, "embedding") && !strstr(b->name, "position"))
			return tl_weights_at(m->weights, b->index)->tensor;
	}
	tl_fail(ctx, "wants the encoder's word embeddings, and %s%s", i ? i->who : "the model has no encoder", i ? " has no weight [V, d] whose name holds \"embedding\"" : "");
	return NULL;
}

/* --- draws ------------------------------------------------------------------------------------------------------------------------------------ */
static const json_t *
draws_of(const tl_model *m)
{
	return m->injection && m->injection->draws && m->running ? json_object_get(m->injection->draws, m->running->name) : NULL;
}

const char *
tl_draws(tl_ctx *ctx)
{
	const json_t *v = draws_of(model_of(ctx));
	char *text = v ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT) : NULL, *kept = NULL;

	if (text)
		kept = tl_arena_strdup(tl_ctx_arena(ctx), text);
	free(text);
	return kept;
}

int
tl_draw_lists(tl_ctx *ctx, const char *key, tl_lists *out)
{
	const tl_model *m = model_of(ctx);
	const json_t *v = draws_of(m), *row;
	int32_t *offsets, *index;
	int64_t n, items = 0;

	memset(out, 0, sizeof *out);
	if (tl_status(ctx))
		return -1;
	if (v && key)
		v = json_object_get(v, key);
	if (!v)
		return 0;
	if (!json_is_array(v))
		return tl_fail(ctx, "draws.%s%s%s: wanted a list of lists", m->running->name, key ? "." : "", key ? key : "");
	n = (int64_t)json_array_size(v);
	for (int64_t i = 0; i < n; i++)
		items += (int64_t)json_array_size(json_array_get(v, (size_t)i));
	offsets = tl_scratch(ctx, (size_t)(n + 1) * sizeof *offsets);
	index = tl_scratch(ctx, (size_t)(items + 1) * sizeof *index);
	if (!offsets || !index)
		return -1;
	items = 0;
	for (int64_t i = 0; i < n; i++) {
		row = json_array_get(v, (size_t)i);
		offsets[i] = (int32_t)items;
		if (!json_is_array(row))
			return tl_fail(ctx, "draws.%s%s%s: entry %lld is no list", m->running->name, key ? "." : "", key ? key : "", (long long)i);
		for (size_t k = 0; k < json_array_size(row); k++) {
			const json_t *item = json_array_get(row, k);
			if (!json_is_integer(item) || llabs(json_integer_value(item)) > INT32_MAX)
				return tl_fail(ctx, "draws.%s%s%s: entry %lld holds something that is no integer", m->running->name, key ? "." : "", key ? key : "", (long long)i);
			index[items++] = (int32_t)json_integer_value(item);
		}
	}
	offsets[n] = (int32_t)items;
	*out = (tl_lists){ (int32_t)n, offsets, index };
	return 1;
}

void *
tl_closure(tl_ctx *ctx)
{
	const tl_model *m = model_of(ctx);

	return m && m->running ? m->running->plugin->closure : NULL;
}

const char *
tl_instance(const tl_ctx *ctx)
{
	const tl_model *m = model_of(ctx);

	return m && m->running ? m->running->name : "";
}
