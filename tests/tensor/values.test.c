/* values.test.c - ops against closed forms and naive loops, in float and in double. */
#include <math.h>

#include "inputs.h"
#include "tap.h"

static tl_ctx *ctx;
static double tolerance; /* of the type at hand */
static const char *type;

static input kept[64]; /* the inputs of the step at hand */
static int n_kept;

static void
begin(void)
{
	tl_error *e = tl_ctx_error(ctx);

	while (n_kept)
		free_input(&kept[--n_kept]);
	if (e->status)
		printf("# %s\n", e->text);
	e->status = 0;
	e->text[0] = 0;
	tl_ctx_begin(ctx, 5, 9, true, true);
	tl_ctx_instance(ctx, "test");
}

/* A tensor and its values. */
typedef struct known { tl_tensor *t; input in; } known;

static known
given(const char *words, uint64_t seed)
{
	known k = { .in = read_input(words, seed) };

	kept[n_kept++] = k.in;
	k.t = k.in.kind == 'i' ? tl_ints(ctx, k.in.rank, k.in.dim, k.in.ints) : tl_variable(ctx, k.in.rank, k.in.dim, k.in.real);
	return k;
}

static double *
reals(const tl_tensor *x)
{
	double *host = calloc((size_t)tl_count(x) + 1, sizeof *host);

	if (x)
		tl_get_reals(ctx, x, host);
	return host;
}

static bool
close_to(const tl_tensor *x, const double *wanted, int64_t n, const char *what)
{
	double *got = reals(x), most = 1, worst = 0;

	for (int64_t i = 0; i < n; i++) {
		double d = fabs(got[i] - wanted[i]);

		most = fmax(most, fabs(wanted[i]));
		worst = !(d <= worst) ? d : worst;
	}
	ok(x && tl_count(x) == n && worst <= tolerance * most, "%s: %s", type, what);
	if (!(x && worst <= tolerance * most))
		printf("# largest difference %g among %lld; %s\n", worst, (long long)n, tl_ctx_error(ctx)->text);
	free(got);
	return worst <= tolerance * most;
}

static bool
ints_are(tl_tensor *x, const int32_t *wanted, int64_t n, const char *what)
{
	int32_t *got = calloc((size_t)tl_count(x) + 1, sizeof *got);
	bool good = x && tl_count(x) == n;

	if (good) {
		tl_get_ints(ctx, x, got);
		good = !memcmp(got, wanted, (size_t)n * sizeof *got);
	}
	ok(good, "%s: %s", type, what);
	for (int64_t i = 0; !good && x && i < n; i++)
		printf("# %d for %d\n", got[i], wanted[i]);
	free(got);
	return good;
}

static void
rows(void)
{
	known x = given("w7x33", 1);
	double wanted[7 * 33], ones[33], zeros[33] = { 0 }, two[14];
	int64_t dim = 33;
	double *y;

	for (int i = 0; i < 7; i++) {
		double sum = 0;

		for (int k = 0; k < 33; k++)
			sum += exp(x.in.real[i * 33 + k]);
		for (int k = 0; k < 33; k++)
			wanted[i * 33 + k] = exp(x.in.real[i * 33 + k]) / sum;
		two[i] = 1;
	}
	close_to(tl_softmax(ctx, x.t), wanted, 7 * 33, "softmax is e^x over its sum");
	close_to(tl_row_sum(ctx, tl_softmax(ctx, x.t)), two, 7, "rows of a softmax sum to 1");
	for (int k = 0; k < 33; k++)
		ones[k] = 1;
	y = reals(tl_layernorm(ctx, x.t, NULL, tl_reals(ctx, 1, &dim, ones), tl_reals(ctx, 1, &dim, zeros), 0, 0));
	for (int i = 0; i < 7; i++) {
		two[i] = two[7 + i] = 0;
		for (int k = 0; k < 33; k++)
			two[i] += y[i * 33 + k] / 33, two[7 + i] += y[i * 33 + k] * y[i * 33 + k] / 33;
	}
	for (int i = 0; i < 7; i++)
		wanted[i] = 0, wanted[7 + i] = 1;
	{
		int64_t n = 14;

		close_to(tl_reals(ctx, 1, &n, two), wanted, 14, "rows of a layernorm have mean 0 and variance 1");
	}
	free(y);
}

