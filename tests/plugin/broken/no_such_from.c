/* refused: reads @from: names no text parameter of the plugin */
#include "common.h"

static const tl_slot from[] = { { .name = "@from", .at = offsetof(struct self, doc), .shape = "B m" }, { 0 } };
const tl_plugin tagloom_plugin = { LABEL("no_such_from"), .reads = from };
