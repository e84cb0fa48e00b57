/* The parts of training that need no model: optimizers against PyTorch, schedules, the keys of `train`, batches, kept scores. */
#include "train/loop.h"
#include "tap.h"

#include <math.h>

static double
at(const json_t *v, size_t i)
{
	return json_number_value(json_array_get(v, i));
}

/* Plays one case on tensors of `dtype`; returns the largest difference to PyTorch's weights and norms. */
static double
play(const json_t *all, const json_t *c, tl_dtype dtype, int threads, char hash[65])
{
	const json_t *shapes = json_object_get(all, "shapes"), *starts = json_object_get(all, "start"), *gradients = json_object_get(all, "gradients");
	json_t *train = json_pack("{ss ss sf sf sf sf sf sf sf sf ss}", "optimizer", tl_json_string(c, "optimizer", ""), "schedule", tl_json_string(c, "schedule", ""), "lr", tl_json_number(c, "lr", 0),
	                          "weight_decay", tl_json_number(c, "weight_decay", 0), "warmup", tl_json_number(c, "warmup", 0), "clip", tl_json_number(c, "clip", 0),
	                          "eps", tl_json_number(c, "eps", 0), "momentum", tl_json_number(c, "momentum", 0), "beta1", at(json_object_get(c, "betas"), 0),
	                          "beta2", at(json_object_get(c, "betas"), 1), "precision", dtype == TL_F64 ? "f64" : "f32");
	tl_error e = { 0 };
	tl_pool *pool = tl_pool_new(threads);
	tl_weights *w = tl_weights_new(dtype);
	tl_optimizer *o;
	tl_plan plan;
	double worst = 0, norm;
	int64_t steps = tl_json_int(all, "steps", 0);

	if (tl_train_defaults(train, false, &e) < 0)
		return printf("# %s\n", e.text), INFINITY;
	tl_plan_read(&plan, train);
	for (size_t i = 0; i < json_array_size(shapes); i++) {
		const json_t *s = json_array_get(shapes, i);
		int64_t dims[4];
		char name[32];
		for (size_t k = 0; k < json_array_size(s); k++)
			dims[k] = json_integer_value(json_array_get(s, k));
		snprintf(name, sizeof name, "w.%zu", i);
		tl_weights_add(w, name, (int)json_array_size(s), dims, true, &e);
	}
	tl_weights_finish(w, &e);
	tl_weights_at(w, 2)->lr = 10 * plan.lr; /* an instance with a rate of its own */
	for (int i = 0; i < 3; i++) {
		double x[64];
		for (int64_t k = 0; k < tl_weights_at(w, i)->count; k++)
			x[k] = at(json_array_get(starts, (size_t)i), (size_t)k);
		tl_set_reals(tl_weights_at(w, i)->tensor, x);
	}
	o = tl_optimizer_new(w, &plan, pool);
	for (int64_t s = 0; s < steps; s++) {
		for (int i = 0; i < 3; i++)
			for (int64_t k = 0; k < tl_weights_at(w, i)->count; k++) {
				double g = at(json_array_get(json_array_get(gradients, (size_t)s), (size_t)i), (size_t)k);
				int64_t place = tl_weights_at(w, i)->offset + k;
				if (dtype == TL_F64)
					((double *)tl_weights_gradients(w))[place] = g;
				else
					((float *)tl_weights_gradients(w))[place] = (float)g;
			}
		if (tl_optimizer_step(o, tl_schedule_factor(plan.schedule, plan.warmup, s, steps), &norm) < 0)
			worst = INFINITY;
		worst = fmax(worst, fabs(norm - at(json_object_get(c, "norms"), (size_t)s)));
		for (int i = 0; i < 3; i++)
			for (int64_t k = 0; k < tl_weights_at(w, i)->count; k++) {
				int64_t place = tl_weights_at(w, i)->offset + k;
				double x = dtype == TL_F64 ? ((double *)tl_weights_values(w))[place] : (double)((float *)tl_weights_values(w))[place];
				worst = fmax(worst, fabs(x - at(json_array_get(json_array_get(json_object_get(c, "after"), (size_t)s), (size_t)i), (size_t)k)));
			}
	}
	if (hash)
		tl_weights_hash(w, hash);
	tl_optimizer_free(o);
	tl_weights_free(w);
	tl_pool_free(pool);
	json_decref(train);
	return worst;
}

