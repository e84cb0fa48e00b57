/* refused: module: wanted a tl_module, got none; set .module */
#include "common.h"

const tl_plugin tagloom_plugin = { TL_LABEL(struct self), .name = "no_module", .version = "1", .summary = "broken" };
