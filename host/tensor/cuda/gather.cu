/* gather.cu - rows x[index]; index -1 gives a zero row. Backward: sorted.cu. */
#include "tensor/cuda/sorted.h"

template <class T> static int
forward(tl_op_call *c)
{
	const T *x = (const T *)c->in[0].data;
	T *y = (T *)c->out.data;
	const int32_t *index = (const int32_t *)c->in[1].data;
	int64_t m = c->in[1].count, d = m ? c->out.count / m : 0, rows = c->in[0].dim[0];
	int32_t *flag = tl_device_flag(c->ctx);

	if (tl_check_index(c, 1, -1, rows))
		return -1;
	return tl_each_row(c, d ? m : 0, [=] __device__ (int64_t row, int lane) {
		int64_t from = index[row];
		bool there = from >= 0 && from < rows;
		if (!there && from != -1)
			*flag = TL_ROW_gather + 1;
		for (int64_t k = lane; k < d; k += 32)
			tl_set(y, row * d + k, there ? tl_get(x, from * d + k) : 0);
	});
}

template <class T> static int
backward(tl_op_call *c)
{
	T *gx = (T *)c->grad_in[0];
	int64_t m = c->in[1].count;

	if (c->grad_fresh[0] && tl_each(c, c->in[0].count, [=] __device__ (int64_t i) { tl_set(gx, i, 0); }))
		return -1;
	return tl_add_rows(c, m, m ? c->out.count / m : 0, c->in[0].dim[0], (const int32_t *)c->in[1].data, (const T *)c->grad_out, gx);
}

TL_CUDA_OP(gather)
