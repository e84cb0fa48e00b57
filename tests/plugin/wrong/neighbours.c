/* check fails: predictions must not depend on the other documents */
#include "common.h"

static int
forward(tl_ctx *ctx, void *self)
{
	struct self *s = self;

	usual(ctx, s);
	s->logits = tl_sub(ctx, s->logits, tl_mean(ctx, s->logits)); /* of the whole batch */
	return tl_status(ctx);
}

PLUGIN("neighbours")
