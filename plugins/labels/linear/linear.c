/*
 * linear - one-vs-rest linear classifiers on sparse features (TF-IDF of the text, or the reader's own), without an encoder.
 *
 *   for every label l, y_i = +1 where document i has it, else -1, x_i with a constant 1 appended:
 *   w_l = argmin_w 1/2 |w|^2 + c sum_i max(0, 1 - y_i w.x_i)^2          loss = "squared_hinge"
 *         argmin_w 1/2 |w|^2 + c sum_i ln(1 + exp(-y_i w.x_i))          loss = "logistic"
 *   logits_l = w_l.x                                                     decision values
 *
 * Both are solved in the dual, coordinate by coordinate (squared hinge: Hsieh et al. 2008, algorithm 3 with shrinking, sixteen labels at once; logistic: Yu, Huang, Lin 2011,
 * algorithm 5), in parallel. The order of the coordinates comes from a stream of the label's or block's own: neither the run's seed nor the number of threads changes the result.
 */
#include <stdlib.h>
#include <string.h>

#include "solve.h"

static const tl_param params[] = {
	TL_P_CHOICE(struct linear, loss, "squared_hinge", "squared_hinge|logistic", "loss of every binary problem"),
	TL_P_REAL(struct linear, c, "1", 1e-9, 1e9, "weight of the losses against the regulariser"),
	TL_P_REAL(struct linear, bias, "1", 0, 1e6, "constant appended to every row; 0: none, as LIBLINEAR and LibMultiLabel have it by default"),
	TL_P_REAL(struct linear, tolerance, "0.1", 1e-9, 10, "largest spread of the projected gradient at which a label is done"),
	TL_P_INT(struct linear, iterations, "300", 1, 1000000, "passes over the documents at most"),
	{ 0 }
};
static const tl_slot reads[] = { { .name = "features", .at = offsetof(struct linear, features), .kind = TL_SLOT_FEATURES, .doc = "sparse rows" }, { 0 } };
static const tl_slot writes[] = { { .name = "logits", .at = offsetof(struct linear, logits), .shape = "B L", .doc = "decision values" }, { 0 } };

/* --- all labels ---------------------------------------------------------------------------------------------------------------------- */
static void
drop(void *p)
{
	struct linear *self = p;

	free(self->offsets);
	free(self->label);
	free(self->weight);
	self->offsets = NULL;
	self->label = NULL;
	self->weight = NULL;
}

static int
allocate(tl_ctx *ctx, struct linear *self, int64_t width, int64_t n_labels, int64_t total)
{
	drop(self);
	self->width = width;
	self->n_labels = n_labels;
	self->offsets = calloc((size_t)width + 2, sizeof *self->offsets);
	self->label = malloc((size_t)(total + 1) * sizeof *self->label);
	self->weight = malloc((size_t)(total + 1) * sizeof *self->weight);
	if (!self->offsets || !self->label || !self->weight) {
		drop(self);
		return tl_fail(ctx, "no memory for %ld weights", (long)total);
	}
	return 0;
}

/* From lists by label to lists by feature, labels ascending within one. */
static int
transpose(tl_ctx *ctx, struct linear *self, const struct problem *p, int64_t width, int64_t n_labels)
{
	int64_t total = 0, *at;

	for (int64_t l = 0; l < n_labels; l++)
		total += p->out[l].n;
	if (allocate(ctx, self, width, n_labels, total))
		return -1;
	at = self->offsets + 1; /* counts move up one place, then the sums end where the next feature starts */
	for (int64_t l = 0; l < n_labels; l++)
		for (int64_t k = 0; k < p->out[l].n; k++)
			at[p->out[l].index[k]]++;
	for (int64_t f = 0; f <= width; f++)
		at[f] += f ? at[f - 1] : 0;
	for (int64_t f = width + 1; f > 0; f--)
		self->offsets[f] = self->offsets[f - 1];
	self->offsets[0] = 0;
	at = self->offsets + 1;
	for (int64_t l = 0; l < n_labels; l++) {
		for (int64_t k = 0; k < p->out[l].n; k++) {
			int64_t place = at[p->out[l].index[k]]++;
			self->label[place] = (int32_t)l;
			self->weight[place] = p->out[l].value[k];
		}
		free(p->out[l].index); /* at once: the weights of thousands of labels are not kept twice */
		free(p->out[l].value);
		p->out[l] = (struct sparse){ 0 };
	}
	return 0;
}

