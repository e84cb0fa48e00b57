/* replace_rows.c - x [N, ...] with row at[r] replaced by rows[r], for distinct rows. */
#include "tensor/cpu/cut.h"

typedef struct job { const REAL *from; REAL *to; const int32_t *at; const uint8_t *replaced; int64_t n, d, tile; } job;

static int
shape(tl_op_call *c)
{
	const tl_view *x = &c->in[0], *rows = &c->in[2];

	if (tl_shape_rank(c, 0, 1, TL_MAX_RANK) || tl_shape_ints(c, 1) || tl_shape_rank(c, 1, 1, 1) || tl_shape_rank(c, 2, x->rank, x->rank) ||
	    tl_shape_dim(c, 2, 0, c->in[1].dim[0], "one row for each entry of at"))
		return -1;
	for (int i = 1; i < x->rank; i++)
		if (rows->dim[i] != x->dim[i])
			return tl_op_refuse(c, "rows is %s for x %s; wanted rows of the same width", in_words(rows).s, in_words(x).s);
	return tl_shape_like(c, 0);
}

/* A mark for each row that is replaced; NULL after an error. */
static uint8_t *
marks(tl_op_call *c)
{
	const int32_t *at = c->in[1].data;
	int64_t n = c->in[0].dim[0];
	uint8_t *mark = tl_scratch(c->ctx, (size_t)n);

	if (!mark)
		return NULL;
	memset(mark, 0, (size_t)n);
	for (int64_t r = 0; r < c->in[1].count; r++) {
		if (mark[at[r]]) {
			tl_op_refuse(c, "at[%lld] is %d for a second time; wanted distinct rows", (long long)r, at[r]);
			return NULL;
		}
		mark[at[r]] = 1;
	}
	return mark;
}

static void
copy_tile(void *arg, int64_t t)
{
	const job *j = arg;
	int64_t from = t * j->tile, to = TL_MIN(j->n, from + j->tile);

	for (int64_t r = from; r < to; r++)
		if (!j->replaced[r])
			memcpy(j->to + r * j->d, j->from + r * j->d, (size_t)j->d * sizeof(REAL));
}

static void
put_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t r = t * j->tile; r < TL_MIN(j->n, (t + 1) * j->tile); r++)
		memcpy(j->to + j->at[r] * j->d, j->from + r * j->d, (size_t)j->d * sizeof(REAL));
}

static int
forward(tl_op_call *c)
{
	job j = { .from = c->in[0].data, .to = c->out.data, .at = c->in[1].data, .n = c->in[0].dim[0], .d = row_width(&c->in[0]) };

	j.tile = tile_rows(j.d);
	if (tl_check_index(c, 1, 0, j.n) || !(j.replaced = marks(c)))
		return -1;
	if (!j.d)
		return 0;
	tl_parallel(c->ctx, tiles(j.n, j.tile), copy_tile, &j);
	j.from = c->in[2].data, j.n = c->in[1].count;
	tl_parallel(c->ctx, tiles(j.n, j.tile), put_tile, &j);
	return 0;
}

static void
x_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t r = t * j->tile; r < TL_MIN(j->n, (t + 1) * j->tile); r++)
		if (!j->replaced[r])
#pragma omp simd
			for (int64_t k = r * j->d; k < (r + 1) * j->d; k++)
				j->to[k] += j->from[k];
}

static void
rows_tile(void *arg, int64_t t)
{
	const job *j = arg;

	for (int64_t r = t * j->tile; r < TL_MIN(j->n, (t + 1) * j->tile); r++) {
		const REAL *g = j->from + j->at[r] * j->d;

#pragma omp simd
		for (int64_t k = 0; k < j->d; k++)
			j->to[r * j->d + k] += g[k];
	}
}

static int
backward(tl_op_call *c)
{
	job j = { .from = c->grad_out, .at = c->in[1].data, .n = c->in[0].dim[0], .d = row_width(&c->in[0]) };

	j.tile = tile_rows(j.d);
	if ((j.to = c->grad_in[0])) {
		if (!(j.replaced = marks(c)))
			return -1;
		tl_parallel(c->ctx, tiles(j.n, j.tile), x_tile, &j);
	}
	j.n = c->in[1].count;
	if ((j.to = c->grad_in[2]))
		tl_parallel(c->ctx, tiles(j.n, j.tile), rows_tile, &j);
	return 0;
}

TL_CPU_OP(replace_rows, 0)
