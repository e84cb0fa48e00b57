/* metrics.c - metrics by name, from stored scores: the same code in training and in rescore, so the same bits. */
#include "selection.h"

#include "base/watch.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- NAME[@k][:threshold=...][:group=...] ------------------------------------------------------------------------------------ */
static int
parse_option(tl_metric_request *q, const char *part, const char *text, bool *told, tl_error *e)
{
	const char *value = strchr(part, '=');
	char *end;

	if (value && tl_starts(part, "group=")) {
		if (*q->group)
			return tl_error_set(e, TL_USAGE, "%s: group= is there twice", text);
		free(q->group);
		q->group = tl_strdup(value + 1);
		return **&q->group ? tl_group_check(q->group, e) : tl_error_set(e, TL_USAGE, "%s: group= wants head, tail, head_docs, tail_docs or q4.0", text);
	}
	if (!value || !tl_starts(part, "threshold="))
		return tl_error_set(e, TL_USAGE, "%s: \"%s\" is not understood; wanted threshold=micro_f1, threshold=label_f1, threshold=0.3 or group=tail", text, part);
	if (!q->metric->takes_threshold)
		return tl_error_set(e, TL_USAGE, "%s: %s has no threshold", text, q->metric->name);
	if (*told)
		return tl_error_set(e, TL_USAGE, "%s: threshold= is there twice", text);
	*told = true;
	value++;
	if (!strcmp(value, "micro_f1")) {
		q->threshold = TL_THRESHOLD_MICRO_F1;
	} else if (!strcmp(value, "label_f1")) {
		q->threshold = TL_THRESHOLD_LABEL_F1;
	} else {
		q->threshold = TL_THRESHOLD_FIXED;
		q->threshold_value = strtod(value, &end);
		if (!*value || *end || !(q->threshold_value >= 0 && q->threshold_value <= 1))
			return tl_error_set(e, TL_USAGE, "%s: threshold=%s: wanted micro_f1, label_f1 or a number from 0 to 1", text, value);
	}
	return 0;
}

static int
parse_k(tl_metric_request *q, const char *at, const char *text, tl_error *e)
{
	char *end;

	if (!at)
		return q->metric->takes_k ? tl_error_set(e, TL_USAGE, "%s: %s wants a k, such as %s@5", text, q->metric->name, q->metric->name) : 0;
	if (!q->metric->takes_k)
		return tl_error_set(e, TL_USAGE, "%s: %s takes no k", text, q->metric->name);
	errno = 0;
	q->k = strtoll(at, &end, 10);
	if (*at < '0' || *at > '9' || *end || errno || q->k < 1 || q->k > 1000000000)
		return tl_error_set(e, TL_USAGE, "%s: k is \"%s\"; wanted a whole number from 1 to 1000000000", text, at);
	return 0;
}

static const char *
threshold_text(const tl_metric_request *q, char out[32])
{
	if (q->threshold == TL_THRESHOLD_MICRO_F1)
		return "micro_f1";
	if (q->threshold == TL_THRESHOLD_LABEL_F1)
		return "label_f1";
	tl_number_text(q->threshold_value, out);
	return out;
}

/* The signature: %k, %t and %a of the plugin's row filled in. */
static char *
spell_signature(const tl_metric_request *q, const char *propensities)
{
	tl_text signature = { 0 };
	char number[32];
	const char *t = threshold_text(q, number);

	for (const char *s = q->metric->signature ? q->metric->signature : q->metric->name; *s; s++) {
		if (s[0] == '%' && s[1] == 'k')
			tl_text_add(&signature, "%lld", (long long)q->k);
		else if (s[0] == '%' && s[1] == 'a')
			tl_text_add(&signature, "%s", propensities);
		else if (s[0] == '%' && s[1] == 't')
			tl_text_add(&signature, q->threshold == TL_THRESHOLD_FIXED ? "%s" : "tuned on valid for %s", t);
		else {
			tl_text_bytes(&signature, s, 1);
			continue;
		}
		s++;
	}
	return signature.s;
}

void
tl_metric_bind(tl_metric_request *q, double a, double b)
{
	char first[32], second[32], *both;

	if (!q->metric || !q->metric->takes_propensity)
		return;
	tl_number_text(a, first);
	tl_number_text(b, second);
	both = tl_format("A=%s,B=%s", first, second);
	free(q->signature);
	q->signature = spell_signature(q, both);
	free(both);
}

static void
spell(tl_metric_request *q)
{
	tl_text text = { 0 };
	char number[32];
	const char *t = threshold_text(q, number);

	tl_text_add(&text, "%s", q->metric->name);
	if (q->metric->takes_k)
		tl_text_add(&text, "@%lld", (long long)q->k);
	if (q->metric->takes_threshold && (q->threshold != TL_THRESHOLD_FIXED || q->threshold_value != 0.5))
		tl_text_add(&text, ":threshold=%s", t);
	if (*q->group)
		tl_text_add(&text, ":group=%s", q->group);
	q->text = text.s;
	q->signature = spell_signature(q, "A,B");
}

