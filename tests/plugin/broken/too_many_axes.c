/* refused: weight weight: shape "1 2 3 4 5": more than 4 axes */
#include "common.h"

static const tl_weight weights[] = { { .name = "weight", .at = offsetof(struct self, weight), .shape = "1 2 3 4 5" }, { 0 } };
const tl_plugin tagloom_plugin = { LABEL("too_many_axes"), .weights = weights };
