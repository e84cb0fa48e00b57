/*
 * linear_best.c - the k best labels of x wT + b and their logits: x [B, d], w [L, d], b [L] -> [2, B, k], the logits best first and then
 * the labels they belong to, as numbers. A block of labels is multiplied at a time; [B, L] is never stored.
 */
#include "tensor/cpu/cut.h"
#include "tensor/keep.h"

enum { LABELS = 256, BLOCK = 16 * LABELS }; /* labels of one product, and of all that are stored at a time */

typedef struct job {
	const REAL *x, *w, *bias;
	REAL *z, *out;        /* z [B, BLOCK] */
	tl_keep *keep;        /* [B] */
	int64_t d, b, from, n;
} job;

static int
shape(tl_op_call *c)
{
	const tl_view *x = &c->in[0], *w = &c->in[1];
	int64_t most = TL_REAL_DTYPE == TL_F32 ? 1 << 24 : INT32_MAX;

	if (tl_shape_rank(c, 0, 2, 2) || tl_shape_rank(c, 1, 2, 2) || tl_shape_dim(c, 0, 1, w->dim[1], "w's second axis"))
		return -1;
	if (given(&c->in[2]) && (tl_shape_rank(c, 2, 1, 1) || tl_shape_dim(c, 2, 0, w->dim[0], "w's first axis")))
		return -1;
	if (!(c->arg[0] >= 0 && c->arg[0] <= (double)w->dim[0]))
		return tl_op_refuse(c, "k is %g for %lld labels; wanted 0 to that", c->arg[0], (long long)w->dim[0]);
	if (w->dim[0] > most)
		return tl_op_refuse(c, "%lld labels; the number of the last one must be exact, so the most is %lld", (long long)w->dim[0], (long long)most);
	return tl_shape_out(c, TL_REAL_DTYPE, 3, (int64_t[]){ 2, x->dim[0], (int64_t)c->arg[0] });
}

static void
product(void *arg, int64_t t)
{
	const job *j = arg;
	int64_t l0 = j->from + t * LABELS, n = TL_MIN(LABELS, j->from + j->n - l0);
	REAL *z = j->z + t * LABELS;

	GEMM1(0, 1, j->b, n, j->d, 1, j->x, j->d, j->w + l0 * j->d, j->d, 0, z, BLOCK);
	for (int64_t i = 0; j->bias && i < j->b; i++)
#pragma omp simd
		for (int64_t k = 0; k < n; k++)
			z[i * BLOCK + k] += j->bias[l0 + k];
}

static void
take(void *arg, int64_t i)
{
	const job *j = arg;

	keep_more(&j->keep[i], j->z + i * BLOCK, j->n, j->from);
}

static void
finish(void *arg, int64_t i)
{
	const job *j = arg;
	tl_keep *h = &j->keep[i];

	keep_sort(h);
	for (int64_t k = 0; k < h->k; k++)
		j->out[(j->b + i) * h->k + k] = (REAL)h->label[k];
}

static int
forward(tl_op_call *c)
{
	int64_t b = c->in[0].dim[0], l = c->in[1].dim[0], k = (int64_t)c->arg[0];
	job j = { .x = c->in[0].data, .w = c->in[1].data, .bias = c->in[2].data, .out = c->out.data, .d = c->in[0].dim[1], .b = b,
		.z = tl_scratch(c->ctx, (size_t)(b * BLOCK) * sizeof(REAL)), .keep = tl_scratch(c->ctx, (size_t)b * sizeof(tl_keep)) };
	int32_t *label = tl_scratch(c->ctx, (size_t)(b * k) * sizeof *label);

	if (!j.z || !j.keep || !label)
		return -1;
	for (int64_t i = 0; i < b; i++)
		j.keep[i] = (tl_keep){ .k = k, .logit = j.out + i * k, .label = label + i * k };
	for (j.from = 0; j.from < l; j.from += BLOCK) {
		j.n = TL_MIN(BLOCK, l - j.from);
		tl_parallel(c->ctx, tiles(j.n, LABELS), product, &j);
		tl_parallel(c->ctx, b, take, &j);
	}
	tl_parallel(c->ctx, b, finish, &j);
	return 0;
}

#define backward NULL
TL_CPU_OP(linear_best, TL_OP_NO_GRAD)
