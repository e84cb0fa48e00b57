/* selection.c - from stored scores to what a metric computes on: groups, best labels, probabilities, thresholds. */
#include "selection.h"

#include "base/watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double
tl_probability(double logit)
{
	return 1 / (1 + exp(-logit));
}

tl_table
tl_table_of(const tl_scores *s)
{
	return (tl_table){ .n = s->n, .n_labels = s->n_labels, .keep = s->keep, .logit = s->logit, .label = s->label, .gold_offsets = s->gold_offsets, .gold = s->gold };
}

/* "q4.0": the first of four. */
static bool
quantile_of(const char *group, int64_t *n, int64_t *g)
{
	char *end;
	long long a, b;

	if (group[0] != 'q' || group[1] < '1' || group[1] > '9')
		return false;
	a = strtoll(group + 1, &end, 10);
	if (*end != '.' || end[1] < '0' || end[1] > '9' || (end[1] == '0' && end[2]))
		return false;
	b = strtoll(end + 1, &end, 10);
	*n = a;
	*g = b;
	return !*end && a <= 1000000 && b < a;
}

int
tl_group_check(const char *group, tl_error *e)
{
	static const char *const known[] = { "head", "tail", "head_docs", "tail_docs" };
	const char *near;
	int64_t n, g;

	if (!*group || quantile_of(group, &n, &g))
		return 0;
	for (int i = 0; i < TL_COUNT(known); i++)
		if (!strcmp(group, known[i]))
			return 0;
	near = tl_nearest(group, known, TL_COUNT(known));
	return tl_error_set(e, TL_USAGE, "group=%s: no such group%s%s; there are head, tail, head_docs, tail_docs and quantiles such as q4.0 (the most frequent quarter) to q4.3", group,
	                    near ? "; did you mean " : "", near ? near : "");
}

