/* setup.c - what a run needs before its first step: the dataset, the tokenizer that its encoder wants, paths. */
#include "loop.h"

#include <stdlib.h>
#include <string.h>


tl_dataset *
tl_run_dataset(const json_t *config, tl_registry *r, const char *script_dir, int64_t limit_docs, tl_error *e)
{
	json_t *data = json_deep_copy(json_object_get(config, "data"));
	const tl_candidate *c;
	tl_dataset *d = NULL;
	int64_t limit;

	if (!json_is_object(data)) {
		tl_error_set(e, TL_USAGE, "the configuration has no data");
		goto end;
	}
	limit = tl_json_int(data, "limit", 0);
	if (limit_docs > 0 && (limit <= 0 || limit_docs < limit))
		json_object_set_new(data, "limit", json_integer(limit_docs));
	c = tl_registry_find(r, "reader", tl_json_string(data, "reader", "jsonl"), e);
	if (c)
		d = tl_dataset_open(data, script_dir, c->plugin->reader, e);
end:
	json_decref(data);
	return d;
}

char *
tl_find_path(const char *path, const char *script_dir)
{
	char *beside;

	if (path[0] == '/' || tl_exists(path) || !script_dir)
		return tl_strdup(path);
	beside = tl_path_join(script_dir, path);
	if (tl_exists(beside))
		return beside;
	free(beside);
	return tl_strdup(path);
}

/* A module's entry says "plugin": "corank" and "kind": "label", or "plugin": "label/corank"; the instance's name defaults to the plugin's. */
void
tl_module_read(const json_t *module, tl_module_words *out)
{
	const char *plugin = tl_json_string(module, "plugin", ""), *slash = strchr(plugin, '/');

	snprintf(out->kind, sizeof out->kind, "%s", tl_json_string(module, "kind", "label"));
	if (slash)
		snprintf(out->kind, sizeof out->kind, "%.*s", (int)(slash - plugin), plugin);
	out->plugin = slash ? slash + 1 : plugin;
	out->name = tl_json_string(module, "name", tl_json_string(json_object_get(module, "params"), "name", out->plugin));
}

void
tl_plugin_of(const json_t *modules, const char *instance, char out[64])
{
	size_t i;
	json_t *m;

	out[0] = 0;
	json_array_foreach((json_t *)modules, i, m) {
		tl_module_words w;
		size_t n;
		tl_module_read(m, &w);
		n = strlen(w.name);
		if (instance && n && !strncmp(w.name, instance, n) && (!instance[n] || instance[n] == '.'))
			snprintf(out, 64, "%s/%s", w.kind, w.plugin);
	}
}

int
tl_model_error(tl_model *m, tl_error *e)
{
	tl_error *from = tl_ctx_error(tl_model_ctx(m));

	if (!from->status)
		return tl_error_set(e, TL_FAILED, "the model stopped without saying why");
	return tl_error_set(e, from->status, "%s", from->text);
}

/* A vocabulary trained on the training texts; a second run of the same texts finds it in the cache. */
static tl_tokenizer *
trained_tokenizer(const tl_dataset *d, int64_t vocab, tl_error *e)
{
	const tl_split *s = &d->split[TL_TRAIN];
	char *cache = tl_cache_dir(), *key = tl_format("wordpiece %d %s %lld", TL_NUMERIC_VERSION, s->sha256, (long long)vocab), *path = NULL, *json;
	char hex[65];
	tl_tokenizer *t = NULL;
	tl_error ignored = { 0 };

	tl_sha_of(key, strlen(key), hex);
	free(key);
	if (cache) {
		path = tl_format("%s/wordpiece-%s.json", cache, hex);
		if (tl_exists(path))
			t = tl_tokenizer_load(path, &ignored); /* a damaged one is made anew */
	}
	if (!t && (t = tl_tokenizer_train(s->text, s->text_length, s->n, vocab, e)) && path && (json = tl_tokenizer_json(t))) {
		ignored = (tl_error){ 0 };
		if (!tl_make_dirs(cache, &ignored))
			tl_write_file(path, json, strlen(json), &ignored); /* without a cache it is trained every time */
		free(json);
	}
	free(path);
	free(cache);
	return t;
}

int
tl_run_tokenizer(const json_t *modules, tl_registry *r, const tl_dataset *d, const char *script_dir, tl_tokenizer **out, bool *uses_features, tl_error *e)
{
	char *path = NULL;
	int64_t vocab = 0;

	*out = NULL;
	*uses_features = false;
	if (tl_model_encoder_of(r, modules, script_dir, &path, &vocab, uses_features, e) < 0)
		return -1;
	if (path) {
		*out = tl_tokenizer_load(path, e);
		free(path);
		return *out ? 0 : -1;
	}
	if (vocab <= 0)
		return 0;
	return (*out = trained_tokenizer(d, vocab, e)) ? 0 : -1;
}
