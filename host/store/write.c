/* write.c - experiments, datasets, arms, runs and their numbers. Rows that say the same are made once. */
#include "inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"

/* {"path":"sha256"} as json_group_object writes it of sorted rows. malloc'd; NULL of NULL. */
static char *
hashes_of(const json_t *sources)
{
	json_t *hashes = json_object(), *text;
	const char *path;
	char hex[65], *out;

	json_object_foreach((json_t *)(uintptr_t)sources, path, text) {
		tl_sha_of(json_string_value(text), strlen(json_string_value(text)), hex); /* as tl_store_source does */
		json_object_set_new(hashes, path, json_string(hex));
	}
	out = sources ? json_dumps(hashes, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	json_decref(hashes);
	return out;
}

int64_t
tl_store_experiment(tl_store *s, const tl_experiment_row *x, tl_error *e)
{
	tl_error here = { 0 };
	int64_t id = -1;
	char *hashes = hashes_of(x->sources);
	bool own;

	if (tl_store_enter(s, &own, &here) == 0) {
		id = tl_store_int(s, &here, 0,
		                  "SELECT max(id) FROM experiment WHERE name = ?1 AND script_sha256 IS ?2 AND argv IS ?3 AND host_build IS ?4 AND git_commit IS ?5 AND git_diff IS ?6 AND script IS ?7 "
		                  "AND (?8 IS NULL OR ?8 = (SELECT json_group_object(path, sha256) FROM (SELECT path, sha256 FROM source WHERE experiment_id = experiment.id ORDER BY path)))",
		                  "ssssssss", x->name, x->script_sha256, x->argv, x->host_build, x->git_commit, x->git_diff, x->script, hashes);
		if (!here.status && !id
		    && !tl_store_run(s, &here, "INSERT INTO experiment (name, script, script_text, script_sha256, git_commit, git_diff, host_build, argv) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
		                     "ssssssss", x->name, x->script, x->script_text, x->script_sha256, x->git_commit, x->git_diff, x->host_build, x->argv))
			id = tl_store_last_id(s);
		if (!here.status && x->folder)
			tl_store_run(s, &here, "UPDATE experiment SET folder = ?2 WHERE id = ?1 AND folder IS NOT ?2", "is", id, x->folder);
		tl_store_leave(s, own, !here.status, &here);
	}
	free(hashes);
	return here.status ? tl_error_set(e, here.status, "%s", here.text) : id;
}

int
tl_store_source(tl_store *s, int64_t experiment, const char *path, const char *text, tl_error *e)
{
	char hex[65];

	tl_sha_of(text, strlen(text), hex);
	return tl_store_run(s, e, "INSERT OR REPLACE INTO source (experiment_id, path, text, sha256) VALUES (?1, ?2, ?3, ?4)", "isss", experiment, path, text, hex);
}

static int
insert_labels(tl_store *s, int64_t dataset, const json_t *labels, tl_error *e)
{
	json_t *label;
	size_t i;

	json_array_foreach(labels, i, label) {
		const json_t *count = json_object_get(label, "train_count");
		if (tl_store_run(s, e, "INSERT OR REPLACE INTO label (dataset_id, idx, key, name, description, train_count) VALUES (?1, ?2, ?3, ?4, ?5, ?6)", count ? "iisssi" : "iisssn", dataset,
		                 (int64_t)i, tl_json_string(label, "key", NULL), tl_json_string(label, "name", NULL), tl_json_string(label, "description", NULL),
		                 (int64_t)json_integer_value(count)))
			return -1;
	}
	return 0;
}

int64_t
tl_store_dataset(tl_store *s, const json_t *d, tl_error *e)
{
	const char *name = tl_json_string(d, "name", "dataset"), *sha = tl_json_string(d, "sha256", NULL), *valid = tl_json_string(d, "valid_sha256", NULL),
	           *test = tl_json_string(d, "test_sha256", NULL);
	tl_error here = { 0 };
	int64_t id = -1;
	bool own;

	if (tl_store_enter(s, &own, &here) == 0) {
		id = sha ? tl_store_int(s, &here, 0, "SELECT max(id) FROM dataset WHERE name = ?1 AND sha256 = ?2", "ss", name, sha) : 0;
		if (!here.status && id && (valid || test))
			tl_store_run(s, &here, "UPDATE dataset SET valid_sha256 = ?2, test_sha256 = ?3 WHERE id = ?1 AND valid_sha256 IS NULL AND test_sha256 IS NULL", "iss", id, valid, test);
		if (!here.status && !id) {
			tl_store_run(s, &here, "INSERT INTO dataset (name, path, sha256, n_train, n_valid, n_test, n_labels, labels_per_doc, tokens_per_doc, valid_sha256, test_sha256) "
			             "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
			             "sssiiiiddss", name, tl_json_string(d, "path", NULL), sha, tl_json_int(d, "n_train", 0), tl_json_int(d, "n_valid", 0),
			             tl_json_int(d, "n_test", 0), tl_json_int(d, "n_labels", 0), tl_json_number(d, "labels_per_doc", 0), tl_json_number(d, "tokens_per_doc", NAN), valid, test);
			id = tl_store_last_id(s);
			if (!here.status)
				insert_labels(s, id, json_object_get(d, "labels"), &here);
		}
		tl_store_leave(s, own, !here.status, &here);
	}
	return here.status ? tl_error_set(e, here.status, "%s", here.text) : id;
}

/* --- arms and their parameters -------------------------------------------------------------------------------------------- */
static char *
value_text(const json_t *v)
{
	if (json_is_string(v))
		return tl_strdup(json_string_value(v));
	if (json_is_real(v)) {
		char text[32];
		return tl_strdup(tl_number_text(json_real_value(v), text));
	}
	return tl_json_canonical(v);
}

static int
put_param(tl_store *s, int64_t arm, const char *key, const json_t *v, tl_error *e)
{
	char *text = value_text(v);
	int bad = tl_store_run(s, e, "INSERT OR REPLACE INTO param (arm_id, key, value) VALUES (?1, ?2, ?3)", "iss", arm, key, text);

	free(text);
	return bad;
}

static int
flatten(tl_store *s, int64_t arm, const char *key, const json_t *v, tl_error *e)
{
	const char *name;
	json_t *item;

	if (!json_is_object(v) || !json_object_size(v))
		return put_param(s, arm, key, v, e);
	json_object_foreach((json_t *)(uintptr_t)v, name, item) {
		char *inner = tl_format("%s.%s", key, name);
		int bad = flatten(s, arm, inner, item, e);
		free(inner);
		if (bad)
			return -1;
	}
	return 0;
}

/* corank = label/corank, corank.gamma = 20, ..., model = "transformer initial corank classifier". */
static int
flatten_model(tl_store *s, int64_t arm, const json_t *model, tl_error *e)
{
	tl_text order = { 0 };
	json_t *m, *p, *all;
	const char *key;
	size_t i;
	int bad = 0;

	json_array_foreach(model, i, m) {
		const char *plugin = tl_json_string(m, "plugin", "?"), *kind = tl_json_string(m, "kind", NULL), *name = tl_json_string(m, "name", plugin);
		json_t *text = json_sprintf("%s%s%s", kind ? kind : "", kind ? "/" : "", plugin);
		tl_text_add(&order, "%s%s", i ? " " : "", name);
		bad = bad || put_param(s, arm, name, text, e);
		json_decref(text);
		all = json_object_get(m, "resolved"); /* every parameter with its default, where the caller knows them */
		json_object_foreach(all ? all : json_object_get(m, "params"), key, p) {
			char *full = tl_format("%s.%s", name, key);
			bad = bad || flatten(s, arm, full, p, e);
			free(full);
		}
	}
	if (!bad && order.s) {
		json_t *text = json_string(order.s);
		bad = put_param(s, arm, "model", text, e);
		json_decref(text);
	}
	tl_text_free(&order);
	return bad;
}

static int
insert_params(tl_store *s, int64_t arm, const json_t *config, tl_error *e)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)config, key, v) {
		bool modules = !strcmp(key, "model") && json_is_array(v);
		if (modules ? flatten_model(s, arm, v, e) : flatten(s, arm, key, v, e))
			return -1;
	}
	return 0;
}

