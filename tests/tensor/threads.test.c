/* The thread pool: every index once, nested regions, many small regions; a training step has the same bits on any number of threads. */
#include <stdatomic.h>

#include "base/threads.h"
#include "tap.h"
#include "tensor/core.h"

static const int threads[] = { 1, 2, 3, 8, 16 };

struct counts { atomic_int seen[5000], bad; int size; tl_pool *pool; };

static void
count(void *arg, int64_t i)
{
	struct counts *c = arg;

	atomic_fetch_add(&c->seen[i], 1);
	if (tl_pool_worker() < 0 || tl_pool_worker() >= c->size)
		atomic_fetch_add(&c->bad, 1);
}

struct inner { struct counts *c; int worker; int64_t last; bool good; };

static void
inside(void *arg, int64_t i)
{
	struct inner *x = arg;

	x->good &= tl_pool_worker() == x->worker && i == x->last + 1; /* in this thread, in order */
	x->last = i;
}

static void
nested(void *arg, int64_t i)
{
	struct counts *c = arg;
	struct inner x = { c, tl_pool_worker(), -1, true };

	tl_pool_run(c->pool, 50, inside, &x);
	if (!x.good || x.last != 49)
		atomic_fetch_add(&c->bad, 1);
	atomic_fetch_add(&c->seen[i], 1);
}

static void
regions(int n)
{
	static const int64_t sizes[] = { 0, 1, 2, 7, 16, 1000, 5000 };
	struct counts *c = calloc(1, sizeof *c);
	bool good = true;
	int total = 0;

	c->size = n;
	c->pool = tl_pool_new(n);
	for (int64_t s = 0; s < TL_COUNT(sizes); s++) {
		for (int i = 0; i < 5000; i++)
			c->seen[i] = 0;
		tl_pool_run(c->pool, sizes[s], count, c);
		for (int i = 0; i < 5000; i++)
			good &= c->seen[i] == (i < sizes[s]);
	}
	ok(good && !c->bad, "%d threads: every index once, worker numbers in range", n);
	for (int i = 0; i < 5000; i++)
		c->seen[i] = 0;
	tl_pool_run(c->pool, 100, nested, c);
	for (int i = 0; i < 100; i++)
		good &= c->seen[i] == 1;
	ok(good && !c->bad, "%d threads: a nested region runs serially in its worker", n);
	for (int i = 0; i < 5000; i++)
		c->seen[i] = 0;
	for (int r = 0; r < 2000; r++)
		tl_pool_run(c->pool, 3, count, c);
	for (int i = 0; i < 3; i++)
		total += c->seen[i];
	ok(total == 6000 && !c->bad, "%d threads: 2000 small regions", n);
	tl_pool_free(c->pool);
	free(c);
}

/* One step of a small transformer block with everything random; the bytes of all gradients. */
static int64_t
step(tl_pool *pool, tl_dtype type, double *gradients)
{
	static const int32_t offsets[] = { 0, 70, 71, 171, 300 }, label_offsets[] = { 0, 2, 2, 3, 5 }, labels[] = { 1, 4, 0, 2, 3 };
	enum { T = 300, D = 48, F = 96, B = 4, L = 5 };
	static const int64_t shapes[][2] = { { T, D }, { D, D }, { D, D }, { D, D }, { D, 1 }, { F, D }, { D, F }, { L, D } };
	int64_t b1 = B + 1, n_labels = 5, at = 0, d = D;
	tl_ctx *ctx = tl_ctx_new(type, pool, NULL);
	tl_tensor *v[8], *x, *o, *a;

	tl_ctx_begin(ctx, 1, 3, true, true);
	tl_ctx_instance(ctx, "block");
	for (int i = 0; i < 8; i++) {
		int64_t n = shapes[i][0] * shapes[i][1];
		double *values = malloc((size_t)n * sizeof *values);
		tl_stream s = tl_stream_for(ctx, i % 2 ? "odd" : "even");
		s.next = (uint64_t)i * 1000003;
		for (int64_t k = 0; k < n; k++)
			values[k] = 0.3 * tl_random_normal(&s);
		v[i] = tl_variable(ctx, shapes[i][1] == 1 ? 1 : 2, shapes[i], values);
		free(values);
	}
	o = tl_ints(ctx, 1, &b1, offsets);
	x = tl_layernorm(ctx, v[0], NULL, v[4], tl_fill(ctx, 1, &d, 0), 0.1, 1e-12);
	a = tl_attention(ctx, tl_linear(ctx, x, v[1], NULL, TL_NONE), o, tl_linear(ctx, x, v[2], v[4], TL_NONE), tl_linear(ctx, x, v[3], NULL, TL_NONE), o, 3, 0.1);
	x = tl_layernorm(ctx, a, x, v[4], v[4], 0.1, 1e-12);
	a = tl_linear(ctx, tl_linear(ctx, x, v[5], NULL, TL_GELU), v[6], v[4], TL_NONE);
	x = tl_dropout(ctx, tl_layernorm(ctx, a, x, v[4], v[4], 0.1, 1e-12), 0.2);
	x = tl_add(ctx, tl_segment_mean(ctx, x, o), tl_segment_max(ctx, x, o));
	x = tl_bce(ctx, tl_linear(ctx, x, v[7], NULL, TL_NONE), tl_ints(ctx, 1, &b1, label_offsets), tl_ints(ctx, 1, &n_labels, labels), TL_MEAN);
	if (tl_backward(ctx, x))
		printf("# %s\n", tl_ctx_error(ctx)->text);
	for (int i = 0; i < 8 && !tl_status(ctx); i++) {
		tl_get_reals(ctx, tl_gradient(ctx, v[i]), gradients + at);
		at += tl_count(v[i]);
	}
	tl_ctx_free(ctx);
	return at;
}

int
main(void)
{
	static double first[100000], next[100000];

	for (int i = 0; i < 5; i++)
		regions(threads[i]);
	for (int type = TL_F32; type <= TL_F64; type++) {
		int64_t n = step(NULL, (tl_dtype)type, first);
		for (int i = 0; i < 5; i++) {
			tl_pool *p = tl_pool_new(threads[i]);
			ok(step(p, (tl_dtype)type, next) == n && n > 0 && !memcmp(first, next, (size_t)n * sizeof *first), "%s: a step has the same bits with %d threads", type == TL_F32 ? "float" : "double", threads[i]);
			tl_pool_free(p);
		}
	}
	return done();
}
