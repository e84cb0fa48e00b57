/*
 * corank_select.c - LabelCoRank's label sequence for each document: the labels over the threshold (S2), filled up with those that occur
 * most often beside them in training (S3), in training-frequency order if asked for. Choices only: no gradient passes.
 *
 * Co-occurrence comes as CSR rows [L + 1], index, value. Where co_total [L] is given a row's values are divided by it here,
 * in double, so that sums which are equal as fractions are ties in float runs too. frequency_rank[l] is label l's place in the order of training frequency.
 */
#include "tensor/cpu/best.h"

enum { BY_FREQUENCY = 1, FILL = 2 };

typedef struct job {
	const REAL *logits, *co_value, *co_total;
	const int32_t *co_offsets, *co_index, *rank;
	const int32_t *by_frequency;       /* [L] inverse of rank */
	int32_t *out;
	double *sum;                       /* [threads, L] co-occurrence beside S2; zeros between documents */
	uint8_t *taken;                    /* [threads, L] */
	int32_t *touched;                  /* [threads, L] labels with an entry in sum */
	int64_t l, gamma, threads;
	double alpha;
	int flags;
} job;

static int
shape(tl_op_call *c)
{
	int64_t l = c->in[0].dim[1];

	if (tl_shape_rank(c, 0, 2, 2) || tl_shape_ints(c, 1) || tl_shape_rank(c, 1, 1, 1) || tl_shape_dim(c, 1, 0, l + 1, "L + 1") || tl_shape_ints(c, 2) ||
	    tl_shape_rank(c, 2, 1, 1) || tl_shape_rank(c, 3, 1, 1) || tl_shape_dim(c, 3, 0, c->in[2].dim[0], "one value for each of co_index") ||
	    tl_shape_ints(c, 5) || tl_shape_rank(c, 5, 1, 1) || tl_shape_dim(c, 5, 0, l, "L"))
		return -1;
	if (given(&c->in[4]) && (tl_shape_rank(c, 4, 1, 1) || tl_shape_dim(c, 4, 0, l, "L")))
		return -1;
	if (!(c->arg[0] >= 1 && c->arg[0] <= (double)l))
		return tl_op_refuse(c, "gamma is %g for %lld labels; wanted 1 to %lld", c->arg[0], (long long)l, (long long)l);
	if (!(c->arg[2] >= 0 && c->arg[2] <= 3))
		return tl_op_refuse(c, "flags is %g; wanted 0 to 3", c->arg[2]);
	return tl_shape_out(c, TL_I32, 2, (int64_t[]){ c->in[0].dim[0], (int64_t)c->arg[0] });
}

/* Sorts n labels by ascending key (distinct keys); n is a sequence's length. */
static void
sort_by(int32_t *label, int64_t n, const int32_t *key)
{
	for (int64_t i = 1; i < n; i++) {
		int32_t item = label[i];
		int64_t at = i;

		for (; at > 0 && key[label[at - 1]] > key[item]; at--)
			label[at] = label[at - 1];
		label[at] = item;
	}
}

/* How many of the best labels are over the threshold, at least one. They are in order, and the sigmoid keeps the order. */
static int64_t
over_threshold(const REAL *z, const int32_t *best, int64_t gamma, double alpha)
{
	int64_t n = 0;

	while (n < gamma && 1 / (1 + exp(-(double)z[best[n]])) > alpha)
		n++;
	return TL_MAX(n, 1);
}

/* The place in out[from .. n-1] (largest sum first, ties by the lower index) for a label; n at most `most`. */
static int64_t
insert(int32_t *out, int64_t from, int64_t n, int64_t most, int32_t label, const double *sum)
{
	int64_t at = n;

	while (at > from && (sum[out[at - 1]] < sum[label] || (sum[out[at - 1]] == sum[label] && out[at - 1] > label)))
		at--;
	if (at >= most)
		return n;
	n = TL_MIN(n + 1, most);
	memmove(out + at + 1, out + at, (size_t)(n - at - 1) * sizeof *out);
	out[at] = label;
	return n;
}

