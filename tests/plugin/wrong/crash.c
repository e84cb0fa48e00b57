/* check fails: the process died: signal 11 */
#include "common.h"

static int
forward(tl_ctx *ctx, void *self)
{
	struct self *s = self;
	volatile int *nowhere = NULL;

	usual(ctx, s);
	return tl_step(ctx) ? *nowhere : 0;
}

PLUGIN("crash")