/* The hash of the configuration leaves out the script lines: moving a module down a line changes nothing. */
static void
config_hash(const json_t *config, char hex[65])
{
	json_t *copy = json_deep_copy(config), *m;
	char *text;
	size_t i;

	json_array_foreach(json_object_get(copy, "model"), i, m)
		json_object_del(m, "where");
	text = tl_json_canonical(copy);
	tl_sha_of(text, strlen(text), hex);
	free(text);
	json_decref(copy);
}

int64_t
tl_store_arm(tl_store *s, int64_t experiment, const char *name, bool is_baseline, const json_t *config, tl_error *e)
{
	char hex[65], *text = tl_json_canonical(config);
	tl_error here = { 0 };
	int64_t id = -1;
	bool own;

	config_hash(config, hex);
	if (tl_store_enter(s, &own, &here) == 0) {
		id = tl_store_int(s, &here, 0, "SELECT max(id) FROM arm WHERE experiment_id = ?1 AND name = ?2 AND config_sha256 = ?3", "iss", experiment, name, hex);
		if (!here.status && id) {
			tl_store_run(s, &here, "UPDATE arm SET is_baseline = ?2 WHERE id = ?1 AND is_baseline <> ?2", "ii", id, (int64_t)is_baseline);
		} else if (!here.status
		           && !tl_store_run(s, &here, "INSERT INTO arm (experiment_id, name, is_baseline, config_json, config_sha256) VALUES (?1, ?2, ?3, ?4, ?5)", "isiss", experiment, name,
		                            (int64_t)is_baseline, text, hex)) {
			id = tl_store_last_id(s);
			insert_params(s, id, config, &here);
		}
		tl_store_leave(s, own, !here.status, &here);
	}
	free(text);
	return here.status ? tl_error_set(e, here.status, "%s", here.text) : id;
}

