/* run.c - tagloom run: a script's arms, trained where they are not done yet. */
#include "scored.h"
#include "sweep.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
add_word(json_t *words, const char *text)
{
	json_t *w = json_string(text); /* NULL: no UTF-8 */

	json_array_append_new(words, w ? w : json_string("?"));
}

/* -D seeds=... that says how much is run, and nothing else: each run has its own seed. */
static bool
chooses_seeds(const tl_plan_set *p, const tl_option *o, const char *value)
{
	const json_t *x = json_array_get(tl_script_experiments(p->script), 0);

	return !strcmp(o->name, "--define") && tl_starts(value, "seeds=") && !tl_json_bool(x, "seeds_asked", false);
}

/* What the command asked for, without the program: `argv` of the experiment. Where, how fast and how much of it is run makes no other experiment. */
static json_t *
command_words(const tl_plan_set *p, const tl_args *a)
{
	static const char *const left_out[] = { "--db", "--jobs", "--threads", "--force", "--fail-fast", "--only", "--quiet" };
	const bool dashed = a->operand[0][0] == '-'; /* behind a --, or it would be read as an option */
	json_t *words = json_array();

	add_word(words, a->verb);
	if (!dashed)
		add_word(words, a->operand[0]);
	for (int i = 0; i < a->n_given; i++) {
		const tl_option *o = a->given[i].option;
		const char letter[] = { '-', o->letter, 0 };
		bool kept = !chooses_seeds(p, o, a->given[i].value);
		for (int k = 0; k < TL_COUNT(left_out); k++)
			kept = kept && strcmp(o->name, left_out[k]);
		if (kept)
			add_word(words, o->letter ? letter : o->name);
		if (kept && o->value)
			add_word(words, a->given[i].value);
	}
	if (dashed) {
		add_word(words, "--");
		add_word(words, a->operand[0]);
	}
	return words;
}

/* Parameters as the built model has them: sizes that a checkpoint decides stand in place of defaults. */
static void
take_params(tl_plan_arm *arm, const char *text, size_t n)
{
	tl_error ignored = { 0 };
	json_t *wiring = tl_json_parse(text, n, "the wiring", &ignored), *m;
	size_t i;

	json_array_foreach(json_object_get(arm->stored, "model"), i, m)
		if (json_object_get(m, "resolved"))
			json_object_update(json_object_get(m, "resolved"), json_object_get(json_array_get(wiring, i), "params"));
	json_decref(wiring);
}

/* Every model is built once without weights before anything starts, so that wiring mistakes are told before training. */
static int
check_models(tl_plan_set *p, tl_error *e)
{
	for (int64_t i = 0; i < p->n_arms; i++) {
		tl_text out = { 0 };
		tl_error here = { 0 };
		int status = tl_plan_wiring(p, &p->arms[i], &out, &here);

		if (!status && out.s)
			take_params(&p->arms[i], out.s, out.n);
		tl_text_free(&out);
		if (status < 0) {
			tl_error_set(e, here.status == TL_ENVIRONMENT ? TL_ENVIRONMENT : TL_USAGE, "%s", here.text);
			return tl_error_who(e, "arm %s", p->arms[i].name);
		}
		if (status > 0) /* its run will fail, and say so; the others go on */
			tl_warning("arm %s: %s while the model was checked", p->arms[i].name, here.text);
	}
	return 0;
}

static char *
label_of(const tl_plan_set *p, const tl_planned *r)
{
	const tl_plan_arm *arm = &p->arms[r->arm];
	bool several = false, data = false;

	for (int64_t i = 0; i < p->n_arms; i++) {
		several |= strcmp(p->arms[i].experiment, arm->experiment) != 0;
		data |= strcmp(p->arms[i].dataset, arm->dataset) != 0;
	}
	return tl_format("%s%s%s%s%s%s, seed %lld", several ? arm->experiment : "", several ? ": " : "", arm->name, data ? " (" : "", data ? arm->dataset : "", data ? ")" : "", (long long)r->seed);
}

