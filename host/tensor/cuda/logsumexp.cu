/* logsumexp.cu - ln sum_j w_j e^x_j over the last axis, [..., m] -> [...]; w constant and not negative. A row without any w > 0 gives 0. */
#include "tensor/cuda/team.h"

template <class T> static int
forward(tl_op_call *c)
{
	const T *x = (const T *)c->in[0].data, *w = (const T *)c->in[1].data;
	T *y = (T *)c->out.data;
	int64_t m = tl_tail(&c->in[0], 1);
	int32_t *flag = tl_device_flag(c->ctx);

	return tl_each_team(c, c->out.count, m, [=] __device__ (int64_t row, tl_team t) {
		float most = -INFINITY;
		double sum = 0;
		int any = 0;
		for (int64_t k = t.rank; k < m; k += t.size) {
			float weight = w ? tl_get(w, row * m + k) : 1;
			if (!(weight >= 0))
				*flag = TL_ROW_logsumexp + 1;
			if (!(weight > 0))
				continue;
			most = tl_larger(tl_get(x, row * m + k), most);
			any = 1;
		}
		most = t.max(most);
		any = t.sum(any);
		for (int64_t k = t.rank; k < m && most != -INFINITY; k += t.size) {
			float weight = w ? tl_get(w, row * m + k) : 1;
			if (weight > 0)
				sum += (double)(weight * expf(tl_get(x, row * m + k) - most));
		}
		sum = t.sum(sum);
		if (!t.rank)
			tl_set(y, row, most == -INFINITY ? (any ? most : 0) : (float)(most + log(sum)));
	});
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *x = (const T *)c->in[0].data, *w = (const T *)c->in[1].data, *y = (const T *)c->out.data, *g = (const T *)c->grad_out;
	T *gx = (T *)c->grad_in[0];
	int64_t m = tl_tail(&c->in[0], 1);
	bool fresh = c->grad_fresh[0];

	if (c->grad_in[1])
		return tl_op_refuse(c, "a gradient is wanted for w, which is a constant; pass it through tl_detach");
	if (!gx)
		return 0;
	return tl_each_team(c, c->out.count, m, [=] __device__ (int64_t row, tl_team t) {
		float end = tl_get(y, row), by = tl_get(g, row);
		for (int64_t k = t.rank; k < m; k += t.size) {
			float weight = w ? tl_get(w, row * m + k) : 1;
			float share = weight > 0 && end != -INFINITY ? weight * expf(tl_get(x, row * m + k) - end) : 0;
			tl_add_to(gx, row * m + k, by * share, fresh);
		}
	});
}

TL_CUDA_OP(logsumexp)
