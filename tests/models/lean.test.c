/*
 * What nobody reads is not computed: with the switch off everything is, and numbers, masks and gradients are the same to rounding.
 * Frozen blocks have no dropout and no gradient, and neither they nor an evaluation keep what only a backward pass would want.
 */
#include <math.h>

#include "plugin/host.h"
#include "tap.h"

enum { L = 5, B = 3, T = 16 };
#define LABEL(plugin, params) "{\"kind\":\"label\",\"plugin\":\"" plugin "\",\"params\":{" params "}}"

static const int32_t offsets[B + 1] = { 0, 7, 12, 16 };
static const int32_t label_offsets[B + 1] = { 0, 2, 3, 5 }, labels[] = { 0, 3, 1, 0, 3 };
static int32_t ids[T];
static tl_registry *registry;
static tl_pool *pool;

static tl_model *
build(const char *encoder, const char *rest, bool recompute)
{
	char *text = tl_format("[{\"kind\":\"encoder\",\"plugin\":\"transformer\",\"params\":{\"dim\":8,\"heads\":2,\"ffn\":12,\"vocab\":220,\"max_positions\":64,%s}},%s]", encoder, rest);
	tl_error e = { 0 };
	json_t *modules = tl_json_parse(text, strlen(text), "modules", &e);
	tl_model *m = tl_model_new(&(tl_model_setup){ .registry = registry, .modules = modules, .compute = TL_F64, .pool = pool, .seed = 11, .n_labels = L, .recompute = recompute }, &e);

	if (!m)
		printf("# %s\n", e.text);
	json_decref(modules);
	free(text);
	return m;
}

struct result { double total, *gradient, logits[B * L]; int64_t n; size_t peak; };

static struct result
step(tl_model *m, int64_t number)
{
	tl_documents batch = { .n = B, .offsets = offsets, .ids = ids, .label_offsets = label_offsets, .labels = labels };
	tl_weights *w = tl_model_weights(m);
	struct result r = { .total = NAN, .n = tl_weights_size(w) };
	tl_outcome out;

	tl_weights_zero_gradients(w, NULL);
	if (tl_model_step(m, &batch, number, true, 1, &out) == 0)
		r.total = out.total;
	else
		printf("# %s\n", tl_ctx_error(tl_model_ctx(m))->text);
	r.gradient = tl_alloc((size_t)r.n * sizeof *r.gradient);
	memcpy(r.gradient, tl_weights_gradients(w), (size_t)r.n * sizeof *r.gradient);
	if (tl_model_step(m, &batch, number, false, 1, &out) == 0 && out.logits)
		tl_get_reals(tl_model_ctx(m), out.logits, r.logits);
	return r;
}

/* The largest difference over the largest value. */
static double
apart(const double *a, const double *b, int64_t n)
{
	double most = 0, size = 1e-300;

	for (int64_t i = 0; i < n; i++) {
		most = fmax(most, fabs(a[i] - b[i]));
		size = fmax(size, fabs(a[i]));
	}
	return most / size;
}

static void
same(const char *what, const char *encoder, const char *rest, bool recompute)
{
	char *off = tl_format("%s,\"lean\":false", encoder);
	tl_model *a = build(encoder, rest, recompute), *b = build(off, rest, false);

	if (ok(a && b, "%s: models", what)) {
		struct result x = step(a, 3), y = step(b, 3);
		double total = fabs(x.total - y.total) / fabs(y.total), gradient = apart(y.gradient, x.gradient, x.n), logits = apart(y.logits, x.logits, B * L);
		ok(total < 1e-12 && logits < 1e-12, "%s: loss and logits as with every row (%.1g, %.1g)", what, total, logits);
		ok(gradient < 1e-11, "%s: gradients as with every row (%.1g)", what, gradient);
		free(x.gradient);
		free(y.gradient);
	}
	tl_model_free(a);
	tl_model_free(b);
	free(off);
}

static size_t
peak(const char *encoder, const char *rest, bool training)
{
	tl_model *m = build(encoder, rest, false);
	tl_documents batch = { .n = B, .offsets = offsets, .ids = ids, .label_offsets = label_offsets, .labels = labels };
	tl_outcome out;
	size_t bytes = 0;

	if (m && tl_model_step(m, &batch, 1, training, 1, &out) == 0)
		bytes = tl_ctx_peak_bytes(tl_model_ctx(m));
	tl_model_free(m);
	return bytes;
}

