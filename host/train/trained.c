/*
 * trained.c - a trained run used again. Its folder holds all that is needed: the model with every parameter, weights, tokenizer, labels and
 * the training split's label lists (from which statistics are made again), so that neither dataset nor checkpoint has to be there.
 */
#include "loop.h"
#include "trained.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- writing ------------------------------------------------------------------------------------------------------------------------ */
/* config.json of the encoder's folder, with 1_Pooling's inside: what the encoder reads in place of the folder. */
static json_t *
folder_config(const char *folder, tl_error *e)
{
	char *path = tl_path_join(folder, "config.json");
	json_t *config = tl_json_file(path, e), *pooling;

	free(path);
	if (!config)
		return NULL;
	path = tl_path_join(folder, "1_Pooling/config.json");
	if (tl_exists(path) && (pooling = tl_json_file(path, e)))
		json_object_set_new(config, "1_Pooling", pooling);
	free(path);
	return config;
}

/* The modules as they can be built without the encoder's folder. */
static json_t *
portable_modules(tl_model *m, const char *script_dir, tl_error *e)
{
	json_t *modules = json_deep_copy(tl_model_resolved(m)), *module, *params, *config;
	const char *weights;
	size_t i;
	char *path;

	json_array_foreach(modules, i, module) {
		params = json_object_get(module, "params");
		weights = json_string_value(json_object_get(params, "weights"));
		if (!weights || strcmp(tl_json_string(module, "kind", ""), "encoder"))
			continue;
		path = tl_find_path(weights, script_dir);
		config = folder_config(path, e);
		free(path);
		if (!config) {
			json_decref(modules);
			return NULL;
		}
		json_object_del(params, "weights");
		json_object_set_new(params, "config", config);
	}
	return modules;
}

static int
write_json(const char *folder, const char *name, json_t *v, tl_error *e)
{
	char *path = tl_path_join(folder, name), *text = json_dumps(v, JSON_INDENT(1) | JSON_SORT_KEYS);
	int status = tl_write_file(path, text, strlen(text), e);

	free(path);
	free(text);
	return status;
}

static int
write_bytes(const char *folder, const char *name, const void *bytes, size_t n, tl_error *e)
{
	char *path = tl_path_join(folder, name);
	int status = 0;

	if (n)
		status = tl_write_file(path, bytes, n, e);
	else if (unlink(path) < 0 && errno != ENOENT)
		status = tl_error_set(e, TL_ENVIRONMENT, "%s: it cannot be removed", path);
	free(path);
	return status;
}

static int
write_labels(const char *folder, const tl_dataset *d, tl_error *e)
{
	const tl_split *s = &d->split[TL_TRAIN];
	json_t *labels = json_array(), *all;
	int64_t n = s->label_offsets[s->n], *pseudo = tl_alloc((size_t)(s->n + 1) * sizeof *pseudo);
	tl_st_out out[3];
	char *path = tl_path_join(folder, "labels.safetensors");
	int status;

	for (int64_t i = 0; i < s->n; i++)
		pseudo[i] = s->pseudo && s->pseudo[i];
	out[0] = (tl_st_out){ .name = "offsets", .dtype = "I64", .rank = 1, .dim = { s->n + 1 }, .data = s->label_offsets, .bytes = (size_t)(s->n + 1) * 8 };
	out[1] = (tl_st_out){ .name = "labels", .dtype = "I32", .rank = 1, .dim = { n }, .data = s->labels, .bytes = (size_t)n * 4 };
	out[2] = (tl_st_out){ .name = "pseudo", .dtype = "I64", .rank = 1, .dim = { s->n }, .data = pseudo, .bytes = (size_t)s->n * 8 };
	status = tl_st_write(path, 3, out, NULL, e);
	free(path);
	free(pseudo);
	for (int64_t i = 0; i < d->n_labels; i++)
		json_array_append_new(labels, json_pack("[s s s?]", d->label_key[i], d->label_name[i] ? d->label_name[i] : d->label_key[i], d->label_description ? d->label_description[i] : NULL));
	all = json_pack("{so ss sI sI sf sf}", "labels", labels, "name", d->name ? d->name : "", "max_length", (json_int_t)d->max_length, "keep", (json_int_t)d->keep,
	                "A", d->propensity_a, "B", d->propensity_b);
	if (!status)
		status = write_json(folder, "labels.json", all, e);
	json_decref(all);
	return status;
}

