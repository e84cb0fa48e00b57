/* refused: parameter size: declared twice (rows 1 and 2) */
#include "common.h"

static const tl_param params[] = { TL_P_INT(struct self, size, "1", 0, 9, "a size"), TL_P_INT(struct self, size, "2", 0, 9, "a size"), { 0 } };
const tl_plugin tagloom_plugin = { LABEL("twice_param"), .params = params };
