/* trained.c - a run of the database found by its number or identity, opened for use. */
#include "trained.h"

#include <stdlib.h>
#include <string.h>

#include "store/store.h"

static tl_rows *
find_run(tl_store *s, const char *run, tl_error *e)
{
	char *end;
	long long id = strtoll(run, &end, 10);

	/* A short number is a run's id; an identity has 64 hexadecimal digits, of which the first eight or more will do. */
	if (*run && !*end && strlen(run) < 8)
		return tl_store_query(s, e, "SELECT id, identity, status FROM run WHERE id = ?1", "i", (int64_t)id);
	return tl_store_query(s, e, "SELECT id, identity, status FROM run WHERE substr(identity, 1, length(?1)) = ?1 ORDER BY status <> 'done', id DESC LIMIT 1", "s", run);
}

/* The run's number and its folder of artifacts; NULL after an error. */
static char *
folder_of(tl_store *s, const char *db, const char *run, int64_t *id, tl_error *e)
{
	tl_rows *rows = find_run(s, run, e);
	char *folder = NULL;
	int got;

	if (!rows)
		return NULL;
	got = tl_rows_next(rows, e);
	if (got == 0)
		tl_error_set(e, TL_USAGE, "%s: there is no run %s; tagloom runs --db %s lists them", db, run, db);
	else if (got > 0 && !tl_streq(tl_rows_text(rows, 2), "done"))
		tl_error_set(e, TL_USAGE, "%s: run %s is %s; only a run that is done can be used", db, run, tl_rows_text(rows, 2));
	else if (got > 0) {
		*id = tl_rows_int(rows, 0);
		folder = tl_run_folder(db, tl_rows_text(rows, 1));
	}
	tl_rows_free(rows);
	return folder;
}

/* Modules written in Lua are known once the script, as the database holds it, has been loaded. */
static int
load_script(tl_used *u, tl_store *s, int64_t run, tl_error *e)
{
	static const char of_run[] = " FROM experiment JOIN arm ON arm.experiment_id = experiment.id JOIN arm_run ON arm_run.arm_id = arm.id WHERE arm_run.run_id = ?1 ORDER BY experiment.id DESC LIMIT 1";
	static const char *const columns[] = { "experiment.script", "experiment.script_text", "experiment.argv" };
	char *text[3] = { NULL };
	int64_t x = 0;
	json_t *words = NULL, *sources = json_object();
	tl_sweep_options o = { 0 };
	tl_rows *r;
	int status = -1;

	for (int i = 0; i < 3; i++) {
		char *sql = tl_format("SELECT %s, experiment.id%s", columns[i], of_run);
		r = tl_store_query(s, e, sql, "i", run);
		if (r && tl_rows_next(r, e) == 1) {
			text[i] = tl_strdup(tl_rows_text(r, 0) ? tl_rows_text(r, 0) : "");
			x = tl_rows_int(r, 1);
		}
		tl_rows_free(r);
		free(sql);
	}
	r = tl_store_query(s, e, "SELECT path, text FROM source WHERE experiment_id = ?1", "i", x);
	while (r && tl_rows_next(r, e) == 1) {
		char *path = tl_strdup(tl_rows_text(r, 0));
		json_object_set_new(sources, path, json_string(tl_rows_text(r, 1) ? tl_rows_text(r, 1) : ""));
		free(path);
	}
	tl_rows_free(r);
	if (!text[2])
		tl_error_set(e, TL_ENVIRONMENT, "run %lld: the script that its modules are written in is not in the database", (long long)run);
	if (!e->status && (words = tl_json_parse(text[2], strlen(text[2]), "argv", e)) && !tl_sweep_recall(&o, words, e)) {
		status = tl_plan_load(&u->plan, text[0], text[1], sources, &o, e);
		u->planned = true;
		u->registry = u->plan.registry;
	}
	tl_sweep_options_free(&o);
	json_decref(words);
	json_decref(sources);
	for (int i = 0; i < 3; i++)
		free(text[i]);
	return status;
}

int
tl_used_open(tl_used *u, const tl_args *a, tl_error *e)
{
	const char *db = tl_db_path(a), *run = tl_arg_value(a, "--run", NULL);
	tl_run_options o = { .threads = (int)tl_arg_int(a, "--threads", 1, e), .device = "cpu" };
	tl_store *s;
	char *folder = NULL;
	int64_t id = 0;

	*u = (tl_used){ 0 };
	if (e->status)
		return -1;
	if (!run || !*run)
		return tl_error_set(e, TL_USAGE, "--run RUN is missing: a run's number or identity; tagloom runs lists them");
	if (!(s = tl_store_open(db, true, e)))
		return -1;
	folder = folder_of(s, db, run, &id, e);
	if (folder && tl_store_int(s, e, 0, "SELECT count(*) FROM run_plugin WHERE run_id = ?1 AND path LIKE '%.lua:%'", "i", id) > 0)
		load_script(u, s, id, e);
	tl_store_close(s);
	if (folder && !e->status) {
		if (!u->planned)
			u->registry = tl_registry_new();
		o.folder = folder;
		u->trained = tl_trained_open(NULL, u->registry, &o, e);
	}
	free(folder);
	return u->trained ? 0 : -1;
}

void
tl_used_free(tl_used *u)
{
	tl_trained_close(u->trained);
	if (u->planned)
		tl_plan_free(&u->plan);
	else
		tl_registry_free(u->registry);
}
