/* transpose.c - the last two axes exchanged: [..., n, m] -> [..., m, n]. */
#include "tensor/cpu/cut.h"

#define SIDE 32 /* blocks of SIDE x SIDE stay in the first cache */

typedef struct job { const REAL *from; REAL *to; int64_t n, m, strips; bool add; } job; /* from [groups, n, m] */

static int
shape(tl_op_call *c)
{
	const tl_view *x = &c->in[0];
	int64_t dims[TL_MAX_RANK] = { 0 };

	if (tl_shape_rank(c, 0, 2, TL_MAX_RANK))
		return -1;
	memcpy(dims, x->dim, sizeof dims);
	dims[x->rank - 1] = x->dim[x->rank - 2];
	dims[x->rank - 2] = x->dim[x->rank - 1];
	return tl_shape_out(c, TL_REAL_DTYPE, x->rank, dims);
}

/* SIDE rows of one group's input. */
static void
strip(void *arg, int64_t t)
{
	const job *j = arg;
	int64_t group = t / j->strips * j->n * j->m, i0 = t % j->strips * SIDE, i1 = TL_MIN(j->n, i0 + SIDE);

	for (int64_t k0 = 0; k0 < j->m; k0 += SIDE)
		for (int64_t k = k0; k < TL_MIN(j->m, k0 + SIDE); k++) {
			const REAL *from = j->from + group + k;
			REAL *to = j->to + group + k * j->n;

			for (int64_t i = i0; i < i1; i++)
				to[i] = (j->add ? to[i] : 0) + from[i * j->m];
		}
}

static void
run(tl_op_call *c, job *j)
{
	int64_t groups = 1;

	for (int i = 0; i < c->in[0].rank - 2; i++)
		groups *= c->in[0].dim[i];
	j->strips = tiles(j->n, SIDE);
	tl_parallel(c->ctx, groups * j->strips, strip, j);
}

static int
forward(tl_op_call *c)
{
	const tl_view *x = &c->in[0];
	job j = { .from = x->data, .to = c->out.data, .n = x->dim[x->rank - 2], .m = x->dim[x->rank - 1] };

	run(c, &j);
	return 0;
}

static int
backward(tl_op_call *c)
{
	const tl_view *x = &c->in[0];
	job j = { .from = c->grad_out, .to = c->grad_in[0], .n = x->dim[x->rank - 1], .m = x->dim[x->rank - 2], .add = true };

	if (j.to)
		run(c, &j);
	return 0;
}

TL_CPU_OP(transpose, 0)
