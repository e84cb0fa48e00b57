/*
 * bf16.test.c - precision = "bf16" on a device against the CPU in float. Products: what is given in bf16 comes out as on the CPU; else every result and
 * gradient lies within the bound that its terms allow, |error| <= c 2^-8 sum |a| |b| (c = 2: each factor is rounded), whose sum is computed by the same op from absolute values.
 * All other ops: the same bits as in float. Copies: made once, current after whatever writes a weight, forgotten with their memory.
 * usage: bf16.test [--device cuda:0]
 */
#include "opened.h"
#include "tensor/trial.h"
#include "tensor/memory.h"

#include <dlfcn.h>

static tl_ctx *cpu, *device;
static tl_device *d;
static struct counts { int64_t launches, products; } *counts; /* the first ones of tests/cuda/emulate/cuda_runtime.h */

static void
in_order(const char *order)
{
	if (emulated)
		setenv("TAGLOOM_EMULATE_ORDER", order, 1);
}

static double
rounded(double x)
{
	float f = (float)x;
	uint32_t bits;

	memcpy(&bits, &f, sizeof bits);
	bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
	memcpy(&f, &bits, sizeof f);
	return f;
}

static void
each_input(const trial *r, double (*f)(double))
{
	for (int i = 0; i < r->n; i++)
		for (int64_t k = 0; r->in[i].kind == 'r' && k < r->in[i].count; k++)
			r->in[i].real[k] = f(r->in[i].real[k]);
}

static outcome
on(tl_ctx *ctx, bool bf16, trial r)
{
	d->bf16 = bf16;
	r.ctx = ctx;
	return run(&r);
}

/* Where an op's activation is among its numbers; -1: it has none. */
static int
act_place(const char *op)
{
	return !strcmp(op, "linear") ? 0 : !strcmp(op, "conv1d") || !strcmp(op, "conv2d") ? 2 : -1;
}

static bool
multiplies(const char *op)
{
	return act_place(op) >= 0 || !strcmp(op, "matmul") || !strcmp(op, "packed_matmul") || !strcmp(op, "packed_sum");
}

/* Results and gradients with inputs and seeds that bf16 holds: nothing is lost on the way but in sums. */
static bool
exact(trial r)
{
	int place = act_place(r.t->op);
	outcome a, b;
	double worst = 0;
	bool good;

	if (place >= 0 && r.t->arg[place] != TL_NONE && r.t->arg[place] != TL_RELU) /* their slopes are rounded */
		return true;
	each_input(&r, rounded);
	of_seed = rounded;
	a = on(cpu, false, r);
	b = on(device, true, r);
	of_seed = NULL;
	good = (a.good && b.good && near(a.out, b.out, a.count, 1e-5, &worst)) || wrong(r.t, "%s %g", b.error, worst);
	for (int i = 0; good && i < r.n; i++)
		if (a.grad[i] && !near(a.grad[i], b.grad[i], r.in[i].count, 1e-5, &worst))
			good = wrong(r.t, "gradients of input %d differ by %g", i, worst);
	forget(&a);
	forget(&b);
	return good;
}

/* |a - b| <= factor * sum + a little for the sums' own order. *share: the largest part of the bound that was used. */
static bool
bounded(const double *a, const double *b, const double *sum, int64_t n, double factor, double *share)
{
	for (int64_t i = 0; i < n; i++) {
		double bound = factor * sum[i] + 1e-6 * (1 + sum[i]), error = fabs(a[i] - b[i]);
		*share = fmax(*share, error / bound);
		if (!(error <= bound))
			return false;
	}
	return true;
}

/*
 * Any numbers. bf16 has eight digits, so a factor is rounded by at most 2^-8 of itself, a term by twice that. An activation's slope is at most 1.13, so is gelu's, whose inner value and
 * result are rounded once more each; the slope itself changes by at most 0.8 times the error of what the activation was given.
 */
