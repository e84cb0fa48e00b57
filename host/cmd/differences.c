/* differences.c - means over seeds, differences to the baseline over common seeds, tests. */
#include "tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Does the run count for this seed (NULL: for all together)? One that needs none counts for each. */
static bool
counts(const tl_tab_run *r, const int64_t *seed)
{
	return !seed || r->seedless || r->seed == *seed;
}

/* Sums are taken of differences from the smallest value: equal values have an sd of exactly 0. */
tl_tab_stats
tl_tab_stats_of(const tl_tab *t, int data, int arm, int metric, const int64_t *seed)
{
	tl_tab_stats s = { 0, NAN, NAN, NAN, NAN };
	int64_t from = t->first[(int64_t)data * t->n_arms + arm], to = t->first[(int64_t)data * t->n_arms + arm + 1];
	double sum = 0, squares = 0;

	for (int64_t i = from; i < to; i++) {
		double v = t->run[i].value[metric];
		if (isnan(v) || !counts(&t->run[i], seed))
			continue;
		s.min = s.n && s.min < v ? s.min : v;
		s.max = s.n && s.max > v ? s.max : v;
		s.n++;
	}
	for (int64_t i = from; i < to; i++)
		if (!isnan(t->run[i].value[metric]) && counts(&t->run[i], seed))
			sum += t->run[i].value[metric] - s.min;
	if (s.n)
		s.mean = s.min + sum / s.n;
	for (int64_t i = from; i < to; i++) {
		double d = t->run[i].value[metric] - s.min - sum / TL_MAX(s.n, 1);
		if (!isnan(d) && counts(&t->run[i], seed))
			squares += d * d;
	}
	if (s.n > 1)
		s.sd = sqrt(squares / (s.n - 1));
	return s;
}

tl_tab_difference *
tl_tab_difference_of(const tl_tab *t, int data, int metric, int arm)
{
	return t->difference + ((int64_t)data * t->n_metrics + metric) * t->n_arms + arm;
}

static bool
pairs(const tl_tab *t, const tl_tab_run *x, const tl_tab_run *y)
{
	return t->pair_all || x->seedless || y->seedless || (x->seed == y->seed && x->seed != TL_NO_SEED);
}

int
tl_tab_pair(const tl_tab *t, int data, int arm, int other, int *n_a, int64_t *run_a, int *n_b, int64_t *run_b)
{
	const int64_t *fa = t->first + (int64_t)data * t->n_arms + arm, *fb = t->first + (int64_t)data * t->n_arms + other;

	*n_a = *n_b = 0;
	for (int64_t i = fa[0]; i < fa[1]; i++) {
		bool any = false;
		for (int64_t k = fb[0]; k < fb[1] && !any; k++)
			any = pairs(t, &t->run[i], &t->run[k]);
		if (any)
			run_a[(*n_a)++] = t->run[i].id;
	}
	for (int64_t k = fb[0]; k < fb[1]; k++) {
		bool any = false;
		for (int64_t i = fa[0]; i < fa[1] && !any; i++)
			any = pairs(t, &t->run[i], &t->run[k]);
		if (any)
			run_b[(*n_b)++] = t->run[k].id;
	}
	return *n_a;
}

static void
difference(const tl_tab *t, int data, int metric, int arm, tl_tab_difference *d)
{
	const int64_t *fa = t->first + (int64_t)data * t->n_arms + arm, *fb = t->first + (int64_t)data * t->n_arms + t->baseline;
	double sum = 0, sign = t->metric[metric].higher ? 1 : -1;

	for (int64_t i = fa[0]; i < fa[1]; i++) {
		for (int64_t k = fb[0]; k < fb[1]; k++) {
			double v = t->run[i].value[metric] - t->run[k].value[metric];
			if (isnan(v) || !pairs(t, &t->run[i], &t->run[k]))
				continue;
			sum += v;
			d->pairs++;
			d->wins += v * sign > 0;
			d->losses += v * sign < 0;
		}
	}
	if (d->pairs)
		d->delta = sum / d->pairs;
	else
		d->delta = tl_tab_stats_of(t, data, arm, metric, NULL).mean - tl_tab_stats_of(t, data, t->baseline, metric, NULL).mean;
}

