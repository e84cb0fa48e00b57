/*
 * tables_write.c - tables for people (text, Markdown, LaTeX): means, then differences to the baseline, then what one must know to
 * read them.
 */
#include "tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const dim_names[] = { "arm", "metric", "dataset", "seed" };

int
tl_tab_by(const char *name, const char *option, int *by, tl_error *e)
{
	const char *near;

	for (int i = 0; i < 4; i++) {
		if (!strcmp(name, dim_names[i])) {
			*by = i;
			return 0;
		}
	}
	near = tl_nearest(name, dim_names, 4);
	return tl_error_set(e, TL_USAGE, "%s %s: wanted arm, metric, dataset or seed%s%s", option, name, near ? "; did you mean " : "", near ? near : "");
}

char *
tl_tab_text_of(tl_tab_stats s, int decimals)
{
	if (!s.n)
		return tl_strdup("–");
	if (s.n == 1)
		return tl_format("%.*f", decimals, s.mean);
	return tl_format("%.*f ± %.*f", decimals, s.mean, decimals, s.sd);
}

char *
tl_tab_p(double p)
{
	return isnan(p) ? tl_strdup("–") : tl_format("%.4f", p);
}

char *
tl_tab_seed(int64_t seed)
{
	return seed == TL_NO_SEED ? tl_strdup("no seed") : tl_format("seed %lld", (long long)seed);
}

/* Where a cell lies: an index by dimension; -1 for the seed: all of them. */
struct place { int at[4]; };

static int
size_of(const tl_tab *t, int dim)
{
	return dim == TL_BY_ARM ? t->n_arms : dim == TL_BY_METRIC ? t->n_metrics : dim == TL_BY_DATASET ? t->n_datas : (int)t->n_seeds;
}

static char *
name_of(const tl_tab *t, int dim, int i)
{
	switch (dim) {
	case TL_BY_ARM: return tl_strdup(t->arm[i].name);
	case TL_BY_METRIC: return tl_strdup(t->metric[i].label);
	case TL_BY_DATASET: return tl_strdup(t->data[i].label);
	default: return tl_tab_seed(t->seed[i]);
	}
}

static tl_tab_stats
stats_at(const tl_tab *t, const struct place *p)
{
	return tl_tab_stats_of(t, p->at[TL_BY_DATASET], p->at[TL_BY_ARM], p->at[TL_BY_METRIC], p->at[TL_BY_SEED] < 0 ? NULL : &t->seed[p->at[TL_BY_SEED]]);
}

/* The best mean among the arms at this place; NaN where all are equal. */
static double
best_at(const tl_tab *t, struct place p)
{
	double best = NAN, worst = NAN, sign = t->metric[p.at[TL_BY_METRIC]].higher ? 1 : -1;

	for (p.at[TL_BY_ARM] = 0; p.at[TL_BY_ARM] < t->n_arms; p.at[TL_BY_ARM]++) {
		double v = stats_at(t, &p).mean;
		if (isnan(v))
			continue;
		best = isnan(best) || (v - best) * sign > 0 ? v : best;
		worst = isnan(worst) || (v - worst) * sign < 0 ? v : worst;
	}
	return best != worst ? best : NAN;
}

static int
runs_of(const tl_tab *t, int data, int arm)
{
	const int64_t *f = t->first + (int64_t)data * t->n_arms + arm;

	return (int)(f[1] - f[0]);
}

/* The best means of all places that share everything but the arm are looked for once: [datas, metrics, seeds + 1]. */
static double *
all_best(const tl_tab *t, bool by_seed)
{
	int64_t seeds = by_seed ? t->n_seeds : 1;
	double *best = tl_alloc(((size_t)t->n_datas * (size_t)t->n_metrics * (size_t)seeds + 1) * 8), *at = best;

	for (int d = 0; d < t->n_datas; d++)
		for (int m = 0; m < t->n_metrics; m++)
			for (int64_t s = 0; s < seeds; s++)
				*at++ = best_at(t, (struct place){ { 0, m, d, by_seed ? (int)s : -1 } });
	return best;
}

