/*
 * ops.c - from a call to a recorded result. Every row of ops.def becomes a function here; its kernels are found under
 * tl_cpu_NAME_f32 and tl_cpu_NAME_f64.
 */
#include <pthread.h>
#include <string.h>

#include "tensor/cpu/cpu.h"
#include "internal.h"

int
tl_signature_inputs(const char *signature, tl_input_kind *kind, int most)
{
	int n = 0;

	for (const char *s = signature; s && *s && n < most;) {
		size_t word = strcspn(s, " "), name = strcspn(s, ":");
		const char *what = s + name + 1;
		size_t length = name < word ? word - name - 1 : 0;
		bool optional = length && what[length - 1] == '?';
		size_t bare = length - optional;
		char k = bare == 4 && !memcmp(what, "real", 4) ? 'r' : bare == 3 && !memcmp(what, "int", 3) ? 'i' : bare == 5 && !memcmp(what, "reals", 5) ? 'l' : 0;

		if (k)
			kind[n++] = (tl_input_kind){ k, optional, s, (int)name };
		s += word;
		s += strspn(s, " ");
	}
	return n;
}

const tl_kernel *
tl_op_kernel(tl_ctx *ctx, const tl_op *op)
{
	const tl_kernel *k = ctx->device ? &op->cuda : ctx->compute == TL_F64 ? &op->f64 : &op->f32;

	if (ctx->device && !k->forward && !(op->flags & TL_OP_VIEW)) {
		tl_fail(ctx, "%s: this op has no CUDA kernel; run with --device cpu", op->name);
		return NULL;
	}
	if (!k->forward && !(op->flags & TL_OP_VIEW)) {
		tl_fail(ctx, "%s: this op has no %s kernel on the CPU", op->name, ctx->compute == TL_F64 ? "double" : "float");
		return NULL;
	}
	return k;
}

int
tl_op_call_fill(tl_ctx *ctx, tl_op_call *c, const tl_op *op, tl_tensor *const *in, int n_in, const double *arg, int n_arg)
{
	const tl_device_kernels *halves = tl_op_halves(ctx, op);
	tl_view *views = tl_arena_alloc(ctx->arena, (size_t)n_in * sizeof *views + 1);

	*c = (tl_op_call){ .ctx = ctx, .n_in = n_in, .in = views, .n_arg = n_arg, .arg = arg, .step = (uint64_t)ctx->step, .training = ctx->training };
	for (int i = 0; i < n_in; i++)
		views[i] = !in[i] ? (tl_view){ 0 } : in[i]->narrow && halves && halves->products >> i & 1 ? in[i]->view : tl_view_here(ctx, in[i]);
	ctx->running = op;
	ctx->inputs = in;
	return 0;
}

int
tl_op_call_run(tl_ctx *ctx, int (*fn)(tl_op_call *c), tl_op_call *c)
{
	int status;

	if (ctx->watch)
		ctx->watch(ctx->watch_arg, ctx->running, c, c->grad_in != NULL, false);
	ctx->in_kernel = true;
	ctx->n_halved = 0;
	status = fn(c);
	ctx->in_kernel = false;
	if (ctx->watch)
		ctx->watch(ctx->watch_arg, ctx->running, c, c->grad_in != NULL, true);
	return status;
}

/* Inputs against the signature: 0, -1 after a sentence. */
static int
check_inputs(tl_ctx *ctx, const tl_op *op, tl_tensor *const *in, int n_in)
{
	tl_input_kind kind[16];
	int n = tl_signature_inputs(op->signature, kind, 16);
	bool list = n && kind[n - 1].kind == 'l';

	if (list ? n_in < n - 1 : n_in != n)
		return tl_fail(ctx, "%s: %d input tensors were given; wanted %d%s", op->name, n_in, list ? n - 1 : n, list ? " and a list" : "");
	for (int i = 0; i < n_in; i++) {
		const tl_input_kind *k = &kind[TL_MIN(i, n - 1)];
		tl_dtype want = k->kind == 'i' ? TL_I32 : ctx->compute;

		if (!in[i]) {
			if (!k->optional)
				return tl_fail(ctx, "%s: input %.*s is missing (NULL)", op->name, k->name_length, k->name);
			continue;
		}
		if (in[i]->view.dtype != want)
			return tl_fail(ctx, "%s: input %.*s holds %s; wanted %s", op->name, k->name_length, k->name,
			               in[i]->view.dtype == TL_I32 ? "integers" : in[i]->view.dtype == TL_F64 ? "double numbers" : "float numbers",
			               want == TL_I32 ? "integers" : want == TL_F64 ? "double numbers" : "float numbers");
		if (ctx->segment_start && tl_recording(ctx) && !in[i]->weight && in[i]->serial < ctx->segment_start && tl_wants_gradient(in[i]))
			return tl_fail(ctx, "%s: input %.*s comes from outside the recomputed segment and wants a gradient; pass it as one of tl_segment's inputs", op->name, k->name_length, k->name);
	}
	return 0;
}

