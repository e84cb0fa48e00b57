/*
 * ranking - how well the scores order each document's labels; all scores are needed.
 *
 *   lrap           = mean over documents and gold labels of (gold labels scored at least as high) / (all labels scored at least as high)
 *   coverage_error = mean of the number of labels scored at least as high as the lowest gold label
 *   ranking_loss   = mean share of (gold, other) pairs in which the gold label is not scored higher: an equal pair is wrong; no other label: 0
 */
#include <tagloom/metric.h>

static void
add_lrap(const tl_evaluation *e, int64_t document, int64_t k, double *sums)
{
	int64_t n = tl_gold_count(e, document);
	const int32_t *gold = tl_gold(e, document);
	double total = 0;

	(void)k;
	for (int64_t i = 0; i < n; i++) {
		double mine = tl_rank_value(e, document, gold[i]);
		int64_t right = 0, all = 0;
		for (int64_t j = 0; j < n; j++)
			right += tl_rank_value(e, document, gold[j]) >= mine;
		for (int64_t l = 0; l < e->n_labels; l++)
			all += tl_rank_value(e, document, l) >= mine;
		total += tl_ratio((double)right, (double)all);
	}
	sums[0] += total / (double)n;
}

static void
add_coverage(const tl_evaluation *e, int64_t document, int64_t k, double *sums)
{
	int64_t n = tl_gold_count(e, document), all = 0;
	const int32_t *gold = tl_gold(e, document);
	double lowest = tl_rank_value(e, document, gold[0]);

	(void)k;
	for (int64_t i = 1; i < n; i++)
		lowest = fmin(lowest, tl_rank_value(e, document, gold[i]));
	for (int64_t l = 0; l < e->n_labels; l++)
		all += tl_rank_value(e, document, l) >= lowest;
	sums[0] += (double)all;
}

static void
add_loss(const tl_evaluation *e, int64_t document, int64_t k, double *sums)
{
	int64_t n = tl_gold_count(e, document), others = e->n_labels - n, wrong = 0;
	const int32_t *gold = tl_gold(e, document);

	(void)k;
	for (int64_t i = 0; i < n && others; i++) {
		double mine = tl_rank_value(e, document, gold[i]);
		for (int64_t l = 0; l < e->n_labels; l++)
			wrong += tl_rank_value(e, document, l) >= mine;
		for (int64_t j = 0; j < n; j++)
			wrong -= tl_rank_value(e, document, gold[j]) >= mine;
	}
	if (others)
		sums[0] += (double)wrong / ((double)n * (double)others);
}

static const tl_metric rows[] = {
	{ .name = "lrap", .needs_all_scores = true, .higher_is_better = true, .signature = "lrap|ties: rank counts all scored at least as high|v1", .doc = "label ranking average precision",
	  .width = tl_one_sum, .add = add_lrap, .finish = tl_mean_of_sum },
	{ .name = "coverage_error", .needs_all_scores = true, .higher_is_better = false, .signature = "coverage_error|ties: rank counts all scored at least as high|v1",
	  .doc = "how far down the ranking all gold labels are found", .width = tl_one_sum, .add = add_coverage, .finish = tl_mean_of_sum },
	{ .name = "ranking_loss", .needs_all_scores = true, .higher_is_better = false, .signature = "ranking_loss|equal pairs are wrong|v1", .doc = "share of wrongly ordered label pairs",
	  .width = tl_one_sum, .add = add_loss, .finish = tl_mean_of_sum },
	{ 0 }
};

const tl_plugin tagloom_plugin = { TL_METRIC, .name = "ranking", .version = "1", .summary = "ranking of each document's labels: lrap, coverage error, ranking loss",
	.citation = "Tsoumakas, Katakis, Vlahavas: Mining Multi-label Data, 2010", .metrics = rows };
