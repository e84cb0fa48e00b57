/* refused: wanted plugin ABI 1.0 or older, got 1.77; update tagloom, or build the plugin against this one's headers */
#include "common.h"

#undef TL_ABI_MINOR
#define TL_ABI_MINOR 77
const tl_plugin tagloom_plugin = { LABEL("abi_minor") };