static void
add_jobs(tl_sweep *s, const tl_plan_set *p)
{
	for (int64_t i = 0; i < p->n_runs; i++) {
		const tl_planned *r = &p->runs[i];
		const tl_plan_arm *arm = &p->arms[r->arm];
		tl_job *j;
		if (r->linked)
			continue;
		j = tl_sweep_add(s);
		j->run = r->run;
		j->arm_row = arm->row;
		j->seed = r->seed;
		j->label = label_of(p, r);
		j->timeout = arm->timeout;
		j->n_documents = p->datasets[arm->data].d->split[TL_TRAIN].n;
		j->epochs = arm->seedless ? 1 : tl_json_int(json_object_get(arm->stored, "train"), "epochs", 1);
	}
}

static void
say_plan(const tl_plan_set *p, const tl_sweep *s)
{
	int64_t done = 0;

	for (int64_t i = 0; i < p->n_runs; i++)
		done += p->runs[i].linked;
	if (!s->n && p->n_runs == 1)
		tl_note("the run is done already; nothing to train");
	else if (!s->n)
		tl_note("all %lld runs are done already; nothing to train", (long long)p->n_runs);
	else if (done)
		tl_note("%lld run%s to train, %lld done already", (long long)s->n, s->n == 1 ? "" : "s", (long long)done);
	else
		tl_note("%lld run%s to train", (long long)s->n, s->n == 1 ? "" : "s");
}

/* As a word of the shell, in quotes where it holds more than letters, digits and the like. malloc'd. */
static char *
shell_word(const char *s, bool always)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
	tl_text t = { 0 };

	if (!always && *s && !s[strspn(s, plain)])
		return tl_strdup(s);
	tl_text_add(&t, "'");
	for (; *s; s++)
		if (*s == '\'')
			tl_text_add(&t, "'\\''");
		else
			tl_text_add(&t, "%c", *s);
	tl_text_add(&t, "'");
	return t.s;
}

static void
say_end(const tl_plan_set *p, const tl_sweep *s, const tl_sweep_options *o, double seconds)
{
	tl_text line = { 0 };
	const char *last = NULL;
	char *db = shell_word(o->db, false), *name;

	if (s->n) {
		tl_text_add(&line, "%lld trained", (long long)s->done);
		if (s->elsewhere)
			tl_text_add(&line, ", %lld by another process", (long long)s->elsewhere);
		if (s->failed)
			tl_text_add(&line, ", %lld failed", (long long)s->failed);
		if (s->killed)
			tl_text_add(&line, ", %lld stopped", (long long)s->killed);
		if (s->n > s->done + s->elsewhere + s->failed + s->killed)
			tl_text_add(&line, ", %lld not started", (long long)(s->n - s->done - s->elsewhere - s->failed - s->killed));
		tl_note("%s in %.1f s", line.s, seconds);
	}
	tl_text_free(&line);
	for (int64_t i = 0; i < p->n_arms; i++) {
		if (last && !strcmp(last, p->arms[i].experiment))
			continue;
		last = p->arms[i].experiment;
		name = shell_word(last, true);
		tl_note("see: tagloom table --db %s --experiment %s", db, name);
		free(name);
	}
	if (s->failed)
		tl_note("see: tagloom runs --db %s --status failed", db);
	if (s->interrupted || s->killed)
		tl_note("go on with: tagloom resume --db %s", db);
	free(db);
}

typedef struct scoring_call { tl_plan_set *plan; const char *db; } scoring_call;

/* Values of one arm's metrics that its run was not measured by. */
static int
score_run(tl_store *s, tl_plan_set *p, const tl_planned *r, tl_error *e)
{
	const json_t *metrics = json_object_get(p->arms[r->arm].config, "metrics"), *m;
	const char **names = tl_alloc((json_array_size(metrics) + 1) * sizeof *names);
	char *status = tl_store_text(s, e, "SELECT status FROM run WHERE id = ?1", "i", r->run);
	size_t i;
	int stored = 0;

	json_array_foreach((json_t *)metrics, i, m)
		names[i] = json_string_value(m);
	if (tl_streq(status, "done"))
		stored = tl_score_lacking(s, p->registry, r->run, NULL, (int)json_array_size(metrics), names, e);
	free(status);
	free(names);
	return stored;
}

