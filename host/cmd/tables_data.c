/* tables_data.c - tables for programs: CSV with one line per arm, dataset and metric, and JSON. docs/database.md documents the keys. */
#include "tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void
csv_number(FILE *f, double v)
{
	char text[32];

	putc(',', f);
	if (!isnan(v))
		fputs(tl_number_text(v, text), f);
}

static void
csv_text(FILE *f, const char *s)
{
	putc(',', f);
	tl_csv_put(f, s);
}

static void
csv_line(const tl_tab *t, int d, int a, int m, FILE *f)
{
	tl_tab_stats s = tl_tab_stats_of(t, d, a, m, NULL);
	const tl_tab_difference none = { .delta = NAN, .holm = NAN, .test = { .p = NAN, .low = NAN, .high = NAN } };
	const tl_tab_difference *x = t->difference && a != t->baseline ? tl_tab_difference_of(t, d, m, a) : &none;

	tl_csv_put(f, t->experiment);
	csv_text(f, t->data[d].label);
	csv_text(f, t->split);
	csv_text(f, t->arm[a].name);
	csv_text(f, t->arm[t->baseline].name);
	csv_text(f, t->metric[m].name);
	csv_text(f, t->metric[m].group);
	csv_text(f, t->metric[m].signature);
	fprintf(f, ",%d", s.n);
	csv_number(f, s.mean);
	csv_number(f, s.sd);
	csv_number(f, s.min);
	csv_number(f, s.max);
	csv_number(f, x->delta);
	csv_number(f, x->test.tested ? x->test.low : NAN);
	csv_number(f, x->test.tested ? x->test.high : NAN);
	if (x->pairs)
		fprintf(f, ",%d,%d", x->wins, x->losses);
	else
		fputs(",,", f);
	csv_number(f, x->test.tested ? x->test.p : NAN);
	csv_number(f, x->test.tested ? x->holm : NAN);
	csv_text(f, x->test.why);
	putc('\n', f);
}

void
tl_tab_csv(const tl_tab *t, bool head, FILE *f)
{
	if (head)
		fputs("experiment,dataset,split,arm,baseline,metric,group,signature,n,mean,sd,min,max,delta,low,high,wins,losses,p,p_holm,note\n", f);
	for (int d = 0; d < t->n_datas; d++)
		for (int a = 0; a < t->n_arms; a++)
			for (int m = 0; m < t->n_metrics; m++)
				csv_line(t, d, a, m, f);
}

/* --- JSON --------------------------------------------------------------------------------------------------------------------------- */
static void
key_text(FILE *f, const char *key, const char *value)
{
	fprintf(f, "\"%s\": ", key);
	tl_json_put(f, value);
}

static void
key_number(FILE *f, const char *key, double value)
{
	fprintf(f, ", \"%s\": ", key);
	tl_json_put_number(f, value);
}

static void
put_seed(FILE *f, bool known, int64_t seed)
{
	if (known && seed != TL_NO_SEED)
		fprintf(f, "%lld", (long long)seed);
	else
		fputs("null", f);
}

static void
json_seeds(const tl_tab *t, int d, int a, int m, FILE *f)
{
	const int64_t *first = t->first + (int64_t)d * t->n_arms + a;
	bool any = false;

	fputs(", \"runs\": [", f);
	for (int64_t i = first[0]; i < first[1]; i++) {
		fprintf(f, "%s{\"run\": %lld, \"seed\": ", any ? ", " : "", (long long)t->run[i].id);
		put_seed(f, !t->run[i].seedless, t->run[i].seed);
		key_number(f, "value", t->run[i].value[m]);
		putc('}', f);
		any = true;
	}
	putc(']', f);
}