/* [rows, o] */
static void
naive_conv(const input *x, const input *at, const input *w, const input *b, int before, int after, double *out)
{
	int64_t c = x->dim[1], k = w->dim[2], row = 0;

	for (int64_t i = 0; i + 1 < at->count; i++)
		for (int64_t t = 0; t < at->ints[i + 1] - at->ints[i] + before + after - k + 1; t++, row++)
			for (int64_t o = 0; o < w->dim[0]; o++) {
				double sum = b->real[o];

				for (int64_t e = 0; e < c; e++)
					for (int64_t s = 0; s < k; s++) {
						int64_t from = at->ints[i] + t + s - before;

						if (from >= at->ints[i] && from < at->ints[i + 1])
							sum += w->real[(o * c + e) * k + s] * x->real[from * c + e];
					}
				out[row * w->dim[0] + o] = sum;
			}
}

static void
convolutions(void)
{
	known x = given("r23x5", 1), at = given("i5:0,4,5,5,23", 2), b = given("r3", 3), x2, w2;
	static const struct { const char *w; int before, after; } how[] = { { "r3x5x3", 1, 1 }, { "r3x5x4", 1, 2 }, { "r3x5x3", 2, 2 }, { "r3x5x1", 0, 0 }, { "r3x5x10", 4, 5 } };
	double wanted[40 * 3 * 5];

	for (int i = 0; i < TL_COUNT(how); i++) {
		known w = given(how[i].w, 4);
		char what[80];

		naive_conv(&x.in, &at.in, &w.in, &b.in, how[i].before, how[i].after, wanted);
		snprintf(what, sizeof what, "conv1d with window %d, padding %d and %d", (int)w.in.dim[2], how[i].before, how[i].after);
		close_to(tl_conv1d(ctx, x.t, at.t, w.t, b.t, how[i].before, how[i].after, TL_NONE), wanted, (23 + 4 * (how[i].before + how[i].after - w.in.dim[2] + 1)) * 3, what);
	}
	x2 = given("r11x5", 5);
	w2 = given("r3x1x4x4", 6);
	at = given("i3:0,4,11", 2);
	for (int64_t t = 0; t < 11; t++)
		for (int64_t e = 0; e < 5; e++)
			for (int64_t o = 0; o < 3; o++) {
				double sum = b.in.real[o];

				for (int64_t p = 0; p < 4; p++)
					for (int64_t q = 0; q < 4; q++) {
						int64_t from = t + p - 1, column = e + q - 1;

						if (from >= (t < 4 ? 0 : 4) && from < (t < 4 ? 4 : 11) && column >= 0 && column < 5)
							sum += w2.in.real[o * 16 + p * 4 + q] * x2.in.real[from * 5 + column];
					}
				wanted[(t * 5 + e) * 3 + o] = sum > 0 ? sum : 0;
			}
	close_to(tl_conv2d(ctx, x2.t, at.t, w2.t, b.t, 1, 2, TL_RELU), wanted, 11 * 5 * 3, "conv2d with relu and an even window");
}

static void
attention(void)
{
	known q = given("r9x6", 1), qo = given("i4:0,2,2,9", 2), k = given("r11x6", 3), v = given("r11x6", 4), o = given("i4:0,5,6,11", 5);
	double wanted[9 * 6] = { 0 };

	for (int64_t i = 0; i < 3; i++)
		for (int64_t t = qo.in.ints[i]; t < qo.in.ints[i + 1]; t++)
			for (int64_t h = 0; h < 3; h++) {
				double weight[11], sum = 0;

				for (int64_t s = o.in.ints[i]; s < o.in.ints[i + 1]; s++) {
					weight[s] = 0;
					for (int64_t e = 2 * h; e < 2 * h + 2; e++)
						weight[s] += q.in.real[t * 6 + e] * k.in.real[s * 6 + e] / sqrt(2);
					sum += weight[s] = exp(weight[s]);
				}
				for (int64_t s = o.in.ints[i]; s < o.in.ints[i + 1]; s++)
					for (int64_t e = 2 * h; e < 2 * h + 2; e++)
						wanted[t * 6 + e] += weight[s] / sum * v.in.real[s * 6 + e];
			}
	close_to(tl_attention(ctx, q.t, qo.t, k.t, v.t, o.t, 3, 0), wanted, 54, "attention is the naive loop, documents apart");
}

