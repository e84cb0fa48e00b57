/* Matrix products: every transposition, odd sizes, strides, alpha and beta, against the definition; NaN; the same bits on any number of threads. */
#include <math.h>

#include "tap.h"
#include "tensor/core.h"
#include "tensor/gemm.h"
#include "tensor/isa.h"

/* The blocked product once more, cut and in the order that AVX-512 has, in plain C: so they are tested on every machine. */
#define REAL float
typedef REAL vec __attribute__((vector_size(64), aligned(sizeof(REAL)), may_alias));
#define VEC vec
#define LANES 16
#define ZERO() ((vec){ 0 })
#define LOAD(p) (*(const vec *)(p))
#define STORE(p, v) (*(vec *)(p) = (v))
#define SET1(x) ((vec){ 0 } + (x))
#define FMA(a, b, c) ((a) * (b) + (c))
#define MR 12
#define KC 384
#define STRIPS_FIRST 0
#define OWN own_rows_first
#define SMALL small_rows_first
#define SMALL_TYPE tl_small_f32
TL_OWN(own_rows_first, float);
extern const struct tl_small_f32 small_rows_first;
#include "tensor/gemm_own.h"

#define SIMPLE(name, T) void name(int ta, int tb, int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t lda, const T *b, int64_t ldb, T beta, T *c, int64_t ldc)
typedef SIMPLE((*f32_fn), float);
typedef SIMPLE((*f64_fn), double);

static tl_stream stream = { .key = 11 };

