/*
 * identity.c - the hash of everything that decides a run's numbers. Two runs with one identity are one run; what decides no number
 * (metrics, threads, paths, time limits, what is kept) is left out.
 */
#include "loop.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- hashes of files, remembered while the program runs ---------------------------------------------------------------------------- */
static struct known { char *path, hex[65]; dev_t dev; ino_t ino; off_t size; struct timespec changed; } *known;
static int64_t n_known, c_known;

static int
file_hash(const char *path, char hex[65], tl_error *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: it cannot be read", path);
	for (int64_t i = 0; i < n_known; i++)
		if (!strcmp(known[i].path, path) && known[i].dev == st.st_dev && known[i].ino == st.st_ino && known[i].size == st.st_size &&
		    known[i].changed.tv_sec == st.st_ctim.tv_sec && known[i].changed.tv_nsec == st.st_ctim.tv_nsec) {
			memcpy(hex, known[i].hex, 65);
			return 0;
		}
	if (tl_sha_file(path, hex, e) < 0)
		return -1;
	known = tl_grow(known, n_known, &c_known, sizeof *known);
	known[n_known] = (struct known){ .path = tl_strdup(path), .dev = st.st_dev, .ino = st.st_ino, .size = st.st_size, .changed = st.st_ctim };
	memcpy(known[n_known++].hex, hex, 65);
	return 0;
}

static int
add_file(json_t *to, const char *folder, const char *name, bool wanted, tl_error *e)
{
	char *path = tl_path_join(folder, name), hex[65];
	int status = 0;

	if (tl_exists(path)) {
		if (!(status = file_hash(path, hex, e)))
			json_object_set_new(to, name, json_string(hex));
	} else if (wanted) {
		status = tl_error_set(e, TL_ENVIRONMENT, "%s: there is no such file", path);
	}
	free(path);
	return status;
}

/* Weights and tokenizer of a Hugging Face folder: name -> hash. */
static json_t *
folder_hashes(const char *folder, tl_error *e)
{
	static const char *const files[] = { "tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt", "1_Pooling/config.json", NULL };
	json_t *to = json_object();
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int bad = add_file(to, folder, "config.json", true, e);

	for (int i = 0; files[i] && !bad; i++)
		bad = add_file(to, folder, files[i], false, e);
	while (!bad && dir && (entry = readdir(dir)))
		if (tl_ends(entry->d_name, ".safetensors"))
			bad = add_file(to, folder, entry->d_name, true, e);
	if (dir)
		closedir(dir);
	if (!bad)
		return to;
	json_decref(to);
	return NULL;
}

/* --- the model --------------------------------------------------------------------------------------------------------------------- */
struct parts { json_t *modules, *plugins, *files; bool fits, needs_seed, scores; };

/* May the module write the slot `logits`, which is what is evaluated? */
static bool
writes_logits(const tl_plugin *p, const json_t *params)
{
	for (const tl_slot *row = p->writes; row && row->name; row++) {
		const char *name = row->name[0] == '@' ? tl_json_string(params, row->name + 1, "") : row->name;
		if (!strcmp(name, "logits"))
			return true;
	}
	return p->module && p->module->fit;
}

/* The file or folder that a module's `weights` names, as hashes in place of the path. */
static int
weights_hashes(struct parts *p, json_t *params, const char *instance, const char *script_dir, tl_error *e)
{
	const char *given = json_string_value(json_object_get(params, "weights"));
	char *path, hex[65];
	json_t *hashes = NULL;
	struct stat st;

	if (!given)
		return 0;
	path = tl_find_path(given, script_dir);
	if (stat(path, &st) < 0)
		tl_error_set(e, TL_ENVIRONMENT, "%s: weights = \"%s\": there is no such folder", instance, given);
	else if (S_ISDIR(st.st_mode))
		hashes = folder_hashes(path, e);
	else if (!file_hash(path, hex, e))
		hashes = json_string(hex);
	free(path);
	if (!hashes)
		return -1;
	json_object_set_new(p->files, instance, hashes);
	json_object_del(params, "weights");
	return 0;
}

static int
add_plugin(struct parts *p, const tl_candidate *c, const char *kind, const char *name, tl_error *e)
{
	char *key = tl_format("%s/%s", kind, name);
	const char *hash = tl_plugin_hash(c, e); /* of a module in Lua: its text's */

	if (hash)
		json_object_set_new(p->plugins, key, json_string(hash));
	free(key);
	return hash ? 0 : -1;
}

