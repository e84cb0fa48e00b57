/* plan.c - from a script to planned runs: options, arms with their datasets, identities. */
#include "sweep.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const tl_option tl_run_option_rows[] = {
	{ "--db", "FILE", "the results database (default $TAGLOOM_DB, else results/tagloom.db)" },
	{ "--define", "KEY=VALUE", "override: INSTANCE.PARAMETER, train.KEY, data.KEY, seeds=1,2, or an argument of the script", 'D', true },
	{ "--jobs", "N", "runs at the same time (default 1), at most one for each thread" },
	{ "--device", "DEVICE", "cpu, cuda, cuda:0 or auto (default auto)" },
	{ "--threads", "N", "threads in all, shared by the jobs (default, and most with several jobs: every CPU of the inherited mask)" },
	{ "--dry-run", NULL, "check everything and print arms, wiring, sizes and estimates; train nothing" },
	{ "--force", NULL, "run again what is already done; its results are replaced" },
	{ "--fail-fast", NULL, "start nothing more after the first failed run" },
	{ "--only", "ARM", "only the arm of this name" },
	{ "--limit-docs", "N", "only the first N training documents" },
	{ "--quiet", NULL, "no progress" },
	{ "--trust", NULL, "lift the script's limits: os.execute, io.popen, C modules, endless loops" },
	{ 0 }
};

int
tl_cpu_count(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set))
		return 1;
	return TL_MAX(CPU_COUNT(&set), 1);
}

/* Several runs at a time never have more threads than there are CPUs; one alone has what was asked for. */
void
tl_share_cpus(int64_t jobs, int64_t threads, int *shared_jobs, int *shared_threads)
{
	int64_t most = jobs > 1 ? TL_MIN(threads, (int64_t)tl_cpu_count()) : TL_MIN(threads, 1024);

	*shared_threads = (int)most;
	*shared_jobs = (int)TL_MIN(jobs, most);
	if (*shared_jobs < jobs)
		tl_note("--jobs %lld: %d run%s at the same time, for there %s %d thread%s to share", (long long)jobs, *shared_jobs, *shared_jobs == 1 ? "" : "s", most == 1 ? "is" : "are", (int)most, most == 1 ? "" : "s");
}

static int
positive(const tl_args *a, const char *name, int64_t fallback, int64_t *out, tl_error *e)
{
	*out = tl_arg_int(a, name, fallback, e);
	if (e->status)
		return -1;
	if (tl_arg_value(a, name, NULL) && *out < 1)
		return tl_error_set(e, TL_USAGE, "%s %lld: wanted 1 or more", name, (long long)*out);
	return 0;
}

int
tl_sweep_read(tl_sweep_options *o, const tl_args *a, tl_error *e)
{
	int64_t jobs, threads;

	*o = (tl_sweep_options){ .db = tl_db_path(a), .only = tl_arg_value(a, "--only", NULL), .trust = tl_arg_flag(a, "--trust"), .force = tl_arg_flag(a, "--force"),
		                 .fail_fast = tl_arg_flag(a, "--fail-fast"), .quiet = tl_arg_flag(a, "--quiet"), .dry_run = tl_arg_flag(a, "--dry-run") };
	o->define = tl_alloc((size_t)(a->n_given + 1) * sizeof *o->define);
	for (int i = 0; i < a->n_given; i++)
		if (!strcmp(a->given[i].option->name, "--define"))
			o->define[o->n_define++] = a->given[i].value;
	if (positive(a, "--jobs", 1, &jobs, e) || positive(a, "--threads", tl_cpu_count(), &threads, e) || positive(a, "--limit-docs", 0, &o->limit_docs, e))
		return -1;
	tl_share_cpus(jobs, threads, &o->jobs, &o->threads);
	return tl_device_ask(tl_arg_value(a, "--device", NULL), &o->device, e);
}

/* Value of an option at words[*i], in all the spellings that main.c takes; NULL where it is another one. */
static const char *
recalled(const json_t *words, size_t *i, const char *name, char letter)
{
	const char *w = json_string_value(json_array_get(words, *i));
	size_t n = strlen(name);

	if (!strncmp(w, name, n) && w[n] == '=')
		return w + n + 1;
	if (letter && w[0] == '-' && w[1] == letter && w[2])
		return w + 2;
	if (!strcmp(w, name) || (letter && w[0] == '-' && w[1] == letter && !w[2]))
		return json_string_value(json_array_get(words, ++*i));
	return NULL;
}

