/* significance.test.c - paired tests against what can be worked out exactly. */
#include "store/significance.h"
#include "tap.h"

#include <math.h>

enum { MOST = 400 };

static double
mean_value(const void *arg, const double *sums, int64_t n)
{
	(void)arg;
	return n > 0 ? sums[0] / (double)n : NAN;
}

/* 2 tp / (2 tp + fp + fn), the three sums of a micro-averaged F1. */
static double
f1_value(const void *arg, const double *sums, int64_t n)
{
	(void)arg;
	(void)n;
	return sums[0] + sums[1] + sums[2] > 0 ? 2 * sums[0] / (2 * sums[0] + sums[1] + sums[2]) : 0;
}

static tl_test_side
side(int64_t n, int64_t width, const double *row)
{
	tl_test_side s = { { n, width, calloc((size_t)n + 1, 8), calloc((size_t)(n * width) + 1, 4), calloc((size_t)(n * width) + 1, 8) }, calloc((size_t)width, 8) };
	int64_t at = 0;

	for (int64_t i = 0; i < n; i++) {
		for (int64_t k = 0; k < width; k++) {
			s.total[k] += row[i * width + k];
			if (row[i * width + k] == 0)
				continue;
			s.rows.index[at] = (int32_t)k;
			s.rows.value[at++] = row[i * width + k];
		}
		s.rows.offset[i + 1] = at;
	}
	return s;
}

static unsigned char everybody[MOST];

static tl_paired
test(int64_t n, int64_t width, const double *a, const double *b, double (*value)(const void *, const double *, int64_t))
{
	tl_test_job job = { side(n, width, a), side(n, width, b), everybody, n, value, NULL };
	tl_paired out;

	memset(everybody, 1, sizeof everybody);
	tl_paired_tests(1, &job, n, TL_TEST_ROUNDS, &out);
	free(job.a.rows.offset);
	free(job.a.rows.index);
	free(job.a.rows.value);
	free(job.a.total);
	free(job.b.rows.offset);
	free(job.b.rows.index);
	free(job.b.rows.value);
	free(job.b.total);
	return out;
}

/* Share of all 2^n ways to change sides whose difference is at least as large. */
static double
exact(int64_t n, int64_t width, const double *a, const double *b, double (*value)(const void *, const double *, int64_t))
{
	double observed = -1;
	int64_t extreme = 0;

	for (int64_t sides = 0; sides < (int64_t)1 << n; sides++) {
		double x[3] = { 0 }, y[3] = { 0 }, d;
		for (int64_t i = 0; i < n; i++)
			for (int64_t k = 0; k < width; k++) {
				bool flip = sides >> i & 1;
				x[k] += (flip ? b : a)[i * width + k];
				y[k] += (flip ? a : b)[i * width + k];
			}
		d = fabs(value(NULL, x, n) - value(NULL, y, n));
		if (!sides)
			observed = d;
		extreme += d >= observed - 1e-12;
	}
	return (double)extreme / (double)((int64_t)1 << n);
}

static uint64_t seed = 7;

static double
unit(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (double)(seed >> 11) / 9007199254740992.;
}

static void
against_all_ways(void)
{
	double a[42], b[42], worst = 0, p;
	tl_paired t;

	for (int trial = 0; trial < 6; trial++) {
		for (int i = 0; i < 14; i++) {
			a[i] = unit() + 0.05 * trial;
			b[i] = unit();
		}
		p = exact(14, 1, a, b, mean_value);
		t = test(14, 1, a, b, mean_value);
		worst = fmax(worst, fabs(t.p - p) / sqrt(p * (1 - p) / TL_TEST_ROUNDS + 1e-9));
	}
	ok(worst < 4.5, "p of a mean agrees with all 2^14 ways to change sides (off by %.1f standard errors at most)", worst);
	worst = 0;
	for (int trial = 0; trial < 6; trial++) {
		for (int i = 0; i < 36; i++) {
			a[i] = floor(3 * unit());
			b[i] = floor(3 * unit());
		}
		p = exact(12, 3, a, b, f1_value);
		t = test(12, 3, a, b, f1_value);
		worst = fmax(worst, fabs(t.p - p) / sqrt(p * (1 - p) / TL_TEST_ROUNDS + 1e-9));
	}
	ok(worst < 4.5, "p of a ratio of sums (F1) too (%.1f)", worst);
	double hits[8] = { 1, 1, 1, 1, 1, 1, 1, 1 }, misses[8] = { 0 };
	t = test(8, 1, hits, misses, mean_value);
	ok(fabs(t.p - 2. / 256) < 0.004 && t.delta == 1, "8 documents out of 8: p is near 2/256 (%.4f)", t.p);
}

