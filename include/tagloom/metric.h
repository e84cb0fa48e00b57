/*
 * tagloom/metric.h - what most metrics need: gold sets, predicted sets and ranks, from all scores or from the best ones alike.
 */
#ifndef TAGLOOM_METRIC_H
#define TAGLOOM_METRIC_H

#include <math.h>
#include <stdlib.h>

#include "plugin.h"

static inline int64_t
tl_gold_count(const tl_evaluation *e, int64_t document)
{
	return e->gold_offsets[document + 1] - e->gold_offsets[document];
}

static inline const int32_t *
tl_gold(const tl_evaluation *e, int64_t document)
{
	return e->gold + e->gold_offsets[document];
}

static inline bool
tl_is_gold(const tl_evaluation *e, int64_t document, int32_t label)
{
	int64_t from = e->gold_offsets[document], to = e->gold_offsets[document + 1], end = to;

	while (from < to) {
		int64_t middle = (from + to) / 2;
		if (e->gold[middle] < label)
			from = middle + 1;
		else
			to = middle;
	}
	return from < end && e->gold[from] == label;
}

/* The label at rank r (from 0), or -1 where the list ends. */
static inline int32_t
tl_ranked(const tl_evaluation *e, int64_t document, int64_t r)
{
	return r < e->keep ? e->top[document * e->keep + r] : -1;
}

/* What ranking compares. All scores are there. */
static inline double
tl_rank_value(const tl_evaluation *e, int64_t document, int64_t label)
{
	return e->logits ? (double)e->logits[document * e->n_labels + label] : e->scores[document * e->n_labels + label];
}

/* The predicted set, one label a call: int64_t at = 0; while (tl_next_predicted(e, d, &at, &label)) ... Ascending where all scores are there. */
static inline bool
tl_next_predicted(const tl_evaluation *e, int64_t document, int64_t *at, int32_t *label)
{
	if (e->scores) {
		const double *row = e->scores + document * e->n_labels;
		for (int64_t l = *at; l < e->n_labels; l++)
			if (row[l] > e->thresholds[l]) {
				*at = l + 1;
				*label = (int32_t)l;
				return true;
			}
		*at = e->n_labels;
		return false;
	}
	for (int64_t r = *at; r < e->keep; r++) {
		int32_t l = e->top[document * e->keep + r];
		if (l < 0)
			break;
		if (e->top_score[document * e->keep + r] > e->thresholds[l]) {
			*at = r + 1;
			*label = l;
			return true;
		}
	}
	*at = e->keep;
	return false;
}

/* What most metrics are made of: labels both predicted and gold, predicted, gold. */
typedef struct tl_overlap { int64_t both, predicted, gold; } tl_overlap;
static inline tl_overlap
tl_overlap_of(const tl_evaluation *e, int64_t document)
{
	tl_overlap o = { 0, 0, tl_gold_count(e, document) };
	int64_t at = 0;
	int32_t label;

	while (tl_next_predicted(e, document, &at, &label)) {
		o.predicted++;
		o.both += tl_is_gold(e, document, label);
	}
	return o;
}

/* 0/0 = 0 */
static inline double
tl_ratio(double a, double b)
{
	return b != 0 ? a / b : 0;
}

/* The width and the finish of a metric that is the mean of one number per document. */
static inline int64_t
tl_one_sum(int64_t n_labels)
{
	(void)n_labels;
	return 1;
}

static inline int
tl_mean_of_sum(const tl_evaluation *e, int64_t k, int64_t n_evaluated, const double *sums, double *value)
{
	(void)e;
	(void)k;
	if (!n_evaluated)
		return 1;
	*value = sums[0] / (double)n_evaluated;
	return 0;
}

#endif
