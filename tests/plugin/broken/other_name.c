/* refused: wanted the name "other_name" (the file's), got "somebody"; rename the file to somebody.so, or change .name */
#include "common.h"

const tl_plugin tagloom_plugin = { LABEL("somebody") };