static void
edges(void)
{
	double a[MOST], b[MOST];
	tl_paired t, u;

	for (int i = 0; i < MOST; i++)
		a[i] = b[i] = i % 3 == 0;
	t = test(MOST, 1, a, b, mean_value);
	ok(t.tested && t.p == 1 && t.delta == 0 && t.low == 0 && t.high == 0, "equal arms: p is 1, the interval is 0");
	for (int i = 0; i < MOST; i++)
		a[i] = i % 2 ? 1 : 0.2;
	t = test(MOST, 1, a, b, mean_value);
	u = test(MOST, 1, b, a, mean_value);
	ok(t.p == u.p && fabs(t.delta + u.delta) < 1e-15 && fabs(t.low + u.high) < 1e-12, "changing the sides changes the sign alone");
	t = test(MOST, 1, a, b, mean_value);
	ok(!memcmp(&t.p, &u.p, 8), "the same numbers again: the same p to the bit");
	t = test(1, 1, a, b, mean_value);
	ok(t.tested && t.p == 1, "one document proves nothing");
	t = test(0, 1, a, b, mean_value);
	ok(!t.tested && t.why && isnan(t.low), "no document: no test, and a reason");
	free(t.why);
	for (int i = 0; i < MOST; i++) {
		a[i] = 1;
		b[i] = 0;
	}
	t = test(MOST, 1, a, b, mean_value);
	ok(fabs(t.p - 1. / (1 + TL_TEST_ROUNDS)) < 1e-12, "p is never 0: 1 / (1 + rounds) at least");
}

/* The bootstrap interval of a difference of means against the normal one. */
static void
intervals(void)
{
	double a[MOST], b[MOST], mean = 0, squares = 0, half;
	tl_paired t;

	for (int i = 0; i < MOST; i++) {
		a[i] = unit() + 0.1;
		b[i] = unit();
		mean += (a[i] - b[i]) / MOST;
	}
	for (int i = 0; i < MOST; i++)
		squares += (a[i] - b[i] - mean) * (a[i] - b[i] - mean);
	half = 1.96 * sqrt(squares / (MOST - 1) / MOST);
	t = test(MOST, 1, a, b, mean_value);
	ok(fabs(t.low - (mean - half)) < 0.08 * half && fabs(t.high - (mean + half)) < 0.08 * half, "the bootstrap interval of a mean is the normal one (%.4f to %.4f, %.4f to %.4f)", t.low, t.high, mean - half,
	   mean + half);
}

static void
holm(void)
{
	double p[5] = { 0.01, NAN, 0.04, 0.03, 0.005 }, one[1] = { 0.2 }, big[3] = { 0.9, 0.8, 0.7 };

	tl_holm(5, p);
	ok(fabs(p[4] - 0.02) < 1e-15 && fabs(p[0] - 0.03) < 1e-15 && fabs(p[3] - 0.06) < 1e-15 && fabs(p[2] - 0.06) < 1e-15 && isnan(p[1]), "Holm: 0.005 0.01 0.03 0.04 become 0.02 0.03 0.06 0.06");
	tl_holm(1, one);
	tl_holm(3, big);
	ok(one[0] == 0.2 && big[0] == 1 && big[2] == 1, "one comparison stays, nothing exceeds 1");
	tl_holm(0, NULL);
}

int
main(void)
{
	against_all_ways();
	edges();
	intervals();
	holm();
	return done();
}