int
tl_trained_write(const char *folder, const json_t *config, tl_model *m, const tl_dataset *d, const tl_tokenizer *t, const tl_tfidf *tfidf, const char *script_dir, tl_error *e)
{
	json_t *modules = portable_modules(m, script_dir, e), *all;
	tl_text state = { 0 }, features = { 0 };
	char *json = t ? tl_tokenizer_json(t) : NULL;
	int status = -1;

	if (!modules)
		goto end;
	all = json_pack("{si ss so sO sI sb}", "format", 1, "program", "tagloom " TL_VERSION, "model", modules, "data", json_object_get(config, "data"), "seed",
	                (json_int_t)tl_json_int(config, "seed", 0), "tfidf", tfidf != NULL);
	status = write_json(folder, "config.json", all, e);
	json_decref(all);
	if (!status && tl_model_save_state(m, &state) < 0)
		status = tl_model_error(m, e);
	if (!status && tfidf)
		status = tl_tfidf_save(tfidf, &features, e);
	if (!status && (write_bytes(folder, "state.bin", state.s, state.n, e) < 0 || write_bytes(folder, "features.bin", features.s, features.n, e) < 0 ||
	                write_bytes(folder, "tokenizer.json", json, json ? strlen(json) : 0, e) < 0 || write_labels(folder, d, e) < 0))
		status = -1;
end:
	free(json);
	tl_text_free(&state);
	tl_text_free(&features);
	return status;
}

/* --- reading ------------------------------------------------------------------------------------------------------------------------ */
static json_t *
read_json(const char *folder, const char *name, tl_error *e)
{
	char *path = tl_path_join(folder, name);
	json_t *v = tl_json_file(path, e);

	free(path);
	return v;
}

/* The training split's label lists, and statistics from them. */
static int
read_lists(tl_dataset *d, const char *folder, tl_error *e)
{
	char *path = tl_path_join(folder, "labels.safetensors");
	tl_safetensors *s = tl_st_open(path, e);
	const tl_st_entry *offsets, *labels, *pseudo;
	tl_split *train = &d->split[TL_TRAIN];
	bool good = false;

	if (!s) {
		free(path);
		return -1;
	}
	offsets = tl_st_find(s, "offsets");
	labels = tl_st_find(s, "labels");
	pseudo = tl_st_find(s, "pseudo");
	if (offsets && labels && pseudo && offsets->count > 0 && pseudo->count == offsets->count - 1 && !strcmp(offsets->dtype, "I64") && !strcmp(labels->dtype, "I32") && !strcmp(pseudo->dtype, "I64")) {
		train->n = pseudo->count;
		train->present = true;
		train->label_offsets = tl_alloc(offsets->bytes);
		train->labels = tl_alloc(labels->bytes + 4);
		train->pseudo = tl_alloc((size_t)train->n + 1);
		memcpy(train->label_offsets, offsets->data, offsets->bytes);
		memcpy(train->labels, labels->data, labels->bytes);
		good = train->label_offsets[0] == 0 && train->label_offsets[train->n] == labels->count;
		for (int64_t i = 0; good && i < train->n; i++) {
			train->pseudo[i] = ((const int64_t *)pseudo->data)[i] != 0;
			good = train->label_offsets[i] <= train->label_offsets[i + 1];
		}
		for (int64_t i = 0; good && i < labels->count; i++)
			good = train->labels[i] >= 0 && train->labels[i] < d->n_labels;
	}
	tl_st_close(s);
	if (!good)
		tl_error_set(e, TL_ENVIRONMENT, "%s: these are not label lists over %lld labels; the folder is damaged", path, (long long)d->n_labels);
	free(path);
	return good ? tl_statistics_of(&d->statistics, train->label_offsets, train->labels, train->pseudo, train->n, d->n_labels, d->arena, e) : -1;
}

