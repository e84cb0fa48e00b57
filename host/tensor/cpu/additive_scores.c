/*
 * additive_scores.c - v . tanh(label_l + text_t) for every token t and label l (additive attention), [T, L] from [T, a] and [L, a] or
 * [B, L, a]; the [T, L, a] in between is never stored and is computed once more in the backward.
 *
 * tanh(x + y) = 1 - 2 / (e^2x e^2y + 1): with tables of e^2x and e^2y two elements cost a few products and one division. The tables hold
 * as long as every |x| and |y| is below LIMIT; otherwise tanh itself is called, slowly.
 *
 * Tokens and labels are cut into chunks. The backward goes over the grid of chunks in rounds in which no two tiles share a chunk, so
 * that gradients of tokens and of labels are both added up in a fixed order without copies.
 */
#include "tensor/cpu/cut.h"

#ifdef TL_DOUBLE
#define LIMIT 80
#define TANH tanh
#else
#define LIMIT 10
#define TANH tanhf
#endif
#define MOST_CHUNKS 32

typedef struct job {
	const REAL *text, *label, *v, *g;
	REAL *out, *dtext, *dlabel;
	REAL *text_exp, *label_exp;    /* NULL: tanh itself */
	REAL *dv, *spare;              /* [token chunks, a]; a row to write to where a label has no partner */
	int32_t *document;             /* [T] document of each token */
	int64_t t, l, a, per_document; /* per_document: 1 where the labels differ per document */
	int64_t text_chunk, label_chunk, text_chunks, label_chunks, round;
} job;

static int
shape(tl_op_call *c)
{
	const tl_view *label = &c->in[2];
	int64_t documents;

	if (tl_shape_rank(c, 0, 2, 2) || shape_offsets(c, 1, &documents) || tl_shape_rank(c, 2, 2, 3) || tl_shape_rank(c, 3, 1, 1))
		return -1;
	if (label->rank == 3 && tl_shape_dim(c, 2, 0, documents, "one block for each document"))
		return -1;
	if (tl_shape_dim(c, 2, -1, c->in[0].dim[1], "text's width") || tl_shape_dim(c, 3, 0, c->in[0].dim[1], "text's width"))
		return -1;
	return tl_shape_out(c, TL_REAL_DTYPE, 2, (int64_t[]){ c->in[0].dim[0], label->dim[label->rank - 2] });
}

static bool
within_limit(const REAL *x, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		if (!(x[i] < LIMIT && x[i] > -LIMIT))
			return false;
	return true;
}

typedef struct table_job { const REAL *x; REAL *out; int64_t n; } table_job;

static void
table_tile(void *arg, int64_t t)
{
	const table_job *j = arg;

	int64_t from = t * TILE, n = TL_MIN(TILE, j->n - from);

	for (int64_t i = from; i < from + n; i++)
		j->out[i] = 2 * j->x[i];
	INNER()->exp(n, j->out + from, j->out + from);
}

static REAL *
table(tl_op_call *c, const tl_view *x)
{
	table_job j = { .x = x->data, .n = x->count };

	if ((j.out = tl_scratch(c->ctx, (size_t)j.n * sizeof(REAL))))
		tl_parallel(c->ctx, tiles(j.n, TILE), table_tile, &j);
	return j.out;
}

static int
make_job(tl_op_call *c, job *j)
{
	const int32_t *at = c->in[1].data;
	const tl_view *text = &c->in[0], *label = &c->in[2];

	*j = (job){ .text = text->data, .label = label->data, .v = c->in[3].data, .t = text->dim[0], .a = text->dim[1],
	            .l = label->dim[label->rank - 2], .per_document = label->rank == 3 };
	if (!(j->document = tl_scratch(c->ctx, (size_t)j->t * sizeof(int32_t))))
		return -1;
	for (int64_t i = 0; i + 1 < c->in[1].count; i++)
		for (int64_t t = at[i]; t < at[i + 1]; t++)
			j->document[t] = (int32_t)i;
	/* Chunks of at least 8 rows each way, at most MOST_CHUNKS; as many label chunks as token chunks, for the rounds. */
	j->text_chunk = TL_MAX(8, tiles(j->t, MOST_CHUNKS));
	j->text_chunks = tiles(j->t, j->text_chunk);
	j->label_chunk = TL_MAX(1, tiles(j->l, TL_MAX(1, j->text_chunks)));
	j->label_chunks = tiles(j->l, j->label_chunk);
	if (within_limit(j->text, text->count) && within_limit(j->label, label->count)) {
		if (!(j->text_exp = table(c, text)) || !(j->label_exp = table(c, label)))
			return -1;
	}
	return 0;
}

static const REAL *
labels_of(const job *j, const REAL *label, int64_t t)
{
	return label + (j->per_document ? j->document[t] * j->l * j->a : 0);
}

