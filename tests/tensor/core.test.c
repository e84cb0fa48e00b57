/* The tensor core: tape, views, segments, total, plugin ops, refusals, and a warm step that allocates nothing. */
#include <math.h>

#include "base/sanitized.h"
#include "tap.h"
#include "tensor/core.h"

/* Counts what the program allocates (the sanitizers bring their own malloc). */
#if !defined(SANITIZED) && defined(__GLIBC__)
#define COUNTED 1
static long allocations;
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);
void *malloc(size_t n) { allocations++; return __libc_malloc(n); }
void *calloc(size_t n, size_t m) { allocations++; return __libc_calloc(n, m); }
void *realloc(void *p, size_t n) { allocations++; return __libc_realloc(p, n); }
void *aligned_alloc(size_t a, size_t n) { allocations++; return __libc_memalign(a, n); }
#endif

static double x0[12], w0[16];
static const int64_t xd[2] = { 3, 4 }, wd[2] = { 4, 4 };

static bool
near(double a, double b)
{
	return fabs(a - b) <= 1e-7 * fmax(1, fabs(b));
}

/* Says what was recorded and clears it. */
static void
refused(tl_ctx *ctx, const tl_tensor *result, const char *words)
{
	ok(!result, "NULL");
	says(tl_ctx_error(ctx)->text, words, words);
	*tl_ctx_error(ctx) = (tl_error){ 0 };
}

static tl_tensor *
layers(tl_ctx *ctx, tl_tensor *const *in, int n_in, void *arg)
{
	tl_tensor *h = tl_linear(ctx, in[0], in[1], NULL, TL_TANH);

	(void)n_in;
	if (arg)
		h = tl_dropout(ctx, h, 0.5);
	return tl_linear(ctx, h, in[1], NULL, TL_GELU);
}

/* Loss and both gradients; mode 0 plain, 1 in a segment, 2 a segment in a segment. */
static tl_tensor *
outer(tl_ctx *ctx, tl_tensor *const *in, int n_in, void *arg)
{
	return tl_segment(ctx, layers, in, n_in, arg);
}

static double
gradients(tl_ctx *ctx, int mode, bool drop, double gw[16])
{
	static char yes;
	tl_tensor *in[2], *y;
	double loss = 0;

	tl_ctx_begin(ctx, 1, 4, true, true);
	tl_ctx_instance(ctx, "m");
	in[0] = tl_variable(ctx, 2, xd, x0);
	in[1] = tl_variable(ctx, 2, wd, w0);
	y = tl_dropout(ctx, in[0], drop ? 0.5 : 0);
	in[0] = tl_add(ctx, in[0], y);
	y = mode == 0 ? layers(ctx, in, 2, drop ? &yes : NULL) : tl_segment(ctx, mode == 1 ? layers : outer, in, 2, drop ? &yes : NULL);
	y = tl_mul(ctx, y, tl_dropout(ctx, y, drop ? 0.5 : 0));
	y = tl_sum(ctx, y);
	tl_backward(ctx, y);
	tl_get_reals(ctx, y, &loss);
	if (gw)
		tl_get_reals(ctx, tl_gradient(ctx, in[1]), gw);
	return loss;
}

static void
segments(tl_ctx *ctx)
{
	double g[3][16], l[3];

	for (int drop = 0; drop < 2; drop++) {
		for (int mode = 0; mode < 3; mode++)
			l[mode] = gradients(ctx, mode, drop, g[mode]);
		ok(!tl_status(ctx), "no error %s", tl_ctx_error(ctx)->text);
		ok(l[0] == l[1] && l[0] == l[2] && !memcmp(g[0], g[1], sizeof g[0]) && !memcmp(g[0], g[2], sizeof g[0]), "a segment, and one in another, have the same loss and gradients%s",
		   drop ? ": the random streams replay" : "");
	}
	for (int i = 0; i < 16; i += 5) {
		double keep = w0[i], d[2];
		for (int k = 0; k < 2; k++) {
			w0[i] = keep + (k ? -1e-6 : 1e-6);
			d[k] = gradients(ctx, 1, true, NULL);
		}
		w0[i] = keep;
		ok(near((d[0] - d[1]) / 2e-6, g[0][i]), "weight %d: finite difference %.8f, gradient %.8f", i, (d[0] - d[1]) / 2e-6, g[0][i]);
	}
}

