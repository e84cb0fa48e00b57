/*
 * child.c - one run in a process of its own (hidden verb). Everything it needs comes from the database: the script's text, the files
 * that it read, the arguments. It works the run's identity out again and refuses where it is another one: then something has changed.
 */
#include "base/watch.h"
#include "sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

typedef struct child {
	int64_t run, arm_row;
	const char *db;
	int pipe, threads;
	tl_store *store;
	char *experiment, *arm, *dataset, *identity, *status, *before;
	int64_t seed;
	tl_plan_set plan;
	tl_plan_arm *chosen;
	double beat;
	tl_device_words device;
	tl_error e;
} child;

static void
on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

/* One line to the parent; tabs and newlines of what is written have become blanks. */
static void
tell(child *c, const char *format, ...)
{
	char line[4000];
	va_list ap;
	size_t n, done = 0;

	if (c->pipe < 0)
		return;
	va_start(ap, format);
	vsnprintf(line, sizeof line - 1, format, ap);
	va_end(ap);
	n = strcspn(line, "\n");
	line[n++] = '\n';
	while (done < n) {
		ssize_t put = write(c->pipe, line + done, n - done);
		if (put > 0)
			done += (size_t)put;
		else if (errno != EINTR)
			return;
	}
}

/* --- the recorder -------------------------------------------------------------------------------------------------------------- */
static int
on_curve(void *arg, int64_t step, const char *name, double value)
{
	child *c = arg;

	return tl_store_curve(c->store, c->run, step, name, value, &c->e);
}

static int
on_result(void *arg, const char *split, int64_t epoch, const tl_metric_request *q, const tl_metric_value *v)
{
	child *c = arg;

	return tl_store_metric_value(c->store, c->run, split, epoch, q, v, &c->e);
}

static int
on_predictions(void *arg, const char *split, const tl_dataset *d, const tl_scores *s)
{
	child *c = arg;

	for (int i = 0; i < TL_SPLITS; i++)
		if (!strcmp(tl_split_names[i], split))
			return tl_store_predictions(c->store, c->run, split, d->split[i].id, s, &c->e);
	return -1;
}

static int
on_heartbeat(void *arg, int64_t epoch, int64_t step, int64_t steps, double loss, double tokens_per_second, const char *metric, double value)
{
	child *c = arg;
	double now = tl_seconds();

	tell(c, "H\t%lld\t%lld\t%lld\t%.9g\t%.9g\t%.9g\t%s", (long long)epoch, (long long)step, (long long)steps, loss, tokens_per_second, value, metric ? metric : "");
	if (now - c->beat < 2)
		return 0;
	c->beat = now;
	return tl_store_heartbeat(c->store, c->run, &c->e);
}

static int
on_message(void *arg, const char *level, const char *text)
{
	child *c = arg;

	tell(c, "M\t%s: %s", level, text);
	return tl_store_message(c->store, c->run, level, text, &c->e);
}

static int
on_artifact(void *arg, const char *kind, const char *path, const char *sha256, int64_t bytes)
{
	child *c = arg;

	return tl_store_artifact(c->store, c->run, kind, path, sha256, bytes, &c->e);
}

static int
on_epoch(void *arg, int64_t epoch, int n, const tl_metric_request *q, const tl_metric_value *v)
{
	child *c = arg;
	json_t *run, *metrics = json_object();
	tl_text line = { 0 };
	int status;

	for (int i = 0; i < n; i++) {
		if (i < 4 && v[i].defined)
			tl_text_add(&line, "  %s %.4f", q[i].text, v[i].value);
		if (v[i].defined)
			json_object_set_new(metrics, q[i].text, json_real(v[i].value));
	}
	tell(c, "E\tepoch %lld%s", (long long)epoch, line.n ? line.s : "");
	tl_text_free(&line);
	run = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "experiment", c->experiment, "arm", c->arm, "dataset", c->chosen->dataset, "seed", (json_int_t)c->seed, "run", (json_int_t)c->run, "epoch",
	                (json_int_t)epoch);
	status = tl_script_on_epoch(c->plan.script, c->experiment, run, metrics, &c->e);
	json_decref(run);
	json_decref(metrics);
	return status;
}

