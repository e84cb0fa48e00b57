/*
 * attention.test.c - attention with its products on the tensor cores (precision = "bf16") against the CPU in double precision: results and gradients lie within
 * what rounding their factors can do, are not those of float, and are the same bits in any order of threads and blocks.
 * usage: attention.test [--device cuda:0]
 */
#include "opened.h"
#include "tagloom/tensor.h"

#include <math.h>

enum { MOST = 4 }; /* documents */

struct shape { const char *what; int heads, width, n; int32_t queries[MOST], keys[MOST]; double rate; };
static const struct shape shapes[] = {
	{ "one token", 1, 1, 1, { 1 }, { 1 }, 0 },
	{ "no queries", 2, 8, 2, { 0, 0 }, { 3, 1 }, 0 },
	{ "no keys", 2, 8, 2, { 3, 1 }, { 0, 0 }, 0 },
	{ "narrow heads, documents apart", 3, 2, 4, { 2, 0, 5, 1 }, { 5, 1, 5, 0 }, 0 },
	{ "heads of 32, several tiles", 2, 32, 3, { 70, 1, 130 }, { 70, 1, 130 }, 0 },
	{ "heads of 64, several tiles", 2, 64, 2, { 65, 129 }, { 65, 129 }, 0 },
	{ "heads of 64, dropout", 1, 64, 2, { 64, 67 }, { 64, 67 }, 0.25 },
	{ "more keys than queries, odd width", 2, 37, 2, { 3, 66 }, { 80, 70 }, 0.1 },
	{ "more queries than keys, two chunks", 1, 72, 2, { 90, 7 }, { 20, 65 }, 0 },
	{ "three chunks, dropout", 2, 130, 1, { 66 }, { 66 }, 0.5 },
};
static struct { tl_ctx *ctx; tl_device *device; } gpu;
static tl_ctx *cpu;

struct numbers { int64_t queries, keys, d; double *q, *k, *v, *g; }; /* k == q: keys and queries are one tensor */
struct result { double *of[4]; }; /* out, and the gradients of q, k, v */

/* Between -1.5 and 1.5; few: of six digits, so that bf16 holds them. */
static double *
drawn(int64_t n, uint64_t state, bool few)
{
	double *x = calloc((size_t)n + 1, sizeof *x);

	for (int64_t i = 0; i < n; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		x[i] = (double)(state >> 33) / (1u << 31) * 3 - 1.5;
		x[i] = few ? round(x[i] * 32) / 32 : (float)x[i];
	}
	return x;
}

static int64_t
count_of(const struct numbers *n, int which)
{
	return (which < 2 ? n->queries : n->keys) * n->d;
}

static bool
computed(tl_ctx *ctx, const struct shape *s, const struct numbers *n, struct result *r)
{
	int32_t qo[MOST + 1] = { 0 }, ko[MOST + 1] = { 0 };
	const int64_t of_q[2] = { n->queries, n->d }, of_k[2] = { n->keys, n->d }, offsets = s->n + 1;
	tl_tensor *in[3], *out;

	for (int i = 0; i < s->n; i++) {
		qo[i + 1] = qo[i] + s->queries[i];
		ko[i + 1] = ko[i] + s->keys[i];
	}
	tl_ctx_begin(ctx, 3, 5, true, true);
	in[0] = tl_variable(ctx, 2, of_q, n->q);
	in[1] = n->k == n->q ? in[0] : tl_variable(ctx, 2, of_k, n->k);
	in[2] = tl_variable(ctx, 2, of_k, n->v);
	out = tl_attention(ctx, in[0], tl_ints(ctx, 1, &offsets, qo), in[1], in[2], tl_ints(ctx, 1, &offsets, ko), s->heads, s->rate);
	for (int i = 0; i < 4; i++)
		r->of[i] = calloc((size_t)count_of(n, i) + 1, sizeof(double));
	tl_get_reals(ctx, out, r->of[0]);
	tl_backward(ctx, tl_sum(ctx, tl_mul(ctx, out, tl_reals(ctx, 2, of_q, n->g))));
	for (int i = 0; i < 3; i++)
		tl_get_reals(ctx, tl_gradient(ctx, in[i]), r->of[i + 1]);
	return !tl_status(ctx);
}

static double
size_of(const double *a, const double *b, int64_t n) /* of a product's terms */
{
	double sum = 0;

	for (int64_t i = 0; i < n; i++)
		sum += fabs(a[i] * b[i]);
	return sum;
}

/*
 * What rounding may change, to `bound`. A factor loses at most 2^-8 of itself, so a score of query i moves by at most e, its weight p by
 * less than 2 e of itself (both the score and its sum move), t in all; then it is rounded itself, as the other factor is. The gradient of a score is
 * p (f dp - out.g): a bounds both terms, of which each moves as above, and it is rounded itself. few: bf16 holds the inputs; what remains is the rounding of
 * weights and of scores' gradients.
 */
