/* refused: parameter choice: wanted a default among red|green, got none */
#include "common.h"

static const tl_param params[] = { TL_P_CHOICE(struct self, choice, NULL, "red|green", "a colour"), { 0 } };
const tl_plugin tagloom_plugin = { LABEL("no_default"), .params = params };
