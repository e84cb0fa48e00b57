/*
 * count.c - a step that computes nothing: tensors are made and kept as ever, so that the arena's peak is the step's memory, but no kernel runs and
 * no page is touched. What the kernels would have to do at least is added up instead.
 */
#include <string.h>

#include "internal.h"

void
tl_ctx_count(tl_ctx *ctx, bool on)
{
	ctx->counting = on;
}

bool
tl_ctx_counting(const tl_ctx *ctx)
{
	return ctx->counting;
}

tl_operations
tl_ctx_operations(const tl_ctx *ctx)
{
	return ctx->operations;
}

/* Queries times keys, over the documents. */
static double
pairs(const tl_view *queries, const tl_view *keys)
{
	const int32_t *q = queries->data, *k = keys->data;
	double sum = 0;

	for (int64_t b = 0; b + 1 < queries->count && b + 1 < keys->count; b++)
		sum += (double)(q[b + 1] - q[b]) * (double)(k[b + 1] - k[b]);
	return sum;
}

static double
width(const tl_view *x)
{
	return x->rank ? (double)x->dim[x->rank - 1] : 1;
}

/* Of the forward pass: multiplications and additions of products, and values of e^x and the like. */
static tl_operations
forward_of(const tl_op *op, const tl_op_call *c)
{
	const tl_view *in = c->in;
	const char *name = op->name;
	double out = (double)c->out.count;
	tl_operations n = { 0 };

	if (!strcmp(name, "linear") || !strcmp(name, "packed_matmul"))
		n.products = 2 * out * width(&in[0]);
	else if (!strcmp(name, "matmul"))
		n.products = 2 * out * (double)in[0].dim[c->arg[0] ? in[0].rank - 2 : in[0].rank - 1];
	else if (!strcmp(name, "packed_sum"))
		n.products = 2 * (double)in[0].count * width(&in[2]);
	else if (!strcmp(name, "conv1d") || !strcmp(name, "conv2d"))
		n.products = 2 * out * (double)in[2].count / TL_MAX((double)in[2].dim[0], 1);
	else if (!strcmp(name, "linear_bce") || !strcmp(name, "linear_best"))
		n.products = 2 * (double)in[0].count * (double)in[1].dim[0];
	else if (!strcmp(name, "attention"))
		n.products = 4 * pairs(&in[1], &in[4]) * width(&in[0]);
	else if (!strcmp(name, "additive_scores")) /* tanh from e^2x of both, made once: two sums of products and half a division for each */
		n.products = 8 * out * width(&in[0]);
	if (!strcmp(name, "attention"))
		n.functions = pairs(&in[1], &in[4]) * c->arg[0];
	else if (!strcmp(name, "linear_bce"))
		n.functions = (double)in[0].dim[0] * (double)in[1].dim[0];
	else if (strstr(name, "softmax") || !strcmp(name, "bce") || !strcmp(name, "exp") || !strcmp(name, "log") || !strcmp(name, "logsumexp"))
		n.functions = (double)in[0].count;
	else if ((!strcmp(name, "linear") && c->arg[0] > TL_RELU) || (!strcmp(name, "activate") && c->arg[0] > TL_RELU))
		n.functions = out;
	return n;
}

/* Elements of an input that an op has to pass through: of a table, the rows that are looked up. */
static double
passed(const tl_op *op, const tl_op_call *c, int i)
{
	return (double)(i == 0 && !strcmp(op->name, "gather") ? c->out.count : c->in[i].count);
}

tl_operations
tl_op_operations(const tl_ctx *ctx, const tl_op *op, const tl_op_call *c, bool backward)
{
	tl_operations n = forward_of(op, c);
	int products = 0;

	if (c->again && !backward) /* read and written once more */
		return (tl_operations){ .functions = n.functions, .bytes = 2 * (double)c->out.count * (double)tl_dtype_bytes(ctx->compute) };
	n.bytes = (double)c->out.count;
	for (int i = 0; i < c->n_in; i++) {
		bool wanted = backward && c->grad_in[i];
		n.bytes += passed(op, c, i) * (wanted ? 2 : 1);
		products += wanted && c->in[i].rank > 1;
	}
	n.bytes *= (double)tl_dtype_bytes(ctx->compute);
	if (backward) { /* a product's gradient by each factor costs as much as the product; attention has three factors for its two products, additive_scores does twice the work */
		n.products *= !strcmp(op->name, "attention") || !strcmp(op->name, "additive_scores") ? 2 : products;
		n.functions = 0;
	}
	return n;
}

void
tl_count_op(tl_ctx *ctx, const tl_op *op, const tl_op_call *c, bool backward)
{
	tl_operations n = tl_op_operations(ctx, op, c, backward);

	ctx->operations.products += n.products;
	ctx->operations.functions += n.functions;
	if (n.products == 0) /* a product's numbers are used often; what only passes through costs its way */
		ctx->operations.bytes += n.bytes;
	if (backward) { /* a kernel may put the gradient before its activation somewhere */
		tl_arena_mark mark = tl_arena_here(ctx->arena);
		tl_arena_reserve(ctx->arena, (size_t)c->out.count * tl_dtype_bytes(c->out.dtype));
		tl_arena_back(ctx->arena, mark);
	}
}

/* --- watching --- */

void
tl_ctx_watch(tl_ctx *ctx, tl_watch *watch, void *arg)
{
	ctx->watch = watch;
	ctx->watch_arg = arg;
}
