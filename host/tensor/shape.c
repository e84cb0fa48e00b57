/* shape.c - helpers of the shape rules: each refusal is one sentence with the op, the input, what was found and what was wanted. */
#include <string.h>

#include "tensor/cpu/cpu.h"
#include "internal.h"

static const char *
op_name(const tl_op_call *c)
{
	return c->ctx->running ? c->ctx->running->name : "op";
}

/* The name of an input, as the signature says it; items of a list are "xs[2]". */
static const char *
input_name(const tl_op_call *c, int input, char *text, size_t size)
{
	tl_input_kind kind[16];
	const tl_op *running = c->ctx->running;
	int n = running ? tl_signature_inputs(running->signature, kind, 16) : 0;

	if (n && kind[n - 1].kind == 'l' && input >= n - 1)
		snprintf(text, size, "%.*s[%d]", kind[n - 1].name_length, kind[n - 1].name, input - (n - 1));
	else if (input < n)
		snprintf(text, size, "%.*s", kind[input].name_length, kind[input].name);
	else
		snprintf(text, size, "input %d", input);
	return text;
}

int
tl_op_refuse(tl_op_call *c, const char *format, ...)
{
	char text[1200];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	return tl_fail(c->ctx, "%s: %s", op_name(c), text);
}

int
tl_shape_rank(tl_op_call *c, int input, int least, int most)
{
	char dims[120], name[64];
	const tl_view *v = &c->in[input];

	if (v->rank >= least && v->rank <= most)
		return 0;
	tl_dims_text(v, dims, sizeof dims);
	input_name(c, input, name, sizeof name);
	if (least == most)
		return tl_op_refuse(c, "%s is %s; wanted rank %d", name, dims, least);
	return tl_op_refuse(c, "%s is %s; wanted rank %d to %d", name, dims, least, most);
}

int
tl_shape_same(tl_op_call *c, int a, int b)
{
	char dims_a[120], dims_b[120], name_a[64], name_b[64];
	const tl_view *x = &c->in[a], *y = &c->in[b];

	if (x->rank == y->rank && !memcmp(x->dim, y->dim, (size_t)x->rank * sizeof x->dim[0]))
		return 0;
	tl_dims_text(x, dims_a, sizeof dims_a);
	tl_dims_text(y, dims_b, sizeof dims_b);
	return tl_op_refuse(c, "%s is %s and %s is %s; wanted equal shapes", input_name(c, a, name_a, sizeof name_a), dims_a, input_name(c, b, name_b, sizeof name_b), dims_b);
}

int
tl_shape_tail(tl_op_call *c, int input, int of)
{
	char dims_a[120], dims_b[120], name_a[64], name_b[64];
	const tl_view *x = &c->in[of], *y = &c->in[input];

	if (y->rank <= x->rank && !memcmp(x->dim + (x->rank - y->rank), y->dim, (size_t)y->rank * sizeof y->dim[0]))
		return 0;
	tl_dims_text(x, dims_a, sizeof dims_a);
	tl_dims_text(y, dims_b, sizeof dims_b);
	return tl_op_refuse(c, "%s is %s and %s is %s; wanted %s's shape, its last axes, or a scalar", input_name(c, of, name_a, sizeof name_a), dims_a,
	                    input_name(c, input, name_b, sizeof name_b), dims_b, name_a);
}

int
tl_shape_dim(tl_op_call *c, int input, int axis, int64_t wanted, const char *why)
{
	char dims[120], name[64];
	const tl_view *v = &c->in[input];
	int at = axis < 0 ? axis + v->rank : axis;

	if (at >= 0 && at < v->rank && v->dim[at] == wanted)
		return 0;
	tl_dims_text(v, dims, sizeof dims);
	return tl_op_refuse(c, "%s is %s; wanted %lld on axis %d%s%s%s", input_name(c, input, name, sizeof name), dims, (long long)wanted, axis, why ? " (" : "", why ? why : "", why ? ")" : "");
}

