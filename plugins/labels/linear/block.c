/*
 * block.c - sixteen labels' problems at once (squared hinge, in the dual, coordinate by coordinate with shrinking).
 *
 * The labels visit the documents in one common order. A document's features are read once for all of them, and the labels' weights of one
 * feature are one cache line, so that a visit costs little more than for one label. Every label shrinks and ends on its own.
 * Each lane only ever computes with itself: the same bits with every instruction set.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "solve.h"

struct lanes { _Alignas(64) float s[LANES], bound[LANES], high[LANES], low[LANES], step[LANES]; };

struct block {
	const tl_features *x;
	float bias, diagonal;
	float *w;                /* [width + 1, LANES] */
	float *alpha;            /* [n, LANES] */
	float *inverse;          /* [n] 1 / (|x_i|^2 + diagonal) */
	uint16_t *has, *active;  /* [n] lanes whose label the document has; lanes that still look at it */
	int32_t *order;
	int64_t n_order, shrunk[LANES];
	struct lanes lane;
};

#define INLINE static inline __attribute__((always_inline))

INLINE void
products(const struct block *b, int64_t i, float *restrict s)
{
	const tl_features *x = b->x;
	const float *w = b->w, *last = w + x->width * LANES;
	float odd[LANES];

	for (int l = 0; l < LANES; l++) {
		s[l] = last[l] * b->bias;
		odd[l] = 0;
	}
	for (int64_t k = x->offsets[i]; k < x->offsets[i + 1]; k++) {
		const float *row = w + (int64_t)x->index[k] * LANES;
		float v = x->value[k], *to = k & 1 ? odd : s;
#pragma omp simd
		for (int l = 0; l < LANES; l++)
			to[l] += v * row[l];
	}
	for (int l = 0; l < LANES; l++)
		s[l] += odd[l];
}

INLINE void
spread(const struct block *b, int64_t i, const float *restrict step)
{
	const tl_features *x = b->x;
	float *w = b->w, *last = w + x->width * LANES;

	for (int64_t k = x->offsets[i]; k < x->offsets[i + 1]; k++) {
		float *row = w + (int64_t)x->index[k] * LANES, v = x->value[k];
#pragma omp simd
		for (int l = 0; l < LANES; l++)
			row[l] += v * step[l];
	}
	for (int l = 0; l < LANES; l++)
		last[l] += b->bias * step[l];
}

/* One pass over the documents of the order. */
INLINE void
pass(struct block *b)
{
	struct lanes *z = &b->lane;

	for (int64_t at = 0; at < b->n_order; at++) {
		int64_t i = b->order[at];
		unsigned mask = b->active[i], has = b->has[i], gone = 0;
		float *alpha = b->alpha + i * LANES, inverse = b->inverse[i];
		int moved = 0;
		if (!mask)
			continue;
		products(b, i, z->s);
#pragma omp simd reduction(|:moved, gone)
		for (int l = 0; l < LANES; l++) {
			float y = has >> l & 1 ? 1.0f : -1.0f, a = alpha[l], g = y * z->s[l] - 1 + b->diagonal * a, next, d, pg;
			int on = (int)(mask >> l & 1), out = on & (a == 0) & (g > z->bound[l]), use = on & !out;
			pg = a == 0 && g > 0 ? 0 : g;
			z->high[l] = use && pg > z->high[l] ? pg : z->high[l];
			z->low[l] = use && pg < z->low[l] ? pg : z->low[l];
			next = a - g * inverse;
			next = next > 0 ? next : 0;
			d = use && (pg > 1e-12f || pg < -1e-12f) ? next - a : 0;
			alpha[l] = a + d;
			z->step[l] = d * y;
			moved |= d != 0;
			gone |= (unsigned)out << l;
		}
		if (gone) {
			b->active[i] = (uint16_t)(mask & ~gone);
			for (int l = 0; l < LANES; l++)
				b->shrunk[l] += gone >> l & 1;
		}
		if (moved)
			spread(b, i, z->step);
	}
}

static void
pass_plain(struct block *b)
{
	pass(b);
}

#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx2"))) static void
pass_avx2(struct block *b)
{
	pass(b);
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))) static void
pass_avx512(struct block *b)
{
	pass(b);
}
#endif