/* Which elements fall is written down in ops.def; the rate follows from it. */
static void
dropout(void)
{
	enum { N = 80003 };
	const double rate = 0.3;
	int64_t n = N, dropped = 0;
	double *ones = calloc(N, sizeof *ones), *y;
	bool places = true;
	uint64_t key = tl_stream_key(5, "test", "forward", 0);
	uint32_t word[4] = { 0 };

	for (int i = 0; i < N; i++)
		ones[i] = 1;
	begin();
	y = reals(tl_dropout(ctx, tl_reals(ctx, 1, &n, ones), rate));
	for (int64_t e = 0; e < N; e++) {
		bool falls;

		if (e % 8 == 0)
			tl_philox(key, 9, (uint64_t)(e / 8), word);
		falls = (word[e % 8 / 2] >> 16 * (e % 2) & 0xffff) < (uint32_t)lround(rate * 65536);
		places = places && fabs(y[e] - (falls ? 0 : 1 / (1 - rate))) < 1e-6;
		dropped += falls;
	}
	ok(places, "%s: dropout takes the elements that Philox names, the others grow by 1/(1-p)", type);
	ok(fabs((double)dropped / N - rate) < 0.005, "%s: dropout takes %.4f of all for p = 0.3", type, (double)dropped / N);
	free(y);
	tl_ctx_begin(ctx, 5, 9, false, false);
	y = reals(tl_dropout(ctx, tl_reals(ctx, 1, &n, ones), rate));
	ok(!memcmp(y, ones, sizeof *y * N), "%s: without training dropout changes nothing", type);
	free(y);
	free(ones);
}

/* Ties everywhere: in the logits and at the threshold, in the sums of co-occurrence, in the frequencies. */
static void
corank(void)
{
	static const int pairs[][2] = { { 0, 1 }, { 0, 1 }, { 0, 4 }, { 0, 4 }, { 2, 3 }, { 2, 3 }, { 2, 6 }, { 2, 6 }, { 1, 5 }, { 4, 5 }, { 3, 7 }, { 6, 7 } };
	static const double count[10] = { 4, 3, 4, 3, 3, 4, 3, 4, 1, 2 }; /* with the documents that have one label */
	static const int32_t rank[10] = { 0, 4, 1, 5, 6, 2, 7, 3, 9, 8 };
	static const double logits[50] = { 1, -.5, 1, -.5, 0, -1, 0, -1, -.5, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, .5, -1, .5, .5, 0, .5, .5, .5, -.5,
		-1, -.5, -.5, -.5, -1, 1, -1, 1, -1, -1, -.5, -1, -1, -1, -1, -1, -1, -1, 1.5, 1 };
	static const int32_t ranked[25] = { 0, 2, 1, 3, 4, 0, 2, 5, 1, 4, 7, 1, 3, 4, 6, 5, 7, 1, 3, 4, 0, 2, 5, 9, 8 };
	static const int32_t in_order[20] = { 0, 2, 1, 3, 0, 1, 4, 2, 1, 3, 4, 6, 5, 7, 1, 3, 8, 9, 0, 2 };
	static const int32_t best[10] = { 0, 2, 0, 1, 1, 3, 5, 7, 8, 9 };
	double matrix[100] = { 0 }, value[100];
	int32_t offsets[11] = { 0 }, index[100];
	int64_t n = 0, eleven = 11, ten = 10, dims[2] = { 5, 10 };
	tl_tensor *z, *at, *label, *counts, *total, *order;

	for (int i = 0; i < TL_COUNT(pairs); i++)
		matrix[pairs[i][0] * 10 + pairs[i][1]]++, matrix[pairs[i][1] * 10 + pairs[i][0]]++;
	for (int i = 0; i < 10; i++) {
		for (int k = 0; k < 10; k++)
			if (matrix[i * 10 + k] > 0)
				index[n] = k, value[n++] = matrix[i * 10 + k];
		offsets[i + 1] = (int32_t)n;
	}
	z = tl_reals(ctx, 2, dims, logits), at = tl_ints(ctx, 1, &eleven, offsets), label = tl_ints(ctx, 1, &n, index);
	counts = tl_reals(ctx, 1, &n, value), total = tl_reals(ctx, 1, &ten, count), order = tl_ints(ctx, 1, &ten, rank);
	ints_are(tl_corank_select(ctx, z, at, label, counts, total, order, 5, 0.5, 3), ranked, 25, "corank_select by conditional co-occurrence, ranked, with ties");
	ints_are(tl_corank_select(ctx, z, at, label, counts, NULL, order, 4, 0.5, 2), in_order, 20, "corank_select by counts, in selection order, with ties");
	ints_are(tl_corank_select(ctx, z, at, label, counts, NULL, order, 2, 0.5, 0), best, 10, "corank_select of the best alone");
}

