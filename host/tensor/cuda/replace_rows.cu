/*
 * replace_rows.cu - x [N, ...] with row at[r] replaced by rows[r], for distinct rows. A list over x's rows says which row of `rows` stands
 * for each, or -1; it is made on the device, where a row that is named twice shows as one whose entry names another.
 */
#include "tensor/cuda/cuda.h"

#include <stdlib.h>

/* The host's copy, where there is one, is looked at with the CPU's words. */
static int
distinct(tl_op_call *c)
{
	const int32_t *at = tl_op_ints(c, 1);
	int64_t n = c->in[0].dim[0], r = 0;
	char *mark;

	if (tl_check_index(c, 1, 0, n))
		return -1;
	if (!at)
		return 0;
	mark = (char *)calloc((size_t)n + 1, 1);
	while (r < c->in[1].count && !mark[at[r]])
		mark[at[r++]] = 1;
	free(mark);
	return r < c->in[1].count ? tl_op_refuse(c, "at[%lld] is %d for a second time; wanted distinct rows", (long long)r, at[r]) : 0;
}

/* NULL after an error. */
static const int32_t *
standing_for(tl_op_call *c)
{
	const int32_t *at = (const int32_t *)c->in[1].data;
	int64_t n = c->in[0].dim[0], m = c->in[1].count;
	int32_t *which = (int32_t *)tl_scratch(c->ctx, (size_t)n * sizeof *which), *flag = tl_device_flag(c->ctx);

	if (!which || tl_each(c, n, [=] __device__ (int64_t i) { which[i] = -1; }) ||
	    tl_each(c, m, [=] __device__ (int64_t r) {
		if (at[r] >= 0 && at[r] < n)
			which[at[r]] = (int32_t)r;
	    }))
		return NULL;
	if (!tl_op_ints(c, 1) && tl_each(c, m, [=] __device__ (int64_t r) {
		if (at[r] < 0 || at[r] >= n || which[at[r]] != r)
			*flag = TL_ROW_replace_rows + 1;
	}))
		return NULL;
	return which;
}

template <class T> static int
forward(tl_op_call *c)
{
	const T *x = (const T *)c->in[0].data, *rows = (const T *)c->in[2].data;
	T *y = (T *)c->out.data;
	int64_t n = c->in[0].dim[0], d = tl_tail(&c->in[0], c->in[0].rank - 1);
	const int32_t *which;

	if (distinct(c) || !(which = standing_for(c)))
		return -1;
	return tl_each_row(c, d ? n : 0, [=] __device__ (int64_t row, int lane) {
		int64_t r = which[row];
		for (int64_t k = lane; k < d; k += 32)
			tl_set(y, row * d + k, r < 0 ? tl_get(x, row * d + k) : tl_get(rows, r * d + k));
	});
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *g = (const T *)c->grad_out;
	T *gx = (T *)c->grad_in[0], *gr = (T *)c->grad_in[2];
	bool fresh_x = c->grad_fresh[0], fresh_r = c->grad_fresh[2];
	int64_t n = c->in[0].dim[0], d = tl_tail(&c->in[0], c->in[0].rank - 1);
	const int32_t *at = (const int32_t *)c->in[1].data, *which;

	if (gx && (!(which = standing_for(c)) || tl_each_row(c, d ? n : 0, [=] __device__ (int64_t row, int lane) {
		bool kept = which[row] < 0;
		for (int64_t k = lane; k < d; k += 32)
			tl_add_to(gx, row * d + k, kept ? tl_get(g, row * d + k) : 0, fresh_x);
	})))
		return -1;
	return tl_each_row(c, gr && d ? c->in[1].count : 0, [=] __device__ (int64_t r, int lane) {
		int64_t row = at[r];
		bool there = row >= 0 && row < n;
		for (int64_t k = lane; k < d; k += 32)
			tl_add_to(gr, r * d + k, there ? tl_get(g, row * d + k) : 0, fresh_r);
	});
}

TL_CUDA_OP(replace_rows)