/* --- runs ---------------------------------------------------------------------------------------------------------------------- */
int64_t
tl_store_run_for(tl_store *s, int64_t arm, int64_t dataset, int64_t seed, const char *identity, const char *device, int threads, char **status, tl_error *e)
{
	tl_error here = { 0 };
	int64_t id = -1;
	bool own;

	if (status)
		*status = NULL;
	if (tl_store_enter(s, &own, &here) == 0) {
		id = tl_store_int(s, &here, 0, "SELECT id FROM run WHERE identity = ?1 ORDER BY status = 'done' DESC, id DESC LIMIT 1", "s", identity);
		if (!here.status && !id
		    && !tl_store_run(s, &here, "INSERT INTO run (dataset_id, seed, identity, status, device, threads) VALUES (?1, ?2, ?3, 'queued', ?4, ?5)", "iissi", dataset, seed, identity, device,
		                     (int64_t)threads))
			id = tl_store_last_id(s);
		if (!here.status)
			tl_store_run(s, &here, "INSERT OR IGNORE INTO arm_run (arm_id, run_id) VALUES (?1, ?2)", "ii", arm, id);
		if (!here.status && status)
			*status = tl_store_text(s, &here, "SELECT status FROM run WHERE id = ?1", "i", id);
		tl_store_leave(s, own, !here.status, &here);
	}
	return here.status ? tl_error_set(e, here.status, "%s", here.text) : id;
}

int
tl_store_run_seedless(tl_store *s, int64_t run, tl_error *e)
{
	return tl_store_run(s, e, "UPDATE run SET seedless = 1 WHERE id = ?1", "i", run);
}

int
tl_store_run_parts(tl_store *s, int64_t run, const json_t *parts, tl_error *e)
{
	char *text = tl_json_canonical(parts);
	int bad = tl_store_run(s, e, "UPDATE run SET parts = ?2 WHERE id = ?1", "is", run, text);

	free(text);
	return bad;
}

int
tl_store_run_clear(tl_store *s, int64_t run, tl_error *e)
{
	static const char *const statement[] = {
		"DELETE FROM result WHERE split IN ('train', 'valid', 'test') AND run_id = ?1", "DELETE FROM curve WHERE run_id = ?1", "DELETE FROM prediction WHERE run_id = ?1",
		"DELETE FROM run_plugin WHERE run_id = ?1", "DELETE FROM message WHERE run_id = ?1", "DELETE FROM artifact WHERE run_id = ?1",
		"UPDATE run SET best_epoch = NULL, weights_sha256 = NULL, finished_at = NULL, error = NULL, plugin_at_fault = NULL WHERE id = ?1",
	};
	bool own;
	int bad;

	if (tl_store_enter(s, &own, e))
		return -1;
	bad = 0;
	for (int64_t i = 0; i < TL_COUNT(statement) && !bad; i++)
		bad = tl_store_run(s, e, statement[i], "i", run);
	return tl_store_leave(s, own, !bad, e);
}

