/* refused: parameter choice: default: choice = "blue": wanted one of red|green */
#include "common.h"

static const tl_param params[] = { TL_P_CHOICE(struct self, choice, "blue", "red|green", "a colour"), { 0 } };
const tl_plugin tagloom_plugin = { LABEL("wrong_default"), .params = params };
