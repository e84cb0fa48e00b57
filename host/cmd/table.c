/* table.c - the comparison table. */
#include "cmd.h"
#include "tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const tl_option options[] = {
	{ "--db", "FILE", "results database (default $TAGLOOM_DB, else results/tagloom.db)" },
	{ "--experiment", "E", "one experiment, by name or id (default: all, the newest last)" },
	{ "--split", "SPLIT", "test (default), valid or train" },
	{ "--metrics", "LIST", "metrics in this order: p@1,ndcg@5,p@1:group=tail (default: all)" },
	{ "--baseline", "ARM", "compare with this arm (default: the experiment's baseline)" },
	{ "--rows", "WHAT", "arm (default), metric, dataset or seed" },
	{ "--cols", "WHAT", "metric (default), arm, dataset or seed" },
	{ "--format", "FORMAT", "text (default), md, latex, csv or json" },
	{ "--no-tests", NULL, "leave out p-values and intervals" },
	{ "--reported", "PAPER/TABLE", "a table printed in a paper, our numbers beside it; PAPER alone lists its tables" },
	{ 0 }
};

/* --- printed numbers ------------------------------------------------------------------------------------------------------------- */
static int
unknown_reported(tl_store *s, const char *paper, const char *table, tl_error *e)
{
	char *tables = tl_store_text(s, e, "SELECT group_concat(tbl, ', ') FROM (SELECT DISTINCT tbl FROM reported WHERE paper = ?1 ORDER BY tbl)", "s", paper);
	char *papers = tl_store_text(s, e, "SELECT group_concat(paper, ', ') FROM (SELECT DISTINCT paper FROM reported ORDER BY paper)", "");

	if (tables)
		tl_error_set(e, TL_USAGE, "--reported %s/%s: wanted one of %s/{%s}", paper, table, paper, tables);
	else
		tl_error_set(e, TL_USAGE, "--reported %s: no such paper; there is %s", paper, papers ? papers : "none in this database");
	free(tables);
	free(papers);
	return -1;
}

static int
decimals(double v)
{
	return v < 10 ? 4 : 1;
}

/* One line per method and variant, one column per metric: printed, and ours where there is one. */
static tl_grid *
reported_grid(tl_rows *r, const char *title, tl_error *e)
{
	static const char *const first[] = { "dataset", "method", "variant" };
	tl_grid *g = tl_grid_new(3, first);
	char **metric = NULL;
	int64_t n = 0, capacity = 0, row = -1;
	int got;

	while ((got = tl_rows_next(r, e)) == 1) {
		int64_t m = 0;
		tl_cell *c = row < 0 ? NULL : g->cell + row * g->columns;
		bool same = c && tl_streq(c[0].text, tl_rows_text(r, 0)) && tl_streq(c[1].text, tl_rows_text(r, 1)) && tl_streq(c[2].text, tl_rows_null(r, 2) ? "" : tl_rows_text(r, 2));
		while (m < n && strcmp(metric[m], tl_rows_text(r, 3)))
			m++;
		if (m == n) { /* a new column: the grid is laid out again */
			metric = tl_grow(metric, n, &capacity, sizeof *metric);
			metric[n++] = tl_strdup(tl_rows_text(r, 3));
			g->head = tl_realloc(g->head, (size_t)(g->columns + 1) * sizeof *g->head);
			g->right = tl_realloc(g->right, (size_t)(g->columns + 1) * sizeof *g->right);
			g->head[g->columns] = tl_strdup(metric[m]);
			g->right[g->columns] = false;
			tl_cell *wider = tl_alloc((size_t)(TL_MAX(g->capacity, 1) * (g->columns + 1)) * sizeof *wider);
			for (int64_t i = 0; i < g->rows; i++)
				memcpy(wider + i * (g->columns + 1), g->cell + i * g->columns, (size_t)g->columns * sizeof *wider);
			free(g->cell);
			g->cell = wider;
			g->capacity = TL_MAX(g->capacity, 1);
			g->columns++;
		}
		if (!same) {
			c = tl_grid_row(g);
			row = g->rows - 1;
			tl_cell_string(c, tl_rows_text(r, 0));
			tl_cell_string(c + 1, tl_rows_text(r, 1));
			tl_cell_string(c + 2, tl_rows_null(r, 2) ? "" : tl_rows_text(r, 2));
		}
		c = g->cell + row * g->columns + 3 + m;
		free(c->text);
		if (tl_rows_null(r, 5))
			tl_cell_text(c, "%.*f", decimals(tl_rows_real(r, 4)), tl_rows_real(r, 4));
		else
			tl_cell_text(c, "%.*f / %.*f", decimals(tl_rows_real(r, 4)), tl_rows_real(r, 4), decimals(tl_rows_real(r, 4)), tl_rows_real(r, 5));
	}
	for (int64_t i = 0; i < n; i++)
		free(metric[i]);
	free(metric);
	g->title = tl_strdup(title);
	g->fixed = 3;
	return g;
}