static int
score_all(void *arg, tl_text *out, tl_error *e)
{
	scoring_call *call = arg;
	tl_store *s = tl_store_reopen(call->db, e);
	int64_t runs = 0;

	for (int64_t i = 0; s && i < call->plan->n_runs; i++) {
		tl_error here = { 0 };
		int stored = call->plan->runs[i].linked ? score_run(s, call->plan, &call->plan->runs[i], &here) : 0;
		runs += stored > 0;
		if (stored < 0 && !strstr(out->s ? out->s : "", here.text))
			tl_text_add(out, "%s%s", out->n ? "\n" : "", here.text);
	}
	if (runs)
		tl_text_add(out, "%smetrics that are new were computed from the stored scores of %lld run%s", out->n ? "\n" : "", (long long)runs, runs == 1 ? "" : "s");
	tl_store_close(s);
	return s ? 0 : -1;
}

/* Runs that were done already may have been measured by other metrics; theirs come from stored scores. */
static void
score_linked(tl_plan_set *p, const char *db)
{
	scoring_call call = { p, db };
	tl_text out = { 0 };
	tl_error e = { 0 };
	bool any = false;

	for (int64_t i = 0; i < p->n_runs; i++)
		any |= p->runs[i].linked;
	if (any && tl_isolated(score_all, &call, &out, &e))
		tl_warning("metrics of runs that were done already: %s", e.text);
	if (out.n)
		tl_note("%s", out.s);
	tl_text_free(&out);
}

static int
sweep(tl_plan_set *p, const tl_args *a, const tl_sweep_options *o, tl_error *e)
{
	tl_sweep s = { .db = o->db, .jobs = o->jobs, .threads = o->threads, .fail_fast = o->fail_fast, .quiet = o->quiet };
	json_t *words = command_words(p, a);
	double began = tl_seconds();
	int status = tl_plan_register(p, o, words, e);

	json_decref(words);
	if (!status) {
		add_jobs(&s, p);
		for (int64_t i = 0; i < p->n_datasets; i++) { /* the children open it again; the parent needs no room for it */
			tl_dataset_free(p->datasets[i].d);
			p->datasets[i].d = NULL;
		}
		s.jobs = (int)TL_MIN((int64_t)s.jobs, TL_MAX(s.n, 1));
		say_plan(p, &s);
		status = tl_sweep_run(&s, e) ? -1 : tl_sweep_status(&s);
		if (!s.interrupted)
			score_linked(p, o->db);
		say_end(p, &s, o, tl_seconds() - began);
	}
	tl_sweep_free(&s);
	return status;
}

static int
run_run(const tl_args *a, tl_error *e)
{
	tl_sweep_options o = { 0 };
	tl_plan_set p = { 0 };
	int status = -1;

	if (!tl_sweep_read(&o, a, e) && !tl_plan_load(&p, a->operand[0], NULL, NULL, &o, e)) {
		tl_log_quiet(o.quiet);
		if (o.dry_run)
			status = tl_dry_run(&p, &o, e);
		else if (!tl_plan_runs(&p, &o, e) && !check_models(&p, e))
			status = sweep(&p, a, &o, e);
	}
	tl_plan_free(&p);
	tl_sweep_options_free(&o);
	return status;
}

const tl_verb tl_verb_run = {
	.name = "run",
	.synopsis = "SCRIPT.lua [--db FILE] [-D KEY=VALUE]... [--jobs N] [--device cpu|cuda[:i]|auto] [--threads N] [--dry-run] [--force] [--fail-fast] [--only ARM] [--limit-docs N] [--quiet] [--trust]",
	.summary = "train every arm of a script with every seed, where it is not done yet",
	.description = "The script returns one experiment, or a list of them (see docs/lua.md). Each run is a process of its own and writes into the database as it goes; a run is known\n"
	               "by the hash of everything that decides its numbers, so what is done is only linked and a finished script trains nothing. A plugin that crashes, hangs or exits\n"
	               "loses its own run. Ctrl-C stops after writing checkpoints; `tagloom resume`, or the same command again, goes on to the same bits.",
	.options = tl_run_option_rows, .least = 1, .most = 1, .run = run_run,
};