int
tl_sweep_recall(tl_sweep_options *o, const json_t *words, tl_error *e)
{
	size_t n = json_array_size(words);

	*o = (tl_sweep_options){ .jobs = 1, .threads = tl_cpu_count(), .device = { "cpu", "cpu", "" }, .define = tl_alloc((n + 1) * sizeof *o->define) };
	for (size_t i = 0; i < n; i++) {
		const char *w = json_string_value(json_array_get(words, i)), *v;
		if (!w)
			return tl_error_set(e, TL_ENVIRONMENT, "the experiment's argv in the database is not a list of words");
		if (!strcmp(w, "--"))
			break;
		if (!strcmp(w, "--trust"))
			o->trust = true;
		else if ((v = recalled(words, &i, "--define", 'D')))
			o->define[o->n_define++] = v;
		else if ((v = recalled(words, &i, "--limit-docs", 0)))
			o->limit_docs = strtoll(v, NULL, 10);
	}
	return 0;
}

void
tl_sweep_options_free(tl_sweep_options *o)
{
	free(o->define);
	o->define = NULL;
}

/* --- arms ------------------------------------------------------------------------------------------------------------------------ */
/* What training takes: modules as given, without script lines, which decide nothing and would tie a checkpoint to a path. */
static json_t *
plain_config(const json_t *config)
{
	json_t *copy = json_deep_copy(config), *m;
	size_t i;

	json_array_foreach(json_object_get(copy, "model"), i, m) {
		json_object_del(m, "where");
		json_object_del(m, "resolved");
	}
	return copy;
}

static void
limit_documents(json_t *config, int64_t limit)
{
	json_t *data = json_object_get(config, "data");
	int64_t now = tl_json_int(data, "limit", 0);

	if (limit > 0 && (now <= 0 || limit < now))
		json_object_set_new(data, "limit", json_integer(limit));
}

/* fits: a module that trains by itself; seedless: none of its numbers depend on the seed. */
static void
look_at_modules(tl_plan_set *p, tl_plan_arm *arm)
{
	bool fits = false, seed = false;
	json_t *m;
	size_t i;

	json_array_foreach(json_object_get(arm->config, "model"), i, m) {
		const tl_candidate *c = tl_registry_find(p->registry, tl_json_string(m, "kind", "label"), tl_json_string(m, "plugin", ""), NULL);
		if (c && c->plugin->module && c->plugin->module->fit) {
			fits = true;
			seed |= c->plugin->module->needs_seed;
		}
	}
	arm->seedless = fits && !seed;
}

static void
add_arm(tl_plan_set *p, const json_t *x, const json_t *a, const tl_sweep_options *o)
{
	tl_plan_arm *arm;

	p->arms = tl_grow(p->arms, p->n_arms, &p->room_arms, sizeof *p->arms);
	arm = &p->arms[p->n_arms++];
	*arm = (tl_plan_arm){ .experiment = tl_json_string(x, "name", ""), .name = tl_json_string(a, "name", ""), .dataset = tl_json_string(a, "dataset", ""),
		              .where = tl_json_string(x, "line", ""), .is_baseline = tl_json_bool(a, "is_baseline", false), .on_epoch = tl_json_bool(x, "on_epoch", false), .data = -1 };
	arm->stored = json_deep_copy(json_object_get(a, "config"));
	limit_documents(arm->stored, o->limit_docs);
	arm->config = plain_config(arm->stored);
	look_at_modules(p, arm);
}

static void
script_is_stuck(const char *sentence)
{
	tl_end_now(TL_USAGE, sentence);
}