static bool
within_bounds(trial r, bool *differs)
{
	int place = act_place(r.t->op), act = place < 0 ? TL_NONE : (int)r.t->arg[place];
	test_case plain = *r.t;
	outcome a = on(cpu, false, r), b = on(device, true, r), sums;
	double share = 0, most = 0;
	bool good;

	if (place >= 0)
		plain.arg[place] = TL_NONE;
	each_input(&r, fabs);
	of_seed = fabs;
	r.t = &plain;
	sums = on(cpu, false, r);
	of_seed = NULL;
	for (int64_t i = 0; i < sums.count; i++)
		most = fmax(most, sums.out[i]);
	good = (a.good && b.good && sums.good && bounded(a.out, b.out, sums.out, a.count, (act == TL_GELU ? 4.4 : 2.02) / 256, &share)) || wrong(r.t, "%s: %.2f of the bound", b.error, share);
	*differs |= good && a.count && memcmp(a.out, b.out, (size_t)a.count * sizeof *a.out);
	for (int i = 0; good && i < r.n && act != TL_RELU; i++) /* relu's slope is not continuous: see exact */
		if (a.grad[i] && !bounded(a.grad[i], b.grad[i], sums.grad[i], r.in[i].count, (act == TL_NONE ? 2.02 : 3.4 + 2.4 * most) / 256, &share))
			good = wrong(r.t, "gradient of input %d: %.2f of the bound", i, share);
	forget(&a);
	forget(&b);
	forget(&sums);
	return good;
}

static bool
same_outcome(const trial *r, const outcome *a, const outcome *b)
{
	bool same = a->good == b->good && a->count == b->count && (!a->good || !memcmp(a->out, b->out, (size_t)a->count * sizeof *a->out));

	for (int i = 0; same && a->good && i < r->n; i++)
		same = !a->grad[i] || !memcmp(a->grad[i], b->grad[i], (size_t)r->in[i].count * sizeof(double));
	return same;
}

static bool
same_bits(trial r, bool against_float)
{
	static const char *const orders[] = { "0", "1", "7" };
	outcome first = on(device, !against_float, r);
	bool good = first.good || wrong(r.t, "%s", first.error);

	for (int k = 0; good && k < TL_COUNT(orders); k++) {
		outcome o;
		in_order(orders[k]);
		o = on(device, true, r);
		good = same_outcome(&r, &first, &o) || wrong(r.t, "other bits %s", against_float ? "than in float" : "in another order");
		forget(&o);
	}
	in_order("0");
	forget(&first);
	return good;
}

static void
check_op(const char *op)
{
	bool product = multiplies(op), good[3] = { true, true, true }, differs = false;
	char *said = NULL;

	for (const test_case *t = cases; t < cases + TL_COUNT(cases); t++) {
		for (int k = 0; k < 3 && !strcmp(t->op, op); k++) {
			input in[MOST_IN + 1] = { 0 };
			trial r = trial_of(t, cpu, in);
			bool fine = !good[k] || (k == 0 ? same_bits(r, !product) : !product ? true : k == 1 ? exact(r) : within_bounds(r, &differs));
			if (!fine) {
				good[k] = false;
				free(said);
				said = strdup(why);
			}
			if (!product && k == 0 && fine) { /* two calls share an input's copy */
				r.w1 = 0.5, r.w2 = 2;
				good[k] = same_bits(r, true);
			}
			for (int i = 0; i < r.n; i++)
				free_input(&in[i]);
		}
	}
	ok(good[0], product ? "%s: the same bits in any order of threads and blocks" : "%s: the same bits as in float", op);
	if (product) {
		ok(good[1], "%s: numbers that bf16 holds give what the CPU gives", op);
		ok(good[2], "%s: results and gradients within the bounds of their terms", op);
		ok(differs, "%s: and they are not those of float", op);
	}
	if (said)
		printf("# %s\n", said);
	free(said);
}

/* --- losses and choices over labels --- */

enum { B = 37, D = 65, L = 301, K = 20 };

static double
drawn(uint64_t *state)
{
	return (float)(unit(state) * 3 - 1.5);
}

static double
one(double seed)
{
	(void)seed;
	return 1;
}

/*
 * How far roundings move linear_bce's gradients of x [B, D] and w [L, D] (summed over documents and labels), to first order and in units of 2^-8. A factor's rounding is off by at most one
 * unit of the factor; roundings of different numbers are independent, so that the squares of what they do add up, times 1/3 where an error is anywhere within its unit; six deviations.
 * With g = sigmoid(z) - y, dx_ik = sum over l of g_il w_lk: of a term both factors are rounded, and g_il has moved by its slope times the move of z_il, a sum over D such terms. One
 * rounding of z_il is no other one for every l: that of x_ik itself, which moves all terms one way. dw likewise.
 */
