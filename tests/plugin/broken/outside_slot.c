/* refused: reads doc: wanted its field inside the plugin's struct of 48 bytes, got bytes 44 to 52; use offsetof of the struct named in the header macro */
#include "common.h"

static const tl_slot far[] = { { .name = "doc", .at = 44, .shape = "B m" }, { 0 } };
const tl_plugin tagloom_plugin = { LABEL("outside_slot"), .reads = far };
