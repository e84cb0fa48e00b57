/* compare.c - two arms or two runs: their numbers side by side, tests, and everything in which they differ. */
#include "cmd.h"
#include "scored.h"
#include "tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const tl_option options[] = {
	{ "--db", "FILE", "results database (default $TAGLOOM_DB, else results/tagloom.db)" },
	{ "--experiment", "E", "the experiment in which arms are looked for (default: the newest that has the arm)" },
	{ "--split", "SPLIT", "test (default), valid or train" },
	{ "--metrics", "LIST", "metrics in this order (default: all)" },
	{ "--format", "FORMAT", "text (default), md, latex, csv or json" },
	{ 0 }
};

struct side { char *name; int64_t arm, n, *run; };

/* --- who is compared -------------------------------------------------------------------------------------------------------------- */
/* The arm of that name in the experiment (NULL: the newest one that has it). 1 found, 0 not, -1 error. */
static int
find_arm(tl_store *s, const char *experiment, const char *name, const char *split, struct side *x, tl_error *e)
{
	char *in = experiment ? tl_strdup(experiment) : tl_store_text(s, e, "SELECT e.name FROM arm a JOIN experiment e ON e.id = a.experiment_id WHERE a.name = ?1 ORDER BY e.id DESC LIMIT 1", "s", name);
	tl_tab *t = in ? tl_tab_load(s, in, split, NULL, NULL, e) : NULL;
	int found = t ? 0 : in ? -1 : 0;

	for (int a = 0; t && a < t->n_arms; a++) {
		if (strcmp(t->arm[a].name, name))
			continue;
		found = 1;
		x->name = tl_strdup(name);
		x->arm = t->arm[a].id;
		x->run = tl_alloc((size_t)(t->n_runs + 1) * 8);
		for (int64_t i = 0; i < t->n_runs; i++)
			if (t->run[i].arm == a)
				x->run[x->n++] = t->run[i].id;
	}
	tl_tab_free(t);
	free(in);
	return found;
}

