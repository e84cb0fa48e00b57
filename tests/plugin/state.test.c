/* What modules keep between steps: it comes back bit by bit, and bytes that are no state are refused, wherever they end. */
#include "plugin/host.h"
#include "tap.h"

static const char modules[] = "[{\"kind\": \"encoder\", \"plugin\": \"transformer\", \"params\": {\"dim\": 4, \"layers\": 1, \"heads\": 2, \"ffn\": 4, \"vocab\": 12, \"max_positions\": 8}},"
	"{\"plugin\": \"cacl\", \"params\": {\"tau\": 1, \"queue\": 5, \"dim\": 3}}, {\"plugin\": \"classifier\"}]";

static tl_model *
build(tl_registry *r, tl_pool *pool, tl_error *e)
{
	json_t *v = json_loads(modules, 0, NULL);
	tl_model *m = tl_model_new(&(tl_model_setup){ .registry = r, .modules = v, .compute = TL_F32, .pool = pool, .seed = 3, .n_labels = 4 }, e);

	json_decref(v);
	return m;
}

static int
step(tl_model *m, int64_t n, double *total)
{
	static const int32_t offsets[] = { 0, 3, 5, 8 }, ids[] = { 2, 7, 3, 2, 3, 2, 11, 3 }, label_offsets[] = { 0, 1, 3, 3 }, labels[] = { 3, 0, 3 };
	tl_documents d = { .n = 3, .offsets = offsets, .ids = ids, .label_offsets = label_offsets, .labels = labels };
	tl_outcome out;

	if (tl_model_step(m, &d, n, true, 1, &out) < 0 || tl_model_after_step(m) < 0)
		return -1;
	*total = out.total;
	return 0;
}

int
main(void)
{
	tl_registry *r = tl_registry_new();
	tl_pool *pool = tl_pool_new(1);
	tl_error e = { 0 };
	tl_model *a = build(r, pool, &e), *b = build(r, pool, &e);
	tl_text saved = { 0 }, again = { 0 };
	double first, second, resumed;
	int refused = 0, accepted = 0;

	ok(a && b, "models with a queue and a copy of the encoder %s", e.text);
	if (!a || !b)
		return done();
	ok(step(a, 1, &first) == 0 && step(a, 2, &first) == 0, "two steps %s", tl_ctx_error(tl_model_ctx(a))->text);
	ok(tl_model_save_state(a, &saved) == 0 && saved.n > 200, "the state is saved");
	ok(tl_model_load_state(b, saved.s, saved.n) == 0 && tl_model_save_state(b, &again) == 0, "and read into another model %s", tl_ctx_error(tl_model_ctx(b))->text);
	ok(saved.n == again.n && !memcmp(saved.s, again.s, saved.n), "bit by bit");
	ok(step(a, 3, &second) == 0 && step(b, 3, &resumed) == 0 && second == resumed && second != first, "the next step is the same");
	for (size_t n = 0; n < saved.n; n++) {
		/* A copy of its own, so that a read beyond the end is seen. */
		char *cut = tl_alloc(n + 1);
		memcpy(cut, saved.s, n);
		if (tl_model_load_state(b, cut, n) < 0)
			refused++;
		else
			accepted++;
		tl_ctx_error(tl_model_ctx(b))->status = 0;
		free(cut);
	}
	ok(!accepted && refused == (int)saved.n, "cut off anywhere, it is refused");
	for (size_t n = 0; n < saved.n; n += 3) {
		char *bent = tl_alloc(saved.n);
		memcpy(bent, saved.s, saved.n);
		bent[n] ^= 0x41;
		tl_model_load_state(b, bent, saved.n);
		tl_ctx_error(tl_model_ctx(b))->status = 0;
		free(bent);
	}
	ok(tl_model_load_state(b, saved.s, saved.n) == 0, "bent bytes crash nothing, and the true ones still load");
	ok(tl_model_load_state(b, "nonsense", 8) < 0, "other bytes are refused");
	says(tl_ctx_error(tl_model_ctx(b))->text, "does not begin as one", "with a sentence");
	tl_text_free(&saved);
	tl_text_free(&again);
	tl_model_free(a);
	tl_model_free(b);
	tl_pool_free(pool);
	tl_registry_free(r);
	return done();
}
