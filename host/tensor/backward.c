/*
 * backward.c - gradients: the tape is walked from its end, each node adds to the gradients of its inputs. A gradient buffer is used
 * again (spare.c) once its tensor's node has been passed, so that the backward of a deep model needs little memory.
 */
#include <string.h>

#include "internal.h"

void *
tl_grad_buffer(tl_ctx *ctx, tl_tensor *x, bool *fresh)
{
	x = tl_root(x);
	*fresh = !x->weight && !x->reached;
	if (ctx->counting && x->weight)
		return x; /* never looked into; a weight's gradient is no memory of the step */
	if (x->weight && ctx->device)
		return (char *)tl_weights_gradients_there(x->weight->owner) + (size_t)x->weight->offset * tl_dtype_bytes(x->view.dtype);
	if (!x->grad)
		x->grad = tl_spare_take(ctx, TL_MAX((size_t)x->view.count * tl_dtype_bytes(x->view.dtype), (size_t)1), &x->grad_bytes);
	return x->grad;
}

static void
release(tl_ctx *ctx, tl_tensor *x)
{
	if (x->weight || x->keep || !x->grad)
		return;
	tl_spare_give(ctx, x->grad, x->grad_bytes);
	x->grad = NULL;
	x->reached = false;
}

static int
node_backward(tl_ctx *ctx, tl_node *node)
{
	const tl_kernel *kernel = tl_op_kernel(ctx, node->op);
	tl_op_call c;
	tl_step_mark before_scratch;
	void **grad = tl_arena_zalloc(ctx->arena, (size_t)node->n_in * sizeof *grad + 1);
	bool *fresh = tl_arena_zalloc(ctx->arena, (size_t)node->n_in + 1), any = false;

	for (int i = 0; i < node->n_in; i++) {
		tl_tensor *x = node->in[i];
		bool twice = false;

		if (!x || !tl_wants_gradient(x))
			continue;
		for (int j = 0; j < node->n_in; j++)
			twice |= j != i && node->in[j] && tl_root(node->in[j]) == tl_root(x);
		if (!(grad[i] = tl_grad_buffer(ctx, x, &fresh[i])))
			return -1;
		if (fresh[i] && (twice || !(node->op->flags & TL_OP_FRESH))) {
			if (tl_step_zero(ctx, grad[i], (size_t)x->view.count * tl_dtype_bytes(x->view.dtype)))
				return -1;
			fresh[i] = false;
		}
		tl_root(x)->reached = true;
		any = true;
	}
	if (!any)
		return 0;
	if (tl_step_sent(ctx))
		return -1;
	if (!kernel || !kernel->backward)
		return tl_fail(ctx, "%s: this op cannot be differentiated; detach its inputs", node->op->name);
	if (!(node->op->flags & TL_OP_BLIND) && tl_inputs_back(ctx, node))
		return -1;
	tl_op_call_fill(ctx, &c, node->op, node->in, node->n_in, node->arg, node->n_arg);
	before_scratch = tl_step_here(ctx);
	c.out = node->out->view;
	c.n_saved = node->n_saved;
	memcpy(c.saved, node->saved, sizeof c.saved);
	c.key = node->key;
	c.training = node->training;
	c.again = node->made;
	c.grad_out = tl_root(node->out)->grad;
	c.grad_in = grad;
	c.grad_fresh = fresh;
	if (ctx->counting)
		tl_count_op(ctx, node->op, &c, true);
	else if (tl_op_call_run(ctx, kernel->backward, &c) || tl_status(ctx))
		return tl_status(ctx) ? -1 : tl_fail(ctx, "%s: the backward function failed without saying why", node->op->name);
	tl_step_back(ctx, before_scratch);
	return tl_status(ctx);
}

