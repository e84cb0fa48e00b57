/* Models: wiring errors name both ends, initial weights have streams of their own, checkpoints load by their own names, state comes back. */
#include <math.h>

#include "plugin/host.h"
#include "tap.h"

static tl_registry *registry;
static tl_pool *pool;
static char warned[2000];

static void
keep_warning(void *arg, const char *text)
{
	(void)arg;
	snprintf(warned, sizeof warned, "%s", text);
}

static tl_model *
build(const char *modules, uint64_t seed, tl_error *e)
{
	json_error_t je;
	json_t *v = json_loads(modules, 0, &je);
	tl_model *m;

	memset(e, 0, sizeof *e);
	if (!v) {
		printf("# %s\n", je.text);
		return NULL;
	}
	m = tl_model_new(&(tl_model_setup){ .registry = registry, .modules = v, .compute = TL_F32, .pool = pool, .seed = seed, .n_labels = 5, .warn = keep_warning }, e);
	json_decref(v);
	return m;
}

static void
refuses(const char *modules, const char *words, const char *what)
{
	tl_error e;
	tl_model *m = build(modules, 1, &e);

	ok(!m && e.status == TL_USAGE, "%s is a usage error", what);
	says(e.text, words, what);
	tl_model_free(m);
}

#define BOW "{\"kind\": \"encoder\", \"plugin\": \"bow\", \"params\": {\"dim\": 8, \"vocab\": 30}}"
#define HEAD(name) "{\"plugin\": \"classifier\", \"name\": \"" name "\", \"where\": \"x.lua:7\"}"

static void
wiring(void)
{
	refuses("[]", "the model has no modules", "an empty model");
	refuses("[" HEAD("a") "]", "a (x.lua:7) reads the slot doc, which an encoder writes, and the model has none; put one before a, such as tl.encoder.transformer", "a classifier without an encoder");
	refuses("[" HEAD("a") ", " BOW "]", "a (x.lua:7) reads the slot doc, which bow writes only after it; put bow before a", "a classifier before its encoder");
	refuses("[" BOW ", " HEAD("a") ", " HEAD("a") "]", "two modules are called a", "one name twice");
	refuses("[" BOW ", " HEAD("total") "]", "that of the sum of all losses", "the name total");
	refuses("[" BOW ", {\"plugin\": \"classifier\", \"name\": \"b\", \"kind\": \"encoder\", \"plugin\": \"bow\"}]", "two encoders, bow and b", "two encoders");
	refuses("[" BOW ", {\"plugin\": \"classifier\", \"params\": {\"from\": \"hiddn\"}}]", "reads the slot hiddn, which nothing before it writes; did you mean hidden?", "a misspelt slot");
	refuses("[" BOW ", {\"plugin\": \"cross_attention\"}]", "put a module that makes label vectors before cross_attention, such as label_embedding", "no label vectors");
	refuses("[" BOW ", {\"plugin\": \"label_embedding\", \"params\": {\"dim\": 7}}, {\"plugin\": \"cross_attention\"}]", "cross_attention reads the slot label_hidden as [L d | B L d], but label_embedding wrote [5, 7]",
	        "label vectors of another width");
	refuses("[" BOW ", {\"plugin\": \"classifier\", \"params\": {\"from\": \"layers\"}}]", "layers", "an output that this encoder does not have");
	refuses("[" BOW ", {\"plugin\": \"classifier\", \"params\": {\"dropout\": 1.5}}]", "dropout = 1.5 is out of range: wanted 0 to 0.99", "a parameter out of range");
	refuses("[" BOW ", {\"plugin\": \"classifier\", \"params\": {\"droput\": 0.5}}]", "droput: no such parameter; did you mean dropout?", "an unknown parameter");
	refuses("[" BOW ", {\"plugin\": \"classifier\", \"params\": {\"activation\": \"rleu\"}}]", "wanted one of relu|tanh|gelu; did you mean relu?", "an unknown choice");
	refuses("[" BOW ", {\"plugin\": \"classifier\", \"params\": {\"hidden\": 2.5}}]", "hidden: wanted a whole number, got 2.5", "half a unit");
	refuses("[" BOW ", {\"plugin\": \"classifier\", \"params\": {\"lr\": \"fast\"}}]", "lr: wanted a number, got \"fast\"", "a rate that is a word");
	refuses("[" BOW ", {\"plugin\": \"ndcg\"}]", "ndcg is a metric", "a metric as a module");
	refuses("[{\"kind\": \"encoder\", \"plugin\": \"transformer\", \"params\": {\"dim\": 10, \"heads\": 3}}]", "heads = 3 does not divide dim = 10", "heads that do not divide");
	refuses("[{\"kind\": \"encoder\", \"plugin\": \"transformer\", \"params\": {\"dim\": 8, \"heads\": 2, \"layers\": 2, \"ffn\": 8, \"vocab\": 20, \"freeze\": 5}}]", "freeze = 5, but the encoder has 2 blocks", "more frozen blocks than there are");
}

