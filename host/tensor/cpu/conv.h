/*
 * conv.h - convolutions as matrix products. The including file says how the patch under an output row is laid out as a row of `width`
 * numbers (fill_rows) and how the gradients of such rows return to x (return_rows). Output rows are handled in blocks: the
 * block's patches [rows, width] times the weights [o, width], so that the patches of a long batch are never all there at once.
 */
#include "tensor/cpu/cut.h"

#define BLOCK ((int64_t)1 << 20) /* elements of patches, about */
#define ROWS 64                  /* rows in one tile */

typedef struct conv_job {
	const REAL *x, *bias;
	REAL *dx, *z, *y;
	REAL *patch;               /* [block, width] */
	const int32_t *at, *row_at; /* documents' bounds in x; in the output */
	const int32_t *document;   /* [rows] */
	int64_t rows, width, o, c, k, before, block;
	int64_t from, to;          /* rows of the block at hand */
	int64_t first;             /* its first row of x, for return_rows */
	int act;
} conv_job;

/* Row r's patch, written to `to`. */
static void fill_row(const conv_job *j, int64_t r, REAL *to);
/* Adds to row t of dx what the block's patch gradients hold for it. */
static void return_row(const conv_job *j, int64_t t);

static void
fill_tile(void *arg, int64_t t)
{
	const conv_job *j = arg;

	for (int64_t r = j->from + t * ROWS; r < TL_MIN(j->to, j->from + (t + 1) * ROWS); r++)
		fill_row(j, r, j->patch + (r - j->from) * j->width);
}

static void
finish_tile(void *arg, int64_t t)
{
	const conv_job *j = arg;

	for (int64_t r = j->from + t * ROWS; r < TL_MIN(j->to, j->from + (t + 1) * ROWS); r++) {
		REAL *z = j->z + r * j->o;

		if (j->bias)
#pragma omp simd
			for (int64_t k = 0; k < j->o; k++)
				z[k] += j->bias[k];
		TL_SUFFIX(tl_act_forward)(j->act, j->o, z, j->y + r * j->o);
	}
}

static int
conv_memory(tl_op_call *c, conv_job *j)
{
	j->block = TL_MIN(TL_MAX(j->rows, 1), TL_MAX(ROWS, BLOCK / TL_MAX(j->width, 1)));
	return (j->patch = tl_scratch(c->ctx, (size_t)(j->block * j->width) * sizeof(REAL))) ? 0 : -1;
}

/* w [o, width]; z takes the values before the activation (may be y). */
static int
conv_forward(tl_op_call *c, conv_job *j, const REAL *w)
{
	if (conv_memory(c, j))
		return -1;
	for (j->from = 0; j->from < j->rows; j->from = j->to) {
		j->to = TL_MIN(j->rows, j->from + j->block);
		tl_parallel(c->ctx, tiles(j->to - j->from, ROWS), fill_tile, j);
		GEMM(tl_ctx_pool(c->ctx), 0, 1, j->to - j->from, j->o, j->width, 1, j->patch, j->width, w, j->width, 0, j->z + j->from * j->o, j->o);
		tl_parallel(c->ctx, tiles(j->to - j->from, ROWS), finish_tile, j);
	}
	return 0;
}

typedef struct slope_job { const REAL *z, *y, *g; REAL *to; int act; } slope_job;

static void
slope_block(void *arg, int64_t from, int64_t to)
{
	const slope_job *j = arg;

	TL_SUFFIX(tl_act_backward)(j->act, to - from, j->z ? j->z + from : NULL, j->y + from, j->g + from, j->to + from, true);
}

static void
return_tile(void *arg, int64_t t)
{
	return_row(arg, ((const conv_job *)arg)->first + t);
}

/* Adds to dw [o, width] (NULL: not wanted), the bias's gradient, and j->dx. */
static int
conv_backward(tl_op_call *c, conv_job *j, const REAL *w, REAL *dw, REAL *dbias)
{
	slope_job s = { .z = c->n_saved ? c->saved[0].data : NULL, .y = c->out.data, .g = c->grad_out, .act = j->act };
	tl_pool *pool = tl_ctx_pool(c->ctx);
	const REAL *g = c->grad_out;

	if (!j->rows || !j->o)
		return 0;
	if (conv_memory(c, j))
		return -1;
	if (j->act != TL_NONE) {
		if (!(s.to = tl_scratch(c->ctx, (size_t)c->out.count * sizeof(REAL))))
			return -1;
		tl_blocks(c->ctx, c->out.count, TILE, slope_block, &s);
		g = s.to;
	}
	if (dbias)
		TL_SUFFIX(tl_column_sums)(c->ctx, j->rows, j->o, g, NULL, dbias, false);
	for (j->from = 0; j->from < j->rows && (dw || j->dx); j->from = j->to) {
		int64_t n = TL_MIN(j->block, j->rows - j->from);

		j->to = j->from + n;
		if (dw) {
			tl_parallel(c->ctx, tiles(n, ROWS), fill_tile, j);
			GEMM(pool, 1, 0, j->o, j->width, n, 1, g + j->from * j->o, j->o, j->patch, j->width, 1, dw, j->width);
		}
		if (j->dx) {
			GEMM(pool, 0, 0, n, j->width, j->o, 1, g + j->from * j->o, j->o, w, j->width, 0, j->patch, j->width);
			j->first = j->at[j->document[j->from]];
			tl_parallel(c->ctx, j->at[j->document[j->to - 1] + 1] - j->first, return_tile, j);
		}
	}
	return 0;
}

/* What both shape rules check first. Sets *documents. */
static int
conv_shape(tl_op_call *c, int rank, int64_t *documents)
{
	if (tl_shape_act(c, c->arg[2]) || tl_shape_rank(c, 0, 2, 2) || shape_offsets(c, 1, documents) || tl_shape_rank(c, 2, rank, rank))
		return -1;
	if (given(&c->in[3]) && (tl_shape_rank(c, 3, 1, 1) || tl_shape_dim(c, 3, 0, c->in[2].dim[0], "one for each of w's outputs")))
		return -1;
	if (!(c->arg[0] >= 0 && c->arg[1] >= 0 && c->arg[0] < INT32_MAX && c->arg[1] < INT32_MAX))
		return tl_op_refuse(c, "before is %g and after %g; wanted numbers that are not negative", c->arg[0], c->arg[1]);
	if (c->in[2].dim[rank - 1] < 1)
		return tl_op_refuse(c, "w is %s; wanted a window of at least 1", in_words(&c->in[2]).s);
	return 0;
}

static conv_job
conv_make(tl_op_call *c)
{
	const tl_view *w = &c->in[2];

	return (conv_job){ .x = c->in[0].data, .at = c->in[1].data, .bias = c->in[3].data, .y = c->out.data, .c = c->in[0].dim[1], .o = w->dim[0],
	                   .k = w->dim[w->rank - 1], .before = (int64_t)c->arg[0], .act = (int)c->arg[2],
	                   .z = c->n_saved && c->backward_follows ? c->saved[0].data : c->out.data };
}

/* The document of each output row, from the bounds of the documents in the output. */
static int
conv_documents(tl_op_call *c, conv_job *j, const int32_t *row_at)
{
	int64_t documents = c->in[1].dim[0] - 1;
	int32_t *document = tl_scratch(c->ctx, (size_t)j->rows * sizeof *document);

	if (!document)
		return -1;
	for (int64_t i = 0; i < documents; i++)
		for (int64_t r = row_at[i]; r < row_at[i + 1]; r++)
			document[r] = (int32_t)i;
	j->row_at = row_at;
	j->document = document;
	return 0;
}
