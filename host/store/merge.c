/*
 * merge.c - the rows of one database into another. Ids differ from file to file, so rows are told apart by what they say: runs
 * by identity, datasets by content, experiments by script and arguments, metrics by signature. Merging again changes nothing.
 */
#include "inside.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DATASET "name, path, sha256, n_train, n_valid, n_test, n_labels, labels_per_doc, tokens_per_doc, train_documents, propensity_a, propensity_b, cooccurrence, valid_sha256, test_sha256"
#define EXPERIMENT "name, script, script_text, script_sha256, git_commit, git_diff, host_build, argv, created_at, folder"
#define RUN_REST "seed, identity, status, error, plugin_at_fault, pid, host, device, threads, started_at, heartbeat_at, finished_at, train_seconds, peak_rss_bytes, tokens_per_second, " \
	"best_epoch, weights_sha256, seedless, boot, pid_start, parts"
#define SAME_DATASET "d.name = x.name AND d.sha256 IS x.sha256 AND (x.sha256 IS NOT NULL OR (d.n_train IS x.n_train AND d.n_test IS x.n_test AND d.path IS x.path))"
#define SOURCES(schema, id) "(SELECT json_group_object(path, sha256) FROM (SELECT path, sha256 FROM " schema ".source WHERE experiment_id = " id " ORDER BY path))"
#define SAME_EXPERIMENT "d.name = x.name AND d.script_sha256 IS x.script_sha256 AND d.argv IS x.argv AND d.host_build IS x.host_build AND d.git_commit IS x.git_commit AND " \
	"d.git_diff IS x.git_diff AND d.script IS x.script AND " SOURCES("main", "d.id") " = " SOURCES("src", "x.id")
#define SAME_ARM "d.experiment_id = m.dst AND d.name = x.name AND d.config_sha256 IS x.config_sha256 AND (x.config_sha256 IS NOT NULL OR d.config_json IS x.config_json)"

/* Everything but experiments and runs. */
static const char *const before[] = {
	"CREATE TEMP TABLE map_dataset (src INTEGER PRIMARY KEY, dst INTEGER)",
	"CREATE TEMP TABLE map_metric (src INTEGER PRIMARY KEY, dst INTEGER)",
	"CREATE TEMP TABLE map_experiment (src INTEGER PRIMARY KEY, dst INTEGER)",
	"CREATE TEMP TABLE map_arm (src INTEGER PRIMARY KEY, dst INTEGER)",
	"CREATE TEMP TABLE map_run (src INTEGER PRIMARY KEY, dst INTEGER, take INTEGER)",
	"INSERT INTO main.dataset (" DATASET ") SELECT " DATASET " FROM src.dataset x WHERE NOT EXISTS (SELECT 1 FROM main.dataset d WHERE " SAME_DATASET ") ORDER BY id",
	"INSERT INTO map_dataset SELECT x.id, (SELECT min(d.id) FROM main.dataset d WHERE " SAME_DATASET ") FROM src.dataset x",
	"INSERT OR IGNORE INTO main.label (dataset_id, idx, key, name, description, train_count) SELECT m.dst, idx, key, name, description, train_count FROM src.label JOIN map_dataset m ON m.src = dataset_id",
	"UPDATE main.dataset AS d SET (train_documents, propensity_a, propensity_b, cooccurrence) = (SELECT x.train_documents, x.propensity_a, x.propensity_b, x.cooccurrence FROM src.dataset x "
	"JOIN map_dataset m ON m.src = x.id WHERE m.dst = d.id AND x.train_documents IS NOT NULL LIMIT 1) WHERE d.train_documents IS NULL AND EXISTS (SELECT 1 FROM src.dataset x "
	"JOIN map_dataset m ON m.src = x.id WHERE m.dst = d.id AND x.train_documents IS NOT NULL)",
	"INSERT OR IGNORE INTO main.metric (name, signature, higher_is_better) SELECT name, signature, higher_is_better FROM src.metric ORDER BY id",
	"INSERT INTO map_metric SELECT x.id, d.id FROM src.metric x JOIN main.metric d ON d.name = x.name AND d.signature = x.signature",
};

/* With the experiments known. */
static const char *const between[] = {
	"INSERT INTO main.arm (experiment_id, name, is_baseline, config_json, config_sha256) SELECT m.dst, x.name, x.is_baseline, x.config_json, x.config_sha256 FROM src.arm x "
	"JOIN map_experiment m ON m.src = x.experiment_id WHERE NOT EXISTS (SELECT 1 FROM main.arm d WHERE " SAME_ARM ") ORDER BY x.id",
	"INSERT INTO map_arm SELECT x.id, (SELECT min(d.id) FROM main.arm d WHERE " SAME_ARM ") FROM src.arm x JOIN map_experiment m ON m.src = x.experiment_id",
	"INSERT OR IGNORE INTO main.param (arm_id, key, value) SELECT m.dst, key, value FROM src.param JOIN map_arm m ON m.src = arm_id",
};