static int
add_module(struct parts *p, const json_t *module, tl_registry *r, const char *script_dir, tl_error *e)
{
	const tl_candidate *c;
	tl_module_words words;
	json_t *resolved;
	tl_arena *a;
	void *self;
	int bad;

	tl_module_read(module, &words);
	if (!(c = tl_registry_find(r, words.kind, words.plugin, e)))
		return tl_error_who(e, "%s", words.name);
	a = tl_arena_new(0);
	self = tl_arena_zalloc(a, c->plugin->self_size + 64);
	resolved = json_object();
	bad = tl_params_fill(c->plugin, self, json_object_get(module, "params"), words.name, a, resolved, e);
	p->scores |= !bad && writes_logits(c->plugin, resolved);
	if (!bad && c->plugin->module && c->plugin->module->fit) {
		p->fits = true;
		p->needs_seed |= c->plugin->module->needs_seed;
	}
	if (!bad)
		bad = weights_hashes(p, resolved, words.name, script_dir, e) < 0 || add_plugin(p, c, words.kind, words.plugin, e) < 0;
	if (!bad)
		json_array_append_new(p->modules, json_pack("{ss ss ss sO}", "kind", words.kind, "plugin", words.plugin, "name", words.name, "params", resolved));
	json_decref(resolved);
	tl_arena_free(a);
	return bad ? -1 : 0;
}

int
tl_no_logits(tl_error *e)
{
	return tl_error_set(e, TL_USAGE, "no module writes the slot logits, so there is nothing to evaluate; end the model with a classifier, or set its `into` to \"logits\"");
}

bool
tl_modules_fit(const json_t *modules, tl_registry *r)
{
	size_t i;
	json_t *m;

	json_array_foreach((json_t *)modules, i, m) {
		tl_error ignored = { 0 };
		tl_module_words words;
		const tl_candidate *c;
		tl_module_read(m, &words);
		c = tl_registry_find(r, words.kind, words.plugin, &ignored);
		if (c && c->plugin->module && c->plugin->module->fit)
			return true;
	}
	return false;
}

json_t *
tl_train_decisive(const json_t *train)
{
	static const char *const idle[] = { "timeout", "keep", "recompute" };
	json_t *t = json_copy((json_t *)train);

	for (int64_t i = 0; i < TL_COUNT(idle); i++)
		json_object_del(t, idle[i]);
	return t;
}

static int
add_train(json_t *parts, const json_t *config, bool has_valid, tl_error *e)
{
	const json_t *given = json_object_get(config, "train");
	json_t *train = json_is_object(given) ? json_deep_copy(given) : json_object();
	int bad = tl_train_defaults(train, has_valid, e);

	if (!bad) {
		json_object_set(parts, "precision", json_object_get(train, "precision"));
		json_object_set_new(parts, "train", tl_train_decisive(train));
	}
	json_decref(train);
	return bad;
}

int
tl_run_identity(const json_t *config, tl_registry *r, const tl_dataset *d, const char *script_dir, const char *device, char hex[65], json_t **parts, tl_error *e)
{
	struct parts p = { .modules = json_array(), .plugins = json_object(), .files = json_object() };
	const char *reader = tl_json_string(json_object_get(config, "data"), "reader", "jsonl");
	const tl_candidate *c = tl_registry_find(r, "reader", reader, e);
	json_t *all = NULL, *module;
	size_t i;
	char *text;
	int bad = !c || add_plugin(&p, c, "reader", reader, e) < 0;

	json_array_foreach(json_object_get(config, "model"), i, module)
		bad = bad || add_module(&p, module, r, script_dir, e) < 0;
	if (!bad && !p.scores)
		bad = tl_no_logits(e) < 0;
	if (!bad) {
		all = json_pack("{si ss sO sO sO ss ss ss}", "numeric", TL_NUMERIC_VERSION, "dataset", d->sha256, "model", p.modules, "plugins", p.plugins, "files", p.files,
		                "device", device && !p.fits ? device : "cpu", "isa", tl_isa(), "gemm", tl_gemm_library());
		if (!p.fits || p.needs_seed)
			json_object_set(all, "seed", json_object_get(config, "seed"));
		json_object_set_new(all, "data", json_pack("{s:I}", "keep", (json_int_t)d->keep));
		/* A module that fits by itself ignores `train` and tokens; so does its identity. */
		if (!p.fits)
			json_object_set_new(json_object_get(all, "data"), "max_length", json_integer(d->max_length));
		if (!p.fits)
			bad = add_train(all, config, d->split[TL_VALID].present && d->split[TL_VALID].n > 0, e) < 0;
	}
	if (!bad) {
		text = tl_json_canonical(all);
		tl_sha_of(text, strlen(text), hex);
		free(text);
		if (parts)
			*parts = json_incref(all);
	}
	json_decref(p.modules);
	json_decref(p.plugins);
	json_decref(p.files);
	json_decref(all);
	return bad ? -1 : 0;
}