/* Labels of like frequency need like numbers of passes, so they share a block. */
static int
more_documents(const void *a, const void *b, void *counts)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
	int64_t n = ((const int64_t *)counts)[x], m = ((const int64_t *)counts)[y];

	return n != m ? (n > m ? -1 : 1) : x < y ? -1 : 1;
}

static int
prepare(tl_ctx *ctx, struct problem *p)
{
	const tl_features *x = p->data->features;
	const tl_lists *y = p->data->labels;
	int64_t n_labels = p->data->n_labels;
	int32_t *room = tl_scratch(ctx, (size_t)(y->offsets[y->n] + 1) * sizeof *room);

	p->square = tl_scratch(ctx, (size_t)(x->n + 1) * sizeof *p->square);
	p->documents = tl_scratch(ctx, (size_t)(n_labels + 1) * sizeof *p->documents);
	p->n_documents = tl_scratch(ctx, (size_t)(n_labels + 1) * sizeof *p->n_documents);
	p->by_frequency = tl_scratch(ctx, (size_t)(n_labels + 1) * sizeof *p->by_frequency);
	p->n_blocks = (n_labels + LANES - 1) / LANES;
	p->out = tl_scratch(ctx, (size_t)(n_labels + 1) * sizeof *p->out);
	if (!room || !p->square || !p->documents || !p->n_documents || !p->by_frequency || !p->out)
		return -1;
	memset(p->out, 0, (size_t)(n_labels + 1) * sizeof *p->out);
	memset(p->n_documents, 0, (size_t)(n_labels + 1) * sizeof *p->n_documents);
	for (int64_t i = 0; i < x->n; i++) {
		p->square[i] = p->self->bias * p->self->bias;
		for (int64_t k = x->offsets[i]; k < x->offsets[i + 1]; k++)
			p->square[i] += (double)x->value[k] * (double)x->value[k];
	}
	for (int32_t k = 0; k < y->offsets[y->n]; k++)
		p->n_documents[y->index[k]]++;
	for (int64_t l = 0; l < n_labels; l++)
		p->by_frequency[l] = (int32_t)l;
	qsort_r(p->by_frequency, (size_t)n_labels, sizeof *p->by_frequency, more_documents, p->n_documents);
	for (int64_t l = 0; l < n_labels; l++) {
		p->documents[l] = room;
		room += p->n_documents[l];
		p->n_documents[l] = 0;
	}
	for (int32_t d = 0; d < y->n; d++)
		for (int32_t k = y->offsets[d]; k < y->offsets[d + 1]; k++)
			p->documents[y->index[k]][p->n_documents[y->index[k]]++] = d;
	return 0;
}

static int
fit(tl_ctx *ctx, void *self, const tl_fit *data)
{
	struct problem p = { .self = self, .data = data };
	int status;

	if (!data->features || !data->features->n)
		return tl_fail(ctx, "no training documents with features");
	if (prepare(ctx, &p))
		return -1;
	/* Single precision is enough for the usual tolerance; a finer one is worth double. */
	if (p.self->loss == SQUARED_HINGE && p.self->tolerance >= 0.001)
		tl_parallel(ctx, p.n_blocks, linear_solve_block, &p);
	else
		tl_parallel(ctx, data->n_labels, linear_solve_label, &p);
	status = p.failed ? tl_fail(ctx, "no memory for the weights of %ld labels over %ld features", (long)data->n_labels, (long)data->features->width)
	                  : transpose(ctx, self, &p, data->features->width, data->n_labels);
	for (int64_t l = 0; l < data->n_labels; l++) {
		free(p.out[l].index);
		free(p.out[l].value);
	}
	return status;
}

/* --- scores --------------------------------------------------------------------------------------------------------------------------- */
struct scoring { const struct linear *self; const tl_features *x; float *scores; };

