/* refused: plugin: wanted summary to be a text, got nothing */
#include "common.h"

const tl_plugin tagloom_plugin = { TL_LABEL(struct self), .name = "no_summary", .version = "1", .module = &module };