static const float *
values(tl_model *m, const char *name, int64_t *n)
{
	int at = tl_weights_find(tl_model_weights(m), name);

	*n = at < 0 ? 0 : tl_weights_at(tl_model_weights(m), at)->count;
	return at < 0 ? NULL : tl_data(tl_weights_at(tl_model_weights(m), at)->tensor);
}

static bool
same(tl_model *a, tl_model *b, const char *name)
{
	int64_t n, k;
	const float *x = values(a, name, &n), *y = values(b, name, &k);

	return x && y && n == k && !memcmp(x, y, (size_t)n * sizeof *x);
}

static void
weights(void)
{
	tl_error e;
	tl_model *a = build("[" BOW ", {\"plugin\": \"label_embedding\"}, " HEAD("one") ", " HEAD("two") "]", 1, &e), *b = build("[" BOW ", " HEAD("two") "]", 1, &e), *c = build("[" BOW ", " HEAD("two") "]", 2, &e);
	tl_model *scaled = build("[" BOW ", {\"plugin\": \"classifier\", \"name\": \"two\", \"params\": {\"init_scale\": 0.5, \"lr\": 0.1}}]", 1, &e);
	int64_t n;
	double most = 0;
	const float *x, *y;
	json_t *wiring_of, *first;

	ok(a && b && c && scaled, "models are built");
	ok(same(a, b, "two.weight") && same(a, b, "bow.embedding.weight"), "removing modules changes no other module's initial weights");
	ok(!same(b, c, "two.weight"), "another seed, other weights");
	x = values(b, "two.weight", &n);
	for (int64_t i = 0; i < n; i++)
		most = x[i] > most ? x[i] : most;
	ok(n == 40 && most > 0.4 && most <= 0.680001, "Xavier-uniform: within sqrt(6 / (8 + 5))");
	x = values(b, "two.weight", &n);
	y = values(scaled, "two.weight", &n);
	ok(x[3] * 0.5f == y[3], "init_scale scales");
	ok(tl_weights_at(tl_model_weights(scaled), tl_weights_find(tl_model_weights(scaled), "two.weight"))->lr == 0.1, "a module's own learning rate");
	ok(!tl_weights_at(tl_model_weights(scaled), tl_weights_find(tl_model_weights(scaled), "two.bias"))->decay, "biases do not decay");
	wiring_of = tl_model_wiring(b);
	first = json_array_get(json_object_get(json_array_get(wiring_of, 1), "writes"), 0);
	ok(tl_streq(json_string_value(json_object_get(first, "slot")), "logits") && tl_streq(json_string_value(json_object_get(first, "shape")), "[B, 5]"), "wiring tells slots and shapes");
	ok(json_integer_value(json_object_get(json_array_get(wiring_of, 1), "parameters")) == 45, "and parameter counts");
	json_decref(wiring_of);
	ok(json_object_get(json_object_get(json_array_get(tl_model_resolved(b), 1), "params"), "activation") != NULL, "resolved parameters hold the defaults");
	tl_model_free(a);
	tl_model_free(b);
	tl_model_free(c);
	tl_model_free(scaled);
}

