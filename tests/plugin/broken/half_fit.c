/* refused: module: wanted score, save, load and drop beside fit, got none */
#include "common.h"

static int
fit(tl_ctx *ctx, void *self, const tl_fit *data)
{
	(void)self;
	(void)data;
	return tl_status(ctx);
}
static const tl_module half = { .size = sizeof(tl_module), .fit = fit };
const tl_plugin tagloom_plugin = { TL_LABEL(struct self), .name = "half_fit", .version = "1", .summary = "broken", .module = &half };
