/* refused: metrics: wanted at least one row, got none; set .metrics */
#include "common.h"

const tl_plugin tagloom_plugin = { TL_METRIC, .name = "no_metrics", .version = "1", .summary = "broken" };