static void
optimizers(void)
{
	char *path = tl_path_join(getenv("SRC") ? getenv("SRC") : ".", "tests/oracles/training/optimizer.json");
	tl_error e = { 0 };
	json_t *all = tl_json_file(path, &e), *c;
	size_t i;

	ok(all != NULL, "the reference values are read%s%s", e.status ? ": " : "", e.text);
	json_array_foreach(json_object_get(all, "cases"), i, c) {
		double exact = play(all, c, TL_F64, 1, NULL), single = play(all, c, TL_F32, 1, NULL);
		ok(exact < 1e-12, "%s, %s: eight steps as PyTorch in float64 (%.1e)", tl_json_string(c, "optimizer", ""), tl_json_string(c, "schedule", ""), exact);
		ok(single < 2e-5, "%s, %s: in float32 (%.1e)", tl_json_string(c, "optimizer", ""), tl_json_string(c, "schedule", ""), single);
	}
	json_decref(all);
	free(path);
}

/* Many tiles: the norm and the weights are the same bits with any number of threads; a gradient that is not finite is named. */
static void
threads(void)
{
	static const int counts[] = { 1, 2, 3, 8 };
	char first[65] = "", hash[65];
	tl_plan plan = { .lr = 0.01, .weight_decay = 0.01, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .clip = 1 };
	double norm = 0, first_norm = 0;
	bool same = true;

	for (int t = 0; t < 4; t++) {
		tl_pool *pool = tl_pool_new(counts[t]);
		tl_weights *w = tl_weights_new(TL_F32);
		tl_optimizer *o;
		float *g;
		tl_weights_add(w, "encoder.embedding.weight", 2, (int64_t[]){ 1001, 103 }, true, NULL);
		tl_weights_add(w, "classifier.bias", 1, (int64_t[]){ 37 }, true, NULL);
		tl_weights_add(w, "frozen.weight", 1, (int64_t[]){ 5 }, false, NULL);
		tl_weights_finish(w, NULL);
		o = tl_optimizer_new(w, &plan, pool);
		g = tl_weights_gradients(w);
		for (int s = 0; s < 3; s++) {
			for (int64_t i = 0; i < tl_weights_size(w); i++)
				g[i] = (float)sin((double)(i * (s + 1)));
			tl_optimizer_step(o, 1, &norm);
		}
		tl_weights_hash(w, hash);
		if (!t) {
			memcpy(first, hash, 65);
			first_norm = norm;
			ok(((float *)tl_weights_values(w))[tl_weights_at(w, 2)->offset] == 0, "a frozen weight stays");
			ok(g[0] == 0 && g[1000] == 0, "a step leaves the gradients at zero");
			g[tl_weights_at(w, 1)->offset + 3] = NAN;
			ok(tl_optimizer_step(o, 1, &norm) < 0 && tl_streq(tl_optimizer_bad(o), "classifier.bias"), "a gradient that is not finite is named");
			tl_weights_hash(w, hash);
			ok(!strcmp(hash, first) && tl_optimizer_steps(o) == 3, "and nothing was changed");
		}
		same &= !strcmp(first, hash) && (t == 0 || norm == first_norm);
		tl_optimizer_free(o);
		tl_weights_free(w);
		tl_pool_free(pool);
	}
	ok(same, "1, 2, 3 and 8 threads give the same bits");
}

static void
layer_decay(void)
{
	tl_weights *w = tl_weights_new(TL_F32);
	static const char *const names[] = { "transformer.embeddings.word_embeddings.weight", "transformer.encoder.layer.0.output.dense.weight", "transformer.encoder.layer.2.output.dense.bias",
	                                     "transformer.pooler.dense.weight", "classifier.weight", "transformers.layer.0.weight" };
	static const double wanted[] = { 0.125, 0.25, 1, 1, 1, 1 };
	bool good = true;

	for (int i = 0; i < 6; i++)
		tl_weights_add(w, names[i], 1, (int64_t[]){ 1 }, true, NULL);
	tl_layer_decay(w, "transformer", 0.5);
	for (int i = 0; i < 6; i++)
		good &= tl_weights_at(w, i)->lr_scale == wanted[i];
	ok(good, "layer_decay: the last block 1, each one below it times the decay, embeddings lowest, other modules untouched");
	tl_weights_free(w);
}