static int
ascending(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

int32_t *
tl_group_columns(const char *group, const tl_statistics *train, int64_t *n)
{
	int64_t from = 0, to = train->n_labels, groups, g;
	int32_t *column;

	if (!strcmp(group, "head"))
		to = tl_head_size(to);
	else if (!strcmp(group, "tail"))
		from = tl_head_size(to);
	else if (quantile_of(group, &groups, &g))
		tl_quantile_group(train->n_labels, groups, g, &from, &to);
	else
		to = -1;
	*n = to < 0 ? train->n_labels : to - from;
	if (to < 0)
		return NULL;
	column = tl_alloc((size_t)(*n + 1) * sizeof *column);
	memcpy(column, train->by_frequency + from, (size_t)*n * sizeof *column);
	qsort(column, (size_t)*n, sizeof *column, ascending);
	return column;
}

/* Is row d of the table a document of the group? Documents without labels are in neither subset. */
static bool
in_subset(const tl_table *t, const tl_statistics *train, const char *group, int64_t d)
{
	int64_t n = t->gold_offsets[d + 1] - t->gold_offsets[d], head = 0;

	if (strcmp(group, "head_docs") && strcmp(group, "tail_docs"))
		return true;
	for (int64_t i = t->gold_offsets[d]; i < t->gold_offsets[d + 1]; i++)
		head += train->frequency_rank[t->gold[i]] < tl_head_size(t->n_labels);
	return n > 0 && (group[0] == 'h' ? head == n : head <= 2);
}

/* The documents and, restricted to the columns, their gold labels. */
static void
take_documents(tl_selection *v, const tl_table *t, const tl_statistics *train, const char *group, const int32_t *local)
{
	tl_evaluation *e = &v->e;
	int64_t *offsets = tl_arena_alloc(v->by_document, (size_t)(t->n + 1) * sizeof *offsets), n = 0;
	int32_t *gold = tl_arena_alloc(v->by_document, (size_t)(t->gold_offsets[t->n] + 1) * sizeof *gold);

	v->document = tl_arena_alloc(v->by_document, (size_t)(t->n + 1) * sizeof *v->document);
	offsets[0] = 0;
	for (int64_t d = 0; d < t->n; d++) {
		if (!in_subset(t, train, group, d))
			continue;
		v->document[e->n_docs++] = d;
		for (int64_t i = t->gold_offsets[d]; i < t->gold_offsets[d + 1]; i++)
			if (!local || local[t->gold[i]] >= 0)
				gold[n++] = local ? local[t->gold[i]] : t->gold[i];
		offsets[e->n_docs] = n;
		v->n_evaluated += n > offsets[e->n_docs - 1];
		v->n_skipped += n == offsets[e->n_docs - 1];
	}
	e->gold_offsets = offsets;
	e->gold = gold;
}

struct rank_arg { const float *logit; const double *probability; };

static int
best_first(const void *a, const void *b, void *arg)
{
	const struct rank_arg *r = arg;
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
	double u = r->logit ? (double)r->logit[x] : r->probability[x], w = r->logit ? (double)r->logit[y] : r->probability[y];

	u = isnan(u) ? -INFINITY : u;
	w = isnan(w) ? -INFINITY : w;
	return u > w ? -1 : u < w ? 1 : (x > y) - (x < y);
}

/* The k best of n values, best first, ties by the lower index. */
static void
best_of(const float *logit, const double *probability, int64_t n, int64_t k, int32_t *top, int32_t *scratch)
{
	double value[65];
	int64_t have = 0;

	if (k > 64) {
		struct rank_arg r = { logit, probability };
		for (int64_t i = 0; i < n; i++)
			scratch[i] = (int32_t)i;
		qsort_r(scratch, (size_t)n, sizeof *scratch, best_first, &r);
		memcpy(top, scratch, (size_t)k * sizeof *top);
		return;
	}
	for (int64_t i = 0; i < n; i++) {
		double x = logit ? (double)logit[i] : probability[i];
		int64_t at;
		x = isnan(x) ? -INFINITY : x;
		if (have == k && !(x > value[k - 1]))
			continue;
		have += have < k;
		for (at = have - 1; at > 0 && x > value[at - 1]; at--) {
			value[at] = value[at - 1];
			top[at] = top[at - 1];
		}
		value[at] = x;
		top[at] = (int32_t)i;
	}
}

/* All scores are there: probabilities and logits of the group's columns, and the best k. */
static void
take_all(tl_selection *v, const tl_table *t, int64_t k)
{
	tl_evaluation *e = &v->e;
	int64_t L = e->n_labels, keep = TL_MIN(k, L);
	double *score = tl_arena_alloc(v->by_document, (size_t)(e->n_docs * L + 1) * sizeof *score);
	bool whole = !v->column && e->n_docs == t->n; /* nothing is left out: the logits can stay where they are */
	float *logit = t->logit && !whole ? tl_arena_alloc(v->by_document, (size_t)(e->n_docs * L + 1) * sizeof *logit) : NULL;
	int32_t *top = tl_arena_alloc(v->by_document, (size_t)(e->n_docs * keep + 1) * sizeof *top), *scratch = tl_arena_alloc(v->by_document, (size_t)(L + 1) * sizeof *scratch);
	double *top_score = tl_arena_alloc(v->by_document, (size_t)(e->n_docs * keep + 1) * sizeof *top_score);

	for (int64_t d = 0; d < e->n_docs; d++) {
		int64_t row = v->document[d] * t->keep;
		for (int64_t l = 0; l < L; l++) {
			int64_t at = row + (v->column ? v->column[l] : l);
			if (logit)
				logit[d * L + l] = t->logit[at];
			score[d * L + l] = t->logit ? tl_probability(t->logit[at]) : t->probability[at];
		}
		e->logits = t->logit && whole ? t->logit : logit;
		if (keep)
			best_of(e->logits ? e->logits + d * L : NULL, score + d * L, L, keep, top + d * keep, scratch);
		for (int64_t r = 0; r < keep; r++)
			top_score[d * keep + r] = score[d * L + top[d * keep + r]];
	}
	e->scores = score;
	e->keep = keep;
	e->top = top;
	e->top_score = top_score;
}

/* Only the best are there: those that are the group's, in their order. */
static void
take_best(tl_selection *v, const tl_table *t, const int32_t *local)
{
	tl_evaluation *e = &v->e;
	int64_t keep = t->keep;
	int32_t *top = tl_arena_alloc(v->by_document, (size_t)(e->n_docs * keep + 1) * sizeof *top);
	double *top_score = tl_arena_alloc(v->by_document, (size_t)(e->n_docs * keep + 1) * sizeof *top_score);

	v->listed = tl_arena_alloc(v->by_document, (size_t)(e->n_docs + 1) * sizeof *v->listed);
	v->unseen = tl_arena_alloc(v->by_document, (size_t)(e->n_docs + 1) * sizeof *v->unseen);
	for (int64_t d = 0; d < e->n_docs; d++) {
		int64_t row = v->document[d] * keep, n = 0;
		double p = 1;
		for (int64_t r = 0; r < keep; r++) {
			int32_t label = t->label[row + r], l = local ? local[label] : label;
			p = t->logit ? tl_probability(t->logit[row + r]) : t->probability[row + r];
			if (l < 0)
				continue;
			top[d * keep + n] = l;
			top_score[d * keep + n++] = p;
		}
		v->listed[d] = n;
		v->unseen[d] = keep == t->n_labels ? -1 : p;
		for (; n < keep; n++) {
			top[d * keep + n] = -1;
			top_score[d * keep + n] = 0;
		}
	}
	e->keep = keep;
	e->top = top;
	e->top_score = top_score;
}

/* The training statistics of some columns, numbered anew. */
static const tl_statistics *
restricted(const tl_statistics *s, const int32_t *column, int64_t n, const int32_t *local, tl_arena *a)
{
	tl_statistics *out = tl_arena_zalloc(a, sizeof *out);
	int64_t *count = tl_arena_alloc(a, (size_t)(n + 1) * sizeof *count), *offsets = tl_arena_zalloc(a, (size_t)(n + 1) * sizeof *offsets), total = 0, ranks = 0;
	int32_t *order = tl_arena_alloc(a, (size_t)(n + 1) * sizeof *order), *rank = tl_arena_alloc(a, (size_t)(n + 1) * sizeof *rank), *index, *met;

	for (int64_t c = 0; c < n; c++)
		total += s->co_offsets[column[c] + 1] - s->co_offsets[column[c]];
	index = tl_arena_alloc(a, (size_t)(total + 1) * sizeof *index);
	met = tl_arena_alloc(a, (size_t)(total + 1) * sizeof *met);
	total = 0;
	for (int64_t c = 0; c < n; c++) {
		count[c] = s->count[column[c]];
		for (int64_t i = s->co_offsets[column[c]]; i < s->co_offsets[column[c] + 1]; i++) {
			if (local[s->co_index[i]] < 0)
				continue;
			index[total] = local[s->co_index[i]];
			met[total++] = s->co_count[i];
		}
		offsets[c + 1] = total;
	}
	for (int64_t r = 0; r < s->n_labels; r++) {
		if (local[s->by_frequency[r]] < 0)
			continue;
		rank[local[s->by_frequency[r]]] = (int32_t)ranks;
		order[ranks++] = local[s->by_frequency[r]];
	}
	*out = (tl_statistics){ s->n_documents, n, count, order, rank, offsets, index, met };
	return out;
}

void
tl_selection_make(tl_selection *v, const tl_table *t, const tl_statistics *train, const double *inverse_propensity, const char *group, int64_t k)
{
	tl_evaluation *e = &v->e;
	int32_t *column, *local = NULL;
	double *inverse;

	*v = (tl_selection){ .arena = tl_arena_new((size_t)1 << 16), .by_document = tl_arena_new((size_t)1 << 16) };
	column = tl_group_columns(group, train, &e->n_labels);
	v->no_columns = column && !e->n_labels;
	if (column) {
		int32_t *kept = tl_arena_alloc(v->arena, (size_t)(e->n_labels + 1) * sizeof *kept);
		memcpy(kept, column, (size_t)e->n_labels * sizeof *kept);
		v->column = kept;
		local = tl_arena_alloc(v->arena, (size_t)(t->n_labels + 1) * sizeof *local);
		memset(local, -1, (size_t)t->n_labels * sizeof *local);
		for (int64_t c = 0; c < e->n_labels; c++)
			local[column[c]] = (int32_t)c;
		free(column);
	}
	take_documents(v, t, train, group, local);
	if (t->label)
		take_best(v, t, local);
	else
		take_all(v, t, k);
	v->thresholds = tl_arena_alloc(v->arena, (size_t)(e->n_labels + 1) * sizeof *v->thresholds);
	inverse = tl_arena_alloc(v->arena, (size_t)(e->n_labels + 1) * sizeof *inverse);
	for (int64_t c = 0; c < e->n_labels; c++)
		inverse[c] = inverse_propensity[v->column ? v->column[c] : c];
	e->inverse_propensity = inverse;
	e->thresholds = v->thresholds;
	e->train = v->column ? restricted(train, v->column, e->n_labels, local, v->arena) : train;
}

void
tl_selection_drop_documents(tl_selection *v)
{
	v->e = tl_columns_of(&v->e);
	tl_arena_free(v->by_document);
	v->by_document = NULL;
	v->document = v->listed = NULL;
	v->unseen = NULL;
}

void
tl_selection_free(tl_selection *v)
{
	tl_arena_free(v->by_document);
	tl_arena_free(v->arena);
	*v = (tl_selection){ 0 };
}

/* Whether the stored best labels decide the metric. */
static int
suffices(const tl_selection *v, const tl_metric_request *q, tl_error *e)
{
	int64_t k = TL_MIN(q->k, v->e.n_labels);
	double least = INFINITY;

	if (!v->listed)
		return 0;
	if (q->metric->needs_all_scores)
		return tl_error_set(e, TL_USAGE, "%s needs the scores of all labels, and only the best %lld of each document are stored; set data.keep to the number of labels for it", q->text,
		                    (long long)v->e.keep);
	for (int64_t l = 0; l < v->e.n_labels; l++)
		least = fmin(least, v->thresholds[l]);
	for (int64_t d = 0; d < v->e.n_docs; d++) {
		if (v->e.gold_offsets[d] == v->e.gold_offsets[d + 1])
			continue;
		if (q->metric->takes_k && v->listed[d] < k)
			return tl_error_set(e, TL_USAGE, "%s: of document %lld only %lld of the %lld labels wanted are among the best %lld that are stored; set data.keep higher", q->text,
			                    (long long)v->document[d] + 1, (long long)v->listed[d], (long long)k, (long long)v->e.keep);
		if (q->metric->takes_threshold && v->unseen[d] > least)
			return tl_error_set(e, TL_USAGE, "%s: document %lld has more labels above the threshold %g than the best %lld that are stored; set data.keep higher", q->text,
			                    (long long)v->document[d] + 1, least, (long long)v->e.keep);
	}
	return 0;
}

int
tl_selection_prepare(tl_selection *v, const tl_metric_request *q, const double *thresholds, double threshold, tl_error *e)
{
	for (int64_t c = 0; c < v->e.n_labels; c++)
		v->thresholds[c] = thresholds ? thresholds[v->column ? v->column[c] : c] : threshold;
	if (v->no_columns || !v->n_evaluated)
		return 1;
	return suffices(v, q, e);
}

void
tl_metric_watch(const tl_metric_request *q)
{
	tl_watch_begin("metric %s hangs: nothing has come from it for %d s (TAGLOOM_PATIENCE sets how long is too long)", q->text, tl_patience());
}

int
tl_selection_value(tl_selection *v, const tl_metric_request *q, double *value, tl_error *e)
{
	const tl_metric *m = q->metric;
	int undefined;

	tl_metric_watch(q);
	if (m->add) {
		tl_evaluation columns = tl_columns_of(&v->e);
		double *sums = tl_alloc((size_t)m->width(v->e.n_labels) * sizeof *sums);
		for (int64_t d = 0; d < v->e.n_docs; d++) {
			if (v->e.gold_offsets[d + 1] > v->e.gold_offsets[d])
				m->add(&v->e, d, q->k, sums);
			tl_watch_beat();
		}
		undefined = m->finish(&columns, q->k, v->n_evaluated, sums, value);
		free(sums);
	} else {
		undefined = m->compute(&v->e, q->k, value);
	}
	tl_watch_end();
	if (!undefined && isnan(*value))
		return tl_error_set(e, TL_FAILED, "%s: the metric's value is not a number; the scores hold a NaN, or the metric is wrong", q->text);
	return undefined;
}