tl_node *
tl_node_new(tl_ctx *ctx, tl_tensor *const *in, int n_in, tl_tensor *out)
{
	tl_node *node = tl_arena_zalloc(ctx->arena, sizeof *node);

	node->before = ctx->tape;
	node->n_in = n_in;
	node->in = tl_arena_alloc(ctx->arena, (size_t)n_in * sizeof *in + 1);
	if (n_in)
		memcpy(node->in, in, (size_t)n_in * sizeof *in);
	node->out = out;
	node->training = ctx->training;
	ctx->tape = node;
	return node;
}

static void
record(tl_ctx *ctx, const tl_op *op, const tl_op_call *c, tl_tensor *const *in, tl_tensor *out, bool again)
{
	tl_node *node = tl_node_new(ctx, in, c->n_in, out);
	double *arg = tl_arena_alloc(ctx->arena, (size_t)c->n_arg * sizeof *arg + 1);

	if (c->n_arg)
		memcpy(arg, c->arg, (size_t)c->n_arg * sizeof *arg);
	node->op = op;
	node->arg = arg;
	node->n_arg = c->n_arg;
	node->n_saved = c->n_saved;
	memcpy(node->saved, c->saved, sizeof node->saved);
	node->key = c->key;
	node->again = again;
}

static tl_tensor *
view_of(tl_ctx *ctx, tl_tensor *x, const tl_view *shape, bool gradient)
{
	tl_tensor *y = tl_arena_zalloc(ctx->arena, sizeof *y);

	if (shape->count != x->view.count) {
		tl_fail(ctx, "%s: %lld elements cannot be seen as %lld", ctx->running->name, (long long)x->view.count, (long long)shape->count);
		return NULL;
	}
	tl_root(x)->shared = true;
	y->view = *shape;
	y->view.data = tl_view_here(ctx, x).data;
	y->serial = ++ctx->serial;
	y->root = gradient ? tl_root(x) : NULL;
	y->host = x->host;
	return y;
}

tl_tensor *
tl_op_run(tl_ctx *ctx, const tl_op *op, tl_tensor *const *in, int n_in, const double *arg, int n_arg)
{
	const tl_kernel *kernel;
	tl_tensor *out;
	tl_op_call c;
	tl_step_mark before_scratch;
	bool wants = false, again;

	if (tl_status(ctx) || check_inputs(ctx, op, in, n_in) || !(kernel = tl_op_kernel(ctx, op)) || tl_step_sent(ctx))
		return NULL;
	tl_op_call_fill(ctx, &c, op, in, n_in, arg, n_arg);
	if (op->flags & TL_OP_RANDOM) /* counted also where nothing is drawn, so that a rate of 0 moves no other mask */
		c.key = tl_stream_key(ctx->seed, ctx->stream.instance, ctx->stream.purpose, ctx->stream.ordinal++);
	if (op->shape(&c)) {
		if (!tl_status(ctx))
			tl_fail(ctx, "%s: the shapes do not fit", op->name);
		return NULL;
	}
	for (int i = 0; i < n_in; i++)
		wants |= in[i] && tl_wants_gradient(in[i]);
	wants &= tl_recording(ctx) && !(op->flags & TL_OP_NO_GRAD) && c.out.dtype != TL_I32;
	if (op->flags & TL_OP_VIEW)
		return view_of(ctx, in[0], &c.out, wants);
	if (tl_halves_of_inputs(ctx, op, in, n_in) || !(out = tl_tensor_new(ctx, c.out.dtype, c.out.rank, c.out.dim)) || tl_half_of_out(ctx, op, &c, out))
		return NULL;
	c.out.data = out->view.data;
	c.backward_follows = out->wants = wants;
	again = c.again;
	c.again = false;
	before_scratch = tl_step_here(ctx);
	for (int i = 0; i < c.n_saved; i++)
		if (!(c.saved[i].data = tl_step_room(ctx, (size_t)c.saved[i].count * tl_dtype_bytes(c.saved[i].dtype))))
			return NULL;
	if (wants)
		before_scratch = tl_step_here(ctx);
	if (ctx->counting) {
		tl_count_op(ctx, op, &c, false);
	} else if (tl_op_call_run(ctx, kernel->forward, &c) || tl_status(ctx)) {
		if (!tl_status(ctx))
			tl_fail(ctx, "%s: the forward function failed without saying why", op->name);
		return NULL;
	}
	tl_step_back(ctx, before_scratch);
	if (wants)
		record(ctx, op, &c, in, out, again);
	return out;
}

