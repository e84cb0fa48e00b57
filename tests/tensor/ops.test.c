/*
 * ops.test.c - every row of ops.def: gradients against finite differences, float against double, the same bits with any number of threads,
 * gradients that add up, inputs that are missing or do not fit. The cases are in cases.h.
 * usage: ops.test [--float] [OP...]      only these ops; --float: only the comparison of float with double
 */
#include "tap.h"
#include "tensor/cpu/cpu.h"
#include "trial.h"

enum { MOST_PROBES = 64, FEW_PROBES = 6 };
static const int pool_sizes[] = { 1, 2, 3, 8, 16 };
#define POOLS ((int)TL_COUNT(pool_sizes))

/* --- the checks; each says what is wrong in `why` and returns false --- */

static double
difference(const trial *r, int which, int64_t at)
{
	double x = r->in[which].real[at], h = 1e-5 * fmax(1, fabs(x));
	trial f = *r;
	outcome high, low;
	double d;

	f.forward_only = true;
	r->in[which].real[at] = x + h;
	high = run(&f);
	r->in[which].real[at] = x - h;
	low = run(&f);
	r->in[which].real[at] = x;
	d = high.good && low.good ? (high.total - low.total) / (2 * h) : NAN;
	forget(&high);
	forget(&low);
	return d;
}

/* Signed: a gradient of the wrong sign or factor is far beyond the tolerance. */
static bool
gradients(trial r)
{
	outcome o = run(&r);
	bool good = o.good;

	if (!good)
		wrong(r.t, "%s", o.error);
	for (int i = 0; good && i < r.n; i++) {
		int64_t n = r.in[i].count, probes = TL_MIN(n, n <= MOST_PROBES ? MOST_PROBES : FEW_PROBES);

		for (int64_t p = 0; good && o.grad[i] && p < probes; p++) {
			int64_t at = n <= MOST_PROBES ? p : (p * 2654435761 + 17) % n;
			double d = difference(&r, i, at), g = o.grad[i][at], slack = 1e-7 * (1 + fabs(o.total) * 1e-2) + 1e-6 * fmax(fabs(d), fabs(g));

			if (!(fabs(d - g) <= slack) || (fabs(d) > 100 * slack && (d > 0) != (g > 0)))
				good = wrong(r.t, "gradient of input %d, element %lld is %.12g; differences say %.12g", i, (long long)at, g, d);
		}
	}
	forget(&o);
	return good;
}

static bool
float_agrees(trial r, tl_ctx *single)
{
	outcome a = run(&r), b;
	double worst;
	bool good;

	r.ctx = single;
	b = run(&r);
	good = a.good && b.good ? true : wrong(r.t, "%s", a.good ? b.error : a.error);
	if (good && !near(a.out, b.out, a.count, 2e-5, &worst))
		good = wrong(r.t, "float and double differ by %g", worst);
	for (int i = 0; good && i < r.n; i++)
		if (a.grad[i] && !near(a.grad[i], b.grad[i], r.in[i].count, 5e-5, &worst))
			good = wrong(r.t, "gradients of input %d in float and double differ by %g", i, worst);
	forget(&a);
	forget(&b);
	return good;
}

static bool
same_bits(trial r, tl_ctx **ctx)
{
	outcome first = { 0 };
	bool good = true;

	for (int p = 0; good && p < POOLS; p++) {
		outcome o;

		r.ctx = ctx[p];
		o = run(&r);
		if (!o.good)
			good = wrong(r.t, "%s", o.error);
		else if (p && memcmp(&o.total, &first.total, sizeof o.total))
			good = wrong(r.t, "%d threads: the total is %.17g, with one %.17g", pool_sizes[p], o.total, first.total);
		else if (p && memcmp(o.out, first.out, (size_t)o.count * sizeof *o.out))
			good = wrong(r.t, "%d threads give another result than one", pool_sizes[p]);
		for (int i = 0; good && p && i < r.n; i++)
			if (o.grad[i] && memcmp(o.grad[i], first.grad[i], (size_t)r.in[i].count * sizeof(double)))
				good = wrong(r.t, "%d threads give another gradient of input %d than one", pool_sizes[p], i);
		if (p)
			forget(&o);
		else
			first = o;
	}
	forget(&first);
	return good;
}

