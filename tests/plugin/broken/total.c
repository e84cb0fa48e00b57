/* refused: plugin total: total is the name of the sum of all losses; call it something else */
#include "common.h"

const tl_plugin tagloom_plugin = { LABEL("total") };
