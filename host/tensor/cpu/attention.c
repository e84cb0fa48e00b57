/*
 * attention.c - packed multi-head attention: every document attends to its own keys, every head by itself.
 * A thread holds the scores of one block of queries of one document and head, never more, and its keys and values packed. Kept is one number a query and head, the
 * logarithm of the softmax's denominator; the backward makes the weights from it again.
 * Dropout: weight (query i of the document, head h, key j of the document) is element base + (i * heads + h) * keys + j, base being the
 * sum over the documents before it of max(queries, keys) * heads * keys. So the first query of a document meets the same mask alone as among all of them.
 */
#include "tensor/cpu/cpu.h"
#include "tensor/gemm.h"

static int
shape(tl_op_call *c)
{
	int64_t d, heads = (int64_t)c->arg[0], lse[2];

	if (tl_shape_rank(c, 0, 2, 2) || tl_shape_ints(c, 1) || tl_shape_rank(c, 1, 1, 1) || tl_shape_rank(c, 2, 2, 2) || tl_shape_same(c, 2, 3) || tl_shape_ints(c, 4) ||
	    tl_shape_rank(c, 4, 1, 1) || tl_shape_rate(c, c->arg[1]))
		return -1;
	d = c->in[0].dim[1];
	if (tl_shape_dim(c, 2, 1, d, "as wide as q") || tl_shape_dim(c, 1, 0, c->in[4].dim[0], "as many as in offsets"))
		return -1;
	if (heads < 1 || d % heads)
		return tl_op_refuse(c, "%lld heads do not divide the width %lld", (long long)heads, (long long)d);
	lse[0] = c->in[0].dim[0];
	lse[1] = heads;
	return tl_shape_like(c, 0) || tl_shape_save(c, TL_REAL_DTYPE, 2, lse) ? -1 : 0;
}

#define SMALL() TL_SUFFIX(tl_small_of)()

/* Queries whose scores are held at a time: such that they stay in the cache. */
static int64_t
block_of(int64_t keys)
{
	int64_t n = 24576 / TL_MAX(keys, 1) / 24 * 24;

	return TL_MAX(24, TL_MIN(n, 384));
}

/* A row of scores is filled up to whole vectors with minus infinity, whose weight is 0. */
#define PADDED(keys) (((keys) + 15) / 16 * 16)

struct job {
	const tl_op_call *c;
	int64_t d, heads, width;          /* width = d / heads */
	const int32_t *qo, *ko;           /* offsets of queries and keys */
	REAL scale;
	bool drop;
	const uint64_t *base;             /* [B] first dropout element of each document */
	REAL *scratch;                    /* [threads, room] */
	int64_t room, scores, pack;       /* elements: of a thread, of one block's scores, of packed keys, values or queries */
	REAL *dq, *dk, *dv;
	bool fresh_q, fresh_k, fresh_v;
};

static int
job_new(struct job *j, tl_op_call *c, int buffers, int packs)
{
	int64_t documents = c->in[1].count - 1, most_keys = 0, strip = SMALL()->strip, longest = 0;
	uint64_t *base, next = 0;

	*j = (struct job){ .c = c, .d = c->in[0].dim[1], .heads = (int64_t)c->arg[0], .qo = c->in[1].data, .ko = c->in[4].data, .drop = c->training && c->arg[1] > 0 };
	if (tl_check_offsets(c, 1, c->in[0].dim[0]) || tl_check_offsets(c, 4, c->in[2].dim[0]))
		return -1;
	j->width = j->d / j->heads;
	j->scale = (REAL)(1 / sqrt((double)TL_MAX(1, j->width)));
	j->base = base = tl_scratch(c->ctx, (size_t)documents * sizeof *base);
	if (!base)
		return -1;
	for (int64_t b = 0; b < documents; b++) {
		int64_t keys = j->ko[b + 1] - j->ko[b], queries = j->qo[b + 1] - j->qo[b];
		base[b] = next;
		next += (uint64_t)(TL_MAX(queries, keys) * j->heads * keys);
		most_keys = TL_MAX(most_keys, keys);
		longest = TL_MAX(longest, TL_MAX(keys, TL_MIN(queries, block_of(keys))));
		j->scores = TL_MAX(j->scores, PADDED(keys) * TL_MIN(queries, block_of(keys)));
	}
	j->pack = TL_MAX((longest + strip) * j->width, longest * (j->width + strip)); /* by columns or by rows */
	j->room = (j->scores * buffers + PADDED(most_keys) + j->pack * packs + 15) / 16 * 16;
	j->scratch = tl_scratch(c->ctx, (size_t)(j->room * tl_pool_size(tl_ctx_pool(c->ctx))) * sizeof(REAL));
	return j->scratch ? 0 : -1;
}

/* Dropout factors of one query's weights, or NULL. */
static const REAL *
factors(const struct job *j, int64_t b, int64_t h, int64_t query, int64_t keys, REAL *f)
{
	if (!j->drop)
		return NULL;
	INNER()->drop(j->c->key, j->c->step, j->base[b] + (uint64_t)((query * j->heads + h) * keys), keys, tl_drop_threshold(j->c->arg[1]), (REAL)(1 / (1 - j->c->arg[1])), f);
	return f;
}

static void
pad(REAL *row, int64_t keys, REAL value)
{
	for (int64_t i = keys; i < PADDED(keys); i++)
		row[i] = value;
}

