/*
 * gather.c - rows x[index]; index -1 gives a zero row.
 * Backward: rows with the same index are added in ascending order of their places, each row of x by one thread: places are first sorted
 * by index (counting sort), so that no order depends on threads.
 */
#include "tensor/cpu/cpu.h"

static int
shape(tl_op_call *c)
{
	int64_t dims[2 * TL_MAX_RANK];
	int rank = c->in[1].rank + c->in[0].rank - 1;

	if (tl_shape_rank(c, 0, 1, TL_MAX_RANK) || tl_shape_ints(c, 1))
		return -1;
	if (rank > TL_MAX_RANK)
		return tl_op_refuse(c, "x of rank %d by an index of rank %d gives rank %d; the most is %d", c->in[0].rank, c->in[1].rank, rank, TL_MAX_RANK);
	for (int i = 0; i < c->in[1].rank; i++)
		dims[i] = c->in[1].dim[i];
	for (int i = 1; i < c->in[0].rank; i++)
		dims[c->in[1].rank + i - 1] = c->in[0].dim[i];
	return tl_shape_out(c, TL_REAL_DTYPE, rank, dims);
}

struct job { int64_t d; const int32_t *index; const REAL *from; REAL *to; const int32_t *start, *place, *row; };

static void
copy_rows(void *arg, int64_t from, int64_t to)
{
	const struct job *j = arg;
	size_t bytes = (size_t)j->d * sizeof(REAL);

	for (int64_t i = from; i < to; i++)
		if (j->index[i] < 0)
			memset(j->to + i * j->d, 0, bytes);
		else
			memcpy(j->to + i * j->d, j->from + j->index[i] * j->d, bytes);
}

static int
forward(tl_op_call *c)
{
	struct job j = { c->in[0].dim[0] ? c->in[0].count / c->in[0].dim[0] : tl_tail(&c->in[0], c->in[0].rank - 1), c->in[1].data, c->in[0].data, c->out.data };

	if (tl_check_index(c, 1, -1, c->in[0].dim[0]))
		return -1;
	if (j.d)
		tl_blocks(c->ctx, c->in[1].count, TL_MAX(1, 16384 / j.d), copy_rows, &j);
	return 0;
}

/* Rows that occur, one after the other: row[r], whose places are place[start[r]] .. place[start[r + 1] - 1]. */
static void
add_rows(void *arg, int64_t from, int64_t to)
{
	const struct job *j = arg;

	for (int64_t r = from; r < to; r++) {
		REAL *sum = j->to + j->row[r] * j->d;
		for (int32_t p = j->start[r]; p < j->start[r + 1]; p++) {
			const REAL *g = j->from + (int64_t)j->place[p] * j->d;
#pragma omp simd
			for (int64_t k = 0; k < j->d; k++)
				sum[k] += g[k];
		}
	}
}

static int
by_index(const void *a, const void *b)
{
	const int32_t *x = a, *y = b;

	return x[0] != y[0] ? x[0] < y[0] ? -1 : 1 : x[1] < y[1] ? -1 : 1;
}

static int
backward(tl_op_call *c)
{
	int64_t m = c->in[1].count, d = m ? c->out.count / m : 0, n = 0, rows = 0;
	const int32_t *index = c->in[1].data;
	int32_t *pair = tl_scratch(c->ctx, (size_t)m * 2 * sizeof *pair), *start = tl_scratch(c->ctx, (size_t)(m + 1) * sizeof *start);
	int32_t *place = tl_scratch(c->ctx, (size_t)m * sizeof *place), *row = tl_scratch(c->ctx, (size_t)m * sizeof *row);
	struct job j = { d, index, c->grad_out, c->grad_in[0], start, place, row };

	if (!pair || !start || !place || !row)
		return -1;
	for (int64_t i = 0; i < m; i++)
		if (index[i] >= 0) {
			pair[2 * n] = index[i];
			pair[2 * n++ + 1] = (int32_t)i;
		}
	if (n) /* qsort of pairs that all differ has one result */
		qsort(pair, (size_t)n, 2 * sizeof *pair, by_index);
	for (int64_t i = 0; i < n; i++) {
		if (i == 0 || pair[2 * i] != pair[2 * i - 2]) {
			row[rows] = pair[2 * i];
			start[rows++] = (int32_t)i;
		}
		place[i] = pair[2 * i + 1];
	}
	start[rows] = (int32_t)n;
	if (d)
		tl_blocks(c->ctx, rows, TL_MAX(1, 8192 / d), add_rows, &j);
	return 0;
}

TL_CPU_OP(gather, TL_OP_BLIND)
