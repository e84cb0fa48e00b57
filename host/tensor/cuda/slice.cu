/* slice.cu - elements from .. to-1 along an axis. */
#include "tensor/cuda/cuda.h"

/* Out of every `big` elements, `small` from `first` on. */
struct piece { int64_t big, small, first; };

static struct piece
piece_of(const tl_op_call *c)
{
	const tl_view *x = &c->in[0];
	int axis = (int)(c->arg[0] < 0 ? c->arg[0] + x->rank : c->arg[0]);
	int64_t inner = tl_tail(x, x->rank - 1 - axis);
	struct piece p = { x->dim[axis] * inner, c->out.dim[axis] * inner, (int64_t)c->arg[1] * inner };

	return p;
}

template <class T> static int
forward(tl_op_call *c)
{
	const T *x = (const T *)c->in[0].data;
	T *y = (T *)c->out.data;
	struct piece p = piece_of(c);

	return tl_each(c, c->out.count, [=] __device__ (int64_t i) {
		int64_t row = tl_divide(i, p.small);
		tl_set(y, i, tl_get(x, row * p.big + p.first + i - row * p.small));
	});
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *g = (const T *)c->grad_out;
	T *gx = (T *)c->grad_in[0];
	struct piece p = piece_of(c);

	if (!c->grad_fresh[0])
		return tl_each(c, c->out.count, [=] __device__ (int64_t i) {
			int64_t row = tl_divide(i, p.small);
			tl_add_to(gx, row * p.big + p.first + i - row * p.small, tl_get(g, i), false);
		});
	return tl_each(c, c->in[0].count, [=] __device__ (int64_t i) {
		int64_t row = tl_divide(i, p.big), at = i - row * p.big - p.first;
		tl_set(gx, i, at >= 0 && at < p.small ? tl_get(g, row * p.small + at) : 0);
	});
}

TL_CUDA_OP(slice)
