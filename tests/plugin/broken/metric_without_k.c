/* refused: metric no_k: takes k, but its signature "no_k|v1" has no %k; two metrics would share a column */
#include "common.h"

static int
compute(const tl_evaluation *e, int64_t k, double *value)
{
	(void)e;
	(void)k;
	*value = 0;
	return 0;
}
static const tl_metric rows[] = { { .name = "no_k", .takes_k = true, .signature = "no_k|v1", .doc = "broken", .compute = compute }, { 0 } };
const tl_plugin tagloom_plugin = { TL_METRIC, .name = "metric_without_k", .version = "1", .summary = "broken", .metrics = rows };
