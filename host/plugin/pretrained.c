/*
 * pretrained.c - an encoder's weights from a Hugging Face folder: config.json, and model.safetensors or its shards, by the checkpoint's
 * own names. Nothing is guessed: a weight that is not there or has another shape ends the build with both sides of it.
 */
#include "model.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *
tl_weights_folder(const char *folder, const char *script_dir)
{
	char *beside;

	if (tl_exists(folder) || !script_dir || folder[0] == '/')
		return tl_strdup(folder);
	beside = tl_path_join(script_dir, folder);
	if (tl_exists(beside))
		return beside;
	free(beside);
	return tl_strdup(folder);
}

char *
tl_checkpoint_config(const char *folder, tl_error *e)
{
	char *path = tl_path_join(folder, "config.json"), *text = NULL;
	json_t *config, *pooling;
	struct stat st;

	if (stat(folder, &st) < 0 || !S_ISDIR(st.st_mode)) {
		tl_error_set(e, TL_ENVIRONMENT, "weights = \"%s\": wanted a Hugging Face folder (config.json, model.safetensors, tokenizer.json), got %s", folder,
		             tl_exists(folder) ? "a file" : "nothing of that name");
		free(path);
		return NULL;
	}
	config = tl_json_file(path, e);
	free(path);
	if (!config)
		return NULL;
	if (!json_is_object(config)) {
		tl_error_set(e, TL_ENVIRONMENT, "%s/config.json: wanted a JSON object", folder);
		json_decref(config);
		return NULL;
	}
	path = tl_path_join(folder, "1_Pooling/config.json"); /* sentence-transformers: how the document vector is meant to be made */
	if (tl_exists(path)) {
		pooling = tl_json_file(path, e);
		if (!pooling) {
			free(path);
			json_decref(config);
			return NULL;
		}
		json_object_set_new(config, "1_Pooling", pooling);
	}
	free(path);
	text = json_dumps(config, JSON_COMPACT);
	json_decref(config);
	return text;
}

/* --- the files of a checkpoint ------------------------------------------------------------------------------------------------------------ */
enum { MOST_SHARDS = 1000 };
struct checkpoint { int n; tl_safetensors *file[MOST_SHARDS]; char *path[MOST_SHARDS]; };

static void
close_all(struct checkpoint *c)
{
	for (int k = 0; k < c->n; k++) {
		tl_st_close(c->file[k]);
		free(c->path[k]);
	}
}

static int
open_one(struct checkpoint *c, const char *folder, const char *name, tl_error *e)
{
	char *path;

	for (int k = 0; k < c->n; k++)
		if (!strcmp(c->path[k] + strlen(folder) + 1, name))
			return 0;
	if (c->n == MOST_SHARDS)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: more than %d shards", folder, MOST_SHARDS);
	path = tl_format("%s/%s", folder, name);
	c->file[c->n] = tl_st_open(path, e);
	if (!c->file[c->n]) {
		free(path);
		return -1;
	}
	c->path[c->n++] = path;
	return 0;
}

static int
open_shards(struct checkpoint *c, const char *folder, const char *index, tl_error *e)
{
	json_t *v = tl_json_file(index, e), *map = json_object_get(v, "weight_map"), *file;
	const char *key;
	int status = 0;

	if (!v)
		return -1;
	if (!json_is_object(map))
		status = tl_error_set(e, TL_ENVIRONMENT, "%s: wanted an object weight_map", index);
	json_object_foreach(map, key, file) {
		const char *name = json_string_value(file);
		if (!status && (!name || strchr(name, '/')))
			status = tl_error_set(e, TL_ENVIRONMENT, "%s: weight_map.%.80s: wanted the name of a file of this folder", index, key);
		if (!status)
			status = open_one(c, folder, name, e);
	}
	json_decref(v);
	return status;
}

static int
open_checkpoint(struct checkpoint *c, const char *folder, tl_error *e)
{
	char *one = tl_path_join(folder, "model.safetensors"), *index = tl_path_join(folder, "model.safetensors.index.json"), *pickle = tl_path_join(folder, "pytorch_model.bin");
	int status;

	if (tl_exists(one))
		status = open_one(c, folder, "model.safetensors", e);
	else if (tl_exists(index))
		status = open_shards(c, folder, index, e);
	else
		status = tl_error_set(e, TL_ENVIRONMENT, "%s: wanted model.safetensors or model.safetensors.index.json, got neither%s", folder,
		                      tl_exists(pickle) ? "; pytorch_model.bin is pickle, which is never read: save the model as safetensors" : "");
	free(one);
	free(index);
	free(pickle);
	return status;
}

static const tl_st_entry *
entry_named(const struct checkpoint *c, const char *name)
{
	for (int k = 0; k < c->n; k++) {
		const tl_st_entry *x = tl_st_find(c->file[k], name);
		if (x)
			return x;
	}
	return NULL;
}

