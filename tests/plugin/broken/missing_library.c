/* refused: needs the library libnowhere.so, which is not here; install it, or put its folder into LD_LIBRARY_PATH */
#include "common.h"

const tl_plugin tagloom_plugin = { LABEL("missing_library") };
