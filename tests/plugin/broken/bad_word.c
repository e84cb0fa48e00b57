/* refused: weight weight: when: "choice == blue": blue is none of choice's choices red|green */
#include "common.h"

static const tl_param params[] = { TL_P_CHOICE(struct self, choice, "red", "red|green", "a colour"), { 0 } };
static const tl_weight weights[] = { { .name = "weight", .at = offsetof(struct self, weight), .shape = "L", .when = "choice == blue" }, { 0 } };
const tl_plugin tagloom_plugin = { LABEL("bad_word"), .params = params, .weights = weights };
