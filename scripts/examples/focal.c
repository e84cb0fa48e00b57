/*
 * focal - a classifier whose loss is an operation of its own: an example of a plugin that brings forward and backward for an op that the core lacks.
 *
 *   p = sigma(z) for a label of the document, 1 - sigma(z) for another;   loss = mean over documents and labels of -(1 - p)^focus ln p      (Lin et al. 2017, eq. 4)
 *
 * Build: cc $(pkg-config --cflags tagloom) -shared -fPIC focal.c -o focal.so -lm;   `tagloom check ./focal.so` holds the op by finite differences.
 */
#include <math.h>

#include "tagloom/plugin.h"

/* focal_loss(logits [B, L], label_offsets [B + 1], labels [sum |Y|]; focus): a scalar. */
static int
shape(tl_op_call *c)
{
	if (c->in[0].rank != 2)
		return tl_fail(c->ctx, "focal_loss: logits has %d axes; wanted 2, documents by labels", c->in[0].rank);
	if (c->in[1].dtype != TL_I32 || c->in[2].dtype != TL_I32 || c->in[1].count != c->in[0].dim[0] + 1)
		return tl_fail(c->ctx, "focal_loss: label lists of %ld documents for logits of %ld", (long)c->in[1].count - 1, (long)c->in[0].dim[0]);
	c->out.dtype = c->in[0].dtype;
	c->out.rank = 0;
	return 0;
}

/* -(1 - p)^g ln p for one label, as a function of t = z or -z with p = sigma(t); *slope is its derivative by t. */
static double
term(double t, double g, double *slope)
{
	double log_p = t > 0 ? -log1p(exp(-t)) : t - log1p(exp(t)), p = exp(log_p), q = 1 - p, power = pow(q, g);

	/* d/dt: p' = p q, so (-(q^g) ln p)' = g q^g p ln p - q^(g+1) */
	*slope = g * power * p * log_p - power * q;
	return -power * log_p;
}

/* One pass over all labels, for either type: adds up the loss, or writes the gradient. */
#define PASS(NAME, REAL) \
	static double NAME(const tl_op_call *c, REAL *grad, double factor) \
	{ \
		const REAL *z = c->in[0].data; \
		const int32_t *offsets = c->in[1].data, *labels = c->in[2].data; \
		int64_t n = c->in[0].dim[0], width = c->in[0].dim[1]; \
		double sum = 0; \
		for (int64_t i = 0; i < n; i++) \
			for (int64_t l = 0, at = offsets[i]; l < width; l++) { \
				bool own = at < offsets[i + 1] && labels[at] == l; \
				double slope, value = term(own ? (double)z[i * width + l] : -(double)z[i * width + l], c->arg[0], &slope); \
				at += own; \
				sum += value; \
				if (grad) \
					grad[i * width + l] += (REAL)(factor * (own ? slope : -slope)); \
			} \
		return sum; \
	}
PASS(pass_f32, float)
PASS(pass_f64, double)

static double
per_label(const tl_op_call *c)
{
	return c->in[0].count ? 1 / (double)c->in[0].count : 0;
}

static int forward_f32(tl_op_call *c) { *(float *)c->out.data = (float)(pass_f32(c, NULL, 0) * per_label(c)); return 0; }
static int forward_f64(tl_op_call *c) { *(double *)c->out.data = pass_f64(c, NULL, 0) * per_label(c); return 0; }
static int backward_f32(tl_op_call *c) { if (c->grad_in[0]) pass_f32(c, c->grad_in[0], *(const float *)c->grad_out * per_label(c)); return 0; }
static int backward_f64(tl_op_call *c) { if (c->grad_in[0]) pass_f64(c, c->grad_in[0], *(const double *)c->grad_out * per_label(c)); return 0; }

static const tl_op focal_loss = { .size = sizeof(tl_op), .name = "focal_loss", .signature = "logits:real label_offsets:int labels:int focus:x", .shape = shape,
	.f32 = { forward_f32, backward_f32 }, .f64 = { forward_f64, backward_f64 } };
static const tl_op *const ops[] = { &focal_loss, NULL };

struct focal {
	double focus, dropout;
	tl_tensor *doc, *logits, *weight, *bias; /* [B, m] [B, L] [L, m] [L] */
};

static const tl_param params[] = {
	TL_P_REAL(struct focal, focus, "2", 0, 100, "exponent that plays easy labels down; 0: BCE"),
	TL_P_REAL(struct focal, dropout, "0.1", 0, 0.99, "dropout on the document vector"),
	{ 0 }
};
static const tl_weight weights[] = {
	{ .name = "weight", .at = offsetof(struct focal, weight), .shape = "L m" },
	{ .name = "bias", .at = offsetof(struct focal, bias), .shape = "L", .init = TL_INIT_ZEROS },
	{ 0 }
};
static const tl_slot reads[] = { { .name = "doc", .at = offsetof(struct focal, doc), .shape = "B m" }, { 0 } };
static const tl_slot writes[] = { { .name = "logits", .at = offsetof(struct focal, logits), .shape = "B L" }, { 0 } };
/* The loss's weight has a name of its own: `weight` is a trained matrix here. */
static const tl_loss losses[] = { { .part = "", .param = "loss_weight", .value = "1" }, { 0 } };

static int
run(tl_ctx *ctx, void *p)
{
	struct focal *self = p;

	self->logits = tl_linear(ctx, tl_dropout(ctx, self->doc, self->dropout), self->weight, self->bias, TL_NONE);
	if (tl_training(ctx)) {
		tl_tensor *in[] = { self->logits, tl_label_offsets(ctx), tl_label_index(ctx) };
		tl_add_loss(ctx, "", tl_apply(ctx, &focal_loss, in, 3, &self->focus, 1));
	}
	return tl_status(ctx);
}

static const tl_module module = { .size = sizeof(tl_module), .forward = run };

const tl_plugin tagloom_plugin = {
	TL_LABEL(struct focal),
	.name = "focal",
	.version = "1.0",
	.summary = "linear classifier with focal loss, an op of its own",
	.citation = "Lin et al. 2017, eq. 4",
	.params = params,
	.weights = weights,
	.reads = reads,
	.writes = writes,
	.losses = losses,
	.module = &module,
	.ops = ops,
};
