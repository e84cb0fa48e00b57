/* evaluate.c - logits of a split: batches by length, no gradient, no dropout; all columns, or the best `keep` where N·L is large. */
#include "loop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef float REAL;
#include "tensor/keep.h"

void
tl_split_scores_new(tl_split_scores *x, int64_t n, int64_t n_labels, int64_t keep, const int64_t *gold_offsets, const int32_t *gold)
{
	bool dense = n_labels == 0 || n <= TL_DENSE_LIMIT / n_labels || keep >= n_labels;

	*x = (tl_split_scores){ 0 };
	if (dense)
		keep = n_labels;
	else
		x->label = tl_alloc((size_t)(n * keep + 1) * sizeof *x->label);
	x->logit = tl_alloc((size_t)(n * keep + 1) * sizeof *x->logit);
	x->s = (tl_scores){ .n = n, .n_labels = n_labels, .keep = keep, .logit = x->logit, .label = x->label, .gold_offsets = gold_offsets, .gold = gold };
}

void
tl_split_scores_free(tl_split_scores *x)
{
	free(x->logit);
	free(x->label);
	*x = (tl_split_scores){ 0 };
}

struct put { tl_split_scores *x; const int32_t *document; const float *row; };

static void
keep_best(void *arg, int64_t i)
{
	const struct put *p = arg;
	int64_t L = p->x->s.n_labels, keep = p->x->s.keep;
	const float *row = p->row + i * L;
	tl_keep h = { .k = keep, .logit = p->x->logit + p->document[i] * keep, .label = p->x->label + p->document[i] * keep };

	keep_more(&h, row, L, 0);
	keep_sort(&h);
}

void
tl_split_scores_put(tl_split_scores *x, tl_pool *pool, const int32_t *document, int64_t n, const float *row)
{
	int64_t L = x->s.n_labels;

	if (x->label) {
		struct put p = { x, document, row };
		tl_pool_run(pool, n, keep_best, &p);
		return;
	}
	for (int64_t i = 0; i < n; i++)
		memcpy(x->logit + document[i] * L, row + i * L, (size_t)L * sizeof *row);
}

/* Stores the best labels of documents as the model found them: best [2, n, keep], logits and labels. */
static void
put_best(tl_split_scores *x, const int32_t *document, int64_t n, const float *best)
{
	int64_t keep = x->s.keep;

	for (int64_t i = 0; i < n; i++) {
		memcpy(x->logit + document[i] * keep, best + i * keep, (size_t)keep * sizeof *best);
		for (int64_t k = 0; k < keep; k++)
			x->label[document[i] * keep + k] = (int32_t)best[(n + i) * keep + k];
	}
}

/* First value that is not finite, or -1. */
static int64_t
not_finite(const float *row, int64_t n)
{
	double sum = 0;

	for (int64_t i = 0; i < n; i++)
		sum += 0 * row[i];
	if (sum == 0)
		return -1;
	for (int64_t i = 0; i < n; i++)
		if (!isfinite(row[i]))
			return i;
	return -1;
}

static const float *
rows_of(tl_evaluator *ev, const tl_tensor *logits)
{
	tl_ctx *ctx = tl_model_ctx(ev->model);
	int64_t n = tl_count(logits);
	double *values;
	tl_arena_mark mark;

	if (tl_dtype_of(logits) == TL_F32 && !tl_ctx_device(ctx))
		return tl_data(logits);
	if (ev->c_row < n || !ev->row) {
		ev->c_row = n;
		ev->row = tl_realloc(ev->row, (size_t)(n + 1) * sizeof *ev->row);
	}
	mark = tl_arena_here(tl_ctx_arena(ctx));
	values = tl_arena_alloc(tl_ctx_arena(ctx), (size_t)(n + 1) * sizeof *values);
	if (tl_get_reals(ctx, logits, values) < 0)
		return NULL;
	for (int64_t i = 0; i < n; i++)
		ev->row[i] = (float)values[i];
	tl_arena_back(tl_ctx_arena(ctx), mark);
	return ev->row;
}

