/* refused: parameter size: default: "ten apples" does not fit its type */
#include "common.h"

static const tl_param params[] = { TL_P_INT(struct self, size, "ten apples", 0, 9, "a size"), { 0 } };
const tl_plugin tagloom_plugin = { LABEL("default_text"), .params = params };
