/*
 * linear - one-vs-rest linear classifiers on sparse features (TF-IDF of the text, or the reader's own), without an encoder.
 *
 *   for every label l, y_i = +1 where document i has it, else -1, x_i with a constant 1 appended:
 *   w_l = argmin_w 1/2 |w|^2 + c sum_i max(0, 1 - y_i w.x_i)^2          loss = "squared_hinge"
 *         argmin_w 1/2 |w|^2 + c sum_i ln(1 + exp(-y_i w.x_i))          loss = "logistic"
 *   logits_l = w_l.x                                                     decision values
 *
 * Both are solved in the dual, coordinate by coordinate (squared hinge: Hsieh et al. 2008, algorithm 3 with shrinking; logistic: Yu, Huang, Lin 2011, algorithm 5), labels in parallel.
 * The order of the coordinates comes from a stream of the label's own, so that the result depends neither on the run's seed nor on the number of threads.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tagloom/plugin.h"

enum { SQUARED_HINGE, LOGISTIC };

/* The fitted weights by feature: those of feature f are entries offsets[f] .. offsets[f + 1] - 1; feature `width` is the constant. */
struct linear {
	int loss;
	double c, tolerance, bias;
	int64_t iterations;
	const tl_features *features;
	tl_tensor *logits;
	int64_t width, n_labels, *offsets;
	int32_t *label;
	float *weight;
};

static const tl_param params[] = {
	TL_P_CHOICE(struct linear, loss, "squared_hinge", "squared_hinge|logistic", "loss of every binary problem"),
	TL_P_REAL(struct linear, c, "1", 1e-9, 1e9, "weight of the losses against the regulariser"),
	TL_P_REAL(struct linear, bias, "1", 0, 1e6, "constant appended to every row; 0: none"),
	TL_P_REAL(struct linear, tolerance, "0.1", 1e-9, 10, "largest spread of the projected gradient at which a label is done"),
	TL_P_INT(struct linear, iterations, "300", 1, 1000000, "passes over the documents at most"),
	{ 0 }
};
static const tl_slot reads[] = { { .name = "features", .at = offsetof(struct linear, features), .kind = TL_SLOT_FEATURES, .doc = "sparse rows" }, { 0 } };
static const tl_slot writes[] = { { .name = "logits", .at = offsetof(struct linear, logits), .shape = "B L", .doc = "decision values" }, { 0 } };

/* --- one label ---------------------------------------------------------------------------------------------------------------------- */
struct problem {
	const struct linear *self;
	const tl_fit *data;
	double *square;              /* [n] |x_i|^2, the constant included */
	int32_t **documents;         /* [L] documents that have the label */
	int64_t *n_documents;        /* [L] */
	struct sparse { int64_t n; int32_t *index; float *value; } *out; /* [L] */
	bool failed;
};

struct work { double *w, *alpha; signed char *y; int32_t *order; tl_stream stream; }; /* w [width + 1] */

static double
dot(const struct problem *p, const double *w, int64_t i)
{
	const tl_features *x = p->data->features;
	double s0 = w[x->width] * p->self->bias, s1 = 0;
	int64_t k = x->offsets[i], end = x->offsets[i + 1];

	for (; k + 1 < end; k += 2) {
		s0 += w[x->index[k]] * (double)x->value[k];
		s1 += w[x->index[k + 1]] * (double)x->value[k + 1];
	}
	if (k < end)
		s0 += w[x->index[k]] * (double)x->value[k];
	return s0 + s1;
}

static void
add(const struct problem *p, double *w, int64_t i, double by)
{
	const tl_features *x = p->data->features;

	for (int64_t k = x->offsets[i]; k < x->offsets[i + 1]; k++)
		w[x->index[k]] += by * (double)x->value[k];
	w[x->width] += by * p->self->bias;
}

/* A step of the generator that both solvers draw from: a permutation of the active coordinates. */
static void
shuffle(struct work *s, int64_t n)
{
	for (int64_t i = n - 1; i > 0; i--) {
		int64_t j = tl_random_below(&s->stream, (uint32_t)i + 1);
		int32_t swap = s->order[i];
		s->order[i] = s->order[j];
		s->order[j] = swap;
	}
}

