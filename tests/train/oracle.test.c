/*
 * The whole chain - encoder, head, loss, gradients, clipping, schedule, AdamW - against PyTorch and transformers: a tiny random BERT always,
 * MiniLM on 50 real documents where TAGLOOM_MINILM names its folder. Values: tests/oracles/training/make.py.
 */
#include <math.h>

#include "base/json.h"
#include "train/loop.h"
#include "tap.h"

/* A module that reads the encoder's last layer and copies it out. */
struct spy { tl_tensor *hidden; };
static double *spied;
static int64_t n_spied;

static int
spy_forward(tl_ctx *ctx, void *p)
{
	struct spy *s = p;

	spied = tl_realloc(spied, (size_t)(n_spied + tl_count(s->hidden) + 1) * sizeof *spied);
	if (tl_get_reals(ctx, s->hidden, spied + n_spied) < 0)
		return -1;
	n_spied += tl_count(s->hidden);
	return 0;
}

static const tl_slot spy_reads[] = { { .name = "hidden", .at = offsetof(struct spy, hidden), .shape = "T d" }, { 0 } };
static const tl_module spy_module = { .size = sizeof(tl_module), .forward = spy_forward };
static const tl_plugin spy = { TL_LABEL(struct spy), .name = "spy", .version = "1", .summary = "copies hidden out", .reads = spy_reads, .module = &spy_module };

static tl_registry *registry;

static char *
oracle(const char *name)
{
	char *folder = tl_path_join(getenv("SRC") ? getenv("SRC") : ".", "tests/oracles/training"), *path = tl_path_join(folder, name);

	free(folder);
	return path;
}

static tl_model *
model_of(const char *weights, int64_t n_labels, tl_dtype compute, tl_pool *pool, tl_error *e)
{
	char *text = tl_format("[{\"kind\": \"encoder\", \"plugin\": \"transformer\", \"params\": {\"weights\": \"%s\", \"pooled\": \"mean\", \"dropout\": 0, \"attention_dropout\": 0}}, {\"plugin\": \"spy\"},"
	                       " {\"plugin\": \"classifier\", \"params\": {\"dropout\": 0, \"lr\": 0.01}}]", weights);
	json_t *modules = tl_json_parse(text, strlen(text), "modules", e);
	tl_model *m = tl_model_new(&(tl_model_setup){ .registry = registry, .modules = modules, .compute = compute, .pool = pool, .seed = 1, .n_labels = n_labels }, e);

	json_decref(modules);
	free(text);
	return m;
}

static int32_t *
ints(const tl_safetensors *s, const char *name, int64_t *n)
{
	const tl_st_entry *x = tl_st_find(s, name);
	int64_t *wide = tl_alloc((size_t)(x->count + 1) * sizeof *wide);
	int32_t *narrow = tl_alloc((size_t)(x->count + 1) * sizeof *narrow);

	tl_st_ints(x, wide, NULL);
	for (int64_t i = 0; i < x->count; i++)
		narrow[i] = (int32_t)wide[i];
	*n = x->count;
	free(wide);
	return narrow;
}

static double *
reals(const tl_safetensors *s, const char *name, int64_t *n)
{
	const tl_st_entry *x = tl_st_find(s, name);
	double *v = tl_alloc((size_t)(x->count + 1) * sizeof *v);

	tl_st_reals(x, v, NULL);
	*n = x->count;
	return v;
}

static double
element(const tl_weights *w, const void *buffer, int64_t i)
{
	return tl_weights_dtype(w) == TL_F64 ? ((const double *)buffer)[i] : (double)((const float *)buffer)[i];
}

static void
set_weight(tl_weights *w, const char *name, const double *v)
{
	tl_set_reals(tl_weights_at(w, tl_weights_find(w, name))->tensor, v);
}

/* Largest difference of `buffer` to the tensors PREFIX + name, over the largest expected value of each; -1: a tensor is missing. */
static double
compare(const tl_safetensors *s, const char *prefix, tl_weights *w, const void *buffer, const char **where)
{
	double worst = 0;
	int64_t n;

	for (int i = 0; i < tl_weights_count(w); i++) {
		const tl_weight_info *x = tl_weights_at(w, i);
		char name[200];
		double *v, largest = 1e-30, error = 0;
		snprintf(name, sizeof name, "%s%s", prefix, x->name);
		if (!tl_st_find(s, name))
			return *where = x->name, -1;
		v = reals(s, name, &n);
		for (int64_t k = 0; k < n; k++) {
			largest = fmax(largest, fabs(v[k]));
			error = fmax(error, fabs(v[k] - element(w, buffer, x->offset + k)));
		}
		/* a gradient that is zero by mathematics (the keys' bias) has nothing to be relative to */
		error /= fmax(largest, 1e-6);
		if (error > worst) {
			worst = error;
			*where = x->name;
		}
		free(v);
	}
	return worst;
}

