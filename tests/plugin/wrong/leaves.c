/* check fails: the process ended in the middle with exit status 3; a plugin must not call exit */
#include <stdlib.h>
#include "common.h"

static int
forward(tl_ctx *ctx, void *self)
{
	usual(ctx, self);
	exit(3);
}

PLUGIN("leaves")
