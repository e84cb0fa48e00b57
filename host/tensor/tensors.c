/* tensors.c - tensors of a step: made, looked at, copied in and out. */
#include <string.h>

#include "internal.h"

void
tl_dims_text(const tl_view *v, char *text, size_t size)
{
	size_t n = 0;

	if (v->rank == 0) {
		snprintf(text, size, "a scalar");
		return;
	}
	text[0] = 0;
	for (int i = 0; i < v->rank && n < size; i++)
		n += (size_t)snprintf(text + n, size - n, "%s%lld%s", i ? ", " : "[", (long long)v->dim[i], i == v->rank - 1 ? "]" : "");
}

int
tl_view_set(tl_ctx *ctx, const char *who, tl_view *v, tl_dtype dtype, int rank, const int64_t *dims)
{
	int64_t count = 1;

	if (rank < 0 || rank > TL_MAX_RANK)
		return tl_fail(ctx, "%s: a tensor of rank %d was asked for; the most is %d", who, rank, TL_MAX_RANK);
	*v = (tl_view){ .dtype = dtype, .rank = rank };
	for (int i = 0; i < rank; i++) {
		if (dims[i] < 0)
			return tl_fail(ctx, "%s: dimension %d is %lld; it cannot be negative", who, i, (long long)dims[i]);
		if (__builtin_mul_overflow(count, dims[i], &count) || count > (int64_t)1 << 42)
			return tl_fail(ctx, "%s: a tensor of more than 2^42 elements was asked for; check the sizes", who);
		v->dim[i] = dims[i];
	}
	v->count = count;
	return 0;
}

/* Without its values. */
static tl_tensor *
tensor_bare(tl_ctx *ctx, tl_dtype dtype, int rank, const int64_t *dims)
{
	tl_tensor *x;
	tl_view v;

	if (tl_view_set(ctx, "tensor", &v, dtype, rank, dims))
		return NULL;
	x = tl_arena_zalloc(ctx->arena, sizeof *x);
	x->view = v;
	x->serial = ++ctx->serial;
	return x;
}

tl_tensor *
tl_tensor_new(tl_ctx *ctx, tl_dtype dtype, int rank, const int64_t *dims)
{
	tl_tensor *x = tensor_bare(ctx, dtype, rank, dims);
	size_t bytes = x ? (size_t)x->view.count * tl_dtype_bytes(dtype) : 0;

	if (!x)
		return NULL;
	x->view.data = dtype == TL_I32 ? tl_step_alloc(ctx, bytes) : tl_spare_take(ctx, bytes, &x->data_bytes);
	return x->view.data ? x : NULL;
}

/* A tensor whose values come from the host: on a device its memory is where they are sent. */
static tl_tensor *
tensor_to_fill(tl_ctx *ctx, tl_dtype dtype, int rank, const int64_t *dims)
{
	return tl_status(ctx) ? NULL : ctx->device ? tensor_bare(ctx, dtype, rank, dims) : tl_tensor_new(ctx, dtype, rank, dims);
}

/* host holds the tensor's dtype. NULL after an error. */
static tl_tensor *
filled(tl_ctx *ctx, tl_tensor *x, const void *host)
{
	size_t bytes = (size_t)x->view.count * tl_dtype_bytes(x->view.dtype);

	if (ctx->device)
		x->view.data = tl_step_send(ctx, host, bytes);
	else if (bytes)
		memcpy(x->view.data, host, bytes);
	return x->view.data ? x : NULL;
}

int
tl_rank(const tl_tensor *x)
{
	return x ? x->view.rank : 0;
}

int64_t
tl_dim(const tl_tensor *x, int axis)
{
	if (!x)
		return 1;
	if (axis < 0)
		axis += x->view.rank;
	return axis >= 0 && axis < x->view.rank ? x->view.dim[axis] : 1;
}

int64_t
tl_count(const tl_tensor *x)
{
	return x ? x->view.count : 0;
}

tl_dtype
tl_dtype_of(const tl_tensor *x)
{
	return x ? x->view.dtype : TL_F32;
}

bool
tl_wants_gradient(const tl_tensor *x)
{
	if (!x)
		return false;
	x = x->root ? x->root : x;
	return x->weight ? x->weight->trainable : x->wants;
}

const void *
tl_data(const tl_tensor *x)
{
	return !x ? NULL : x->weight ? tl_weight_read(x->weight) : x->view.data;
}

void *
tl_data_mut(tl_tensor *x)
{
	if (x && x->weight)
		tl_weights_values(x->weight->owner);
	return x ? x->view.data : NULL;
}

/* Host numbers as the dtype of a tensor, in memory of the step. */
static void *
rounded(tl_ctx *ctx, const tl_view *v, const double *host)
{
	float *f;

	if (v->dtype == TL_F64)
		return (void *)(uintptr_t)host;
	f = tl_arena_alloc(ctx->arena, (size_t)v->count * sizeof *f + 1);
	for (int64_t i = 0; i < v->count; i++)
		f[i] = (float)host[i];
	return f;
}

