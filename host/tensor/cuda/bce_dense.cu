/* bce_dense.cu - sum of w * BCE(sigmoid(z), target), all of one shape; target and w are constants. */
#include "tensor/cuda/parts.h"

template <class T> static int
forward(tl_op_call *c)
{
	const T *pz = (const T *)c->in[0].data, *target = (const T *)c->in[1].data, *w = (const T *)c->in[2].data;

	return tl_sum_of(c, c->in[0].count, [=] __device__ (int64_t i) {
		double z = tl_get(pz, i), loss = (z > 0 ? z : 0) - z * tl_get(target, i) + log1p(exp(-fabs(z)));
		return w ? tl_get(w, i) * loss : loss;
	}, 1, (T *)c->out.data);
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *z = (const T *)c->in[0].data, *target = (const T *)c->in[1].data, *w = (const T *)c->in[2].data, *g = (const T *)c->grad_out;
	T *gz = (T *)c->grad_in[0];
	bool fresh = c->grad_fresh[0];

	if (c->grad_in[1] || c->grad_in[2])
		return tl_op_refuse(c, "a gradient is wanted for %s, which is a constant; pass it through tl_detach", c->grad_in[1] ? "target" : "w");
	if (!gz)
		return 0;
	return tl_each(c, c->in[0].count, [=] __device__ (int64_t i) {
		float slope = tl_act(TL_SIGMOID, tl_get(z, i)) - tl_get(target, i);
		tl_add_to(gz, i, tl_get(g, 0) * (w ? tl_get(w, i) : 1) * slope, fresh);
	});
}

TL_CUDA_OP(bce_dense)