static void
moves(const input in[5], double *of_x, double *of_w)
{
	const double *x = in[0].real, *w = in[1].real;
	double *x_way = calloc(B * D, sizeof *x_way), *w_way = calloc(L * D, sizeof *w_way);

	for (int i = 0; i < B; i++)
		for (int l = 0; l < L; l++) {
			double z = in[2].real[l], square = 0, g, slope;
			for (int k = 0; k < D; k++) {
				double term = x[i * D + k] * w[l * D + k];
				z += term;
				square += 2 * term * term;
			}
			g = 1 / (1 + exp(-z));
			slope = g * (1 - g);
			for (int32_t k = in[3].ints[i]; k < in[3].ints[i + 1]; k++)
				g -= in[4].ints[k] == l;
			for (int k = 0; k < D; k++) {
				double a = x[i * D + k], b = w[l * D + k], move = 2 * g * g + slope * slope * square;
				of_x[i * D + k] += b * b * move;
				of_w[l * D + k] += a * a * move;
				x_way[i * D + k] += fabs(a) * slope * b * b;
				w_way[l * D + k] += fabs(b) * slope * a * a;
			}
		}
	for (int k = 0; k < B * D; k++)
		of_x[k] = 6 * sqrt(of_x[k] / 3) + x_way[k];
	for (int k = 0; k < L * D; k++)
		of_w[k] = 6 * sqrt(of_w[k] / 3) + w_way[k];
	free(x_way);
	free(w_way);
}

/* The same of the loss: a rounding of x or w moves it by the gradient. */
static double
move_of_loss(const input in[5], const outcome *a)
{
	double square = 0;

	for (int m = 0; m < 2; m++)
		for (int64_t k = 0; k < in[m].count; k++)
			square += in[m].real[k] * a->grad[m][k] * in[m].real[k] * a->grad[m][k];
	return 6 * sqrt(square / 3);
}

static void
bce(void)
{
	input in[6] = { { .kind = 'r', .rank = 2, .dim = { B, D }, .count = B * D }, { .kind = 'r', .rank = 2, .dim = { L, D }, .count = L * D }, { .kind = 'r', .rank = 1, .dim = { L }, .count = L },
		read_input("l37<301", 0), read_input("m37<301", 0) };
	test_case t = { .op = "linear_bce", .arg = { TL_SUM } };
	trial r = { .t = &t, .call = call_of("linear_bce"), .in = in, .n = 5, .vary = 7, .w1 = 1, .w2 = -1 };
	double share[3] = { 0 }, of_loss, *of_x = calloc(B * D, sizeof *of_x), *of_w = calloc(L * D, sizeof *of_w);
	uint64_t state = 5;
	outcome a, b;
	bool good;

	for (int i = 0; i < 3; i++) {
		in[i].real = calloc((size_t)in[i].count, sizeof(double));
		for (int64_t k = 0; k < in[i].count; k++)
			in[i].real[k] = drawn(&state);
	}
	of_seed = one;
	a = on(cpu, false, r);
	b = on(device, true, r);
	of_seed = NULL;
	moves(in, of_x, of_w);
	good = a.good && b.good;
	of_loss = good ? move_of_loss(in, &a) : 0;
	good = good && bounded(a.out, b.out, &of_loss, 1, 1.0 / 256, &share[0]) && bounded(a.grad[0], b.grad[0], of_x, B * D, 1.0 / 256, &share[1]) &&
	       bounded(a.grad[1], b.grad[1], of_w, L * D, 1.0 / 256, &share[2]);
	ok(good && memcmp(a.grad[1], b.grad[1], sizeof(double) * L * D), "linear_bce: loss and gradients within bounds, and not those of float (%.2f, %.2f and %.2f of the bounds%s)", share[0], share[1],
	   share[2], b.error);
	good = same_bits(r, false);
	ok(good, "linear_bce: the same bits in any order");
	forget(&a);
	forget(&b);
	free(of_x);
	free(of_w);
	for (int i = 0; i < 5; i++)
		free_input(&in[i]);
}

/* linear_best: the j-th best of numbers that each move by at most e moves by at most e. */
static void
best(void)
{
	input in[4] = { read_input("r37x65", 1), read_input("r5001x65", 2), read_input("r5001", 3) };
	test_case t = { .op = "linear_best", .arg = { K } };
	trial r = { .t = &t, .call = call_of("linear_best"), .in = in, .n = 3, .w1 = 1, .w2 = -1, .forward_only = true };
	outcome a = on(cpu, false, r), b = on(device, true, r);
	double most = 0, worst = 0;

	for (int i = 0; i < 37; i++)
		for (int l = 0; l < 5001; l++) {
			double sum = 0;
			for (int k = 0; k < 65; k++)
				sum += fabs(in[0].real[i * 65 + k] * in[1].real[l * 65 + k]);
			most = fmax(most, sum);
		}
	for (int i = 0; a.good && b.good && i < 37 * K; i++)
		worst = fmax(worst, fabs(a.out[i] - b.out[i]));
	ok(a.good && b.good && worst <= most / 128 * 1.01 && worst > 0, "linear_best: the best logits within bounds, and not those of float (%.2f of the bound%s)", worst / (most / 128), b.error);
	forget(&a);
	forget(&b);
	for (int i = 0; i < 3; i++)
		free_input(&in[i]);
}

