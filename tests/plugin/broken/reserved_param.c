/* refused: parameter lr: the host adds this name to every module; call it something else */
#include "common.h"

static const tl_param params[] = { { .name = "lr", .type = TL_INT, .value = "1", .doc = "a rate" }, { 0 } };
const tl_plugin tagloom_plugin = { LABEL("reserved_param"), .params = params };