static void
squared_hinge(const struct problem *p, struct work *s)
{
	int64_t n = p->data->features->n, active = n;
	double diagonal = 0.5 / p->self->c, bound = INFINITY;

	for (int64_t pass = 0; pass < p->self->iterations; pass++) {
		double highest = -INFINITY, lowest = INFINITY;
		shuffle(s, active);
		for (int64_t a = 0; a < active; a++) {
			int32_t i = s->order[a];
			double y = s->y[i], g = y * dot(p, s->w, i) - 1 + diagonal * s->alpha[i], projected = g;
			if (s->alpha[i] == 0) {
				if (g > bound) { /* shrunk: it stays at zero until the end is checked */
					s->order[a--] = s->order[--active];
					s->order[active] = i;
					continue;
				}
				projected = g < 0 ? g : 0;
			}
			highest = projected > highest ? projected : highest;
			lowest = projected < lowest ? projected : lowest;
			if (fabs(projected) > 1e-12) {
				double old = s->alpha[i], next = old - g / (p->square[i] + diagonal);
				s->alpha[i] = next > 0 ? next : 0;
				add(p, s->w, i, (s->alpha[i] - old) * y);
			}
		}
		if (highest - lowest <= p->self->tolerance) {
			if (active == n)
				return;
			active = n;
			bound = INFINITY;
			continue;
		}
		bound = highest > 0 ? highest : INFINITY;
	}
}

/* alpha in (0, c); minimises alpha ln alpha + (c - alpha) ln(c - alpha) + the quadratic along one coordinate by Newton steps. */
static void
logistic(const struct problem *p, struct work *s)
{
	int64_t n = p->data->features->n;
	double c = p->self->c;

	for (int64_t i = 0; i < n; i++) {
		s->alpha[i] = c * 0.001 < 1e-8 ? c * 0.001 : 1e-8;
		add(p, s->w, i, s->alpha[i] * s->y[i]);
	}
	for (int64_t pass = 0; pass < p->self->iterations; pass++) {
		double largest = 0;
		shuffle(s, n);
		for (int64_t k = 0; k < n; k++) {
			int32_t i = s->order[k];
			double a = p->square[i], b = s->y[i] * dot(p, s->w, i), old = s->alpha[i], sign = 1, z, gradient;
			/* The side of the interval on which Newton's method converges: see the paper's Theorem 4. */
			if (0.5 * a * (c - old - old) + b < 0) {
				old = c - old;
				sign = -1;
			}
			z = old;
			if (c - z < 0.5 * c)
				z *= 0.1;
			gradient = a * (z - old) + sign * b + log(z / (c - z));
			largest = fabs(gradient) > largest ? fabs(gradient) : largest;
			for (int step = 0; step < 100 && fabs(gradient) >= 1e-3 * p->self->tolerance; step++) {
				double h = a + c / (c - z) / z, next = z - gradient / h;
				z = next <= 0 ? z * 0.1 : next >= c ? (z + c) / 2 : next;
				gradient = a * (z - old) + sign * b + log(z / (c - z));
			}
			if (z != old) {
				s->alpha[i] = sign > 0 ? z : c - z;
				add(p, s->w, i, sign * (z - old) * s->y[i]);
			}
		}
		if (largest < p->self->tolerance)
			return;
	}
}

static void
solve(void *arg, int64_t label)
{
	struct problem *p = arg;
	int64_t n = p->data->features->n, width = p->data->features->width + 1, kept = 0;
	struct sparse *out = &p->out[label];
	struct work s = { calloc((size_t)width, sizeof *s.w), calloc((size_t)n, sizeof *s.alpha), malloc((size_t)n), malloc((size_t)n * sizeof *s.order), { 0x6c696e656172u, (uint64_t)label, 0 } };

	if (s.w && s.alpha && s.y && s.order) {
		memset(s.y, -1, (size_t)n);
		for (int64_t i = 0; i < p->n_documents[label]; i++)
			s.y[p->documents[label][i]] = 1;
		for (int64_t i = 0; i < n; i++)
			s.order[i] = (int32_t)i;
		if (p->self->loss == LOGISTIC)
			logistic(p, &s);
		else
			squared_hinge(p, &s);
		for (int64_t f = 0; f < width; f++)
			kept += (float)s.w[f] != 0;
		out->index = malloc((size_t)(kept + 1) * sizeof *out->index);
		out->value = malloc((size_t)(kept + 1) * sizeof *out->value);
		for (int64_t f = 0; out->index && out->value && f < width; f++)
			if ((float)s.w[f] != 0) {
				out->index[out->n] = (int32_t)f;
				out->value[out->n++] = (float)s.w[f];
			}
	}
	if (!s.w || !s.alpha || !s.y || !s.order || !out->index || !out->value)
		p->failed = true;
	free(s.w);
	free(s.alpha);
	free(s.y);
	free(s.order);
}

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
	for (int64_t l = 0; l < n_labels; l++)
		for (int64_t k = 0; k < p->out[l].n; k++) {
			int64_t place = at[p->out[l].index[k]]++;
			self->label[place] = (int32_t)l;
			self->weight[place] = p->out[l].value[k];
		}
	return 0;
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
	p->out = tl_scratch(ctx, (size_t)(n_labels + 1) * sizeof *p->out);
	if (!room || !p->square || !p->documents || !p->n_documents || !p->out)
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
	tl_parallel(ctx, data->n_labels, solve, &p);
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
