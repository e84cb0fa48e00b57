/* refused: wanted the magic number 0x6d6f6c67, got 0x12345678; open the declaration with TL_ENCODER, TL_LABEL, TL_METRIC or TL_READER */
#include "common.h"

const tl_plugin tagloom_plugin = { .magic = 0x12345678, .abi_major = 1, .kind = TL_KIND_LABEL, .name = "wrong_magic" };
