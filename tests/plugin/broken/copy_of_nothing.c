/* refused: weight key: copies query, which is no other weight of the plugin */
#include "common.h"

static const tl_weight weights[] = { { .name = "key", .at = offsetof(struct self, weight), .shape = "L", .init = TL_INIT_COPY, .of = "query" }, { 0 } };
const tl_plugin tagloom_plugin = { LABEL("copy_of_nothing"), .weights = weights };