static bool
on_interrupted(void *arg)
{
	(void)arg;
	return stop;
}

/* --- which run --------------------------------------------------------------------------------------------------------------------- */
static char *
text_of(child *c, const char *sql, int64_t id)
{
	char *s = tl_store_text(c->store, &c->e, sql, "i", id);

	if (!s && !c->e.status)
		tl_error_set(&c->e, TL_ENVIRONMENT, "%s: run %lld or its arm is not complete in the database", c->db, (long long)c->run);
	return s;
}

static json_t *
sources_of(child *c, int64_t experiment)
{
	json_t *sources = json_object();
	tl_rows *r = tl_store_query(c->store, &c->e, "SELECT path, text FROM source WHERE experiment_id = ?1", "i", experiment);

	while (r && tl_rows_next(r, &c->e) == 1)
		if (tl_rows_text(r, 0)) {
			char *path = tl_strdup(tl_rows_text(r, 0));
			json_object_set_new(sources, path, json_string(tl_rows_text(r, 1) ? tl_rows_text(r, 1) : ""));
			free(path);
		}
	tl_rows_free(r);
	return sources;
}

/* Loads the script as the database holds it, with the arguments of that time. */
static int
load_plan(child *c)
{
	int64_t x = tl_store_int(c->store, &c->e, 0, "SELECT experiment_id FROM arm WHERE id = ?1", "i", c->arm_row);
	char *script = text_of(c, "SELECT script FROM experiment WHERE id = ?1", x), *text = text_of(c, "SELECT script_text FROM experiment WHERE id = ?1", x);
	char *argv = text_of(c, "SELECT argv FROM experiment WHERE id = ?1", x);
	json_t *words = NULL, *sources = NULL;
	tl_sweep_options o = { 0 };
	int status = -1;

	c->experiment = text_of(c, "SELECT name FROM experiment WHERE id = ?1", x);
	if (c->e.status)
		goto end;
	words = tl_json_parse(argv, strlen(argv), "argv", &c->e);
	sources = sources_of(c, x);
	if (!words || c->e.status || tl_sweep_recall(&o, words, &c->e))
		goto end;
	status = tl_plan_load(&c->plan, script, text, sources, &o, &c->e);
end:
	tl_sweep_options_free(&o);
	json_decref(words);
	json_decref(sources);
	free(script);
	free(text);
	free(argv);
	return status;
}

/* The arm of that name whose identity is the run's, on the run's device. */
static int
choose_arm(child *c)
{
	tl_text changed = { 0 };
	char *device = tl_store_text(c->store, &c->e, "SELECT device FROM run WHERE id = ?1", "i", c->run);
	int found = 0, status = c->e.status ? -1 : tl_device_look(device ? device : "cpu", &c->device, &c->e);

	free(device);
	if (status)
		return -1;
	for (int64_t i = 0; i < c->plan.n_arms && !c->chosen; i++) {
		tl_plan_arm *arm = &c->plan.arms[i];
		json_t *parts = NULL;
		char hex[65];
		if (strcmp(arm->experiment, c->experiment) || strcmp(arm->name, c->arm))
			continue;
		found++;
		if (tl_plan_open_data(&c->plan, arm, &c->e) || tl_plan_identity(&c->plan, arm, c->seed, c->device.identity, hex, &parts, &c->e)) {
			tl_text_free(&changed);
			return -1;
		}
		if (!strcmp(hex, c->identity)) {
			c->chosen = arm;
		} else if (!changed.n) {
			json_t *before = c->before ? json_loads(c->before, JSON_DECODE_ANY, NULL) : NULL;
			tl_identity_changes(before, parts, &changed);
			json_decref(before);
		}
		json_decref(parts);
	}
	if (!c->chosen) {
		if (!found)
			tl_error_set(&c->e, TL_USAGE, "the script has no arm %s of experiment %s any more", c->arm, c->experiment);
		else
			tl_error_set(&c->e, TL_USAGE, "refused: what decides its numbers has changed since the run was planned: %s; run the script again", changed.n ? changed.s : "its identity");
	}
	tl_text_free(&changed);
	return c->chosen ? 0 : -1;
}