int
tl_metric_parse(tl_metric_request *out, tl_registry *r, const char *text, tl_error *e)
{
	tl_metric_request q = { .threshold_value = 0.5, .group = tl_strdup("") };
	char *copy = tl_strdup(text), *rest = strchr(copy, ':'), *at;
	bool told = false;
	int bad = 0;

	*out = (tl_metric_request){ 0 };
	if (rest)
		*rest++ = 0;
	if ((at = strchr(copy, '@')))
		*at++ = 0;
	q.metric = tl_registry_metric(r, copy, NULL, e);
	bad = !q.metric || parse_k(&q, at, text, e) < 0;
	while (!bad && rest) {
		char *next = strchr(rest, ':');
		if (next)
			*next++ = 0;
		bad = parse_option(&q, rest, text, &told, e) < 0;
		rest = next;
	}
	free(copy);
	if (bad) {
		free(q.group);
		return -1;
	}
	spell(&q);
	*out = q;
	return 0;
}

void
tl_metric_request_free(tl_metric_request *q)
{
	free(q->text);
	free(q->group);
	free(q->signature);
	*q = (tl_metric_request){ 0 };
}

/* --- computing ---------------------------------------------------------------------------------------------------------------- */
struct tuned { bool done_global, done_labels; double global, *per_label; };

static int
tune(struct tuned *t, const tl_scores *valid, const tl_metric_request *q, tl_error *e)
{
	if (q->threshold == TL_THRESHOLD_FIXED)
		return 0;
	if (!valid)
		return tl_error_set(e, TL_USAGE, "%s: the threshold is tuned on the validation split, and there is none; ask for one with data.valid = 0.1, or give a number", q->text);
	if (valid->label)
		return tl_error_set(e, TL_USAGE, "%s: tuning needs the scores of all labels, and only the best %lld of each validation document are stored; set data.keep to the number of labels", q->text,
		                    (long long)valid->keep);
	if (q->threshold == TL_THRESHOLD_MICRO_F1 && !t->done_global) {
		tl_tune_thresholds(valid, &t->global, NULL, NULL);
		t->done_global = true;
	}
	if (q->threshold == TL_THRESHOLD_LABEL_F1 && !t->done_labels) {
		t->per_label = tl_alloc((size_t)(valid->n_labels + 1) * sizeof *t->per_label);
		tl_tune_thresholds(valid, NULL, NULL, t->per_label);
		t->done_labels = true;
	}
	return 0;
}

static int
prepare(tl_selection *v, struct tuned *t, const tl_scores *valid, const tl_metric_request *q, tl_error *e)
{
	double one = q->threshold == TL_THRESHOLD_FIXED ? q->threshold_value : 0;

	if (q->metric->takes_threshold && tune(t, valid, q, e) < 0)
		return -1;
	if (q->threshold == TL_THRESHOLD_MICRO_F1)
		one = t->global;
	return tl_selection_prepare(v, q, q->threshold == TL_THRESHOLD_LABEL_F1 ? t->per_label : NULL, one, e);
}

static int
check_shapes(const tl_scores *s, const tl_statistics *train, const char *what, tl_error *e)
{
	if (s->n_labels != train->n_labels)
		return tl_error_set(e, TL_FAILED, "metrics: the %s scores have %lld labels and the training statistics %lld", what, (long long)s->n_labels, (long long)train->n_labels);
	if (s->keep > s->n_labels || (!s->label && s->keep != s->n_labels))
		return tl_error_set(e, TL_FAILED, "metrics: the %s scores keep %lld of %lld labels without saying which", what, (long long)s->keep, (long long)s->n_labels);
	return 0;
}

/* All requests of one group. */
static int
compute_group(const tl_scores *scores, const tl_scores *valid, const tl_statistics *train, const double *inverse, struct tuned *tuned, int n, const tl_metric_request *request, int first,
              bool *done, tl_metric_value *out, tl_error *e)
{
	tl_table table = tl_table_of(scores);
	const char *group = request[first].group;
	int64_t k = 0;
	tl_selection v;
	int bad = 0;

	for (int i = first; i < n; i++)
		if (!strcmp(request[i].group, group))
			k = TL_MAX(k, request[i].k);
	tl_selection_make(&v, &table, train, inverse, group, k);
	for (int i = first; i < n && !bad; i++) {
		int status;
		if (done[i] || strcmp(request[i].group, group))
			continue;
		done[i] = true;
		out[i] = (tl_metric_value){ .n_docs = v.n_evaluated, .n_skipped = v.n_skipped };
		status = prepare(&v, tuned, valid, &request[i], e);
		if (!status)
			status = tl_selection_value(&v, &request[i], &out[i].value, e);
		bad = status < 0;
		out[i].defined = status == 0;
		if (status)
			out[i].value = 0;
	}
	tl_selection_free(&v);
	return bad ? -1 : 0;
}

