/*
 * reproduce.c - tagloom reproduce: a run again, from what the database alone holds, in a database of its own; then every number is
 * compared bit by bit. Where something that decides numbers has changed, that is what is said.
 */
#include "sweep.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct past { /* the run as the database has it */
	int64_t run, arm_row, experiment, seed;
	char *identity, *arm, *name, *script, *text, *argv, *parts, *weights, *folder, *db;
	json_t *sources, *words;
	tl_device_words device;
} past;

static char *
field(tl_store *s, const char *sql, int64_t id, const char *what, tl_error *e)
{
	char *v = tl_store_text(s, e, sql, "i", id);

	if (!v)
		tl_error_set(e, TL_ENVIRONMENT, "the database does not hold %s of this run", what);
	return v;
}

static int
read_past(tl_store *s, const char *name, past *p, tl_error *e)
{
	char *status;
	tl_rows *r;

	p->run = tl_store_find_run(s, name, e);
	if (p->run < 0)
		return -1;
	status = tl_store_text(s, e, "SELECT status FROM run WHERE id = ?1", "i", p->run);
	if (!tl_streq(status, "done"))
		tl_error_set(e, TL_USAGE, "run %lld is %s; only a run that is done can be reproduced", (long long)p->run, status ? status : "gone");
	free(status);
	if (e->status)
		return -1;
	p->arm_row = tl_store_int(s, e, 0, "SELECT max(arm_id) FROM arm_run WHERE run_id = ?1", "i", p->run);
	p->experiment = tl_store_int(s, e, 0, "SELECT experiment_id FROM arm WHERE id = ?1", "i", p->arm_row);
	p->seed = tl_store_int(s, e, -1, "SELECT seed FROM run WHERE id = ?1", "i", p->run);
	if (p->seed < 0)
		return tl_error_set(e, TL_ENVIRONMENT, "run %lld: the database does not hold its seed", (long long)p->run);
	p->identity = field(s, "SELECT identity FROM run WHERE id = ?1", p->run, "the identity", e);
	p->weights = tl_store_text(s, e, "SELECT weights_sha256 FROM run WHERE id = ?1", "i", p->run);
	p->folder = tl_folder_of_run(s, p->run, e);
	p->db = realpath(tl_store_path(s), NULL);
	p->parts = tl_store_text(s, e, "SELECT parts FROM run WHERE id = ?1", "i", p->run);
	status = tl_store_text(s, e, "SELECT device FROM run WHERE id = ?1", "i", p->run);
	if (!e->status && tl_device_ask(status ? status : "cpu", &p->device, e))
		tl_error_who(e, "run %lld was computed on %s", (long long)p->run, status);
	free(status);
	p->arm = field(s, "SELECT name FROM arm WHERE id = ?1", p->arm_row, "the arm", e);
	p->name = field(s, "SELECT name FROM experiment WHERE id = ?1", p->experiment, "the experiment", e);
	p->script = field(s, "SELECT script FROM experiment WHERE id = ?1", p->experiment, "the script's path", e);
	p->text = field(s, "SELECT script_text FROM experiment WHERE id = ?1", p->experiment, "the script", e);
	p->argv = field(s, "SELECT argv FROM experiment WHERE id = ?1", p->experiment, "the arguments", e);
	if (e->status)
		return -1;
	p->words = tl_json_parse(p->argv, strlen(p->argv), "argv", e);
	p->sources = json_object();
	r = tl_store_query(s, e, "SELECT path, text FROM source WHERE experiment_id = ?1", "i", p->experiment);
	while (r && tl_rows_next(r, e) == 1) {
		char *path = tl_strdup(tl_rows_text(r, 0));
		json_object_set_new(p->sources, path, json_string(tl_rows_text(r, 1)));
		free(path);
	}
	tl_rows_free(r);
	return e->status ? -1 : 0;
}

