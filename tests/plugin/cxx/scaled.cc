/* A label module in C++, with an operation of its own whose kernels are one template: logits = scale * (x wT + b). */
#include <tagloom/plugin.h>

namespace {

struct scaled {
	double scale;
	tl_tensor *doc, *logits, *weight, *bias; /* [B, m] [B, L] [L, m] [L] */
};

int
shape(tl_op_call *c)
{
	c->out = c->in[0];
	return 0;
}

template <typename T> int
times(tl_op_call *c)
{
	auto from = static_cast<const T *>(c->in[0].data);
	auto to = static_cast<T *>(c->out.data);

	for (int64_t i = 0; i < c->out.count; i++)
		to[i] = T(c->arg[0]) * from[i];
	return 0;
}

template <typename T> int
back(tl_op_call *c)
{
	auto from = static_cast<const T *>(c->grad_out);
	auto to = static_cast<T *>(c->grad_in[0]);

	for (int64_t i = 0; to && i < c->out.count; i++)
		to[i] += T(c->arg[0]) * from[i];
	return 0;
}

const tl_op op = { .size = sizeof(tl_op), .name = "times", .signature = "x:real by:x", .shape = shape, .f32 = { times<float>, back<float> }, .f64 = { times<double>, back<double> } };
const tl_op *const ops[] = { &op, nullptr };

const tl_param params[] = { TL_P_REAL(scaled, scale, "2", 0, 10, "factor of the logits"), {} };
const tl_weight weights[] = {
	{ .name = "weight", .at = offsetof(scaled, weight), .shape = "L m" },
	{ .name = "bias", .at = offsetof(scaled, bias), .shape = "L", .init = TL_INIT_ZEROS },
	{},
};
const tl_slot reads[] = { { .name = "doc", .at = offsetof(scaled, doc), .shape = "B m", .doc = "document vectors" }, {} };
const tl_slot writes[] = { { .name = "logits", .at = offsetof(scaled, logits), .shape = "B L", .doc = "one logit per label" }, {} };
const tl_loss losses[] = { { .part = "", .param = "weight", .value = "1" }, {} };

int
forward(tl_ctx *ctx, void *self)
{
	auto m = static_cast<scaled *>(self);
	tl_tensor *x = tl_linear(ctx, m->doc, m->weight, m->bias, TL_NONE);

	m->logits = tl_apply(ctx, &op, &x, 1, &m->scale, 1);
	if (tl_training(ctx))
		tl_add_loss(ctx, "", tl_bce(ctx, m->logits, tl_label_offsets(ctx), tl_label_index(ctx), TL_MEAN));
	return tl_status(ctx);
}

const tl_module module = { .size = sizeof(tl_module), .forward = forward };

}

const tl_plugin tagloom_plugin = { TL_LABEL(scaled), .name = "scaled", .version = "1", .summary = "a label module in C++", .params = params, .weights = weights, .reads = reads, .writes = writes,
	.losses = losses, .module = &module, .ops = ops };