static int
print_query(tl_store *s, const char *sql, const char *paper, const char *table, tl_output as, tl_error *e)
{
	tl_rows *r = tl_store_query(s, e, sql, "ss", paper, table);
	const char *head[32];
	tl_grid *g;
	int n, got;

	if (!r)
		return -1;
	n = TL_MIN(tl_rows_columns(r), 32);
	for (int j = 0; j < n; j++)
		head[j] = tl_rows_name(r, j);
	g = tl_grid_new(n, head);
	while ((got = tl_rows_next(r, e)) == 1) {
		tl_cell *c = tl_grid_row(g);
		for (int j = 0; j < n; j++) {
			if (tl_rows_type(r, j) == 'd')
				tl_cell_real(c + j, tl_rows_real(r, j), -1);
			else if (tl_rows_type(r, j) == 'i')
				tl_cell_int(c + j, tl_rows_int(r, j));
			else
				tl_cell_string(c + j, tl_rows_text(r, j));
		}
	}
	tl_rows_free(r);
	if (!got)
		tl_grid_write(g, as, stdout);
	tl_grid_free(g);
	return got;
}

static int
write_reported(tl_store *s, const char *what, tl_output as, tl_error *e)
{
	char *paper = tl_strdup(what), *slash = strchr(paper, '/'), *title;
	const char *table = slash ? slash + 1 : "";
	int bad = 0;
	tl_grid *g;
	tl_rows *r;

	if (slash)
		*slash = 0;
	if (!tl_store_int(s, e, 0, slash ? "SELECT count(*) FROM reported WHERE paper = ?1 AND tbl = ?2" : "SELECT count(*) FROM reported WHERE paper = ?1", slash ? "ss" : "s", paper, table)) {
		bad = unknown_reported(s, paper, table, e);
	} else if (!slash) {
		bad = print_query(s, "SELECT paper, tbl, count(*) AS numbers, count(DISTINCT method || coalesce(' ' || variant, '')) AS methods, group_concat(DISTINCT dataset) AS datasets FROM reported WHERE paper = ?1 GROUP BY tbl", paper,
		                  table, as, e);
	} else if (as == TL_AS_CSV || as == TL_AS_JSON) {
		bad = print_query(s, "SELECT * FROM v_reported WHERE paper = ?1 AND tbl = ?2", paper, table, as, e);
	} else {
		r = tl_store_query(s, e, "SELECT dataset, method, variant, metric, printed, ours FROM v_reported WHERE paper = ?1 AND tbl = ?2", "ss", paper, table);
		title = tl_format("%s · %s · printed / ours (test split, mean over seeds)", paper, table);
		g = r ? reported_grid(r, title, e) : NULL;
		tl_rows_free(r);
		if (g && !e->status)
			tl_grid_write(g, as, stdout);
		if (g && !e->status && as == TL_AS_TEXT && tl_store_int(s, e, 0, "SELECT count(*) FROM reported WHERE paper = ?1 AND tbl = ?2 AND note <> ''", "ss", paper, table)) {
			r = tl_store_query(s, e, "SELECT DISTINCT dataset, method, variant, metric, note FROM reported WHERE paper = ?1 AND tbl = ?2 AND note <> ''", "ss", paper, table);
			putchar('\n');
			while (r && tl_rows_next(r, e) == 1)
				printf("%s %s%s%s %s: %s\n", tl_rows_text(r, 0), tl_rows_text(r, 1), tl_rows_null(r, 2) ? "" : " ", tl_rows_null(r, 2) ? "" : tl_rows_text(r, 2), tl_rows_text(r, 3),
				       tl_rows_text(r, 4));
			tl_rows_free(r);
		}
		tl_grid_free(g);
		free(title);
	}
	free(paper);
	return bad || e->status ? -1 : 0;
}

/* --- our numbers ------------------------------------------------------------------------------------------------------------------ */
struct wish { const char *split, *metrics, *baseline; int rows, cols; tl_output as; bool tests; };