static int
open_run(child *c)
{
	c->store = tl_store_reopen(c->db, &c->e);
	if (!c->store)
		return -1;
	c->identity = text_of(c, "SELECT identity FROM run WHERE id = ?1", c->run);
	c->status = text_of(c, "SELECT status FROM run WHERE id = ?1", c->run);
	c->arm = text_of(c, "SELECT name FROM arm WHERE id = ?1", c->arm_row);
	c->seed = tl_store_int(c->store, &c->e, 0, "SELECT seed FROM run WHERE id = ?1", "i", c->run);
	if (c->e.status)
		return -1;
	c->before = tl_store_text(c->store, &c->e, "SELECT parts FROM run WHERE id = ?1", "i", c->run);
	return c->e.status ? -1 : 0;
}

static int
record_plugin(child *c, const char *kind, const char *name)
{
	const tl_candidate *x = tl_registry_find(c->plan.registry, kind, name, &c->e);
	const char *hash = x ? tl_plugin_hash(x, &c->e) : NULL;
	char abi[32];

	if (!hash)
		return -1;
	snprintf(abi, sizeof abi, "%d.%d", x->plugin->abi_major, x->plugin->abi_minor);
	return tl_store_plugin(c->store, c->run, kind, name, x->plugin->version, abi, x->path, hash, &c->e);
}

static int
record_plugins(child *c)
{
	json_t *m;
	size_t i;

	json_array_foreach(json_object_get(c->chosen->config, "model"), i, m)
		if (record_plugin(c, tl_json_string(m, "kind", "label"), tl_json_string(m, "plugin", "")))
			return -1;
	json_array_foreach(json_object_get(c->chosen->config, "metrics"), i, m) {
		char name[80];
		const tl_candidate *where = NULL;
		const char *text = json_string_value(m);
		snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "@:"), text);
		if (tl_registry_metric(c->plan.registry, name, &where, &c->e) && where && record_plugin(c, "metric", where->plugin->name))
			return -1;
		if (c->e.status)
			return -1;
	}
	return record_plugin(c, "reader", tl_json_string(json_object_get(c->chosen->config, "data"), "reader", "jsonl"));
}

/* --- the run ------------------------------------------------------------------------------------------------------------------------ */
static json_t *
summary_json(const child *c, const tl_run_summary *s)
{
	json_t *j = json_pack("{s:f, s:I, s:i, s:s}", "train_seconds", s->train_seconds, "peak_rss_bytes", (json_int_t)s->peak_rss_bytes, "threads", c->threads, "device", c->device.column);

	if (s->weights_sha256[0]) {
		json_object_set_new(j, "weights_sha256", json_string(s->weights_sha256));
		json_object_set_new(j, "best_epoch", json_integer(s->best_epoch));
	}
	if (s->tokens_per_second > 0)
		json_object_set_new(j, "tokens_per_second", json_real(s->tokens_per_second));
	if (s->tokens_per_doc > 0)
		json_object_set_new(j, "tokens_per_doc", json_real(s->tokens_per_doc));
	return j;
}

static int
end_run(child *c, int status, const tl_run_summary *summary)
{
	const char *word = status == 0 ? "done" : status == TL_INTERRUPTED ? "killed" : "failed";
	const char *text = status == 0 ? NULL : status == TL_INTERRUPTED ? "interrupted; `tagloom resume` goes on" : c->e.text;
	json_t *j = summary_json(c, summary);
	tl_error e = { 0 };

	if (tl_store_run_end(c->store, c->run, word, text, status < 0 ? summary->plugin_at_fault : NULL, j, &e)) {
		/* The last thing that could be written could not: the parent says it, and tries once more. */
		tell(c, "M\terror: %s", e.text);
		json_decref(j);
		return TL_ENVIRONMENT;
	}
	json_decref(j);
	tell(c, "X\t%s\t%s", word, text ? text : "");
	return status == 0 ? 0 : status == TL_INTERRUPTED ? TL_INTERRUPTED : TL_FAILED;
}