int
tl_metrics_compute(const tl_scores *scores, const tl_scores *valid, const tl_statistics *train, double propensity_a, double propensity_b, int n, const tl_metric_request *request, tl_metric_value *out,
                   tl_error *e)
{
	double *inverse;
	struct tuned tuned = { 0 };
	bool *done;
	int bad = 0;

	if (check_shapes(scores, train, "evaluated", e) < 0 || (valid && check_shapes(valid, train, "validation", e) < 0))
		return -1;
	inverse = tl_alloc((size_t)(train->n_labels + 1) * sizeof *inverse);
	done = tl_alloc((size_t)n + 1);
	tl_propensities(train, propensity_a, propensity_b, NULL, inverse);
	for (int i = 0; i < n && !bad; i++)
		if (!done[i])
			bad = compute_group(scores, valid, train, inverse, &tuned, n, request, i, done, out, e);
	free(tuned.per_label);
	free(inverse);
	free(done);
	return bad;
}

/* --- rows for paired tests ------------------------------------------------------------------------------------------------------ */
struct rows_state { tl_selection v; const tl_metric *metric; int64_t k; };

static int
take_rows(tl_metric_rows *out, int64_t n, const tl_metric_request *q, tl_error *e)
{
	static const int64_t most = 50000000; /* numbers of dense rows that are looked at */
	const struct rows_state *s = out->state;
	int64_t width = s->metric->width(s->v.e.n_labels), room = 0;
	double *row;

	if (width > most / TL_MAX(s->v.n_evaluated, 1))
		return tl_error_set(e, TL_USAGE, "%lld documents of %lld sums each are too many to test", (long long)s->v.n_evaluated, (long long)width);
	out->rows = tl_sparse_new(n, width, 0);
	out->present = tl_alloc((size_t)n + 1);
	row = tl_alloc((size_t)(width + 1) * sizeof *row);
	tl_metric_watch(q);
	for (int64_t i = 0, d = 0; i < n; i++) {
		bool there = d < s->v.e.n_docs && s->v.document[d] == i;
		if (there && s->v.e.gold_offsets[d + 1] > s->v.e.gold_offsets[d]) {
			memset(row, 0, (size_t)width * sizeof *row);
			s->metric->add(&s->v.e, d, s->k, row);
			out->present[i] = 1;
			out->n_present++;
		}
		tl_watch_beat();
		tl_sparse_fill(&out->rows, i, out->present[i] ? row : NULL, &room);
		d += there;
	}
	tl_watch_end();
	free(row);
	return 0;
}

int
tl_metrics_rows(tl_metric_rows *out, const tl_scores *scores, const tl_scores *valid, const tl_statistics *train, double propensity_a, double propensity_b, const tl_metric_request *q, tl_error *e)
{
	const tl_metric *m = q->metric;
	tl_table table = tl_table_of(scores);
	struct rows_state *s;
	struct tuned tuned = { 0 };
	double *inverse;
	int status;

	*out = (tl_metric_rows){ 0 };
	if (check_shapes(scores, train, "evaluated", e) < 0 || (valid && check_shapes(valid, train, "validation", e) < 0))
		return -1;
	if (!m->add)
		return 1;
	inverse = tl_alloc((size_t)(train->n_labels + 1) * sizeof *inverse);
	tl_propensities(train, propensity_a, propensity_b, NULL, inverse);
	out->state = s = tl_alloc(sizeof *s);
	s->metric = m;
	s->k = q->k;
	tl_selection_make(&s->v, &table, train, inverse, q->group, q->k);
	status = prepare(&s->v, &tuned, valid, q, e);
	free(tuned.per_label);
	free(inverse);
	if (status < 0 || take_rows(out, scores->n, q, e) < 0) {
		tl_metric_rows_free(out);
		return -1;
	}
	tl_selection_drop_documents(&s->v);
	return 0;
}

double
tl_metric_rows_value(const tl_metric_rows *r, const double *sums, int64_t n)
{
	const struct rows_state *s = r->state;
	double value = NAN;

	return n > 0 && s->metric->finish(&s->v.e, s->k, n, sums, &value) == 0 ? value : NAN;
}

void
tl_metric_rows_free(tl_metric_rows *r)
{
	struct rows_state *s = r->state;

	if (s)
		tl_selection_free(&s->v);
	free(s);
	free(r->present);
	tl_sparse_free(&r->rows);
	*r = (tl_metric_rows){ 0 };
}
