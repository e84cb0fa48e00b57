/* The tensor core: dispatch, tape, views, segments, streams, refusals. */
#include "tensor/core.h"
#include "tap.h"

static tl_tensor *
two_layers(tl_ctx *ctx, tl_tensor *const *in, int n_in, void *arg)
{
	(void)n_in, (void)arg;
	return tl_linear(ctx, tl_linear(ctx, in[0], in[1], NULL, TL_TANH), in[1], NULL, TL_GELU);
}

int
main(void)
{
	tl_pool *pool = tl_pool_new(2);
	tl_ctx *ctx = tl_ctx_new(TL_F64, pool, NULL);
	int64_t xd[2] = { 3, 4 }, wd[2] = { 4, 4 };
	double x[12], w[16], g0[16], g1[16], v;
	tl_tensor *tx, *tw, *in[2];

	for (int i = 0; i < 16; i++)
		w[i] = 0.1 * (i % 5) - 0.2;
	for (int i = 0; i < 12; i++)
		x[i] = 0.3 * (i % 7) - 1;
	for (int k = 0; k < 2; k++) {
		tl_ctx_begin(ctx, 1, 0, true, true);
		in[0] = tx = tl_variable(ctx, 2, xd, x);
		in[1] = tw = tl_variable(ctx, 2, wd, w);
		tl_tensor *y = k ? tl_segment(ctx, two_layers, in, 2, NULL) : two_layers(ctx, in, 2, NULL);
		y = tl_add(ctx, y, y);
		ok(tl_backward(ctx, tl_sum(ctx, tl_reshape(ctx, y, 1, -1, 0, 0, 0))) == 0, "backward: %s", tl_ctx_error(ctx)->text);
		tl_get_reals(ctx, tl_gradient(ctx, tw), k ? g1 : g0);
	}
	ok(!memcmp(g0, g1, sizeof g0), "a segment has the same gradients");
	{
		double *list[2] = { x, w };
		bool good = true;
		for (int i = 0; i < 16; i++) {
			double d[2], keep = w[i];
			for (int k = 0; k < 2; k++) {
				w[i] = keep + (k ? -1e-5 : 1e-5);
				tl_ctx_begin(ctx, 1, 0, true, false);
				in[0] = tl_reals(ctx, 2, xd, list[0]);
				in[1] = tl_reals(ctx, 2, wd, list[1]);
				tl_get_reals(ctx, tl_sum(ctx, two_layers(ctx, in, 2, NULL)), &v);
				d[k] = 2 * v;
			}
			w[i] = keep;
			good &= (d[0] - d[1]) / 2e-5 - g0[i] < 1e-7 && g0[i] - (d[0] - d[1]) / 2e-5 < 1e-7;
		}
		ok(good, "finite differences agree");
	}
	tl_ctx_begin(ctx, 1, 0, true, true);
	tx = tl_reals(ctx, 2, xd, x);
	ok(!tl_linear(ctx, tl_fill(ctx, 2, wd, 1), tl_fill(ctx, 1, wd, 1), NULL, TL_NONE), "a wrong shape gives NULL");
	says(tl_ctx_error(ctx)->text, "linear: w is [4]; wanted rank 2", "and a sentence");
	printf("# %s\n", tl_ctx_error(ctx)->text);
	tl_ctx_free(ctx);
	tl_pool_free(pool);
	return done();
}