static void
free_past(past *p)
{
	free(p->identity);
	free(p->folder);
	free(p->db);
	free(p->arm);
	free(p->name);
	free(p->script);
	free(p->text);
	free(p->argv);
	free(p->parts);
	free(p->weights);
	json_decref(p->sources);
	json_decref(p->words);
}

/* The plan's one run: the arm whose identity is the past run's. 0; 1: none has it, and `changed` says why; -1. */
static int
choose(tl_plan_set *plan, const past *p, tl_text *changed, tl_error *e)
{
	for (int64_t i = 0; i < plan->n_arms; i++) {
		tl_plan_arm *arm = &plan->arms[i];
		tl_planned r = { .arm = (int)i, .seed = p->seed };
		if (strcmp(arm->experiment, p->name) || strcmp(arm->name, p->arm))
			continue;
		if (tl_plan_open_data(plan, arm, e) || tl_plan_identity(plan, arm, p->seed, p->device.identity, r.identity, &r.parts, e))
			return -1;
		if (!strcmp(r.identity, p->identity)) {
			plan->runs = tl_grow(plan->runs, plan->n_runs, &plan->room_runs, sizeof *plan->runs);
			plan->runs[plan->n_runs++] = r;
			/* Only this arm is registered. */
			if (i) {
				tl_plan_arm first = plan->arms[0];
				plan->arms[0] = *arm;
				plan->arms[i] = first;
				plan->runs[0].arm = 0;
			}
			return 0;
		}
		if (!changed->n) {
			json_t *before = p->parts ? json_loads(p->parts, 0, NULL) : NULL;
			tl_identity_changes(before, r.parts, changed);
			json_decref(before);
		}
		json_decref(r.parts);
	}
	if (!changed->n)
		return tl_error_set(e, TL_ENVIRONMENT, "the script in the database has no arm %s of experiment %s", p->arm, p->name);
	return 1;
}

/* --- comparing -------------------------------------------------------------------------------------------------------------------- */
typedef struct side { tl_store *s; int64_t run; } side;

/* Rows of both sides in one order, compared byte by byte. Returns how many agree; *differs gets the first row that does not. */
static int64_t
compare_rows(side a, side b, const char *sql, char differs[200], tl_error *e)
{
	tl_rows *x = tl_store_query(a.s, e, sql, "i", a.run), *y = tl_store_query(b.s, e, sql, "i", b.run);
	int64_t same = 0;
	int gx = 1, gy = 1;

	differs[0] = 0;
	while (x && y && (gx = tl_rows_next(x, e)) >= 0 && (gy = tl_rows_next(y, e)) >= 0 && (gx || gy)) {
		bool equal = gx == gy;
		for (int c = 0; equal && c < tl_rows_columns(x); c++) {
			size_t n = 0, m = 0;
			if (tl_rows_type(x, c) != tl_rows_type(y, c)) {
				equal = false;
			} else if (tl_rows_type(x, c) == 'd') {
				double v = tl_rows_real(x, c), w = tl_rows_real(y, c);
				equal = !memcmp(&v, &w, sizeof v);
			} else {
				const void *p = tl_rows_blob(x, c, &n), *q = tl_rows_blob(y, c, &m);
				equal = n == m && (!n || !memcmp(p, q, n));
			}
		}
		if (!equal) {
			tl_rows *named = gx == 1 ? x : y;
			const char *text = tl_rows_text(named, 0);
			snprintf(differs, 200, "%s", text ? text : "a row");
			break;
		}
		same++;
	}
	tl_rows_free(x);
	tl_rows_free(y);
	return same;
}