/* Gradients of the same inputs from two calls add up, in any share. */
static bool
adds_up(trial r)
{
	outcome o[3];
	bool good = true;
	double worst;

	for (int k = 0; k < 3; k++) {
		r.w1 = k == 1 ? 0 : 1, r.w2 = k == 0 ? 0 : k == 1 ? 1 : 2;
		o[k] = run(&r);
		if (!o[k].good)
			good = wrong(r.t, "%s", o[k].error);
	}
	for (int i = 0; good && i < r.n; i++) {
		for (int64_t k = 0; o[0].grad[i] && k < r.in[i].count; k++)
			o[0].grad[i][k] += 2 * o[1].grad[i][k];
		if (o[0].grad[i] && !near(o[0].grad[i], o[2].grad[i], r.in[i].count, 1e-12, &worst))
			good = wrong(r.t, "gradients of input %d from two calls do not add up: %g", i, worst);
	}
	for (int k = 0; k < 3; k++)
		forget(&o[k]);
	return good;
}

/* One tensor given for two inputs of equal shape gets the sum of their gradients; an input alone gets the gradient that it gets beside the others. */
static bool
shares(trial r)
{
	bool good = true;
	double worst;

	for (int a = 0; good && a < r.n; a++) {
		outcome all = run(&r), one;
		trial alone = r;

		alone.vary = r.vary & 1u << a;
		one = run(&alone);
		if (alone.vary && (!all.good || !one.good || (all.grad[a] && !near(all.grad[a], one.grad[a], r.in[a].count, 1e-12, &worst))))
			good = wrong(r.t, "input %d alone gets another gradient than beside the others %s", a, one.error);
		forget(&all);
		forget(&one);
		for (int b = a + 1; good && b < r.n; b++) {
			trial pair = r;
			double *before = r.in[b].real;

			if (!(r.vary >> a & 1) || !(r.vary >> b & 1) || r.in[a].rank != r.in[b].rank || memcmp(r.in[a].dim, r.in[b].dim, sizeof r.in[a].dim) || strcmp(r.t->op, "div") == 0)
				continue;
			r.in[b].real = r.in[a].real;
			all = run(&r);
			pair.same_a = a, pair.same_b = b, pair.vary &= ~(1u << b);
			one = run(&pair);
			for (int64_t k = 0; all.grad[a] && k < r.in[a].count; k++)
				all.grad[a][k] += all.grad[b] ? all.grad[b][k] : 0;
			if (!all.good || !one.good || (all.grad[a] && !near(all.grad[a], one.grad[a], r.in[a].count, 1e-12, &worst)))
				good = wrong(r.t, "one tensor as inputs %d and %d does not get the sum of both gradients %s", a, b, one.error);
			r.in[b].real = before;
			forget(&all);
			forget(&one);
		}
	}
	return good;
}

/* "x:real w:real? ..." : is the tensor input optional? */
static bool
optional(const char *signature, int want)
{
	int at = -1;

	for (const char *s = signature; *s;) {
		size_t word = strcspn(s, " ");
		const char *kind = memchr(s, ':', word);
		bool tensor = kind && (!strncmp(kind, ":real", 5) || (!strncmp(kind, ":int", 4)));

		at += tensor;
		if (tensor && at == want)
			return s[word - 1] == '?';
		s += word;
		s += strspn(s, " ");
	}
	return false;
}

static bool
missing_and_mistyped(trial r, const char *signature)
{
	char starts[80];

	snprintf(starts, sizeof starts, "%s:", r.t->op);
	for (int i = 0; i < r.n; i++) {
		input before = r.in[i];
		outcome o;

		if (before.kind == '-')
			continue;
		r.in[i].kind = '-';
		r.in[i].count = 0;
		o = run(&r);
		r.in[i] = before;
		if (!optional(signature, i) && (o.out || o.good))
			return wrong(r.t, "input %d was NULL, and the result is not", i);
		forget(&o);
		r.in[i].kind = before.kind == 'i' ? 'c' : 'i';
		r.in[i].real = calloc((size_t)before.count + 1, sizeof(double));
		r.in[i].ints = calloc((size_t)before.count + 1, sizeof(int32_t));
		o = run(&r);
		free(r.in[i].real);
		free(r.in[i].ints);
		r.in[i] = before;
		if (o.out || strncmp(o.error, starts, strlen(starts)))
			return wrong(r.t, "input %d of the wrong type: %s", i, o.error[0] ? o.error : "no sentence");
		forget(&o);
	}
	return true;
}

/* --- every row --- */

enum { GRADIENTS, FLOATS, THREADS, ADDS_UP, SHARES, TYPES, CHECKS };
static const char *const check_names[CHECKS] = { "gradients agree with finite differences", "float agrees with double", "the same bits with 1, 2, 3, 8 and 16 threads",
	"gradients of two calls add up", "one tensor as two inputs, one variable alone", "NULL gives NULL, a wrong type a sentence" };

