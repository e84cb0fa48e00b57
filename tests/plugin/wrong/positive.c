/* check fails: the plugin returned 7; wanted 0, or the -1 of tl_fail */
#include "common.h"

static int
forward(tl_ctx *ctx, void *self)
{
	usual(ctx, self);
	return 7;
}

PLUGIN("positive")
