/* refused: module: wanted the function forward (or fit and score), got none */
#include "common.h"

static const tl_module nothing = { .size = sizeof(tl_module) };
const tl_plugin tagloom_plugin = { TL_LABEL(struct self), .name = "no_forward", .version = "1", .summary = "broken", .module = &nothing };
