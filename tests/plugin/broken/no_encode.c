/* refused: module: wanted the function encode of an encoder, got none */
#include "common.h"

const tl_plugin tagloom_plugin = { TL_ENCODER(struct self), .name = "no_encode", .version = "1", .summary = "broken", .module = &module };
