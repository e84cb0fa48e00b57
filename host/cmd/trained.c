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
		return tl_store_query(s, e, "SELECT id, identity, status FROM run WHERE id = ?", "i", (int64_t)id);
	return tl_store_query(s, e, "SELECT id, identity, status FROM run WHERE substr(identity, 1, length(?1)) = ?1 ORDER BY status <> 'done', id DESC LIMIT 1", "s", run);
}

tl_trained *
tl_cmd_trained(const tl_args *a, tl_registry **registry, tl_error *e)
{
	const char *db = tl_db_path(a), *run = tl_arg_value(a, "--run", NULL);
	tl_store *s;
	tl_rows *rows;
	tl_trained *t = NULL;
	char *folder = NULL;
	tl_run_options o = { .threads = (int)tl_arg_int(a, "--threads", 1, e), .device = "cpu" };

	*registry = NULL;
	if (e->status)
		return NULL;
	if (!run || !*run) {
		tl_error_set(e, TL_USAGE, "--run RUN is missing: a run's number or identity; tagloom runs lists them");
		return NULL;
	}
	if (!(s = tl_store_open(db, true, e)))
		return NULL;
	if ((rows = find_run(s, run, e))) {
		int got = tl_rows_next(rows, e);
		if (got == 0)
			tl_error_set(e, TL_USAGE, "%s: there is no run %s; tagloom runs --db %s lists them", db, run, db);
		else if (got > 0 && !tl_streq(tl_rows_text(rows, 2), "done"))
			tl_error_set(e, TL_USAGE, "%s: run %s is %s; only a run that is done can be used", db, run, tl_rows_text(rows, 2));
		else if (got > 0)
			folder = tl_format("%s.d/%s", db, tl_rows_text(rows, 1));
		tl_rows_free(rows);
	}
	tl_store_close(s);
	if (!folder)
		return NULL;
	o.folder = folder;
	*registry = tl_registry_new();
	t = tl_trained_open(NULL, *registry, &o, e);
	free(folder);
	return t;
}