static void
score_row(void *arg, int64_t i)
{
	const struct scoring *s = arg;
	const struct linear *self = s->self;
	float *row = s->scores + i * self->n_labels;

	memset(row, 0, (size_t)self->n_labels * sizeof *row);
	for (int64_t k = s->x->offsets[i]; k <= s->x->offsets[i + 1]; k++) {
		bool constant = k == s->x->offsets[i + 1];
		int64_t f = constant ? self->width : s->x->index[k];
		float value = constant ? (float)self->bias : s->x->value[k];
		for (int64_t j = self->offsets[f]; j < self->offsets[f + 1]; j++)
			row[self->label[j]] += value * self->weight[j];
	}
}

static int
score(tl_ctx *ctx, void *p, const tl_features *x, float *scores)
{
	struct linear *self = p;
	struct scoring s = { self, x, scores };

	if (!self->offsets)
		return tl_fail(ctx, "nothing was fitted");
	if (x->width != self->width)
		return tl_fail(ctx, "rows of %ld features; the weights are for %ld", (long)x->width, (long)self->width);
	tl_parallel(ctx, x->n, score_row, &s);
	return 0;
}

/* --- as bytes: width, labels, entries; offsets; labels; weights ------------------------------------------------------------------------- */
static int
save(tl_ctx *ctx, void *p, void **bytes, size_t *size)
{
	struct linear *self = p;
	int64_t total = self->offsets ? self->offsets[self->width + 1] : 0, head[3] = { self->width, self->n_labels, total };
	size_t offsets = (size_t)(self->width + 2) * sizeof *self->offsets;
	char *at;

	if (!self->offsets)
		return tl_fail(ctx, "nothing was fitted");
	*size = sizeof head + offsets + (size_t)total * (sizeof *self->label + sizeof *self->weight);
	*bytes = at = malloc(*size);
	if (!at)
		return tl_fail(ctx, "no memory for %zu bytes of weights", *size);
	memcpy(at, head, sizeof head);
	memcpy(at += sizeof head, self->offsets, offsets);
	memcpy(at += offsets, self->label, (size_t)total * sizeof *self->label);
	memcpy(at + (size_t)total * sizeof *self->label, self->weight, (size_t)total * sizeof *self->weight);
	return 0;
}

static int
load(tl_ctx *ctx, void *p, const void *bytes, size_t size)
{
	struct linear *self = p;
	int64_t head[3];
	const char *at = bytes;
	bool good;

	if (size < sizeof head)
		return tl_fail(ctx, "a fitted model of %zu bytes is cut short", size);
	memcpy(head, at, sizeof head);
	if (head[0] < 0 || head[1] < 1 || head[2] < 0 || (uint64_t)head[0] > size / 8 || (uint64_t)head[2] > size / 8 ||
	    size != sizeof head + (size_t)(head[0] + 2) * 8 + (size_t)head[2] * 8)
		return tl_fail(ctx, "a fitted model of %zu bytes does not have the size that its header says", size);
	if (allocate(ctx, self, head[0], head[1], head[2]))
		return -1;
	memcpy(self->offsets, at += sizeof head, (size_t)(head[0] + 2) * 8);
	memcpy(self->label, at += (head[0] + 2) * 8, (size_t)head[2] * 4);
	memcpy(self->weight, at + head[2] * 4, (size_t)head[2] * 4);
	good = self->offsets[0] == 0 && self->offsets[self->width + 1] == head[2];
	for (int64_t f = 0; good && f <= self->width; f++)
		good = self->offsets[f] <= self->offsets[f + 1];
	for (int64_t k = 0; good && k < head[2]; k++)
		good = self->label[k] >= 0 && self->label[k] < self->n_labels;
	if (!good) {
		drop(self);
		return tl_fail(ctx, "the fitted model is damaged: its lists do not hold together");
	}
	return 0;
}

static const tl_module module = { .size = sizeof(tl_module), .fit = fit, .score = score, .save = save, .load = load, .drop = drop, .needs_seed = false };

const tl_plugin tagloom_plugin = {
	TL_LABEL(struct linear),
	.name = "linear",
	.version = "1.0",
	.summary = "TF-IDF and one-vs-rest linear classifiers, no encoder",
	.citation = "Hsieh et al. 2008, algorithm 3; Yu, Huang, Lin 2011, algorithm 5",
	.params = params,
	.reads = reads,
	.writes = writes,
	.module = &module,
};
