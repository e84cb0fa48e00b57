/* Label statistics against counting by hand on random lists, pseudo-documents left out, bad lists refused, and a large case in bounded memory. */
#include <math.h>
#include <sys/resource.h>

#include "data/data.h"
#include "tap.h"

static uint64_t state = 0x9e3779b97f4a7c15u;

static uint32_t
draw(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 20) % n);
}

/* Lists over L labels, skewed towards the low ones; ascending and distinct. */
static int64_t
make(int64_t n, int64_t L, int most, int64_t *offsets, int32_t *labels)
{
	for (int64_t d = 0; d < n; d++) {
		int64_t at = offsets[d];
		for (uint32_t k = draw((uint32_t)most + 1); k; k--) {
			double u = (double)draw(1 << 20) / (1 << 20);
			int32_t l = (int32_t)(u * u * u * (double)L);
			int64_t i = at;
			while (i > offsets[d] && labels[i - 1] > l)
				i--;
			if (i > offsets[d] && labels[i - 1] == l)
				continue;
			memmove(labels + i + 1, labels + i, (size_t)(at - i) * sizeof *labels);
			labels[i] = l;
			at++;
		}
		offsets[d + 1] = at;
	}
	return offsets[n];
}

static bool
has(const int64_t *offsets, const int32_t *labels, int64_t d, int64_t l)
{
	for (int64_t k = offsets[d]; k < offsets[d + 1]; k++)
		if (labels[k] == l)
			return true;
	return false;
}

static void
by_hand(void)
{
	enum { N = 60, L = 17 };
	int64_t offsets[N + 1] = { 0 }, count;
	int32_t labels[N * 8];
	bool out[N];
	tl_arena *a = tl_arena_new(0);
	tl_statistics s;
	tl_error e = { 0 };
	bool good = true, order = true;

	make(N, L, 6, offsets, labels);
	for (int d = 0; d < N; d++)
		out[d] = d % 7 == 3;
	ok(tl_statistics_of(&s, offsets, labels, out, N, L, a, &e) == 0 && s.n_documents == 51, "statistics of 60 lists of which 9 are left out");
	for (int i = 0; i < L; i++) {
		int64_t listed = 0;
		for (int j = 0; j < L; j++) {
			count = 0;
			for (int d = 0; d < N; d++)
				count += !out[d] && has(offsets, labels, d, i) && has(offsets, labels, d, j);
			if (i == j) {
				good = good && s.count[i] == count;
				continue;
			}
			good = good && fabs(tl_conditional(&s, i, j) - (count ? (double)count / (double)s.count[i] : 0)) < 1e-15;
			if (count) {
				int64_t at = s.co_offsets[i] + listed++;
				good = good && at < s.co_offsets[i + 1] && s.co_index[at] == j && s.co_count[at] == count;
			}
		}
		good = good && s.co_offsets[i + 1] - s.co_offsets[i] == listed;
		order = order && s.frequency_rank[s.by_frequency[i]] == i;
		order = order && (i == 0 || s.count[s.by_frequency[i]] < s.count[s.by_frequency[i - 1]] ||
		                  (s.count[s.by_frequency[i]] == s.count[s.by_frequency[i - 1]] && s.by_frequency[i] > s.by_frequency[i - 1]));
	}
	ok(good, "counts, co-occurrence and conditionals are those counted by hand");
	ok(order, "the frequency order and its inverse, ties by the lower index");
	tl_arena_free(a);
}

static void
refusals(void)
{
	static const int64_t offsets[] = { 0, 2 };
	static const int32_t beyond[] = { 1, 3 }, twice[] = { 1, 1 }, down[] = { 2, 1 }, below[] = { -1, 1 };
	static const struct { const int32_t *list; const char *words; } bad[] = { { beyond, "label number 3; wanted 0 to 2" }, { twice, "not ascending and distinct" }, { down, "not ascending and distinct" },
		{ below, "label number -1" } };
	tl_arena *a = tl_arena_new(0);
	tl_statistics s;

	for (int i = 0; i < TL_COUNT(bad); i++) {
		tl_error e = { 0 };
		tl_statistics_of(&s, offsets, bad[i].list, NULL, 1, 3, a, &e);
		says(e.text, bad[i].words, "a bad list is refused");
	}
	tl_arena_free(a);
}

static void
small(void)
{
	static const int64_t offsets[] = { 0, 0 };
	double inverse[3], c;
	int64_t from, to, covered = 0;
	tl_arena *a = tl_arena_new(0);
	tl_statistics s;
	tl_error e = { 0 };

	ok(tl_statistics_of(&s, offsets, NULL, NULL, 0, 3, a, &e) == 0 && s.n_documents == 0 && s.by_frequency[2] == 2, "no documents");
	tl_propensities(&s, 0.55, 1.5, &c, inverse);
	ok(c == 0 && inverse[0] == 1 && inverse[2] == 1, "propensities are 1 without documents");
	ok(tl_head_size(1) == 1 && tl_head_size(10) == 1 && tl_head_size(11) == 2 && tl_head_size(54) == 6, "the head is a tenth, rounded up");
	for (int g = 0; g < 7; g++) {
		tl_quantile_group(54, 7, g, &from, &to);
		covered += from == covered ? to - from : 1000;
	}
	ok(covered == 54, "quantile groups follow one another and cover all ranks");
	tl_arena_free(a);
}

/* TAGLOOM_LARGE=1: half a million labels, a million documents; otherwise a twentieth of that. */
static void
large(void)
{
	int64_t scale = getenv("TAGLOOM_LARGE") ? 1 : 20, n = 1000000 / scale, L = 500000 / scale, pairs;
	int64_t *offsets = tl_alloc((size_t)(n + 1) * sizeof *offsets);
	int32_t *labels = tl_alloc((size_t)n * 11 * sizeof *labels);
	tl_arena *a = tl_arena_new(0);
	tl_statistics s;
	tl_error e = { 0 };
	struct rusage use;
	double start;

	make(n, L, 10, offsets, labels);
	start = tl_seconds();
	ok(tl_statistics_of(&s, offsets, labels, NULL, n, L, a, &e) == 0, "statistics of %lld documents with %lld labels", (long long)n, (long long)L);
	start = tl_seconds() - start;
	getrusage(RUSAGE_SELF, &use);
	pairs = s.co_offsets[L];
	printf("# %.2f s, %lld pairs, peak memory of the process %.0f MB\n", start, (long long)pairs, (double)use.ru_maxrss / 1024);
	/* A matrix would need L * L * 4 bytes: 2.5 GB here, 1 TB in full. */
	ok(tl_arena_used(a) < (size_t)(pairs * 8 + L * 40 + 100000), "the memory is that of the pairs");
	tl_arena_free(a);
	free(offsets);
	free(labels);
}

int
main(void)
{
	by_hand();
	refusals();
	small();
	large();
	return done();
}
