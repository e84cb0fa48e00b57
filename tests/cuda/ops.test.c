/*
 * ops.test.c - every row of ops.def on a device against the CPU: results, gradients, refusals, the same bits twice.
 * The device is the emulated one (tests/cuda/emulate), on which the order of threads and blocks is changed between runs; with --device the
 * one of this machine.
 * usage: ops.test [--device cuda:0] [OP...]
 */
#include "opened.h"
#include "tensor/trial.h"
#include "tensor/memory.h"

static tl_ctx *cpu, *device;

/* Sums on a device are made in another order, and products of 500 terms differ by some units in the last place. */
static const double tolerance = 1e-5;

static void
in_order(const char *order)
{
	if (emulated)
		setenv("TAGLOOM_EMULATE_ORDER", order, 1);
}

static bool
agrees(trial r)
{
	outcome a, b;
	double worst = 0;
	bool good = true;

	r.ctx = cpu;
	a = run(&r);
	r.ctx = device;
	in_order("0");
	b = run(&r);
	if (!a.good || !b.good || a.count != b.count)
		good = wrong(r.t, "%s", a.good ? b.error : a.error);
	if (good && !near(a.out, b.out, a.count, tolerance, &worst))
		good = wrong(r.t, "CPU and device differ by %g", worst);
	for (int i = 0; good && i < r.n; i++)
		if (a.grad[i] && !near(a.grad[i], b.grad[i], r.in[i].count, tolerance, &worst))
			good = wrong(r.t, "gradients of input %d on CPU and device differ by %g", i, worst);
	forget(&a);
	forget(&b);
	return good;
}

/* Twice on a device; on the emulated one threads and blocks run in other orders. */
static bool
same_bits(trial r)
{
	static const char *const orders[] = { "0", "1", "7" };
	outcome first = { 0 };
	bool good = true;

	r.ctx = device;
	for (int k = 0; good && k < TL_COUNT(orders); k++) {
		outcome o;

		in_order(orders[k]);
		o = run(&r);
		if (!o.good)
			good = wrong(r.t, "%s", o.error);
		else if (k && memcmp(o.out, first.out, (size_t)o.count * sizeof *o.out))
			good = wrong(r.t, "order %s gives another result", orders[k]);
		for (int i = 0; good && k && i < r.n; i++)
			if (o.grad[i] && memcmp(o.grad[i], first.grad[i], (size_t)r.in[i].count * sizeof(double)))
				good = wrong(r.t, "order %s gives another gradient of input %d", orders[k], i);
		if (k)
			forget(&o);
		else
			first = o;
	}
	in_order("0");
	forget(&first);
	return good;
}

/* Each input alone is a variable; two calls add their gradients. */
static bool
alone_and_twice(trial r)
{
	bool good = true;

	for (int a = 0; good && a < r.n; a++) {
		trial alone = r;
		if ((alone.vary = r.vary & 1u << a))
			good = agrees(alone);
	}
	r.w1 = 0.5, r.w2 = 2;
	return good && agrees(r);
}

/* What the CPU refuses is refused on the device, in the same words. */
static bool
refuses(const char *op)
{
	for (const refusal *f = refusals; f < refusals + TL_COUNT(refusals); f++) {
		test_case t = { .op = f->op };
		input in[MOST_IN + 1] = { 0 };
		trial r = { .t = &t, .call = call_of(op), .in = in, .w1 = 1, .w2 = -1 };
		outcome a, b;
		bool same;

		if (strcmp(f->op, op))
			continue;
		memcpy(t.in, f->in, sizeof t.in);
		memcpy(t.arg, f->arg, sizeof t.arg);
		for (; t.in[r.n]; r.n++)
			in[r.n] = read_input(t.in[r.n], (uint64_t)r.n);
		r.ctx = cpu;
		a = run(&r);
		r.ctx = device;
		b = run(&r);
		for (int i = 0; i < r.n; i++)
			free_input(&in[i]);
		/* Real values are seen by the device alone: it says that something does not fit when the result is read. */
		same = !strcmp(a.error, b.error) || (strstr(b.error, "does not fit") && !strncmp(b.error, op, strlen(op)));
		if (!same)
			wrong(&t, "the CPU says '%s', the device '%s'", a.error, b.error);
		forget(&a);
		forget(&b);
		if (!same)
			return false;
	}
	return true;
}

enum { AGREES, BITS, TWICE, CHECKS };
static const char *const check_names[CHECKS] = { "results and gradients are those of the CPU", "the same bits in any order of threads and blocks", "each input alone, and two calls" };

/* What kernels do in another way from some size on. */
static const test_case large[] = {
	{ "layernorm", { "r3x10241", "r3x10241", "r10241", "r10241" }, { 0.4, 1e-5 } }, { "layernorm", { "r260x10241", "-", "r10241", "r10241" }, { 0, 1e-5 } },
	{ "layernorm", { "r2x40967", "r2x40967", "r40967", "r40967" }, { 0.2, 1e-5 } },
};

static void
check_op(const char *op)
{
	const char *said[CHECKS] = { NULL };
	bool good[CHECKS] = { true, true, true }, fine;

	for (int64_t c = 0; c < TL_COUNT(cases) + TL_COUNT(large); c++) {
		const test_case *t = c < TL_COUNT(cases) ? &cases[c] : &large[c - TL_COUNT(cases)];
		input in[MOST_IN + 1] = { 0 };
		trial r;

		if (strcmp(t->op, op))
			continue;
		r = trial_of(t, cpu, in);
		for (int k = 0; k < CHECKS; k++) {
			fine = !good[k] || (k == AGREES ? agrees(r) : k == BITS ? same_bits(r) : alone_and_twice(r));
			if (!fine) {
				good[k] = false;
				said[k] = strdup(why);
			}
		}
		for (int i = 0; i < r.n; i++)
			free_input(&in[i]);
	}
	for (int k = 0; k < CHECKS; k++) {
		ok(good[k], "%s: %s", op, check_names[k]);
		if (said[k])
			printf("# %s\n", said[k]);
	}
	if (!ok(refuses(op), "%s: what does not fit is refused as on the CPU", op))
		printf("# %s\n", why);
}