static void (*
best_pass(void))(struct block *)
{
#if defined(__x86_64__) && defined(__GNUC__)
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
		return pass_avx512;
	if (__builtin_cpu_supports("avx2"))
		return pass_avx2;
#endif
	return pass_plain;
}

/* Which labels have not ended after the pass; those that have reached their goal on what is left of the documents look at all of them again. */
static unsigned
judge(struct block *b, unsigned alive, double tolerance)
{
	int64_t n = b->x->n;
	unsigned again = 0;

	for (int l = 0; l < LANES; l++) {
		struct lanes *z = &b->lane;
		if (!(alive >> l & 1))
			continue;
		if ((double)z->high[l] - (double)z->low[l] > tolerance) {
			z->bound[l] = z->high[l] > 0 ? z->high[l] : INFINITY;
			continue;
		}
		z->bound[l] = INFINITY;
		if (b->shrunk[l])
			again |= 1u << l;
		else
			alive &= ~(1u << l);
		b->shrunk[l] = 0;
	}
	b->n_order = 0;
	for (int64_t i = 0; i < n; i++) {
		b->active[i] = (uint16_t)((b->active[i] | again) & alive);
		if (b->active[i])
			b->order[b->n_order++] = (int32_t)i;
	}
	return alive;
}

static bool
make(struct block *b, const struct problem *p, int64_t first, int64_t count)
{
	const tl_features *x = p->data->features;
	size_t n = (size_t)x->n, cells = (size_t)(x->width + 1) * LANES;

	b->x = x;
	b->bias = (float)p->self->bias;
	b->diagonal = (float)(0.5 / p->self->c);
	b->w = aligned_alloc(64, cells * sizeof *b->w);
	b->alpha = aligned_alloc(64, (n + 1) * LANES * sizeof *b->alpha);
	b->inverse = malloc((n + 1) * sizeof *b->inverse);
	b->has = calloc(n + 1, sizeof *b->has);
	b->active = malloc((n + 1) * sizeof *b->active);
	b->order = malloc((n + 1) * sizeof *b->order);
	if (!b->w || !b->alpha || !b->inverse || !b->has || !b->active || !b->order)
		return false;
	memset(b->w, 0, cells * sizeof *b->w);
	memset(b->alpha, 0, n * LANES * sizeof *b->alpha);
	for (size_t i = 0; i < n; i++) {
		b->inverse[i] = (float)(1 / (p->square[i] + 0.5 / p->self->c));
		b->active[i] = (uint16_t)((1u << count) - 1);
		b->order[i] = (int32_t)i;
	}
	b->n_order = x->n;
	for (int64_t l = 0; l < count; l++) {
		int32_t label = p->by_frequency[first + l];
		for (int64_t k = 0; k < p->n_documents[label]; k++)
			b->has[p->documents[label][k]] |= (uint16_t)(1u << l);
	}
	return true;
}

void
linear_solve_block(void *arg, int64_t number)
{
	struct problem *p = arg;
	int64_t n_labels = p->data->n_labels, first = number * n_labels / p->n_blocks, count = (number + 1) * n_labels / p->n_blocks - first;
	struct block b = { 0 };
	tl_stream stream = { 0x6c696e656172u, (uint64_t)number, 0 };
	unsigned alive = (1u << count) - 1;
	void (*run)(struct block *) = best_pass();
	double *w = calloc((size_t)p->data->features->width + 1, sizeof *w);
	bool good = make(&b, p, first, count) && w;

	for (int l = 0; l < LANES; l++)
		b.lane.bound[l] = INFINITY;
	for (int64_t k = 0; good && alive && k < p->self->iterations; k++) {
		for (int l = 0; l < LANES; l++) {
			b.lane.high[l] = -INFINITY;
			b.lane.low[l] = INFINITY;
		}
		linear_shuffle(&stream, b.order, b.n_order);
		run(&b);
		alive = judge(&b, alive, p->self->tolerance);
	}
	for (int64_t l = 0; good && l < count; l++)
		good = !linear_keep(p, p->by_frequency[first + l], b.alpha + l, NULL, LANES, w);
	if (!good)
		p->failed = true;
	free(b.w);
	free(b.alpha);
	free(b.inverse);
	free(b.has);
	free(b.active);
	free(b.order);
	free(w);
}