/* --- copies --- */

static tl_tensor *
a_matrix(tl_ctx *ctx, int64_t n, int64_t m, uint64_t state, double (*f)(double))
{
	double *host = calloc((size_t)(n * m), sizeof *host);
	tl_tensor *x;

	for (int64_t i = 0; i < n * m; i++)
		host[i] = f ? f(drawn(&state)) : drawn(&state);
	x = tl_variable(ctx, 2, (int64_t[]){ n, m }, host);
	free(host);
	return x;
}

static int64_t
launches(void)
{
	return counts ? counts->launches : 0;
}

/* Three products of one x: x is rounded once; the backward rounds nothing but the gradients that arrive. */
static void
once(void)
{
	int64_t before, after;
	tl_tensor *x, *w[3], *y[3], *n;

	if (!counts) {
		skip("roundings counted", "only the emulated device counts");
		return;
	}
	d->bf16 = true;
	tl_ctx_begin(device, 1, 1, true, true);
	x = a_matrix(device, 33, 17, 1, NULL);
	for (int i = 0; i < 3; i++)
		w[i] = a_matrix(device, 9, 17, (uint64_t)i, NULL);
	before = launches();
	for (int i = 0; i < 3; i++)
		y[i] = tl_linear(device, x, w[i], NULL, TL_NONE);
	after = launches();
	ok(after - before == 4, "three products of one tensor: it is rounded once, and each factor (%lld launches)", (long long)(after - before));
	n = tl_layernorm(device, x, NULL, tl_fill(device, 1, (int64_t[]){ 17 }, 1), tl_fill(device, 1, (int64_t[]){ 17 }, 0), 0, 1e-5);
	before = launches();
	tl_linear(device, n, w[0], NULL, TL_NONE);
	ok(launches() - before == 0, "a layernorm's result has been rounded by the layernorm (%lld launches)", (long long)(launches() - before));
	tl_linear(device, tl_linear(device, n, w[0], NULL, TL_GELU), a_matrix(device, 4, 9, 4, NULL), NULL, TL_NONE);
	ok(launches() - before == 2, "gelu writes what the next product reads (%lld launches: gelu, the new factor)", (long long)(launches() - before));
	y[0] = tl_sum(device, tl_mul(device, y[0], tl_mul(device, y[1], y[2])));
	tl_backward(device, y[0]);
	ok(!tl_status(device), "and differentiated%s", tl_ctx_error(device)->text);
}

static tl_tensor *
deep(tl_ctx *ctx, tl_tensor *const *in, int n, void *arg)
{
	tl_tensor *h = tl_linear(ctx, tl_linear(ctx, in[0], in[1], NULL, TL_GELU), in[2], NULL, TL_NONE);

	(void)n, (void)arg;
	return tl_add(ctx, in[0], tl_linear(ctx, tl_linear(ctx, h, in[1], NULL, TL_GELU), in[2], NULL, TL_TANH));
}

/* Memory that is given up takes its copies along: segments and scopes give the bits of what is kept. how: 0 kept, 1 recomputed, 2 scopes of an evaluation. */
static void
given_up(void)
{
	enum { N = 301, M = 24, H = 40 };
	static double out[3][N * M], grad[2][N * M];
	bool same;

	d->bf16 = true;
	for (int how = 0; how < 3; how++) {
		tl_tensor *in[3], *x, *y;
		tl_ctx_begin(device, 1, 2, true, how < 2);
		in[0] = x = a_matrix(device, N, M, 3, NULL);
		in[1] = a_matrix(device, H, M, 4, NULL);
		in[2] = a_matrix(device, M, H, 5, NULL);
		for (int i = 0; i < 3; i++) {
			y = how == 0 ? deep(device, in, 3, NULL) : how == 1 ? tl_segment(device, deep, in, 3, NULL) : tl_scoped(device, deep, in, 3, NULL);
			in[0] = y;
		}
		tl_get_reals(device, y, out[how]);
		if (how < 2) {
			tl_backward(device, tl_sum(device, tl_mul(device, y, y)));
			tl_get_reals(device, tl_gradient(device, x), grad[how]);
		}
		if (!ok(!tl_status(device), "three layers%s", tl_ctx_error(device)->text))
			return;
	}
	same = !memcmp(out[0], out[1], sizeof *out) && !memcmp(grad[0], grad[1], sizeof *grad);
	ok(same, "recomputed segments give the bits of kept ones, gradients too");
	same = !memcmp(out[0], out[2], sizeof *out);
	ok(same, "and so do an evaluation's scopes");
}

