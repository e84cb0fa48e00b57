/* What modules keep between steps: it comes back bit by bit, and bytes that are no state are refused, wherever they end. */
#include <string.h>

#include "plugin/model.h"
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

static const tl_state_block *
block(tl_model *m, const char *name)
{
	for (int k = 0; k < m->n; k++)
		for (int s = 0; s < m->instance[k].n_states; s++)
			if (!strcmp(m->instance[k].state[s].row->name, name))
				return (const tl_state_block *)((const char *)m->instance[k].self + m->instance[k].state[s].row->at);
	return NULL;
}

/* Step `n` on the documents from `first` on: 0 or 1, two of them. */
static int
micro(tl_model *m, int64_t n, int first)
{
	static const int32_t offsets[] = { 0, 3, 5, 8 }, ids[] = { 2, 7, 3, 2, 3, 2, 11, 3 }, label_offsets[] = { 0, 1, 3, 3 }, labels[] = { 3, 0, 3 };
	int32_t o[3], l[3];
	tl_outcome out;

	for (int i = 0; i < 3; i++) {
		o[i] = offsets[first + i] - offsets[first];
		l[i] = label_offsets[first + i] - label_offsets[first];
	}
	return tl_model_step(m, &(tl_documents){ .n = 2, .offsets = o, .ids = ids + offsets[first], .label_offsets = l, .labels = labels + label_offsets[first] }, n, true, .5, &out);
}

/* Are rows of `a` from `at` on those of `b`, keys and label lists? */
static bool
same_rows(tl_model *a, int64_t at, tl_model *b, int64_t from, int64_t n)
{
	const tl_state_block *x = block(a, "queue"), *y = block(b, "queue"), *p = block(a, "queue_labels"), *q = block(b, "queue_labels");

	if (x->rows < at + n || y->rows < from + n || memcmp(x->real + at * x->width, y->real + from * y->width, (size_t)(n * x->width) * sizeof *x->real))
		return false;
	for (int64_t i = 0; i < n; i++) {
		int64_t length = p->offsets[at + i + 1] - p->offsets[at + i];
		if (length != q->offsets[from + i + 1] - q->offsets[from + i] || memcmp(p->ints + p->offsets[at + i], q->ints + q->offsets[from + i], (size_t)length * sizeof *p->ints))
			return false;
	}
	return true;
}

/* The momentum copy is the initial encoder until the first step has ended, so what each of its batches gives alone is known. */
static void
accumulated(tl_registry *r, tl_pool *pool)
{
	tl_error e = { 0 };
	tl_model *both = build(r, pool, &e), *one = build(r, pool, &e), *two = build(r, pool, &e), *again = build(r, pool, &e);

	ok(both && one && two && again && !micro(one, 1, 0) && !tl_model_after_step(one) && !micro(two, 2, 1) && !tl_model_after_step(two), "the keys of two batches, each alone");
	ok(!micro(both, 1, 0) && block(both, "queue")->rows == 0 && !micro(both, 2, 1) && block(both, "queue")->rows == 0, "in one step both see the queue as it was before");
	ok(!tl_model_after_step(both) && block(both, "queue")->rows == 4 && same_rows(both, 0, one, 0, 2) && same_rows(both, 2, two, 0, 2), "after it the keys of both stand in the queue, in order");
	ok(!micro(again, 1, 0) && !micro(again, 1, 0) && !micro(again, 2, 1) && !micro(again, 2, 1) && !tl_model_after_step(again) && block(again, "queue")->rows == 4 && same_rows(again, 0, both, 0, 4),
	   "a batch that is computed again is enqueued once");
	ok(!micro(both, 3, 0) && !micro(both, 4, 1) && !micro(both, 5, 0) && !tl_model_after_step(both) && block(both, "queue")->rows == 5, "the last `queue` keys stay, also of more in one step");
	ok(!micro(again, 3, 0) && !tl_model_after_step(again) && block(again, "queue")->rows == 5 && same_rows(again, 1, two, 0, 2), "the oldest leave");
	tl_model_free(both);
	tl_model_free(one);
	tl_model_free(two);
	tl_model_free(again);
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
	accumulated(r, pool);
	tl_text_free(&saved);
	tl_text_free(&again);
	tl_model_free(a);
	tl_model_free(b);
	tl_pool_free(pool);
	tl_registry_free(r);
	return done();
}