/* What a scope gives up: sums for good, gelu until the backward wants it (twice, and once more in a segment). Not what others share, nor the result. */
static tl_tensor *
scope(tl_ctx *ctx, tl_tensor *const *in, int n_in, void *arg)
{
	int32_t row[2] = { 5, 7 };
	int64_t two = 2;
	tl_tensor *x = tl_scale(ctx, tl_add(ctx, tl_add(ctx, in[0], tl_gather(ctx, in[0], tl_ints(ctx, 1, (int64_t[]){ tl_dim(in[0], 0) }, arg))), in[0]), 0.4, 0);
	tl_tensor *h = tl_linear(ctx, tl_dropout(ctx, x, 0.3), in[1], NULL, TL_GELU), *s = tl_segment(ctx, layers, (tl_tensor *[]){ h, in[1] }, 2, NULL);
	tl_tensor *shared = tl_detach(ctx, tl_linear(ctx, h, in[1], NULL, TL_GELU)), *seen = tl_reshape(ctx, tl_linear(ctx, s, in[1], NULL, TL_GELU), 2, tl_dim(in[0], 0), -1, 0, 0);

	(void)n_in;
	x = tl_add(ctx, tl_mul(ctx, h, s), tl_mul(ctx, tl_mul(ctx, h, shared), seen));
	x = tl_linear(ctx, tl_linear(ctx, x, in[1], NULL, TL_GELU), in[1], NULL, TL_NONE);
	x = tl_add(ctx, x, tl_gather(ctx, tl_scatter_add(ctx, tl_gather(ctx, x, tl_ints(ctx, 1, &two, row)), tl_ints(ctx, 1, &two, row), tl_dim(x, 0)), tl_ints(ctx, 1, (int64_t[]){ tl_dim(x, 0) }, arg)));
	return tl_linear(ctx, x, in[1], NULL, TL_GELU);
}

static void
scopes(void)
{
	enum { N = 200, DEEP = 6 };
	static double x[N * 4], gx[2][N * 4], gw[2][16], loss[2];
	static int32_t turned[N];
	int64_t dims[2] = { N, 4 };
	size_t peak[2];

	for (int i = 0; i < N * 4; i++)
		x[i] = 0.1 * (i % 23) - 1;
	for (int i = 0; i < N; i++)
		turned[i] = N - 1 - i;
	for (int scoped = 0; scoped < 2; scoped++) {
		tl_ctx *fresh = tl_ctx_new(TL_F64, NULL, NULL);
		tl_tensor *in[2], *y, *first;
		tl_ctx_begin(fresh, 1, 4, true, true);
		tl_ctx_instance(fresh, "m");
		first = in[0] = tl_variable(fresh, 2, dims, x);
		in[1] = tl_variable(fresh, 2, wd, w0);
		for (int i = 0; i < DEEP; i++)
			in[0] = scoped ? tl_scoped(fresh, scope, in, 2, turned) : scope(fresh, in, 2, turned);
		y = tl_sum(fresh, in[0]);
		tl_backward(fresh, y);
		tl_get_reals(fresh, y, &loss[scoped]);
		tl_get_reals(fresh, tl_gradient(fresh, first), gx[scoped]);
		tl_get_reals(fresh, tl_gradient(fresh, in[1]), gw[scoped]);
		ok(!tl_status(fresh) && gw[scoped][0] != 0, "%s: no error %s", scoped ? "scopes" : "plain", tl_ctx_error(fresh)->text);
		peak[scoped] = tl_ctx_peak_bytes(fresh);
		tl_ctx_free(fresh);
	}
	ok(loss[0] == loss[1] && !memcmp(gx[0], gx[1], sizeof gx[0]) && !memcmp(gw[0], gw[1], sizeof gw[0]), "what a scope gives up changes no bit");
	ok(peak[1] + (DEEP - 1) * 6 * sizeof x < peak[0], "and six tensors less of each but one are there (%zu, %zu bytes)", peak[1], peak[0]);
}

static tl_tensor *captured;
static tl_tensor *
captures(tl_ctx *ctx, tl_tensor *const *in, int n_in, void *arg)
{
	(void)n_in, (void)arg;
	return tl_add(ctx, in[0], captured);
}

