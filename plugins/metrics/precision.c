/*
 * precision - of the k labels with the best scores.
 *
 *   p@k  = hits / k          (k divides also where there are fewer than k labels)
 *   r@k  = hits / |Y|
 *   f1@k = 2 hits / (k + |Y|)
 *
 * each the mean over the documents that have labels; equal scores are ranked by the lower label index.
 */
#include <tagloom/metric.h>

static int64_t
hits(const tl_evaluation *e, int64_t document, int64_t k)
{
	int64_t n = 0;

	for (int64_t r = 0; r < k; r++) {
		int32_t label = tl_ranked(e, document, r);
		if (label < 0)
			break;
		n += tl_is_gold(e, document, label);
	}
	return n;
}

static void
add_p(const tl_evaluation *e, int64_t document, int64_t k, double *sums)
{
	sums[0] += (double)hits(e, document, k); /* whole numbers, divided once: 0.4545 stays 0.4545 */
}

static int
finish_p(const tl_evaluation *e, int64_t k, int64_t n_evaluated, const double *sums, double *value)
{
	(void)e;
	if (!n_evaluated)
		return 1;
	*value = sums[0] / ((double)k * (double)n_evaluated);
	return 0;
}

static void
add_r(const tl_evaluation *e, int64_t document, int64_t k, double *sums)
{
	sums[0] += (double)hits(e, document, k) / (double)tl_gold_count(e, document);
}

static void
add_f1(const tl_evaluation *e, int64_t document, int64_t k, double *sums)
{
	sums[0] += 2.0 * (double)hits(e, document, k) / (double)(k + tl_gold_count(e, document));
}

static const tl_metric rows[] = {
	{ .name = "p", .takes_k = true, .higher_is_better = true, .signature = "p@%k|hits/k|ties:index|v1", .doc = "share of the k best labels that are right", .width = tl_one_sum, .add = add_p,
	  .finish = finish_p },
	{ .name = "r", .takes_k = true, .higher_is_better = true, .signature = "r@%k|hits/|Y||ties:index|v1", .doc = "share of the document's labels among the k best", .width = tl_one_sum, .add = add_r,
	  .finish = tl_mean_of_sum },
	{ .name = "f1", .takes_k = true, .higher_is_better = true, .signature = "f1@%k|2hits/(k+|Y|)|ties:index|v1", .doc = "mean over documents of F1 of the k best labels", .width = tl_one_sum,
	  .add = add_f1, .finish = tl_mean_of_sum },
	{ 0 }
};

const tl_plugin tagloom_plugin = { TL_METRIC, .name = "precision", .version = "1", .summary = "precision, recall and F1 of the k best labels", .metrics = rows };