/* Metrics may have been added or left out since; those of both are compared. Returns how many agree. */
static int64_t
compare_results(side before, side now, char differs[200], tl_error *e)
{
	tl_rows *x = tl_store_query(now.s, e, "SELECT r.split, r.epoch, m.name, m.signature, r.grp, r.value FROM result r JOIN metric m ON m.id = r.metric_id WHERE r.run_id = ?1", "i", now.run);
	int64_t same = 0;

	differs[0] = 0;
	while (x && !differs[0] && tl_rows_next(x, e) == 1) {
		tl_rows *y = tl_store_query(before.s, e, "SELECT r.value FROM result r JOIN metric m ON m.id = r.metric_id WHERE r.run_id = ?1 AND r.split = ?2 AND r.epoch = ?3 AND m.name = ?4 "
		                            "AND m.signature = ?5 AND r.grp = ?6", "isisss", before.run, tl_rows_text(x, 0), tl_rows_int(x, 1), tl_rows_text(x, 2), tl_rows_text(x, 3), tl_rows_text(x, 4));
		if (y && tl_rows_next(y, e) == 1) {
			double v = tl_rows_real(x, 5), w = tl_rows_real(y, 0);
			if (tl_rows_null(x, 5) == tl_rows_null(y, 0) && !memcmp(&v, &w, sizeof v))
				same++;
			else
				snprintf(differs, 200, "%s %s of epoch %lld: %.17g, before %.17g", tl_rows_text(x, 0), tl_rows_text(x, 2), (long long)tl_rows_int(x, 1), v, w);
		}
		tl_rows_free(y);
	}
	tl_rows_free(x);
	return same;
}

/* Prints the verdict. 0: the same bits, 1: not. */
static int
compare(side before, side now, const past *p, tl_error *e)
{
	static const struct { const char *what, *sql; } table[] = {
		{ "predictions", "SELECT split || ' document ' || doc_id, labels, logits, gold FROM prediction WHERE run_id = ?1 ORDER BY split, id" },
		{ "points of curves", "SELECT name || ' at step ' || step, value FROM curve WHERE run_id = ?1 ORDER BY name, step" },
	};
	char *weights = tl_store_text(now.s, e, "SELECT weights_sha256 FROM run WHERE id = ?1", "i", now.run);
	tl_text good = { 0 }, bad = { 0 };
	int status;

	if (tl_streq(weights, p->weights))
		tl_text_add(&good, "weights %.12s", weights ? weights : "none");
	else
		tl_text_add(&bad, "weights %.12s, before %.12s", weights ? weights : "none", p->weights ? p->weights : "none");
	for (int64_t i = -1; i < TL_COUNT(table) && !e->status; i++) {
		const char *what = i < 0 ? "results" : table[i].what;
		char differs[200];
		int64_t n = i < 0 ? compare_results(before, now, differs, e) : compare_rows(before, now, table[i].sql, differs, e);
		if (differs[0])
			tl_text_add(&bad, "%s%s: the first that differs is %s", bad.n ? "; " : "", what, differs);
		else
			tl_text_add(&good, "%s%lld %s", good.n ? ", " : "", (long long)n, what);
	}
	status = e->status ? -1 : bad.n ? TL_FAILED : 0;
	if (!e->status && bad.n)
		printf("run %lld: not the same bits, though nothing that is known to decide them has changed: %s\n", (long long)p->run, bad.s);
	else if (!e->status)
		printf("run %lld: same bits: %s\n", (long long)p->run, good.s);
	free(weights);
	tl_text_free(&good);
	tl_text_free(&bad);
	return status;
}

