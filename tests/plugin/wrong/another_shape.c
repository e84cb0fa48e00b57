/* check fails: declares the slot logits as [B L], but it is [4, 1] */
#include "common.h"

static int
forward(tl_ctx *ctx, void *self)
{
	struct self *s = self;

	usual(ctx, s);
	s->logits = tl_slice(ctx, s->logits, 1, 0, 1);
	return tl_status(ctx);
}

PLUGIN("another_shape")
