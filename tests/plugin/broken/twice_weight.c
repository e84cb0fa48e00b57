/* refused: weight weight: declared twice (rows 1 and 2) */
#include "common.h"

static const tl_weight weights[] = { { .name = "weight", .at = offsetof(struct self, weight), .shape = "L" }, { .name = "weight", .at = offsetof(struct self, weight), .shape = "d" }, { 0 } };
const tl_plugin tagloom_plugin = { LABEL("twice_weight"), .weights = weights };
