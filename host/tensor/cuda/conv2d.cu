/*
 * conv2d.cu - every packed document an image [n, c], filters w [o, 1, k, k] (row offset, column offset), as much padding as keeps its size:
 * x [T, c] -> [T, c, o]. An output row is one pixel; a patch holds the k x k pixels under it.
 */
#include "tensor/cuda/conv.h"

template <class T> __device__ static inline float
patch_at(const conv &j, const T *x, int64_t i, int64_t r, int64_t e)
{
	int64_t t = tl_divide(r, j.c), column = r - t * j.c, a = tl_divide(e, j.k), b = e - a * j.k;

	t += a - j.before;
	column += b - j.before;
	return t >= j.at[i] && t < j.at[i + 1] && column >= 0 && column < j.c ? tl_get(x, t * j.c + column) : 0;
}

template <class T> __device__ static inline float
returned(const conv &j, const T *patch, int64_t i, int64_t t, int64_t e)
{
	float sum = 0;

	for (int64_t a = 0; a < j.k; a++) {
		int64_t line = t + j.before - a; /* pixels of this line hold (t, e) in line a of their patches */
		if (line < j.at[i] || line >= j.at[i + 1])
			continue;
		for (int64_t b = 0; b < j.k; b++) {
			int64_t column = e + j.before - b, r = line * j.c + column;
			if (column >= 0 && column < j.c && r >= j.from && r < j.to)
				sum += tl_get(patch, (r - j.from) * j.width + a * j.k + b);
		}
	}
	return sum;
}

/* Bounds of the documents in output rows, c for each token. */
static int
prepare(tl_op_call *c, conv *j)
{
	const int32_t *at = conv_offsets(c), *there;
	int64_t k = c->in[2].dim[3];
	int32_t *row_at;

	if (!at)
		return -1;
	if (c->in[0].count > INT32_MAX)
		return tl_op_refuse(c, "x is [%lld, %lld]; wanted at most %d elements", (long long)c->in[0].dim[0], (long long)c->in[0].dim[1], INT32_MAX);
	row_at = (int32_t *)malloc((size_t)c->in[1].count * sizeof *row_at);
	for (int64_t i = 0; i < c->in[1].count; i++)
		row_at[i] = (int32_t)(at[i] * c->in[0].dim[1]);
	if (!(there = conv_rows_at(c, row_at)))
		return -1;
	*j = conv_make(c, there, c->in[0].count, k * k);
	return 0;
}

template <class T> static int
forward(tl_op_call *c)
{
	conv j;

	return prepare(c, &j) ? -1 : conv_forward(c, j, (const T *)c->in[2].data);
}

template <class T> static int
backward(tl_op_call *c)
{
	conv j;

	return prepare(c, &j) ? -1 : conv_backward(c, j, (const T *)c->in[2].data, (T *)c->grad_in[2], c->grad_fresh[2]);
}

TL_CUDA_OP(conv2d)