/* --- what is not about one row --- */

static int
like(tl_op_call *c)
{
	c->out = c->in[0];
	return 0;
}

static int
nothing(tl_op_call *c)
{
	(void)c;
	return 0;
}

/* An op of a plugin that knows the CPU alone. */
static void
own_op(void)
{
	static const tl_op op = { .size = sizeof op, .name = "own", .signature = "x:real", .shape = like, .f32 = { nothing, nothing }, .f64 = { nothing, nothing } };
	tl_tensor *x;

	tl_ctx_begin(device, 1, 1, true, true);
	x = tl_fill(device, 1, (int64_t[]){ 3 }, 1);
	ok(!tl_apply(device, &op, &x, 1, NULL, 0), "an op without a kernel for the device gives nothing");
	says(tl_ctx_error(device)->text, "own: this op has no CUDA kernel", "and is refused by name");
	tl_ctx_error(device)->status = 0;
	tl_ctx_error(device)->text[0] = 0;
}

static tl_tensor *
twice(tl_ctx *ctx, tl_tensor *const *in, int n, void *arg)
{
	(void)arg;
	return tl_dropout(ctx, tl_mul(ctx, in[0], in[n - 1]), 0.3);
}

/* Sums that a scope gives up for good, gelu that is made again. */
static tl_tensor *
given_up(tl_ctx *ctx, tl_tensor *const *in, int n, void *arg)
{
	tl_tensor *x = tl_scale(ctx, tl_add(ctx, tl_add(ctx, in[0], tl_gather(ctx, in[0], arg)), in[n - 1]), 0.4, 0), *w = tl_fill(ctx, 2, (int64_t[]){ 1, 1 }, 0.7);

	x = tl_reshape(ctx, tl_dropout(ctx, tl_scale(ctx, x, 1, 0), 0.3), 2, -1, 1, 0, 0);
	x = tl_linear(ctx, tl_linear(ctx, x, w, NULL, TL_GELU), w, NULL, TL_GELU);
	return tl_reshape(ctx, tl_mul(ctx, x, x), 1, -1, 0, 0, 0);
}

/* A segment that is recomputed and a scope that gives up give the gradients of what is kept, in several blocks of memory. */
static void
segments(void)
{
	enum { N = 70001 };
	static double host[N], got[4][N];
	static int32_t turned[N];
	double worst = 0;
	bool same;

	for (int i = 0; i < N; i++) {
		host[i] = (i % 7 - 3) * 0.25;
		turned[i] = N - 1 - i;
	}
	for (int k = 0; k < 4; k++) {
		tl_tensor *in[2], *y, *index;
		tl_ctx_begin(device, 1, 2, true, true);
		tl_ctx_instance(device, "test");
		in[0] = tl_variable(device, 1, (int64_t[]){ N }, host);
		in[1] = tl_fill(device, 1, (int64_t[]){ N }, 3);
		index = tl_ints(device, 1, (int64_t[]){ N }, turned);
		for (int i = 0; i < 3; i++) {
			y = k == 3 ? tl_scoped(device, given_up, in, 2, index) : k == 2 ? given_up(device, in, 2, index) : k ? tl_segment(device, twice, in, 2, NULL) : twice(device, in, 2, NULL);
			y = tl_add(device, y, in[0]);
		}
		tl_backward(device, tl_sum(device, tl_mul(device, y, y)));
		if (tl_get_reals(device, tl_gradient(device, in[0]), got[k])) {
			ok(false, "a segment: %s", tl_ctx_error(device)->text);
			return;
		}
	}
	same = near(got[0], got[1], N, 1e-6, &worst);
	ok(same, "a recomputed segment gives the same gradients (%g)", worst);
	ok(!memcmp(got[2], got[3], sizeof got[2]) && got[3][0] != 0, "a scope gives the same bits");
}

int
main(int argc, char **argv)
{
	static const char *const rows[] = {
#define TL_OP(name, params, inputs, args, signature, doc) #name,
#include "tagloom/ops.def"
#undef TL_OP
	};
	tl_pool *pool = tl_pool_new(1);
	tl_device *d = opened(&argc, &argv, "ops on the emulated device");

	if (!d)
		return done();
	ok(emulated == !strcmp(d->kind, "cuda-emulated"), "it says what it is: %s, %s, %s", d->kind, d->name, d->library);
	cpu = tl_ctx_new(TL_F32, pool, NULL);
	device = tl_ctx_new(TL_F32, pool, NULL);
	tl_ctx_on(device, d);
	for (int i = 0; i < TL_COUNT(rows); i++) {
		if (!wanted(rows[i], argc, argv))
			continue;
		if (ok(tl_device_kernels_of(rows[i]) || !strcmp(rows[i], "reshape"), "%s: has a kernel for the device", rows[i]))
			check_op(rows[i]);
	}
	if (argc == 1) {
		own_op();
		segments();
	}
	tl_ctx_free(device);
	tl_ctx_free(cpu);
	tl_device_close(d);
	tl_pool_free(pool);
	return done();
}
