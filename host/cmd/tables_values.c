/* tables_values.c - the values of a table: metrics as columns, each at the best epoch of its run. */
#include "tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct column { int64_t id; char *group; int place; }; /* place: in t->metric; -1: not wanted */
struct columns { struct column *at; int n; int64_t capacity; int next; };
struct value { int64_t run; int column; double value; };

/* Runs list their metrics in the same order, so the next column is nearly always the one after the last. */
static int
column_of(struct columns *c, int64_t id, const char *group)
{
	for (int k = 0; k < c->n; k++) {
		int i = (c->next + k) % c->n;
		if (c->at[i].id == id && !strcmp(c->at[i].group, group)) {
			c->next = i + 1;
			return i;
		}
	}
	c->at = tl_grow(c->at, c->n, &c->capacity, sizeof *c->at);
	c->at[c->n] = (struct column){ id, tl_strdup(group), -1 };
	c->next = c->n + 1;
	return c->n++;
}

static int
read_values(const tl_tab *t, tl_store *s, struct columns *columns, struct value **values, int64_t *n, tl_error *e)
{
	int64_t capacity = 0;

	for (int64_t i = 0; i < t->n_runs; i++) {
		int64_t id = t->run[i].id, best = t->run[i].best_epoch;
		tl_rows *r;
		int got;
		if (best < 0)
			best = tl_store_int(s, e, 0, "SELECT max(epoch) FROM result WHERE split = ?1 AND run_id = ?2", "si", t->split, id);
		r = tl_store_query(s, e, "SELECT metric_id, grp, value FROM result WHERE split = ?1 AND run_id = ?2 AND epoch = ?3", "sii", t->split, id, best);
		if (!r)
			return -1;
		while ((got = tl_rows_next(r, e)) == 1) {
			int c = column_of(columns, tl_rows_int(r, 0), tl_rows_text(r, 1));
			double v = tl_rows_null(r, 2) ? NAN : tl_rows_real(r, 2);
			*values = tl_grow(*values, *n, &capacity, sizeof **values);
			(*values)[(*n)++] = (struct value){ i, c, isfinite(v) ? v : NAN }; /* another program may have stored an infinity: undefined, too */
		}
		tl_rows_free(r);
		if (got)
			return -1;
	}
	return 0;
}

static int
by_column(const void *x, const void *y)
{
	const tl_tab_metric *a = x, *b = y;

	if (!*a->group != !*b->group)
		return *a->group ? 1 : -1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return strcmp(a->group, b->group);
}

static char *
full_name(const char *name, const char *group)
{
	return tl_format("%s%s%s", name, *group ? ":group=" : "", group);
}

static int
describe_columns(tl_tab *t, tl_store *s, const struct columns *c, tl_error *e)
{
	t->metric = tl_alloc((size_t)(c->n + 1) * sizeof *t->metric);
	for (int i = 0; i < c->n; i++) {
		tl_rows *r = tl_store_query(s, e, "SELECT name, signature, higher_is_better FROM metric WHERE id = ?1", "i", c->at[i].id);
		if (!r)
			return -1;
		bool there = tl_rows_next(r, e) == 1;
		t->metric[i] = (tl_tab_metric){ .id = c->at[i].id, .group = tl_strdup(c->at[i].group), .name = there ? tl_strdup(tl_rows_text(r, 0)) : tl_format("metric %lld", (long long)c->at[i].id),
			                            .signature = tl_strdup(there && tl_rows_text(r, 1) ? tl_rows_text(r, 1) : ""), .higher = !there || tl_rows_int(r, 2) };
		t->n_metrics++;
		tl_rows_free(r);
	}
	qsort(t->metric, (size_t)t->n_metrics, sizeof *t->metric, by_column);
	return 0;
}

void
tl_tab_metric_free(tl_tab_metric *m)
{
	free(m->name);
	free(m->group);
	free(m->signature);
	free(m->label);
}