static void
bounds_of(const struct shape *s, const struct numbers *n, bool few, struct result *bound)
{
	const double once = 1.01 / 256, of_value = (few ? 1 : 2) * once, of_gradient = (few ? 3 : 8) * once, keep = 1 / (1 - s->rate), scale = 1 / sqrt(s->width);
	int64_t q0 = 0, k0 = 0, d = n->d, w = s->width;

	for (int i = 0; i < 4; i++)
		bound->of[i] = calloc((size_t)count_of(n, i) + 1, sizeof(double));
	for (int b = 0; b < s->n; q0 += s->queries[b], k0 += s->keys[b], b++)
		for (int64_t row = q0; row < q0 + s->queries[b]; row++)
			for (int h = 0; h < s->heads; h++) {
				int64_t at = row * d + h * w;
				double p[256], sum = 0, e = 0, a = 0, t;

				for (int64_t j = 0; j < s->keys[b]; j++) {
					const double *k = n->k + (k0 + j) * d + h * w, *v = n->v + (k0 + j) * d + h * w;
					double score = 0;
					for (int64_t c = 0; c < w; c++)
						score += n->q[at + c] * k[c];
					sum += p[j] = exp(score * scale);
					e = fmax(e, 2 * once * scale * size_of(n->q + at, k, w));
					a = fmax(a, keep * size_of(n->g + at, v, w));
				}
				t = few ? 1e-5 : expm1(2 * e);
				for (int64_t j = 0; j < s->keys[b]; j++) {
					int64_t key = (k0 + j) * d + h * w;
					double x = p[j] / sum, of_score = x * a * (3 * t + of_gradient) * scale;
					for (int64_t c = 0; c < w; c++) {
						bound->of[0][at + c] += keep * x * fabs(n->v[key + c]) * (t + of_value);
						bound->of[1][at + c] += of_score * fabs(n->k[key + c]);
						bound->of[2][key + c] += of_score * fabs(n->q[at + c]);
						bound->of[3][key + c] += keep * x * fabs(n->g[at + c]) * (t + of_value);
					}
				}
			}
}

static void
check(const struct shape *s, bool few)
{
	static const char *const names[] = { "result", "gradient of queries", "gradient of keys", "gradient of values" }, *const orders[] = { "0", "1", "7" };
	struct numbers n = { .d = (int64_t)s->heads * s->width };
	struct result wanted, got[TL_COUNT(orders)], bound;
	double share = 0;
	bool good, same = true, differs = false;

	for (int i = 0; i < s->n; i++) {
		n.queries += s->queries[i];
		n.keys += s->keys[i];
	}
	n.q = drawn(n.queries * n.d, 1, few);
	n.k = drawn(n.keys * n.d, 2, few);
	n.v = drawn(n.keys * n.d, 3, few);
	n.g = drawn(n.queries * n.d, 4, few);
	good = computed(cpu, s, &n, &wanted);
	for (int i = 0; i < TL_COUNT(orders); i++) {
		if (emulated)
			setenv("TAGLOOM_EMULATE_ORDER", orders[i], 1);
		good &= computed(gpu.ctx, s, &n, &got[i]);
	}
	bounds_of(s, &n, few, &bound);
	for (int which = 0; which < 4; which++)
		for (int64_t i = 0; good && i < count_of(&n, which); i++) {
			double error = fabs(got[0].of[which][i] - wanted.of[which][i]), most = bound.of[which][i] + 1e-6 * (1 + fabs(wanted.of[which][i]));
			share = fmax(share, error / most);
			if (!(error <= most)) {
				printf("# %s, element %lld: %g, wanted %g within %g\n", names[which], (long long)i, got[0].of[which][i], wanted.of[which][i], most);
				good = false;
			}
			differs |= got[0].of[which][i] != (float)wanted.of[which][i];
			for (int k = 1; k < TL_COUNT(orders); k++)
				same &= got[k].of[which][i] == got[0].of[which][i];
		}
	ok(good && (differs || few || !n.queries || !n.keys), "%s, %s: within the bounds of rounded factors (%.2f of them%s)", s->what, few ? "numbers that bf16 holds" : "any numbers", share, tl_ctx_error(gpu.ctx)->text);
	ok(same, "%s: the same bits in any order", s->what);
	for (int i = 0; i < 4; i++) {
		free(wanted.of[i]);
		free(bound.of[i]);
		for (int k = 0; k < TL_COUNT(orders); k++)
			free(got[k].of[i]);
	}
	free(n.q);
	free(n.k);
	free(n.v);
	free(n.g);
}

/* Where queries and keys are one tensor its gradient is the sum of theirs. */
static void
one_tensor(void)
{
	static const struct shape s = { "one tensor", 2, 32, 2, { 70, 3 }, { 70, 3 }, 0.1 };
	const int64_t rows = 73, d = 64, count = rows * d;
	struct numbers one = { rows, rows, d, drawn(count, 1, false), NULL, drawn(count, 3, false), drawn(count, 4, false) }, two = one;
	struct result together, apart;
	bool good;

	one.k = one.q;
	two.k = drawn(count, 1, false);
	good = computed(gpu.ctx, &s, &one, &together) && computed(gpu.ctx, &s, &two, &apart);
	for (int64_t i = 0; good && i < count; i++)
		good = together.of[1][i] == (float)((float)apart.of[1][i] + (float)apart.of[2][i]) && together.of[3][i] == apart.of[3][i] && together.of[0][i] == apart.of[0][i];
	ok(good, "queries and keys that are one tensor: its gradient is the sum of theirs%s", tl_ctx_error(gpu.ctx)->text);
	for (int i = 0; i < 4; i++) {
		free(together.of[i]);
		free(apart.of[i]);
	}
	free(one.q);
	free(one.v);
	free(one.g);
	free(two.k);
}

int
main(int argc, char **argv)
{
	tl_pool *pool = tl_pool_new(1);

	if (!(gpu.device = opened(&argc, &argv, "attention in bf16 on the emulated device")))
		return done();
	gpu.device->bf16 = true;
	gpu.ctx = tl_ctx_new(TL_F32, pool, NULL);
	cpu = tl_ctx_new(TL_F64, pool, NULL);
	tl_ctx_on(gpu.ctx, gpu.device);
	for (int i = 0; i < TL_COUNT(shapes); i++)
		for (int few = 0; few < 2; few++)
			check(&shapes[i], few);
	one_tensor();
	tl_ctx_free(gpu.ctx);
	tl_ctx_free(cpu);
	tl_device_close(gpu.device);
	tl_pool_free(pool);
	return done();
}
