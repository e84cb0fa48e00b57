/* common.h - a label module that is declared well; every file beside this one computes something wrong in its forward. */
#include <tagloom/plugin.h>

struct self { double dropout; tl_tensor *doc, *logits, *weight, *bias; double guard[4]; };

static const tl_param params[] = { TL_P_REAL(struct self, dropout, "0.1", 0, 0.9, "dropout"), { 0 } };
static const tl_weight weights[] = {
	{ .name = "weight", .at = offsetof(struct self, weight), .shape = "L m" },
	{ .name = "bias", .at = offsetof(struct self, bias), .shape = "L", .init = TL_INIT_ZEROS },
	{ 0 }
};
static const tl_slot reads[] = { { .name = "doc", .at = offsetof(struct self, doc), .shape = "B m" }, { 0 } };
static const tl_slot writes[] = { { .name = "logits", .at = offsetof(struct self, logits), .shape = "B L" }, { 0 } };
static const tl_loss losses[] = { { .part = "", .param = "loss_weight", .value = "1" }, { 0 } };

static int forward(tl_ctx *ctx, void *self);
static const tl_module module = { .size = sizeof(tl_module), .forward = forward };

__attribute__((unused)) static int
usual(tl_ctx *ctx, struct self *s)
{
	s->logits = tl_linear(ctx, tl_dropout(ctx, s->doc, s->dropout), s->weight, s->bias, TL_NONE);
	if (tl_training(ctx))
		tl_add_loss(ctx, "", tl_bce(ctx, s->logits, tl_label_offsets(ctx), tl_label_index(ctx), TL_MEAN));
	return tl_status(ctx);
}
#define PLUGIN(file) \
	const tl_plugin tagloom_plugin = { TL_LABEL(struct self), .name = file, .version = "1", .summary = "wrong", .params = params, .weights = weights, \
		.reads = reads, .writes = writes, .losses = losses, .module = &module };
