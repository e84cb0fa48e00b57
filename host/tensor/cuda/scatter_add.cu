/* scatter_add.cu - x [M, ...] and index [M] -> [rows, ...]: rows of x with the same index added up (sorted.cu). */
#include "tensor/cuda/sorted.h"

template <class T> static int
forward(tl_op_call *c)
{
	T *y = (T *)c->out.data;
	const int32_t *index = (const int32_t *)c->in[1].data;
	int64_t rows = c->out.dim[0], m = c->in[1].count;
	int32_t *flag = tl_device_flag(c->ctx);

	if (tl_check_index(c, 1, 0, rows) || tl_each(c, c->out.count, [=] __device__ (int64_t i) { tl_set(y, i, 0); }))
		return -1;
	if (!tl_op_ints(c, 1) && tl_each(c, m, [=] __device__ (int64_t i) {
		if (index[i] < 0 || index[i] >= rows)
			*flag = TL_ROW_scatter_add + 1;
	}))
		return -1;
	return tl_add_rows(c, m, tl_tail(&c->in[0], c->in[0].rank - 1), rows, index, (const T *)c->in[0].data, y);
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *g = (const T *)c->grad_out;
	T *gx = (T *)c->grad_in[0];
	const int32_t *index = (const int32_t *)c->in[1].data;
	int64_t rows = c->out.dim[0], d = tl_tail(&c->in[0], c->in[0].rank - 1);
	bool fresh = c->grad_fresh[0];

	return tl_each_row(c, d ? c->in[1].count : 0, [=] __device__ (int64_t row, int lane) {
		int64_t from = index[row];
		bool there = from >= 0 && from < rows;
		for (int64_t k = lane; k < d; k += 32)
			tl_add_to(gx, row * d + k, there ? tl_get(g, from * d + k) : 0, fresh);
	});
}

TL_CUDA_OP(scatter_add)