static int
train(child *c)
{
	tl_recorder rec = { c, on_curve, on_result, on_predictions, on_heartbeat, on_message, on_artifact, on_epoch, on_interrupted };
	char *folder = tl_run_folder(c->db, c->identity), *checkpoint = tl_path_join(folder, "checkpoint.safetensors");
	tl_run_options o = { .folder = folder, .script_dir = c->plan.script_dir, .threads = c->threads, .device = c->device.column,
		             .dataset = c->plan.datasets[c->chosen->data].d };
	tl_run_summary summary = { .best_epoch = 0 };
	json_t *config = tl_plan_run_config(c->chosen, c->seed);
	int status = 0, code;

	/* A failed run starts again; one that was stopped goes on. */
	o.resume = strcmp(c->status, "failed") && tl_exists(checkpoint);
	if (!o.resume) {
		unlink(checkpoint);
		status = tl_store_run_clear(c->store, c->run, &c->e);
	}
	if (!status)
		status = record_plugins(c);
	if (!status)
		status = tl_run_train(config, c->plan.registry, &o, &rec, &summary, &c->e);
	tl_plugin_page = NULL;
	code = end_run(c, status, &summary);
	json_decref(config);
	free(checkpoint);
	free(folder);
	return code;
}

static void
catch_signals(void)
{
	struct sigaction a = { .sa_handler = on_signal };

	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	a.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &a, NULL);
	sigaction(SIGHUP, &a, NULL);
}

static int
child_run(const tl_args *a, tl_error *e)
{
	child c = { .run = strtoll(a->operand[0], NULL, 10), .db = tl_db_path(a), .pipe = (int)tl_arg_int(a, "--pipe", -1, e) };
	int page = (int)tl_arg_int(a, "--page", -1, e), code = TL_FAILED, claimed;
	tl_run_summary nothing = { .best_epoch = 0 };

	c.arm_row = tl_arg_int(a, "--arm", 0, e);
	c.threads = (int)tl_arg_int(a, "--threads", 1, e);
	if (e->status)
		return -1;
	catch_signals();
	tl_watch_failed = NULL; /* the parent watches */
	if (c.pipe >= 0)
		fcntl(c.pipe, F_SETFD, FD_CLOEXEC);
	if (page >= 0) {
		char *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
		tl_plugin_page = at == MAP_FAILED ? NULL : at;
		close(page);
	}
	claimed = open_run(&c) ? -2 : tl_store_run_claim(c.store, c.run, getpid(), &c.e);
	if (claimed == -2) {
		tell(&c, "M\terror: %s", c.e.text);
		code = TL_ENVIRONMENT;
	} else if (claimed == 0) {
		code = TL_CHILD_ELSEWHERE;
	} else if (claimed < 0 || load_plan(&c) || choose_arm(&c))
		code = end_run(&c, -1, &nothing);
	else
		code = train(&c);
	tl_store_close(c.store);
	tl_plan_free(&c.plan);
	free(c.experiment);
	free(c.arm);
	free(c.identity);
	free(c.status);
	free(c.before);
	return code;
}

static const tl_option options[] = { { "--db", "FILE", "the database" }, { "--arm", "ROW", "the arm's row" }, { "--threads", "N", "threads" },
	                             { "--pipe", "FD", "where progress is told" }, { "--page", "FD", "where the running plugin is named" }, { 0 } };

const tl_verb tl_verb_child = {
	.name = "child", .synopsis = "RUN --db FILE --arm ROW", .summary = "one run of a sweep, in a process of its own", .options = options, .least = 1, .most = 1, .run = child_run, .hidden = true,
};
