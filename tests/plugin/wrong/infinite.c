/* check fails: the loss is */
#include "common.h"

static int
forward(tl_ctx *ctx, void *self)
{
	struct self *s = self;

	s->doc = tl_log(ctx, tl_scale(ctx, s->doc, 0, -1));
	return usual(ctx, s);
}

PLUGIN("infinite")
