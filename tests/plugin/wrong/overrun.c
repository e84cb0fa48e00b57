/* check fails: the plugin wrote outside its own struct */
#include "common.h"

static int
forward(tl_ctx *ctx, void *self)
{
	volatile double *guard = ((struct self *)self)->guard;
	int n = tl_step(ctx) ? 5 : 0;

	if (n)
		guard[n - 1] = 1;
	return usual(ctx, self);
}

PLUGIN("overrun")
