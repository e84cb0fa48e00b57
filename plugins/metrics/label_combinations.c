/*
 * label_combinations - the number of distinct predicted label sets, the empty set included: a model that knows only frequent combinations
 * predicts few (LACO, section 4.4).
 */
#include <string.h>
#include <tagloom/metric.h>

struct set { const int32_t *label; int64_t n; };

static int
by_label(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

static int
by_set(const void *a, const void *b)
{
	const struct set *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? -1 : 1;
	return x->n ? memcmp(x->label, y->label, (size_t)x->n * sizeof *x->label) : 0;
}

static int
compute(const tl_evaluation *e, int64_t k, double *value)
{
	int64_t total = 0, n = 0, distinct = 0, at;
	int32_t label, *labels;
	struct set *set;

	(void)k;
	for (int64_t d = 0; d < e->n_docs; d++) {
		at = 0;
		while (tl_gold_count(e, d) && tl_next_predicted(e, d, &at, &label))
			total++;
	}
	labels = malloc((size_t)(total + 1) * sizeof *labels);
	set = malloc((size_t)(e->n_docs + 1) * sizeof *set);
	total = 0;
	for (int64_t d = 0; d < e->n_docs && labels && set; d++) {
		if (!tl_gold_count(e, d))
			continue;
		set[n] = (struct set){ labels + total, 0 };
		at = 0;
		while (tl_next_predicted(e, d, &at, &label)) {
			labels[total++] = label;
			set[n].n++;
		}
		qsort(labels + total - set[n].n, (size_t)set[n].n, sizeof *labels, by_label);
		n++;
	}
	if (n)
		qsort(set, (size_t)n, sizeof *set, by_set);
	for (int64_t i = 0; i < n; i++)
		distinct += i == 0 || by_set(&set[i - 1], &set[i]) != 0;
	free(labels);
	free(set);
	*value = (double)distinct;
	return n == 0;
}

static const tl_metric rows[] = {
	{ .name = "label_combinations", .takes_threshold = true, .higher_is_better = true, .signature = "label_combinations|score>%t|the empty set counts|v1",
	  .doc = "number of distinct predicted label sets", .compute = compute },
	{ 0 }
};

const tl_plugin tagloom_plugin = { TL_METRIC, .name = "label_combinations", .version = "1", .summary = "number of distinct predicted label sets", .citation = "LACO, section 4.4", .metrics = rows };
