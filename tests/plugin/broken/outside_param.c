/* refused: parameter size: wanted its field inside the plugin's struct of 48 bytes, got bytes 4096 to 4104; use offsetof of the struct named in the header macro */
#include "common.h"

static const tl_param params[] = { { .name = "size", .type = TL_INT, .at = 4096, .value = "1", .doc = "a size" }, { 0 } };
const tl_plugin tagloom_plugin = { LABEL("outside_param"), .params = params };
