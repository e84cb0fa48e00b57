/* check fails: the gradient of flipped.weight is wrong */
#include "common.h"

/* y = x w, with the sign of the gradient by w turned round */
static int
shape(tl_op_call *c)
{
	c->out = c->in[0];
	c->out.data = NULL;
	return 0;
}
#define KERNELS(T, R) \
	static int forward_##T(tl_op_call *c) { for (int64_t i = 0; i < c->out.count; i++) ((R *)c->out.data)[i] = ((const R *)c->in[0].data)[i] * ((const R *)c->in[1].data)[i % c->in[1].count]; return 0; } \
	static int backward_##T(tl_op_call *c) { \
		for (int64_t i = 0; i < c->out.count; i++) { \
			R g = ((const R *)c->grad_out)[i]; \
			if (c->grad_in[0]) ((R *)c->grad_in[0])[i] += g * ((const R *)c->in[1].data)[i % c->in[1].count]; \
			if (c->grad_in[1]) ((R *)c->grad_in[1])[i % c->in[1].count] -= g * ((const R *)c->in[0].data)[i]; \
		} \
		return 0; }
KERNELS(f32, float)
KERNELS(f64, double)
static const tl_op flip = { .size = sizeof(tl_op), .name = "flip", .signature = "x:real w:real", .shape = shape, .f32 = { forward_f32, backward_f32 }, .f64 = { forward_f64, backward_f64 } };

static int
forward(tl_ctx *ctx, void *self)
{
	struct self *s = self;
	tl_tensor *in[] = { tl_reshape(ctx, s->doc, 1, -1, 0, 0, 0), tl_reshape(ctx, tl_slice(ctx, s->weight, 0, 0, 1), 1, -1, 0, 0, 0) };

	s->doc = tl_reshape(ctx, tl_apply(ctx, &flip, in, 2, NULL, 0), 2, tl_n_documents(ctx), -1, 0, 0);
	return usual(ctx, s);
}

PLUGIN("flipped")