/* Logits that somebody reads are made, and change neither loss nor gradients; the best labels are those of all logits. */
static void
many_labels(void)
{
	static const int32_t offsets[] = { 0, 3, 5 }, ids[] = { 2, 7, 3, 2, 29 }, label_offsets[] = { 0, 1, 3 }, labels[] = { 4, 0, 2 };
	tl_documents d = { .n = 2, .offsets = offsets, .ids = ids, .label_offsets = label_offsets, .labels = labels };
	tl_error e;
	tl_model *m[2] = { build("[" BOW ", {\"plugin\": \"classifier\"}]", 1, &e),
		               build("[" BOW ", {\"plugin\": \"classifier\"}, {\"plugin\": \"classifier\", \"name\": \"reader\", \"params\": {\"from\": \"logits\", \"into\": \"other\", \"weight\": 0}}]", 1, &e) };
	tl_outcome out[2] = { { 0 }, { 0 } }, all = { 0 }, best = { 0 };
	double worst = 0;
	float logit[10];
	bool right = true;

	for (int k = 0; k < 2; k++)
		ok(tl_model_step(m[k], &d, 1, true, 1, &out[k]) == 0, "a training step%s", k ? " whose logits are read" : "");
	ok(out[1].logits && tl_dim(out[1].logits, 0) == 2 && tl_dim(out[1].logits, 1) == 5 && !out[0].logits, "logits [B, L] are made for their reader");
	ok(fabs(out[0].value[0] - out[1].value[0]) < 1e-6, "the same loss with and without them");
	for (int i = 0; i < tl_weights_count(tl_model_weights(m[0])); i++) {
		const tl_weight_info *x = tl_weights_at(tl_model_weights(m[0]), i), *y = tl_weights_at(tl_model_weights(m[1]), i);
		for (int64_t k = 0; k < x->count; k++)
			worst = fmax(worst, fabs(((const float *)tl_weights_gradients(tl_model_weights(m[0])))[x->offset + k] - ((const float *)tl_weights_gradients(tl_model_weights(m[1])))[y->offset + k]));
	}
	ok(worst < 1e-6, "the same gradients (%.1e)", worst);
	tl_model_step(m[0], &d, 2, false, 1, &all);
	memcpy(logit, tl_data(all.logits), sizeof logit);
	tl_model_keep(m[0], 2);
	tl_model_step(m[0], &d, 2, false, 1, &best);
	ok(best.best && !best.logits, "an evaluation that keeps two labels makes no logits");
	for (int i = 0; best.best && i < 2; i++) {
		const float *b = tl_data(best.best);
		int first = (int)b[4 + 2 * i], second = (int)b[5 + 2 * i];
		for (int l = 0; l < 5; l++)
			right &= (l == first ? logit[5 * i + l] == b[2 * i] : l == second ? logit[5 * i + l] == b[2 * i + 1] : logit[5 * i + l] <= b[2 * i + 1]) && b[2 * i] >= b[2 * i + 1];
	}
	ok(right, "and finds the two best of all logits");
	tl_model_free(m[0]);
	tl_model_free(m[1]);
}

