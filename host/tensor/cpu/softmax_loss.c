/* softmax_loss.c - 1/B sum_i sum_{j in Y_i} -log softmax(logits_i)_j. */
#include "tensor/cpu/lists.h"

#define BLOCK 512

typedef struct job { const REAL *z; REAL *dz, *lse; const int32_t *at, *label; double *loss; REAL by; int64_t l; } job;

static int
shape(tl_op_call *c)
{
	if (lists_shape(c))
		return -1;
	return tl_shape_save(c, TL_REAL_DTYPE, 1, c->in[0].dim); /* log-sum-exp of each row */
}

/* e^(z - by) of up to BLOCK logits; how many there are. */
static int64_t
exp_block(const job *j, const REAL *z, int64_t from, REAL by, REAL *e)
{
	int64_t n = TL_MIN(BLOCK, j->l - from);

#pragma omp simd
	for (int64_t k = 0; k < n; k++)
		e[k] = z[k] - by;
	INNER()->exp(n, e, e);
	return n;
}

static void
forward_row(void *arg, int64_t i)
{
	const job *j = arg;
	const REAL *z = j->z + i * j->l;
	REAL most = -INFINITY, e[BLOCK];
	double sum = 0, lse;

	j->loss[i] = 0;
	if (j->at[i] == j->at[i + 1]) /* a document without labels adds nothing */
		return;
	for (int64_t k = 0; k < j->l; k++)
		most = z[k] > most ? z[k] : most;
	for (int64_t from = 0; from < j->l; from += BLOCK) {
		int64_t n = exp_block(j, z + from, from, most, e);

#pragma omp simd reduction(+ : sum)
		for (int64_t k = 0; k < n; k++)
			sum += e[k];
	}
	lse = most + log(sum);
	j->lse[i] = (REAL)lse;
	for (int64_t k = j->at[i]; k < j->at[i + 1]; k++)
		j->loss[i] += lse - z[j->label[k]];
}

static job
make_job(tl_op_call *c)
{
	return (job){ .z = c->in[0].data, .at = c->in[1].data, .label = c->in[2].data, .l = c->in[0].dim[1], .lse = c->saved[0].data };
}

static int
forward(tl_op_call *c)
{
	job j = make_job(c);
	int64_t b = c->in[0].dim[0];
	double sum = 0;

	if (lists_check(c) || !(j.loss = tl_scratch(c->ctx, (size_t)b * sizeof(double))))
		return -1;
	tl_parallel(c->ctx, b, forward_row, &j);
	for (int64_t i = 0; i < b; i++)
		sum += j.loss[i];
	*(REAL *)c->out.data = (REAL)(b ? sum / (double)b : 0);
	return 0;
}

static void
backward_row(void *arg, int64_t i)
{
	const job *j = arg;
	const REAL *z = j->z + i * j->l;
	REAL *dz = j->dz + i * j->l, lse = j->lse[i], by = j->by * (REAL)(j->at[i + 1] - j->at[i]), e[BLOCK];

	if (j->at[i] == j->at[i + 1])
		return;
	for (int64_t from = 0; from < j->l; from += BLOCK) {
		int64_t n = exp_block(j, z + from, from, lse, e);

#pragma omp simd
		for (int64_t k = 0; k < n; k++)
			dz[from + k] += by * e[k];
	}
	for (int64_t k = j->at[i]; k < j->at[i + 1]; k++)
		dz[j->label[k]] -= j->by;
}

static int
backward(tl_op_call *c)
{
	job j = make_job(c);
	int64_t b = c->in[0].dim[0];

	if (!(j.dz = c->grad_in[0]) || !b)
		return 0;
	j.by = *(const REAL *)c->grad_out / (REAL)b;
	tl_parallel(c->ctx, b, backward_row, &j);
	return 0;
}

TL_CPU_OP(softmax_loss, 0)
