/* update.avx2.c - the optimizer's inner loops, compiled for avx2. */
#define UPDATE_SET tl_update_avx2
#include "update.h"