static void
value_cell(const tl_tab *t, const struct place *p, const double *best, bool mark, tl_cell *c)
{
	int arm = p->at[TL_BY_ARM], data = p->at[TL_BY_DATASET], metric = p->at[TL_BY_METRIC], seed = p->at[TL_BY_SEED];
	const tl_tab_difference *d = t->difference ? tl_tab_difference_of(t, data, metric, arm) : NULL;
	tl_tab_stats s = stats_at(t, p);
	char *text = tl_tab_text_of(s, t->metric[metric].decimals);
	int64_t seeds = seed < 0 ? 1 : t->n_seeds;

	tl_cell_text(c, "%s%s", text, mark && s.n && seed < 0 && d && arm != t->baseline && d->holm < 0.05 ? "*" : "");
	if (s.n && seed < 0 && s.n != runs_of(t, data, arm)) {
		free(c->text);
		tl_cell_text(c, "%s (n=%d)", text, s.n);
	}
	c->number = s.mean;
	c->bold = mark && s.n && s.mean == best[((int64_t)data * t->n_metrics + metric) * seeds + TL_MAX(seed, 0)];
	free(text);
}

static char *
title_of(const tl_tab *t, int rows, int cols, const struct place *p)
{
	tl_text s = { 0 };

	tl_text_add(&s, "%s", t->experiment);
	for (int dim = 0; dim < 3; dim++) {
		if (dim == rows || dim == cols)
			continue;
		char *name = name_of(t, dim, p->at[dim]);
		tl_text_add(&s, " · %s", name);
		free(name);
	}
	tl_text_add(&s, " · %s split", t->split);
	if (rows != TL_BY_SEED && cols != TL_BY_SEED)
		tl_text_add(&s, " · mean ± sd over seeds");
	return s.s;
}

static void
write_values(const tl_tab *t, int rows, int cols, struct place p, const double *best, tl_output as, FILE *f)
{
	int n = size_of(t, cols), lead = rows == TL_BY_ARM && cols != TL_BY_SEED && cols != TL_BY_DATASET ? 2 : 1;
	const char **head = tl_alloc((size_t)(n + lead) * sizeof *head);
	bool mark = rows == TL_BY_ARM || cols == TL_BY_ARM;
	tl_grid *g;

	head[0] = dim_names[rows];
	if (lead > 1)
		head[1] = ">n";
	for (int j = 0; j < n; j++)
		head[j + lead] = "";
	g = tl_grid_new(n + lead, head);
	free(head);
	for (int j = 0; j < n; j++) {
		free(g->head[j + lead]);
		g->head[j + lead] = name_of(t, cols, j);
	}
	for (int i = 0; i < size_of(t, rows); i++) {
		tl_cell *c = tl_grid_row(g);
		c[0].text = name_of(t, rows, i);
		c[0].type = 's';
		p.at[rows] = i;
		if (lead > 1)
			tl_cell_int(c + 1, runs_of(t, p.at[TL_BY_DATASET], i));
		for (int j = 0; j < n; j++) {
			p.at[cols] = j;
			value_cell(t, &p, best, mark, c + lead + j);
		}
	}
	g->title = title_of(t, rows, cols, &p);
	g->fixed = lead;
	tl_grid_write(g, as, f);
	tl_grid_free(g);
}

/* --- differences ------------------------------------------------------------------------------------------------------------------ */
static void
difference_row(const tl_tab *t, tl_grid *g, int data, int metric, int arm, bool with_data)
{
	const tl_tab_difference *d = tl_tab_difference_of(t, data, metric, arm);
	int decimals = t->metric[metric].decimals;
	tl_cell *c;

	if (isnan(d->delta))
		return;
	c = tl_grid_row(g);
	tl_cell_string(c++, t->metric[metric].label);
	if (with_data)
		tl_cell_string(c++, t->data[data].label);
	tl_cell_string(c++, t->arm[arm].name);
	tl_cell_text(c++, "%+.*f", decimals, d->delta);
	if (t->tested) {
		if (d->test.tested)
			tl_cell_text(c, "%+.*f to %+.*f", decimals, d->test.low, decimals, d->test.high);
		else
			tl_cell_string(c, "–");
		c++;
	}
	if (d->pairs)
		tl_cell_text(c, "%d/%d", d->wins, d->losses);
	else
		tl_cell_string(c, "–");
	c++;
	if (t->tested) {
		c->text = tl_tab_p(d->holm);
		c->type = 's';
		c->bold = d->holm < 0.05;
	}
}