/* Small integers: every product and sum is exact, so results must be equal. -1 where none differs, else the place. */
static bool
compare(f32_fn f, f64_fn g, int ta, int tb, int64_t m, int64_t n, int64_t k, double alpha, double beta, int64_t more)
{
	int64_t lda = (ta ? m : k) + more, ldb = (tb ? k : n) + more, ldc = n + more, na = (ta ? k : m) * lda + 1, nb = (tb ? n : k) * ldb + 1, nc = m * ldc + 1;
	double *a = malloc((size_t)na * 8), *b = malloc((size_t)nb * 8), *c = malloc((size_t)nc * 8), *want = malloc((size_t)nc * 8);
	float *fa = malloc((size_t)na * 4), *fb = malloc((size_t)nb * 4), *fc = malloc((size_t)nc * 4);
	bool good = true;

	for (int64_t i = 0; i < na; i++)
		fa[i] = (float)(a[i] = (double)tl_random_below(&stream, 9) - 4);
	for (int64_t i = 0; i < nb; i++)
		fb[i] = (float)(b[i] = (double)tl_random_below(&stream, 9) - 4);
	for (int64_t i = 0; i < nc; i++)
		fc[i] = (float)(c[i] = want[i] = beta == 0 ? NAN : (double)tl_random_below(&stream, 9) - 4); /* beta = 0 reads nothing */
	for (int64_t i = 0; i < m; i++)
		for (int64_t j = 0; j < n; j++) {
			double sum = 0;
			for (int64_t p = 0; p < k; p++)
				sum += (ta ? a[p * lda + i] : a[i * lda + p]) * (tb ? b[j * ldb + p] : b[p * ldb + j]);
			want[i * ldc + j] = alpha * sum + (beta == 0 ? 0 : beta * want[i * ldc + j]);
		}
	f(ta, tb, m, n, k, (float)alpha, fa, lda, fb, ldb, (float)beta, fc, ldc);
	g(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
	for (int64_t i = 0; i < nc; i++) {
		bool same = isnan(want[i]) ? isnan(c[i]) && isnan(fc[i]) : c[i] == want[i] && (double)fc[i] == want[i];
		if (!same && good)
			printf("# %d %d %lld %lld %lld at %lld: float %g, double %g, wanted %g\n", ta, tb, (long long)m, (long long)n, (long long)k, (long long)i, (double)fc[i], c[i], want[i]);
		good &= same;
	}
	free(a), free(b), free(c), free(want), free(fa), free(fb), free(fc);
	return good;
}

static void
against_definition(const char *name, f32_fn f, f64_fn g)
{
	static const int64_t size[][3] = { { 1, 1, 1 }, { 0, 5, 3 }, { 5, 0, 3 }, { 3, 5, 0 }, { 7, 33, 5 }, { 13, 1, 300 }, { 1, 65, 7 }, { 50, 70, 513 }, { 301, 67, 19 }, { 24, 96, 64 }, { 97, 1601, 3 }, { 4, 4200, 5 }, { 3, 1700, 1500 } };

	for (int t = 0; t < 4; t++) {
		bool good = true;
		for (int64_t i = 0; i < TL_COUNT(size); i++)
			for (int v = 0; v < 3; v++)
				good &= compare(f, g, t & 1, t >> 1, size[i][0], size[i][1], size[i][2], v == 2 ? -2 : 1, v == 1 ? 1 : v == 2 ? 0.5 : 0, v == 2 ? 3 : 0);
		ok(good, "%s: %s %s, all sizes, strides, alpha and beta", name, t & 1 ? "At" : "A", t >> 1 ? "Bt" : "B");
	}
}

static tl_pool *pool;
static
SIMPLE(pooled_f32, float)
{
	tl_gemm_f32(pool, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
static
SIMPLE(pooled_f64, double)
{
	tl_gemm_f64(pool, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

/* The blocked product; each part that it calls finished is counted, and added to by one: every element must be told exactly once, when it is complete. */
static TL_OWN((*own_f32), float);
static TL_OWN((*own_f64), double);
struct told { float *f; double *d; int64_t ldc; };

static void
tell(void *arg, int64_t i0, int64_t j0, int64_t m, int64_t n)
{
	const struct told *t = arg;

	for (int64_t i = i0; i < i0 + m; i++)
		for (int64_t j = j0; j < j0 + n; j++)
			if (t->f)
				t->f[i * t->ldc + j] = 3 * t->f[i * t->ldc + j] + 1;
			else
				t->d[i * t->ldc + j] = 3 * t->d[i * t->ldc + j] + 1;
}

static
SIMPLE(blocked_f32, float)
{
	struct told t = { c, NULL, ldc };

	own_f32(pool, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, tell, &t);
	for (int64_t i = 0; i < m; i++)
		for (int64_t j = 0; j < n; j++)
			c[i * ldc + j] = (c[i * ldc + j] - 1) / 3;
}
static
SIMPLE(blocked_f64, double)
{
	struct told t = { NULL, c, ldc };

	own_f64(pool, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, tell, &t);
	for (int64_t i = 0; i < m; i++)
		for (int64_t j = 0; j < n; j++)
			c[i * ldc + j] = (c[i * ldc + j] - 1) / 3;
}

/* The small products: a packed right factor, and the left one as it lies. */
static const struct tl_small_f32 *small_f32;
static const struct tl_small_f64 *small_f64;
#define THROUGH(small, T) \
	T *packed = tl_alloc((size_t)((n + small->strip) * k + 64) * sizeof *packed); \
	for (int64_t i = 0; beta != 0 && i < m; i++) \
		for (int64_t j = 0; j < n; j++) \
			c[i * ldc + j] *= beta; \
	small->pack(tb, alpha, b, ldb, n, k, packed); \
	small->product(m, n, k, a, ta ? 1 : lda, ta ? lda : 1, packed, beta != 0, c, ldc); \
	free(packed);
static
SIMPLE(through_f32, float)
{
	THROUGH(small_f32, float)
}
static
SIMPLE(through_f64, double)
{
	THROUGH(small_f64, double)
}

/* The blocked and the small products of one set of instructions. */
static void
own_products(const char *set, TL_OWN((*own32), float), TL_OWN((*own64), double), const struct tl_small_f32 *small32, const struct tl_small_f64 *small64)
{
	char name[40];

	own_f32 = own32, own_f64 = own64, small_f32 = small32, small_f64 = small64;
	snprintf(name, sizeof name, "own, %s", set);
	against_definition(name, blocked_f32, blocked_f64);
	snprintf(name, sizeof name, "small, %s", set);
	against_definition(name, through_f32, through_f64);
}

/* Numbers that round: the same bits with every number of threads. */
static void
same_bits(int ta, int tb, int64_t m, int64_t n, int64_t k)
{
	static const int threads[] = { 1, 2, 3, 8, 16 };
	float *a = malloc((size_t)(m * k) * 4), *b = malloc((size_t)(k * n) * 4), *c = malloc((size_t)(m * n) * 4), *first = malloc((size_t)(m * n) * 4);
	bool good = true;

	for (int64_t i = 0; i < m * k; i++)
		a[i] = (float)tl_random_normal(&stream);
	for (int64_t i = 0; i < k * n; i++)
		b[i] = (float)tl_random_normal(&stream);
	for (int i = 0; i < 5; i++) {
		tl_pool *p = tl_pool_new(threads[i]);
		memset(c, 0, (size_t)(m * n) * 4);
		tl_gemm_f32(p, ta, tb, m, n, k, 1, a, ta ? m : k, b, tb ? k : n, 0, c, n);
		if (i == 0)
			memcpy(first, c, (size_t)(m * n) * 4);
		good &= !memcmp(first, c, (size_t)(m * n) * 4);
		tl_pool_free(p);
	}
	ok(good, "%lld x %lld x %lld: the same bits with 1, 2, 3, 8 and 16 threads", (long long)m, (long long)n, (long long)k);
	free(a), free(b), free(c), free(first);
}

static void
not_a_number(void)
{
	float a[6] = { 1, 2, NAN, 4, 5, 6 }, b[6] = { 0, 0, 0, 0, 0, 0 }, c[4];

	tl_gemm1_f32(0, 0, 2, 2, 3, 1, a, 3, b, 2, 0, c, 2);
	ok(isnan(c[0]) && isnan(c[1]) && c[2] == 0 && c[3] == 0, "0 times NaN is NaN in a product");
}

/* linear in float, forward and backward, against double: where its tiles share a packed factor, and where not. */
static void
linear(int64_t n, int64_t in, int64_t out, int act)
{
	int64_t xd[] = { n, in }, wd[] = { out, in };
	double *x = malloc((size_t)(n * in) * 8), *w = malloc((size_t)(out * in) * 8), *b = malloc((size_t)out * 8), worst = 0;
	double *y[2], *g[2][3];
	int64_t count[3] = { n * in, out * in, out };

	for (int64_t i = 0; i < n * in; i++)
		x[i] = (float)tl_random_normal(&stream);
	for (int64_t i = 0; i < out * in; i++)
		w[i] = (float)(tl_random_normal(&stream) / sqrt((double)in));
	for (int64_t i = 0; i < out; i++)
		b[i] = (float)tl_random_normal(&stream);
	for (int k = 0; k < 2; k++) {
		tl_ctx *ctx = tl_ctx_new(k ? TL_F64 : TL_F32, pool, NULL);
		tl_tensor *v[3], *r;
		tl_ctx_begin(ctx, 1, 1, true, true);
		v[0] = tl_variable(ctx, 2, xd, x);
		v[1] = tl_variable(ctx, 2, wd, w);
		v[2] = tl_variable(ctx, 1, &out, b);
		r = tl_linear(ctx, v[0], v[1], v[2], act);
		y[k] = malloc((size_t)(n * out) * 8);
		tl_get_reals(ctx, r, y[k]);
		tl_backward(ctx, tl_sum(ctx, tl_mul(ctx, r, r)));
		for (int i = 0; i < 3; i++) {
			g[k][i] = malloc((size_t)count[i] * 8);
			tl_get_reals(ctx, tl_gradient(ctx, v[i]), g[k][i]);
		}
		if (tl_status(ctx))
			worst = INFINITY;
		tl_ctx_free(ctx);
	}
	for (int64_t i = 0; i < n * out; i++)
		worst = fmax(worst, fabs(y[0][i] - y[1][i]));
	for (int i = 0; i < 3; i++)
		for (int64_t k = 0; k < count[i]; k++)
			worst = fmax(worst, fabs(g[0][i][k] - g[1][i][k]) / sqrt((double)(n + out)));
	ok(worst < 1e-4, "linear %lld x %lld -> %lld, activation %d, %s: float and double differ by %.1g", (long long)n, (long long)in, (long long)out, act, tl_isa(), worst);
	for (int k = 0; k < 2; k++)
		free(y[k]), free(g[k][0]), free(g[k][1]), free(g[k][2]);
	free(x), free(w), free(b);
}

int
main(void)
{
	int level = tl_isa_level();

	printf("# %s, %s\n", tl_gemm_library(), tl_isa());
	pool = tl_pool_new(3);
	against_definition("one tile", tl_gemm1_f32, tl_gemm1_f64);
	against_definition("tiles over threads", pooled_f32, pooled_f64);
	own_products("plain", tl_own_f32_plain, tl_own_f64_plain, &tl_small_f32_plain, &tl_small_f64_plain);
	own_products("rows first", own_rows_first, tl_own_f64_plain, &small_rows_first, &tl_small_f64_plain);
#if defined(__x86_64__)
	if (tl_isa_level() >= TL_ISA_AVX2)
		own_products("AVX2", tl_own_f32_avx2, tl_own_f64_avx2, &tl_small_f32_avx2, &tl_small_f64_avx2);
	else
		skip("own, AVX2", "this CPU does not have it, or TAGLOOM_ISA forbids it");
	if (tl_isa_level() >= TL_ISA_AVX512)
		own_products("AVX-512", tl_own_f32_avx512, tl_own_f64_avx512, &tl_small_f32_avx512, &tl_small_f64_avx512);
	else
		skip("own, AVX-512", "this CPU does not have it, or TAGLOOM_ISA forbids it");
#endif
	same_bits(0, 1, 700, 384, 96);
	same_bits(1, 0, 54, 384, 3500);
	same_bits(1, 0, 384, 1536, 1500);
	same_bits(0, 0, 257, 401, 129);
	not_a_number();
	for (int isa = level; isa >= TL_ISA_PLAIN; isa--) {
		tl_isa_lower(isa);
		linear(301, 67, 400, TL_GELU);
		linear(48, 31, 33, TL_NONE);
		linear(145, 770, 97, TL_TANH);
		linear(11, 12, 7, TL_RELU);
	}
	tl_isa_lower(level);
	tl_pool_free(pool);
	return done();
}
