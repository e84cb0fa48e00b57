/*
 * propensity - metrics that reward rare labels: a hit on label l counts 1/p_l, with 1/p_l = 1 + C (N_l + B)^-A, C = (ln N - 1)(B + 1)^A.
 *
 *   psp@k     = sum over documents of (1/k) sum of y/p in the k best   /   the same for the best attainable choice (the min(k, |Y|) largest 1/p)
 *   psndcg@k  = the same ratio with y/p discounted by log2(r + 1) and each document divided by IDCG over min(k, |Y|)
 *   psp_raw@k = mean over documents of (1/k) sum of y/p in the k best: not divided, so it may exceed 1
 *
 * Jain, Prabhu, Varma, "Extreme Multi-label Loss Functions", KDD 2016. psp_raw is what GUDN's equation 13 prints.
 */
#include <tagloom/metric.h>

/* Sum over the k best labels of (gold) 1/p, discounted or not. */
static double
gained(const tl_evaluation *e, int64_t document, int64_t k, bool discount)
{
	double sum = 0;

	for (int64_t r = 0; r < k; r++) {
		int32_t label = tl_ranked(e, document, r);
		if (label < 0)
			break;
		if (tl_is_gold(e, document, label))
			sum += discount ? e->inverse_propensity[label] / log2((double)r + 2) : e->inverse_propensity[label];
	}
	return sum;
}

static int
larger_first(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x < y) - (x > y);
}

/* The same for the best attainable choice: the document's own labels, rarest first. */
static double
attainable(const tl_evaluation *e, int64_t document, int64_t k, bool discount)
{
	int64_t n = tl_gold_count(e, document);
	double few[64], *value = n <= 64 ? few : malloc((size_t)n * sizeof *value), sum = 0;

	if (!value)
		return NAN; /* out of memory: seen in the result, never a wrong number */
	for (int64_t i = 0; i < n; i++)
		value[i] = e->inverse_propensity[tl_gold(e, document)[i]];
	qsort(value, (size_t)n, sizeof *value, larger_first);
	for (int64_t r = 0; r < k && r < n; r++)
		sum += discount ? value[r] / log2((double)r + 2) : value[r];
	if (value != few)
		free(value);
	return sum;
}

static int64_t
two(int64_t n_labels)
{
	(void)n_labels;
	return 2;
}

static void
add_psp(const tl_evaluation *e, int64_t document, int64_t k, double *sums)
{
	sums[0] += gained(e, document, k, false) / (double)k;
	sums[1] += attainable(e, document, k, false) / (double)k;
}

static void
add_psndcg(const tl_evaluation *e, int64_t document, int64_t k, double *sums)
{
	int64_t n = tl_gold_count(e, document);
	double ideal = 0;

	for (int64_t r = 0; r < k && r < n; r++)
		ideal += 1 / log2((double)r + 2);
	sums[0] += gained(e, document, k, true) / ideal;
	sums[1] += attainable(e, document, k, true) / ideal;
}

static void
add_raw(const tl_evaluation *e, int64_t document, int64_t k, double *sums)
{
	sums[0] += gained(e, document, k, false) / (double)k;
}

static int
ratio(const tl_evaluation *e, int64_t k, int64_t n_evaluated, const double *sums, double *value)
{
	(void)e;
	(void)k;
	if (!n_evaluated)
		return 1;
	*value = tl_ratio(sums[0], sums[1]);
	return 0;
}

static const tl_metric rows[] = {
	{ .name = "psp", .takes_k = true, .takes_propensity = true, .higher_is_better = true, .signature = "psp@%k|1/p(%a)|ratio of means to the best attainable|ties:index|v1",
	  .doc = "propensity-scored precision, divided by the best attainable", .width = two, .add = add_psp, .finish = ratio },
	{ .name = "psndcg", .takes_k = true, .takes_propensity = true, .higher_is_better = true, .signature = "psndcg@%k|1/p(%a)|log2|min(k,|Y|)|ratio of means to the best attainable|ties:index|v1",
	  .doc = "propensity-scored nDCG, divided by the best attainable", .width = two, .add = add_psndcg, .finish = ratio },
	{ .name = "psp_raw", .takes_k = true, .takes_propensity = true, .higher_is_better = true, .signature = "psp_raw@%k|1/p(%a)|not divided|ties:index|v1",
	  .doc = "propensity-scored precision, not divided by anything", .width = tl_one_sum, .add = add_raw, .finish = tl_mean_of_sum },
	{ 0 }
};

const tl_plugin tagloom_plugin = { TL_METRIC, .name = "propensity", .version = "1", .summary = "propensity-scored precision and nDCG of the k best labels",
	.citation = "Jain, Prabhu, Varma: Extreme Multi-label Loss Functions, KDD 2016; psp_raw: GUDN, equation 13", .metrics = rows };
