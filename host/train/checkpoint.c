/*
 * checkpoint.c - everything that a run needs to go on to the same bits: weights, moments, state rows, place in the epoch, the best epoch
 * so far. Random streams are functions of names and steps and have no state. Written beside and renamed: a torn file cannot be.
 */
#include "loop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Names, shapes and places of the weights: a checkpoint fits only the model that wrote it. */
static void
layout_of(tl_weights *w, char hex[65])
{
	tl_sha *s = tl_sha_new();

	for (int i = 0; i < tl_weights_count(w); i++) {
		const tl_weight_info *x = tl_weights_at(w, i);
		char line[100];
		tl_sha_add(s, x->name, strlen(x->name) + 1);
		snprintf(line, sizeof line, "%lld %lld %d\n", (long long)x->offset, (long long)x->count, x->trainable);
		tl_sha_add(s, line, strlen(line));
	}
	tl_sha_end(s, hex);
}

static const char *
dtype_name(const tl_weights *w)
{
	return tl_weights_dtype(w) == TL_F64 ? "F64" : "F32";
}

static size_t
bytes_of(const tl_weights *w)
{
	return (size_t)tl_weights_size(w) * (tl_weights_dtype(w) == TL_F64 ? 8 : 4);
}

static tl_st_out
flat(const char *name, const tl_weights *w, const void *data)
{
	return (tl_st_out){ .name = name, .dtype = dtype_name(w), .rank = 1, .dim = { tl_weights_size(w) }, .data = data, .bytes = bytes_of(w) };
}

static tl_st_out
block(const char *name, const tl_text *t)
{
	return (tl_st_out){ .name = name, .dtype = "U8", .rank = 1, .dim = { (int64_t)t->n }, .data = t->n ? t->s : "", .bytes = t->n };
}

int
tl_checkpoint_write(const char *path, const tl_progress *p, tl_model *m, tl_optimizer *o, const void *best, const tl_text *best_state, const char *key, tl_error *e)
{
	tl_weights *w = tl_model_weights(m);
	tl_st_out out[6];
	tl_text state = { 0 };
	char layout[65], *progress;
	json_t *j;
	int n = 0, status;

	if (tl_model_save_state(m, &state) < 0) {
		tl_text_free(&state);
		return tl_model_error(m, e);
	}
	layout_of(w, layout);
	j = json_pack("{sI sI sI sI sI sf sf sf sI sI sb}", "epoch", (json_int_t)p->epoch, "batch", (json_int_t)p->batch, "step", (json_int_t)p->step, "micro", (json_int_t)p->micro,
	              "best_epoch", (json_int_t)p->best_epoch, "best_value", p->best_value, "seconds", p->seconds, "step_seconds", p->step_seconds,
	              "tokens", (json_int_t)p->tokens, "optimizer_steps", (json_int_t)tl_optimizer_steps(o), "finished", (int)p->finished);
	progress = tl_json_canonical(j);
	json_decref(j);
	out[n++] = flat("weights", w, tl_weights_values(w));
	out[n++] = flat("moment1", w, tl_optimizer_moment(o, 0));
	if (tl_optimizer_moment(o, 1))
		out[n++] = flat("moment2", w, tl_optimizer_moment(o, 1));
	out[n++] = block("state", &state);
	if (best) {
		out[n++] = flat("best", w, best);
		out[n++] = block("best_state", best_state);
	}
	status = tl_st_write(path, n, out, (const char *const[]){ "format", "tagloom checkpoint 1", "progress", progress, "layout", layout, "key", key, NULL }, e);
	free(progress);
	tl_text_free(&state);
	return status;
}

/* Copies one flat tensor. 0, or -1 after an error. */
static int
take(const tl_safetensors *s, const char *name, const tl_weights *w, void *to, const char *path, tl_error *e)
{
	const tl_st_entry *x = tl_st_find(s, name);

	if (!x || x->bytes != bytes_of(w) || strcmp(x->dtype, dtype_name(w)))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: checkpoint tensor %s is %s; remove the file to train from the start", path, name, x ? "of another size or type" : "missing");
	memcpy(to, x->data, x->bytes);
	return 0;
}

static void
read_progress(tl_progress *p, tl_optimizer *o, const json_t *j)
{
	*p = (tl_progress){ .epoch = tl_json_int(j, "epoch", 1), .batch = tl_json_int(j, "batch", 0), .step = tl_json_int(j, "step", 0), .micro = tl_json_int(j, "micro", 0),
	                    .best_epoch = tl_json_int(j, "best_epoch", 0), .best_value = tl_json_number(j, "best_value", 0), .seconds = tl_json_number(j, "seconds", 0),
	                    .step_seconds = tl_json_number(j, "step_seconds", 0), .tokens = tl_json_int(j, "tokens", 0), .finished = tl_json_bool(j, "finished", false) };
	tl_optimizer_set_steps(o, tl_json_int(j, "optimizer_steps", 0));
}

