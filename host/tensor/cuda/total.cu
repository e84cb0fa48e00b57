/* total.cu - the host's total: the sum of weight_i * scalar_i. Parts are given to the device a few at a time. */
#include "tensor/cuda/cuda.h"

enum { AT_ONCE = 32 };
template <class T> struct parts { T *p[AT_ONCE]; float weight[AT_ONCE]; bool fresh[AT_ONCE]; int n; };

template <class T> static int
forward(tl_op_call *c)
{
	T *y = (T *)c->out.data;

	for (int from = 0; from < c->n_in || from == 0; from += AT_ONCE) {
		parts<T> some = {};
		for (int i = from; i < c->n_in && some.n < AT_ONCE; i++, some.n++) {
			some.p[some.n] = (T *)c->in[i].data;
			some.weight[some.n] = (float)c->arg[i];
		}
		if (tl_each(c, 1, [=] __device__ (int64_t) {
			float sum = 0;
			for (int i = 0; i < some.n; i++)
				sum += some.weight[i] * tl_get(some.p[i], 0);
			tl_add_to(y, 0, sum, from == 0);
		}))
			return -1;
	}
	return 0;
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *g = (const T *)c->grad_out;

	for (int from = 0; from < c->n_in; from += AT_ONCE) {
		parts<T> some = {};
		for (int i = from; i < c->n_in && i < from + AT_ONCE; i++)
			if (c->grad_in[i]) {
				some.p[some.n] = (T *)c->grad_in[i];
				some.fresh[some.n] = c->grad_fresh[i];
				some.weight[some.n++] = (float)c->arg[i];
			}
		if (tl_each(c, 1, [=] __device__ (int64_t) {
			for (int i = 0; i < some.n; i++)
				tl_add_to(some.p[i], 0, some.weight[i] * tl_get(g, 0), some.fresh[i]);
		}))
			return -1;
	}
	return 0;
}

TL_CUDA_OP(total)
