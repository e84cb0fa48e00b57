/*
 * label.c - one label's problem in the dual, coordinate by coordinate, in double precision.
 * Squared hinge: Hsieh et al. 2008, algorithm 3 with shrinking; logistic: Yu, Huang, Lin 2011, algorithm 5.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "solve.h"

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

void
linear_shuffle(tl_stream *s, int32_t *order, int64_t n)
{
	for (int64_t i = n - 1; i > 0; i--) {
		int64_t j = tl_random_below(s, (uint32_t)i + 1);
		int32_t swap = order[i];
		order[i] = order[j];
		order[j] = swap;
	}
}

static void
squared_hinge(const struct problem *p, struct work *s)
{
	int64_t n = p->data->features->n, active = n;
	double diagonal = 0.5 / p->self->c, bound = INFINITY;

	for (int64_t pass = 0; pass < p->self->iterations; pass++) {
		double highest = -INFINITY, lowest = INFINITY;
		linear_shuffle(&s->stream, s->order, active);
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
		linear_shuffle(&s->stream, s->order, n);
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

int
linear_keep(const struct problem *p, int64_t label, const float *alpha32, const double *alpha, int64_t stride, double *w)
{
	const tl_features *x = p->data->features;
	struct sparse *out = &p->out[label];
	const int32_t *has = p->documents[label], *end = has + p->n_documents[label];
	int64_t kept = 0, width = x->width + 1;

	for (int64_t i = 0; i < x->n; i++) {
		double a = alpha32 ? (double)alpha32[i * stride] : alpha[i * stride];
		bool mine = has < end && *has == i;
		has += mine;
		if (a != 0)
			add(p, w, i, mine ? a : -a);
	}
	for (int64_t f = 0; f < width; f++)
		kept += (float)w[f] != 0;
	out->index = malloc((size_t)(kept + 1) * sizeof *out->index);
	out->value = malloc((size_t)(kept + 1) * sizeof *out->value);
	for (int64_t f = 0; f < width; f++) {
		if (out->index && out->value && (float)w[f] != 0) {
			out->index[out->n] = (int32_t)f;
			out->value[out->n++] = (float)w[f];
		}
		w[f] = 0;
	}
	return out->index && out->value ? 0 : -1;
}

void
linear_solve_label(void *arg, int64_t label)
{
	struct problem *p = arg;
	int64_t n = p->data->features->n, width = p->data->features->width + 1;
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
		memset(s.w, 0, (size_t)width * sizeof *s.w);
	}
	if (!s.w || !s.alpha || !s.y || !s.order || linear_keep(p, label, NULL, s.alpha, 1, s.w) < 0)
		p->failed = true;
	free(s.w);
	free(s.alpha);
	free(s.y);
	free(s.order);
}
