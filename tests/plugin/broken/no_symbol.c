/* refused: wanted the symbol tagloom_plugin, got a library without it; declare: const tl_plugin tagloom_plugin = { ... } */
#include "common.h"

const tl_plugin my_plugin __attribute__((visibility("default"))) = { LABEL("no_symbol") };