/* Keeps the metrics of the list, in its order. */
static int
choose_metrics(tl_tab *t, const char *list, const char *path, tl_error *e)
{
	char *text = tl_strdup(list), *save = NULL;
	tl_tab_metric *chosen = tl_alloc((size_t)(t->n_metrics + 1) * sizeof *chosen);
	bool *taken = tl_alloc((size_t)t->n_metrics + 1);
	int n = 0, bad = 0;

	for (char *word = strtok_r(text, ", ", &save); word && !bad; word = strtok_r(NULL, ", ", &save)) {
		const char **names = tl_alloc((size_t)(t->n_metrics + 1) * sizeof *names), *near;
		bool found = false;
		for (int i = 0; i < t->n_metrics; i++) {
			char *full = full_name(t->metric[i].name, t->metric[i].group);
			if (!strcmp(full, word)) {
				found = true;
				if (!taken[i])
					chosen[n++] = t->metric[i];
				taken[i] = true;
			}
			names[i] = full;
		}
		near = tl_nearest(word, names, t->n_metrics);
		if (!found)
			bad = tl_error_set(e, TL_USAGE, "--metrics %s: not measured on %s in %s, and the scores to compute it from are not stored%s%s", word, t->split, path,
			                   near ? "; did you mean " : "", near ? near : "");
		for (int i = 0; i < t->n_metrics; i++)
			free((char *)(uintptr_t)names[i]);
		free(names);
	}
	if (!n && !bad)
		bad = tl_error_set(e, TL_USAGE, "--metrics \"%s\": wanted at least one, for instance p@1,ndcg@5", list);
	for (int i = 0; i < t->n_metrics; i++)
		if (!taken[i])
			tl_tab_metric_free(&t->metric[i]);
	free(t->metric);
	free(taken);
	free(text);
	t->metric = chosen;
	t->n_metrics = n;
	return bad;
}

/* Two definitions under one name get a letter each: they never share a column. */
static void
label_metrics(tl_tab *t)
{
	for (int i = 0; i < t->n_metrics; i++) {
		tl_tab_metric *m = &t->metric[i];
		char *full = full_name(m->name, m->group);
		int same = 0, before = 0;
		for (int k = 0; k < t->n_metrics; k++) {
			bool twin = !strcmp(t->metric[k].name, m->name) && !strcmp(t->metric[k].group, m->group);
			same += twin;
			before += twin && k < i;
		}
		m->label = same > 1 ? tl_format("%s [%c]", full, 'a' + before % 26) : tl_strdup(full);
		free(full);
	}
}

static void
spread_values(tl_tab *t, struct columns *c, const struct value *values, int64_t n)
{
	double *all = tl_alloc(((size_t)t->n_runs * (size_t)t->n_metrics + 1) * sizeof *all), largest;

	for (int i = 0; i < c->n; i++)
		for (int m = 0; m < t->n_metrics; m++)
			if (t->metric[m].id == c->at[i].id && !strcmp(t->metric[m].group, c->at[i].group))
				c->at[i].place = m;
	for (int64_t i = 0; i < t->n_runs * t->n_metrics; i++)
		all[i] = NAN;
	for (int64_t i = 0; i < t->n_runs; i++)
		t->run[i].value = all + i * t->n_metrics;
	for (int64_t i = 0; i < n; i++)
		if (c->at[values[i].column].place >= 0)
			t->run[values[i].run].value[c->at[values[i].column].place] = values[i].value;
	if (!t->n_runs)
		free(all);
	for (int m = 0; m < t->n_metrics; m++) {
		largest = 0;
		for (int64_t i = 0; i < t->n_runs; i++)
			if (fabs(t->run[i].value[m]) > largest)
				largest = fabs(t->run[i].value[m]);
		t->metric[m].decimals = largest < 10 ? 4 : largest < 1000 ? 2 : 1;
	}
}

int
tl_tab_values(tl_tab *t, tl_store *s, const char *metrics, tl_error *e)
{
	struct columns columns = { 0 };
	struct value *values = NULL;
	int64_t n = 0;
	int bad = read_values(t, s, &columns, &values, &n, e) || describe_columns(t, s, &columns, e);

	if (!bad && metrics)
		bad = choose_metrics(t, metrics, tl_store_path(s), e);
	if (!bad) {
		label_metrics(t);
		spread_values(t, &columns, values, n);
	}
	for (int i = 0; i < columns.n; i++)
		free(columns.at[i].group);
	free(columns.at);
	free(values);
	return bad ? -1 : 0;
}
