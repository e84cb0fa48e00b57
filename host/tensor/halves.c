/*
 * halves.c - precision = "bf16": what matrix products read. Tensors stay float; beside one that is multiplied lies a copy in bf16, made once, before
 * the first op that multiplies it, and used by all that follow, those of the backward pass among them. Copies lie in the step's memory
 * like tensors, and are forgotten where that memory is given up. A narrow tensor is one whose copy is all there is, until somebody but a product
 * reads it. Weights are not of the step: the device keeps their copies (device.h).
 */
#include "internal.h"
#include "kernel.h"

enum { BYTES = 2 };

static int
told(tl_ctx *ctx, int status)
{
	return status ? tl_fail(ctx, "bf16: %s", ctx->device->error) : 0;
}

/* Room for the copy of a tensor; it lasts as long as what is made in the step now. */
static int
add(tl_ctx *ctx, tl_tensor *x)
{
	struct half *h = tl_arena_alloc(ctx->arena, sizeof *h);

	*h = (struct half){ ctx->halves, x, tl_space_here(ctx->space).used };
	if (!(x->half = tl_step_alloc(ctx, (size_t)x->view.count * BYTES)))
		return -1;
	ctx->halves = h;
	return 0;
}

void
tl_halves_back(tl_ctx *ctx, size_t used)
{
	for (; ctx->halves && ctx->halves->at >= used; ctx->halves = ctx->halves->before)
		ctx->halves->x->half = NULL;
}

int
tl_halves_of_inputs(tl_ctx *ctx, const tl_op *op, tl_tensor *const *in, int n_in)
{
	const tl_device_kernels *k = tl_op_halves(ctx, op);

	for (int i = 0; k && i < n_in; i++) {
		tl_tensor *x = in[i] && k->products >> i & 1 ? tl_root(in[i]) : NULL;
		if (!x || x->weight || x->half || !x->view.count)
			continue;
		if (add(ctx, x) || told(ctx, ctx->device->halve(ctx->device, x->half, x->view.data, x->view.count)))
			return -1;
	}
	return 0;
}

int
tl_half_of_out(tl_ctx *ctx, const tl_op *op, const tl_op_call *c, tl_tensor *out)
{
	const tl_device_kernels *k = tl_op_halves(ctx, op);

	ctx->half_out = NULL;
	if (!k || !k->halves || !k->halves(c) || !out->view.count)
		return 0;
	ctx->half_out = out;
	return add(ctx, out);
}

int
tl_widened(tl_ctx *ctx, const tl_tensor *x)
{
	tl_tensor *y = (tl_tensor *)(uintptr_t)x;

	if (!x->narrow)
		return 0;
	y->narrow = false;
	return told(ctx, ctx->device->widen(ctx->device, x->view.data, x->half, x->view.count));
}

void *
tl_op_half_out(tl_op_call *c, bool alone)
{
	tl_tensor *out = c->ctx->half_out;

	if (!out)
		return NULL;
	out->narrow = alone;
	return out->half;
}

/* --- for kernels --- */

static bool
within(const void *all, int64_t count, const float *x)
{
	return all && x >= (const float *)all && x < (const float *)all + count;
}

/* The whole of what x is part of, rounded once in this op. */
static const void *
of_whole(tl_ctx *ctx, const void *all, int64_t count, const float *x)
{
	struct halved *h = ctx->halved;

	while (h < ctx->halved + ctx->n_halved && h->x != all)
		h++;
	if (h == ctx->halved + ctx->n_halved) {
		if (ctx->n_halved == TL_COUNT(ctx->halved))
			h--;
		*h = (struct halved){ all, tl_scratch(ctx, (size_t)count * BYTES) };
		if (!h->half || told(ctx, ctx->device->halve(ctx->device, h->half, all, count)))
			return NULL;
		ctx->n_halved = (int)(h - ctx->halved) + 1;
	}
	return (char *)h->half + (x - (const float *)all) * BYTES;
}

const void *
tl_op_half(tl_op_call *c, const float *x, int64_t n)
{
	tl_ctx *ctx = c->ctx;
	void *half;

	for (int i = 0; i < c->n_in; i++) {
		const tl_tensor *t = c->in[i].dtype == TL_F32 && within(c->in[i].data, c->in[i].count, x) ? tl_root(ctx->inputs[i]) : NULL;
		if (t && t->half)
			return (char *)t->half + (x - (const float *)c->in[i].data) * BYTES;
		if (t)
			return of_whole(ctx, c->in[i].data, c->in[i].count, x);
	}
	if (c->grad_in && within(c->grad_out, c->out.count, x))
		return of_whole(ctx, c->grad_out, c->out.count, x);
	for (int i = 0; c->grad_in && i < c->n_saved; i++)
		if (c->saved[i].dtype == TL_F32 && within(c->saved[i].data, c->saved[i].count, x))
			return of_whole(ctx, c->saved[i].data, c->saved[i].count, x);
	half = tl_scratch(ctx, (size_t)n * BYTES);
	return half && !told(ctx, ctx->device->halve(ctx->device, half, x, n)) ? half : NULL;
}