static const char *const after[] = {
	"INSERT OR IGNORE INTO main.arm_run (arm_id, run_id) SELECT a.dst, r.dst FROM src.arm_run x JOIN map_arm a ON a.src = x.arm_id JOIN map_run r ON r.src = x.run_id",
	"INSERT OR REPLACE INTO main.run_plugin (run_id, kind, name, version, abi, path, sha256) SELECT m.dst, kind, name, version, abi, path, sha256 FROM src.run_plugin "
	"JOIN map_run m ON m.src = run_id AND m.take",
	"INSERT OR REPLACE INTO main.result (run_id, split, epoch, metric_id, grp, value, n_docs, n_skipped) SELECT m.dst, split, epoch, q.dst, grp, value, n_docs, n_skipped FROM src.result x "
	"JOIN map_run m ON m.src = x.run_id AND m.take JOIN map_metric q ON q.src = x.metric_id",
	"INSERT OR REPLACE INTO main.curve (run_id, step, name, value) SELECT m.dst, step, name, value FROM map_run m CROSS JOIN src.curve x ON x.run_id = m.src WHERE m.take",
	"INSERT INTO main.prediction (run_id, split, doc_id, labels, logits, gold) SELECT m.dst, split, doc_id, labels, logits, gold FROM src.prediction x "
	"JOIN map_run m ON m.src = x.run_id AND m.take ORDER BY x.id",
	"INSERT OR REPLACE INTO main.artifact (run_id, kind, path, sha256, bytes) SELECT m.dst, kind, path, sha256, bytes FROM src.artifact JOIN map_run m ON m.src = run_id AND m.take",
	"INSERT INTO main.message (run_id, level, text, at) SELECT m.dst, level, text, at FROM src.message x JOIN map_run m ON m.src = x.run_id AND m.take ORDER BY x.id",
	"INSERT OR IGNORE INTO main.test SELECT * FROM src.test",
	"INSERT INTO main.reported (paper, tbl, dataset, method, variant, metric, value, scale, runs, note) SELECT paper, tbl, dataset, method, variant, metric, value, scale, runs, note "
	"FROM src.reported EXCEPT SELECT paper, tbl, dataset, method, variant, metric, value, scale, runs, note FROM main.reported",
};

/* An experiment and its sources come together: sources tell experiments apart. */
static int
merge_experiments(tl_store *s, tl_error *e)
{
	tl_rows *r = tl_store_query(s, e, "SELECT group_concat(id, ' ') FROM (SELECT id FROM src.experiment ORDER BY id)", "");
	char *ids = r && tl_rows_next(r, e) == 1 && !tl_rows_null(r, 0) ? tl_strdup(tl_rows_text(r, 0)) : tl_strdup(""), *save = NULL;

	tl_rows_free(r);
	for (char *word = strtok_r(ids, " ", &save); word && !e->status; word = strtok_r(NULL, " ", &save)) {
		int64_t src = strtoll(word, NULL, 10), dst = tl_store_int(s, e, 0, "SELECT min(d.id) FROM src.experiment x JOIN main.experiment d ON " SAME_EXPERIMENT " WHERE x.id = ?1", "i", src);
		if (!e->status && !dst && !tl_store_run(s, e, "INSERT INTO main.experiment (" EXPERIMENT ") SELECT " EXPERIMENT " FROM src.experiment WHERE id = ?1", "i", src)) {
			dst = tl_store_last_id(s);
			tl_store_run(s, e, "INSERT INTO main.source (experiment_id, path, text, sha256) SELECT ?2, path, text, sha256 FROM src.source WHERE experiment_id = ?1", "ii", src, dst);
		}
		if (!e->status)
			tl_store_run(s, e, "INSERT INTO map_experiment VALUES (?1, ?2)", "ii", src, dst);
	}
	free(ids);
	return e->status ? -1 : 0;
}

#define LAST_SIGN "max(coalesce(started_at, ''), coalesce(heartbeat_at, ''), coalesce(finished_at, ''))"

