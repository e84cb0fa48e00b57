/* logsumexp.cu - ln sum_j w_j e^x_j over the last axis, [..., m] -> [...]; w constant and not negative. A row without any w > 0 gives 0. */
#include "tensor/cuda/team.h"

/* The largest x of a row that counts, minus infinity without one, and the sum of w e^(x - most). */
template <class T> static __device__ float
largest(const T *x, const T *w, int64_t m, const tl_team &t, double *sum)
{
	float most = -INFINITY;
	double total = 0;

	for (int64_t k = t.rank; k < m; k += t.size)
		if (!w || tl_get(w, k) > 0)
			most = tl_larger(tl_get(x, k), most);
	most = t.max(most);
	for (int64_t k = t.rank; k < m && most != -INFINITY; k += t.size) {
		float weight = w ? tl_get(w, k) : 1;
		if (weight > 0)
			total += (double)(weight * expf(tl_get(x, k) - most));
	}
	*sum = t.sum(total);
	return most;
}

template <class T> static int
forward(tl_op_call *c)
{
	const T *x = (const T *)c->in[0].data, *w = (const T *)c->in[1].data;
	T *y = (T *)c->out.data;
	int64_t m = tl_tail(&c->in[0], 1);
	int32_t *flag = tl_device_flag(c->ctx);

	return tl_each_team(c, c->out.count, m, [=] __device__ (int64_t row, tl_team t) {
		const T *own = w ? w + row * m : NULL;
		double sum;
		float most = largest(x + row * m, own, m, t, &sum);
		int any = !own && m > 0;
		for (int64_t k = t.rank; own && k < m; k += t.size) {
			if (!(tl_get(own, k) >= 0))
				*flag = TL_ROW_logsumexp + 1;
			any |= tl_get(own, k) > 0;
		}
		any = t.sum(any);
		if (!t.rank)
			tl_set(y, row, most == -INFINITY ? (any ? most : 0) : (float)(most + log(sum)));
	});
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *x = (const T *)c->in[0].data, *w = (const T *)c->in[1].data, *g = (const T *)c->grad_out;
	T *gx = (T *)c->grad_in[0];
	int64_t m = tl_tail(&c->in[0], 1);
	bool fresh = c->grad_fresh[0];

	if (c->grad_in[1])
		return tl_op_refuse(c, "a gradient is wanted for w, which is a constant; pass it through tl_detach");
	if (!gx)
		return 0;
	return tl_each_team(c, c->out.count, m, [=] __device__ (int64_t row, tl_team t) {
		double sum;
		float most = largest(x + row * m, w ? w + row * m : NULL, m, t, &sum), by = (float)(tl_get(g, row) / sum); /* not from the result, which is rounded */
		for (int64_t k = t.rank; k < m; k += t.size) {
			float weight = w ? tl_get(w, row * m + k) : 1;
			tl_add_to(gx, row * m + k, weight > 0 && most != -INFINITY ? by * weight * expf(tl_get(x, row * m + k) - most) : 0.0f, fresh);
		}
	});
}

TL_CUDA_OP(logsumexp)
