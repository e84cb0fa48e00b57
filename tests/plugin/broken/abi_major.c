/* refused: wanted plugin ABI 1, got 9.0; build the plugin against this tagloom's headers */
#include "common.h"

#undef TL_ABI_MAJOR
#define TL_ABI_MAJOR 9
const tl_plugin tagloom_plugin = { LABEL("abi_major") };
