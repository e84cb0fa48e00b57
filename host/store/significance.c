/* significance.c - paired approximate randomisation, bootstrap intervals, Holm's correction. */
#include "significance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/threads.h"
#include "tensor/core.h"

const char tl_test_method[] = "paired approximate randomisation, percentile bootstrap; means over runs";

enum { CHUNK = 100 /* rounds per piece of work */, NARROW = 48 /* widths up to here are kept dense */ };

struct work {
	const tl_test_job *job;
	tl_sparse *difference;   /* [jobs] a - b, rows of zeros left empty */
	double **dense;          /* [jobs] of narrow ones: difference, a, b, each [width, n]; else NULL */
	int64_t **moved;         /* [jobs] of wide ones: documents whose rows differ */
	int64_t *n_moved;
	double **present;        /* [jobs] n ones and zeros */
	double *observed, *threshold;
	int n_jobs, rounds;
	int64_t n, widest;
	uint64_t key[2];
	int64_t *extreme;        /* [chunks, jobs] */
	double *boot;            /* [jobs, rounds] */
};

static double
difference_of(const tl_test_job *j, const double *a, const double *b, int64_t n)
{
	return j->value(j->arg, a, n) - j->value(j->arg, b, n);
}

static double
weighted(const double *weight, const double *x, int64_t n)
{
	double sum = 0;

#pragma omp simd reduction(+ : sum)
	for (int64_t i = 0; i < n; i++)
		sum += weight[i] * x[i];
	return sum;
}

/* flip: [n] 1 where the document's rows change sides. */
static double
randomised(const struct work *w, int j, const double *flip, double *a, double *b)
{
	const tl_test_job *job = &w->job[j];
	const tl_sparse *d = &w->difference[j];

	if (w->dense[j]) {
		for (int64_t k = 0; k < d->width; k++) {
			double moved = weighted(flip, w->dense[j] + k * w->n, w->n);
			a[k] = job->a.total[k] - moved;
			b[k] = job->b.total[k] + moved;
		}
	} else {
		memcpy(a, job->a.total, (size_t)d->width * 8);
		memcpy(b, job->b.total, (size_t)d->width * 8);
		for (int64_t m = 0; m < w->n_moved[j]; m++) {
			int64_t i = w->moved[j][m];
			for (int64_t k = d->offset[i]; k < d->offset[i + 1]; k++) {
				a[d->index[k]] -= flip[i] * d->value[k];
				b[d->index[k]] += flip[i] * d->value[k];
			}
		}
	}
	return difference_of(job, a, b, job->n_present);
}

static void
weighted_sums(const tl_sparse *s, const double *count, double *sums)
{
	memset(sums, 0, (size_t)s->width * 8);
	for (int64_t i = 0; i < s->n; i++)
		for (int64_t k = s->offset[i]; count[i] != 0 && k < s->offset[i + 1]; k++)
			sums[s->index[k]] += count[i] * s->value[k];
}

/* count: [n] how often the document was drawn. */
static double
resampled(const struct work *w, int j, const double *count, double *a, double *b)
{
	const tl_test_job *job = &w->job[j];
	int64_t width = w->difference[j].width;

	for (int64_t k = 0; w->dense[j] && k < width; k++) {
		a[k] = weighted(count, w->dense[j] + (width + k) * w->n, w->n);
		b[k] = weighted(count, w->dense[j] + (2 * width + k) * w->n, w->n);
	}
	if (!w->dense[j]) {
		weighted_sums(&job->a.rows, count, a);
		weighted_sums(&job->b.rows, count, b);
	}
	return difference_of(job, a, b, (int64_t)weighted(count, w->present[j], w->n));
}

/* One bit a document. */
static void
draw_flips(uint64_t key, uint64_t round, int64_t n, double *flip)
{
	for (int64_t i = 0; i < n; i += 128) {
		uint32_t word[4];
		tl_philox(key, round, (uint64_t)(i / 128), word);
		for (int64_t k = i; k < n && k < i + 128; k++)
			flip[k] = (double)(word[(k - i) / 32] >> ((k - i) % 32) & 1);
	}
}

/* n documents with replacement. Multiplying and shifting is biased by less than n / 2^32. */
static void
draw_counts(uint64_t key, uint64_t round, int64_t n, double *count)
{
	memset(count, 0, (size_t)n * 8);
	for (int64_t i = 0; i < n; i += 4) {
		uint32_t word[4];
		tl_philox(key, round, (uint64_t)(i / 4), word);
		for (int64_t k = 0; k < 4 && i + k < n; k++)
			count[(uint64_t)word[k] * (uint64_t)n >> 32] += 1;
	}
}

static void
some_rounds(void *arg, int64_t chunk)
{
	struct work *w = arg;
	double *weight = tl_alloc((size_t)w->n * 8 + 8), *a = tl_alloc((size_t)w->widest * 8 + 8), *b = tl_alloc((size_t)w->widest * 8 + 8);

	for (int64_t r = chunk * CHUNK; r < (chunk + 1) * CHUNK && r < w->rounds; r++) {
		draw_flips(w->key[0], (uint64_t)r, w->n, weight);
		for (int j = 0; j < w->n_jobs; j++)
			w->extreme[chunk * w->n_jobs + j] += fabs(randomised(w, j, weight, a, b)) >= w->threshold[j];
		draw_counts(w->key[1], (uint64_t)r, w->n, weight);
		for (int j = 0; j < w->n_jobs; j++)
			w->boot[(int64_t)j * w->rounds + r] = resampled(w, j, weight, a, b);
	}
	free(weight);
	free(a);
	free(b);
}

