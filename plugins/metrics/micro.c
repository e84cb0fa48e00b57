/*
 * micro - precision, recall and F1 over all (document, label) pairs; predicted where score > threshold, strictly; 0/0 = 0.
 */
#include <tagloom/metric.h>

static int64_t
three(int64_t n_labels)
{
	(void)n_labels;
	return 3;
}

/* sums: pairs predicted and gold, predicted, gold */
static void
add(const tl_evaluation *e, int64_t document, int64_t k, double *sums)
{
	tl_overlap o = tl_overlap_of(e, document);

	(void)k;
	sums[0] += (double)o.both;
	sums[1] += (double)o.predicted;
	sums[2] += (double)o.gold;
}

static int
finish_p(const tl_evaluation *e, int64_t k, int64_t n_evaluated, const double *sums, double *value)
{
	(void)e;
	(void)k;
	*value = tl_ratio(sums[0], sums[1]);
	return !n_evaluated;
}

static int
finish_r(const tl_evaluation *e, int64_t k, int64_t n_evaluated, const double *sums, double *value)
{
	(void)e;
	(void)k;
	*value = tl_ratio(sums[0], sums[2]);
	return !n_evaluated;
}

static int
finish_f1(const tl_evaluation *e, int64_t k, int64_t n_evaluated, const double *sums, double *value)
{
	(void)e;
	(void)k;
	*value = tl_ratio(2 * sums[0], sums[1] + sums[2]);
	return !n_evaluated;
}

static const tl_metric rows[] = {
	{ .name = "micro_p", .takes_threshold = true, .higher_is_better = true, .signature = "micro_p|score>%t|0/0=0|v1", .doc = "precision over all document-label pairs", .width = three, .add = add,
	  .finish = finish_p },
	{ .name = "micro_r", .takes_threshold = true, .higher_is_better = true, .signature = "micro_r|score>%t|0/0=0|v1", .doc = "recall over all document-label pairs", .width = three, .add = add,
	  .finish = finish_r },
	{ .name = "micro_f1", .takes_threshold = true, .higher_is_better = true, .signature = "micro_f1|score>%t|0/0=0|v1", .doc = "F1 over all document-label pairs", .width = three, .add = add,
	  .finish = finish_f1 },
	{ 0 }
};

const tl_plugin tagloom_plugin = { TL_METRIC, .name = "micro", .version = "1", .summary = "precision, recall and F1 over all document-label pairs", .metrics = rows };
