/* check fails: it hangs: a call of label/hangs has not returned for 2 s */
#include <unistd.h>

#include "common.h"

static int
forward(tl_ctx *ctx, void *self)
{
	usual(ctx, self);
	for (;;)
		pause();
}

PLUGIN("hangs")