static void
json_cell(const tl_tab *t, int d, int a, int m, bool first, FILE *f)
{
	tl_tab_stats s = tl_tab_stats_of(t, d, a, m, NULL);

	fputs(first ? "\n    {" : ",\n    {", f);
	key_text(f, "dataset", t->data[d].label);
	fputs(", ", f);
	key_text(f, "arm", t->arm[a].name);
	fputs(", ", f);
	key_text(f, "metric", t->metric[m].name);
	fputs(", ", f);
	key_text(f, "group", t->metric[m].group);
	fprintf(f, ", \"n\": %d", s.n);
	key_number(f, "mean", s.mean);
	key_number(f, "sd", s.sd);
	key_number(f, "min", s.min);
	key_number(f, "max", s.max);
	json_seeds(t, d, a, m, f);
	if (t->difference && a != t->baseline) {
		const tl_tab_difference *x = tl_tab_difference_of(t, d, m, a);
		bool tested = x->test.tested;
		key_number(f, "delta", x->delta);
		fprintf(f, ", \"wins\": %d, \"losses\": %d", x->wins, x->losses);
		key_number(f, "low", tested ? x->test.low : NAN);
		key_number(f, "high", tested ? x->test.high : NAN);
		key_number(f, "p", tested ? x->test.p : NAN);
		key_number(f, "p_holm", tested ? x->holm : NAN);
		key_number(f, "n_docs", tested ? (double)x->test.n_docs : NAN);
		if (x->test.why) {
			fputs(", ", f);
			key_text(f, "note", x->test.why);
		}
	}
	putc('}', f);
}

static void
json_gaps(const tl_tab *t, FILE *f)
{
	fputs("\n  ],\n  \"unfinished\": [", f);
	for (int64_t i = 0; i < t->n_gaps; i++) {
		const tl_tab_gap *g = t->gap + i;
		fprintf(f, "%s\n    {\"run\": %lld, \"seed\": ", i ? "," : "", (long long)g->run);
		put_seed(f, true, g->seed);
		fputs(", ", f);
		key_text(f, "dataset", t->data[g->data].label);
		fputs(", ", f);
		key_text(f, "arm", t->arm[g->arm].name);
		fputs(", ", f);
		key_text(f, "status", g->status);
		fputs(", ", f);
		key_text(f, "error", g->error);
		fputs(", ", f);
		key_text(f, "plugin_at_fault", g->plugin);
		putc('}', f);
	}
	fputs(t->n_gaps ? "\n  ]}" : "]}", f);
}

void
tl_tab_json(const tl_tab *t, int rows, int cols, FILE *f)
{
	static const char *const dim[] = { "arm", "metric", "dataset", "seed" };
	bool first = true;

	fputs("\n {", f);
	key_text(f, "experiment", t->experiment);
	fputs(", ", f);
	key_text(f, "split", t->split);
	fputs(", ", f);
	key_text(f, "baseline", t->baseline >= 0 ? t->arm[t->baseline].name : NULL);
	fprintf(f, ", \"rows\": \"%s\", \"cols\": \"%s\",\n  ", dim[rows], dim[cols]);
	if (t->tested)
		fprintf(f, "\"test\": {\"method\": \"%s\", \"rounds\": %d, \"seed\": %d},\n  ", tl_test_method, TL_TEST_ROUNDS, TL_TEST_SEED);
	fputs("\"metrics\": [", f);
	for (int m = 0; m < t->n_metrics; m++) {
		fputs(m ? ", {" : "{", f);
		key_text(f, "name", t->metric[m].name);
		fputs(", ", f);
		key_text(f, "group", t->metric[m].group);
		fputs(", ", f);
		key_text(f, "signature", t->metric[m].signature);
		fprintf(f, ", \"higher_is_better\": %s}", t->metric[m].higher ? "true" : "false");
	}
	fputs("],\n  \"arms\": [", f);
	for (int a = 0; a < t->n_arms; a++) {
		fputs(a ? ", " : "", f);
		tl_json_put(f, t->arm[a].name);
	}
	fputs("],\n  \"values\": [", f);
	for (int d = 0; d < t->n_datas; d++)
		for (int a = 0; a < t->n_arms; a++)
			for (int m = 0; m < t->n_metrics; m++) {
				json_cell(t, d, a, m, first, f);
				first = false;
			}
	json_gaps(t, f);
}
