/* runs.c - a list of runs. */
#include "cmd.h"
#include "format.h"
#include "store/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const tl_option options[] = {
	{ "--db", "FILE", "results database (default $TAGLOOM_DB, else results/tagloom.db)" },
	{ "--status", "S", "only runs that are queued, running, done, failed, killed or dead" },
	{ "--experiment", "E", "only runs of an experiment, by name or id" },
	{ "--format", "FORMAT", "text (default), md, latex, csv or json" },
	{ 0 }
};

static const char sql[] =
	"SELECT r.id, v.experiment, v.arm, v.dataset, r.seed, r.status, r.best_epoch, r.train_seconds, r.device, r.started_at, r.finished_at, r.plugin_at_fault, r.error, r.identity, r.host, r.pid, "
	"r.seedless, (SELECT count(*) FROM arm_run x WHERE x.run_id = r.id) "
	"FROM run r LEFT JOIN v_run v ON v.run_id = r.id AND v.arm_id IS (SELECT max(arm_id) FROM arm_run x WHERE x.run_id = r.id) "
	"WHERE (?1 IS NULL OR r.status = ?1) AND (?2 IS NULL OR EXISTS (SELECT 1 FROM v_run w WHERE w.run_id = r.id AND (w.experiment = ?2 OR CAST(w.experiment_id AS TEXT) = ?2))) ORDER BY r.id";

/* A read-only file cannot be reaped; what is shown is the truth all the same. */
static const char *
status_now(tl_store *s, tl_rows *r)
{
	const char *status = tl_rows_text(r, 5);

	return !strcmp(status, "running") && tl_store_run_alive(s, tl_rows_int(r, 0)) == 0 ? "dead" : status;
}

static void
duration(tl_cell *c, double seconds)
{
	if (seconds < 100)
		tl_cell_text(c, "%.1f s", seconds);
	else if (seconds < 6000)
		tl_cell_text(c, "%d:%02d", (int)seconds / 60, (int)seconds % 60);
	else
		tl_cell_text(c, "%d:%02d:%02d", (int)seconds / 3600, (int)seconds / 60 % 60, (int)seconds % 60);
}

static void
for_people(tl_store *s, tl_rows *r, tl_grid *g)
{
	const char *error = tl_rows_null(r, 12) ? "" : tl_rows_text(r, 12), *plugin = tl_rows_null(r, 11) ? "" : tl_rows_text(r, 11);
	tl_cell *c = tl_grid_row(g);
	char *line = tl_strndup(error, strcspn(error, "\n"));

	tl_cell_int(c++, tl_rows_int(r, 0));
	for (int j = 1; j <= 3; j++, c++)
		tl_cell_string(c, tl_rows_null(r, j) ? "–" : tl_rows_text(r, j));
	if (tl_rows_int(r, 16) || tl_rows_null(r, 4))
		tl_cell_string(c++, tl_rows_int(r, 16) ? "any" : "–");
	else
		tl_cell_int(c++, tl_rows_int(r, 4));
	tl_cell_string(c++, status_now(s, r));
	if (tl_rows_null(r, 6))
		c++;
	else
		tl_cell_int(c++, tl_rows_int(r, 6));
	if (!tl_rows_null(r, 7))
		duration(c, tl_rows_real(r, 7));
	c++;
	if (*plugin || *line)
		tl_cell_text(c, "%s%s%s", plugin, *plugin && *line ? ": " : "", line);
	free(line);
}

static void
for_programs(tl_store *s, tl_rows *r, tl_grid *g)
{
	tl_cell *c = tl_grid_row(g);

	for (int j = 0; j < 16; j++, c++) {
		if (j == 5)
			tl_cell_string(c, status_now(s, r));
		else if (tl_rows_type(r, j) == 'i')
			tl_cell_int(c, tl_rows_int(r, j));
		else if (tl_rows_type(r, j) == 'd')
			tl_cell_real(c, tl_rows_real(r, j), -1);
		else
			tl_cell_string(c, tl_rows_text(r, j));
	}
}

static int
check_status(const char *status, tl_error *e)
{
	static const char *const all[] = { "queued", "running", "done", "failed", "killed", "dead" };
	const char *near;

	for (int i = 0; status && i < 6; i++)
		if (!strcmp(status, all[i]))
			return 0;
	if (!status)
		return 0;
	near = tl_nearest(status, all, 6);
	return tl_error_set(e, TL_USAGE, "--status %s: wanted queued, running, done, failed, killed or dead%s%s", status, near ? "; did you mean " : "", near ? near : "");
}

static int
run(const tl_args *a, tl_error *e)
{
	static const char *const people[] = { ">run", "experiment", "arm", "dataset", ">seed", "status", ">best epoch", ">time", "error" };
	static const char *const programs[] = { "run", "experiment", "arm", "dataset", "seed", "status", "best_epoch", "train_seconds", "device", "started_at", "finished_at", "plugin_at_fault", "error",
		                                    "identity", "host", "pid" };
	const char *status = tl_arg_value(a, "--status", NULL);
	tl_output as;
	tl_store *s;
	tl_rows *r;
	tl_grid *g;
	int got = 0;

	if (tl_output_named(tl_arg_value(a, "--format", "text"), &as, e) || check_status(status, e))
		return -1;
	s = tl_store_open(tl_db_path(a), true, e);
	if (!s)
		return -1;
	bool data = as == TL_AS_CSV || as == TL_AS_JSON;
	g = data ? tl_grid_new(16, programs) : tl_grid_new(9, people);
	g->sentences = true;
	r = tl_store_query(s, e, sql, "ss", status, tl_arg_value(a, "--experiment", NULL));
	while (r && (got = tl_rows_next(r, e)) == 1)
		(data ? for_programs : for_people)(s, r, g);
	tl_rows_free(r);
	if (!got && r && (g->rows || data))
		tl_grid_write(g, as, stdout);
	else if (!got && r)
		puts(status ? "no such run" : "no run yet");
	tl_grid_free(g);
	tl_store_close(s);
	return e->status ? -1 : 0;
}

const tl_verb tl_verb_runs = {
	.name = "runs",
	.synopsis = "[--db FILE] [--status S] [--experiment E] [--format FORMAT]",
	.summary = "list runs and how they ended",
	.description = "One line per run. A run whose process is gone is dead, whatever it said last. CSV and JSON have all columns, identity among\n"
	               "them; other verbs take a run by its number or by the first digits of its identity.",
	.options = options,
	.least = 0,
	.most = 0,
	.run = run,
};
