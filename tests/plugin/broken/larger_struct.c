/* refused: wanted tl_param of at most SIZE_PARAM bytes, got 1024; build the plugin against this tagloom's headers */
#include "common.h"

#pragma GCC diagnostic ignored "-Woverride-init"
#if defined(__clang__)
#pragma clang diagnostic ignored "-Winitializer-overrides"
#endif
const tl_plugin tagloom_plugin = { LABEL("larger_struct"), .size_param = 1024 };