static void
write_differences(const tl_tab *t, int rows, int cols, const struct place *p, tl_output as, FILE *f)
{
	bool all[3] = { rows == TL_BY_ARM || cols == TL_BY_ARM, rows == TL_BY_METRIC || cols == TL_BY_METRIC, rows == TL_BY_DATASET || cols == TL_BY_DATASET };
	bool with_data = all[TL_BY_DATASET] && t->n_datas > 1;
	const char *head[7];
	tl_grid *g;
	int n = 0;

	if (t->n_arms < 2 || (!all[TL_BY_ARM] && p->at[TL_BY_ARM] == t->baseline))
		return;
	head[n++] = "metric";
	if (with_data)
		head[n++] = "dataset";
	head[n++] = "arm";
	head[n++] = ">delta";
	if (t->tested)
		head[n++] = "95% interval";
	head[n++] = ">w/l";
	if (t->tested)
		head[n++] = ">p";
	g = tl_grid_new(n, head);
	g->title = tl_format("difference to %s", t->arm[t->baseline].name);
	g->fixed = with_data ? 3 : 2;
	for (int m = 0; m < t->n_metrics; m++)
		for (int d = 0; d < t->n_datas; d++)
			for (int a = 0; a < t->n_arms; a++)
				if (a != t->baseline && (all[TL_BY_METRIC] || m == p->at[TL_BY_METRIC]) && (all[TL_BY_DATASET] || d == p->at[TL_BY_DATASET])
				    && (all[TL_BY_ARM] || a == p->at[TL_BY_ARM]))
					difference_row(t, g, d, m, a, with_data);
	if (g->rows) {
		putc('\n', f);
		tl_grid_write(g, as, f);
	}
	tl_grid_free(g);
}

/* --- what one must know ---------------------------------------------------------------------------------------------------------- */
void
tl_tab_note(tl_output as, FILE *f, const char *s)
{
	if (as == TL_AS_LATEX) {
		fputs("% ", f);
		tl_latex_put(f, s);
		putc('\n', f);
	} else if (as == TL_AS_MD) {
		fputs("- ", f);
		tl_md_put(f, s);
		putc('\n', f);
	} else {
		tl_fold(f, s, 79, 2);
	}
}

struct reason {
	const char *why;
	tl_text metrics;
	int n, last; /* how many metrics, and the last one */
};

void
tl_tab_untested(const tl_tab *t, tl_output as, FILE *f)
{
	struct reason *reason = tl_alloc(((size_t)t->n_datas * (size_t)t->n_metrics * (size_t)t->n_arms + 1) * sizeof *reason);
	int n = 0;

	for (int64_t i = 0; i < (int64_t)t->n_metrics * t->n_datas * t->n_arms; i++) {
		int m = (int)(i / t->n_datas / t->n_arms), r = 0;
		const char *why = tl_tab_difference_of(t, (int)(i / t->n_arms % t->n_datas), m, (int)(i % t->n_arms))->test.why;
		while (why && r < n && strcmp(reason[r].why, why))
			r++;
		if (!why || (r < n && reason[r].last == m))
			continue;
		n = TL_MAX(n, r + 1);
		reason[r].why = why;
		reason[r].last = m;
		tl_text_add(&reason[r].metrics, "%s%s", reason[r].n++ ? ", " : " of ", t->metric[m].label);
	}
	for (int r = 0; r < n; r++) {
		char *s = tl_format("p%s is –: %s", reason[r].n == t->n_metrics ? "" : reason[r].metrics.s, reason[r].why);
		tl_tab_note(as, f, s);
		free(s);
		tl_text_free(&reason[r].metrics);
	}
	free(reason);
}

static void
test_notes(const tl_tab *t, tl_output as, FILE *f)
{
	int64_t docs = 0;
	char *s;

	for (int d = 0; d < t->n_datas; d++)
		for (int m = 0; m < t->n_metrics; m++)
			for (int a = 0; a < t->n_arms; a++)
				docs = TL_MAX(docs, tl_tab_difference_of(t, d, m, a)->test.n_docs);
	s = tl_format("p: paired approximate randomisation over %lld %s documents, %d rounds, Holm-corrected over the arms compared within a metric; * p < 0.05. 95%% interval: percentile bootstrap over "
	              "documents. Compared are means over the seeds that both arms have. w/l: seeds won and lost.",
	              (long long)docs, t->split, TL_TEST_ROUNDS);
	if (docs)
		tl_tab_note(as, f, s);
	free(s);
	tl_tab_untested(t, as, f);
}