int
tl_store_run_end(tl_store *s, int64_t run, const char *status, const char *error, const char *plugin_at_fault, const json_t *summary, tl_error *e)
{
	static const struct { const char *key; char type; } column[] = { { "best_epoch", 'i' }, { "train_seconds", 'd' }, { "tokens_per_second", 'd' }, { "peak_rss_bytes", 'i' },
		                                                          { "weights_sha256", 's' }, { "threads", 'i' }, { "device", 's' } };
	bool own;
	int bad;

	if (tl_store_enter(s, &own, e))
		return -1;
	bad = 0;
	for (int64_t i = 0; i < TL_COUNT(column) && !bad; i++) {
		const json_t *v = json_object_get(summary, column[i].key);
		char *sql, type[] = { 'i', column[i].type, 0 };
		if (!v || json_is_null(v))
			continue;
		sql = tl_format("UPDATE run SET %s = ?2 WHERE id = ?1", column[i].key);
		if (column[i].type == 'd')
			bad = tl_store_run(s, e, sql, type, run, json_number_value(v));
		else if (column[i].type == 'i')
			bad = tl_store_run(s, e, sql, type, run, (int64_t)json_integer_value(v));
		else
			bad = tl_store_run(s, e, sql, type, run, json_string_value(v));
		free(sql);
	}
	if (!bad && json_object_get(summary, "tokens_per_doc")) /* by the tokenizer of the first run that had one */
		bad = tl_store_run(s, e, "UPDATE dataset SET tokens_per_doc = ?2 WHERE id = (SELECT dataset_id FROM run WHERE id = ?1) AND tokens_per_doc IS NULL", "id", run,
		                   json_number_value(json_object_get(summary, "tokens_per_doc")));
	if (!bad)
		bad = tl_store_run(s, e, "UPDATE run SET status = ?2, error = ?3, plugin_at_fault = ?4, finished_at = " NOW " WHERE id = ?1 AND status <> 'done'", "isss", run, status, error,
		                   plugin_at_fault && *plugin_at_fault ? plugin_at_fault : NULL);
	return tl_store_leave(s, own, !bad, e);
}

int
tl_store_plugin(tl_store *s, int64_t run, const char *kind, const char *name, const char *version, const char *abi, const char *path, const char *sha256, tl_error *e)
{
	return tl_store_run(s, e, "INSERT OR REPLACE INTO run_plugin (run_id, kind, name, version, abi, path, sha256) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", "issssss", run, kind, name, version, abi,
	                    path, sha256);
}

int64_t
tl_store_find_run(tl_store *s, const char *text, tl_error *e)
{
	const char *p = tl_starts(text, "run ") ? text + 4 : text;
	size_t digits = strspn(p, "0123456789"), hex = strspn(p, "0123456789abcdef");
	int64_t id = 0, n;

	if (*p && !p[digits] && digits < 18)
		id = tl_store_int(s, e, 0, "SELECT id FROM run WHERE id = ?1", "i", (int64_t)strtoll(p, NULL, 10));
	if (!id && hex >= 6 && !p[hex]) {
		n = tl_store_int(s, e, 0, "SELECT count(*) FROM run WHERE identity >= ?1 AND identity < ?1 || 'g'", "s", p);
		if (n > 1)
			return tl_error_set(e, TL_USAGE, "run %s: %lld runs have an identity that begins so; give more digits", text, (long long)n);
		id = tl_store_int(s, e, 0, "SELECT id FROM run WHERE identity >= ?1 AND identity < ?1 || 'g'", "s", p);
	}
	if (!id && !(e && e->status)) {
		n = tl_store_int(s, e, 0, "SELECT count(*) FROM run", "");
		tl_error_set(e, TL_USAGE, "run %s: not in %s, which holds %lld run%s; 'tagloom runs' lists them", text, s->path, (long long)n, n == 1 ? "" : "s");
	}
	return id ? id : -1;
}