/* S3: out holds n labels of S2 and gets gamma - n more. */
static void
fill(const job *j, int32_t *out, int64_t n)
{
	int64_t worker = tl_pool_worker() % j->threads, touched_n = 0, s2 = n;
	double *sum = j->sum + worker * j->l;
	uint8_t *taken = j->taken + worker * j->l;
	int32_t *touched = j->touched + worker * j->l;

	for (int64_t i = 0; i < s2; i++) {
		double total = j->co_total ? j->co_total[out[i]] : 1;

		for (int64_t k = j->co_offsets[out[i]]; k < j->co_offsets[out[i] + 1]; k++) {
			int32_t label = j->co_index[k];

			if (sum[label] == 0 && j->co_value[k] > 0)
				touched[touched_n++] = label;
			sum[label] += j->co_value[k] / total;
		}
		taken[out[i]] = 1;
	}
	for (int64_t i = 0; i < touched_n; i++)
		if (!taken[touched[i]])
			n = insert(out, s2, n, j->gamma, touched[i], sum);
	/* Those that never co-occur come last, the more frequent ones first. */
	for (int64_t i = 0; n < j->gamma; i++)
		if (!taken[j->by_frequency[i]] && sum[j->by_frequency[i]] == 0)
			out[n++] = j->by_frequency[i];
	for (int64_t i = 0; i < touched_n; i++)
		sum[touched[i]] = 0;
	for (int64_t i = 0; i < s2; i++)
		taken[out[i]] = 0;
}

static void
document(void *arg, int64_t i)
{
	const job *j = arg;
	const REAL *z = j->logits + i * j->l;
	int32_t *out = j->out + i * j->gamma;

	best_of(z, j->l, j->gamma, out);
	if (j->flags & FILL)
		fill(j, out, over_threshold(z, out, j->gamma, j->alpha));
	if (j->flags & BY_FREQUENCY)
		sort_by(out, j->gamma, j->rank);
}

/* The inverse of frequency_rank, which must be a permutation; NULL after an error. */
static int32_t *
inverse(tl_op_call *c, int64_t l)
{
	const int32_t *rank = c->in[5].data;
	int32_t *by = tl_scratch(c->ctx, (size_t)l * sizeof *by);

	if (!by)
		return NULL;
	for (int64_t i = 0; i < l; i++)
		by[i] = -1;
	for (int64_t i = 0; i < l; i++) {
		if (by[rank[i]] >= 0) {
			tl_op_refuse(c, "frequency_rank gives labels %d and %lld the same place %d; wanted each place once", by[rank[i]], (long long)i, rank[i]);
			return NULL;
		}
		by[rank[i]] = (int32_t)i;
	}
	return by;
}

static int
forward(tl_op_call *c)
{
	int64_t l = c->in[0].dim[1], threads = tl_pool_size(tl_ctx_pool(c->ctx));
	job j = { .logits = c->in[0].data, .co_offsets = c->in[1].data, .co_index = c->in[2].data, .co_value = c->in[3].data,
	          .co_total = c->in[4].data, .rank = c->in[5].data, .out = c->out.data, .l = l, .gamma = (int64_t)c->arg[0], .threads = threads,
	          .alpha = c->arg[1], .flags = (int)c->arg[2] };

	if (tl_check_offsets(c, 1, c->in[2].count) || tl_check_index(c, 2, 0, l) || tl_check_index(c, 5, 0, l))
		return -1;
	for (int64_t k = 0; k < c->in[3].count; k++)
		if (!(j.co_value[k] >= 0))
			return tl_op_refuse(c, "co_value[%lld] is %g; wanted counts or probabilities", (long long)k, (double)j.co_value[k]);
	for (int64_t i = 0; j.co_total && i < l; i++)
		if (j.co_offsets[i + 1] > j.co_offsets[i] && !(j.co_total[i] > 0))
			return tl_op_refuse(c, "co_total[%lld] is %g for a label that co-occurs with others; wanted its number of documents", (long long)i, (double)j.co_total[i]);
	if (!(j.by_frequency = inverse(c, l)))
		return -1;
	if (j.flags & FILL) {
		j.sum = tl_scratch(c->ctx, (size_t)(threads * l) * sizeof *j.sum);
		j.taken = tl_scratch(c->ctx, (size_t)(threads * l));
		j.touched = tl_scratch(c->ctx, (size_t)(threads * l) * sizeof *j.touched);
		if (!j.sum || !j.taken || !j.touched)
			return -1;
		memset(j.sum, 0, (size_t)(threads * l) * sizeof *j.sum);
		memset(j.taken, 0, (size_t)(threads * l));
	}
	tl_parallel(c->ctx, c->in[0].dim[0], document, &j);
	return 0;
}

#define backward NULL
TL_CPU_OP(corank_select, TL_OP_NO_GRAD)
