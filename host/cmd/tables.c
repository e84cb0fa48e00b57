/* tables.c - the results of an experiment, read from the database: which arms, datasets and runs count. */
#include "tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- names to numbers ----------------------------------------------------------------------------------------------------------- */
struct names { int64_t n, size, *slot; char **key; int64_t *value; };

static uint64_t
hash_of(const char *s)
{
	uint64_t h = 1469598103934665603u;

	while (*s)
		h = (h ^ (unsigned char)*s++) * 1099511628211u;
	return h ^ h >> 29;
}

/* The value beside the key, made with `value` where it is new. */
static int64_t *
lookup(struct names *t, const char *key, int64_t value)
{
	if (2 * (t->n + 1) > t->size) {
		int64_t size = t->size ? 2 * t->size : 64;
		free(t->slot);
		t->slot = tl_alloc((size_t)size * 8);
		t->key = tl_realloc(t->key, (size_t)size * sizeof *t->key);
		t->value = tl_realloc(t->value, (size_t)size * 8);
		t->size = size;
		for (int64_t i = 0; i < t->n; i++) {
			uint64_t at = hash_of(t->key[i]) & (uint64_t)(size - 1);
			while (t->slot[at])
				at = (at + 1) & (uint64_t)(size - 1);
			t->slot[at] = i + 1;
		}
	}
	uint64_t at = hash_of(key) & (uint64_t)(t->size - 1);
	for (; t->slot[at]; at = (at + 1) & (uint64_t)(t->size - 1))
		if (!strcmp(t->key[t->slot[at] - 1], key))
			return &t->value[t->slot[at] - 1];
	t->key[t->n] = tl_strdup(key);
	t->value[t->n] = value;
	t->slot[at] = ++t->n;
	return &t->value[t->n - 1];
}

static void
names_free(struct names *t)
{
	for (int64_t i = 0; i < t->n; i++)
		free(t->key[i]);
	free(t->key);
	free(t->value);
	free(t->slot);
}

/* --- reading --------------------------------------------------------------------------------------------------------------------- */
struct raw { /* a row: arm, run */
	int64_t arm_id, run, data, seed, best_epoch;
	char *arm, *config, *data_name, *status, *error, *plugin;
	bool baseline, seedless;
};

struct loading { tl_store *s; tl_tab *t; struct raw *raw; int64_t n, capacity; const char *script; };

char **
tl_tab_experiments(tl_store *s, int64_t *n, tl_error *e)
{
	tl_rows *r = tl_store_query(s, e, "SELECT name FROM experiment GROUP BY name ORDER BY max(id)", "");
	char **names = NULL;
	int64_t capacity = 0;

	*n = 0;
	while (r && tl_rows_next(r, e) == 1) {
		names = tl_grow(names, *n, &capacity, sizeof *names);
		names[(*n)++] = tl_strdup(tl_rows_text(r, 0));
	}
	tl_rows_free(r);
	return names ? names : tl_alloc(sizeof *names);
}

