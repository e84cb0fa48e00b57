/*
 * spare.c - memory of a step that is used again: gradients that the backward has passed, and, from the end of a scope on (tl_scoped), what only
 * the scope could see. Of that, numbers that no backward pass reads go for good; those that their op can make again from what it saved go
 * until the backward pass wants them, so that of a deep model one at a time is there and not one a layer.
 */
#include <string.h>

#include "internal.h"

void *
tl_spare_take(tl_ctx *ctx, size_t bytes, size_t *got)
{
	struct free_block **best = NULL;

	for (struct free_block **b = &ctx->spare; *b; b = &(*b)->next)
		if ((*b)->bytes >= bytes && (*b)->bytes <= bytes + bytes / 4 + 4096 && (!best || (*b)->bytes < (*best)->bytes))
			best = b;
	if (best) {
		struct free_block *taken = *best;
		*best = taken->next;
		*got = taken->bytes;
		return taken->p;
	}
	*got = (TL_MAX(bytes, (size_t)1) + 63) / 64 * 64;
	return tl_step_room(ctx, *got);
}

void
tl_spare_give(tl_ctx *ctx, void *p, size_t bytes)
{
	struct free_block *b = tl_arena_alloc(ctx->arena, sizeof *b);

	*b = (struct free_block){ ctx->spare, p, bytes };
	ctx->spare = b;
}

static void
give_up(tl_ctx *ctx, tl_tensor *x)
{
	tl_spare_give(ctx, x->view.data, x->data_bytes);
	x->view.data = NULL; /* who reads it all the same is found out at once */
}

void
tl_scope_end(tl_ctx *ctx, const tl_node *before, tl_tensor *result)
{
	if (ctx->device && ctx->device->bf16) /* copies in bf16 are found by their floats' place, and gelu has no floats there (halves.c) */
		return;
	for (tl_node *node = ctx->tape; node != before; node = node->before) {
		if (node->op && node->op->flags & TL_OP_BLIND)
			continue;
		node->out->read = true;
		for (int i = 0; i < node->n_in; i++)
			if (node->in[i])
				tl_root(node->in[i])->read = true;
	}
	for (tl_node *node = ctx->tape; node != before; node = node->before) {
		tl_tensor *x = node->out;
		if (!x->view.data || !x->data_bytes || x->shared || x->keep || x == tl_root(result) || (x->read && !node->again))
			continue;
		if (x->read)
			x->maker = node;
		give_up(ctx, x);
	}
}

static int
make_again(tl_ctx *ctx, tl_tensor *x)
{
	tl_node *node = x->maker;
	tl_step_mark before_scratch;
	tl_op_call c;
	int status = 0;

	if (tl_inputs_back(ctx, node) || !(x->view.data = tl_spare_take(ctx, (size_t)x->view.count * tl_dtype_bytes(x->view.dtype), &x->data_bytes)))
		return -1;
	tl_op_call_fill(ctx, &c, node->op, node->in, node->n_in, node->arg, node->n_arg);
	c.out = x->view;
	c.n_saved = node->n_saved;
	memcpy(c.saved, node->saved, sizeof c.saved);
	c.key = node->key;
	c.training = node->training;
	c.again = c.backward_follows = node->made = true;
	before_scratch = tl_step_here(ctx);
	if (ctx->counting)
		tl_count_op(ctx, node->op, &c, false);
	else
		status = tl_op_call_run(ctx, tl_op_kernel(ctx, node->op)->forward, &c);
	tl_step_back(ctx, before_scratch);
	return status && !tl_status(ctx) ? tl_fail(ctx, "%s: its result could not be made again, and the kernel does not say why", node->op->name) : tl_status(ctx);
}

int
tl_inputs_back(tl_ctx *ctx, const tl_node *node)
{
	for (int i = 0; i < node->n_in; i++)
		if (node->in[i] && node->in[i]->maker && !node->in[i]->view.data && make_again(ctx, node->in[i]))
			return -1;
	return 0;
}

void
tl_output_done(tl_ctx *ctx, const tl_node *node)
{
	tl_tensor *x = node->out;

	if (x->maker == node && x->view.data)
		give_up(ctx, x);
}
