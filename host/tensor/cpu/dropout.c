/* dropout.c - in training each element is zero with probability p, else x / (1 - p). The mask is drawn again in the backward. */
#include "tensor/cpu/cpu.h"

static int
shape(tl_op_call *c)
{
	return tl_shape_rate(c, c->arg[0]) || tl_shape_like(c, 0) ? -1 : 0;
}

struct job { const tl_op_call *c; const REAL *x; REAL *y; double p; bool add; };
enum { BLOCK = 16384, PIECE = 512 };

static void
some(void *arg, int64_t from, int64_t to)
{
	const struct job *j = arg;
	const ROW_TABLE *rows = INNER();
	REAL f[PIECE];

	for (int64_t i = from; i < to; i += PIECE) {
		int64_t n = TL_MIN(PIECE, to - i);
		rows->drop(j->c->key, j->c->step, (uint64_t)i, n, tl_drop_threshold(j->p), (REAL)(1 / (1 - j->p)), f);
		if (j->add)
#pragma omp simd
			for (int64_t k = 0; k < n; k++)
				j->y[i + k] += f[k] * j->x[i + k];
		else
#pragma omp simd
			for (int64_t k = 0; k < n; k++)
				j->y[i + k] = f[k] * j->x[i + k];
	}
}

static void
plain(void *arg, int64_t from, int64_t to)
{
	const struct job *j = arg;

	if (!j->add)
		memcpy(j->y + from, j->x + from, (size_t)(to - from) * sizeof(REAL));
	else
		for (int64_t i = from; i < to; i++)
			j->y[i] += j->x[i];
}

static int
forward(tl_op_call *c)
{
	struct job j = { c, c->in[0].data, c->out.data, c->arg[0], false };

	tl_blocks(c->ctx, c->out.count, BLOCK, c->training && j.p > 0 ? some : plain, &j);
	return 0;
}

static int
backward(tl_op_call *c)
{
	struct job j = { c, c->grad_out, c->grad_in[0], c->arg[0], !c->grad_fresh[0] };

	tl_blocks(c->ctx, c->out.count, BLOCK, c->training && j.p > 0 ? some : plain, &j);
	return 0;
}

TL_CPU_OP(dropout, TL_OP_FRESH | TL_OP_RANDOM | TL_OP_BLIND)