static int
one_experiment(tl_store *s, const char *name, const struct wish *w, bool first, tl_error *e)
{
	tl_tab *t = tl_tab_load(s, name, w->split, w->metrics, w->baseline, e);

	if (!t)
		return -1;
	tl_tab_compare(t, s, w->tests);
	if (!first && w->as != TL_AS_JSON && w->as != TL_AS_CSV)
		putchar('\n');
	if (w->as == TL_AS_JSON) {
		fputs(first ? "{\"tables\": [" : ",", stdout);
		tl_tab_json(t, w->rows, w->cols, stdout);
	} else if (w->as == TL_AS_CSV) {
		tl_tab_csv(t, first, stdout);
	} else {
		tl_tab_write(t, w->rows, w->cols, w->as, stdout);
	}
	tl_tab_free(t);
	return 0;
}

static int
tables(tl_store *s, const char *only, const struct wish *w, tl_error *e)
{
	int64_t n = 1;
	char **names = only ? tl_alloc(sizeof *names) : tl_tab_experiments(s, &n, e);
	int bad = e->status != 0, shown = 0;

	if (only)
		names[0] = tl_strdup(only);
	if (!bad && !n)
		bad = tl_error_set(e, TL_USAGE, "%s holds no experiment yet; 'tagloom run SCRIPT.lua' makes one", tl_store_path(s));
	for (int64_t i = 0; i < n; i++) {
		tl_error here = { 0 };
		if (!bad && one_experiment(s, names[i], w, !shown, &here)) {
			/* Of several experiments those that lack the metric or the baseline asked for are passed over, unless all do. */
			if (n == 1 || here.status != TL_USAGE || (i + 1 == n && !shown))
				bad = tl_error_set(e, here.status, "%s", here.text);
		} else if (!bad) {
			shown++;
		}
		free(names[i]);
	}
	if (!bad && w->as == TL_AS_JSON)
		fputs("\n]}\n", stdout);
	free(names);
	return bad ? -1 : 0;
}

static int
run(const tl_args *a, tl_error *e)
{
	struct wish w = { tl_arg_value(a, "--split", "test"), tl_arg_value(a, "--metrics", NULL), tl_arg_value(a, "--baseline", NULL), 0, 0, TL_AS_TEXT, !tl_arg_flag(a, "--no-tests") };
	const char *reported = tl_arg_value(a, "--reported", NULL);
	tl_store *s;
	int bad;

	if (tl_output_named(tl_arg_value(a, "--format", "text"), &w.as, e) || tl_tab_by(tl_arg_value(a, "--rows", "arm"), "--rows", &w.rows, e)
	    || tl_tab_by(tl_arg_value(a, "--cols", w.rows == TL_BY_METRIC ? "arm" : "metric"), "--cols", &w.cols, e))
		return -1;
	if (w.rows == w.cols)
		return tl_error_set(e, TL_USAGE, "--rows and --cols name the same; wanted two of arm, metric, dataset, seed");
	if (strcmp(w.split, "test") && strcmp(w.split, "valid") && strcmp(w.split, "train"))
		return tl_error_set(e, TL_USAGE, "--split %s: wanted test, valid or train", w.split);
	s = tl_store_open(tl_db_path(a), true, e);
	if (!s)
		return -1;
	bad = reported ? write_reported(s, reported, w.as, e) : tables(s, tl_arg_value(a, "--experiment", NULL), &w, e);
	tl_store_close(s);
	return bad;
}

const tl_verb tl_verb_table = {
	.name = "table",
	.synopsis = "[--db FILE] [--experiment E] [--split test] [--metrics a,b] [--baseline ARM] [--rows arm] [--cols metric] [--format text|md|latex|csv|json] [--no-tests] [--reported PAPER/TABLE]",
	.summary = "comparison table: mean ± sd over seeds, deltas, tests",
	.description = "Means and sample standard deviations over seeds, differences to the baseline, over how many seeds an arm won or lost, and a\n"
	               "paired test over documents from stored scores: p by approximate randomisation (10,000 seeded rounds, Holm-corrected over the\n"
	               "arms compared within a metric) and a 95 % bootstrap interval. Per-document rows are averaged over the seeds that both arms\n"
	               "have. Computed tests are kept in the table `test`. Several datasets give a table each; two definitions of a metric never\n"
	               "share a column; runs that failed are told below. The best mean is bold on a terminal.",
	.options = options,
	.least = 0,
	.most = 0,
	.run = run,
};