/* A step of a model on two documents: parts, total, gradients in the buffers; evaluation adds no losses. */
static void
steps(void)
{
	static const int32_t offsets[] = { 0, 3, 5 }, ids[] = { 2, 7, 3, 2, 29 }, label_offsets[] = { 0, 1, 3 }, labels[] = { 4, 0, 2 };
	tl_documents d = { .n = 2, .offsets = offsets, .ids = ids, .label_offsets = label_offsets, .labels = labels };
	tl_error e;
	tl_model *m = build("[" BOW ", {\"plugin\": \"classifier\", \"name\": \"initial\", \"params\": {\"into\": \"logits.initial\", \"weight\": 0.25, \"from\": \"pooled\"}}, {\"plugin\": \"classifier\", \"params\": {\"weight\": 0.75}}]", 1, &e);
	tl_outcome out = { 0 };
	const float *g;
	double total;
	float kept, half;
	int at;

	ok(tl_model_step(m, &d, 1, true, 1, &out) == 0, "a training step");
	ok(out.n_parts == 2 && !strcmp(out.part[0], "initial") && !strcmp(out.part[1], "classifier"), "two parts by name");
	total = 0.25 * out.value[0] + 0.75 * out.value[1];
	ok(out.total - total < 1e-12 && total - out.total < 1e-12, "the total is their weighted sum");
	ok(!out.logits, "nobody reads the logits, and they are not made");
	at = tl_weights_find(tl_model_weights(m), "classifier.bias");
	g = tl_data(tl_gradient(tl_model_ctx(m), tl_weights_at(tl_model_weights(m), at)->tensor));
	kept = g[1];
	ok(kept != 0, "gradients reach the weights");
	tl_weights_zero_gradients(tl_model_weights(m), pool);
	tl_model_step(m, &d, 1, true, 0.5, &out);
	half = ((const float *)tl_weights_gradients(tl_model_weights(m)))[tl_weights_at(tl_model_weights(m), at)->offset + 1];
	ok(half == kept / 2, "scaled by 1 / accumulate");
	ok(tl_model_step(m, &d, 2, false, 1, &out) == 0 && out.n_parts == 0 && out.logits, "evaluation has logits and no losses");
	d.ids = (const int32_t[]){ 2, 7, 3, 2, 30 };
	ok(tl_model_step(m, &d, 3, false, 1, &out) < 0, "an id beyond the vocabulary is an error");
	says(tl_ctx_error(tl_model_ctx(m))->text, "bow", "which names the encoder");
	ok(tl_streq(tl_model_fault(m), "encoder/bow"), "and the plugin at fault");
	tl_model_free(m);
}

/* --- checkpoints ------------------------------------------------------------------------------------------------------------------------ */
static const char config_text[] = "{\"model_type\": \"bert\", \"hidden_size\": 8, \"num_hidden_layers\": 1, \"num_attention_heads\": 2, \"intermediate_size\": 4, \"vocab_size\": 9, \"max_position_embeddings\": 6}";
#define TRANSFORMER(more) "[{\"kind\": \"encoder\", \"plugin\": \"transformer\", \"params\": {\"weights\": \"hf\"" more "}}]"

/* The weights of a model built from scratch, written under old names, with a prefix, without a pooler. skip: one that is left out. */
static void
write_checkpoint(const char *file, const char *prefix, const char *skip, const char *only, bool transpose)
{
	tl_error e;
	tl_model *m = build("[{\"kind\": \"encoder\", \"plugin\": \"transformer\", \"params\": {\"dim\": 8, \"layers\": 1, \"heads\": 2, \"ffn\": 4, \"vocab\": 9, \"max_positions\": 6}}]", 77, &e);
	tl_weights *w = tl_model_weights(m);
	tl_st_out *out = tl_alloc((size_t)tl_weights_count(w) * sizeof *out);
	tl_arena *names = tl_arena_new(0);
	int n = 0;

	for (int i = 0; i < tl_weights_count(w); i++) {
		tl_weight_info *x = tl_weights_at(w, i);
		char *name = tl_arena_format(names, "%s%s", prefix, x->name + strlen("transformer."));
		char *norm = strstr(name, "LayerNorm.");
		if (strstr(name, "pooler") || (skip && strstr(name, skip)) || (only && !strstr(name, only)))
			continue;
		if (norm)
			strcpy(norm + 10, tl_ends(name, "weight") ? "gamma" : "beta");
		out[n] = (tl_st_out){ name, "F32", tl_rank(x->tensor), { 0 }, tl_data(x->tensor), (size_t)x->count * 4 };
		for (int a = 0; a < tl_rank(x->tensor); a++)
			out[n].dim[a] = tl_dim(x->tensor, transpose && tl_rank(x->tensor) == 2 ? 1 - a : a);
		n++;
	}
	ok(tl_st_write(file, n, out, NULL, &e) == 0, "%s is written", file);
	free(out);
	tl_arena_free(names);
	tl_model_free(m);
}