/* --- running ------------------------------------------------------------------------------------------------------------------------- */
static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
run_again(tl_plan_set *plan, const past *p, const char *db, const tl_args *a, bool quiet, tl_error *e)
{
	int64_t threads = tl_arg_int(a, "--threads", tl_cpu_count(), e);
	tl_sweep_options o = { .db = db, .jobs = 1, .threads = (int)TL_MAX(threads, 1), .device = p->device, .quiet = quiet };
	tl_sweep s = { .db = db, .jobs = 1, .threads = o.threads, .quiet = quiet };
	tl_job *j;
	int status;

	for (int64_t i = 1; i < plan->n_arms; i++) {
		json_decref(plan->arms[i].config);
		json_decref(plan->arms[i].stored);
	}
	plan->n_arms = 1;
	if (e->status || tl_plan_register(plan, &o, p->words, e))
		return -1;
	j = tl_sweep_add(&s);
	j->run = plan->runs[0].run;
	j->arm_row = plan->arms[0].row;
	j->seed = p->seed;
	j->label = tl_format("%s, seed %lld, again", p->arm, (long long)p->seed);
	j->timeout = plan->arms[0].timeout;
	j->n_documents = plan->datasets[plan->arms[0].data].d->split[TL_TRAIN].n;
	j->epochs = plan->arms[0].seedless ? 1 : tl_json_int(json_object_get(plan->arms[0].stored, "train"), "epochs", 1);
	status = tl_sweep_run(&s, e) ? -1 : tl_sweep_status(&s);
	tl_sweep_free(&s);
	return status;
}

static int
again_and_compare(tl_plan_set *plan, const past *p, const tl_args *a, tl_error *e)
{
	const char *tmp = getenv("TMPDIR");
	char *folder = tl_format("%s/tagloom-reproduce-XXXXXX", tmp && *tmp ? tmp : "/tmp"), *db;
	int status;

	if (!mkdtemp(folder)) {
		tl_error_set(e, TL_ENVIRONMENT, "%s: no folder could be made there", folder);
		free(folder);
		return -1;
	}
	db = tl_path_join(folder, "again.db");
	status = run_again(plan, p, db, a, tl_arg_flag(a, "--quiet"), e);
	if (!status) {
		side before = { tl_store_open(p->db ? p->db : tl_db_path(a), true, e), p->run }, now = { tl_store_open(db, true, e), plan->runs[0].run };
		status = before.s && now.s ? compare(before, now, p, e) : -1;
		tl_store_close(before.s);
		tl_store_close(now.s);
	}
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(db);
	free(folder);
	return status;
}

static int
reproduce_run(const tl_args *a, tl_error *e)
{
	tl_store *s = tl_store_open(tl_db_path(a), true, e);
	past p = { 0 };
	tl_plan_set plan = { 0 };
	tl_sweep_options o = { 0 };
	tl_text changed = { 0 };
	int status = -1;

	if (!s)
		return -1;
	tl_log_quiet(tl_arg_flag(a, "--quiet"));
	status = read_past(s, a->operand[0], &p, e);
	tl_store_close(s);
	if (!status && p.folder)
		tl_go_to(p.folder);
	if (!status)
		status = tl_sweep_recall(&o, p.words, e) || tl_plan_load(&plan, p.script, p.text, p.sources, &o, e) ? -1 : 0;
	if (!status)
		status = choose(&plan, &p, &changed, e);
	if (status == 1)
		printf("run %lld: changed since then: %s\n", (long long)p.run, changed.s);
	else if (!status)
		status = again_and_compare(&plan, &p, a, e);
	tl_text_free(&changed);
	tl_plan_free(&plan);
	tl_sweep_options_free(&o);
	free_past(&p);
	return status;
}

static const tl_option options[] = {
	{ "--db", "FILE", "the results database (default $TAGLOOM_DB, else results/tagloom.db)" },
	{ "--threads", "N", "threads (default: every CPU of the inherited mask); the bits do not depend on it" },
	{ "--quiet", NULL, "no progress" },
	{ 0 }
};

const tl_verb tl_verb_reproduce = {
	.name = "reproduce", .synopsis = "[--db FILE] [--threads N] [--quiet] RUN", .summary = "run a run again from what the database holds, and compare every bit",
	.description = "Script, arguments and the files that the script read come from the database; data, plugins and initial weights are those of today, held against their hashes. Prints\n"
	               "\"same bits\", or what has changed, and ends with status 1 then. The new run is made in a temporary database.",
	.options = options, .least = 1, .most = 1, .run = reproduce_run,
};
