/*
 * corners.test.c - what the cases of ops.test.c do not hold, on the emulated device against the CPU: ties, numbers that are not finite,
 * indexes that only the device has seen, one index for thousands of rows.
 */
#include "opened.h"
#include "tensor/trial.h"
#include "tensor/memory.h"

static tl_ctx *cpu, *device;

/* Quarters between -1 and 1, so that there are ties and sums are exact; awkward: with zeros of both signs and numbers that are not finite. */
static input
quarters(int64_t n, int64_t m, bool awkward)
{
	input x = { .kind = 'r', .rank = m ? 2 : 1, .dim = { n, m }, .count = m ? n * m : n };
	uint64_t state = (uint64_t)(n * 7 + m);

	x.real = calloc((size_t)x.count + 1, sizeof *x.real);
	for (int64_t i = 0; i < x.count; i++) {
		int draw = (int)(unit(&state) * 1000);

		x.real[i] = (draw % 9 - 4) / 4.0;
		if (awkward && draw < 8)
			x.real[i] = (double[]){ NAN, INFINITY, -INFINITY, -0.0 }[draw % 4];
	}
	return x;
}

static input
places(int64_t n, int64_t below)
{
	input x = { 0 };

	ints_of(&x, n);
	for (int64_t i = 0; i < n; i++)
		x.ints[i] = (int32_t)(i * i % below);
	return x;
}

/* Results that are equal to the bit, but for the sign of 0; gradients that are near where there are any. */
static bool
same(const char *op, input *in, int n, const double *arg, unsigned vary)
{
	test_case t = { .op = op };
	trial r = { .ctx = cpu, .t = &t, .call = call_of(op), .in = in, .n = n, .vary = vary, .w1 = 1, .w2 = -1, .forward_only = !vary };
	outcome a, b;
	double worst = 0;
	bool good;

	memcpy(t.arg, arg, 3 * sizeof *arg);
	a = run(&r);
	r.ctx = device;
	b = run(&r);
	good = a.good && b.good && a.count == b.count;
	for (int64_t i = 0; good && i < a.count; i++)
		if (!(a.out[i] == b.out[i] || (isnan(a.out[i]) && isnan(b.out[i])))) {
			printf("# %s: element %lld is %g on the CPU, %g on the device\n", op, (long long)i, a.out[i], b.out[i]);
			good = false;
		}
	for (int i = 0; good && i < n; i++)
		if (a.grad[i] && !near(a.grad[i], b.grad[i], in[i].count, 1e-5, &worst)) {
			printf("# %s: gradients of input %d differ by %g\n", op, i, worst);
			good = false;
		}
	if (!a.good || !b.good)
		printf("# %s: %s\n", op, a.good ? b.error : a.error);
	forget(&a);
	forget(&b);
	for (int i = 0; i < n; i++)
		free_input(&in[i]);
	return good;
}

static void
choices(void)
{
	ok(same("topk", (input[]){ quarters(3, 5003, true) }, 1, (double[3]){ 701 }, 0), "topk: ties and numbers that are not finite, long rows");
	ok(same("topk", (input[]){ quarters(9, 37, true) }, 1, (double[3]){ 37 }, 0), "topk: all of short rows");
	ok(same("linear_best", (input[]){ quarters(2, 3, false), quarters(70001, 3, false), quarters(70001, 0, true) }, 3, (double[3]){ 301 }, 0),
	   "linear_best: several blocks of labels, ties, numbers that are not finite");
	ok(same("row_max", (input[]){ quarters(5, 3001, true) }, 1, (double[3]){ 0 }, 0), "row_max: a NaN is the largest");
	ok(same("row_max", (input[]){ quarters(5, 3001, false) }, 1, (double[3]){ 0 }, 1), "row_max: the first of equals takes the gradient, long rows");
	ok(same("segment_max", (input[]){ quarters(301, 41, true), read_input("o301/5", 0) }, 2, (double[3]){ 0 }, 0), "segment_max: a NaN is the largest");
	ok(same("segment_max", (input[]){ quarters(301, 41, false), read_input("o301/5", 0) }, 2, (double[3]){ 0 }, 1), "segment_max: the first of equals takes the gradient");
}

static void
many_to_one(void)
{
	static const int64_t below[] = { 1, 2, 5, 4000 };

	for (int i = 0; i < TL_COUNT(below); i++) {
		ok(same("scatter_add", (input[]){ quarters(5000, 3, false), places(5000, below[i]) }, 2, (double[3]){ (double)below[i] }, 1), "scatter_add: 5000 rows to %d", (int)below[i]);
		ok(same("gather", (input[]){ quarters(below[i], 3, false), places(5000, below[i]) }, 2, (double[3]){ 0 }, 1), "gather: 5000 rows from %d", (int)below[i]);
	}
}

