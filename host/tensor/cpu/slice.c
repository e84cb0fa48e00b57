/* slice.c - elements from .. to-1 along an axis. */
#include "tensor/cpu/cut.h"

typedef struct job { const REAL *from; REAL *to; int64_t big, small, outer, tile; } job; /* outer blocks: `small` elements out of `big` */

static int
axis_of(const tl_op_call *c)
{
	return (int)(c->arg[0] < 0 ? c->arg[0] + c->in[0].rank : c->arg[0]);
}

static int
shape(tl_op_call *c)
{
	const tl_view *x = &c->in[0];
	int64_t dims[TL_MAX_RANK] = { 0 };
	int axis = axis_of(c);

	if (tl_shape_rank(c, 0, 1, TL_MAX_RANK))
		return -1;
	if (c->arg[0] != (int)c->arg[0] || axis < 0 || axis >= x->rank)
		return tl_op_refuse(c, "axis is %g for x of rank %d; wanted %d to %d", c->arg[0], x->rank, -x->rank, x->rank - 1);
	if (!(c->arg[1] >= 0 && c->arg[1] <= c->arg[2] && c->arg[2] <= (double)x->dim[axis]))
		return tl_op_refuse(c, "from %g to %g on axis %d of x %s; wanted 0 <= from <= to <= %lld", c->arg[1], c->arg[2], axis, in_words(x).s, (long long)x->dim[axis]);
	memcpy(dims, x->dim, sizeof dims);
	dims[axis] = (int64_t)c->arg[2] - (int64_t)c->arg[1];
	return tl_shape_out(c, TL_REAL_DTYPE, x->rank, dims);
}

/* Sets the first element that is taken. */
static job
make_job(tl_op_call *c, int64_t *first)
{
	const tl_view *x = &c->in[0];
	int axis = axis_of(c);
	int64_t inner = 1;
	job j = { .outer = 1 };

	for (int k = 0; k < axis; k++)
		j.outer *= x->dim[k];
	for (int k = axis + 1; k < x->rank; k++)
		inner *= x->dim[k];
	j.big = x->dim[axis] * inner;
	j.small = c->out.dim[axis] * inner;
	j.tile = tile_rows(j.small);
	*first = (int64_t)c->arg[1] * inner;
	return j;
}

static void
copy_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t r = t * j->tile; r < TL_MIN(j->outer, (t + 1) * j->tile); r++)
		memcpy(j->to + r * j->small, j->from + r * j->big, (size_t)j->small * sizeof(REAL));
}

static int
forward(tl_op_call *c)
{
	int64_t first;
	job j = make_job(c, &first);

	if (!c->out.count)
		return 0;
	j.from = (const REAL *)c->in[0].data + first, j.to = c->out.data;
	tl_parallel(c->ctx, tiles(j.outer, j.tile), copy_tile, &j);
	return 0;
}

static void
add_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t r = t * j->tile; r < TL_MIN(j->outer, (t + 1) * j->tile); r++)
#pragma omp simd
		for (int64_t k = 0; k < j->small; k++)
			j->to[r * j->big + k] += j->from[r * j->small + k];
}

static int
backward(tl_op_call *c)
{
	int64_t first;
	job j = make_job(c, &first);

	if (!c->out.count || !c->grad_in[0])
		return 0;
	j.from = c->grad_out, j.to = (REAL *)c->grad_in[0] + first;
	tl_parallel(c->ctx, tiles(j.outer, j.tile), add_tile, &j);
	return 0;
}

TL_CPU_OP(slice, 0)
