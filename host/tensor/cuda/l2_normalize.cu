/* l2_normalize.cu - rows over their l2 norm; a row with a norm below 1e-12 becomes zero, with zero gradient. Kept: 1 / norm, or 0. */
#include "tensor/cuda/team.h"

template <class T> static int
forward(tl_op_call *c)
{
	const T *x = (const T *)c->in[0].data;
	T *y = (T *)c->out.data;
	float *inverse = (float *)c->saved[0].data;
	int64_t m = tl_tail(&c->in[0], 1);

	return tl_each_team(c, c->saved[0].count, m, [=] __device__ (int64_t row, tl_team t) {
		double squares = 0, by;
		for (int64_t k = t.rank; k < m; k += t.size) {
			double v = tl_get(x, row * m + k);
			squares += v * v;
		}
		squares = sqrt(t.sum(squares));
		by = squares < 1e-12 ? 0 : 1 / squares;
		if (!t.rank)
			inverse[row] = (float)by;
		for (int64_t k = t.rank; k < m; k += t.size)
			tl_set(y, row * m + k, (float)(tl_get(x, row * m + k) * by));
	});
}

/* (g - y (y . g)) / norm */
template <class T> static int
backward(tl_op_call *c)
{
	const T *y = (const T *)c->out.data, *g = (const T *)c->grad_out;
	T *gx = (T *)c->grad_in[0];
	const float *inverse = (const float *)c->saved[0].data;
	int64_t m = tl_tail(&c->in[0], 1);
	bool fresh = c->grad_fresh[0];

	return tl_each_team(c, c->saved[0].count, m, [=] __device__ (int64_t row, tl_team t) {
		double sum = 0;
		float along, by = inverse[row];
		for (int64_t k = t.rank; k < m; k += t.size)
			sum += (double)tl_get(y, row * m + k) * (double)tl_get(g, row * m + k);
		along = (float)t.sum(sum);
		for (int64_t k = t.rank; k < m; k += t.size)
			tl_add_to(gx, row * m + k, by > 0 ? by * (tl_get(g, row * m + k) - along * tl_get(y, row * m + k)) : 0, fresh);
	});
}

TL_CUDA_OP(l2_normalize)
