/* check fails: changes the floating-point state */
#include <fenv.h>
#include "common.h"

static int
forward(tl_ctx *ctx, void *self)
{
	int status = usual(ctx, self);

	fesetround(FE_UPWARD);
	return status;
}

PLUGIN("flushes")
