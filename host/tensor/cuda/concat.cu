/* concat.cu - tensors one after the other along an axis; the other axes are equal. A launch for each. */
#include "tensor/cuda/cuda.h"

/* Blocks of n elements, `step` apart in the whole; input i's first one begins at `first`. */
struct part { int64_t n, step, first; };

static struct part
part_of(const tl_op_call *c, int i, int64_t first)
{
	int rank = c->out.rank, axis = (int)(c->arg[0] < 0 ? c->arg[0] + rank : c->arg[0]);
	struct part p = { 1, 1, first };

	for (int k = axis; k < rank; k++)
		p.n *= c->in[i].dim[k], p.step *= c->out.dim[k];
	return p;
}

template <class T> static int
forward(tl_op_call *c)
{
	T *y = (T *)c->out.data;
	int64_t first = 0;

	for (int i = 0; i < c->n_in; i++) {
		struct part p = part_of(c, i, first);
		const T *x = (const T *)c->in[i].data;
		first += p.n;
		if (tl_each(c, c->in[i].count, [=] __device__ (int64_t e) {
			int64_t row = tl_divide(e, p.n);
			tl_set(y, row * p.step + p.first + e - row * p.n, tl_get(x, e));
		}))
			return -1;
	}
	return 0;
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *g = (const T *)c->grad_out;
	int64_t first = 0;

	for (int i = 0; i < c->n_in; i++) {
		struct part p = part_of(c, i, first);
		T *gx = (T *)c->grad_in[i];
		bool fresh = c->grad_fresh[i];
		first += p.n;
		if (gx && tl_each(c, c->in[i].count, [=] __device__ (int64_t e) {
			int64_t row = tl_divide(e, p.n);
			tl_add_to(gx, e, tl_get(g, row * p.step + p.first + e - row * p.n), fresh);
		}))
			return -1;
	}
	return 0;
}

TL_CUDA_OP(concat)
