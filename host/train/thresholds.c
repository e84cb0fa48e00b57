/*
 * thresholds.c - thresholds tuned on a validation split.
 *
 * Candidates are 0.5 and the midpoints of neighbouring distinct scores of documents that have labels; the best F1 wins, ties by nearness
 * to 0.5, then the larger one. F1 is compared as a fraction of whole numbers, so that a tie is a tie.
 */
#include "selection.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct pair { double score; bool gold; };

static int
higher_first(const void *a, const void *b)
{
	double x = ((const struct pair *)a)->score, y = ((const struct pair *)b)->score;

	return (x < y) - (x > y);
}

struct choice { double threshold; int64_t both, predicted; }; /* F1 = 2 both / (predicted + gold) */

static void
consider(struct choice *best, double threshold, int64_t both, int64_t predicted, int64_t gold)
{
	int64_t mine = both * (best->predicted + gold), other = best->both * (predicted + gold);
	double near = fabs(threshold - 0.5), was = fabs(best->threshold - 0.5);

	if (mine > other || (mine == other && (near < was || (near == was && threshold > best->threshold))))
		*best = (struct choice){ threshold, both, predicted };
}

/* pairs are sorted here */
static struct choice
tune(struct pair *pair, int64_t n, int64_t gold)
{
	struct choice best = { 0.5, 0, 0 };
	int64_t both = 0, above_both = 0, from = 0;

	qsort(pair, (size_t)n, sizeof *pair, higher_first);
	for (int64_t i = 0; i < n && pair[i].score > 0.5; i++) {
		best.predicted++;
		best.both += pair[i].gold;
	}
	/* Steps [from, i) of equal scores, from high to low; `both` counts the gold ones down to i, `above_both` those before from. */
	for (int64_t i = 0; i < n;) {
		double middle;
		from = i;
		above_both = both;
		for (; i < n && pair[i].score == pair[from].score; i++)
			both += pair[i].gold;
		if (i == from)
			break; /* not a number */
		if (i == n)
			break; /* the lowest score has no neighbour below */
		middle = (pair[from].score + pair[i].score) / 2;
		if (middle < pair[from].score)
			consider(&best, middle, both, i, gold);
		else /* two neighbours without a number between them: the midpoint is the higher one, which is then not above it */
			consider(&best, middle, above_both, from, gold);
	}
	return best;
}

static struct pair
pair_of(const tl_table *t, int64_t d, int64_t l, int64_t *next)
{
	int64_t at = d * t->keep + l;

	while (*next < t->gold_offsets[d + 1] && t->gold[*next] < l)
		++*next;
	return (struct pair){ t->logit ? tl_probability(t->logit[at]) : t->probability[at], *next < t->gold_offsets[d + 1] && t->gold[*next] == l };
}

void
tl_tune_table(const tl_table *t, double *global, double *global_f1, double *per_label)
{
	int64_t gold = t->gold_offsets[t->n], n = 0, *next = tl_alloc((size_t)(t->n + 1) * sizeof *next);
	struct pair *pair = tl_alloc((size_t)(global || global_f1 ? t->n * t->n_labels + 1 : t->n + 1) * sizeof *pair);

	if (global || global_f1) {
		struct choice c;
		for (int64_t d = 0; d < t->n; d++) {
			int64_t at = t->gold_offsets[d];
			for (int64_t l = 0; t->gold_offsets[d] < t->gold_offsets[d + 1] && l < t->n_labels; l++)
				pair[n++] = pair_of(t, d, l, &at);
		}
		c = tune(pair, n, gold);
		if (global)
			*global = c.threshold;
		if (global_f1)
			*global_f1 = c.predicted + gold ? 2.0 * (double)c.both / (double)(c.predicted + gold) : 0;
	}
	memcpy(next, t->gold_offsets, (size_t)(t->n + 1) * sizeof *next);
	for (int64_t l = 0; per_label && l < t->n_labels; l++) {
		int64_t own = 0;
		n = 0;
		for (int64_t d = 0; d < t->n; d++) {
			if (t->gold_offsets[d] == t->gold_offsets[d + 1])
				continue;
			pair[n] = pair_of(t, d, l, &next[d]);
			own += pair[n++].gold;
		}
		per_label[l] = own ? tune(pair, n, own).threshold : 0.5;
	}
	free(pair);
	free(next);
}

void
tl_tune_thresholds(const tl_scores *valid, double *global, double *global_f1, double *per_label)
{
	tl_table t = tl_table_of(valid);

	tl_tune_table(&t, global, global_f1, per_label);
}