/* --- indexes that the device computed: one [4] holds each of 0 .. 3 once, pairs [3, 2] the two largest of three rows --- */

typedef tl_tensor *(*chain)(tl_ctx *ctx, tl_tensor *x, tl_tensor *one, tl_tensor *pairs); /* x [6, 4] */
#define CHAIN(name, ...) static tl_tensor *name(tl_ctx *ctx, tl_tensor *x, tl_tensor *one, tl_tensor *pairs) { (void)one, (void)pairs; return __VA_ARGS__; }
CHAIN(gathered, tl_gather(ctx, x, pairs))
CHAIN(scattered, tl_scatter_add(ctx, tl_slice(ctx, x, 0, 0, 4), one, 4))
CHAIN(replaced, tl_replace_rows(ctx, x, one, tl_slice(ctx, x, 0, 0, 4)))
CHAIN(gathered_beyond, tl_gather(ctx, tl_slice(ctx, x, 0, 0, 1), pairs))
CHAIN(scattered_beyond, tl_scatter_add(ctx, tl_slice(ctx, x, 0, 0, 4), one, 3))
CHAIN(replaced_beyond, tl_replace_rows(ctx, tl_slice(ctx, x, 0, 0, 3), one, tl_slice(ctx, x, 0, 0, 4)))

static outcome
run_chain(tl_ctx *ctx, chain f)
{
	const int64_t dims[] = { 6, 4 };
	input values_of_x = quarters(6, 4, false);
	trial r = { .ctx = ctx };
	tl_tensor *x, *one, *pairs, *out;
	outcome o = { 0 };

	tl_ctx_begin(ctx, 11, 3, true, true);
	for (int64_t i = 0; i < 24; i++)
		values_of_x.real[i] += (double)(i * 5 % 4) / 64;
	x = tl_variable(ctx, 2, dims, values_of_x.real);
	one = tl_topk(ctx, tl_reshape(ctx, tl_slice(ctx, x, 0, 0, 1), 1, 4, 0, 0, 0), 4);
	pairs = tl_topk(ctx, tl_slice(ctx, x, 0, 0, 3), 2);
	out = f(ctx, x, one, pairs);
	if (failed(&r, &o) || !out) {
		free_input(&values_of_x);
		return o;
	}
	o.count = tl_count(out);
	o.out = values(ctx, out);
	tl_backward(ctx, weighed(ctx, out));
	if (!failed(&r, &o)) {
		o.grad[0] = values(ctx, tl_gradient(ctx, x));
		o.good = true;
	}
	free_input(&values_of_x);
	return o;
}

static void
device_indexes(void)
{
	static const struct { const char *what; chain f; } good[] = { { "gather", gathered }, { "scatter_add", scattered }, { "replace_rows", replaced } };
	static const struct { const char *what; chain f; } bad[] = { { "gather", gathered_beyond }, { "scatter_add", scattered_beyond }, { "replace_rows", replaced_beyond } };

	for (int i = 0; i < TL_COUNT(good); i++) {
		outcome a = run_chain(cpu, good[i].f), b = run_chain(device, good[i].f);
		double worst = 0;

		if (!ok(a.good && b.good && a.count == b.count && near(a.out, b.out, a.count, 1e-6, &worst) && near(a.grad[0], b.grad[0], 24, 1e-6, &worst), "%s: by an index of the device's own", good[i].what))
			printf("# %s %s %g\n", a.error, b.error, worst);
		forget(&a);
		forget(&b);
	}
	for (int i = 0; i < TL_COUNT(bad); i++) {
		outcome a = run_chain(cpu, bad[i].f), b = run_chain(device, bad[i].f);

		if (!ok(!a.good && !b.good && strstr(b.error, bad[i].what) && strstr(b.error, "does not fit"), "%s: an index of the device's own that does not fit is told", bad[i].what))
			printf("# the CPU says '%s', the device '%s'\n", a.error, b.error);
		forget(&a);
		forget(&b);
	}
}

int
main(int argc, char **argv)
{
	tl_pool *pool = tl_pool_new(1);
	tl_device *d = opened(&argc, &argv, "corners of ops on the emulated device");

	if (!d)
		return done();
	cpu = tl_ctx_new(TL_F32, pool, NULL);
	device = tl_ctx_new(TL_F32, pool, NULL);
	tl_ctx_on(device, d);
	choices();
	many_to_one();
	device_indexes();
	tl_ctx_free(device);
	tl_ctx_free(cpu);
	tl_device_close(d);
	tl_pool_free(pool);
	return done();
}