tl_tensor *
tl_ints(tl_ctx *ctx, int rank, const int64_t *dims, const int32_t *host)
{
	tl_tensor *x = tensor_to_fill(ctx, TL_I32, rank, dims);
	size_t bytes = x ? (size_t)x->view.count * sizeof *host : 0;

	if (x && ctx->device) {
		int32_t *kept = tl_arena_alloc(ctx->arena, bytes + 1);
		if (bytes)
			memcpy(kept, host, bytes);
		x->host = kept;
	}
	return x ? filled(ctx, x, host) : NULL;
}

tl_tensor *
tl_reals(tl_ctx *ctx, int rank, const int64_t *dims, const double *host)
{
	tl_tensor *x = tensor_to_fill(ctx, ctx->compute, rank, dims);
	tl_arena_mark mark;

	if (!x || ctx->counting)
		return x;
	mark = tl_arena_here(ctx->arena);
	x = filled(ctx, x, rounded(ctx, &x->view, host));
	tl_arena_back(ctx->arena, mark);
	return x;
}

tl_tensor *
tl_floats(tl_ctx *ctx, int rank, const int64_t *dims, const float *host)
{
	tl_tensor *x = tensor_to_fill(ctx, TL_F32, rank, dims);

	return x && !ctx->counting ? filled(ctx, x, host) : x;
}

tl_tensor *
tl_fill(tl_ctx *ctx, int rank, const int64_t *dims, double value)
{
	tl_tensor *x;

	if (tl_status(ctx) || !(x = tl_tensor_new(ctx, ctx->compute, rank, dims)))
		return NULL;
	return tl_step_fill(ctx, x->view.dtype, x->view.data, x->view.count, value) ? NULL : x;
}

tl_tensor *
tl_variable(tl_ctx *ctx, int rank, const int64_t *dims, const double *host)
{
	tl_tensor *x = tl_reals(ctx, rank, dims, host);

	if (x)
		x->wants = x->keep = true;
	return x;
}

tl_tensor *
tl_detach(tl_ctx *ctx, tl_tensor *x)
{
	tl_tensor *y;

	if (!x || tl_status(ctx))
		return NULL;
	tl_root(x)->shared = true;
	y = tl_arena_zalloc(ctx->arena, sizeof *y);
	y->view = tl_view_here(ctx, x);
	y->host = x->host;
	y->serial = ++ctx->serial;
	return y;
}

void
tl_no_grad_push(tl_ctx *ctx)
{
	ctx->no_grad++;
}

void
tl_no_grad_pop(tl_ctx *ctx)
{
	if (ctx->no_grad > 0)
		ctx->no_grad--;
	else
		tl_fail(ctx, "tl_no_grad_pop without a tl_no_grad_push before it");
}

int
tl_get_ints(tl_ctx *ctx, const tl_tensor *x, int32_t *host)
{
	if (!x || tl_status(ctx))
		return -1;
	if (x->view.dtype != TL_I32)
		return tl_fail(ctx, "tl_get_ints: the tensor holds real numbers; tl_get_reals reads them");
	if (x->host) {
		if (x->view.count)
			memcpy(host, x->host, (size_t)x->view.count * sizeof *host);
		return 0;
	}
	return tl_step_get(ctx, host, x->view.data, (size_t)x->view.count * sizeof *host);
}

int
tl_get_reals(tl_ctx *ctx, const tl_tensor *x, double *host)
{
	const float *f;
	tl_arena_mark mark;
	int status = 0;

	if (!x || tl_status(ctx))
		return -1;
	if (ctx->counting && x->view.dtype != TL_I32) {
		memset(host, 0, (size_t)x->view.count * sizeof *host);
		return 0;
	}
	if (x->view.dtype == TL_F64)
		return tl_step_get(ctx, host, x->view.data, (size_t)x->view.count * sizeof *host);
	if (x->view.dtype != TL_F32)
		return tl_fail(ctx, "tl_get_reals: the tensor holds integers; tl_get_ints reads them");
	if (tl_widened(ctx, x))
		return -1;
	mark = tl_arena_here(ctx->arena);
	f = x->weight ? tl_data(x) : x->view.data;
	if (ctx->device && !x->weight) {
		float *got = tl_arena_alloc(ctx->arena, (size_t)x->view.count * sizeof *got + 1);
		status = tl_step_get(ctx, got, f, (size_t)x->view.count * sizeof *got);
		f = got;
	}
	for (int64_t i = 0; i < x->view.count && !status; i++)
		host[i] = f[i];
	tl_arena_back(ctx->arena, mark);
	return status;
}

int
tl_set_reals(tl_tensor *x, const double *host)
{
	if (!x || x->view.dtype == TL_I32)
		return -1;
	if (x->weight)
		tl_weights_values(x->weight->owner);
	for (int64_t i = 0; i < x->view.count; i++)
		if (x->view.dtype == TL_F64)
			((double *)x->view.data)[i] = host[i];
		else
			((float *)x->view.data)[i] = (float)host[i];
	return 0;
}