static bool
any_run(const tl_tab *t, int data, int arm)
{
	const int64_t *first = t->first + (int64_t)data * t->n_arms + arm;

	return first[1] > first[0];
}

static bool
any_data(const tl_tab *t, int arm)
{
	for (int data = 0; data < t->n_datas; data++)
		if (any_run(t, data, arm))
			return true;
	return false;
}

static void
test_arm(tl_tab *t, tl_tester *tester, int data, int arm)
{
	int64_t most = 0;
	int64_t *run_a, *run_b;
	tl_test_metric *metric = tl_alloc((size_t)(t->n_metrics + 1) * sizeof *metric);
	tl_paired *out = tl_alloc((size_t)(t->n_metrics + 1) * sizeof *out);
	int n_a, n_b;

	most = t->first[(int64_t)t->n_datas * t->n_arms] + 1;
	run_a = tl_alloc((size_t)most * 8);
	run_b = tl_alloc((size_t)most * 8);
	for (int m = 0; m < t->n_metrics; m++)
		metric[m] = (tl_test_metric){ t->metric[m].name, t->metric[m].group, t->metric[m].signature };
	if (tl_tab_pair(t, data, arm, t->baseline, &n_a, run_a, &n_b, run_b))
		tl_tester_compare(tester, n_a, run_a, n_b, run_b, t->n_metrics, metric, out);
	for (int m = 0; m < t->n_metrics; m++) {
		tl_tab_difference *d = tl_tab_difference_of(t, data, m, arm);
		d->test = out[m];
		if (n_a)
			continue;
		if (any_run(t, data, arm) && any_run(t, data, t->baseline))
			d->test.why = tl_strdup("no common seed");
		else if (any_data(t, arm) && any_data(t, t->baseline)) /* an arm without any run has a row that says so */
			d->test.why = tl_strdup("only one side was measured on these documents");
	}
	free(run_a);
	free(run_b);
	free(metric);
	free(out);
}

static bool
any_scores(tl_store *s, const tl_tab *t)
{
	for (int64_t i = 0; i < t->n_runs && i < 50; i++) /* an experiment keeps scores or does not */
		if (tl_store_int(s, NULL, 0, "SELECT 1 FROM prediction WHERE run_id = ?1 AND split = ?2 LIMIT 1", "is", t->run[i].id, t->split))
			return true;
	return false;
}

void
tl_tab_compare(tl_tab *t, tl_store *s, bool tests)
{
	tl_tester *tester = NULL;
	double *p = tl_alloc((size_t)(t->n_arms + 1) * sizeof *p);

	t->difference = tl_alloc(((size_t)t->n_datas * (size_t)t->n_metrics * (size_t)t->n_arms + 1) * sizeof *t->difference);
	t->tested = tests && any_scores(s, t);
	if (t->tested)
		tester = tl_tester_new(s, t->split);
	for (int d = 0; d < t->n_datas; d++) {
		for (int a = 0; a < t->n_arms; a++) {
			for (int m = 0; m < t->n_metrics && a != t->baseline; m++)
				difference(t, d, m, a, tl_tab_difference_of(t, d, m, a));
			if (tester && a != t->baseline)
				test_arm(t, tester, d, a);
		}
		for (int m = 0; m < t->n_metrics; m++) {
			for (int a = 0; a < t->n_arms; a++) {
				const tl_tab_difference *x = tl_tab_difference_of(t, d, m, a);
				p[a] = x->test.tested ? x->test.p : NAN;
			}
			tl_holm(t->n_arms, p);
			for (int a = 0; a < t->n_arms; a++)
				tl_tab_difference_of(t, d, m, a)->holm = p[a];
		}
	}
	tl_tester_free(tester);
	free(p);
}