int
tl_plan_load(tl_plan_set *p, const char *path, const char *text, const json_t *sources, const tl_sweep_options *o, tl_error *e)
{
	tl_script_options so = { .define = o->define, .n_define = o->n_define, .trust = o->trust, .text = text, .sources = sources, .stuck = script_is_stuck };
	const char *slash = strrchr(path, '/');
	json_t *x, *a;
	size_t i, k;

	*p = (tl_plan_set){ .registry = tl_registry_new(), .script_path = tl_strdup(path) };
	p->script_dir = slash ? tl_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : tl_strdup(".");
	so.registry = p->registry;
	p->script = tl_script_load(path, &so, e);
	if (!p->script)
		return -1;
	json_array_foreach((json_t *)tl_script_experiments(p->script), i, x) {
		json_array_foreach(json_object_get(x, "arms"), k, a) {
			if (o->only && strcmp(o->only, tl_json_string(a, "name", "")))
				continue;
			add_arm(p, x, a, o);
		}
	}
	if (!p->n_arms) {
		const char *names[256], *near;
		int64_t n = 0;
		json_array_foreach((json_t *)tl_script_experiments(p->script), i, x)
			json_array_foreach(json_object_get(x, "arms"), k, a)
				if (n < TL_COUNT(names))
					names[n++] = tl_json_string(a, "name", "");
		near = tl_nearest(o->only ? o->only : "", names, n);
		return tl_error_set(e, TL_USAGE, "--only %s: no arm of that name%s%s", o->only ? o->only : "", near ? "; did you mean " : "", near ? near : "");
	}
	return 0;
}

/* --- datasets ---------------------------------------------------------------------------------------------------------------------- */
/* The metric that chooses the epoch is one that there is. */
static int
check_select(tl_plan_set *p, const json_t *train, tl_error *e)
{
	const char *select = tl_json_string(train, "select", "last");
	tl_metric_request q = { 0 };
	tl_error here = { 0 };
	int bad = strcmp(select, "last") && tl_metric_parse(&q, p->registry, select, &here) ? tl_error_set(e, TL_USAGE, "train.select = \"%s\": %s", select, here.text) : 0;

	tl_metric_request_free(&q);
	return bad;
}

static int
check_metrics(tl_plan_set *p, const tl_plan_arm *arm, tl_error *e)
{
	json_t *m;
	size_t i;
	int bad = 0;

	json_array_foreach(json_object_get(arm->config, "metrics"), i, m) {
		tl_metric_request q = { 0 };
		bad = tl_metric_parse(&q, p->registry, json_string_value(m), e) || tl_metric_fits(&q, p->datasets[arm->data].d, e);
		tl_metric_request_free(&q);
		if (bad)
			return tl_error_who(e, "%s: arm %s", arm->where, arm->name);
	}
	return 0;
}

int
tl_plan_open_data(tl_plan_set *p, tl_plan_arm *arm, tl_error *e)
{
	char *key = tl_json_canonical(json_object_get(arm->config, "data"));
	json_t *train;
	bool has_valid;

	for (int64_t i = 0; i < p->n_datasets && arm->data < 0; i++)
		if (!strcmp(p->datasets[i].key, key))
			arm->data = (int)i;
	if (arm->data < 0) {
		tl_dataset *d = tl_run_dataset(arm->config, p->registry, p->script_dir, 0, e);
		if (!d) {
			free(key);
			return -1;
		}
		p->datasets = tl_grow(p->datasets, p->n_datasets, &p->room_datasets, sizeof *p->datasets);
		arm->data = (int)p->n_datasets;
		p->datasets[p->n_datasets++] = (tl_plan_dataset){ .key = tl_strdup(key), .d = d };
	}
	free(key);
	has_valid = p->datasets[arm->data].d->split[TL_VALID].present && p->datasets[arm->data].d->split[TL_VALID].n > 0;
	train = json_object_get(arm->stored, "train");
	if (!json_is_object(train)) {
		train = json_object();
		json_object_set_new(arm->stored, "train", train);
	}
	if (check_metrics(p, arm, e))
		return -1;
	if (arm->seedless) { /* a plugin that fits by itself ignores these keys */
		arm->timeout = tl_json_number(train, "timeout", 600);
		return 0;
	}
	if (tl_train_defaults(train, has_valid, e) || check_select(p, train, e))
		return tl_error_who(e, "%s: arm %s", arm->where, arm->name);
	json_object_set_new(arm->config, "train", json_deep_copy(train));
	arm->timeout = tl_json_number(train, "timeout", 600);
	return 0;
}

