/* refused: parameter size: default: size = 11 is out of range: wanted 0 to 9 */
#include "common.h"

static const tl_param params[] = { TL_P_INT(struct self, size, "11", 0, 9, "a size"), { 0 } };
const tl_plugin tagloom_plugin = { LABEL("default_range"), .params = params };