static tl_dataset *
read_dataset(const char *folder, tl_error *e)
{
	json_t *v = read_json(folder, "labels.json", e), *labels, *row;
	tl_dataset *d;
	size_t i, n;

	if (!v)
		return NULL;
	labels = json_object_get(v, "labels");
	n = json_array_size(labels);
	d = tl_alloc(sizeof *d);
	d->arena = tl_arena_new(0);
	d->name = tl_strdup(tl_json_string(v, "name", ""));
	d->path = tl_strdup(folder);
	d->warnings = json_array();
	d->n_labels = (int64_t)n;
	d->max_length = tl_json_int(v, "max_length", 512);
	d->keep = tl_json_int(v, "keep", 200);
	d->propensity_a = tl_json_number(v, "A", 0.55);
	d->propensity_b = tl_json_number(v, "B", 1.5);
	d->label_key = tl_arena_zalloc(d->arena, (n + 1) * sizeof *d->label_key);
	d->label_name = tl_arena_zalloc(d->arena, (n + 1) * sizeof *d->label_name);
	d->label_description = tl_arena_zalloc(d->arena, (n + 1) * sizeof *d->label_description);
	json_array_foreach(labels, i, row) {
		const char *key = json_string_value(json_array_get(row, 0)), *name = json_string_value(json_array_get(row, 1)), *text = json_string_value(json_array_get(row, 2));
		if (!key || !name) {
			tl_error_set(e, TL_ENVIRONMENT, "%s/labels.json: label %zu has no key or name; the folder is damaged", folder, i);
			break;
		}
		d->label_key[i] = tl_arena_strdup(d->arena, key);
		d->label_name[i] = tl_arena_strdup(d->arena, name);
		d->label_description[i] = text ? tl_arena_strdup(d->arena, text) : NULL;
	}
	json_decref(v);
	if (i == n && !read_lists(d, folder, e))
		return d;
	tl_dataset_free(d);
	return NULL;
}

static int
read_inputs(tl_trained *t, const char *folder, tl_error *e)
{
	char *path = tl_path_join(folder, "tokenizer.json"), *bytes = NULL;
	size_t n;
	int status = 0;

	if (tl_exists(path) && !(t->tokenizer = tl_tokenizer_load(path, e)))
		status = -1;
	free(path);
	path = tl_path_join(folder, "features.bin");
	if (!status && tl_exists(path)) {
		status = tl_read_file(path, &bytes, &n, e);
		if (!status && !(t->tfidf = tl_tfidf_load(bytes, n, path, e)))
			status = -1;
		free(bytes);
	}
	free(path);
	return status;
}

static int
read_model(tl_trained *t, const char *folder, tl_registry *r, int threads, tl_error *e)
{
	char *path = tl_path_join(folder, "weights.safetensors"), *bytes = NULL;
	size_t n;
	int status = 0;

	t->pool = tl_pool_new(TL_MAX(threads, 1));
	t->m = tl_model_new(&(tl_model_setup){ .registry = r, .modules = json_object_get(t->config, "model"), .script_dir = folder, .compute = TL_F32, .pool = t->pool,
		.seed = (uint64_t)tl_json_int(t->config, "seed", 0), .n_labels = t->d->n_labels, .statistics = &t->d->statistics, .dataset = t->d, .tokenizer = t->tokenizer, .blank = true }, e);
	if (!t->m || tl_weights_read(tl_model_weights(t->m), path, e) < 0)
		status = -1;
	free(path);
	path = tl_path_join(folder, "state.bin");
	if (!status && tl_exists(path)) {
		status = tl_read_file(path, &bytes, &n, e);
		if (!status && tl_model_load_state(t->m, bytes, n) < 0)
			status = tl_model_error(t->m, e), e->status = TL_ENVIRONMENT, tl_error_who(e, "%s", path);
		free(bytes);
	}
	free(path);
	return status;
}