static void
tiny(tl_dtype compute, int threads, double close)
{
	char *path = oracle("tiny.safetensors"), *folder = oracle("tiny");
	const char *type = compute == TL_F64 ? "float64" : "float32", *where = "";
	tl_error e = { 0 };
	tl_safetensors *s = tl_st_open(path, &e);
	tl_pool *pool = tl_pool_new(threads);
	tl_model *m = model_of(folder, 6, compute, pool, &e);
	tl_plan plan = { .lr = 2e-3, .weight_decay = 0.01, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .clip = 0.5, .warmup = 0.5 };
	tl_optimizer *o;
	tl_weights *w;
	double *v, *losses, *norms, worst = 0, norm;
	int64_t n;
	int stepped;

	ok(s && m, "the tiny BERT is read%s%s", e.status ? ": " : "", e.text);
	if (!s || !m)
		return;
	w = tl_model_weights(m);
	o = tl_optimizer_new(w, &plan, pool);
	set_weight(w, "classifier.weight", reals(s, "head.weight", &n));
	set_weight(w, "classifier.bias", reals(s, "head.bias", &n));
	losses = reals(s, "losses", &n);
	norms = reals(s, "norms", &n);
	for (int step = 0; step < 3; step++) {
		char name[4][40];
		tl_documents d = { 0 };
		tl_outcome out;
		int64_t count;
		for (int i = 0; i < 4; i++)
			snprintf(name[i], sizeof name[i], "%s.%d", (const char *const[]){ "ids", "offsets", "labels", "label_offsets" }[i], step);
		d.ids = ints(s, name[0], &count);
		d.offsets = ints(s, name[1], &count);
		d.n = (int32_t)count - 1;
		d.labels = ints(s, name[2], &count);
		d.label_offsets = ints(s, name[3], &count);
		if (!step) { /* nothing is dropped in this model, so an evaluation has the training step's logits */
			tl_model_step(m, &d, step, false, 1, &out);
			v = reals(s, "logits", &count);
			if (!ok(tl_count(out.logits) == count, "an evaluation has logits"))
				return;
			for (int64_t i = 0; i < count; i++)
				worst = fmax(worst, fabs(v[i] - (compute == TL_F64 ? ((const double *)tl_data(out.logits))[i] : (double)((const float *)tl_data(out.logits))[i])));
			ok(worst < close, "its logits (%.1e)", worst);
		}
		if (!ok(!tl_model_step(m, &d, step, true, 1, &out), "%s, %d threads: step %d%s", type, threads, step + 1, tl_ctx_error(tl_model_ctx(m))->text))
			return;
		ok(fabs(out.total - losses[step]) < close * losses[step], "its loss %.7f is PyTorch's %.7f", out.total, losses[step]);
		if (!step) {
			worst = compare(s, "grad.", w, tl_weights_gradients(w), &where);
			ok(worst >= 0 && worst < 10 * close, "all gradients (%.1e at %s)", worst, where);
		}
		stepped = tl_optimizer_step(o, tl_schedule_factor(TL_LINEAR, plan.warmup, step, 3), &norm);
		ok(!stepped && fabs(norm - norms[step]) < 10 * close * norms[step], "the gradient's norm before clipping (%.7f)", norm);
	}
	worst = compare(s, "after.", w, tl_weights_values(w), &where);
	/* AdamW divides by the root of the second moment: rounding of tiny gradients shows in full in float32. */
	ok(worst >= 0 && worst < (compute == TL_F64 ? 1e-9 : 2e-3), "all weights after three steps of AdamW with clipping, warm-up and two rates (%.1e at %s)", worst, where);
	tl_optimizer_free(o);
	tl_model_free(m);
	tl_pool_free(pool);
	tl_st_close(s);
	free(path);
	free(folder);
}

