/* update.c - the optimizer's inner loops, compiled for any processor. */
#define UPDATE_SET tl_update_plain
#include "update.h"
