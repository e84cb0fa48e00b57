/* Philox against its published vectors; named streams; masks of dropout as ops.def defines them, whatever runs beside. */
#include <math.h>

#include "tap.h"
#include "tensor/core.h"
#include "tensor/isa.h"

static void
known(uint64_t key, uint64_t step, uint64_t counter, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	uint32_t out[4];

	tl_philox(key, step, counter, out);
	ok(out[0] == a && out[1] == b && out[2] == c && out[3] == d, "Philox4x32-10 gives %08x %08x %08x %08x", a, b, c, d);
}

static void
numbers(void)
{
	tl_stream s = { .key = 42, .step = 7 }, t = s;
	double sum = 0, squares = 0;
	int count[6] = { 0 };
	bool good = true;

	for (int i = 0; i < 60000; i++) {
		double u = tl_random_unit(&s);
		good &= u >= 0 && u < 1;
		sum += u;
	}
	ok(good && fabs(sum / 60000 - 0.5) < 0.005, "uniform numbers lie in [0, 1), mean %.4f", sum / 60000);
	sum = 0;
	for (int i = 0; i < 60000; i++) {
		double x = tl_random_normal(&s);
		sum += x;
		squares += x * x;
	}
	ok(fabs(sum / 60000) < 0.015 && fabs(squares / 60000 - 1) < 0.02, "normal numbers: mean %.4f, variance %.4f", sum / 60000, squares / 60000);
	for (int i = 0; i < 60000; i++)
		count[tl_random_below(&s, 6)]++;
	for (int i = 0; i < 6; i++)
		good &= abs(count[i] - 10000) < 400;
	ok(good && tl_random_below(&s, 0) == 0 && tl_random_below(&s, 1) == 0, "numbers below 6 are even; below 0 and 1: 0");
	for (int i = 0; i < 9; i++)
		good &= i < 5 || tl_random_u32(&t) == tl_random_u32(&(tl_stream){ .key = 42, .step = 7, .next = (uint64_t)(i - 5) });
	ok(good, "word n of a stream is word n%%4 of block n/4");
}

/* dropout of ones under instance b, after what instance a draws (or nothing) */
static void
mask(tl_ctx *ctx, bool with_a, int64_t step, int n, double *out)
{
	int64_t dim = n;
	tl_tensor *x;

	tl_ctx_begin(ctx, 3, step, true, false);
	x = tl_fill(ctx, 1, &dim, 1);
	if (with_a) {
		tl_ctx_instance(ctx, "a");
		tl_dropout(ctx, x, 0.5);
		tl_dropout(ctx, x, 0);
	}
	tl_ctx_instance(ctx, "b");
	tl_get_reals(ctx, tl_dropout(ctx, x, 0.3), out);
}

static void
masks(tl_dtype type)
{
	enum { N = 1003 };
	tl_ctx *ctx = tl_ctx_new(type, NULL, NULL);
	double one[N], two[N];
	uint64_t key = tl_stream_key(3, "b", "forward", 0);
	int wrong = 0;

	mask(ctx, false, 5, N, one);
	mask(ctx, true, 5, N, two);
	ok(!memcmp(one, two, sizeof one), "another module's draws move no mask (%s, %s)", type == TL_F32 ? "float" : "double", tl_isa());
	mask(ctx, true, 6, N, two);
	ok(memcmp(one, two, sizeof one), "another step has another mask");
	for (int e = 0; e < N; e++) {
		uint32_t block[4];
		tl_philox(key, 5, (uint64_t)e / 8, block);
		wrong += (one[e] == 0) != ((block[e % 8 / 2] >> 16 * (e % 2) & 0xFFFF) < lrint(0.3 * 65536));
		wrong += one[e] != 0 && fabs(one[e] - 1 / 0.7) > 1e-6;
	}
	ok(wrong == 0, "the mask is the one that ops.def defines");
	tl_ctx_free(ctx);
}

/* With keys' values an identity matrix, attention shows its weights: 1/keys where kept. */
static void
attention_mask(tl_dtype type)
{
	enum { W = 5, HEADS = 2, D = W * HEADS, Q = 4, K = 8 };
	static const int32_t q_offsets[] = { 0, 1, 4 }, offsets[] = { 0, 3, 8 };
	int64_t three = 3, q[] = { Q, D }, k[] = { K, D };
	tl_ctx *ctx = tl_ctx_new(type, NULL, NULL);
	double v[K * D] = { 0 }, out[Q * D];
	uint64_t key = tl_stream_key(3, "b", "forward", 0), base = 0;
	int wrong = 0;

	for (int doc = 0; doc < 2; doc++)
		for (int i = offsets[doc]; i < offsets[doc + 1]; i++)
			for (int h = 0; h < HEADS; h++)
				v[i * D + h * W + i - offsets[doc]] = 1;
	tl_ctx_begin(ctx, 3, 9, true, false);
	tl_ctx_instance(ctx, "b");
	tl_get_reals(ctx, tl_attention(ctx, tl_fill(ctx, 2, q, 0), tl_ints(ctx, 1, &three, q_offsets), tl_fill(ctx, 2, k, 1), tl_reals(ctx, 2, k, v), tl_ints(ctx, 1, &three, offsets), HEADS, 0.4), out);
	for (int doc = 0; doc < 2; doc++) {
		int keys = offsets[doc + 1] - offsets[doc], queries = q_offsets[doc + 1] - q_offsets[doc];
		for (int i = 0; i < queries; i++)
			for (int h = 0; h < HEADS; h++)
				for (int j = 0; j < keys; j++) {
					uint64_t e = base + (uint64_t)((i * HEADS + h) * keys + j);
					uint32_t block[4];
					double want, got = out[(q_offsets[doc] + i) * D + h * W + j];
					tl_philox(key, 9, e / 8, block);
					want = (block[e % 8 / 2] >> 16 * (e % 2) & 0xFFFF) < lrint(0.4 * 65536) ? 0 : 1 / 0.6 / keys;
					wrong += !(fabs(got - want) < 1e-6);
				}
		base += (uint64_t)((queries > keys ? queries : keys) * HEADS * keys);
	}
	ok(wrong == 0 && !tl_status(ctx), "attention drops the weights that ops.def says (%s, %s)", type == TL_F32 ? "float" : "double", tl_isa());
	tl_ctx_free(ctx);
}

int
main(void)
{
	known(0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
	known(UINT64_MAX, UINT64_MAX, UINT64_MAX, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
	known(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88, 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1);
	numbers();
	ok(tl_stream_key(1, "a", "b", 0) != tl_stream_key(1, "ab", "", 0) && tl_stream_key(1, "a", "b", 0) != tl_stream_key(1, "a", "b", 1) &&
	       tl_stream_key(1, "a", "b", 0) != tl_stream_key(2, "a", "b", 0),
	   "a stream's key depends on every part of its name");
	for (int level = TL_ISA_AVX512; level >= TL_ISA_PLAIN; level--)
		if (tl_isa_lower(level) == level) {
			masks(TL_F32);
			attention_mask(TL_F32);
		} else
			skip("masks with a faster instruction set", "this CPU does not have it");
	masks(TL_F64);
	attention_mask(TL_F64);
	return done();
}