int
tl_shape_ints(tl_op_call *c, int input)
{
	char name[64];

	if (c->in[input].dtype == TL_I32)
		return 0;
	return tl_op_refuse(c, "%s holds real numbers; wanted integers", input_name(c, input, name, sizeof name));
}

int
tl_shape_out(tl_op_call *c, tl_dtype dtype, int rank, const int64_t *dims)
{
	return tl_view_set(c->ctx, op_name(c), &c->out, dtype, rank, dims);
}

int
tl_shape_like(tl_op_call *c, int input)
{
	return tl_shape_out(c, c->in[input].dtype, c->in[input].rank, c->in[input].dim);
}

int
tl_shape_save(tl_op_call *c, tl_dtype dtype, int rank, const int64_t *dims)
{
	if (c->n_saved >= TL_OP_MAX_SAVED)
		return tl_op_refuse(c, "saves more than %d buffers", TL_OP_MAX_SAVED);
	return tl_view_set(c->ctx, op_name(c), &c->saved[c->n_saved++], dtype, rank, dims);
}

int
tl_check_offsets(tl_op_call *c, int input, int64_t total)
{
	const tl_view *v = &c->in[input];
	const int32_t *at = tl_op_ints(c, input);
	char name[64];

	if (!at)
		return 0;
	input_name(c, input, name, sizeof name);
	if (v->count < 1)
		return tl_op_refuse(c, "%s is empty; wanted at least one number, 0", name);
	if (at[0] != 0)
		return tl_op_refuse(c, "%s[0] is %d; wanted 0", name, at[0]);
	for (int64_t i = 1; i < v->count; i++)
		if (at[i] < at[i - 1])
			return tl_op_refuse(c, "%s[%lld] is %d after %d; wanted ascending offsets", name, (long long)i, at[i], at[i - 1]);
	if (at[v->count - 1] != total)
		return tl_op_refuse(c, "%s ends with %d; wanted %lld, the number of rows", name, at[v->count - 1], (long long)total);
	return 0;
}

int
tl_check_index(tl_op_call *c, int input, int64_t low, int64_t high)
{
	const tl_view *v = &c->in[input];
	const int32_t *at = tl_op_ints(c, input);
	char name[64];

	for (int64_t i = 0; at && i < v->count; i++)
		if (at[i] < low || at[i] >= high)
			return tl_op_refuse(c, "%s[%lld] is %d; wanted %lld to %lld", input_name(c, input, name, sizeof name), (long long)i, at[i], (long long)low, (long long)high - 1);
	return 0;
}

int
tl_shape_act(tl_op_call *c, double act)
{
	if (act == TL_NONE || act == TL_RELU || act == TL_GELU || act == TL_TANH || act == TL_SIGMOID)
		return 0;
	return tl_op_refuse(c, "activation %g; wanted none (0), relu (1), gelu (2), tanh (3) or sigmoid (4)", act);
}

int
tl_shape_rate(tl_op_call *c, double p)
{
	if (p >= 0 && p < 1)
		return 0;
	return tl_op_refuse(c, "the dropout rate is %g; wanted 0 or more and less than 1", p);
}

int64_t
tl_rows(const tl_view *v, int last)
{
	int64_t n = 1;

	for (int i = 0; i < v->rank - last; i++)
		n *= v->dim[i];
	return n;
}

int64_t
tl_tail(const tl_view *v, int last)
{
	int64_t n = 1;

	for (int i = TL_MAX(v->rank - last, 0); i < v->rank; i++)
		n *= v->dim[i];
	return n;
}

struct blocks { int64_t n, block; void (*fn)(void *arg, int64_t from, int64_t to); void *arg; };

static void
one_block(void *arg, int64_t i)
{
	const struct blocks *b = arg;

	b->fn(b->arg, i * b->block, TL_MIN(b->n, (i + 1) * b->block));
}

void
tl_blocks(tl_ctx *ctx, int64_t n, int64_t block, void (*fn)(void *arg, int64_t from, int64_t to), void *arg)
{
	struct blocks b = { n, block, fn, arg };

	tl_pool_run(ctx->pool, (n + block - 1) / block, one_block, &b);
}