/* Who is no product gets floats of a narrow tensor. */
static void
narrow(void)
{
	enum { N = 31, M = 9 };
	double all[N * M], again[N * M], bias[M];
	int exact_ = 0;

	d->bf16 = true;
	tl_ctx_begin(device, 1, 1, true, true);
	for (int i = 0; i < M; i++)
		bias[i] = i * 0.1;
	tl_tensor *x = a_matrix(device, N, 17, 1, NULL), *w = a_matrix(device, M, 17, 2, NULL), *b = tl_reals(device, 1, (int64_t[]){ M }, bias), *y = tl_linear(device, x, w, b, TL_GELU);
	tl_tensor *z = tl_scale(device, tl_reshape(device, y, 1, N * M, 0, 0, 0), 2, 0);

	tl_get_reals(device, y, all);
	tl_get_reals(device, z, again);
	for (int i = 0; i < N * M; i++)
		exact_ += all[i] == rounded(all[i]) && again[i] == 2 * all[i];
	ok(exact_ == N * M && !tl_status(device), "what gelu gives is bf16, whoever reads it");
	tl_backward(device, tl_sum(device, tl_add(device, z, tl_reshape(device, tl_linear(device, y, a_matrix(device, M, M, 3, NULL), NULL, TL_NONE), 1, N * M, 0, 0, 0))));
	ok(!tl_status(device) && tl_gradient(device, x), "products and others share it%s", tl_ctx_error(device)->text);
}

/* A weight's copy is that of its values now, whoever changed them. */
static bool
current(tl_weights *w, const char *what)
{
	enum { N = 5, OUT = 40, IN = 33 };
	const float *host = tl_data(tl_weights_at(w, 1)->tensor);
	double eye[N * IN] = { 0 }, got[N * OUT];
	bool good = true;

	for (int i = 0; i < N; i++)
		eye[i * IN + 7 * i] = 1;
	tl_ctx_begin(device, 1, 1, false, false);
	tl_get_reals(device, tl_linear(device, tl_reals(device, 2, (int64_t[]){ N, IN }, eye), tl_weights_at(w, 1)->tensor, NULL, TL_NONE), got);
	for (int i = 0; i < N; i++)
		for (int k = 0; k < OUT; k++)
			good &= got[i * OUT + k] == rounded((double)host[k * IN + 7 * i]);
	return ok(good && !tl_status(device), "products read the weight's values %s%s", what, tl_ctx_error(device)->text);
}

