/*
 * matmul.cu - op(a) op(b), batched over the first axis of rank 3; b of rank 2 serves every batch: then a's batches are rows of one matrix
 * where a is not transposed, and b's gradient is the sum over the batches, in their order.
 */
#include "tensor/cuda/cuda.h"

struct sizes { int64_t g, m, n, k; bool ta, tb, shared; };

static struct sizes
sizes_of(const tl_op_call *c)
{
	const tl_view *a = &c->in[0], *b = &c->in[1];
	struct sizes s = {};

	s.g = a->rank == 3 ? a->dim[0] : 1, s.ta = c->arg[0] != 0, s.tb = c->arg[1] != 0, s.shared = a->rank == 3 && b->rank == 2;
	s.m = a->dim[a->rank - (s.ta ? 1 : 2)];
	s.k = a->dim[a->rank - (s.ta ? 2 : 1)];
	s.n = b->dim[b->rank - (s.tb ? 2 : 1)];
	return s;
}

/* C_g (+)= op(A_g) op(B_g); steps in elements from one g to the next. All matrices are dense. */
template <class T> static int
products(tl_op_call *c, int64_t g, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const T *a, int64_t step_a, const T *b, int64_t step_b, bool add, T *to, int64_t step_c)
{
	tl_product p = {};

	p.ta = ta, p.tb = tb, p.m = m, p.n = n, p.k = k, p.alpha = 1, p.beta = add ? 1 : 0, p.a = a, p.lda = ta ? m : k, p.stride_a = step_a, p.b = b, p.ldb = tb ? k : n, p.stride_b = step_b;
	p.c = to, p.ldc = n, p.stride_c = step_c, p.batch = g, p.in = p.out = tl_type<T>::dtype;
	return tl_multiply(c, &p);
}

template <class T> static int
forward(tl_op_call *c)
{
	struct sizes s = sizes_of(c);
	const T *a = (const T *)c->in[0].data, *b = (const T *)c->in[1].data;

	if (s.shared && !s.ta)
		return products<T>(c, 1, false, s.tb, s.g * s.m, s.n, s.k, a, 0, b, 0, false, (T *)c->out.data, 0);
	return products<T>(c, s.g, s.ta, s.tb, s.m, s.n, s.k, a, s.m * s.k, b, s.shared ? 0 : s.k * s.n, false, (T *)c->out.data, s.m * s.n);
}

template <class T> static int
backward(tl_op_call *c)
{
	struct sizes s = sizes_of(c);
	const T *a = (const T *)c->in[0].data, *b = (const T *)c->in[1].data, *g = (const T *)c->grad_out;
	T *da = (T *)c->grad_in[0], *db = (T *)c->grad_in[1];
	int64_t step_a = s.m * s.k, step_b = s.shared ? 0 : s.k * s.n, step_c = s.m * s.n;

	/* op(A) = G op(B)T, or its transpose. */
	if (da && (s.ta ? products<T>(c, s.g, s.tb, true, s.k, s.m, s.n, b, step_b, g, step_c, !c->grad_fresh[0], da, step_a)
	                : products<T>(c, s.g, false, !s.tb, s.m, s.k, s.n, g, step_c, b, step_b, !c->grad_fresh[0], da, step_a)))
		return -1;
	if (!db)
		return 0;
	if (s.shared && !s.ta) /* one product over all rows */
		return s.tb ? products<T>(c, 1, true, false, s.n, s.k, s.g * s.m, g, 0, a, 0, !c->grad_fresh[1], db, 0)
		            : products<T>(c, 1, true, false, s.k, s.n, s.g * s.m, a, 0, g, 0, !c->grad_fresh[1], db, 0);
	if (s.shared && !s.g && c->grad_fresh[1])
		return tl_each(c, s.k * s.n, [=] __device__ (int64_t i) { tl_set(db, i, 0); });
	for (int64_t i = 0; i < (s.shared ? s.g : 1); i++) {
		bool add = i || !c->grad_fresh[1];
		int64_t n = s.shared ? 1 : s.g;
		const T *ai = a + i * step_a, *gi = g + i * step_c;
		if (s.tb ? products<T>(c, n, true, s.ta, s.n, s.k, s.m, gi, step_c, ai, step_a, add, db, step_b)
		         : products<T>(c, n, !s.ta, false, s.k, s.n, s.m, ai, step_a, gi, step_c, add, db, step_b))
			return -1;
	}
	return 0;
}

TL_CUDA_PRODUCTS(matmul, 1 << 0 | 1 << 1, NULL)