static int
nothing_found(tl_store *s, const char *text, tl_error *e)
{
	tl_rows *r = tl_store_query(s, e, "SELECT DISTINCT name FROM arm", "");
	char **names = NULL;
	int64_t n = 0, capacity = 0;
	const char *near;

	while (r && tl_rows_next(r, e) == 1) {
		names = tl_grow(names, n, &capacity, sizeof *names);
		names[n++] = tl_strdup(tl_rows_text(r, 0));
	}
	tl_rows_free(r);
	near = tl_nearest(text, (const char *const *)names, n);
	tl_error_set(e, TL_USAGE, "%s: neither an arm nor a run of %s%s%s; arms go by name (EXPERIMENT/ARM where several experiments have it), runs by number or identity", text, tl_store_path(s),
	             near ? "; did you mean " : "", near ? near : "");
	for (int64_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return -1;
}

static int
find_side(tl_store *s, const char *text, const char *experiment, const char *split, struct side *x, tl_error *e)
{
	tl_error here = { 0 };
	int found = find_arm(s, experiment, text, split, x, e);
	int64_t id;

	/* EXPERIMENT/ARM: an arm's name may hold a slash itself, so each one is tried. */
	for (const char *slash = strchr(text, '/'); !found && !experiment && slash; slash = strchr(slash + 1, '/')) {
		char *in = tl_strndup(text, (size_t)(slash - text));
		if (tl_store_int(s, e, 0, "SELECT count(*) FROM experiment WHERE name = ?1", "s", in))
			found = find_arm(s, in, slash + 1, split, x, e);
		free(in);
	}
	if (found)
		return found < 0 ? -1 : 0;
	id = tl_store_find_run(s, text, &here);
	if (id < 0)
		return here.status == TL_ENVIRONMENT || strstr(here.text, "more digits") ? tl_error_set(e, here.status, "%s", here.text) : nothing_found(s, text, e);
	char *status = tl_store_text(s, e, "SELECT status FROM run WHERE id = ?1", "i", id);
	if (tl_streq(status, "done")) {
		x->run = tl_alloc(8);
		x->run[x->n++] = id;
		x->arm = tl_store_int(s, e, 0, "SELECT max(arm_id) FROM arm_run WHERE run_id = ?1", "i", id);
		x->name = tl_format("run %lld", (long long)id);
	} else {
		tl_error_set(e, TL_USAGE, "run %lld is %s, so it has no final numbers; wanted a finished run", (long long)id, status ? status : "unknown");
	}
	free(status);
	return e->status ? -1 : 0;
}

/* A run may serve arms of several experiments: the two sides are looked at within one where they share one. */
static int
share_experiment(tl_store *s, struct side x[2], tl_error *e)
{
	for (int k = 0; k < 2; k++) {
		bool by_run = tl_starts(x[k].name, "run ") && x[k].n == 1, other_by_run = tl_starts(x[!k].name, "run ") && x[!k].n == 1;
		if (!by_run)
			continue;
		int64_t mine = tl_store_int(s, e, 0,
		                            other_by_run ? "SELECT max(a.id) FROM arm a JOIN arm_run r ON r.arm_id = a.id AND r.run_id = ?1 WHERE a.experiment_id IN "
		                                           "(SELECT b.experiment_id FROM arm b JOIN arm_run q ON q.arm_id = b.id AND q.run_id = ?2)"
		                                         : "SELECT max(a.id) FROM arm a JOIN arm_run r ON r.arm_id = a.id AND r.run_id = ?1 WHERE a.experiment_id = (SELECT experiment_id FROM arm WHERE id = ?2)",
		                            "ii", x[k].run[0], other_by_run ? x[!k].run[0] : x[!k].arm);
		if (mine)
			x[k].arm = mine;
	}
	return e->status ? -1 : 0;
}

/* --- what differs -------------------------------------------------------------------------------------------------------------------- */
struct fact { char *what, *key, *value[2]; };
struct facts { struct fact *at; int64_t n, capacity; };

static void
put_fact(struct facts *f, const char *what, const char *key, int side, const char *value)
{
	struct fact *x = NULL;

	for (int64_t i = 0; i < f->n && !x; i++)
		if (!strcmp(f->at[i].what, what) && !strcmp(f->at[i].key, key))
			x = f->at + i;
	if (!x) {
		f->at = tl_grow(f->at, f->n, &f->capacity, sizeof *f->at);
		x = f->at + f->n++;
		*x = (struct fact){ .what = tl_strdup(what), .key = tl_strdup(key) };
	}
	if (!value)
		return;
	if (x->value[side] && strcmp(x->value[side], value)) { /* runs of one side differ among themselves */
		char *both = strstr(x->value[side], value) ? tl_strdup(x->value[side]) : tl_format("%s, %s", x->value[side], value);
		free(x->value[side]);
		x->value[side] = both;
	} else if (!x->value[side]) {
		x->value[side] = tl_strdup(value);
	}
}

static int
put_rows(struct facts *f, tl_store *s, const char *what, int side, const char *sql, int64_t id, tl_error *e)
{
	tl_rows *r = tl_store_query(s, e, sql, "i", id);
	int got = r ? 0 : -1;

	while (r && (got = tl_rows_next(r, e)) == 1)
		put_fact(f, what, tl_rows_text(r, 0), side, tl_rows_null(r, 1) ? NULL : tl_rows_text(r, 1));
	tl_rows_free(r);
	return got;
}

/* What an identity was made of, beyond what the other rows tell: instruction set, libraries, precision, files of weights. */
static void
put_parts(struct facts *f, tl_store *s, int side, int64_t run)
{
	char *text = tl_store_text(s, NULL, "SELECT parts FROM run WHERE id = ?1", "i", run);
	json_t *parts = text ? tl_json_parse(text, strlen(text), "parts", NULL) : NULL, *v;
	const char *key;

	json_object_foreach(parts, key, v) {
		if (!strcmp(key, "seed") || ((json_is_array(v) || json_is_object(v)) && strcmp(key, "files"))) /* parameters and plugins have rows of their own */
			continue;
		char *value = json_is_string(v) ? tl_strdup(json_string_value(v)) : tl_json_canonical(v);
		put_fact(f, "identity", key, side, value);
		free(value);
	}
	json_decref(parts);
	free(text);
}

static int
gather(struct facts *f, tl_store *s, int side, const struct side *x, tl_error *e)
{
	int bad = put_rows(f, s, "parameter", side, "SELECT key, value FROM param WHERE arm_id = ?1 ORDER BY key", x->arm, e)
		|| put_rows(f, s, "experiment", side,
	                "SELECT k.column1, CASE k.column1 WHEN 'name' THEN x.name WHEN 'script' THEN x.script WHEN 'script text' THEN substr(x.script_sha256, 1, 12) WHEN 'git commit' THEN x.git_commit "
	                "WHEN 'host build' THEN x.host_build WHEN 'arguments' THEN x.argv END FROM (VALUES ('name'), ('script'), ('script text'), ('git commit'), ('host build'), ('arguments')) k, arm a "
	                "JOIN experiment x ON x.id = a.experiment_id WHERE a.id = ?1", x->arm, e)
		|| put_rows(f, s, "experiment", side, "SELECT 'file ' || y.path, substr(y.sha256, 1, 12) FROM arm a JOIN experiment x ON x.id = a.experiment_id JOIN source y ON y.experiment_id = x.id "
	                "WHERE a.id = ?1 AND y.sha256 IS NOT x.script_sha256 ORDER BY y.path", x->arm, e);

	for (int64_t i = 0; i < x->n && !bad; i++) {
		bad = put_rows(f, s, "plugin", side, "SELECT kind || '/' || name, coalesce(version, '?') || ' ' || coalesce(substr(sha256, 1, 12), '') FROM run_plugin WHERE run_id = ?1 ORDER BY kind, name", x->run[i], e)
			|| put_rows(f, s, "data", side, "SELECT d.name, coalesce(substr(d.sha256, 1, 12), '?') || ', ' || coalesce(d.n_train, '?') || ' train, ' || coalesce(d.n_test, '?') || ' test' FROM run r "
		                "JOIN dataset d ON d.id = r.dataset_id WHERE r.id = ?1", x->run[i], e)
			|| put_rows(f, s, "run", side, "SELECT 'seed', CASE WHEN seedless THEN 'any' ELSE CAST(seed AS TEXT) END FROM run WHERE id = ?1 UNION ALL SELECT 'device', device FROM run WHERE id = ?1 "
		                "UNION ALL SELECT 'weights', substr(weights_sha256, 1, 12) FROM run WHERE id = ?1 AND weights_sha256 <> ''", x->run[i], e);
		put_parts(f, s, side, x->run[i]);
	}
	return bad;
}

static int
rank_of(const char *what)
{
	static const char *const order[] = { "parameter", "plugin", "data", "experiment", "identity", "run" };
	int i = 0;

	while (i < 6 && strcmp(order[i], what))
		i++;
	return i;
}

static int
by_rank(const void *x, const void *y)
{
	const struct fact *a = x, *b = y;

	return rank_of(a->what) != rank_of(b->what) ? rank_of(a->what) - rank_of(b->what) : strcmp(a->key, b->key);
}

/* Leaves what differs, parameters first. */
static void
drop_equal(struct facts *f)
{
	int64_t n = 0;

	for (int64_t i = 0; i < f->n; i++) {
		struct fact x = f->at[i];
		if (tl_streq(x.value[0], x.value[1])) {
			free(x.what);
			free(x.key);
			free(x.value[0]);
			free(x.value[1]);
			continue;
		}
		f->at[n++] = x;
	}
	f->n = n;
	if (n)
		qsort(f->at, (size_t)n, sizeof *f->at, by_rank);
}

/* --- writing ------------------------------------------------------------------------------------------------------------------------- */
static void
numbers_row(const tl_tab *t, tl_grid *g, int d, int m)
{
	const tl_tab_difference *x = tl_tab_difference_of(t, d, m, 1);
	int decimals = t->metric[m].decimals;
	tl_cell *c = tl_grid_row(g);

	tl_cell_string(c++, t->metric[m].label);
	for (int a = 0; a < 2; a++, c++) {
		c->text = tl_tab_text_of(tl_tab_stats_of(t, d, a, m, NULL), decimals);
		c->type = 's';
	}
	if (!isnan(x->delta))
		tl_cell_text(c, "%+.*f", decimals, x->delta);
	c++;
	if (x->pairs)
		tl_cell_text(c, "%d/%d", x->wins, x->losses);
	c++;
	if (!t->tested)
		return;
	if (x->test.tested)
		tl_cell_text(c, "%+.*f to %+.*f", decimals, x->test.low, decimals, x->test.high);
	c++;
	c->text = tl_tab_p(x->test.tested ? x->test.p : NAN);
	c->type = 's';
	c->bold = x->test.tested && x->test.p < 0.05;
}

static tl_grid *
facts_grid(const struct facts *f, const struct side *x)
{
	const char *head[] = { "what", "name", x[0].name, x[1].name };
	tl_grid *g = tl_grid_new(4, head);

	for (int64_t i = 0; i < f->n; i++) {
		tl_cell *c = tl_grid_row(g);
		tl_cell_string(c, f->at[i].what);
		tl_cell_string(c + 1, f->at[i].key);
		tl_cell_string(c + 2, f->at[i].value[0] ? f->at[i].value[0] : "–");
		tl_cell_string(c + 3, f->at[i].value[1] ? f->at[i].value[1] : "–");
	}
	g->title = tl_strdup("what differs");
	return g;
}

static void
for_people(const tl_tab *t, const struct side *x, const struct facts *f, tl_output as)
{
	const char *head[] = { "metric", x[0].name, x[1].name, ">delta", ">w/l", "95% interval", ">p" };
	tl_grid *g;
	int64_t docs = 0;

	for (int d = 0; d < t->n_datas; d++) {
		g = tl_grid_new(t->tested ? 7 : 5, head);
		g->title = tl_format("%s (n = %lld) and %s (n = %lld) · %s · %s split", x[0].name, (long long)(t->first[d * 2 + 1] - t->first[d * 2]), x[1].name,
		                     (long long)(t->first[d * 2 + 2] - t->first[d * 2 + 1]), t->data[d].label, t->split);
		for (int m = 0; m < t->n_metrics; m++) {
			numbers_row(t, g, d, m);
			docs = TL_MAX(docs, tl_tab_difference_of(t, d, m, 1)->test.n_docs);
		}
		g->fixed = 1;
		tl_grid_write(g, as, stdout);
		tl_grid_free(g);
		putchar('\n');
	}
	g = facts_grid(f, x);
	if (f->n)
		tl_grid_write(g, as, stdout);
	else
		tl_tab_note(as, stdout, "nothing differs in parameters, plugins, data or script");
	tl_grid_free(g);
	putchar('\n');
	tl_tab_note(as, stdout, "delta: the second minus the first; w/l: seeds won and lost by the second.");
	if (docs) {
		char *s = tl_format("p: paired approximate randomisation over %lld documents, %d rounds, one comparison; 95%% interval: percentile bootstrap over documents.",
		                    (long long)docs, TL_TEST_ROUNDS);
		tl_tab_note(as, stdout, s);
		free(s);
	}
	tl_tab_untested(t, as, stdout);
}

static void
for_programs(const tl_tab *t, const struct side *x, const struct facts *f)
{
	fputs("{\"a\": ", stdout);
	tl_json_put(stdout, x[0].name);
	fputs(", \"b\": ", stdout);
	tl_json_put(stdout, x[1].name);
	fputs(", \"comparison\":", stdout);
	tl_tab_json(t, TL_BY_ARM, TL_BY_METRIC, stdout);
	fputs(",\n\"differences\": [", stdout);
	for (int64_t i = 0; i < f->n; i++) {
		fputs(i ? ",\n  {\"what\": " : "\n  {\"what\": ", stdout);
		tl_json_put(stdout, f->at[i].what);
		fputs(", \"name\": ", stdout);
		tl_json_put(stdout, f->at[i].key);
		fputs(", \"a\": ", stdout);
		tl_json_put(stdout, f->at[i].value[0]);
		fputs(", \"b\": ", stdout);
		tl_json_put(stdout, f->at[i].value[1]);
		putchar('}');
	}
	puts("\n]}");
}

static int
compare(tl_store *s, const struct side *x, const char *split, const char *metrics, tl_output as, tl_error *e)
{
	tl_tab_side side[2] = { { x[0].name, x[0].n, x[0].run }, { x[1].name, x[1].n, x[1].run } };
	struct facts f = { 0 };
	tl_tab *t;
	int bad;

	for (int k = 0; k < 2; k++)
		if (!x[k].n)
			return tl_error_set(e, TL_USAGE, "%s has no finished run yet; 'tagloom runs' tells what became of them", x[k].name);
	t = tl_tab_complete(s, side, NULL, split, metrics, NULL, e);
	if (!t)
		return -1;
	tl_tab_compare(t, s, true);
	bad = gather(&f, s, 0, &x[0], e) || gather(&f, s, 1, &x[1], e);
	drop_equal(&f);
	if (!bad && as == TL_AS_JSON)
		for_programs(t, x, &f);
	else if (!bad && as == TL_AS_CSV)
		tl_tab_csv(t, true, stdout);
	else if (!bad)
		for_people(t, x, &f, as);
	for (int64_t i = 0; i < f.n; i++) {
		free(f.at[i].what);
		free(f.at[i].key);
		free(f.at[i].value[0]);
		free(f.at[i].value[1]);
	}
	free(f.at);
	tl_tab_free(t);
	return bad;
}

static int
run(const tl_args *a, tl_error *e)
{
	const char *split = tl_arg_value(a, "--split", "test"), *experiment = tl_arg_value(a, "--experiment", NULL);
	struct side x[2] = { { 0 } };
	tl_output as;
	tl_store *s;
	int bad = 0;

	if (tl_output_named(tl_arg_value(a, "--format", "text"), &as, e))
		return -1;
	s = tl_store_open(tl_db_path(a), true, e);
	if (!s)
		return -1;
	for (int k = 0; k < 2 && !bad; k++)
		bad = find_side(s, a->operand[k], experiment, split, &x[k], e);
	if (!bad)
		bad = share_experiment(s, x, e) || compare(s, x, split, tl_arg_value(a, "--metrics", NULL), as, e);
	for (int k = 0; k < 2; k++) {
		free(x[k].name);
		free(x[k].run);
	}
	tl_store_close(s);
	return bad || e->status ? -1 : 0;
}

const tl_verb tl_verb_compare = {
	.name = "compare",
	.synopsis = "A B [--db FILE] [--experiment E] [--split test] [--metrics a,b] [--format FORMAT]",
	.summary = "two arms or runs: deltas, tests, everything that differs",
	.description = "A and B are arms (by name; EXPERIMENT/ARM where several experiments have it) or runs (by number or identity). Shows their\n"
	               "numbers, the difference B minus A with a paired test over documents, and every parameter, plugin (version and hash), data set\n"
	               "and build in which they differ.",
	.options = options,
	.least = 2,
	.most = 2,
	.run = run,
};
