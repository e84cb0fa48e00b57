/* row_max.cu - the largest element over the last axis, [..., m] -> [...]; the first of equals takes the gradient. A NaN is the largest. */
#include "tensor/cuda/team.h"

/* The larger one, of equals the lower index; index -1: nothing. */
__device__ static inline tl_best
first_largest(tl_best a, tl_best b)
{
	bool b_nan = b.value != b.value, a_nan = a.value != a.value;

	if (b.index < 0 || a.index < 0)
		return b.index < 0 ? a : b;
	if (a_nan != b_nan)
		return a_nan ? a : b;
	if (!a_nan && a.value != b.value)
		return a.value > b.value ? a : b;
	return a.index < b.index ? a : b;
}

__device__ static inline tl_best
of_team(tl_best v, const tl_team &t)
{
	tl_best *part = (tl_best *)t.part;

	for (int by = 16; by; by >>= 1) {
		tl_best other = { __shfl_xor_sync(0xffffffffu, v.value, by), __shfl_xor_sync(0xffffffffu, v.index, by) };
		v = first_largest(v, other);
	}
	if (t.size == TL_SHORT_TEAM)
		return v;
	if (t.rank % 32 == 0)
		part[t.rank / 32] = v;
	__syncthreads();
	v = part[0];
	for (int i = 1; i < t.size / 32; i++)
		v = first_largest(v, part[i]);
	__syncthreads();
	return v;
}

template <class T> static int
forward(tl_op_call *c)
{
	const T *x = (const T *)c->in[0].data;
	T *y = (T *)c->out.data;
	int32_t *at = (int32_t *)c->saved[0].data;
	int64_t m = tl_tail(&c->in[0], 1);

	return tl_each_team(c, c->out.count, m, [=] __device__ (int64_t row, tl_team t) {
		tl_best most = { 0, -1 };
		for (int64_t k = t.rank; k < m; k += t.size) {
			tl_best here = { tl_get(x, row * m + k), (int)k };
			most = first_largest(most, here);
		}
		most = of_team(most, t);
		if (!t.rank) {
			tl_set(y, row, most.value);
			at[row] = most.index;
		}
	});
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *g = (const T *)c->grad_out;
	T *gx = (T *)c->grad_in[0];
	const int32_t *at = (const int32_t *)c->saved[0].data;
	int64_t m = tl_tail(&c->in[0], 1);

	if (!c->grad_fresh[0])
		return tl_each(c, c->out.count, [=] __device__ (int64_t row) { tl_add_to(gx, row * m + at[row], tl_get(g, row), false); });
	return tl_each(c, c->in[0].count, [=] __device__ (int64_t i) {
		int64_t row = tl_divide(i, m);
		tl_set(gx, i, i - row * m == at[row] ? tl_get(g, row) : 0);
	});
}

TL_CUDA_OP(row_max)
