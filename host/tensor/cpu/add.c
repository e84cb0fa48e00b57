/* add.c - a + b; b has a's shape, or the shape of a's last axes, or is a scalar. */
#include "tensor/cpu/cpu.h"

static int
shape(tl_op_call *c)
{
	return tl_shape_tail(c, 1, 0) || tl_shape_like(c, 0) ? -1 : 0;
}

struct job { const REAL *a, *b; REAL *y; int64_t d; };

/* Elements from .. to-1 of a, with b repeated every d elements. */
static void
some(void *arg, int64_t from, int64_t to)
{
	const struct job *j = arg;

	for (int64_t i = from, n; i < to; i += n) {
		int64_t at = i % j->d;
		const REAL *a = j->a + i, *b = j->b + at;
		REAL *y = j->y + i;
		n = TL_MIN(to - i, j->d - at);
#pragma omp simd
		for (int64_t k = 0; k < n; k++)
			y[k] = a[k] + b[k];
	}
}

static void
some_scalar(void *arg, int64_t from, int64_t to)
{
	const struct job *j = arg;
	REAL b = j->b[0];

	for (int64_t i = from; i < to; i++)
		j->y[i] = j->a[i] + b;
}

static void
accumulate(void *arg, int64_t from, int64_t to)
{
	const struct job *j = arg;

	for (int64_t i = from; i < to; i++)
		j->y[i] += j->a[i];
}

static int
forward(tl_op_call *c)
{
	struct job j = { c->in[0].data, c->in[1].data, c->out.data, c->in[1].count };

	tl_blocks(c->ctx, c->out.count, 65536, j.d == 1 ? some_scalar : some, &j);
	return 0;
}

static int
backward(tl_op_call *c)
{
	int64_t n = c->out.count, d = c->in[1].count;
	struct job j = { .a = c->grad_out, .y = c->grad_in[0] };

	if (c->grad_in[0] && c->grad_fresh[0])
		memcpy(c->grad_in[0], c->grad_out, (size_t)n * sizeof(REAL));
	else if (c->grad_in[0])
		tl_blocks(c->ctx, n, 65536, accumulate, &j);
	if (c->grad_in[1] && d == 1)
		*(REAL *)c->grad_in[1] = (REAL)((c->grad_fresh[1] ? 0 : *(REAL *)c->grad_in[1]) + TL_SUFFIX(tl_sum_all)(c->ctx, n, c->grad_out));
	else if (c->grad_in[1])
		TL_SUFFIX(tl_column_sums)(c->ctx, d ? n / d : 0, d, c->grad_out, NULL, c->grad_in[1], c->grad_fresh[1]);
	return 0;
}

TL_CPU_OP(add, TL_OP_FRESH | TL_OP_BLIND)
