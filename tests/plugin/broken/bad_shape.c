/* refused: weight weight: shape: "L*": something is missing at letter 3 */
#include "common.h"

static const tl_weight weights[] = { { .name = "weight", .at = offsetof(struct self, weight), .shape = "L* d" }, { 0 } };
const tl_plugin tagloom_plugin = { LABEL("bad_shape"), .weights = weights };