tl_tensor *
tl_apply(tl_ctx *ctx, const tl_op *op, tl_tensor *const *in, int n_in, const double *arg, int n_arg)
{
	if (!op || !op->name || !op->signature || !op->shape) {
		tl_fail(ctx, "tl_apply: the op lacks a name, a signature or a shape rule");
		return NULL;
	}
	return tl_op_run(ctx, op, in, n_in, arg, n_arg);
}

/* --- the rows of ops.def --- */

enum {
#define TL_OP(name, params, inputs, args, signature, doc) ROW_##name,
#include "tagloom/ops.def"
#undef TL_OP
	N_ROWS
};

#define TL_OP(name, params, inputs, args, signature, doc) extern const tl_cpu_op tl_cpu_##name##_f32, tl_cpu_##name##_f64;
#include "tagloom/ops.def"
#undef TL_OP

static const struct { const char *name, *signature; const tl_cpu_op *f32, *f64; } op_rows[] = {
#define TL_OP(name, params, inputs, args, signature, doc) { #name, signature, &tl_cpu_##name##_f32, &tl_cpu_##name##_f64 },
#include "tagloom/ops.def"
#undef TL_OP
};

/*
 * A row has one descriptor for each type: shape rules are compiled with their kernels, and name the type of what comes out. On a device
 * the shapes are those of float, and every kernel of a row looks at grad_fresh.
 */
enum { ROW_F32, ROW_F64, ROW_DEVICE, ROW_KINDS };
static tl_op built[N_ROWS][ROW_KINDS];
static const tl_device_kernels *of_device[N_ROWS];
static pthread_once_t build_once = PTHREAD_ONCE_INIT;

static void
build(void)
{
	for (int64_t i = 0; i < N_ROWS; i++)
		for (int kind = 0; kind < ROW_KINDS; kind++)
			built[i][kind] = (tl_op){ .size = sizeof(tl_op), .flags = op_rows[i].f32->flags | (kind == ROW_DEVICE ? TL_OP_FRESH : 0), .name = op_rows[i].name, .signature = op_rows[i].signature,
				.shape = kind == ROW_F64 ? op_rows[i].f64->shape : op_rows[i].f32->shape, .f32 = op_rows[i].f32->kernel, .f64 = op_rows[i].f64->kernel };
}

void
tl_ops_of_device(void)
{
	pthread_once(&build_once, build);
	for (int64_t i = 0; i < N_ROWS; i++) {
		const tl_device_kernels *k = tl_device_kernels_of(op_rows[i].name);
		if (k) {
			built[i][ROW_DEVICE].cuda = k->f32;
			of_device[i] = k;
		}
	}
}

const tl_device_kernels *
tl_op_halves(const tl_ctx *ctx, const tl_op *op)
{
	const tl_op *first = (const tl_op *)built;
	bool row = op >= first && op < first + N_ROWS * ROW_KINDS; /* and not a plugin's own */

	return row && ctx->device && ctx->device->bf16 ? of_device[(op - first) / ROW_KINDS] : NULL;
}

const char *
tl_op_name_at(int64_t row)
{
	return row >= 0 && row < N_ROWS ? op_rows[row].name : "op";
}

int64_t
tl_op_count(void)
{
	return N_ROWS;
}

const tl_op *
tl_op_row(tl_ctx *ctx, int64_t i)
{
	pthread_once(&build_once, build);
	return &built[i][ctx->device ? ROW_DEVICE : ctx->compute == TL_F64 ? ROW_F64 : ROW_F32];
}

#define TL_OP(name, params, inputs, args, signature, doc) \
	tl_tensor *tl_##name(tl_ctx *ctx, TL_STRIP params) \
	{ \
		return tl_op_run(ctx, tl_op_row(ctx, ROW_##name), inputs, args); \
	}
#include "tagloom/ops.def"
#undef TL_OP