/* By its own name, with the model's prefix, and with the layernorms' old names. */
static const tl_st_entry *
find_entry(const struct checkpoint *c, const char *name)
{
	static const char *const prefixes[] = { "", "bert.", "roberta.", "distilbert.", "model.", "0.auto_model.", NULL };
	const char *norm = strstr(name, "LayerNorm.");

	for (int k = 0; prefixes[k]; k++) {
		char *full = tl_format("%s%s", prefixes[k], name);
		const tl_st_entry *x = entry_named(c, full);
		free(full);
		if (!x && norm) {
			full = tl_format("%s%.*s%s", prefixes[k], (int)(norm - name) + 10, name, tl_ends(name, "weight") ? "gamma" : "beta");
			x = entry_named(c, full);
			free(full);
		}
		if (x)
			return x;
	}
	return NULL;
}

static int
read_values(tl_model *m, const tl_st_entry *x, tl_tensor *to, tl_error *e)
{
	double *values;
	int status;

	if (tl_weights_dtype(m->weights) == TL_F32)
		return tl_st_floats(x, tl_data_mut(to), e);
	values = tl_alloc((size_t)(x->count + 1) * sizeof *values);
	status = tl_st_reals(x, values, e);
	if (!status)
		status = tl_set_reals(to, values);
	free(values);
	return status;
}

/* May a checkpoint lack the weight? Then it keeps its initial values. */
bool
tl_fresh_allowed(const char *name)
{
	return tl_starts(name, "pooler.");
}

static int
load_one(tl_model *m, const struct checkpoint *c, const tl_bound_weight *b, int *fresh, tl_error *e)
{
	const tl_st_entry *x = find_entry(c, b->name);
	bool same = x && x->rank == b->rank;

	if (!x && tl_fresh_allowed(b->name)) {
		++*fresh;
		return 0;
	}
	if (!x)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the tensor %s is not there (nor with the prefix bert., roberta. or distilbert.); is config.json this checkpoint's?", c->path[0], b->name);
	for (int a = 0; same && a < b->rank; a++)
		same = x->dim[a] == b->dim[a];
	if (!same) {
		char *want = tl_shape_words(m, b->rank, b->dim), *got = tl_shape_words(m, TL_MIN(x->rank, 8), x->dim);
		tl_error_set(e, TL_ENVIRONMENT, "%s: tensor %s: wanted %s, as config.json says, got %s", c->path[0], x->name, want, got);
		free(want);
		free(got);
		return -1;
	}
	if (m->skip_weights) /* only what there is to be read was asked */
		return 0;
	if (read_values(m, x, tl_weights_at(m->weights, b->index)->tensor, e) < 0)
		return tl_error_who(e, "%s: tensor %s", c->path[0], x->name);
	return 0;
}

int
tl_load_checkpoint(tl_model *m, tl_model_instance *encoder, const char *folder, tl_error *e)
{
	struct checkpoint *c = tl_alloc(sizeof *c);
	char *path = tl_weights_folder(folder, m->script_dir);
	int fresh = 0, status = open_checkpoint(c, path, e);

	for (int k = 0; !status && k < encoder->n_weights; k++)
		status = load_one(m, c, &encoder->weight[k], &fresh, e);
	if (!status && fresh && !m->skip_weights)
		tl_model_warn(m, "%s: %s has no pooler; a fresh one was made (seeded). pooled = \"mean\" or \"cls\" needs none", encoder->who, folder);
	close_all(c);
	free(c);
	free(path);
	return status;
}

/* The N of "layer.N." in a weight's name, or -1. */
static int64_t
layer_number(const char *name)
{
	const char *s = strstr(name, "layer.");

	return s && s[6] >= '0' && s[6] <= '9' ? strtoll(s + 6, NULL, 10) : -1;
}

/* freeze = 0, N (the embeddings and the lowest N blocks) or "all". */
int
tl_freeze(tl_model *m, tl_model_instance *encoder, tl_error *e)
{
	const tl_param *row = tl_param_find(encoder->plugin, "freeze", 6);
	const char *word = row && row->type == TL_STRING ? *(const char **)((char *)encoder->self + row->at) : NULL;
	bool all = word && !strcmp(word, "all");
	char *end = NULL;
	int64_t n = word && !all ? strtoll(word, &end, 10) : 0;

	if (row && row->type == TL_INT)
		n = *(int64_t *)((char *)encoder->self + row->at);
	if (end && (*end || end == word || n < 0))
		return tl_error_set(e, TL_USAGE, "freeze = \"%s\": wanted 0, a number of blocks, or \"all\"", word);
	if (n > 0 && encoder->model->K >= 0 && (double)n > encoder->model->K)
		return tl_error_set(e, TL_USAGE, "freeze = %lld, but the encoder has %.0f blocks; \"all\" freezes everything", (long long)n, encoder->model->K);
	for (int k = 0; (all || n > 0) && k < encoder->n_weights; k++) {
		const char *name = encoder->weight[k].name;
		int64_t layer = layer_number(name);
		if (all || (layer >= 0 && layer < n) || (layer < 0 && strstr(name, "embedding")))
			tl_weights_at(m->weights, encoder->weight[k].index)->trainable = false;
	}
	return 0;
}