static int
by_value(const void *a, const void *b, void *arg)
{
	const double *x = arg, u = x[*(const int32_t *)a], v = x[*(const int32_t *)b];

	return u != v ? (u < v) - (u > v) : *(const int32_t *)a - *(const int32_t *)b;
}

static void
choices(void)
{
	known x = given("r1x9001", 3);
	double nan_row[4] = { NAN, 1, NAN, -2 };
	static const int32_t nan_order[4] = { 1, 3, 0, 2 };
	int32_t *order = calloc(9001, sizeof *order);
	int64_t dims[2] = { 1, 9001 }, four = 4;

	for (int i = 0; i < 9001; i++) {
		order[i] = i;
		x.in.real[i] = floor(x.in.real[i] * 20); /* many ties */
	}
	qsort_r(order, 9001, sizeof *order, by_value, x.in.real);
	ints_are(tl_topk(ctx, tl_reals(ctx, 2, dims, x.in.real), 9001), order, 9001, "topk of all is a stable sort");
	ints_are(tl_topk(ctx, tl_reals(ctx, 2, dims, x.in.real), 123), order, 123, "topk of some is its beginning");
	ints_are(tl_topk(ctx, tl_reals(ctx, 1, &four, nan_row), 4), nan_order, 4, "topk puts NaN last");
	free(order);
}

static void
losses(void)
{
	known z = given("w4x9", 1), at = given("i5:0,2,2,3,5", 2), labels = given("i5:0,3,8,1,2", 3);
	double y[36] = { 0 }, sum = 0, soft = 0, big[4] = { 1000, -1000, 1000, -1000 }, wanted;
	int64_t dims[2] = { 1, 4 };
	static const char *const names[] = { "bce, mean", "bce, sum over labels", "bce, sum" };
	known one_at = given("i2:0,2", 4), one = given("i2:0,1", 5);

	for (int i = 0; i < 4; i++)
		for (int k = at.in.ints[i]; k < at.in.ints[i + 1]; k++)
			y[i * 9 + labels.in.ints[k]] = 1;
	for (int i = 0; i < 36; i++)
		sum += fmax(z.in.real[i], 0) - z.in.real[i] * y[i] + log1p(exp(-fabs(z.in.real[i])));
	for (int r = 0; r < 3; r++) {
		wanted = sum / (r == TL_MEAN ? 36 : r == TL_SUM_LABELS ? 4 : 1);
		close_to(tl_bce(ctx, z.t, at.t, labels.t, r), &wanted, 1, names[r]);
	}
	for (int i = 0; i < 4; i++)
		for (int k = 0; k < 9; k++) {
			double all = 0;

			for (int j = 0; j < 9; j++)
				all += exp(z.in.real[i * 9 + j]);
			soft += y[i * 9 + k] * (log(all) - z.in.real[i * 9 + k]) / 4;
		}
	close_to(tl_softmax_loss(ctx, z.t, at.t, labels.t), &soft, 1, "softmax_loss");
	wanted = 2000; /* label 1 at -1000, label 2 is none at 1000 */
	close_to(tl_bce(ctx, tl_reals(ctx, 2, dims, big), one_at.t, one.t, TL_SUM), &wanted, 1, "bce of logits of 1000 is exact");
}