/* The batch's scores into out. */
static int
take(tl_evaluator *ev, const tl_outcome *o, const int32_t *document, int64_t n, const char *const *id, const char *what, tl_split_scores *out, tl_error *e)
{
	int64_t columns = o->best ? out->s.keep : out->s.n_labels, bad;
	const tl_tensor *scores = o->best ? o->best : o->logits;
	const float *row;

	if (!scores || tl_count(scores) != (o->best ? 2 : 1) * n * columns)
		return tl_no_logits(e);
	if (!(row = rows_of(ev, scores)))
		return tl_model_error(ev->model, e);
	if ((bad = not_finite(row, n * columns)) >= 0)
		return tl_error_set(e, TL_FAILED, "%s: the logit of label %lld of document %s is %f; the weights have left the finite numbers, so lower lr or clip",
		                    what, (long long)(o->best ? row[n * columns + bad] : bad % columns), id ? id[document[bad / columns]] : "?", (double)row[bad]);
	if (o->best)
		put_best(out, document, n, row);
	else
		tl_split_scores_put(out, ev->pool, document, n, row);
	return 0;
}

void
tl_evaluation_batches(tl_evaluator *ev, const tl_feed *source, int64_t n_labels)
{
	/* Where a model makes all logits, [B, L] stays below 2^24 numbers: it does not grow with L. */
	int64_t most = TL_MAX((int64_t)1, ((int64_t)1 << 24) / TL_MAX(n_labels, 1));

	tl_batches_by_length(&ev->batches, source->n, source->tokens ? source->tokens->offsets : NULL, ev->batch ? TL_MIN(ev->batch, most) : most, ev->batch_tokens);
}

int
tl_evaluate(tl_evaluator *ev, const tl_feed *source, const char *const *id, const char *what, int64_t step, tl_split_scores *out, tl_error *e)
{
	int status = 0;

	if (tl_model_before_eval(ev->model) < 0)
		return tl_model_error(ev->model, e);
	tl_evaluation_batches(ev, source, out->s.n_labels);
	tl_model_keep(ev->model, out->label ? out->s.keep : 0);
	for (int64_t b = 0; b < ev->batches.n && !status; b++) {
		const int32_t *document = ev->batches.order + ev->batches.start[b];
		int64_t n = ev->batches.start[b + 1] - ev->batches.start[b];
		tl_outcome o = { 0 };

		if (tl_model_step(ev->model, tl_pack(&ev->packer, source, document, n, false), step, false, 1, &o) < 0)
			status = tl_model_error(ev->model, e);
		else
			status = take(ev, &o, document, n, id, what, out, e);
		if (!status && ev->tick)
			status = ev->tick(ev->arg);
	}
	tl_model_keep(ev->model, 0);
	return status;
}

int
tl_evaluate_features(tl_model *m, tl_pool *pool, const tl_features *f, const char *what, tl_split_scores *out, tl_error *e)
{
	int64_t L = out->s.n_labels, chunk = TL_MAX((int64_t)1, TL_MIN(f->n, TL_DENSE_LIMIT / 10 / TL_MAX(L, (int64_t)1))), bad;
	float *row = tl_alloc((size_t)(chunk * L + 1) * sizeof *row);
	int32_t *document = tl_alloc((size_t)(chunk + 1) * sizeof *document);
	int status = 0;

	for (int64_t at = 0; at < f->n && !status; at += chunk) {
		int64_t n = TL_MIN(chunk, f->n - at);
		tl_features part = { .n = n, .width = f->width, .offsets = f->offsets + at, .index = f->index, .value = f->value };
		for (int64_t i = 0; i < n; i++)
			document[i] = (int32_t)(at + i);
		if (tl_model_score(m, &part, row) < 0)
			status = tl_model_error(m, e);
		else if ((bad = not_finite(row, n * L)) >= 0)
			status = tl_error_set(e, TL_FAILED, "%s: the score of label %lld of document number %lld is %f", what, (long long)(bad % L), (long long)(at + bad / L), (double)row[bad]);
		else
			tl_split_scores_put(out, pool, document, n, row);
	}
	free(row);
	free(document);
	return status;
}

void
tl_evaluator_free(tl_evaluator *ev)
{
	tl_packer_free(&ev->packer);
	tl_batches_free(&ev->batches);
	free(ev->row);
	ev->row = NULL;
}