static void
tape(tl_ctx *ctx)
{
	double g[12];
	tl_tensor *x, *y, *z;

	tl_ctx_begin(ctx, 1, 0, true, true);
	x = tl_variable(ctx, 2, xd, x0);
	y = tl_add(ctx, tl_scale(ctx, x, 3, 0), tl_reshape(ctx, tl_reshape(ctx, x, 1, 12, 0, 0, 0), 2, 3, -1, 0, 0));
	y = tl_add(ctx, y, y);
	tl_no_grad_push(ctx);
	z = tl_mul(ctx, x, x);
	tl_no_grad_pop(ctx);
	ok(tl_wants_gradient(y) && !tl_wants_gradient(z) && !tl_wants_gradient(tl_detach(ctx, y)), "no gradient under no_grad and from detach");
	z = tl_weighted_total(ctx, 2, (tl_tensor *[]){ tl_sum(ctx, y), tl_sum(ctx, z) }, (double[]){ 0.5, 7 });
	ok(tl_backward(ctx, z) == 0, "backward");
	tl_get_reals(ctx, tl_gradient(ctx, x), g);
	ok(g[0] == 4 && g[11] == 4, "a tensor used twice, and through a view, gets the sum of its gradients");
	ok(!tl_gradient(ctx, y), "the gradient of a tensor between is not kept ...");

	tl_ctx_begin(ctx, 1, 0, true, true);
	x = tl_variable(ctx, 2, xd, x0);
	y = tl_scale(ctx, x, 2, 0);
	tl_keep_gradient(y);
	tl_backward(ctx, tl_sum(ctx, tl_scale(ctx, y, 5, 0)));
	ok(tl_gradient(ctx, y) && (tl_get_reals(ctx, tl_gradient(ctx, y), g), g[3] == 5), "... unless it was asked for");
	tl_backward(ctx, tl_sum(ctx, tl_scale(ctx, x, 100, 0)));
	tl_get_reals(ctx, tl_gradient(ctx, x), g);
	ok(g[0] == 110, "a second backward adds to variables");

	tl_ctx_begin(ctx, 1, 0, true, true);
	x = tl_variable(ctx, 2, xd, x0);
	ok(tl_backward(ctx, tl_weighted_total(ctx, 0, NULL, NULL)) == 0 && !tl_gradient(ctx, x), "a total of nothing is a zero that reaches nothing");
	captured = tl_variable(ctx, 2, xd, x0);
	y = tl_segment(ctx, captures, &x, 1, NULL);
	tl_backward(ctx, tl_sum(ctx, y));
	refused(ctx, NULL, "comes from outside the recomputed segment and wants a gradient");
}

static void
refusals(tl_ctx *ctx)
{
	int64_t three = 3, two[2] = { 2, 2 }, huge[3] = { 1 << 20, 1 << 20, 1 << 10 };
	int32_t i3[3] = { 0, 5, 4 };
	tl_tensor *x, *w;

	tl_ctx_begin(ctx, 1, 0, true, true);
	x = tl_reals(ctx, 2, xd, x0);
	w = tl_reals(ctx, 2, wd, w0);
	refused(ctx, tl_linear(ctx, x, tl_fill(ctx, 2, two, 1), NULL, TL_NONE), "linear: x is [3, 4]; wanted 2 on axis -1 (w's second axis)");
	refused(ctx, tl_linear(ctx, x, w, NULL, 9), "linear: activation 9; wanted none (0), relu (1)");
	refused(ctx, tl_linear(ctx, x, tl_ints(ctx, 1, &three, i3), NULL, 0), "linear: input w holds integers; wanted double numbers");
	refused(ctx, tl_linear(ctx, x, NULL, NULL, 0), "linear: input w is missing (NULL)");
	refused(ctx, tl_gather(ctx, x, tl_ints(ctx, 1, &three, i3)), "gather: index[1] is 5; wanted -1 to 2");
	refused(ctx, tl_segment_sum(ctx, x, tl_ints(ctx, 1, &three, i3)), "segment_sum: offsets[2] is 4 after 5; wanted ascending offsets");
	refused(ctx, tl_reshape(ctx, x, 2, 5, -1, 0, 0), "reshape: x has 12 elements; they cannot be cut into rows of 5");
	refused(ctx, tl_reshape(ctx, x, 9, 5, -1, 0, 0), "reshape: rank 9; wanted 0 to 4");
	refused(ctx, tl_dropout(ctx, x, 1), "dropout: the dropout rate is 1; wanted 0 or more and less than 1");
	refused(ctx, tl_attention(ctx, x, tl_ints(ctx, 1, &three, i3), x, x, tl_ints(ctx, 1, &three, i3), 3, 0), "attention: 3 heads do not divide the width 4");
	refused(ctx, tl_fill(ctx, 3, huge, 0), "more than 2^42 elements");
	refused(ctx, tl_fill(ctx, 5, huge, 0), "rank 5");
	refused(ctx, tl_concat(ctx, (tl_tensor *[]){ x, NULL }, 2, 0), "concat: input xs is missing (NULL)");
	tl_backward(ctx, x);
	refused(ctx, NULL, "tl_backward: the total has 12 elements; wanted a scalar");
	tl_fail(ctx, "first %d", 1);
	tl_fail(ctx, "second");
	ok(!tl_add(ctx, x, x) && !tl_fill(ctx, 2, xd, 1) && tl_backward(ctx, x) < 0, "after an error nothing is computed");
	refused(ctx, NULL, "first 1");
}

