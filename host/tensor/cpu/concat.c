/* concat.c - tensors one after the other along an axis; the other axes are equal. */
#include "tensor/cpu/cut.h"

typedef struct job { const REAL *from; REAL *to; int64_t from_step, to_step, n, outer, tile; } job; /* outer blocks of n elements */

static int
shape(tl_op_call *c)
{
	int64_t dims[TL_MAX_RANK] = { 0 };
	int rank, axis;

	if (c->n_in < 1)
		return tl_op_refuse(c, "no tensors given; wanted at least one");
	rank = c->in[0].rank;
	axis = (int)(c->arg[0] < 0 ? c->arg[0] + rank : c->arg[0]);
	if (c->arg[0] != (int)c->arg[0] || axis < 0 || axis >= rank)
		return tl_op_refuse(c, "axis is %g for tensors of rank %d; wanted %d to %d", c->arg[0], rank, -rank, rank - 1);
	memcpy(dims, c->in[0].dim, sizeof dims);
	for (int i = 1; i < c->n_in; i++) {
		if (tl_shape_rank(c, i, rank, rank))
			return -1;
		for (int k = 0; k < rank; k++)
			if (k != axis && c->in[i].dim[k] != dims[k])
				return tl_op_refuse(c, "xs[%d] is %s and xs[0] is %s; wanted equal sizes on every axis but %d", i, in_words(&c->in[i]).s, in_words(&c->in[0]).s, axis);
		dims[axis] += c->in[i].dim[axis];
	}
	return tl_shape_out(c, TL_REAL_DTYPE, rank, dims);
}

/* The blocks of input i, and where they lie in the output's data. */
static job
make_job(tl_op_call *c, int i, int64_t *offset)
{
	int rank = c->out.rank, axis = (int)(c->arg[0] < 0 ? c->arg[0] + rank : c->arg[0]);
	job j = { .n = 1, .outer = 1, .to_step = 1 };

	for (int k = 0; k < axis; k++)
		j.outer *= c->out.dim[k];
	for (int k = axis; k < rank; k++)
		j.n *= c->in[i].dim[k], j.to_step *= c->out.dim[k];
	j.from_step = j.n;
	j.tile = tile_rows(j.n);
	*offset += j.n;
	return j;
}

static void
copy_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t r = t * j->tile; r < TL_MIN(j->outer, (t + 1) * j->tile); r++)
		memcpy(j->to + r * j->to_step, j->from + r * j->from_step, (size_t)j->n * sizeof(REAL));
}

static int
forward(tl_op_call *c)
{
	int64_t offset = 0;

	for (int i = 0; i < c->n_in; i++) {
		int64_t at = offset;
		job j = make_job(c, i, &offset);

		j.from = c->in[i].data, j.to = (REAL *)c->out.data + at;
		if (c->in[i].count)
			tl_parallel(c->ctx, tiles(j.outer, j.tile), copy_tile, &j);
	}
	return 0;
}

static void
add_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t r = t * j->tile; r < TL_MIN(j->outer, (t + 1) * j->tile); r++)
#pragma omp simd
		for (int64_t k = 0; k < j->n; k++)
			j->to[r * j->from_step + k] += j->from[r * j->to_step + k];
}

static int
backward(tl_op_call *c)
{
	int64_t offset = 0;

	for (int i = 0; i < c->n_in; i++) {
		int64_t at = offset;
		job j = make_job(c, i, &offset);

		j.from = (const REAL *)c->grad_out + at, j.to = c->grad_in[i];
		if (j.to && c->in[i].count)
			tl_parallel(c->ctx, tiles(j.outer, j.tile), add_tile, &j);
	}
	return 0;
}

TL_CPU_OP(concat, 0)
