/* refused: weight 0.#: its name has a #, but it does not say what it repeats over */
#include "common.h"

static const tl_weight weights[] = { { .name = "0.#", .at = offsetof(struct self, weight), .shape = "L" }, { 0 } };
const tl_plugin tagloom_plugin = { LABEL("lonely_hash"), .weights = weights };
