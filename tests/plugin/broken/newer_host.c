/* refused: needs a newer tagloom: uses tl_fold_time, which tagloom VERSION does not have; update tagloom, or build the plugin against this one's headers */
#include "common.h"

extern int tl_fold_time(tl_ctx *ctx);
static int
folded(tl_ctx *ctx, void *self)
{
	(void)self;
	return tl_fold_time(ctx);
}
static const tl_module folding = { .size = sizeof(tl_module), .forward = folded };
const tl_plugin tagloom_plugin = { TL_LABEL(struct self), .name = "newer_host", .version = "1", .summary = "broken", .module = &folding };