/* Scores of labels from .. to-1 with token t. */
static void
forward_token(const job *j, int64_t t, int64_t from, int64_t to)
{
	const REAL *v = j->v, *x = j->text + t * j->a, *y = labels_of(j, j->label, t);
	REAL *out = j->out + t * j->l;

	for (int64_t l = from; j->text_exp && l < to; l += 2) {
		const REAL *e = labels_of(j, j->label_exp, t) + l * j->a;
		REAL two[2];

		INNER()->additive_two(j->a, v, j->text_exp + t * j->a, e, l + 1 < to ? e + j->a : e, two);
		out[l] = two[0];
		if (l + 1 < to)
			out[l + 1] = two[1];
	}
	for (int64_t l = from; !j->text_exp && l < to; l++) {
		REAL sum = 0;

		for (int64_t k = 0; k < j->a; k++)
			sum += v[k] * TANH(x[k] + y[l * j->a + k]);
		out[l] = sum;
	}
}

static void
forward_tile(void *arg, int64_t i)
{
	const job *j = arg;
	int64_t chunk = i / j->label_chunks, from = i % j->label_chunks * j->label_chunk, to = TL_MIN(j->l, from + j->label_chunk);

	for (int64_t t = chunk * j->text_chunk; t < TL_MIN(j->t, (chunk + 1) * j->text_chunk); t++)
		forward_token(j, t, from, to);
}

static int
forward(tl_op_call *c)
{
	job j;

	if (tl_check_offsets(c, 1, c->in[0].dim[0]) || make_job(c, &j))
		return -1;
	j.out = c->out.data;
	tl_parallel(c->ctx, j.text_chunks * j.label_chunks, forward_tile, &j);
	return 0;
}

/* Token t and labels from .. to-1: g v (1 - tanh^2) for both, g tanh for v. */
static void
backward_token(const job *j, int64_t t, int64_t from, int64_t to, int64_t chunk)
{
	const REAL *v = j->v, *g = j->g + t * j->l, *x = j->text + t * j->a, *y = labels_of(j, j->label, t);
	REAL *dx = j->dtext + t * j->a, *dy = j->dlabel + (labels_of(j, j->label, t) - j->label), *dv = j->dv + chunk * j->a;

	for (int64_t l = from; j->text_exp && l < to; l += 2) {
		const REAL *e = labels_of(j, j->label_exp, t) + l * j->a;
		bool pair = l + 1 < to;

		INNER()->additive_back(j->a, v, j->text_exp + t * j->a, e, pair ? e + j->a : e, g[l], pair ? g[l + 1] : 0, dv, dx, dy + l * j->a,
		                       pair ? dy + (l + 1) * j->a : j->spare + chunk * j->a);
	}
	for (int64_t l = from; !j->text_exp && l < to; l++)
		for (int64_t k = 0; k < j->a; k++) {
			REAL h = TANH(x[k] + y[l * j->a + k]), d = g[l] * v[k] * (1 - h * h);

			dv[k] += g[l] * h;
			dx[k] += d;
			dy[l * j->a + k] += d;
		}
}

static void
backward_tile(void *arg, int64_t chunk)
{
	const job *j = arg;
	int64_t from = (chunk + j->round) % j->text_chunks * j->label_chunk, to = TL_MIN(j->l, from + j->label_chunk);

	for (int64_t t = chunk * j->text_chunk; t < TL_MIN(j->t, (chunk + 1) * j->text_chunk); t++)
		backward_token(j, t, from, to, chunk);
}

/* A gradient that nobody wants is added up in scratch memory: the loop stays one. */
static REAL *
gradient_or_scratch(tl_op_call *c, int input, bool scratch)
{
	size_t bytes = (size_t)c->in[input].count * sizeof(REAL);
	REAL *p = scratch ? NULL : c->grad_in[input];

	if (!p && (p = tl_scratch(c->ctx, bytes)))
		memset(p, 0, bytes);
	return p;
}

static int
backward(tl_op_call *c)
{
	job j;
	REAL *dv = c->grad_in[3];
	bool twice = c->grad_in[0] && c->grad_in[0] == c->grad_in[2]; /* one tensor is text and labels: tiles would share its rows */

	if (make_job(c, &j))
		return -1;
	j.g = c->grad_out;
	if (!(j.dtext = gradient_or_scratch(c, 0, false)) || !(j.dlabel = gradient_or_scratch(c, 2, twice)) ||
	    !(j.dv = tl_scratch(c->ctx, (size_t)(2 * j.text_chunks * j.a) * sizeof(REAL))))
		return -1;
	memset(j.dv, 0, (size_t)(2 * j.text_chunks * j.a) * sizeof(REAL));
	j.spare = j.dv + j.text_chunks * j.a;
	for (j.round = 0; j.round < j.text_chunks; j.round++)
		tl_parallel(c->ctx, j.text_chunks, backward_tile, &j);
	for (int64_t i = 0; twice && i < c->in[0].count; i++)
		j.dtext[i] += j.dlabel[i];
	for (int64_t i = 0; dv && i < j.text_chunks; i++)
#pragma omp simd
		for (int64_t k = 0; k < j.a; k++)
			dv[k] += j.dv[i * j.a + k];
	return 0;
}

TL_CPU_OP(additive_scores, 0)