/* --- an op of a plugin's own: cube, which counts on a zero-filled gradient --- */

static int
cube_shape(tl_op_call *c)
{
	if (c->in[0].rank != 1)
		return -1; /* without a sentence: the host has one */
	c->out = c->in[0];
	return 0;
}

static int
cube_forward(tl_op_call *c)
{
	double *scratch = tl_scratch(c->ctx, (size_t)c->out.count * sizeof *scratch);

	for (int64_t i = 0; i < c->out.count; i++)
		((double *)c->out.data)[i] = (scratch[i] = ((const double *)c->in[0].data)[i], c->arg[0] * scratch[i] * scratch[i] * scratch[i]);
	return 0;
}

static int
cube_backward(tl_op_call *c)
{
	for (int64_t i = 0; i < c->out.count; i++) {
		double x = ((const double *)c->in[0].data)[i];
		((double *)c->grad_in[0])[i] += 3 * c->arg[0] * x * x * ((const double *)c->grad_out)[i];
	}
	return 0;
}

static void
plugin_op(tl_ctx *ctx, tl_ctx *single)
{
	static const tl_op cube = { .size = sizeof(tl_op), .name = "cube", .signature = "x:real by:x", .shape = cube_shape, .f64 = { cube_forward, cube_backward } };
	static const tl_op fixed = { .size = sizeof(tl_op), .name = "fixed", .signature = "x:real by:x", .shape = cube_shape, .f64 = { cube_forward, NULL } };
	int64_t n = 3, two[2] = { 1, 3 };
	double v[3] = { 1, 2, -3 }, g[3], by = 2;
	tl_tensor *x;

	tl_ctx_begin(ctx, 1, 0, true, true);
	x = tl_variable(ctx, 1, &n, v);
	tl_backward(ctx, tl_sum(ctx, tl_apply(ctx, &cube, &x, 1, &by, 1)));
	ok(!tl_get_reals(ctx, tl_gradient(ctx, x), g) && g[0] == 6 && g[1] == 24 && g[2] == 54, "a plugin's op is run and differentiated");
	tl_backward(ctx, tl_sum(ctx, tl_apply(ctx, &fixed, &x, 1, &by, 1)));
	refused(ctx, NULL, "fixed: this op cannot be differentiated; detach its inputs");
	x = tl_fill(ctx, 2, two, 1);
	refused(ctx, tl_apply(ctx, &cube, &x, 1, &by, 1), "cube: the shapes do not fit");
	refused(ctx, tl_apply(ctx, &cube, &x, 0, &by, 1), "cube: 0 input tensors were given; wanted 1");
	tl_ctx_begin(single, 1, 0, true, true);
	x = tl_fill(single, 1, &n, 1);
	refused(single, tl_apply(single, &cube, &x, 1, &by, 1), "cube: this op has no float kernel");
}

/* Initial values do not depend on the number of threads that draw them. */
static void
drawn_on_threads(void)
{
	tl_weights *w = tl_weights_new(TL_F32);
	int64_t d[2] = { 301, 257 };
	tl_pool *pool = tl_pool_new(3);
	const char *name[4] = { "a", "b", "c", "d" };

	for (int i = 0; i < 4; i++)
		tl_weights_add(w, name[i], 2, d, true, NULL);
	tl_weights_finish(w, NULL);
	tl_init_uniform(NULL, tl_weights_at(w, 0)->tensor, 5, 0.5);
	tl_init_uniform(pool, tl_weights_at(w, 1)->tensor, 5, 0.5);
	tl_init_normal(NULL, tl_weights_at(w, 2)->tensor, 5, 0.02);
	tl_init_normal(pool, tl_weights_at(w, 3)->tensor, 5, 0.02);
	const float *v = tl_weights_values(w);
	int64_t n = d[0] * d[1], step = tl_weights_at(w, 1)->offset;
	ok(!memcmp(v, v + step, (size_t)n * 4) && !memcmp(v + 2 * step, v + 3 * step, (size_t)n * 4) && v[0] != v[1] && v[n - 1] != 0, "initial values are the same on one thread and on three");
	tl_pool_free(pool);
	tl_weights_free(w);
}

