/* check fails: adds the loss "extra", which it does not declare */
#include "common.h"

static int
forward(tl_ctx *ctx, void *self)
{
	struct self *s = self;

	usual(ctx, s);
	return tl_add_loss(ctx, "extra", tl_mean(ctx, s->logits));
}

PLUGIN("undeclared")
