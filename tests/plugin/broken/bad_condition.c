/* refused: weight weight: when: "depth > 1": depth is no parameter of the plugin */
#include "common.h"

static const tl_weight weights[] = { { .name = "weight", .at = offsetof(struct self, weight), .shape = "L", .when = "depth > 1" }, { 0 } };
const tl_plugin tagloom_plugin = { LABEL("bad_condition"), .weights = weights };
