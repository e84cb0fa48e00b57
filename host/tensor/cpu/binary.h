/*
 * binary.h - an op of two inputs, element by element, with b broadcast over a's leading axes. The including file defines
 * VALUE(a, b), and BY_A(g, a, b), BY_B(g, a, b): the gradients of a and b for the output's gradient g.
 */
#include "tensor/cpu/cut.h"

#define COLUMNS 256 /* columns of b that one tile sums */

typedef struct binary_job {
	const REAL *a, *b, *g;
	REAL *out;
	double *partial;          /* [chunks, nb] */
	int64_t na, nb, chunk, strips;
} binary_job;

static int
shape(tl_op_call *c)
{
	const tl_view *a = &c->in[0], *b = &c->in[1];
	bool fits = b->rank <= a->rank;

	for (int i = 1; fits && i <= b->rank; i++)
		fits = a->dim[a->rank - i] == b->dim[b->rank - i];
	if (!fits && !(b->count == 1 && b->rank <= 1))
		return tl_op_refuse(c, "b is %s where a is %s; wanted a's shape, the shape of a's last axes, or a scalar", in_words(b).s, in_words(a).s);
	return tl_shape_like(c, 0);
}

static void
forward_tile(void *arg, int64_t t)
{
	const binary_job *j = arg;
	int64_t to = TL_MIN(j->na, (t + 1) * TILE);

	if (j->nb == 1) {
		REAL b = j->b[0];

#pragma omp simd
		for (int64_t i = t * TILE; i < to; i++)
			j->out[i] = VALUE(j->a[i], b);
		return;
	}
	for (int64_t i = t * TILE; i < to;) {
		int64_t at = i % j->nb, n = TL_MIN(to - i, j->nb - at);
		const REAL *a = j->a + i, *b = j->b + at;
		REAL *out = j->out + i;

#pragma omp simd
		for (int64_t k = 0; k < n; k++)
			out[k] = VALUE(a[k], b[k]);
		i += n;
	}
}

static int
forward(tl_op_call *c)
{
	binary_job j = { .a = c->in[0].data, .b = c->in[1].data, .out = c->out.data, .na = c->in[0].count, .nb = c->in[1].count };

	tl_parallel(c->ctx, tiles(j.na, TILE), forward_tile, &j);
	return 0;
}

static void
a_tile(void *arg, int64_t t)
{
	const binary_job *j = arg;
	int64_t to = TL_MIN(j->na, (t + 1) * TILE);

	for (int64_t i = t * TILE; i < to;) {
		int64_t at = i % j->nb, n = TL_MIN(to - i, j->nb - at);
		const REAL *a = j->a + i, *b = j->b + at, *g = j->g + i;
		REAL *out = j->out + i;

		(void)a, (void)b;
#pragma omp simd
		for (int64_t k = 0; k < n; k++)
			out[k] += BY_A(g[k], a[k], b[k]);
		i += n;
	}
}

static void
b_tile(void *arg, int64_t t)
{
	const binary_job *j = arg;
	int64_t to = TL_MIN(j->na, (t + 1) * TILE);

	(void)j->a, (void)j->b;
#pragma omp simd
	for (int64_t i = t * TILE; i < to; i++)
		j->out[i] += BY_B(j->g[i], j->a[i], j->b[i]);
}

/* One strip of b's columns over one chunk of rows, summed in double. */
static void
strip_tile(void *arg, int64_t t)
{
	const binary_job *j = arg;
	int64_t rows = j->na / j->nb, part = t / j->strips, from = t % j->strips * COLUMNS, n = TL_MIN(COLUMNS, j->nb - from);
	double *sum = j->partial + part * j->nb + from;

#pragma omp simd
	for (int64_t k = 0; k < n; k++)
		sum[k] = 0;
	for (int64_t r = part * j->chunk; r < TL_MIN(rows, (part + 1) * j->chunk); r++) {
		const REAL *a = j->a + r * j->nb + from, *b = j->b + from, *g = j->g + r * j->nb + from;

		(void)a, (void)b;
#pragma omp simd
		for (int64_t k = 0; k < n; k++)
			sum[k] += BY_B(g[k], a[k], b[k]);
	}
}

static int
backward(tl_op_call *c)
{
	binary_job j = { .a = c->in[0].data, .b = c->in[1].data, .g = c->grad_out, .na = c->in[0].count, .nb = c->in[1].count };
	int64_t rows, parts;
	REAL *db = c->grad_in[1];

	if (!j.na)
		return 0;
	if ((j.out = c->grad_in[0]))
		tl_parallel(c->ctx, tiles(j.na, TILE), a_tile, &j);
	if (!db)
		return 0;
	if (j.na == j.nb) {
		j.out = db;
		tl_parallel(c->ctx, tiles(j.na, TILE), b_tile, &j);
		return 0;
	}
	rows = j.na / j.nb;
	j.chunk = tile_rows(TL_MIN(j.nb, COLUMNS));
	j.strips = tiles(j.nb, COLUMNS);
	parts = tiles(rows, j.chunk);
	if (!(j.partial = tl_scratch(c->ctx, (size_t)(parts * j.nb) * sizeof(double))))
		return -1;
	tl_parallel(c->ctx, parts * j.strips, strip_tile, &j);
	for (int64_t k = 0; k < j.nb; k++) {
		double sum = 0;

		for (int64_t p = 0; p < parts; p++)
			sum += j.partial[p * j.nb + k];
		db[k] += (REAL)sum;
	}
	return 0;
}