static void
weights(void)
{
	tl_weights *w = tl_weights_new(TL_F32), *copy;
	const int64_t dims[] = { 40, 33 };
	tl_device_tile tile[3];
	tl_device_rate rate[3] = { { 0.1, 0, 0 }, { 0.1, 0.01, 0 }, { 0.1, 0, 0 } };
	tl_device_step s = { .factor = 1, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .bias1 = 0.1, .correction = sqrt(0.001) };
	tl_device_optimizer *o;
	tl_error e = { 0 };
	uint64_t state = 9;
	float *m, *v, *values;
	double *report;
	int64_t before;

	d->bf16 = true;
	tl_weights_on(w, d);
	tl_weights_add(w, "before", 2, dims, true, &e);
	tl_weights_add(w, "factor", 2, dims, true, &e);
	tl_weights_add(w, "after", 2, dims, true, &e);
	if (!ok(!tl_weights_finish(w, &e), "weights%s", e.text))
		return;
	values = tl_weights_values(w);
	for (int64_t i = 0; i < tl_weights_size(w); i++)
		values[i] = (float)drawn(&state);
	current(w, "as the host wrote them");
	for (int i = 0; i < 3; i++)
		tile[i] = (tl_device_tile){ tl_weights_at(w, i)->offset, 40 * 33, i };
	o = d->optimizer(d, 3, tile, 3);
	m = d->alloc(d, (size_t)tl_weights_size(w) * 4);
	v = d->alloc(d, (size_t)tl_weights_size(w) * 4);
	report = d->alloc_host(d, sizeof *report);
	d->zero(d, m, (size_t)tl_weights_size(w) * 4);
	d->zero(d, v, (size_t)tl_weights_size(w) * 4);
	d->optimizer_rates(d, o, rate, 3);
	for (int sgd = 0; sgd < 2; sgd++) {
		d->fill(d, TL_F32, tl_weights_gradients_there(w), tl_weights_size(w), 0.25);
		if (!ok(!d->optimizer_step(d, o, &s, tl_weights_there(w, true), tl_weights_gradients_there(w), m, sgd ? NULL : v, report), "a step: %s", d->error))
			return;
		before = launches();
		current(w, sgd ? "after a step of SGD" : "after a step of Adam");
		ok(launches() - before == (counts ? 1 : 0), "which the step itself has rounded (%lld launches, one for the other factor)", (long long)(launches() - before));
	}
	copy = tl_weights_clone(w, NULL);
	current(copy, "of a copy");
	tl_ctx_begin(device, 1, 1, false, false);
	tl_device_blend(device, tl_weights_at(w, 1)->tensor, tl_weights_at(copy, 0)->tensor, 0.75);
	current(w, "after an average");
	values = tl_weights_values(w);
	values[tl_weights_at(w, 1)->offset] = 1.5f;
	current(w, "that the host wrote between");
	current(copy, "of the copy, as they were");
	tl_weights_free(copy);
	current(w, "when the copy is gone");
	d->wait(d);
	d->optimizer_free(d, o);
	d->release(d, m);
	d->release(d, v);
	d->release_host(d, report);
	tl_weights_free(w);
}

/* A library without epilogues, and one without those that sum: linear all the same, in both precisions. */
static void
without_epilogues(const char *refused)
{
	tl_ctx *was = device;
	tl_device *first = d;
	tl_error e = { 0 };
	bool good = true;

	if (!emulated) {
		skip("a library without epilogues", "only the emulated one can do without");
		return;
	}
	setenv("TAGLOOM_EMULATE_REFUSE", refused, 1);
	d = tl_device_open("cuda:0", &e);
	device = tl_ctx_new(TL_F32, was ? tl_ctx_pool(was) : NULL, NULL);
	tl_ctx_on(device, d);
	for (const test_case *t = cases; t < cases + TL_COUNT(cases); t++)
		for (int bf16 = 0; bf16 < 2 && good && !strcmp(t->op, "linear"); bf16++) {
			input in[MOST_IN + 1] = { 0 };
			trial r = trial_of(t, cpu, in);
			bool differs = false;

			if (bf16)
				good = exact(r) && within_bounds(r, &differs);
			else {
				outcome a = on(cpu, false, r), b = on(device, false, r);
				double worst = 0;
				good = (a.good && b.good && near(a.out, b.out, a.count, 1e-5, &worst)) || wrong(t, "%s %g", b.error, worst);
				for (int i = 0; good && i < r.n; i++)
					good = !a.grad[i] || near(a.grad[i], b.grad[i], r.in[i].count, 1e-5, &worst) || wrong(t, "gradient of input %d: %g", i, worst);
				forget(&a);
				forget(&b);
			}
			for (int i = 0; i < r.n; i++)
				free_input(&in[i]);
		}
	unsetenv("TAGLOOM_EMULATE_REFUSE");
	if (!ok(good, "linear where the library refuses epilogues %s", refused))
		printf("# %s\n", why);
	tl_ctx_free(device);
	tl_device_close(d);
	device = was;
	d = first;
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

	if (!(d = opened(&argc, &argv, "bf16 on the emulated device")))
		return done();
	if (emulated)
		counts = dlsym(dlopen(getenv("TAGLOOM_CUDA"), RTLD_NOW | RTLD_NOLOAD), "tl_emulated");
	cpu = tl_ctx_new(TL_F32, pool, NULL);
	device = tl_ctx_new(TL_F32, pool, NULL);
	tl_ctx_on(device, d);
	for (int i = 0; i < TL_COUNT(rows); i++)
		if (strcmp(rows[i], "linear_bce") && strcmp(rows[i], "linear_best") && strcmp(rows[i], "attention")) /* see below, and attention.test.c */
			check_op(rows[i]);
	bce();
	best();
	once();
	given_up();
	narrow();
	weights();
	without_epilogues("512");
	without_epilogues("518");
	tl_ctx_free(device);
	tl_ctx_free(cpu);
	tl_device_close(d);
	tl_pool_free(pool);
	return done();
}
