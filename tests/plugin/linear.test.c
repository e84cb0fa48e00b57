/* The module linear against LIBLINEAR: decision values at the optimum; both ways to solve; the same bits with any number of threads; saved and loaded. */
#include "../../plugins/labels/linear/linear.c"
#include "../../plugins/labels/linear/label.c"
#include "../../plugins/labels/linear/block.c"

#include "base/json.h"
#include "base/threads.h"
#include "tap.h"
#include "tensor/core.h"

static tl_features x;
static tl_lists y;
static int64_t n_labels;

static void
read_problem(const json_t *j)
{
	const json_t *rows = json_object_get(j, "rows"), *labels = json_object_get(j, "labels");
	int64_t *offsets = tl_alloc(100 * sizeof *offsets), k = 0;
	int32_t *index = tl_alloc(10000 * sizeof *index), *list = tl_alloc(10000 * sizeof *list), *ends = tl_alloc(100 * sizeof *ends), m = 0;
	float *value = tl_alloc(10000 * sizeof *value);

	for (size_t i = 0; i < json_array_size(rows); i++) {
		for (size_t c = 0; c < json_array_size(json_array_get(rows, i)); c++) {
			const json_t *cell = json_array_get(json_array_get(rows, i), c);
			index[k] = (int32_t)json_integer_value(json_array_get(cell, 0));
			value[k++] = (float)json_number_value(json_array_get(cell, 1));
		}
		for (size_t c = 0; c < json_array_size(json_array_get(labels, i)); c++)
			list[m++] = (int32_t)json_integer_value(json_array_get(json_array_get(labels, i), c));
		offsets[i + 1] = k;
		ends[i + 1] = m;
	}
	n_labels = tl_json_int(j, "n_labels", 0);
	x = (tl_features){ (int64_t)json_array_size(rows), tl_json_int(j, "width", 0), offsets, index, value };
	y = (tl_lists){ (int32_t)x.n, ends, list };
}

/* Fits and scores the training rows; NULL after an error. */
static float *
scores_of(struct linear *self, int threads)
{
	tl_pool *pool = tl_pool_new(threads);
	tl_ctx *ctx = tl_ctx_new(TL_F32, pool, NULL);
	tl_fit data = { .features = &x, .labels = &y, .n_labels = n_labels, .seed = (uint64_t)threads };
	float *scores = tl_alloc((size_t)(x.n * n_labels) * sizeof *scores);

	tl_ctx_begin(ctx, 1, 1, false, false);
	if (fit(ctx, self, &data) < 0 || score(ctx, self, &x, scores) < 0) {
		printf("# %s\n", tl_ctx_error(ctx)->text);
		free(scores);
		scores = NULL;
	}
	tl_ctx_free(ctx);
	tl_pool_free(pool);
	return scores;
}

static double
largest_difference(const float *scores, const json_t *want)
{
	double worst = 0;

	for (int64_t i = 0; scores && i < x.n * n_labels; i++) {
		double d = fabs(scores[i] - json_number_value(json_array_get(json_array_get(want, (size_t)(i / n_labels)), (size_t)(i % n_labels))));
		worst = d > worst ? d : worst;
	}
	return scores ? worst : INFINITY;
}

static void
against_liblinear(const json_t *values)
{
	static const struct { int loss; double c, tolerance, within; const char *key, *how; } cases[] = {
		{ SQUARED_HINGE, 1, 1e-7, 1e-4, "squared_hinge 1", "one label at a time" }, { SQUARED_HINGE, 1, 0.001, 3e-3, "squared_hinge 1", "sixteen labels at once" },
		{ SQUARED_HINGE, 4, 1e-7, 1e-4, "squared_hinge 4", "one label at a time" }, { SQUARED_HINGE, 4, 0.001, 1e-2, "squared_hinge 4", "sixteen labels at once" },
		{ LOGISTIC, 1, 1e-7, 1e-4, "logistic 1", "one label at a time" }, { LOGISTIC, 4, 1e-7, 1e-4, "logistic 4", "one label at a time" },
	};

	for (int i = 0; i < TL_COUNT(cases); i++) {
		struct linear self = { .loss = cases[i].loss, .c = cases[i].c, .tolerance = cases[i].tolerance, .bias = 1, .iterations = 100000 };
		float *scores = scores_of(&self, 1);
		double worst = largest_difference(scores, json_object_get(values, cases[i].key));
		ok(worst < cases[i].within, "%s, %s: decision values are LIBLINEAR's (largest difference %.1e)", cases[i].key, cases[i].how, worst);
		free(scores);
		drop(&self);
	}
}

