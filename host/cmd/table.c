/* table.c - the comparison table. */
#include "cmd.h"
#include "scored.h"
#include "tables.h"

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

/* --- our numbers ------------------------------------------------------------------------------------------------------------------ */
struct wish { const char *split, *metrics, *baseline; int rows, cols; tl_output as; bool tests; };

static int
one_experiment(tl_store *s, const char *name, const struct wish *w, bool first, tl_error *e)
{
	tl_tab *t = tl_tab_complete(s, NULL, name, w->split, w->metrics, w->baseline, e);
	bool to_read = w->as != TL_AS_JSON && w->as != TL_AS_CSV;

	if (!t || (to_read && tl_tab_count_left_out(t, s, e))) {
		tl_tab_free(t);
		return -1;
	}
	tl_tab_compare(t, s, w->tests);
	if (!first && to_read)
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
	bad = reported ? tl_reported_write(s, reported, w.as, e) : tables(s, tl_arg_value(a, "--experiment", NULL), &w, e);
	tl_store_close(s);
	return bad;
}

const tl_verb tl_verb_table = {
	.name = "table",
	.synopsis = "[--db FILE] [--experiment E] [--split test] [--metrics a,b] [--baseline ARM] [--rows arm] [--cols metric] [--format text|md|latex|csv|json] [--no-tests] [--reported PAPER/TABLE]",
	.summary = "comparison table: mean ± sd over seeds, deltas, tests",
	.description = "Means and sample standard deviations over seeds, differences to the baseline, over how many seeds an arm won or lost, and a\n"
	               "paired test over documents from stored scores: p by approximate randomisation (10,000 seeded rounds, Holm-corrected over the\n"
	               "arms compared within a metric) and a 95 % bootstrap interval. Compared are means over the seeds that both arms\n"
	               "have. Computed tests are kept in the table `test`. A metric that finished runs were not measured by is computed from their\n"
	               "stored scores, and kept. Several datasets give a table each; two definitions of a metric never share a column; runs that\n"
	               "failed are told below. The best mean is bold on a terminal.",
	.options = options,
	.least = 0,
	.most = 0,
	.run = run,
};