/* Walks the tape from its end. The gradient of its last tensors must be there. */
static int
walk(tl_ctx *ctx, tl_node *tape)
{
	for (tl_node *node = tape; node; node = node->before) {
		tl_tensor *out = tl_root(node->out);

		if (!out->reached)
			continue;
		if (node->segment ? tl_segment_backward(ctx, node) : node_backward(ctx, node))
			return -1;
		release(ctx, out);
		tl_output_done(ctx, node);
	}
	return 0;
}

/* g = 1, or += 1 */
static int
seed(tl_ctx *ctx, tl_dtype dtype, void *g, bool fresh)
{
	void *one = fresh ? g : tl_step_alloc(ctx, sizeof(double));

	if (!one || tl_step_fill(ctx, dtype, one, 1, 1))
		return -1;
	return fresh ? 0 : tl_step_add(ctx, dtype, g, one, 1);
}

int
tl_backward(tl_ctx *ctx, tl_tensor *total)
{
	tl_node *tape = ctx->tape;
	bool fresh;
	void *g;

	if (tl_status(ctx))
		return -1;
	if (!total)
		return tl_fail(ctx, "tl_backward: there is no total (NULL)");
	if (total->view.count != 1)
		return tl_fail(ctx, "tl_backward: the total has %lld elements; wanted a scalar", (long long)total->view.count);
	if (!tl_wants_gradient(total))
		return 0; /* nothing that is trained led to it */
	ctx->tape = NULL;
	if (!(g = tl_grad_buffer(ctx, total, &fresh)) || seed(ctx, total->view.dtype, g, fresh))
		return -1;
	tl_root(total)->reached = true;
	return walk(ctx, tape);
}

void
tl_keep_gradient(tl_tensor *x)
{
	if (x)
		tl_root(x)->keep = true;
}

tl_tensor *
tl_gradient(tl_ctx *ctx, const tl_tensor *x)
{
	const tl_tensor *root;
	tl_tensor *g;

	if (!x)
		return NULL;
	root = x->root ? x->root : x;
	if (!root->grad || (!root->weight && !root->reached))
		return NULL;
	g = tl_arena_zalloc(ctx->arena, sizeof *g);
	g->view = x->view;
	g->view.data = root->weight && ctx->device ? (char *)tl_weights_gradients_there(root->weight->owner) + (size_t)root->weight->offset * tl_dtype_bytes(root->view.dtype) : root->grad;
	g->serial = ++ctx->serial;
	return g;
}

/* --- the host's total --- */

static int
total_shape(tl_op_call *c)
{
	for (int i = 0; i < c->n_in; i++)
		if (c->in[i].count != 1)
			return tl_fail(c->ctx, "total: loss part %d has %lld elements; wanted a scalar", i, (long long)c->in[i].count);
	c->out = (tl_view){ .dtype = c->ctx->compute, .count = 1 };
	return 0;
}

static double
scalar(const tl_view *v)
{
	return v->dtype == TL_F64 ? *(const double *)v->data : *(const float *)v->data;
}

static int
total_forward(tl_op_call *c)
{
	double sum = 0;

	for (int i = 0; i < c->n_in; i++)
		sum += c->arg[i] * scalar(&c->in[i]);
	if (c->out.dtype == TL_F64)
		*(double *)c->out.data = sum;
	else
		*(float *)c->out.data = (float)sum;
	return 0;
}

static int
total_backward(tl_op_call *c)
{
	for (int i = 0; i < c->n_in; i++)
		if (!c->grad_in[i])
			continue;
		else if (c->out.dtype == TL_F64)
			*(double *)c->grad_in[i] += c->arg[i] * *(const double *)c->grad_out;
		else
			*(float *)c->grad_in[i] += (float)(c->arg[i] * *(const float *)c->grad_out);
	return 0;
}

/* Scalars side by side, for the host to fetch in one copy; on a device only. */
static int
pack_shape(tl_op_call *c)
{
	int64_t n = c->n_in;

	return tl_view_set(c->ctx, "pack", &c->out, c->ctx->compute, 1, &n);
}

