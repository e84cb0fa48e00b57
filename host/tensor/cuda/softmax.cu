/* softmax.cu - softmax over the last axis, a team of threads for each row. */
#include "tensor/cuda/team.h"

template <class T> static int
forward(tl_op_call *c)
{
	const T *x = (const T *)c->in[0].data;
	T *y = (T *)c->out.data;
	int64_t d = tl_tail(&c->out, 1);

	return tl_each_team(c, d ? tl_rows(&c->out, 1) : 0, d, [=] __device__ (int64_t row, tl_team t) {
		float most = -INFINITY, sum = 0;
		for (int64_t k = t.rank; k < d; k += t.size)
			most = tl_larger(most, tl_get(x, row * d + k));
		most = t.max(most);
		for (int64_t k = t.rank; k < d; k += t.size)
			sum += expf(tl_get(x, row * d + k) - most);
		sum = 1 / t.sum(sum);
		for (int64_t k = t.rank; k < d; k += t.size)
			tl_set(y, row * d + k, expf(tl_get(x, row * d + k) - most) * sum);
	});
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *y = (const T *)c->out.data, *g = (const T *)c->grad_out;
	T *gx = (T *)c->grad_in[0];
	int64_t d = tl_tail(&c->out, 1);
	bool fresh = c->grad_fresh[0];

	return tl_each_team(c, d ? tl_rows(&c->out, 1) : 0, d, [=] __device__ (int64_t row, tl_team t) {
		float dot = 0;
		for (int64_t k = t.rank; k < d; k += t.size)
			dot += tl_get(y, row * d + k) * tl_get(g, row * d + k);
		dot = t.sum(dot);
		for (int64_t k = t.rank; k < d; k += t.size)
			tl_add_to(gx, row * d + k, tl_get(y, row * d + k) * (tl_get(g, row * d + k) - dot), fresh);
	});
}

TL_CUDA_OP(softmax)
