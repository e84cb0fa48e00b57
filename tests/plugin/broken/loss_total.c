/* refused: loss total: this name is the sum of all losses; call it something else */
#include "common.h"

static const tl_loss losses[] = { { .part = "total", .param = "weight", .value = "1" }, { 0 } };
const tl_plugin tagloom_plugin = { LABEL("loss_total"), .losses = losses };