static void
memory(void)
{
	static const char *const classifier = LABEL("classifier", "\"dropout\":0");
	size_t shallow = peak("\"layers\":2,\"pooled\":\"mean\"", classifier, false), deep = peak("\"layers\":12,\"pooled\":\"mean\"", classifier, false);
	size_t one = (size_t)T * 8 * 8; /* of one [T, d] */

	ok(shallow && deep <= shallow + 10 * (one + 1024), "an evaluation keeps one vector a token and block, not the blocks' insides (%zu, then %zu bytes with ten blocks more)", shallow, deep);
	ok(peak("\"layers\":2,\"pooled\":\"cls\"", classifier, true) < peak("\"layers\":2,\"pooled\":\"cls\",\"lean\":false", classifier, true), "rows that nobody reads take no memory");
	shallow = peak("\"layers\":2,\"pooled\":\"mean\",\"freeze\":\"all\"", classifier, true);
	deep = peak("\"layers\":12,\"pooled\":\"mean\",\"freeze\":\"all\"", classifier, true);
	ok(shallow && deep <= shallow + 10 * (one + 1024), "neither does training over a frozen encoder (%zu, %zu)", shallow, deep);
	shallow = peak("\"layers\":2,\"pooled\":\"mean\"", classifier, true);
	deep = peak("\"layers\":12,\"pooled\":\"mean\"", classifier, true);
	ok(deep > shallow + 10 * 5 * one, "training of all blocks does (%zu, %zu)", shallow, deep);
}

static void
frozen(void)
{
	static const char *const classifier = LABEL("classifier", "\"dropout\":0");
	tl_model *m = build("\"layers\":2,\"pooled\":\"mean\",\"freeze\":\"all\"", classifier, false), *half = build("\"layers\":2,\"freeze\":1", classifier, false);
	struct result a, b;
	int reached = 0, below = 0, above = 0;

	if (!ok(m && half, "frozen models"))
		return;
	a = step(m, 1);
	b = step(m, 2);
	ok(a.total == b.total, "a frozen encoder has no dropout: the same loss in another step");
	for (int i = 0; i < tl_weights_count(tl_model_weights(m)); i++) {
		const tl_weight_info *w = tl_weights_at(tl_model_weights(m), i);
		for (int64_t k = 0; k < w->count; k++)
			reached += a.gradient[w->offset + k] != 0 && !strncmp(w->name, "transformer.", 12);
	}
	ok(!reached, "and no gradient");
	free(a.gradient);
	free(b.gradient);
	a = step(half, 1);
	b = step(half, 2);
	ok(a.total != b.total, "freeze = 1 leaves dropout to the block above");
	for (int i = 0; i < tl_weights_count(tl_model_weights(half)); i++) {
		const tl_weight_info *w = tl_weights_at(tl_model_weights(half), i);
		bool low = strstr(w->name, "embeddings") || strstr(w->name, "layer.0.");
		for (int64_t k = 0; k < w->count; k++)
			if (a.gradient[w->offset + k] != 0)
				++*(low ? &below : &above);
	}
	ok(!below && above, "no gradient in the embeddings and the first block, but in the second");
	free(a.gradient);
	free(b.gradient);
	tl_model_free(m);
	tl_model_free(half);
}

int
main(void)
{
	static const char *const classifier = LABEL("classifier", "");

	registry = tl_registry_new();
	pool = tl_pool_new(2);
	for (int i = 0; i < T; i++)
		ids[i] = 5 + (i * 7) % 40;
	same("cls", "\"layers\":2,\"pooled\":\"cls\"", classifier, false);
	same("pooler", "\"layers\":3,\"pooled\":\"pooler\"", classifier, false);
	same("one block", "\"layers\":1,\"pooled\":\"cls\"", classifier, false);
	same("mean, which needs every row", "\"layers\":2,\"pooled\":\"mean\"", classifier, false);
	same("a reader of hidden beside", "\"layers\":2,\"pooled\":\"cls\"", LABEL("label_embedding", "") "," LABEL("lan", "\"attention_dim\":4"), false);
	same("blocks computed again", "\"layers\":2,\"pooled\":\"cls\"", classifier, true);
	same("the lower block frozen", "\"layers\":2,\"pooled\":\"cls\",\"freeze\":1", classifier, false);
	same("both blocks frozen, not the pooler", "\"layers\":2,\"pooled\":\"pooler\",\"freeze\":2", classifier, false);
	same("all frozen", "\"layers\":2,\"pooled\":\"pooler\",\"freeze\":\"all\"", classifier, false);
	same("frozen and computed again", "\"layers\":3,\"pooled\":\"cls\",\"freeze\":1", classifier, true);
	memory();
	frozen();
	tl_pool_free(pool);
	tl_registry_free(registry);
	return done();
}