static bool float_only;

static void
check_op(const char *op, const char *signature, tl_ctx *f64, tl_ctx **f32)
{
	int n = 0, empty = 0, single = 0;
	const char *said[CHECKS] = { NULL };
	bool good[CHECKS];

	memset(good, true, sizeof good);
	for (const test_case *t = cases; t < cases + TL_COUNT(cases); t++) {
		input in[MOST_IN + 1] = { 0 };
		trial r;

		if (strcmp(t->op, op))
			continue;
		n++;
		r = trial_of(t, f64, in);
		empty += in[0].count == 0;
		single += in[0].count == 1;
		for (int k = float_only ? FLOATS : 0; k < (float_only ? FLOATS + 1 : CHECKS); k++) {
			bool fine = !good[k] || (k == GRADIENTS ? gradients(r) : k == FLOATS ? float_agrees(r, f32[0]) : k == THREADS ? same_bits(r, f32) :
			                         k == ADDS_UP ? adds_up(r) : k == SHARES ? shares(r) : missing_and_mistyped(r, signature));
			if (!fine) {
				good[k] = false;
				said[k] = strdup(why);
			}
		}
		for (int i = 0; i < r.n; i++)
			free_input(&in[i]);
	}
	ok(n && empty && single, "%s: has cases, one of size 0 and one of size 1 among them", op);
	for (int k = float_only ? FLOATS : 0; n && k < (float_only ? FLOATS + 1 : CHECKS); k++) {
		ok(good[k], "%s: %s", op, check_names[k]);
		if (said[k])
			printf("# %s\n", said[k]);
	}
}

static void
check_refusals(const char *op, tl_ctx *f64)
{
	int n = 0;
	bool good = true;

	for (const refusal *f = refusals; f < refusals + TL_COUNT(refusals); f++) {
		test_case t = { .op = f->op };
		input in[MOST_IN + 1] = { 0 };
		trial r = { .ctx = f64, .t = &t, .call = call_of(op), .in = in, .w1 = 1, .w2 = -1 };
		char starts[80];
		outcome o;

		if (strcmp(f->op, op))
			continue;
		n++;
		memcpy(t.in, f->in, sizeof t.in);
		memcpy(t.arg, f->arg, sizeof t.arg);
		for (; t.in[r.n]; r.n++)
			in[r.n] = read_input(t.in[r.n], (uint64_t)r.n);
		snprintf(starts, sizeof starts, "%s: ", op);
		o = run(&r);
		if (o.out || strncmp(o.error, starts, strlen(starts)) || !strstr(o.error, f->words)) {
			good = wrong(&t, "wanted a sentence with '%s', got '%s'", f->words, o.error);
			printf("# %s\n", why);
		}
		forget(&o);
		for (int i = 0; i < r.n; i++)
			free_input(&in[i]);
	}
	ok(n && good, "%s: what does not fit is refused with a sentence (%d ways)", op, n);
}

int
main(int argc, char **argv)
{
	static const struct { const char *op, *signature; } rows[] = {
#define TL_OP(name, params, inputs, args, signature, doc) { #name, signature },
#include "tagloom/ops.def"
#undef TL_OP
	};
	tl_pool *pool[POOLS];
	tl_ctx *f32[POOLS], *f64;

	if (argc > 1 && !strcmp(argv[1], "--float"))
		float_only = true, argc--, argv++;
	for (int p = 0; p < POOLS; p++) {
		pool[p] = tl_pool_new(pool_sizes[p]);
		f32[p] = tl_ctx_new(TL_F32, pool[p], NULL);
	}
	f64 = tl_ctx_new(TL_F64, pool[1], NULL);
	for (int i = 0; i < TL_COUNT(rows); i++) {
		if (!wanted(rows[i].op, argc, argv))
			continue;
		if (!ok(call_of(rows[i].op) != NULL, "%s: the row of ops.def is known to cases.h", rows[i].op))
			continue;
		check_op(rows[i].op, rows[i].signature, f64, f32);
		if (!float_only)
			check_refusals(rows[i].op, f64);
	}
	for (int i = 0; argc == 1 && i < TL_COUNT(cases); i++)
		if (!call_of(cases[i].op))
			ok(false, "%s has a case and is no row of ops.def", cases[i].op);
	tl_ctx_free(f64);
	for (int p = 0; p < POOLS; p++) {
		tl_ctx_free(f32[p]);
		tl_pool_free(pool[p]);
	}
	return done();
}