static void
forward_one(void *arg, int64_t task)
{
	const struct job *j = arg;
	const tl_op_call *c = j->c;
	const ROW_TABLE *rows = INNER();
	int64_t b = task / j->heads, h = task % j->heads, q0 = j->qo[b], queries = j->qo[b + 1] - q0, k0 = j->ko[b], keys = j->ko[b + 1] - k0, d = j->d, w = j->width;
	const REAL *q = (const REAL *)c->in[0].data + q0 * d + h * w, *k = (const REAL *)c->in[2].data + k0 * d + h * w, *v = (const REAL *)c->in[3].data + k0 * d + h * w;
	REAL *out = (REAL *)c->out.data + q0 * d + h * w, *lse = (REAL *)c->saved[0].data + q0 * j->heads + h;
	REAL *s = j->scratch + tl_pool_worker() * j->room, *f = s + j->scores, *keys_packed = f + PADDED(keys), *values_packed = keys_packed + j->pack;
	int64_t ld = PADDED(keys), block = block_of(keys);

	pad(f, keys, 0);
	SMALL()->pack(1, j->scale, k, d, keys, w, keys_packed);
	SMALL()->pack(0, 1, v, d, w, keys, values_packed);
	for (int64_t i0 = 0; i0 < queries; i0 += block) {
		int64_t m = TL_MIN(block, queries - i0);
		SMALL()->product(m, keys, w, q + i0 * d, d, 1, keys_packed, false, s, ld);
		for (int64_t i = 0; i < m && keys; i++) {
			const REAL *drop = factors(j, b, h, i0 + i, keys, f);
			pad(s + i * ld, keys, -INFINITY);
			lse[(i0 + i) * j->heads] = rows->softmax(ld, s + i * ld, s + i * ld);
			if (drop)
				rows->times(ld, drop, s + i * ld);
		}
		SMALL()->product(m, w, keys, s, ld, 1, values_packed, false, out + i0 * d, d);
	}
}

static int
forward(tl_op_call *c)
{
	struct job j;

	if (job_new(&j, c, 1, 2))
		return -1;
	if (j.d)
		tl_parallel(c->ctx, (c->in[1].count - 1) * j.heads, forward_one, &j);
	return 0;
}

static void
backward_one(void *arg, int64_t task)
{
	const struct job *j = arg;
	const tl_op_call *c = j->c;
	const ROW_TABLE *rows = INNER();
	int64_t b = task / j->heads, h = task % j->heads, q0 = j->qo[b], queries = j->qo[b + 1] - q0, k0 = j->ko[b], keys = j->ko[b + 1] - k0, d = j->d, w = j->width;
	int64_t at_q = q0 * d + h * w, at_k = k0 * d + h * w;
	const REAL *q = (const REAL *)c->in[0].data + at_q, *k = (const REAL *)c->in[2].data + at_k, *v = (const REAL *)c->in[3].data + at_k;
	const REAL *g = (const REAL *)c->grad_out + at_q, *lse = (const REAL *)c->saved[0].data + q0 * j->heads + h;
	REAL *s = j->scratch + tl_pool_worker() * j->room, *dp = s + j->scores, *f = dp + j->scores;
	REAL *k_columns = f + PADDED(keys), *v_columns = k_columns + j->pack, *k_rows = v_columns + j->pack, *q_rows = k_rows + j->pack, *g_rows = q_rows + j->pack;
	int64_t ld = PADDED(keys), block = block_of(keys);

	pad(f, keys, 0);
	SMALL()->pack(1, j->scale, k, d, keys, w, k_columns);
	SMALL()->pack(1, 1, v, d, keys, w, v_columns);
	SMALL()->pack(0, 1, k, d, w, keys, k_rows);
	for (int64_t i0 = 0; i0 < TL_MAX(queries, 1); i0 += block) { /* once also without queries: fresh gradients of keys are written */
		int64_t m = TL_MIN(block, queries - i0);
		SMALL()->product(m, keys, w, q + i0 * d, d, 1, k_columns, false, s, ld);
		SMALL()->product(m, keys, w, g + i0 * d, d, 1, v_columns, false, dp, ld);
		for (int64_t i = 0; i < m; i++) {
			pad(s + i * ld, keys, -INFINITY);
			pad(dp + i * ld, keys, 0);
			rows->attention_back(ld, s + i * ld, lse[(i0 + i) * j->heads], dp + i * ld, j->scale, factors(j, b, h, i0 + i, keys, f));
		}
		SMALL()->pack(0, 1, g + i0 * d, d, w, m, g_rows);
		SMALL()->pack(0, 1, q + i0 * d, d, w, m, q_rows);
		if (j->dv)
			SMALL()->product(keys, w, m, s, 1, ld, g_rows, i0 || !j->fresh_v, j->dv + at_k, d);
		if (j->dq)
			SMALL()->product(m, w, keys, dp, ld, 1, k_rows, !j->fresh_q, j->dq + at_q + i0 * d, d);
		if (j->dk)
			SMALL()->product(keys, w, m, dp, 1, ld, q_rows, i0 || !j->fresh_k, j->dk + at_k, d);
	}
}

static int
backward(tl_op_call *c)
{
	struct job j;
	int64_t tasks;

	if (job_new(&j, c, 2, 5))
		return -1;
	j.dq = c->grad_in[0];
	j.dk = c->grad_in[2];
	j.dv = c->grad_in[3];
	j.fresh_q = c->grad_fresh[0];
	j.fresh_k = c->grad_fresh[2];
	j.fresh_v = c->grad_fresh[3];
	tasks = j.d ? (c->in[1].count - 1) * j.heads : 0;
	/* Queries that are also keys, of other documents: two tasks would add to the same rows. */
	if (j.dq && (j.dq == j.dk || j.dq == j.dv) && memcmp(j.qo, j.ko, (size_t)c->in[1].count * sizeof *j.qo))
		for (int64_t i = 0; i < tasks; i++)
			backward_one(&j, i);
	else
		tl_parallel(c->ctx, tasks, backward_one, &j);
	return 0;
}

TL_CPU_OP(attention, TL_OP_FRESH | TL_OP_RANDOM)
