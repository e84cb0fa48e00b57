/* scatter_add.c - x [M, ...] and index [M] -> [rows, ...]: rows of x with the same index added up, in ascending order. */
#include "tensor/cpu/cut.h"

#define MOST_STRIPS 32 /* each strip of the output's rows reads the whole index */

typedef struct job { const REAL *x, *g; const int32_t *index; REAL *out, *dx; int64_t m, d, rows, strip, tile; } job;

static int
shape(tl_op_call *c)
{
	const tl_view *x = &c->in[0];
	int64_t dims[TL_MAX_RANK] = { (int64_t)c->arg[0] };

	if (tl_shape_rank(c, 0, 1, TL_MAX_RANK) || tl_shape_ints(c, 1) || tl_shape_rank(c, 1, 1, 1) || tl_shape_dim(c, 1, 0, x->dim[0], "one for each row of x"))
		return -1;
	if (!(c->arg[0] >= 0 && c->arg[0] <= INT32_MAX))
		return tl_op_refuse(c, "rows is %g; wanted 0 to %d", c->arg[0], INT32_MAX);
	for (int i = 1; i < x->rank; i++)
		dims[i] = x->dim[i];
	return tl_shape_out(c, TL_REAL_DTYPE, x->rank, dims);
}

static job
make_job(tl_op_call *c)
{
	job j = { .x = c->in[0].data, .index = c->in[1].data, .m = c->in[0].dim[0], .d = row_width(&c->in[0]), .rows = c->out.dim[0] };

	j.strip = TL_MAX(tiles(j.rows, MOST_STRIPS), tile_rows(j.d));
	j.tile = tile_rows(j.d);
	return j;
}

static void
forward_strip(void *arg, int64_t t)
{
	const job *j = arg;
	int64_t from = t * j->strip, to = TL_MIN(j->rows, from + j->strip);

	memset(j->out + from * j->d, 0, (size_t)((to - from) * j->d) * sizeof(REAL));
	for (int64_t m = 0; m < j->m; m++) {
		const REAL *x = j->x + m * j->d;
		REAL *out = j->out + j->index[m] * j->d;

		if (j->index[m] >= from && j->index[m] < to)
#pragma omp simd
			for (int64_t k = 0; k < j->d; k++)
				out[k] += x[k];
	}
}

static int
forward(tl_op_call *c)
{
	job j = make_job(c);

	j.out = c->out.data;
	if (tl_check_index(c, 1, 0, j.rows))
		return -1;
	tl_parallel(c->ctx, tiles(j.rows, j.strip), forward_strip, &j);
	return 0;
}

static void
backward_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t m = t * j->tile; m < TL_MIN(j->m, (t + 1) * j->tile); m++) {
		const REAL *g = j->g + j->index[m] * j->d;
		REAL *dx = j->dx + m * j->d;

#pragma omp simd
		for (int64_t k = 0; k < j->d; k++)
			dx[k] += g[k];
	}
}

static int
backward(tl_op_call *c)
{
	job j = make_job(c);

	j.g = c->grad_out;
	if ((j.dx = c->grad_in[0]))
		tl_parallel(c->ctx, tiles(j.m, j.tile), backward_tile, &j);
	return 0;
}

TL_CPU_OP(scatter_add, 0)
