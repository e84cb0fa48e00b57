/* row_sum.cu - sum over the last axis, [..., m] -> [...]; in double, as on the CPU. */
#include "tensor/cuda/team.h"

template <class T> static int
forward(tl_op_call *c)
{
	const T *x = (const T *)c->in[0].data;
	T *y = (T *)c->out.data;
	int64_t m = tl_tail(&c->in[0], 1);

	return tl_each_team(c, c->out.count, m, [=] __device__ (int64_t row, tl_team t) {
		double sum = 0;
		for (int64_t k = t.rank; k < m; k += t.size)
			sum += tl_get(x, row * m + k);
		sum = t.sum(sum);
		if (!t.rank)
			tl_set(y, row, (float)sum);
	});
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *g = (const T *)c->grad_out;
	T *gx = (T *)c->grad_in[0];
	int64_t m = tl_tail(&c->in[0], 1);
	bool fresh = c->grad_fresh[0];

	return tl_each(c, c->in[0].count, [=] __device__ (int64_t i) { tl_add_to(gx, i, tl_get(g, tl_divide(i, m)), fresh); });
}

TL_CUDA_OP(row_sum)
