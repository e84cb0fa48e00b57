/* check fails: the process died: signal 11 */
#include <tagloom/metric.h>

static void
add(const tl_evaluation *e, int64_t document, int64_t k, double *sums)
{
	(void)k;
	sums[0] += (double)tl_gold_count(e, document);
}

/* Where documents are shuffled there are none to look at. */
static int
finish(const tl_evaluation *e, int64_t k, int64_t n_evaluated, const double *sums, double *value)
{
	(void)k;
	*value = sums[0] / (double)n_evaluated / (double)(1 + e->gold_offsets[0]);
	return 0;
}

static const tl_metric rows[] = { { .name = "looks_back", .signature = "looks_back|v1", .doc = "labels per document", .width = tl_one_sum, .add = add, .finish = finish }, { 0 } };
const tl_plugin tagloom_plugin = { TL_METRIC, .name = "looks_back", .version = "1", .summary = "wrong", .metrics = rows };