int
tl_plan_tokenize(tl_plan_set *p, const tl_plan_arm *arm, tl_tokenizer **out, tl_error *e)
{
	const json_t *data = json_object_get(arm->config, "data");
	tl_tokenizer *t = NULL;
	int64_t vocab, max_length = tl_json_int(data, "max_length", 512);
	char *path, *key;
	tl_ids none = { 0 };
	bool features;

	*out = NULL;
	if (tl_model_encoder_of(p->registry, json_object_get(arm->config, "model"), p->script_dir, &path, &vocab, &features, e))
		return -1;
	if (!path && vocab <= 0)
		return 0;
	key = path ? path : tl_format("%lld", (long long)vocab);
	for (int64_t i = 0; i < p->n_tokenizers && !t; i++)
		if (!strcmp(p->tokenizers[i].key, key))
			t = p->tokenizers[i].t;
	if (!t && (t = path ? tl_tokenizer_load(path, e) : tl_tokenizer_train(NULL, NULL, 0, vocab, e))) {
		p->tokenizers = tl_grow(p->tokenizers, p->n_tokenizers, &p->room_tokenizers, sizeof *p->tokenizers);
		p->tokenizers[p->n_tokenizers++] = (tl_plan_tokenizer){ tl_strdup(key), t };
	}
	free(key);
	if (!t || tl_tokenizer_encode(t, "", 0, true, max_length, &none, e) < 0)
		return -1;
	free(none.at);
	*out = t;
	return 0;
}

json_t *
tl_plan_run_config(const tl_plan_arm *arm, int64_t seed)
{
	json_t *config = json_deep_copy(arm->config);

	json_object_set_new(config, "seed", json_integer(seed));
	return config;
}

int
tl_plan_identity(tl_plan_set *p, const tl_plan_arm *arm, int64_t seed, const char *device, char hex[65], json_t **parts, tl_error *e)
{
	json_t *config = tl_plan_run_config(arm, seed), *all = NULL;
	int status = tl_run_identity(config, p->registry, p->datasets[arm->data].d, p->script_dir, device, hex, &all, e);

	json_decref(config);
	/* A callback may stop a run, and so decides its numbers: the script's text belongs to the identity. */
	if (!status && arm->on_epoch) {
		char *text = tl_json_canonical(tl_script_sources(p->script)), sources[65];
		tl_sha_of(text, strlen(text), sources);
		free(text);
		json_object_set_new(all, "on_epoch", json_string(sources));
		text = tl_json_canonical(all);
		tl_sha_of(text, strlen(text), hex);
		free(text);
	}
	if (parts && !status)
		*parts = json_incref(all);
	json_decref(all);
	return status;
}

int
tl_plan_runs(tl_plan_set *p, const tl_sweep_options *o, tl_error *e)
{
	json_t *x, *seed;
	size_t i, k;

	for (int64_t n = 0; n < p->n_arms; n++) {
		tl_plan_arm *arm = &p->arms[n];
		if (tl_plan_open_data(p, arm, e))
			return -1;
		if (tl_train_fits(json_object_get(arm->config, "train"), json_object_get(arm->config, "model"), p->registry, o->device.column, e))
			return tl_error_who(e, "arm %s", arm->name);
		json_array_foreach((json_t *)tl_script_experiments(p->script), i, x) {
			if (strcmp(tl_json_string(x, "name", ""), arm->experiment))
				continue;
			json_array_foreach(json_object_get(x, "seeds"), k, seed) {
				tl_planned *r;
				if (arm->seedless && k > 0)
					break;
				p->runs = tl_grow(p->runs, p->n_runs, &p->room_runs, sizeof *p->runs);
				r = &p->runs[p->n_runs];
				*r = (tl_planned){ .arm = (int)n, .seed = json_integer_value(seed) };
				if (tl_plan_identity(p, arm, r->seed, o->device.identity, r->identity, &r->parts, e))
					return tl_error_who(e, "arm %s", arm->name);
				p->n_runs++;
			}
		}
	}
	return 0;
}

void
tl_plan_free(tl_plan_set *p)
{
	for (int64_t i = 0; i < p->n_runs; i++) {
		json_decref(p->runs[i].parts);
		free(p->runs[i].status);
	}
	for (int64_t i = 0; i < p->n_arms; i++) {
		json_decref(p->arms[i].config);
		json_decref(p->arms[i].stored);
	}
	for (int64_t i = 0; i < p->n_datasets; i++) {
		free(p->datasets[i].key);
		tl_dataset_free(p->datasets[i].d);
	}
	for (int64_t i = 0; i < p->n_tokenizers; i++) {
		free(p->tokenizers[i].key);
		tl_tokenizer_free(p->tokenizers[i].t);
	}
	free(p->runs);
	free(p->arms);
	free(p->datasets);
	free(p->tokenizers);
	tl_script_free(p->script);
	tl_registry_free(p->registry);
	free(p->script_path);
	free(p->script_dir);
	*p = (tl_plan_set){ 0 };
}
