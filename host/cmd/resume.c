/* resume.c - tagloom resume: runs that were stopped go on from their checkpoints, to the same bits as if nothing had happened. */
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

static int
add_run(tl_store *s, tl_sweep *sweep, int64_t run, tl_error *e)
{
	tl_rows *r = tl_store_query(s, e,
	                            "SELECT a.id, a.name, r.seed, a.config_json, d.n_train, r.seedless FROM run r JOIN arm_run ar ON ar.run_id = r.id JOIN arm a ON a.id = ar.arm_id "
	                            "LEFT JOIN dataset d ON d.id = r.dataset_id WHERE r.id = ?1 ORDER BY a.id DESC LIMIT 1",
	                            "i", run);
	int got = r ? tl_rows_next(r, e) : -1;

	if (got == 1) {
		tl_job *j = tl_sweep_add(sweep);
		const char *config = tl_rows_text(r, 3);
		json_t *c = config ? json_loads(config, 0, NULL) : NULL, *train = json_object_get(c, "train");
		j->run = run;
		j->arm_row = tl_rows_int(r, 0);
		j->seed = tl_rows_int(r, 2);
		j->label = tl_rows_null(r, 2) ? tl_strdup(tl_rows_text(r, 1)) : tl_format("%s, seed %lld", tl_rows_text(r, 1), (long long)j->seed);
		j->timeout = tl_json_number(train, "timeout", 600);
		j->epochs = tl_rows_int(r, 5) ? 1 : tl_json_int(train, "epochs", 1);
		j->n_documents = tl_rows_int(r, 4);
		j->folder = tl_folder_of_run(s, run, e);
		json_decref(c);
	}
	tl_rows_free(r);
	if (!got)
		return tl_error_set(e, TL_USAGE, "run %lld belongs to no arm; it cannot be continued", (long long)run);
	return got < 0 ? -1 : 0;
}

/* Runs named by the arguments, or all that were stopped or never started. */
static int
collect(tl_store *s, const tl_args *a, tl_sweep *sweep, tl_error *e)
{
	int64_t *run = NULL, n = 0, room = 0;
	tl_rows *r;
	int status = 0;

	for (int i = 0; i < a->n && !status; i++) {
		int64_t id = tl_store_find_run(s, a->operand[i], e);
		char *word = id > 0 ? tl_store_text(s, e, "SELECT status FROM run WHERE id = ?1", "i", id) : NULL;
		if (!word)
			status = -1;
		else if (!strcmp(word, "done"))
			tl_note("run %lld is done already", (long long)id);
		else if (!strcmp(word, "running"))
			status = tl_error_set(e, TL_USAGE, "run %lld is running in process %lld", (long long)id, (long long)tl_store_int(s, e, 0, "SELECT pid FROM run WHERE id = ?1", "i", id));
		else
			status = add_run(s, sweep, id, e);
		free(word);
	}
	if (a->n)
		return status;
	r = tl_store_query(s, e, "SELECT id FROM run WHERE status IN ('killed', 'dead', 'queued') ORDER BY id", "");
	while (r && tl_rows_next(r, e) == 1) {
		run = tl_grow(run, n, &room, sizeof *run);
		run[n++] = tl_rows_int(r, 0);
	}
	tl_rows_free(r);
	for (int64_t i = 0; i < n && !e->status; i++)
		add_run(s, sweep, run[i], e);
	free(run);
	return e->status ? -1 : 0;
}

static int
resume_run(const tl_args *a, tl_error *e)
{
	int64_t jobs = tl_arg_int(a, "--jobs", 1, e), threads = tl_arg_int(a, "--threads", tl_cpu_count(), e);
	char *db = realpath(tl_db_path(a), NULL); /* runs may go on in another folder */
	tl_sweep s = { .db = db ? db : tl_db_path(a), .quiet = tl_arg_flag(a, "--quiet") };
	tl_store *store;
	int status = -1;

	if (e->status) {
		free(db);
		return -1;
	}
	tl_log_quiet(s.quiet);
	tl_share_cpus(TL_MAX(jobs, 1), TL_MAX(threads, 1), &s.jobs, &s.threads);
	store = tl_store_reopen(s.db, e);
	if (store)
		status = collect(store, a, &s, e);
	tl_store_close(store);
	if (!status) {
		if (!s.n)
			tl_note("nothing to continue");
		else
			tl_note("%lld run%s to continue", (long long)s.n, s.n == 1 ? "" : "s");
		s.jobs = (int)TL_MIN((int64_t)s.jobs, TL_MAX(s.n, 1));
		status = tl_sweep_run(&s, e) ? -1 : tl_sweep_status(&s);
	}
	tl_sweep_free(&s);
	free(db);
	return status;
}

static const tl_option options[] = {
	{ "--db", "FILE", "the results database (default $TAGLOOM_DB, else results/tagloom.db)" },
	{ "--jobs", "N", "runs at the same time (default 1), at most one for each thread" },
	{ "--threads", "N", "threads in all, shared by the jobs (default, and most with several jobs: every CPU of the inherited mask)" },
	{ "--quiet", NULL, "no progress" },
	{ 0 }
};

const tl_verb tl_verb_resume = {
	.name = "resume", .synopsis = "[--db FILE] [--jobs N] [--threads N] [--quiet] [RUN...]", .summary = "continue interrupted runs",
	.description = "Without RUN: every run that was stopped, whose process died, or that was planned and never started. The script, its arguments and the folder in which it was started,\n"
	               "where its relative paths begin, come from the database.",
	.options = options, .least = 0, .most = -1, .run = resume_run,
};
