/* update.avx512.c - the optimizer's inner loops, compiled for avx512. */
#define UPDATE_SET tl_update_avx512
#include "update.h"
