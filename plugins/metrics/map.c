/*
 * map - mean over all labels of average precision; all scores are needed.
 *
 *   AP of a label = sum over distinct scores, from high to low, of (recall gained there) * (precision of all documents scored at least as high)
 *
 * Documents with equal scores form one step; a label without documents counts 0.
 */
#include <tagloom/metric.h>

struct item { double value; bool gold; };

static int
higher_first(const void *a, const void *b)
{
	double x = ((const struct item *)a)->value, y = ((const struct item *)b)->value;

	return (x < y) - (x > y);
}

static double
average_precision(struct item *item, int64_t n)
{
	int64_t right = 0, all = 0, gold = 0;
	double sum = 0;

	for (int64_t i = 0; i < n; i++)
		gold += item[i].gold;
	if (!gold)
		return 0;
	qsort(item, (size_t)n, sizeof *item, higher_first);
	for (int64_t i = 0; i < n;) {
		int64_t found = 0, from = i;
		for (; i < n && item[i].value == item[from].value; i++)
			found += item[i].gold;
		if (i == from) /* not a number: equal to nothing */
			found = item[i++].gold;
		all += i - from;
		right += found;
		sum += (double)found * ((double)right / (double)all);
	}
	return sum / (double)gold;
}

static int
compute(const tl_evaluation *e, int64_t k, double *value)
{
	struct item *item = malloc((size_t)(e->n_docs + 1) * sizeof *item);
	int64_t *at = calloc((size_t)(e->n_docs + 1), sizeof *at), n = 0;
	double sum = 0;

	(void)k;
	if (!item || !at)
		n = -1;
	for (int64_t l = 0; l < e->n_labels && n >= 0; l++) {
		n = 0;
		for (int64_t d = 0; d < e->n_docs; d++) {
			int64_t count = tl_gold_count(e, d);
			if (!count)
				continue;
			/* at[d] walks along the document's ascending labels as l grows */
			while (at[d] < count && tl_gold(e, d)[at[d]] < l)
				at[d]++;
			item[n++] = (struct item){ tl_rank_value(e, d, l), at[d] < count && tl_gold(e, d)[at[d]] == l };
		}
		sum += average_precision(item, n);
	}
	free(item);
	free(at);
	if (n <= 0)
		return 1;
	*value = sum / (double)e->n_labels;
	return 0;
}

static const tl_metric rows[] = {
	{ .name = "map", .needs_all_scores = true, .higher_is_better = true, .signature = "map|macro over all labels|equal scores are one step|v1", .doc = "mean over labels of average precision",
	  .compute = compute },
	{ 0 }
};

const tl_plugin tagloom_plugin = { TL_METRIC, .name = "map", .version = "1", .summary = "mean over labels of average precision", .metrics = rows };