static void
schedules(void)
{
	ok(tl_schedule_factor(TL_LINEAR, 0.1, 0, 100) == 0.1 && tl_schedule_factor(TL_LINEAR, 0.1, 9, 100) == 1 && tl_schedule_factor(TL_LINEAR, 0.1, 10, 100) == 1 &&
	   tl_schedule_factor(TL_LINEAR, 0.1, 99, 100) == 1 / 90.0, "linear: up over the first tenth, then down to zero after the last step");
	ok(tl_schedule_factor(TL_LINEAR, 0.1, 0, 3) == 1 && tl_schedule_factor(TL_LINEAR, 0.1, 2, 3) == 0.5, "a short run warms up for one step");
	ok(tl_schedule_factor(TL_LINEAR, 0, 0, 4) == 1 && tl_schedule_factor(TL_LINEAR, 0, 3, 4) == 0.25, "no warm-up");
	ok(tl_schedule_factor(TL_CONSTANT, 0.5, 1, 4) == 1 && tl_schedule_factor(TL_CONSTANT, 0.5, 0, 4) == 0.5 && tl_schedule_factor(TL_CONSTANT, 0, 3, 4) == 1, "constant");
	ok(fabs(tl_schedule_factor(TL_COSINE, 0, 50, 100) - 0.5) < 1e-15 && tl_schedule_factor(TL_COSINE, 0, 0, 100) == 1 && tl_schedule_factor(TL_COSINE, 0, 100, 100) < 1e-15, "cosine");
	ok(tl_schedule_factor(TL_LINEAR, 1, 3, 4) == 1, "warm-up over the whole run");
}

static void
refused(const char *json, bool valid, const char *words)
{
	tl_error e = { 0 };
	json_t *t = tl_json_parse(json, strlen(json), "test", &e);

	ok(tl_train_defaults(t, valid, &e) < 0 && e.status == TL_USAGE, "%s is refused", json);
	says(e.text, words, "with a sentence");
	json_decref(t);
}

static void
defaults(void)
{
	tl_error e = { 0 };
	json_t *t = json_object(), *again;
	tl_plan p;

	ok(!tl_train_defaults(t, true, &e), "an empty train is filled in%s", e.text);
	tl_plan_read(&p, t);
	ok(p.epochs == 10 && p.batch == 16 && p.batch_tokens == 0 && p.accumulate == 1 && p.optimizer == TL_ADAMW && p.lr == 1e-5 && p.weight_decay == 0.01 && p.beta1 == 0.9 && p.beta2 == 0.999 &&
	   p.eps == 1e-8 && p.momentum == 0.9 && p.schedule == TL_LINEAR && p.warmup == 0.1 && p.clip == 1 && p.layer_decay == 1 && p.patience == 0 && p.keep == TL_KEEP_BEST && p.eval_every == 1 &&
	   p.compute == TL_F32 && !p.recompute && !strcmp(p.select, "ndcg@5") && tl_json_number(t, "timeout", 0) == 600, "with the defaults of the manual");
	again = json_deep_copy(t);
	ok(!tl_train_defaults(again, true, &e) && json_equal(t, again), "what was filled in is filled in");
	json_decref(again);
	json_decref(t);
	t = json_pack("{sI sf sn sb}", "batch_tokens", (json_int_t)4096, "epochs", 3.0, "patience", "clip", 0);
	ok(!tl_train_defaults(t, false, &e), "tokens bound the batch%s", e.text);
	tl_plan_read(&p, t);
	ok(p.batch == 0 && p.batch_tokens == 4096 && p.epochs == 3 && p.clip == 0 && !strcmp(p.select, "last"), "then documents do not; 3.0 epochs are 3; without validation the last epoch is taken");
	json_decref(t);
	refused("{\"epoch\": 3}", true, "did you mean epochs?");
	refused("{\"lr\": \"1e-5\"}", true, "train.lr = \"1e-5\": wanted a number from 0");
	refused("{\"epochs\": 2.5}", true, "a whole number");
	refused("{\"optimizer\": \"adamx\"}", true, "one of adamw|adam|sgd");
	refused("{\"beta1\": 1}", true, "train.beta1");
	refused("{\"select\": \"p@1\"}", false, "no validation split");
	refused("{\"patience\": 3, \"select\": \"last\"}", true, "patience");
	refused("{\"layer_decay\": 0}", true, "above 0 to 1");
}