tl_trained *
tl_trained_open(const json_t *config, tl_registry *r, const tl_run_options *o, tl_error *e)
{
	tl_trained *t = tl_alloc(sizeof *t);
	char *path = tl_path_join(o->folder, "config.json");

	(void)config; /* the folder's own says the same with every path resolved */
	t->folder = tl_strdup(o->folder);
	if (!tl_exists(path))
		tl_error_set(e, TL_ENVIRONMENT, "%s: the run left no model there; it is not done, or was trained with train.keep = \"none\"", o->folder);
	else if ((t->config = tl_json_file(path, e)) && (t->d = read_dataset(o->folder, e)) && !read_inputs(t, o->folder, e) && !read_model(t, o->folder, r, o->threads, e)) {
		free(path);
		t->ev = (tl_evaluator){ .model = t->m, .pool = t->pool, .batch = 32 };
		return t;
	}
	free(path);
	tl_trained_close(t);
	return NULL;
}

const tl_dataset *
tl_trained_dataset(const tl_trained *t)
{
	return t->d;
}

static int
score_tokens(tl_trained *t, const char *const *texts, int64_t n, tl_split_scores *out, tl_error *e)
{
	int64_t *offsets = tl_alloc((size_t)(n + 1) * sizeof *offsets);
	tl_ids ids = { 0 };
	tl_tokens tokens;
	tl_feed feed;
	int status = 0;

	for (int64_t i = 0; i < n && !status; i++) {
		if (tl_tokenizer_encode(t->tokenizer, texts[i], strlen(texts[i]), true, t->d->max_length, &ids, e) < 0)
			status = -1;
		offsets[i + 1] = ids.n;
	}
	tokens = (tl_tokens){ .n = n, .offsets = offsets, .ids = ids.at };
	feed = (tl_feed){ .n = n, .tokens = &tokens, .filler = TL_MAX(tl_tokenizer_special(t->tokenizer, "unk"), 0) };
	if (!status)
		status = tl_evaluate(&t->ev, &feed, NULL, "prediction", 0, out, e);
	free(offsets);
	free(ids.at);
	return status;
}

static int
score_features(tl_trained *t, const char *const *texts, int64_t n, tl_split_scores *out, tl_error *e)
{
	tl_split s = { .present = true, .n = n };
	tl_features f = { 0 };
	int status;

	if (!t->tfidf)
		return tl_error_set(e, TL_USAGE, "the run was trained on the dataset's own features, which a text does not have");
	s.text = tl_alloc((size_t)(n + 1) * sizeof *s.text);
	s.text_length = tl_alloc((size_t)(n + 1) * sizeof *s.text_length);
	for (int64_t i = 0; i < n; i++) {
		s.text[i] = texts[i];
		s.text_length[i] = (uint32_t)strlen(texts[i]);
	}
	status = tl_tfidf_apply(t->tfidf, &s, &f, e);
	if (!status && tl_model_fits_itself(t->m))
		status = tl_evaluate_features(t->m, t->pool, &f, "prediction", out, e);
	else if (!status)
		status = tl_evaluate(&t->ev, &(tl_feed){ .n = n, .features = &f }, NULL, "prediction", 0, out, e);
	tl_features_free(&f);
	free(s.text);
	free(s.text_length);
	return status;
}

int
tl_trained_scores(tl_trained *t, const char *const *texts, int64_t n, float **logits, int64_t *n_labels, tl_error *e)
{
	int64_t L = t->d->n_labels;
	tl_split_scores s;
	int status;

	tl_split_scores_new(&s, n, L, L, NULL, NULL);
	status = t->tokenizer ? score_tokens(t, texts, n, &s, e) : score_features(t, texts, n, &s, e);
	if (status) {
		tl_split_scores_free(&s);
		return -1;
	}
	*logits = s.logit;
	*n_labels = L;
	return 0;
}

void
tl_trained_close(tl_trained *t)
{
	if (!t)
		return;
	tl_evaluator_free(&t->ev);
	tl_model_free(t->m);
	tl_pool_free(t->pool);
	tl_tokenizer_free(t->tokenizer);
	tl_tfidf_free(t->tfidf);
	tl_dataset_free(t->d);
	json_decref(t->config);
	free(t->folder);
	free(t);
}