/* Done beats unfinished; among unfinished ones the later sign of life wins. */
static int
merge_run(tl_store *s, int64_t src, const char *identity, int64_t *added, int64_t *replaced, tl_error *e)
{
	int64_t dst = 0, take = 1;
	tl_rows *r;

	r = tl_store_query(s, e,
	                   "SELECT d.id, d.status = 'done' OR (x.status <> 'done' AND d.sign >= x.sign) FROM (SELECT *, " LAST_SIGN " AS sign FROM src.run WHERE id = ?1) x JOIN "
	                   "(SELECT *, " LAST_SIGN " AS sign FROM main.run WHERE identity IS ?2) d ON ?2 IS NOT NULL OR (d.seed IS x.seed AND d.started_at IS x.started_at) "
	                   "ORDER BY d.status = 'done' DESC, d.id LIMIT 1",
	                   "is", src, identity);
	if (!r)
		return -1;
	if (tl_rows_next(r, e) == 1) {
		dst = tl_rows_int(r, 0);
		take = !tl_rows_int(r, 1);
	}
	tl_rows_free(r);
	if (e->status)
		return -1;
	if (!dst) {
		if (tl_store_run(s, e, "INSERT INTO main.run (dataset_id, " RUN_REST ") SELECT (SELECT dst FROM map_dataset WHERE src = dataset_id), " RUN_REST " FROM src.run WHERE id = ?1", "i", src))
			return -1;
		dst = tl_store_last_id(s);
		++*added;
	} else if (take) {
		if (tl_store_run_clear(s, dst, e)
		    || tl_store_run(s, e, "UPDATE main.run SET (dataset_id, " RUN_REST ") = (SELECT (SELECT dst FROM map_dataset WHERE src = dataset_id), " RUN_REST
		                          " FROM src.run WHERE id = ?1) WHERE id = ?2", "ii", src, dst))
			return -1;
		++*replaced;
	}
	return tl_store_run(s, e, "INSERT INTO map_run VALUES (?1, ?2, ?3)", "iii", src, dst, take);
}

static int
merge_runs(tl_store *s, int64_t *added, int64_t *replaced, tl_error *e)
{
	struct { int64_t id; char *identity; } *run = NULL;
	int64_t n = 0, capacity = 0;
	tl_rows *r = tl_store_query(s, e, "SELECT id, identity FROM src.run ORDER BY status = 'done' DESC, id", "");
	int bad = !r;

	while (r && tl_rows_next(r, e) == 1) {
		run = tl_grow(run, n, &capacity, sizeof *run);
		run[n].id = tl_rows_int(r, 0);
		run[n++].identity = tl_rows_null(r, 1) ? NULL : tl_strdup(tl_rows_text(r, 1));
	}
	tl_rows_free(r);
	bad = bad || e->status;
	for (int64_t i = 0; i < n; i++) {
		bad = bad || merge_run(s, run[i].id, run[i].identity, added, replaced, e);
		free(run[i].identity);
	}
	free(run);
	return bad ? -1 : 0;
}

static int
copy_all(tl_store *s, int64_t *added, int64_t *replaced, tl_error *e)
{
	for (int64_t i = 0; i < TL_COUNT(before); i++)
		if (tl_store_run(s, e, before[i], ""))
			return -1;
	if (merge_experiments(s, e))
		return -1;
	for (int64_t i = 0; i < TL_COUNT(between); i++)
		if (tl_store_run(s, e, between[i], ""))
			return -1;
	if (merge_runs(s, added, replaced, e))
		return -1;
	for (int64_t i = 0; i < TL_COUNT(after); i++)
		if (tl_store_run(s, e, after[i], ""))
			return -1;
	return 0;
}

int
tl_store_merge(tl_store *into, const char *from, int64_t *runs_added, int64_t *runs_replaced, tl_error *e)
{
	int64_t added = 0, replaced = 0;
	tl_error here = { 0 };
	struct stat a, b;
	tl_store *source;
	bool own;

	if (!stat(into->path, &a) && !stat(from, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return tl_error_set(e, TL_USAGE, "%s and %s are one file; name two databases", into->path, from);
	/* Opening it refuses what is not ours and brings an older schema up to date. It stays open: its last closing would fold the journal in. */
	source = tl_store_open(from, true, e);
	if (!source)
		return -1;
	if (!tl_store_run(into, &here, "ATTACH DATABASE ?1 AS src", "s", from)) {
		if (!tl_store_enter(into, &own, &here)) {
			copy_all(into, &added, &replaced, &here);
			tl_store_leave(into, own, !here.status, &here);
		}
		tl_store_forget_statements(into);
		tl_store_run(into, NULL, "DETACH DATABASE src", "");
		sqlite3_exec(into->db, "DROP TABLE IF EXISTS temp.map_dataset; DROP TABLE IF EXISTS temp.map_metric; DROP TABLE IF EXISTS temp.map_experiment; DROP TABLE IF EXISTS temp.map_arm; "
		                       "DROP TABLE IF EXISTS temp.map_run", NULL, NULL, NULL);
	}
	tl_store_close(source);
	if (here.status)
		return tl_error_set(e, here.status, "merging %s: %s", from, here.text);
	if (runs_added)
		*runs_added += added;
	if (runs_replaced)
		*runs_replaced += replaced;
	return 0;
}
