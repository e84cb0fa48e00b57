/* refused: parameters: wanted rows that end with a row of zeros, got a row 2 that is none; add { 0 } as the last row */
#include "common.h"

/* What happens to lie behind the row is fixed here, so that the message is. */
static const struct { tl_param row; uintptr_t behind[16]; } one = { TL_P_INT(struct self, size, "1", 0, 9, "a size"), { 0x1111, 0x2222 } };
const tl_plugin tagloom_plugin = { LABEL("endless"), .params = &one.row };