static tl_op pack_op = { .size = sizeof(tl_op), .flags = TL_OP_NO_GRAD, .name = "pack", .signature = "parts:reals", .shape = pack_shape };

int
tl_fetch_scalars(tl_ctx *ctx, int n, tl_tensor *const *part, float *into)
{
	const tl_device_kernels *k;
	tl_tensor *all;

	if (!pack_op.cuda.forward && (k = tl_device_kernels_of("pack")))
		pack_op.cuda = k->f32;
	if (!(all = tl_op_run(ctx, &pack_op, part, n, NULL, 0)))
		return -1;
	return ctx->device->fetch(ctx->device, into, all->view.data, (size_t)n * sizeof *into) ? tl_fail(ctx, "losses: %s", ctx->device->error) : 0;
}

static tl_op total_op = { .size = sizeof(tl_op), .name = "total", .signature = "parts:reals", .shape = total_shape,
	.f32 = { total_forward, total_backward }, .f64 = { total_forward, total_backward } };

tl_tensor *
tl_weighted_total(tl_ctx *ctx, int n, tl_tensor *const *part, const double *weight)
{
	if (ctx->device && !total_op.cuda.forward) {
		const tl_device_kernels *k = tl_device_kernels_of("total");
		if (k)
			total_op.cuda = k->f32;
	}
	return tl_op_run(ctx, &total_op, part, n, weight, n);
}

/* --- segments: kept is the way to compute them, not what they computed --- */

struct tl_segment {
	tl_segment_fn fn;
	void *arg;
	tl_stream_state stream;
	bool has_instance;
};

/* What lies after the mark is given up but for the result, which moves to the mark. */
static void *
moved_to_front(tl_ctx *ctx, tl_step_mark mark, void *data, size_t bytes)
{
	char *from = data, *to;

	if (ctx->device) { /* copies of a device must not overlap: the second half of twice the room cannot meet the place at the mark */
		char *room = tl_step_alloc(ctx, 2 * bytes + 2 * TL_DEVICE_ALIGN);
		if (!room)
			return NULL;
		from = room + bytes + 2 * TL_DEVICE_ALIGN;
		if (tl_step_copy(ctx, from, data, bytes))
			return NULL;
	}
	tl_step_back(ctx, mark);
	if (!(to = tl_step_room(ctx, bytes)))
		return NULL;
	return tl_step_copy(ctx, to, from, bytes) ? NULL : to;
}

/* fn without a tape: its result, and nothing else of what it made. */
static tl_tensor *
alone(tl_ctx *ctx, tl_segment_fn fn, tl_tensor *const *in, int n_in, void *arg)
{
	tl_tensor *result = tl_arena_zalloc(ctx->arena, sizeof *result), *out;
	tl_step_mark mark = tl_step_here(ctx);
	struct free_block *spare = ctx->spare;
	tl_view v;

	ctx->spare = NULL; /* what is taken would not come back */
	tl_no_grad_push(ctx);
	out = fn(ctx, in, n_in, arg);
	tl_no_grad_pop(ctx);
	ctx->spare = spare;
	if (!out || tl_status(ctx)) {
		if (!tl_status(ctx))
			tl_fail(ctx, "tl_segment: the function returned no tensor and no error");
		return NULL;
	}
	if (tl_widened(ctx, out))
		return NULL;
	v = out->view;
	result->view = v;
	if (!(result->view.data = moved_to_front(ctx, mark, v.data, (size_t)v.count * tl_dtype_bytes(v.dtype))))
		return NULL;
	result->serial = ++ctx->serial;
	return result;
}

tl_tensor *
tl_scoped(tl_ctx *ctx, tl_segment_fn fn, tl_tensor *const *in, int n_in, void *arg)
{
	const tl_node *before = ctx->tape;
	tl_tensor *out;

	if (tl_status(ctx))
		return NULL;
	if (!tl_recording(ctx))
		return alone(ctx, fn, in, n_in, arg);
	if ((out = fn(ctx, in, n_in, arg)))
		tl_scope_end(ctx, before, out);
	return out;
}