static int
unknown_experiment(tl_store *s, const char *name, tl_error *e)
{
	int64_t n;
	char **names = tl_tab_experiments(s, &n, e);
	const char *near = tl_nearest(name, (const char *const *)names, n);

	if (!n)
		tl_error_set(e, TL_USAGE, "%s holds no experiment yet; 'tagloom run SCRIPT.lua' makes one", tl_store_path(s));
	else
		tl_error_set(e, TL_USAGE, "experiment %s: not in %s%s%s%s", name, tl_store_path(s), near ? "; did you mean " : "; there is ", near ? near : names[n - 1],
		             near || n == 1 ? "" : ", among others ('SELECT DISTINCT name FROM experiment')");
	for (int64_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return -1;
}

static char *
copy(tl_rows *r, int column)
{
	return tl_rows_null(r, column) ? NULL : tl_strdup(tl_rows_text(r, column));
}

/* The first dataset with the same name and the same documents to be measured on: arms that train on fewer documents belong to it, too. */
#define MEASURED_ON(split) "coalesce((SELECT min(y.id) FROM dataset y WHERE y.name = d.name AND CASE " split " WHEN 'test' THEN y.test_sha256 = d.test_sha256 WHEN 'valid' THEN " \
	"y.valid_sha256 = d.valid_sha256 END), r.dataset_id, 0)"

static int
read_rows(struct loading *l, const char *experiment, tl_error *e)
{
	static const char sql[] =
		"SELECT a.id, a.name, a.is_baseline, coalesce(a.config_sha256, a.id), r.id, " MEASURED_ON("?4") ", d.name, r.seed, r.seedless, r.status, r.error, r.plugin_at_fault, "
		"coalesce(r.best_epoch, -1) FROM experiment x CROSS JOIN arm a ON a.experiment_id = x.id LEFT JOIN arm_run ar ON ar.arm_id = a.id LEFT JOIN run r ON r.id = ar.run_id "
		"LEFT JOIN dataset d ON d.id = r.dataset_id WHERE x.name = ?1 AND x.script_sha256 IS (SELECT script_sha256 FROM experiment WHERE id = ?2) AND (?3 = 0 OR x.id = ?3) ORDER BY a.id, r.id";
	bool numeric = *experiment && !experiment[strspn(experiment, "0123456789")];
	int64_t id = tl_store_int(l->s, e, 0, "SELECT max(id) FROM experiment WHERE name = ?1", "s", experiment);
	tl_rows *r;
	int got;

	l->t->one_row = !id && numeric;
	if (l->t->one_row)
		id = tl_store_int(l->s, e, 0, "SELECT id FROM experiment WHERE id = ?1", "i", (int64_t)strtoll(experiment, NULL, 10));
	if (!id)
		return e->status ? -1 : unknown_experiment(l->s, experiment, e);
	l->t->experiment_id = id;
	l->t->experiment = tl_store_text(l->s, e, "SELECT name FROM experiment WHERE id = ?1", "i", id);
	r = tl_store_query(l->s, e, sql, "siis", l->t->experiment, id, l->t->one_row ? id : (int64_t)0, l->t->split);
	if (!r)
		return -1;
	while ((got = tl_rows_next(r, e)) == 1) {
		l->raw = tl_grow(l->raw, l->n, &l->capacity, sizeof *l->raw);
		l->raw[l->n++] = (struct raw){ .arm_id = tl_rows_int(r, 0), .arm = copy(r, 1), .baseline = tl_rows_int(r, 2), .config = copy(r, 3), .run = tl_rows_int(r, 4), .data = tl_rows_int(r, 5),
			                           .data_name = copy(r, 6), .seed = tl_rows_null(r, 7) ? TL_NO_SEED : tl_rows_int(r, 7), .seedless = tl_rows_int(r, 8), .status = copy(r, 9), .error = copy(r, 10), .plugin = copy(r, 11),
			                           .best_epoch = tl_rows_int(r, 12) };
	}
	tl_rows_free(r);
	return got;
}

/* Rows are ordered by arm id, so the last configuration that a name has on a dataset is its newest. */
static void
drop_old_configurations(struct loading *l)
{
	struct names newest = { 0 };
	char *key;

	for (int64_t i = 0; i < l->n; i++) {
		key = tl_format("%s\n%lld", l->raw[i].arm, (long long)l->raw[i].data);
		*lookup(&newest, key, i) = i;
		free(key);
	}
	for (int64_t i = 0; i < l->n; i++) {
		struct raw *x = l->raw + i;
		key = tl_format("%s\n%lld", x->arm, (long long)x->data);
		if (strcmp(l->raw[*lookup(&newest, key, i)].config, x->config))
			x->run = 0; /* not counted; the arm keeps its place */
		free(key);
	}
	names_free(&newest);
}

static void
number_arms_and_datas(struct loading *l, int *arm_of, int *data_of)
{
	struct names arms = { 0 }, datas = { 0 };
	tl_tab *t = l->t;
	int64_t arms_capacity = 0, datas_capacity = 0;

	for (int64_t i = 0; i < l->n; i++) {
		const struct raw *x = l->raw + i;
		char id[32];
		int64_t a = *lookup(&arms, x->arm, t->n_arms), d;
		if (a == t->n_arms) {
			t->arm = tl_grow(t->arm, a, &arms_capacity, sizeof *t->arm);
			t->arm[t->n_arms++] = (tl_tab_arm){ .name = tl_strdup(x->arm) };
		}
		t->arm[a].id = x->arm_id;
		t->arm[a].baseline = x->baseline;
		arm_of[i] = (int)a;
		data_of[i] = -1;
		if (!x->run)
			continue;
		snprintf(id, sizeof id, "%lld", (long long)x->data);
		d = *lookup(&datas, id, t->n_datas);
		if (d == t->n_datas) {
			t->data = tl_grow(t->data, d, &datas_capacity, sizeof *t->data);
			t->data[t->n_datas++] = (tl_tab_data){ .id = x->data, .name = tl_strdup(x->data_name ? x->data_name : "?") };
		}
		data_of[i] = (int)d;
	}
	for (int d = 0; d < t->n_datas; d++) { /* a dataset that changed under its name is another one */
		bool twice = false;
		for (int o = 0; o < t->n_datas; o++)
			twice = twice || (o != d && !strcmp(t->data[o].name, t->data[d].name));
		char *sha = twice ? tl_store_text(l->s, NULL, "SELECT substr(sha256, 1, 8) FROM dataset WHERE id = ?1", "i", t->data[d].id) : NULL;
		t->data[d].label = sha ? tl_format("%s (%s)", t->data[d].name, sha) : tl_strdup(t->data[d].name);
		free(sha);
	}
	names_free(&arms);
	names_free(&datas);
}

static int
by_place(const void *x, const void *y)
{
	const tl_tab_run *a = x, *b = y;

	if (a->data != b->data)
		return a->data - b->data;
	if (a->arm != b->arm)
		return a->arm - b->arm;
	if (a->seed != b->seed)
		return a->seed < b->seed ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

/* Runs in one place are the same one, made again; of which seed's a run is that holds none nobody knows: it has a place of its own. */
static void
place_key(char key[96], const struct raw *x, int data, int arm)
{
	if (x->seed == TL_NO_SEED && !x->seedless)
		snprintf(key, 96, "%d %d run %lld", data, arm, (long long)x->run);
	else
		snprintf(key, 96, "%d %d %lld", data, arm, x->seedless ? -1 : (long long)x->seed);
}

/* Of several finished runs in one place the newest; unfinished ones are gaps where nothing finished is there. */
static void
place_runs(struct loading *l, const int *arm_of, const int *data_of)
{
	struct names place = { 0 };
	tl_tab *t = l->t;
	int64_t capacity = 0, gaps = 0;
	char key[96];

	for (int64_t i = 0; i < l->n; i++) {
		const struct raw *x = l->raw + i;
		int64_t *at;
		if (!x->run || !x->status || strcmp(x->status, "done"))
			continue;
		place_key(key, x, data_of[i], arm_of[i]);
		at = lookup(&place, key, t->n_runs);
		if (*at == t->n_runs) {
			t->run = tl_grow(t->run, t->n_runs, &capacity, sizeof *t->run);
			t->run[t->n_runs++] = (tl_tab_run){ 0 };
		}
		if (x->run > t->run[*at].id)
			t->run[*at] = (tl_tab_run){ .id = x->run, .seed = x->seed, .arm = arm_of[i], .data = data_of[i], .seedless = x->seedless, .best_epoch = x->best_epoch };
	}
	for (int64_t i = 0; i < l->n; i++) {
		const struct raw *x = l->raw + i;
		if (!x->run || !x->status || !strcmp(x->status, "done"))
			continue;
		place_key(key, x, data_of[i], arm_of[i]);
		if (*lookup(&place, key, -2 - t->n_gaps) >= 0)
			continue;
		t->gap = tl_grow(t->gap, t->n_gaps, &gaps, sizeof *t->gap);
		t->gap[t->n_gaps++] = (tl_tab_gap){ .run = x->run, .seed = x->seed, .arm = arm_of[i], .data = data_of[i], .status = tl_strdup(x->status),
			                                .error = x->error ? tl_strdup(x->error) : NULL, .plugin = x->plugin ? tl_strdup(x->plugin) : NULL };
	}
	names_free(&place);
	if (t->n_runs)
		qsort(t->run, (size_t)t->n_runs, sizeof *t->run, by_place);
}

static void
index_runs(tl_tab *t)
{
	int64_t capacity = 0, at = 0;

	t->first = tl_alloc(((size_t)t->n_datas * (size_t)t->n_arms + 2) * 8);
	for (int64_t c = 0; c <= (int64_t)t->n_datas * t->n_arms; c++) {
		while (at < t->n_runs && (int64_t)t->run[at].data * t->n_arms + t->run[at].arm < c)
			at++;
		t->first[c] = at;
	}
	for (int64_t i = 0; i < t->n_runs; i++) {
		int64_t lo = 0, hi = t->n_seeds;
		while (lo < hi) {
			int64_t mid = (lo + hi) / 2;
			if (t->seed[mid] < t->run[i].seed)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo < t->n_seeds && t->seed[lo] == t->run[i].seed)
			continue;
		t->seed = tl_grow(t->seed, t->n_seeds, &capacity, sizeof *t->seed);
		memmove(t->seed + lo + 1, t->seed + lo, (size_t)(t->n_seeds - lo) * 8);
		t->seed[lo] = t->run[i].seed;
		t->n_seeds++;
	}
}

static int
choose_baseline(tl_tab *t, const char *name, tl_error *e)
{
	const char **names, *near;
	int bad;

	t->baseline = t->n_arms ? 0 : -1;
	for (int a = t->n_arms - 1; a >= 0; a--)
		if (name ? !strcmp(t->arm[a].name, name) : t->arm[a].baseline)
			t->baseline = a;
	if (!name || (t->n_arms && !strcmp(t->arm[t->baseline].name, name)))
		return 0;
	names = tl_alloc((size_t)(t->n_arms + 1) * sizeof *names);
	for (int a = 0; a < t->n_arms; a++)
		names[a] = t->arm[a].name;
	near = tl_nearest(name, names, t->n_arms);
	bad = tl_error_set(e, TL_USAGE, "--baseline %s: experiment %s has no such arm%s%s", name, t->experiment, near ? "; did you mean " : t->n_arms ? "; there is " : "",
	                   near ? near : t->n_arms ? names[0] : "");
	free(names);
	return bad;
}

static int
load(struct loading *l, const char *experiment, const char *metrics, const char *baseline, tl_error *e)
{
	int *arm_of, *data_of, bad;

	if (experiment && read_rows(l, experiment, e))
		return -1;
	arm_of = tl_alloc((size_t)(l->n + 1) * sizeof *arm_of);
	data_of = tl_alloc((size_t)(l->n + 1) * sizeof *data_of);
	drop_old_configurations(l);
	number_arms_and_datas(l, arm_of, data_of);
	place_runs(l, arm_of, data_of);
	index_runs(l->t);
	bad = choose_baseline(l->t, baseline, e) || tl_tab_values(l->t, l->s, metrics, e);
	free(arm_of);
	free(data_of);
	return bad ? -1 : 0;
}

static tl_tab *
finish(struct loading *l, int bad)
{
	for (int64_t i = 0; i < l->n; i++) {
		free(l->raw[i].arm);
		free(l->raw[i].config);
		free(l->raw[i].data_name);
		free(l->raw[i].status);
		free(l->raw[i].error);
		free(l->raw[i].plugin);
	}
	free(l->raw);
	if (!bad)
		return l->t;
	tl_tab_free(l->t);
	return NULL;
}

tl_tab *
tl_tab_load(tl_store *s, const char *experiment, const char *split, const char *metrics, const char *baseline, tl_error *e)
{
	struct loading l = { .s = s, .t = tl_alloc(sizeof *l.t) };

	l.t->split = tl_strdup(split);
	return finish(&l, load(&l, experiment, metrics, baseline, e));
}

int
tl_tab_count_left_out(tl_tab *t, tl_store *s, tl_error *e)
{
	static const char sql[] =
		"WITH script AS (SELECT script_sha256 AS newest FROM experiment WHERE id = ?2), "
		"served AS (SELECT ar.run_id AS run, x.id AS experiment, x.script_sha256 IS (SELECT newest FROM script) AS now FROM experiment x CROSS JOIN arm a ON a.experiment_id = x.id "
		"CROSS JOIN arm_run ar ON ar.arm_id = a.id CROSS JOIN run r ON r.id = ar.run_id WHERE x.name = ?1 AND r.status = 'done') "
		"SELECT count(DISTINCT run), max(experiment) FROM served WHERE NOT now AND run NOT IN (SELECT run FROM served WHERE now)";
	tl_rows *r;

	if (t->one_row)
		return 0;
	r = tl_store_query(s, e, sql, "si", t->experiment, t->experiment_id);
	if (r && tl_rows_next(r, e) == 1) {
		t->left_out = tl_rows_int(r, 0);
		t->left_in = tl_rows_int(r, 1);
	}
	tl_rows_free(r);
	return e->status ? -1 : 0;
}

static int
add_side_run(struct loading *l, int side, const char *name, int64_t run, tl_error *e)
{
	tl_rows *r = tl_store_query(l->s, e,
	                            "SELECT " MEASURED_ON("?2") ", d.name, r.seed, r.seedless, r.status, r.error, r.plugin_at_fault, coalesce(r.best_epoch, -1) FROM run r "
	                            "LEFT JOIN dataset d ON d.id = r.dataset_id WHERE r.id = ?1", "is", run, l->t->split);
	int got = r ? tl_rows_next(r, e) : -1;

	if (got == 1) {
		l->raw = tl_grow(l->raw, l->n, &l->capacity, sizeof *l->raw);
		l->raw[l->n++] = (struct raw){ .arm_id = side + 1, .arm = tl_strdup(name), .baseline = !side, .config = tl_strdup(""), .run = run, .data = tl_rows_int(r, 0), .data_name = copy(r, 1),
			                           .seed = tl_rows_null(r, 2) ? TL_NO_SEED : tl_rows_int(r, 2), .seedless = tl_rows_int(r, 3), .status = copy(r, 4), .error = copy(r, 5), .plugin = copy(r, 6), .best_epoch = tl_rows_int(r, 7) };
	}
	tl_rows_free(r);
	return got < 0 ? -1 : 0;
}

tl_tab *
tl_tab_of_sides(tl_store *s, const tl_tab_side side[2], const char *split, const char *metrics, tl_error *e)
{
	struct loading l = { .s = s, .t = tl_alloc(sizeof *l.t) };
	char *twin = tl_streq(side[0].name, side[1].name) ? tl_format("%s (second)", side[1].name) : NULL;
	int bad = 0;

	l.t->split = tl_strdup(split);
	l.t->experiment = tl_format("%s and %s", side[0].name, side[1].name);
	for (int k = 0; k < 2; k++)
		for (int64_t i = 0; i < side[k].n && !bad; i++)
			bad = add_side_run(&l, k, k && twin ? twin : side[k].name, side[k].run[i], e);
	free(twin);
	l.t->pair_all = side[0].n == 1 && side[1].n == 1;
	return finish(&l, bad || load(&l, NULL, metrics, NULL, e));
}

void
tl_tab_free(tl_tab *t)
{
	if (!t)
		return;
	if (t->n_runs)
		free(t->run[0].value);
	for (int64_t i = 0; t->difference && i < (int64_t)t->n_datas * t->n_metrics * t->n_arms; i++)
		free(t->difference[i].test.why);
	for (int i = 0; i < t->n_metrics; i++)
		tl_tab_metric_free(&t->metric[i]);
	for (int i = 0; i < t->n_arms; i++)
		free(t->arm[i].name);
	for (int i = 0; i < t->n_datas; i++) {
		free(t->data[i].name);
		free(t->data[i].label);
	}
	for (int64_t i = 0; i < t->n_gaps; i++) {
		free(t->gap[i].status);
		free(t->gap[i].error);
		free(t->gap[i].plugin);
	}
	free(t->metric);
	free(t->arm);
	free(t->data);
	free(t->run);
	free(t->gap);
	free(t->first);
	free(t->seed);
	free(t->difference);
	free(t->experiment);
	free(t->split);
	free(t);
}