static double *
dense_of(const tl_test_job *job, const tl_sparse *d)
{
	const tl_sparse *part[3] = { d, &job->a.rows, &job->b.rows };
	double *x;

	if (d->width > NARROW)
		return NULL;
	x = tl_alloc((size_t)(3 * d->width * d->n + 1) * 8);
	for (int p = 0; p < 3; p++)
		for (int64_t i = 0; i < d->n; i++)
			for (int64_t k = part[p]->offset[i]; k < part[p]->offset[i + 1]; k++)
				x[(p * d->width + part[p]->index[k]) * d->n + i] = part[p]->value[k];
	return x;
}

static int
ascending(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return a < b ? -1 : a > b;
}

/* 95 % percentiles; rounds in which the metric was undefined are left out. */
static void
interval(double *v, int rounds, double *low, double *high)
{
	int n = 0;

	for (int r = 0; r < rounds; r++)
		if (!isnan(v[r]))
			v[n++] = v[r];
	*low = *high = NAN;
	if (!n)
		return;
	qsort(v, (size_t)n, sizeof *v, ascending);
	*low = v[(int)floor(0.025 * (n - 1))];
	*high = v[(int)ceil(0.975 * (n - 1))];
}

static tl_pool *
all_threads(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return tl_pool_new(n < 1 ? 1 : n > 16 ? 16 : (int)n);
}

static void
prepare(struct work *w, int j)
{
	const tl_test_job *job = &w->job[j];

	w->difference[j] = tl_sparse_sum(&job->a.rows, -1, &job->b.rows);
	w->dense[j] = dense_of(job, &w->difference[j]);
	w->moved[j] = tl_alloc((size_t)(w->n + 1) * 8);
	for (int64_t i = 0; i < w->n; i++)
		if (w->difference[j].offset[i + 1] > w->difference[j].offset[i])
			w->moved[j][w->n_moved[j]++] = i;
	w->present[j] = tl_alloc((size_t)(w->n + 1) * 8);
	for (int64_t i = 0; i < w->n; i++)
		w->present[j][i] = job->present[i];
	w->observed[j] = difference_of(job, job->a.total, job->b.total, job->n_present);
	/* Rounding must not let a round that only renames the sides fall below the observed difference. */
	w->threshold[j] = fabs(w->observed[j]) * (1 - 1e-10) - 1e-14;
	w->widest = TL_MAX(w->widest, w->difference[j].width);
}

void
tl_paired_tests(int n_jobs, const tl_test_job *job, int64_t n, int rounds, tl_paired *out)
{
	int64_t chunks = (rounds + CHUNK - 1) / CHUNK;
	struct work w = { .job = job, .n_jobs = n_jobs, .n = n, .rounds = rounds };
	tl_pool *pool;

	w.difference = tl_alloc((size_t)n_jobs * sizeof *w.difference);
	w.dense = tl_alloc((size_t)n_jobs * sizeof *w.dense);
	w.moved = tl_alloc((size_t)n_jobs * sizeof *w.moved);
	w.n_moved = tl_alloc((size_t)n_jobs * sizeof *w.n_moved);
	w.present = tl_alloc((size_t)n_jobs * sizeof *w.present);
	w.observed = tl_alloc((size_t)n_jobs * 8);
	w.threshold = tl_alloc((size_t)n_jobs * 8);
	w.extreme = tl_alloc((size_t)(chunks * n_jobs) * 8);
	w.boot = tl_alloc((size_t)n_jobs * (size_t)rounds * 8);
	w.key[0] = tl_stream_key(TL_TEST_SEED, "test", "randomise", 0);
	w.key[1] = tl_stream_key(TL_TEST_SEED, "test", "bootstrap", 0);
	for (int j = 0; j < n_jobs; j++)
		prepare(&w, j);
	pool = all_threads();
	tl_pool_run(pool, chunks, some_rounds, &w);
	tl_pool_free(pool);
	for (int j = 0; j < n_jobs; j++) {
		int64_t extreme = 0;
		for (int64_t c = 0; c < chunks; c++)
			extreme += w.extreme[c * n_jobs + j];
		out[j] = (tl_paired){ .tested = !isnan(w.observed[j]), .delta = w.observed[j], .p = (1. + (double)extreme) / (1. + rounds), .n_docs = job[j].n_present };
		interval(w.boot + (int64_t)j * rounds, rounds, &out[j].low, &out[j].high);
		if (!out[j].tested)
			out[j].why = tl_strdup("undefined");
		tl_sparse_free(&w.difference[j]);
		free(w.dense[j]);
		free(w.moved[j]);
		free(w.present[j]);
	}
	free(w.difference);
	free(w.dense);
	free(w.moved);
	free(w.n_moved);
	free(w.present);
	free(w.observed);
	free(w.threshold);
	free(w.extreme);
	free(w.boot);
}

struct ranked { double p; int64_t at; };

static int
smaller_p(const void *x, const void *y)
{
	const struct ranked *a = x, *b = y;

	if (a->p != b->p)
		return a->p < b->p ? -1 : 1;
	return a->at < b->at ? -1 : 1;
}

void
tl_holm(int64_t n, double *p)
{
	struct ranked *r = tl_alloc((size_t)(n + 1) * sizeof *r);
	double largest = 0;
	int64_t m = 0;

	for (int64_t i = 0; i < n; i++)
		if (!isnan(p[i]))
			r[m++] = (struct ranked){ p[i], i };
	qsort(r, (size_t)m, sizeof *r, smaller_p);
	for (int64_t i = 0; i < m; i++) {
		largest = TL_MAX(largest, (double)(m - i) * r[i].p);
		p[r[i].at] = TL_MIN(largest, 1.0);
	}
	free(r);
}
