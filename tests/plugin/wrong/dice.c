/* check fails: two runs with one seed give different bits */
#define _GNU_SOURCE
#include <time.h>
#include "common.h"

static int
forward(tl_ctx *ctx, void *self)
{
	struct self *s = self;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	s->doc = tl_scale(ctx, s->doc, 1 + 1e-3 * (double)(now.tv_nsec % 1000), 0);
	return usual(ctx, s);
}

PLUGIN("dice")
