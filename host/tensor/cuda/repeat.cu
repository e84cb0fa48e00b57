/* repeat.cu - x [...] -> [times, ...]. */
#include "tensor/cuda/cuda.h"

enum { FEW = 64 };

template <class T> static int
forward(tl_op_call *c)
{
	const T *x = (const T *)c->in[0].data;
	T *y = (T *)c->out.data;
	int64_t n = c->in[0].count;

	return tl_each(c, c->out.count, [=] __device__ (int64_t i) { tl_set(y, i, tl_get(x, i - tl_divide(i, n) * n)); });
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *g = (const T *)c->grad_out;
	T *gx = (T *)c->grad_in[0];
	int64_t n = c->in[0].count, times = c->out.dim[0];
	bool fresh = c->grad_fresh[0];

	if (times > FEW)
		return tl_column_sums(c, times, n, g, (const T *)NULL, gx, fresh);
	return tl_each(c, n, [=] __device__ (int64_t i) {
		float sum = 0;
		for (int64_t r = 0; r < times; r++)
			sum += tl_get(g, r * n + i);
		tl_add_to(gx, i, sum, fresh);
	});
}

TL_CUDA_OP(repeat)
