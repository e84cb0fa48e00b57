/* check fails: the plugin failed without saying why (tl_fail was not called) */
#include "common.h"

static int
forward(tl_ctx *ctx, void *self)
{
	usual(ctx, self);
	return -1;
}

PLUGIN("silent")