static void
minilm_gradients(tl_model *m, const tl_safetensors *s, tl_documents *d)
{
	tl_weights *w = tl_model_weights(m);
	double worst = 0, worst_norm = 0, *loss;
	const char *where = "";
	tl_outcome out;
	int64_t n, L = tl_dim(tl_weights_at(w, tl_weights_find(w, "classifier.weight"))->tensor, 0), dim = tl_dim(tl_weights_at(w, tl_weights_find(w, "classifier.weight"))->tensor, 1);
	double *head = tl_alloc((size_t)(L * dim) * sizeof *head), *bias = tl_alloc((size_t)L * sizeof *bias);

	for (int64_t i = 0; i < L * dim; i++)
		head[i] = 0.05 * sin((double)(i + 1));
	for (int64_t i = 0; i < L; i++)
		bias[i] = -1;
	set_weight(w, "classifier.weight", head);
	set_weight(w, "classifier.bias", bias);
	d->n = 16;
	d->labels = ints(s, "labels", &n);
	d->label_offsets = ints(s, "label_offsets", &n);
	loss = reals(s, "loss", &n);
	if (!ok(!tl_model_step(m, d, 0, true, 1, &out), "one fine-tuning step of MiniLM on 16 documents%s", tl_ctx_error(tl_model_ctx(m))->text))
		return;
	ok(fabs(out.total - loss[0]) < 1e-5, "its loss %.7f is PyTorch's %.7f", out.total, loss[0]);
	for (int i = 0; i < tl_weights_count(w); i++) {
		const tl_weight_info *x = tl_weights_at(w, i);
		char name[3][200];
		int64_t *at, k;
		double *g, *norm, largest = 0, sum = 0, error = 0;
		snprintf(name[0], 200, "at.%s", x->name);
		snprintf(name[1], 200, "grad.%s", x->name);
		snprintf(name[2], 200, "norm.%s", x->name);
		if (!tl_st_find(s, name[0])) {
			ok(false, "%s has reference values", x->name);
			continue;
		}
		g = reals(s, name[1], &n);
		norm = reals(s, name[2], &k);
		at = tl_alloc((size_t)n * sizeof *at);
		tl_st_ints(tl_st_find(s, name[0]), at, NULL);
		for (k = 0; k < n; k++) {
			largest = fmax(largest, fabs(g[k]));
			error = fmax(error, fabs(g[k] - element(w, tl_weights_gradients(w), x->offset + at[k])));
		}
		for (k = 0; k < x->count; k++)
			sum += pow(element(w, tl_weights_gradients(w), x->offset + k), 2);
		if (strstr(x->name, "key.bias")) { /* zero by mathematics: rounding alone */
			ok(sqrt(sum) < 1e-6, "%s has no gradient (%.1e)", x->name, sqrt(sum));
			continue;
		}
		error /= largest;
		if (error > worst) {
			worst = error;
			where = x->name;
		}
		worst_norm = fmax(worst_norm, fabs(sqrt(sum) - norm[0]) / norm[0]);
		free(at);
		free(g);
	}
	ok(worst < 1e-3, "sampled gradients of every weight within 1e-3 of its largest (%.1e at %s)", worst, where);
	ok(worst_norm < 1e-3, "and the norm of every weight's gradient (%.1e)", worst_norm);
}

static void
minilm(void)
{
	const char *folder = getenv("TAGLOOM_MINILM");
	char *path = oracle("minilm.safetensors");
	tl_error e = { 0 };
	tl_safetensors *s;
	tl_pool *pool;
	tl_model *m;
	int32_t *ids, *offsets;
	int64_t n, T, *at;
	double *wanted, *projected, worst = 0, worst_ray = 0;
	tl_documents d = { 0 };

	if (!folder || !*folder) {
		skip("MiniLM against PyTorch", "TAGLOOM_MINILM does not name a folder with the checkpoint");
		return;
	}
	s = tl_st_open(path, &e);
	pool = tl_pool_new(2);
	m = model_of(folder, 54, TL_F32, pool, &e);
	if (!ok(s && m, "MiniLM and its reference values are read%s", e.text))
		return;
	ids = ints(s, "ids", &T);
	offsets = ints(s, "offsets", &n);
	n_spied = 0;
	for (int b = 0; b < 5; b++) { /* ten documents at a time */
		int32_t *o = tl_alloc(11 * sizeof *o), none[11] = { 0 };
		tl_outcome out;
		for (int i = 0; i <= 10; i++)
			o[i] = offsets[10 * b + i] - offsets[10 * b];
		d = (tl_documents){ .n = 10, .offsets = o, .ids = ids + offsets[10 * b], .label_offsets = none, .labels = none };
		if (tl_model_step(m, &d, 0, false, 1, &out) < 0)
			break;
	}
	if (!ok(n_spied == T * 384, "the hidden vectors of 50 documents%s", tl_ctx_error(tl_model_ctx(m))->text))
		return;
	wanted = reals(s, "hidden", &n);
	at = tl_alloc((size_t)n * sizeof *at);
	tl_st_ints(tl_st_find(s, "hidden_at"), at, NULL);
	for (int64_t i = 0; i < n; i++)
		worst = fmax(worst, fabs(wanted[i] - spied[at[i]]));
	ok(worst < 1e-4, "%lld of them agree with PyTorch (%.1e)", (long long)n, worst);
	projected = reals(s, "projected", &n);
	for (int64_t t = 0; t < T; t++) {
		double sum = 0;
		for (int j = 0; j < 384; j++)
			sum += spied[t * 384 + j] * cos((double)(j + 1));
		worst_ray = fmax(worst_ray, fabs(sum / sqrt(384) - projected[t]));
	}
	ok(worst_ray < 1e-4, "and every token's along one direction (%.1e)", worst_ray);
	d = (tl_documents){ .offsets = offsets, .ids = ids };
	minilm_gradients(m, s, &d);
	tl_model_free(m);
	tl_pool_free(pool);
	tl_st_close(s);
	free(path);
}

int
main(void)
{
	char sha[65];
	tl_error e = { 0 };

	if (getenv("BUILD"))
		setenv("TAGLOOM_PLUGIN_PATH", tl_path_join(getenv("BUILD"), "build/plugins"), 1);
	registry = tl_registry_new();
	tl_sha_of("spy", 3, sha);
	ok(tl_registry_add(registry, &spy, sha, "oracle.test.c", &e) != NULL, "a module made at run time%s", e.text);
	tiny(TL_F64, 1, 1e-11);
	tiny(TL_F32, 1, 1e-5);
	tiny(TL_F32, 3, 1e-5);
	minilm();
	return done();
}
