/* refused: kind: wanted 1 (encoder), 2 (label), 3 (metric) or 4 (reader), got 7 */
#include "common.h"

const tl_plugin tagloom_plugin = { TL_HEADER(7, sizeof(struct self)), .name = "unknown_kind", .version = "1", .summary = "broken", .module = &module };
