/* A metric in C++, its function a lambda. */
#include <tagloom/metric.h>

namespace {

const tl_metric rows[] = {
	{ .name = "hits", .takes_k = true, .higher_is_better = true, .signature = "hits@%k|ties:index|v1", .doc = "gold labels among the k best", .width = tl_one_sum,
	  .add = [](const tl_evaluation *e, int64_t document, int64_t k, double *sums) {
		  for (int64_t r = 0; r < k && tl_ranked(e, document, r) >= 0; r++)
			  sums[0] += tl_is_gold(e, document, tl_ranked(e, document, r));
	  },
	  .finish = tl_mean_of_sum },
	{},
};

}

const tl_plugin tagloom_plugin = { TL_METRIC, .name = "hits", .version = "1", .summary = "a metric in C++", .metrics = rows };