/* Whole numbers: every logit is exact in both types, with many ties. */
static void
blocks_of_labels(void)
{
	enum { B = 3, D = 5, L = 4500, K = 700 };
	known x = given("r3x5", 1), w = given("r4500x5", 2), b = given("r4500", 3), at = given("i4:0,2,2,5", 4), labels = given("i5:0,4499,255,256,4096", 5);
	double *z = calloc(B * L, sizeof *z), *wanted = calloc(2 * B * K, sizeof *wanted), *all, loss = 0;
	int32_t *order = calloc(L, sizeof *order);

	for (int i = 0; i < B * D; i++)
		x.in.real[i] = floor(4 * x.in.real[i]);
	for (int i = 0; i < L * D; i++)
		w.in.real[i] = floor(2 * w.in.real[i]);
	for (int i = 0; i < L; i++)
		b.in.real[i] = floor(2 * b.in.real[i]);
	for (int i = 0; i < B; i++) {
		for (int l = 0; l < L; l++) {
			z[i * L + l] = b.in.real[l];
			for (int k = 0; k < D; k++)
				z[i * L + l] += x.in.real[i * D + k] * w.in.real[l * D + k];
			loss += fmax(z[i * L + l], 0) + log1p(exp(-fabs(z[i * L + l])));
			order[l] = l;
		}
		for (int k = at.in.ints[i]; k < at.in.ints[i + 1]; k++)
			loss -= z[i * L + labels.in.ints[k]];
		qsort_r(order, L, sizeof *order, by_value, z + i * L);
		for (int k = 0; k < K; k++) {
			wanted[i * K + k] = z[i * L + order[k]];
			wanted[(B + i) * K + k] = order[k];
		}
	}
	x.t = tl_reals(ctx, 2, x.in.dim, x.in.real), w.t = tl_reals(ctx, 2, w.in.dim, w.in.real), b.t = tl_reals(ctx, 1, b.in.dim, b.in.real);
	all = reals(tl_linear_best(ctx, x.t, w.t, b.t, K));
	ok(!memcmp(all, wanted, 2 * B * K * sizeof *all), "linear_best: the best of 4500 labels in their order, ties by the lower label (%s)", type);
	free(all);
	loss /= (double)B * L;
	close_to(tl_linear_bce(ctx, x.t, w.t, b.t, at.t, labels.t, TL_MEAN), &loss, 1, "linear_bce over 4500 labels");
	b.in.real[4400] = -INFINITY;
	all = reals(tl_linear_best(ctx, x.t, w.t, tl_reals(ctx, 1, b.in.dim, b.in.real), 2));
	ok(isinf(all[0]) && all[B * 2] == 4400 && isfinite(all[1]), "linear_best: a logit that is not finite comes first (%s)", type);
	free(all);
	free(z);
	free(wanted);
	free(order);
}

static void
scores(const char *text_kind, const char *what)
{
	known text = given(text_kind, 1), at = given("i4:0,2,2,7", 2), label = given("w3x4x5", 3), v = given("r5", 4);
	double wanted[28] = { 0 };

	for (int i = 0; i < 3; i++)
		for (int t = at.in.ints[i]; t < at.in.ints[i + 1]; t++)
			for (int l = 0; l < 4; l++)
				for (int k = 0; k < 5; k++)
					wanted[t * 4 + l] += v.in.real[k] * tanh(text.in.real[t * 5 + k] + label.in.real[(i * 4 + l) * 5 + k] / 2);
	close_to(tl_additive_scores(ctx, text.t, at.t, tl_scale(ctx, label.t, 0.5, 0), v.t), wanted, 28, what);
}