/* --- numbers ----------------------------------------------------------------------------------------------------------------------- */
int
tl_store_flush(tl_store *s, tl_error *e)
{
	bool own;
	int bad = 0;

	if (!s->n_curve || s->flushing)
		return 0;
	s->flushing = true;
	if (tl_store_enter(s, &own, e)) {
		s->flushing = false;
		return -1;
	}
	for (int64_t i = 0; i < s->n_curve && !bad; i++) {
		const struct curve_row *c = s->curve + i;
		bad = tl_store_run(s, e, "INSERT OR REPLACE INTO curve (run_id, step, name, value) VALUES (?1, ?2, ?3, ?4)", "iisd", c->run, c->step, c->name, isfinite(c->value) ? c->value : NAN);
	}
	bad = tl_store_leave(s, own, !bad, e);
	if (!bad)
		s->n_curve = 0;
	s->flushing = false;
	return bad;
}

int
tl_store_curve(tl_store *s, int64_t run, int64_t step, const char *name, double value, tl_error *e)
{
	struct curve_row *row;

	if (!s->n_curve)
		s->curve_since = tl_seconds();
	s->curve = tl_grow(s->curve, s->n_curve, &s->curve_capacity, sizeof *s->curve);
	row = s->curve + s->n_curve++;
	*row = (struct curve_row){ .run = run, .step = step, .value = value };
	snprintf(row->name, sizeof row->name, "%s", name);
	return s->n_curve >= 8192 || tl_seconds() - s->curve_since > 2 ? tl_store_flush(s, e) : 0;
}

int
tl_store_result(tl_store *s, int64_t run, const char *split, int64_t epoch, const char *name, const char *signature, bool higher_is_better, const char *grp, bool defined, double value,
                int64_t n_docs, int64_t n_skipped, tl_error *e)
{
	const char *group = strstr(name, ":group=");
	char *plain = group ? tl_strndup(name, (size_t)(group - name)) : tl_strdup(name);
	int64_t id;
	bool own;
	int bad;

	if (tl_store_enter(s, &own, e)) {
		free(plain);
		return -1;
	}
	id = tl_store_int(s, e, 0, "SELECT id FROM metric WHERE name = ?1 AND signature = ?2", "ss", plain, signature ? signature : "");
	bad = e && e->status;
	if (!bad && !id) {
		bad = tl_store_run(s, e, "INSERT INTO metric (name, signature, higher_is_better) VALUES (?1, ?2, ?3)", "ssi", plain, signature ? signature : "", (int64_t)higher_is_better);
		id = tl_store_last_id(s);
	}
	if (!bad)
		bad = tl_store_run(s, e, "INSERT OR REPLACE INTO result (run_id, split, epoch, metric_id, grp, value, n_docs, n_skipped) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
		                   "isiisdii", run, split, epoch, id, grp ? grp : "", defined ? value : NAN /* is stored as NULL */, n_docs, n_skipped);
	free(plain);
	return tl_store_leave(s, own, !bad, e);
}

int
tl_store_metric_value(tl_store *s, int64_t run, const char *split, int64_t epoch, const tl_metric_request *q, const tl_metric_value *v, tl_error *e)
{
	return tl_store_result(s, run, split, epoch, q->text, q->signature, q->metric->higher_is_better, q->group, v->defined, v->value, v->n_docs, v->n_skipped, e);
}

int
tl_store_heartbeat(tl_store *s, int64_t run, tl_error *e)
{
	return tl_store_run(s, e, "UPDATE run SET heartbeat_at = " NOW " WHERE id = ?1", "i", run);
}

int
tl_store_message(tl_store *s, int64_t run, const char *level, const char *text, tl_error *e)
{
	return tl_store_run(s, e, "INSERT INTO message (run_id, level, text) VALUES (nullif(?1, 0), ?2, ?3)", "iss", TL_MAX(run, 0), level, text);
}

int
tl_store_artifact(tl_store *s, int64_t run, const char *kind, const char *path, const char *sha256, int64_t bytes, tl_error *e)
{
	return tl_store_run(s, e, "INSERT OR REPLACE INTO artifact (run_id, kind, path, sha256, bytes) VALUES (?1, ?2, ?3, ?4, ?5)", "isssi", run, kind, path, sha256, bytes);
}
