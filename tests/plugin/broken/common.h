/* common.h - a sound label module; every file beside this one breaks one thing of it. */
#include <tagloom/plugin.h>

struct self { int64_t size; int choice; const char *from; tl_tensor *doc, *logits, *weight; };

__attribute__((unused)) static int
forward(tl_ctx *ctx, void *self)
{
	(void)self;
	return tl_status(ctx);
}
__attribute__((unused)) static const tl_module module = { .size = sizeof(tl_module), .forward = forward };
__attribute__((unused)) static const tl_slot reads[] = { { .name = "doc", .at = offsetof(struct self, doc), .shape = "B m" }, { 0 } };
__attribute__((unused)) static const tl_slot writes[] = { { .name = "logits", .at = offsetof(struct self, logits), .shape = "B L" }, { 0 } };
#define LABEL(file) TL_LABEL(struct self), .name = file, .version = "1", .summary = "broken", .module = &module
