/* refused: uses undefined_elsewhere, got nothing that defines it; link the plugin with the library that does (-lNAME) */
#include "common.h"

extern int undefined_elsewhere(void);
static int
calls(tl_ctx *ctx, void *self)
{
	(void)self;
	return tl_status(ctx) + undefined_elsewhere();
}
static const tl_module calling = { .size = sizeof(tl_module), .forward = calls };
const tl_plugin tagloom_plugin = { TL_LABEL(struct self), .name = "unknown_symbol", .version = "1", .summary = "broken", .module = &calling };