static void
same_bits(int loss, const char *what)
{
	static const int threads[] = { 1, 2, 3, 8 };
	float *first = NULL;
	bool same = true;

	for (int i = 0; i < TL_COUNT(threads); i++) {
		struct linear self = { .loss = loss, .c = 1, .tolerance = 0.1, .bias = 1, .iterations = 300 };
		float *scores = scores_of(&self, threads[i]);
		same = same && scores && (!first || !memcmp(first, scores, (size_t)(x.n * n_labels) * sizeof *scores));
		if (first)
			free(scores);
		else
			first = scores;
		drop(&self);
	}
	ok(same, "%s: the same bits with 1, 2, 3 and 8 threads", what);
	free(first);
}

/* Every instruction set that this machine has computes the same bits. */
static void
instruction_sets(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
	void (*way[])(struct block *) = { pass_plain, pass_avx2, pass_avx512 };
	int have = __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") ? 3 : __builtin_cpu_supports("avx2") ? 2 : 1;
	double square[100];
	int32_t *documents[LANES] = { 0 }, by_frequency[LANES] = { 0 };
	int64_t none[LANES] = { 0 };
	struct linear self = { .c = 1, .bias = 1 };
	tl_fit data = { .features = &x, .labels = &y, .n_labels = n_labels };
	struct problem p = { .self = &self, .data = &data, .square = square, .documents = documents, .n_documents = none, .by_frequency = by_frequency };
	float *first = NULL;
	bool same = true;

	for (int i = 0; i < 100; i++)
		square[i] = 2;
	for (int k = 0; k < have; k++) {
		struct block b = { 0 };
		make(&b, &p, 0, LANES);
		for (int64_t i = 0; i < x.n; i++)
			b.has[i] = (uint16_t)(i * 7919);
		for (int l = 0; l < LANES; l++)
			b.lane.bound[l] = INFINITY;
		for (int pass_n = 0; pass_n < 3; pass_n++)
			way[k](&b);
		same = same && (!first || !memcmp(first, b.w, (size_t)(x.width + 1) * LANES * sizeof *b.w));
		free(b.alpha);
		free(b.inverse);
		free(b.has);
		free(b.active);
		free(b.order);
		if (first)
			free(b.w);
		else
			first = b.w;
	}
	ok(same, "%d instruction sets compute the same bits", have);
	free(first);
#else
	skip("instruction sets", "this machine has one");
#endif
}

static void
kept(void)
{
	struct linear self = { .c = 1, .tolerance = 0.1, .bias = 1, .iterations = 300 }, other = { .bias = 1 };
	float *scores = scores_of(&self, 1), *again = tl_alloc((size_t)(x.n * n_labels) * sizeof *again);
	tl_ctx *ctx;
	tl_pool *pool = tl_pool_new(1);
	void *bytes = NULL;
	size_t size = 0;

	ctx = tl_ctx_new(TL_F32, pool, NULL);
	tl_ctx_begin(ctx, 1, 1, false, false);
	ok(!save(ctx, &self, &bytes, &size) && !load(ctx, &other, bytes, size) && !score(ctx, &other, &x, again) && !memcmp(scores, again, (size_t)(x.n * n_labels) * sizeof *again), "saved and loaded, the scores are the same bits");
	drop(&other);
	ok(load(ctx, &other, bytes, size / 2) < 0 && strstr(tl_ctx_error(ctx)->text, "size"), "half of a model is refused");
	tl_ctx_free(ctx);
	tl_pool_free(pool);
	free(bytes);
	free(scores);
	free(again);
	drop(&self);
	drop(&other);
}

int
main(void)
{
	char *path = tl_format("%s/tests/oracles/linear/values.json", getenv("SRC") ? getenv("SRC") : ".");
	tl_error e = { 0 };
	json_t *j = tl_json_file(path, &e);

	if (!ok(j != NULL, "the values are read%s%s", e.status ? ": " : "", e.text))
		return done();
	read_problem(j);
	against_liblinear(json_object_get(j, "values"));
	same_bits(SQUARED_HINGE, "squared hinge");
	same_bits(LOGISTIC, "logistic");
	instruction_sets();
	kept();
	json_decref(j);
	free(path);
	free((void *)x.offsets);
	free((void *)x.index);
	free((void *)x.value);
	free((void *)y.offsets);
	free((void *)y.index);
	return done();
}