static void
checkpoints(void)
{
	static const char index[] = "{\"weight_map\": {\"a\": \"one.safetensors\", \"b\": \"two.safetensors\"}}";
	tl_error e = { 0 };
	tl_model *from, *m;
	char *path = NULL;
	int64_t vocab;
	bool features;
	json_t *v;

	tl_make_dirs("hf/1_Pooling", &e);
	tl_write_file("hf/config.json", config_text, strlen(config_text), &e);
	write_checkpoint("hf/model.safetensors", "bert.", NULL, NULL, false);
	from = build("[{\"kind\": \"encoder\", \"plugin\": \"transformer\", \"params\": {\"dim\": 8, \"layers\": 1, \"heads\": 2, \"ffn\": 4, \"vocab\": 9, \"max_positions\": 6}}]", 77, &e);
	m = build(TRANSFORMER(""), 1, &e);
	ok(m != NULL, "a checkpoint with prefix, old layernorm names and no pooler loads %s", e.text);
	says(warned, "has no pooler; a fresh one was made", "and the pooler is said to be fresh");
	ok(m && same(m, from, "transformer.encoder.layer.0.attention.self.query.weight") && same(m, from, "transformer.embeddings.LayerNorm.weight"), "its values are the file's");
	ok(m && !same(m, from, "transformer.pooler.dense.weight"), "the pooler's are not");
	tl_model_free(m);
	m = build(TRANSFORMER(", \"freeze\": 1, \"pooled\": \"mean\""), 1, &e);
	ok(m && !tl_weights_at(tl_model_weights(m), 0)->trainable && !tl_weights_at(tl_model_weights(m), 7)->trainable, "freeze = 1 freezes embeddings and the first block");
	ok(m && tl_weights_find(tl_model_weights(m), "transformer.pooler.dense.weight") < 0, "pooled = mean has no pooler");
	tl_model_free(m);
	v = json_loads(TRANSFORMER(""), 0, NULL);
	ok(tl_model_encoder_of(registry, v, NULL, &path, &vocab, &features, &e) == 0 && tl_streq(path, "hf") && !features, "the tokenizer is looked for in the same folder");
	free(path);
	json_decref(v);
	write_checkpoint("hf/model.safetensors", "", "query.weight", NULL, false);
	ok(!build(TRANSFORMER(""), 1, &e), "a tensor that is missing");
	says(e.text, "the tensor encoder.layer.0.attention.self.query.weight is not there", "is named");
	write_checkpoint("hf/model.safetensors", "", NULL, NULL, true);
	ok(!build(TRANSFORMER(""), 1, &e), "tensors of another shape");
	says(e.text, "wanted [9, 8], as config.json says, got [8, 9]", "are told with both shapes");
	remove("hf/model.safetensors");
	ok(!build(TRANSFORMER(""), 1, &e), "no weights at all");
	says(e.text, "wanted model.safetensors or model.safetensors.index.json, got neither", "are told");
	write_checkpoint("hf/one.safetensors", "roberta.", "embeddings", NULL, false);
	write_checkpoint("hf/two.safetensors", "roberta.", NULL, "embeddings", false);
	tl_write_file("hf/model.safetensors.index.json", index, strlen(index), &e);
	m = build(TRANSFORMER(""), 1, &e);
	ok(m && same(m, from, "transformer.embeddings.word_embeddings.weight") && same(m, from, "transformer.encoder.layer.0.output.dense.weight"), "shards load %s", e.text);
	tl_model_free(m);
	tl_model_free(from);
	tl_write_file("hf/config.json", "{", 1, &e);
	ok(!build(TRANSFORMER(""), 1, &e), "a config.json that is none");
	says(e.text, "hf/config.json: not valid JSON", "is named");
	refuses("[{\"kind\": \"encoder\", \"plugin\": \"bow\", \"params\": {\"weights\": \"hf\"}}]", "weights: no such parameter", "weights for an encoder that reads none");
}

int
main(void)
{
	registry = tl_registry_new();
	pool = tl_pool_new(1);
	wiring();
	weights();
	steps();
	many_labels();
	checkpoints();
	tl_pool_free(pool);
	tl_registry_free(registry);
	return done();
}
