/*
 * macro - precision, recall and F1 of every label, averaged over all labels, those without a document included; 0/0 = 0.
 *
 *   macro_f1     = mean over labels of F1
 *   macro_f1_avg = F1 of macro_p and macro_r: the second definition in use, which gives other values
 */
#include <tagloom/metric.h>

static int64_t
three_each(int64_t n_labels)
{
	return 3 * n_labels;
}

/* sums: for every label, documents predicted and gold, predicted, gold */
static void
add(const tl_evaluation *e, int64_t document, int64_t k, double *sums)
{
	int64_t at = 0;
	int32_t label;

	(void)k;
	while (tl_next_predicted(e, document, &at, &label)) {
		sums[3 * (int64_t)label] += tl_is_gold(e, document, label);
		sums[3 * (int64_t)label + 1] += 1;
	}
	for (int64_t i = 0; i < tl_gold_count(e, document); i++)
		sums[3 * (int64_t)tl_gold(e, document)[i] + 2] += 1;
}

static double
mean_p(const tl_evaluation *e, const double *sums)
{
	double total = 0;

	for (int64_t l = 0; l < e->n_labels; l++)
		total += tl_ratio(sums[3 * l], sums[3 * l + 1]);
	return total / (double)e->n_labels;
}

static double
mean_r(const tl_evaluation *e, const double *sums)
{
	double total = 0;

	for (int64_t l = 0; l < e->n_labels; l++)
		total += tl_ratio(sums[3 * l], sums[3 * l + 2]);
	return total / (double)e->n_labels;
}

static int
finish_p(const tl_evaluation *e, int64_t k, int64_t n_evaluated, const double *sums, double *value)
{
	(void)k;
	*value = mean_p(e, sums);
	return !n_evaluated;
}

static int
finish_r(const tl_evaluation *e, int64_t k, int64_t n_evaluated, const double *sums, double *value)
{
	(void)k;
	*value = mean_r(e, sums);
	return !n_evaluated;
}

static int
finish_f1(const tl_evaluation *e, int64_t k, int64_t n_evaluated, const double *sums, double *value)
{
	double total = 0;

	(void)k;
	for (int64_t l = 0; l < e->n_labels; l++)
		total += tl_ratio(2 * sums[3 * l], sums[3 * l + 1] + sums[3 * l + 2]);
	*value = total / (double)e->n_labels;
	return !n_evaluated;
}

static int
finish_f1_avg(const tl_evaluation *e, int64_t k, int64_t n_evaluated, const double *sums, double *value)
{
	double p = mean_p(e, sums), r = mean_r(e, sums);

	(void)k;
	*value = tl_ratio(2 * p * r, p + r);
	return !n_evaluated;
}

static const tl_metric rows[] = {
	{ .name = "macro_p", .takes_threshold = true, .higher_is_better = true, .signature = "macro_p|score>%t|all labels|0/0=0|v1", .doc = "mean over labels of precision", .width = three_each, .add = add,
	  .finish = finish_p },
	{ .name = "macro_r", .takes_threshold = true, .higher_is_better = true, .signature = "macro_r|score>%t|all labels|0/0=0|v1", .doc = "mean over labels of recall", .width = three_each, .add = add,
	  .finish = finish_r },
	{ .name = "macro_f1", .takes_threshold = true, .higher_is_better = true, .signature = "macro_f1|mean of per-label F1|score>%t|all labels|0/0=0|v1", .doc = "mean over labels of F1",
	  .width = three_each, .add = add, .finish = finish_f1 },
	{ .name = "macro_f1_avg", .takes_threshold = true, .higher_is_better = true, .signature = "macro_f1_avg|F1 of mean precision and mean recall|score>%t|all labels|0/0=0|v1",
	  .doc = "F1 of macro_p and macro_r", .width = three_each, .add = add, .finish = finish_f1_avg },
	{ 0 }
};

const tl_plugin tagloom_plugin = { TL_METRIC, .name = "macro", .version = "1", .summary = "precision, recall and F1 of every label, averaged over all labels", .metrics = rows };
