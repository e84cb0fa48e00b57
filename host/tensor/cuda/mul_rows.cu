/* mul_rows.cu - each row of x [N, d] times its own number of w [N]. */
#include "tensor/cuda/team.h"

template <class T> static int
forward(tl_op_call *c)
{
	const T *x = (const T *)c->in[0].data, *w = (const T *)c->in[1].data;
	T *y = (T *)c->out.data;
	int64_t n = c->in[1].count, d = tl_tail(&c->in[0], 1);

	return tl_each_team(c, n, d, [=] __device__ (int64_t row, tl_team t) {
		float by = tl_get(w, row);
		for (int64_t k = t.rank; k < d; k += t.size)
			tl_set(y, row * d + k, by * tl_get(x, row * d + k));
	});
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *x = (const T *)c->in[0].data, *w = (const T *)c->in[1].data, *g = (const T *)c->grad_out;
	T *gx = (T *)c->grad_in[0], *gw = (T *)c->grad_in[1];
	bool fresh_x = c->grad_fresh[0], fresh_w = c->grad_fresh[1];
	int64_t n = c->in[1].count, d = tl_tail(&c->in[0], 1);

	return tl_each_team(c, n, d, [=] __device__ (int64_t row, tl_team t) {
		float by = tl_get(w, row), sum = 0;
		for (int64_t k = t.rank; k < d; k += t.size) {
			float gk = tl_get(g, row * d + k);
			sum += gk * tl_get(x, row * d + k);
			if (gx)
				tl_add_to(gx, row * d + k, by * gk, fresh_x);
		}
		sum = t.sum(sum);
		if (gw && !t.rank)
			tl_add_to(gw, row, sum, fresh_w);
	});
}

TL_CUDA_OP(mul_rows)
