/* refused: parameter size: wanted a type from TL_INT to TL_JSON, got 40 */
#include "common.h"

static const tl_param params[] = { { .name = "size", .type = 40, .value = "1", .doc = "a size" }, { 0 } };
const tl_plugin tagloom_plugin = { LABEL("unknown_type"), .params = params };
