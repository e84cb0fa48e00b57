/*
 * example - how well each document's predicted set fits its gold set, averaged over documents.
 *
 *   example_f1      = mean of 2 |P and Y| / (|P| + |Y|)
 *   subset_accuracy = share of documents with P = Y
 *   hamming_loss    = mean of |P differs from Y| / L
 *
 * Zhang, Zhou, "A Review on Multi-Label Learning Algorithms", TKDE 2014.
 */
#include <tagloom/metric.h>

static void
add_f1(const tl_evaluation *e, int64_t document, int64_t k, double *sums)
{
	tl_overlap o = tl_overlap_of(e, document);

	(void)k;
	sums[0] += tl_ratio(2.0 * (double)o.both, (double)(o.predicted + o.gold));
}

static void
add_subset(const tl_evaluation *e, int64_t document, int64_t k, double *sums)
{
	tl_overlap o = tl_overlap_of(e, document);

	(void)k;
	sums[0] += o.both == o.predicted && o.both == o.gold;
}

static void
add_hamming(const tl_evaluation *e, int64_t document, int64_t k, double *sums)
{
	tl_overlap o = tl_overlap_of(e, document);

	(void)k;
	sums[0] += (double)(o.predicted + o.gold - 2 * o.both) / (double)e->n_labels;
}

static const tl_metric rows[] = {
	{ .name = "example_f1", .takes_threshold = true, .higher_is_better = true, .signature = "example_f1|score>%t|v1", .doc = "mean over documents of F1", .width = tl_one_sum, .add = add_f1,
	  .finish = tl_mean_of_sum },
	{ .name = "subset_accuracy", .takes_threshold = true, .higher_is_better = true, .signature = "subset_accuracy|score>%t|v1", .doc = "share of documents whose predicted set is exactly right",
	  .width = tl_one_sum, .add = add_subset, .finish = tl_mean_of_sum },
	{ .name = "hamming_loss", .takes_threshold = true, .higher_is_better = false, .signature = "hamming_loss|score>%t|v1", .doc = "share of document-label pairs that are wrong", .width = tl_one_sum,
	  .add = add_hamming, .finish = tl_mean_of_sum },
	{ 0 }
};

const tl_plugin tagloom_plugin = { TL_METRIC, .name = "example", .version = "1", .summary = "fit of predicted and gold sets, averaged over documents",
	.citation = "Zhang, Zhou: A Review on Multi-Label Learning Algorithms, TKDE 2014", .metrics = rows };
