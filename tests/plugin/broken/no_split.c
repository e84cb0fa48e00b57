/* refused: reader: wanted the functions labels and split, got one or none */
#include "common.h"

static const tl_reader reader = { .size = sizeof(tl_reader) };
const tl_plugin tagloom_plugin = { TL_READER, .name = "no_split", .version = "1", .summary = "broken", .reader = &reader };
