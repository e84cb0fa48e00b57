/* check fails: declares that it writes the slot logits, but left its field empty */
#include "common.h"

static int
forward(tl_ctx *ctx, void *self)
{
	struct self *s = self;

	usual(ctx, s);
	s->logits = NULL;
	return 0;
}

PLUGIN("forgets")