/* Zero rows, empty segments, equal elements. */
static void
corners(void)
{
	static const double rows3[9] = { 3, 0, 4, 0, 0, 0, 3e-13, 0, 4e-13 }, unit_rows[9] = { 0.6, 0, 0.8 };
	static const double ties[6] = { 2, 5, 5, 1, 5, 0 }, first_rows[6] = { 0, 1, 0, 0, 1, 0 }, weights[4] = { 0, 0, 0, 2 };
	static const double means[6] = { 1.5, 2.5, 0, 0, 9, 8 }, x[6] = { 1, 2, 2, 3, 9, 8 }, picked[6] = { 0, 0, 9, 8, 1, 2 };
	static const int32_t three[4] = { 0, 2, 2, 3 }, index[3] = { -1, 2, 0 };
	double lse[2] = { 0, 1 + log(2) }, values[4] = { 500, -500, 700, 1 }, zeros[9] = { 0 };
	int64_t d33[2] = { 3, 3 }, d23[2] = { 2, 3 }, d22[2] = { 2, 2 }, d32[2] = { 3, 2 }, four = 4, n3 = 3;
	tl_tensor *v, *t;

	v = tl_variable(ctx, 2, d33, rows3);
	t = tl_l2_normalize(ctx, v);
	close_to(t, unit_rows, 9, "l2_normalize: a norm below 1e-12 gives zeros");
	tl_backward(ctx, tl_sum(ctx, tl_slice(ctx, t, 0, 1, 3)));
	close_to(tl_gradient(ctx, v), zeros, 9, "and no gradient");
	begin();
	v = tl_variable(ctx, 2, d23, ties);
	tl_backward(ctx, tl_sum(ctx, tl_row_max(ctx, v)));
	close_to(tl_gradient(ctx, v), first_rows, 6, "row_max: the first of equals takes the gradient");
	begin();
	v = tl_variable(ctx, 2, d32, (double[]){ 1, 5, 3, 7, 3, 7 });
	tl_backward(ctx, tl_sum(ctx, tl_segment_max(ctx, v, tl_ints(ctx, 1, (int64_t[]){ 2 }, (int32_t[]){ 0, 3 }))));
	close_to(tl_gradient(ctx, v), (double[]){ 0, 0, 1, 1, 0, 0 }, 6, "segment_max likewise");
	close_to(tl_logsumexp(ctx, tl_reals(ctx, 2, d22, values), tl_reals(ctx, 2, d22, weights)), lse, 2, "logsumexp: a row without weights gives 0, a huge x without weight nothing");
	close_to(tl_segment_mean(ctx, tl_reals(ctx, 2, d32, x), tl_ints(ctx, 1, &four, three)), means, 6, "segment_mean of an empty segment is 0");
	close_to(tl_gather(ctx, tl_reals(ctx, 2, d32, x), tl_ints(ctx, 1, &n3, index)), picked, 6, "gather of index -1 is a zero row");
	close_to(tl_activate(ctx, tl_reals(ctx, 1, &four, (double[]){ -1, 0, 1, 3 }), TL_GELU),
	         (double[]){ -0.5 * erfc(sqrt(0.5)), 0, 0.5 * (1 + erf(sqrt(0.5))), 1.5 * (1 + erf(3 * sqrt(0.5))) }, 4, "gelu is the erf form");
}

int
main(void)
{
	tl_pool *pool = tl_pool_new(2);

	for (int k = 0; k < 2; k++) {
		static void (*const parts[])(void) = { rows, convolutions, attention, dropout, corank, choices, losses, blocks_of_labels, corners };

		ctx = tl_ctx_new(k ? TL_F64 : TL_F32, pool, NULL);
		type = k ? "double" : "float";
		tolerance = k ? 1e-12 : 3e-6;
		for (int i = 0; i < TL_COUNT(parts); i++) {
			begin();
			parts[i]();
		}
		begin();
		scores("r7x5", "additive_scores are v . tanh(label + text)");
		scores("w7x5", "and for values at which e^2x would not hold");
		ok(!tl_ctx_error(ctx)->status, "%s: no sentence: %s", type, tl_ctx_error(ctx)->text);
		begin();
		tl_ctx_free(ctx);
	}
	tl_pool_free(pool);
	return done();
}