/* Is another definition of the metric in the table, so that the label tells them apart? */
static bool
has_twin(const tl_tab_metric *m)
{
	return tl_ends(m->label, "]");
}

static void
signature_notes(const tl_tab *t, tl_output as, FILE *f)
{
	for (int m = 0; m < t->n_metrics; m++) {
		const tl_tab_metric *x = &t->metric[m];
		if (!has_twin(x))
			continue;
		char *s = tl_format("%s: %s", x->label, x->signature);
		tl_tab_note(as, f, s);
		free(s);
	}
}

static void
gap_notes(const tl_tab *t, tl_output as, FILE *f)
{
	enum { MOST = 12 };
	char *s;

	for (int64_t i = 0; i < t->n_gaps && i < MOST; i++) {
		const tl_tab_gap *g = t->gap + i;
		const char *error = g->error ? g->error : "";
		char *seed = tl_tab_seed(g->seed);
		s = tl_format("%s: %s, %s%s%s (run %lld)%s%s%s%.*s", g->status, t->arm[g->arm].name, seed, t->n_datas > 1 ? ", " : "", t->n_datas > 1 ? t->data[g->data].label : "",
		              (long long)g->run, g->plugin ? ": " : "", g->plugin ? g->plugin : "", *error ? ": " : "", (int)strcspn(error, "\n"), error);
		tl_tab_note(as, f, s);
		free(seed);
		free(s);
	}
	if (t->n_gaps > MOST) {
		s = tl_format("and %lld more; 'tagloom runs' lists them", (long long)(t->n_gaps - MOST));
		tl_tab_note(as, f, s);
		free(s);
	}
}

static void
older_note(const tl_tab *t, tl_output as, FILE *f)
{
	char *s = tl_format("%lld finished run%s of older scripts of this name left out; --experiment %lld shows %s", (long long)t->left_out, t->left_out == 1 ? "" : "s", (long long)t->left_in,
	                    t->left_out == 1 ? "it" : "the last ones");

	if (t->left_out)
		tl_tab_note(as, f, s);
	free(s);
}

void
tl_tab_write(const tl_tab *t, int rows, int cols, tl_output as, FILE *f)
{
	bool by_seed = rows == TL_BY_SEED || cols == TL_BY_SEED, first = true, notes = t->tested || t->n_gaps || t->left_out;
	double *best = all_best(t, by_seed);
	struct place p = { { 0, 0, 0, -1 } };
	int turns[3];

	for (int dim = 0; dim < 3; dim++)
		turns[dim] = dim == rows || dim == cols ? 1 : size_of(t, dim);
	for (int d = 0; d < turns[TL_BY_DATASET]; d++)
		for (int a = 0; a < turns[TL_BY_ARM]; a++)
			for (int m = 0; m < turns[TL_BY_METRIC]; m++) {
				p = (struct place){ { a, m, d, -1 } };
				if (!first)
					putc('\n', f);
				first = false;
				write_values(t, rows, cols, p, best, as, f);
				if (t->difference)
					write_differences(t, rows, cols, &p, as, f);
			}
	if (!t->n_runs) {
		char *s = tl_format("%s: no finished run", t->experiment);
		tl_tab_note(as, f, s);
		free(s);
	} else if (!t->n_metrics) {
		char *s = tl_format("%s: nothing was measured on the %s split", t->experiment, t->split);
		tl_tab_note(as, f, s);
		free(s);
	}
	for (int m = 0; m < t->n_metrics; m++)
		notes = notes || has_twin(&t->metric[m]);
	if (as != TL_AS_LATEX && t->n_runs && notes)
		putc('\n', f);
	if (t->tested)
		test_notes(t, as, f);
	signature_notes(t, as, f);
	gap_notes(t, as, f);
	older_note(t, as, f);
	free(best);
}
