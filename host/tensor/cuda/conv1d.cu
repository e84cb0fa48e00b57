/*
 * conv1d.cu - cross-correlation along each packed document: x [T, c], w [o, c, k] -> [T + B(before + after - k + 1), o].
 * A patch is k rows of x, one after the other; the weights are laid out the same way, [o, k, c], for the call.
 */
#include "tensor/cuda/conv.h"

template <class T> __device__ static inline float
patch_at(const conv &j, const T *x, int64_t i, int64_t r, int64_t e)
{
	int64_t at = (r - j.row_at[i] - j.before) * j.c + e; /* may lie outside the document */

	return at >= 0 && at < (j.at[i + 1] - j.at[i]) * j.c ? tl_get(x, j.at[i] * j.c + at) : 0;
}

template <class T> __device__ static inline float
returned(const conv &j, const T *patch, int64_t i, int64_t t, int64_t e)
{
	int64_t from = j.row_at[i] > j.from ? j.row_at[i] : j.from, to = j.row_at[i + 1] < j.to ? j.row_at[i + 1] : j.to;
	float sum = 0;

	for (int64_t k = 0; k < j.k; k++) {
		int64_t r = j.row_at[i] + t - j.at[i] + j.before - k;
		if (r >= from && r < to)
			sum += tl_get(patch, (r - j.from) * j.width + k * j.c + e);
	}
	return sum;
}

/* Bounds of the documents in the output. */
static int
prepare(tl_op_call *c, conv *j)
{
	const int32_t *at = conv_offsets(c), *there;
	int64_t documents = c->in[1].dim[0] - 1, k = c->in[2].dim[2], more = (int64_t)c->arg[0] + (int64_t)c->arg[1] - k + 1;
	int32_t *row_at;

	if (!at)
		return -1;
	for (int64_t i = 0; i < documents; i++)
		if (at[i + 1] - at[i] + more < 0)
			return tl_op_refuse(c, "document %lld has %lld rows, too few for a window of %lld with padding %g and %g", (long long)i, (long long)(at[i + 1] - at[i]), (long long)k,
			                    c->arg[0], c->arg[1]);
	row_at = (int32_t *)malloc((size_t)c->in[1].count * sizeof *row_at);
	for (int64_t i = 0; i <= documents; i++)
		row_at[i] = (int32_t)(at[i] + i * more);
	if (!(there = conv_rows_at(c, row_at)))
		return -1;
	*j = conv_make(c, there, c->out.dim[0], k * c->in[0].dim[1]);
	return 0;
}

/* [o, c, k] -> [o, k, c] */
template <class T> static const T *
packed_weights(tl_op_call *c, const conv &j)
{
	const T *w = (const T *)c->in[2].data;
	T *p = (T *)tl_scratch(c->ctx, (size_t)c->in[2].count * sizeof *p);
	int64_t width = j.width, k = j.k, channels = j.c;

	return p && !tl_each(c, c->in[2].count, [=] __device__ (int64_t i) { tl_set(p, i, tl_get(w, i / width * width + i % channels * k + i % width / channels)); }) ? p : NULL;
}

template <class T> static int
forward(tl_op_call *c)
{
	const T *w;
	conv j;

	return prepare(c, &j) || !(w = packed_weights<T>(c, j)) ? -1 : conv_forward(c, j, w);
}

template <class T> static int
backward(tl_op_call *c)
{
	T *dw = (T *)c->grad_in[2], *packed = NULL;
	bool fresh = c->grad_fresh[2];
	int64_t width, k, channels;
	const T *w;
	conv j;

	if (prepare(c, &j) || !(w = packed_weights<T>(c, j)) || (dw && !(packed = (T *)tl_scratch(c->ctx, (size_t)c->in[2].count * sizeof *packed))) || conv_backward(c, j, w, packed, true))
		return -1;
	width = j.width, k = j.k, channels = j.c;
	return tl_each(c, dw ? c->in[2].count : 0, [=] __device__ (int64_t i) { tl_add_to(dw, i, tl_get(packed, i / width * width + i % k * channels + i % width / k), fresh); });
}

TL_CUDA_OP(conv1d)
