/*
 * ndcg - normalised discounted cumulative gain of the k best labels.
 *
 *   DCG = sum over ranks r = 1..k of y_r / log2(r + 1),   IDCG = sum over r = 1..min(k, |Y|) of 1 / log2(r + 1),   ndcg@k = mean of DCG / IDCG
 */
#include <tagloom/metric.h>

static void
add(const tl_evaluation *e, int64_t document, int64_t k, double *sums)
{
	int64_t n = tl_gold_count(e, document);
	double gain = 0, ideal = 0;

	for (int64_t r = 0; r < k; r++) {
		int32_t label = tl_ranked(e, document, r);
		if (label < 0)
			break;
		if (tl_is_gold(e, document, label))
			gain += 1 / log2((double)r + 2);
	}
	for (int64_t r = 0; r < k && r < n; r++)
		ideal += 1 / log2((double)r + 2);
	sums[0] += gain / ideal;
}

static const tl_metric rows[] = {
	{ .name = "ndcg", .takes_k = true, .higher_is_better = true, .signature = "ndcg@%k|log2|min(k,|Y|)|ties:index|v1", .doc = "normalised discounted cumulative gain of the k best labels",
	  .width = tl_one_sum, .add = add, .finish = tl_mean_of_sum },
	{ 0 }
};

const tl_plugin tagloom_plugin = { TL_METRIC, .name = "ndcg", .version = "1", .summary = "normalised discounted cumulative gain", .metrics = rows };