static void
weights(void)
{
	tl_weights *w = tl_weights_new(TL_F32), *copy;
	tl_error e = { 0 };
	int64_t d[2] = { 3, 5 };
	tl_ctx *ctx = tl_ctx_new(TL_F32, NULL, NULL);
	double g[15], v[15];
	char a[65], b[65];

	ok(tl_weights_add(w, "m.weight", 2, d, true, &e) == 0 && tl_weights_add(w, "m.bias", 1, d, true, &e) == 1 && tl_weights_add(w, "n.x", 1, d, false, &e) == 2, "three weights");
	ok(tl_weights_add(w, "m.bias", 1, d, true, &e) < 0 && strstr(e.text, "weight m.bias: there are two of that name"), "two of a name are refused");
	ok(!tl_weights_finish(w, NULL) && tl_weights_size(w) == 48 && tl_weights_at(w, 1)->offset == 16, "they lie one after the other");
	tl_init_uniform(NULL, tl_weights_at(w, 0)->tensor, 7, 0.5);
	drawn_on_threads();
	ok(!tl_init_orthogonal(tl_weights_at(w, 0)->tensor, 7, 1, NULL), "orthogonal");
	tl_ctx_begin(ctx, 1, 0, true, true);
	tl_get_reals(ctx, tl_weights_at(w, 0)->tensor, v);
	ok(near((float)(v[0] * v[0] + v[1] * v[1] + v[2] * v[2] + v[3] * v[3] + v[4] * v[4]), 1) && fabs(v[0] * v[5] + v[1] * v[6] + v[2] * v[7] + v[3] * v[8] + v[4] * v[9]) < 1e-6, "orthonormal rows");
	for (int i = 0; i < 2; i++)
		tl_backward(ctx, tl_sum(ctx, tl_add(ctx, tl_matmul(ctx, tl_weights_at(w, 0)->tensor, tl_fill(ctx, 2, d, 2), 0, 1), tl_weights_at(w, 2)->tensor)));
	tl_get_reals(ctx, tl_gradient(ctx, tl_weights_at(w, 0)->tensor), g);
	ok(!tl_status(ctx) && g[0] == 12 && g[14] == 12 && ((float *)tl_weights_gradients(w))[0] == 12, "gradients of weights add up over backwards %s", tl_ctx_error(ctx)->text);
	ok(((float *)tl_weights_gradients(w))[32] == 0, "an untrained weight has none");
	tl_weights_zero_gradients(w, NULL);
	ok(((float *)tl_weights_gradients(w))[0] == 0, "and back to zero");
	copy = tl_weights_clone(w, "m.");
	tl_weights_hash(w, a);
	tl_weights_hash(copy, b);
	ok(tl_weights_count(copy) == 2 && strcmp(a, b) && !memcmp(tl_weights_values(copy), tl_weights_values(w), 60), "a copy of those with a prefix");
	tl_weights_free(copy);
	tl_weights_free(w);
	tl_ctx_free(ctx);
}

static void
warm_step(tl_pool *pool)
{
#ifdef COUNTED
	tl_ctx *ctx = tl_ctx_new(TL_F64, pool, NULL);
	long before[3];
	double g[16];

	for (int i = 0; i < 3; i++) {
		before[i] = allocations;
		gradients(ctx, i == 2 ? 1 : 0, true, g);
		if (i == 1)
			gradients(ctx, 1, true, g);
	}
	ok(before[1] > before[0] && allocations == before[2], "a warm step allocates nothing: %ld the first time, %ld the third", before[1] - before[0], allocations - before[2]);
	tl_ctx_free(ctx);
#else
	(void)pool;
	skip("a warm step allocates nothing", "the sanitizer has a malloc of its own");
#endif
}

static int warned;
static void
on_warning(void *user, const char *text)
{
	warned += tl_streq(text, "careful 3") && user == &warned;
}

int
main(void)
{
	tl_pool *pool = tl_pool_new(2);
	tl_ctx *ctx = tl_ctx_new(TL_F64, pool, &warned), *single = tl_ctx_new(TL_F32, pool, NULL);

	for (int i = 0; i < 16; i++)
		w0[i] = 0.1 * (i % 5) - 0.2;
	for (int i = 0; i < 12; i++)
		x0[i] = 0.3 * (i % 7) - 1;
	segments(ctx);
	scopes();
	tape(ctx);
	refusals(ctx);
	plugin_op(ctx, single);
	weights();
	warm_step(pool);
	tl_ctx_set_warn(ctx, on_warning);
	for (int i = 0; i < 3; i++)
		tl_warn(ctx, "careful %d", 3);
	ok(warned == 1, "a warning is told once");
	tl_ctx_free(ctx);
	tl_ctx_free(single);
	tl_pool_free(pool);
	return done();
}