tl_tensor *
tl_segment(tl_ctx *ctx, tl_segment_fn fn, tl_tensor *const *in, int n_in, void *arg)
{
	struct tl_segment segment = { fn, arg, ctx->stream, ctx->has_instance };
	bool record = tl_recording(ctx);
	tl_tensor *result;

	if (tl_status(ctx) || !(result = alone(ctx, fn, in, n_in, arg)))
		return NULL;
	result->wants = record && result->view.dtype != TL_I32; /* weights inside may want gradients even where no input does */
	if (result->wants) {
		tl_node *node = tl_node_new(ctx, in, n_in, result);
		node->segment = tl_arena_alloc(ctx->arena, sizeof segment);
		*node->segment = segment;
	}
	return result;
}

int
tl_segment_backward(tl_ctx *ctx, tl_node *node)
{
	struct tl_segment *s = node->segment;
	tl_tensor **inner = tl_arena_zalloc(ctx->arena, (size_t)node->n_in * sizeof *inner + 1), *out;
	tl_stream_state stream = ctx->stream;
	bool has_instance = ctx->has_instance, training = ctx->training;
	int64_t segment_start = ctx->segment_start;
	struct free_block *spare;
	tl_step_mark mark;
	int status = 0;

	/* Buffers that outlive the recomputation are made before the mark. */
	if (tl_inputs_back(ctx, node))
		return -1;
	for (int i = 0; i < node->n_in; i++) {
		bool fresh;
		if (!node->in[i] || !tl_wants_gradient(node->in[i]) || node->in[i]->weight)
			continue;
		void *g = tl_grad_buffer(ctx, node->in[i], &fresh);
		if (!g || (fresh && tl_step_zero(ctx, g, (size_t)node->in[i]->view.count * tl_dtype_bytes(node->in[i]->view.dtype))))
			return -1;
		tl_root(node->in[i])->reached = true;
	}
	spare = ctx->spare;
	mark = tl_step_here(ctx);
	ctx->spare = NULL;
	ctx->stream = s->stream;
	ctx->has_instance = s->has_instance;
	ctx->training = node->training;
	ctx->tape = NULL;
	ctx->segment_start = ++ctx->serial;
	for (int i = 0; i < node->n_in; i++) {
		tl_tensor *x = node->in[i];
		if (!x || x->weight) {
			inner[i] = x;
			continue;
		}
		inner[i] = tl_detach(ctx, x);
		inner[i]->wants = tl_wants_gradient(x);
		inner[i]->grad = inner[i]->wants ? tl_root(x)->grad : NULL;
		inner[i]->reached = inner[i]->keep = inner[i]->wants;
	}
	out = s->fn(ctx, inner, node->n_in, s->arg);
	if (!out || tl_status(ctx) || out->view.count != node->out->view.count)
		status = tl_status(ctx) ? -1 : tl_fail(ctx, "tl_segment: the function gave another result when it was run again");
	else if (tl_wants_gradient(out)) {
		bool fresh;
		size_t bytes = (size_t)out->view.count * tl_dtype_bytes(out->view.dtype);
		void *g = tl_grad_buffer(ctx, out, &fresh);
		if (!g)
			status = -1;
		else if (fresh)
			status = tl_step_copy(ctx, g, tl_root(node->out)->grad, bytes);
		else /* the output is one of the inputs */
			status = tl_step_add(ctx, out->view.dtype, g, tl_root(node->out)->grad, out->view.count);
		tl_root(out)->reached = true;
		if (!status)
			status = walk(ctx, ctx->tape);
	}
	ctx->tape = NULL;
	ctx->segment_start = segment_start;
	ctx->stream = stream;
	ctx->has_instance = has_instance;
	ctx->training = training;
	ctx->spare = spare;
	if (!status)
		tl_step_back(ctx, mark);
	return status;
}
