/* Vectors that contradict themselves or the model are told apart from wrong values: each says what it lacks, and nothing crashes. */
#include "plugin/host.h"
#include "tap.h"

static tl_registry *registry;

struct change { const char *key, *value; /* metadata to set; NULL value: left out */ const char *drop, *rename, *to; const char *add; int rank; int64_t dim[4]; };

/* Writes `from` with a change, and returns what verify prints about it. */
static char *
changed(const char *from, const struct change *c, int *failed, int *status)
{
	static const char *const keys[] = { "model", "dims", "labels", "train_labels", "draws", "label_names", "rtol", "atol" };
	tl_error e = { 0 };
	tl_safetensors *s = tl_st_open(from, &e);
	int n = s ? tl_st_count(s) : 0, m = 0, k = 0;
	tl_st_out *out = tl_alloc((size_t)(n + 2) * sizeof *out);
	const char *meta[32] = { NULL };
	static double zeros[256];
	char *text = NULL;
	size_t length;
	FILE *f;

	for (int i = 0; i < n; i++) {
		const tl_st_entry *x = tl_st_at(s, i);
		if (c->drop && !strcmp(x->name, c->drop))
			continue;
		out[m] = (tl_st_out){ c->rename && !strcmp(x->name, c->rename) ? c->to : x->name, x->dtype, x->rank, { 0 }, x->data, x->bytes };
		memcpy(out[m++].dim, x->dim, sizeof x->dim);
	}
	if (c->add) {
		size_t count = 1;
		for (int a = 0; a < c->rank; a++)
			count *= (size_t)c->dim[a];
		out[m] = (tl_st_out){ c->add, "F64", c->rank, { 0 }, zeros, count * 8 };
		memcpy(out[m++].dim, c->dim, sizeof c->dim);
	}
	for (int i = 0; i < TL_COUNT(keys); i++) {
		const char *v = c->key && !strcmp(c->key, keys[i]) ? c->value : tl_st_metadata(s, keys[i]);
		if (v) {
			meta[k++] = keys[i];
			meta[k++] = v;
		}
	}
	if (tl_st_write("changed.safetensors", m, out, meta, &e) < 0)
		printf("# %s\n", e.text);
	free(out);
	tl_st_close(s);
	f = open_memstream(&text, &length);
	*failed = 0;
	*status = tl_verify_vector("changed.safetensors", registry, f, &(tl_verify_options){ 0 }, failed, &e);
	if (*status < 0)
		fprintf(f, "%s", e.text);
	fclose(f);
	return text;
}

static void
expect(const char *file, struct change c, const char *words, bool refused, const char *what)
{
	char *path = tl_format("%s/tests/oracles/vectors/%s.safetensors", getenv("SRC"), file), *text;
	int failed, status;

	text = changed(path, &c, &failed, &status);
	says(text, words, what);
	ok(refused ? status < 0 : status > 0 && failed > 0, "%s: %s", what, refused ? "the file is refused" : "counted as failed");
	free(text);
	free(path);
}

int
main(void)
{
	static const char *const bce = "classifier_bce_mean";
	char *path = tl_format("%s/tests/oracles/vectors/%s.safetensors", getenv("SRC"), bce), *text;
	int failed, status;

	registry = tl_registry_new();
	text = changed(path, &(struct change){ 0 }, &failed, &status);
	ok(status == 6 && !failed, "an unchanged copy holds");
	free(text);
	free(path);
	expect(bce, (struct change){ .key = "model" }, "no reference vector: the metadata has no \"model\"", true, "without a model");
	expect(bce, (struct change){ .key = "labels" }, "the metadata has no \"labels\"", true, "without labels");
	expect(bce, (struct change){ .key = "model", .value = "[{" }, "metadata model: not valid JSON", true, "broken JSON");
	expect(bce, (struct change){ .key = "dims", .value = "{\"L\": -3}" }, "L is no number of labels", true, "a negative L");
	expect(bce, (struct change){ .key = "labels", .value = "[[7]]" }, "holds a label that is not between 0 and L - 1 = 6", true, "a label beyond L");
	expect(bce, (struct change){ .key = "labels", .value = "[[1, 1]]" }, "holds label 1 twice", true, "a label twice");
	expect(bce, (struct change){ .key = "labels", .value = "[[1], [2]]" }, "not computed", false, "fewer documents than rows");
	expect(bce, (struct change){ .key = "rtol", .value = "much" }, "metadata rtol: \"much\" is no tolerance", true, "a tolerance that is none");
	expect(bce, (struct change){ .key = "model", .value = "[{\"plugin\": \"label/clasifier\"}]" }, "did you mean classifier?", false, "an unknown plugin");
	expect(bce, (struct change){ .key = "model", .value = "[{\"plugin\": \"label/classifier\", \"params\": {\"hiden\": 3}}]" }, "hiden: no such parameter; did you mean hidden?", false, "an unknown parameter");
	expect(bce, (struct change){ .key = "model", .value = "[{\"plugin\": \"label/classifier\", \"params\": {\"hidden\": 3}}]" }, "weight.classifier.bias is given, but the model has no weight of that name", false, "weights of another model");
	expect(bce, (struct change){ .drop = "weight.classifier.bias" }, "the model needs weight.classifier.bias, which is not given", false, "a weight that is missing");
	expect(bce, (struct change){ .drop = "in.doc" }, "reads the slot doc", false, "a slot that is missing");
	expect(bce, (struct change){ .rename = "out.logits", .to = "out.nothing" }, "out.nothing: not computed: the model has no such slot", false, "an expected slot that nobody writes");
	expect(bce, (struct change){ .rename = "loss.classifier", .to = "loss.other" }, "loss.other: not computed: the model has no such loss", false, "an expected loss that nobody adds");
	expect(bce, (struct change){ .rename = "grad.in.doc", .to = "grad.in.cls" }, "grad.in.cls: not computed: the model has no such input", false, "a gradient of what is not given");
	expect(bce, (struct change){ .add = "state_after.classifier.queue", .rank = 1, .dim = { 3 } }, "the model has no such state", false, "a state that is not there");
	expect(bce, (struct change){ .add = "seed.logits", .rank = 2, .dim = { 2, 2 } }, "seed.logits has 4 numbers, the slot 28", false, "a seed of another size");
	expect(bce, (struct change){ .add = "loss.classifier.part", .rank = 0 }, "the model has no such loss", false, "a part of a loss that has none");
	expect("classifier_softmax", (struct change){ .key = "model", .value = "[{\"plugin\": \"label/classifier\"}]" }, "computed", false, "another loss than the file's");
	expect("corank_full", (struct change){ .key = "train_labels" }, "needs the statistics of the training split", false, "without the statistics it needs");
	expect("corank_full", (struct change){ .key = "model", .value = "[{\"plugin\": \"label/corank\", \"params\": {\"gamma\": 90, \"heads\": 2, \"ffn_hidden\": 5}}]" }, "corank", false, "gamma above L");
	expect("cacl-each_part", (struct change){ .drop = "in.call.key_view" }, "key_view", false, "a call that is not given");
	expect("plcp-perdoc", (struct change){ .key = "draws", .value = "{\"plcp\": [[0, \"a\"]]}" }, "draws.plcp: entry 0 holds something that is no integer", false, "a draw that is no number");
	expect("lan-token", (struct change){ .rename = "in.offsets", .to = "in.call.x.offsets" }, "not computed", false, "without offsets");
	expect("transformer-bert", (struct change){ .drop = "in.input.ids" }, "there are no token ids to encode", false, "an encoder without ids");
	tl_registry_free(registry);
	return done();
}