int
tl_checkpoint_read(const char *path, tl_progress *p, tl_model *m, tl_optimizer *o, void **best, tl_text *best_state, const char *key, tl_error *e)
{
	tl_weights *w = tl_model_weights(m);
	tl_safetensors *s = tl_st_open(path, e);
	const char *text;
	const tl_st_entry *x;
	char layout[65];
	json_t *j = NULL;
	int status = -1;

	*best = NULL;
	if (!s)
		return -1;
	layout_of(w, layout);
	text = tl_st_metadata(s, "progress");
	if (!tl_streq(tl_st_metadata(s, "format"), "tagloom checkpoint 1") || !text || !tl_streq(tl_st_metadata(s, "layout"), layout) || !tl_streq(tl_st_metadata(s, "key"), key)) {
		tl_error_set(e, TL_ENVIRONMENT, "%s: this checkpoint was written by another model, configuration or version; remove it to train from the start", path);
		goto end;
	}
	if (!(j = tl_json_parse(text, strlen(text), path, e)))
		goto end;
	if (take(s, "weights", w, tl_weights_values(w), path, e) < 0 || take(s, "moment1", w, tl_optimizer_moment(o, 0), path, e) < 0 ||
	    (tl_optimizer_moment(o, 1) && take(s, "moment2", w, tl_optimizer_moment(o, 1), path, e) < 0))
		goto end;
	if ((x = tl_st_find(s, "state")) && x->bytes && tl_model_load_state(m, x->data, x->bytes) < 0) {
		tl_model_error(m, e);
		goto end;
	}
	if (tl_st_find(s, "best")) {
		*best = tl_alloc(bytes_of(w) + 64);
		if (take(s, "best", w, *best, path, e) < 0)
			goto end;
		if ((x = tl_st_find(s, "best_state")))
			tl_text_bytes(best_state, x->data, x->bytes);
	}
	read_progress(p, o, j);
	status = 0;
end:
	if (status < 0) {
		free(*best);
		*best = NULL;
	}
	json_decref(j);
	tl_st_close(s);
	return status;
}

int
tl_weights_write(tl_weights *w, const char *path, const char *const *metadata, tl_error *e)
{
	int n = tl_weights_count(w), status;
	tl_st_out *out = tl_alloc((size_t)(n + 1) * sizeof *out);

	for (int i = 0; i < n; i++) {
		const tl_weight_info *x = tl_weights_at(w, i);
		out[i] = (tl_st_out){ .name = x->name, .dtype = dtype_name(w), .rank = tl_rank(x->tensor), .data = tl_data(x->tensor),
		                      .bytes = (size_t)x->count * (tl_weights_dtype(w) == TL_F64 ? 8 : 4) };
		for (int k = 0; k < out[i].rank; k++)
			out[i].dim[k] = tl_dim(x->tensor, k);
	}
	status = tl_st_write(path, n, out, metadata, e);
	free(out);
	return status;
}

int
tl_weights_read(tl_weights *w, const char *path, tl_error *e)
{
	tl_safetensors *s = tl_st_open(path, e);
	double *value = NULL;
	int status = s ? 0 : -1;

	for (int i = 0; s && !status && i < tl_weights_count(w); i++) {
		const tl_weight_info *x = tl_weights_at(w, i);
		const tl_st_entry *t = tl_st_find(s, x->name);
		bool fits = t && t->rank == tl_rank(x->tensor) && t->count == x->count;
		for (int k = 0; fits && k < t->rank; k++)
			fits = t->dim[k] == tl_dim(x->tensor, k);
		if (!fits) {
			status = tl_error_set(e, TL_ENVIRONMENT, "%s: weight %s is %s; the file belongs to another run", path, x->name, t ? "of another shape" : "missing");
			break;
		}
		if (tl_weights_dtype(w) == TL_F32 && !strcmp(t->dtype, "F32")) {
			memcpy(tl_data_mut(x->tensor), t->data, t->bytes);
			continue;
		}
		value = tl_realloc(value, (size_t)(x->count + 1) * sizeof *value);
		if (tl_st_reals(t, value, e) < 0 || tl_set_reals(x->tensor, value) < 0)
			status = -1;
	}
	free(value);
	tl_st_close(s);
	return status;
}