static void
batches(void)
{
	int64_t offsets[11] = { 0 };
	tl_batches a = { 0 }, b = { 0 };
	int seen[10] = { 0 };
	bool whole = true, bounded = true;

	for (int i = 0; i < 10; i++)
		offsets[i + 1] = offsets[i] + 1 + i * 3 % 7;
	tl_batches_shuffled(&a, 10, offsets, 1, 1, 4, 0);
	tl_batches_shuffled(&b, 10, offsets, 1, 1, 4, 0);
	ok(a.n == 3 && a.start[3] == 10 && !memcmp(a.order, b.order, 10 * sizeof *a.order), "the same seed and epoch: the same order");
	tl_batches_shuffled(&b, 10, offsets, 1, 2, 4, 0);
	ok(memcmp(a.order, b.order, 10 * sizeof *a.order), "another epoch: another order");
	tl_batches_shuffled(&b, 10, offsets, 2, 1, 4, 0);
	ok(memcmp(a.order, b.order, 10 * sizeof *a.order), "another seed: another order");
	tl_batches_shuffled(&b, 10, offsets, 1, 1, 0, 9);
	for (int64_t i = 0; i < b.n; i++) {
		int64_t tokens = 0;
		for (int64_t k = b.start[i]; k < b.start[i + 1]; k++) {
			tokens += offsets[b.order[k] + 1] - offsets[b.order[k]];
			seen[b.order[k]]++;
		}
		bounded &= tokens <= 9;
	}
	for (int i = 0; i < 10; i++)
		whole &= seen[i] == 1;
	ok(!memcmp(a.order, b.order, 10 * sizeof *a.order), "bounds on tokens do not change the order");
	ok(whole && bounded, "every document once, no batch over 9 tokens");
	tl_batches_shuffled(&b, 10, offsets, 1, 1, 0, 2);
	ok(b.n >= 7 && b.start[b.n] == 10, "a document longer than the bound is a batch of its own");
	tl_batches_by_length(&b, 10, offsets, 3, 0);
	for (int64_t k = 1; k < 10; k++) {
		int64_t x = offsets[b.order[k - 1] + 1] - offsets[b.order[k - 1]], y = offsets[b.order[k] + 1] - offsets[b.order[k]];
		whole &= x > y || (x == y && b.order[k - 1] < b.order[k]);
	}
	ok(whole && b.n == 4, "evaluation: longest first, ties by the lower index");
	tl_batches_by_length(&b, 0, offsets, 3, 0);
	ok(b.n == 0, "no documents, no batches");
	tl_batches_free(&a);
	tl_batches_free(&b);
}

/* The best `keep` of a row, ties by the lower label, against a plain search. */
static void
kept(void)
{
	enum { L = 500, KEEP = 37 };
	tl_split_scores x = { 0 }, dense = { 0 };
	tl_pool *pool = tl_pool_new(2);
	float *row = tl_alloc(3 * L * sizeof *row);
	int32_t document[3] = { 30000, 7, 2 };
	bool good = true, used[L];

	for (int i = 0; i < 3 * L; i++)
		row[i] = (float)(int)(i * 7919 % 53) - 20; /* many ties */
	tl_split_scores_new(&x, 40000, L, KEEP, NULL, NULL);
	ok(x.label && x.s.keep == KEEP, "20,000,000 scores are too many to keep all");
	tl_split_scores_put(&x, pool, document, 3, row);
	for (int i = 0; i < 3; i++) {
		memset(used, 0, sizeof used);
		for (int k = 0; k < KEEP; k++) {
			int best = -1;
			for (int l = 0; l < L; l++)
				if (!used[l] && (best < 0 || row[i * L + l] > row[i * L + best]))
					best = l;
			used[best] = true;
			good &= x.label[document[i] * KEEP + k] == best && x.logit[document[i] * KEEP + k] == row[i * L + best];
		}
	}
	ok(good, "the best 37 of 500, in order, ties by the lower label");
	tl_split_scores_new(&dense, 20000, L, KEEP, NULL, NULL);
	ok(!dense.label && dense.s.keep == L, "10,000,000 are kept");
	tl_split_scores_free(&x);
	tl_split_scores_free(&dense);
	tl_pool_free(pool);
	free(row);
}

int
main(void)
{
	optimizers();
	threads();
	layer_decay();
	schedules();
	defaults();
	batches();
	kept();
	return done();
}
