/*
 * trial.h - one op run on one case: its result, and the gradients of a total made from it. For ops.test.c, which compares with finite
 * differences, and tests/cuda, which compares a device with the CPU.
 */
#ifndef TESTS_TENSOR_TRIAL_H
#define TESTS_TENSOR_TRIAL_H

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "cases.h"

/* One computation: total = w1 L(op) + w2 L(op again), L = sum of out * seed. */
typedef struct trial {
	tl_ctx *ctx;
	const test_case *t;
	op_call call;
	input *in;
	int n;
	unsigned vary;       /* bits: inputs that are variables */
	int same_a, same_b;  /* these two inputs are one tensor (same_a < same_b), or 0, 0 */
	double w1, w2;       /* w2 < 0: one call */
	bool forward_only;
} trial;

typedef struct outcome {
	bool good;
	char error[1500];
	double total;
	int64_t count;
	double *out, *grad[MOST_IN];
} outcome;

static void
forget(outcome *o)
{
	free(o->out);
	for (int i = 0; i < MOST_IN; i++)
		free(o->grad[i]);
	memset(o, 0, sizeof *o);
}

static tl_tensor *
make(tl_ctx *ctx, const input *x, bool variable)
{
	if (x->kind == '-')
		return NULL;
	if (x->kind == 'i')
		return tl_ints(ctx, x->rank, x->dim, x->ints);
	return variable ? tl_variable(ctx, x->rank, x->dim, x->real) : tl_reals(ctx, x->rank, x->dim, x->real);
}

static double *
values(tl_ctx *ctx, tl_tensor *x)
{
	double *host = calloc((size_t)tl_count(x) + 1, sizeof *host);

	if (tl_dtype_of(x) == TL_I32) {
		int32_t *ints = calloc((size_t)tl_count(x) + 1, sizeof *ints);

		tl_get_ints(ctx, x, ints);
		for (int64_t i = 0; i < tl_count(x); i++)
			host[i] = ints[i];
		free(ints);
	} else
		tl_get_reals(ctx, x, host);
	return host;
}

/* Sum of out * seed; what becomes of each seed, NULL: nothing. */
static double (*of_seed)(double seed);

static tl_tensor *
weighed(tl_ctx *ctx, tl_tensor *out)
{
	int64_t n = tl_count(out), dims[TL_MAX_RANK] = { 0 };
	double *host = calloc((size_t)n + 1, sizeof *host);
	uint64_t state = 7;
	tl_tensor *seed;

	for (int64_t i = 0; i < n; i++)
		host[i] = (float)(unit(&state) * 2 - 1);
	for (int64_t i = 0; of_seed && i < n; i++)
		host[i] = of_seed(host[i]);
	for (int i = 0; i < tl_rank(out); i++)
		dims[i] = tl_dim(out, i);
	seed = tl_reals(ctx, tl_rank(out), dims, host);
	free(host);
	return tl_sum(ctx, tl_mul(ctx, out, seed));
}

static bool
failed(const trial *r, outcome *o)
{
	tl_error *e = tl_ctx_error(r->ctx);

	if (!e->status)
		return false;
	snprintf(o->error, sizeof o->error, "%s", e->text);
	e->status = 0;
	e->text[0] = 0;
	return true;
}

static outcome
run(const trial *r)
{
	tl_tensor *in[MOST_IN + 1] = { NULL }, *out, *total;
	outcome o = { 0 };

	tl_ctx_begin(r->ctx, 11, 3, true, !r->forward_only);
	tl_ctx_instance(r->ctx, "test");
	for (int i = 0; i < r->n; i++)
		in[i] = r->same_b && i == r->same_b ? in[r->same_a] : make(r->ctx, &r->in[i], r->vary >> i & 1);
	out = r->call(r->ctx, in, r->n, r->t->arg);
	if (failed(r, &o) || !out)
		return o;
	o.count = tl_count(out);
	o.out = values(r->ctx, out);
	if (tl_dtype_of(out) == TL_I32) {
		o.good = !failed(r, &o);
		return o;
	}
	total = tl_scale(r->ctx, weighed(r->ctx, out), r->w1, 0);
	if (r->w2 >= 0)
		total = tl_add(r->ctx, total, tl_scale(r->ctx, weighed(r->ctx, r->call(r->ctx, in, r->n, r->t->arg)), r->w2, 0));
	if (failed(r, &o))
		return o;
	tl_get_reals(r->ctx, total, &o.total);
	if (!r->forward_only)
		tl_backward(r->ctx, total);
	for (int i = 0; i < r->n && !r->forward_only; i++)
		if (in[i] && r->vary >> i & 1) {
			tl_tensor *g = tl_gradient(r->ctx, in[i]);

			o.grad[i] = g ? values(r->ctx, g) : calloc((size_t)r->in[i].count + 1, sizeof(double));
		}
	o.good = !failed(r, &o);
	return o;
}

/* --- what is wrong --- */

static char why[2000];

static inline bool
wrong(const test_case *t, const char *format, ...)
{
	va_list ap;
	int n = snprintf(why, sizeof why, "%s(", t->op);

	for (int i = 0; t->in[i]; i++)
		n += snprintf(why + n, sizeof why - (size_t)n, "%s%s", i ? ", " : "", t->in[i]);
	n += snprintf(why + n, sizeof why - (size_t)n, "; %g, %g, %g): ", t->arg[0], t->arg[1], t->arg[2]);
	va_start(ap, format);
	vsnprintf(why + n, sizeof why - (size_t)n, format, ap);
	va_end(ap);
	return false;
}

/* Largest difference within tolerance of the largest value? */
static bool
near(const double *a, const double *b, int64_t n, double tolerance, double *worst)
{
	double most = 0;

	*worst = 0;
	for (int64_t i = 0; i < n; i++) {
		double d = fabs(a[i] - b[i]);

		most = fmax(most, fabs(a[i]));
		*worst = !(d <= *worst) ? d : *worst;
	}
	return *worst <= tolerance * (most + 1e-2);
}

static op_call
call_of(const char *op)
{
	for (int i = 0; i < TL_COUNT(calls); i++)
		if (!strcmp(calls[i].op, op))
			return calls[i].call;
	return NULL;
}

static inline trial
trial_of(const test_case *t, tl_ctx *ctx, input *in)
{
	trial r = { .ctx = ctx, .t = t, .call = call_of(t->op), .in = in, .w1 = 1, .w2 = -1 };

	for (; t->in[r.n]; r.n++) {
		in[r.n] = read_input(t->in[r.n], (uint64_t)(t - cases) * 8 + (uint64_t)r.n);
		if (in[r.n].kind == 'r')
			r.vary |= 1u << r.n;
	}
	return r;
}

/* Is the op among the words, or are there none? */
__attribute__((unused)) static bool
wanted(const char *op, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], op))
			return true;
	return argc == 1;
}

#endif
