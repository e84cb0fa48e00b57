/* A run's identity: what decides its numbers changes it, nothing else does. */
#include <sys/stat.h>

#include "world.h"

static tl_registry *registry;
static char *place;

/* Identity of a configuration given as text with ' for "; empty after an error. */
static void
identity(const char *config, char hex[65], tl_error *e)
{
	char *text = tl_strdup(config);
	json_t *v, *parts = NULL;
	tl_dataset *d;

	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	memset(e, 0, sizeof *e);
	hex[0] = 0;
	v = tl_json_parse(text, strlen(text), "config", e);
	d = v ? tl_run_dataset(v, registry, NULL, 0, e) : NULL;
	if (!d || tl_run_identity(v, registry, d, NULL, "cpu", hex, &parts, e) < 0)
		hex[0] = 0;
	tl_dataset_free(d);
	json_decref(parts);
	json_decref(v);
	free(text);
}

static char *
config(const char *path, const char *model, const char *train, const char *more)
{
	return tl_format("{'data': {'path': '%s', 'max_length': 24}, 'model': [%s], 'train': {%s}%s}", path, model, train, more);
}

static void
compare(const char *path, const char *model, const char *train, const char *more, const char *base, bool same, const char *what)
{
	char *text = config(path, model, train, more), hex[65];
	tl_error e;

	identity(text, hex, &e);
	ok(hex[0] && !strcmp(hex, base) == same, "%s: %s identity%s%s", what, same ? "the same" : "another", e.status ? ": " : "", e.text);
	free(text);
}

static void
copy_file(const char *from, const char *to, bool change)
{
	char *bytes;
	size_t n;

	if (tl_read_file(from, &bytes, &n, NULL) < 0)
		return;
	if (change)
		bytes[n - 1] ^= 1;
	tl_write_file(to, bytes, n, NULL);
	free(bytes);
}

static char *
copy_tiny(const char *name, bool change)
{
	static const char *const files[] = { "config.json", "model.safetensors", "vocab.txt" };
	char *to = tl_path_join(place, name), *from = tl_path_join(getenv("SRC") ? getenv("SRC") : ".", "tests/oracles/training/tiny");

	tl_make_dirs(to, NULL);
	for (int i = 0; i < 3; i++) {
		char *a = tl_path_join(from, files[i]), *b = tl_path_join(to, files[i]);
		copy_file(a, b, change && i == 1);
		free(a);
		free(b);
	}
	free(from);
	return to;
}

int
main(void)
{
	static const char model[] = "{'kind': 'encoder', 'plugin': 'cnn', 'params': {'dim': 12, 'vocab': 120}}, {'plugin': 'classifier'}", train[] = "'epochs': 3, 'lr': 0.01", seed[] = ", 'seed': 1, 'metrics': ['p@1']";
	char *dir, *other, *text, *a, *b, *c, *m[3], base[65], hex[65];
	tl_error e;
	char *linear_model = "{'plugin': 'linear'}";

	if (getenv("BUILD"))
		setenv("TAGLOOM_PLUGIN_PATH", tl_path_join(getenv("BUILD"), "build/plugins"), 1);
	place = tl_strdup(getenv("TMP") ? getenv("TMP") : "/tmp");
	registry = tl_registry_new();
	dir = world_make("one", true);
	other = world_make("two", true);
	text = config(dir, model, train, seed);
	identity(text, base, &e);
	if (!ok(strlen(base) == 64, "an identity%s", e.text))
		return done();
	compare(dir, model, train, ", 'seed': 1, 'metrics': ['p@5', 'map']", base, true, "other metrics");
	compare(other, model, train, seed, base, true, "the same files elsewhere");
	compare(dir, model, "'epochs': 3, 'lr': 0.01, 'timeout': 5, 'keep': 'none'", seed, base, true, "time limit and what is kept");
	compare(dir, model, "'epochs': 3.0, 'lr': 0.01, 'beta1': 0.9, 'batch': 16", seed, base, true, "defaults written out");
	compare(dir, "{'kind': 'encoder', 'plugin': 'cnn', 'name': 'cnn', 'params': {'dim': 12, 'vocab': 120, 'filters': 100}}, {'plugin': 'label/classifier'}", train, seed, base, true, "a module's defaults written out");
	compare(dir, model, train, ", 'seed': 2, 'metrics': ['p@1']", base, false, "another seed");
	compare(dir, model, "'epochs': 4, 'lr': 0.01", seed, base, false, "another number of epochs");
	compare(dir, model, "'epochs': 3, 'lr': 0.01, 'select': 'p@1'", seed, base, false, "another selection");
	compare(dir, "{'kind': 'encoder', 'plugin': 'cnn', 'params': {'dim': 13, 'vocab': 120}}, {'plugin': 'classifier'}", train, seed, base, false, "another parameter");
	compare(dir, "{'kind': 'encoder', 'plugin': 'cnn', 'params': {'dim': 12, 'vocab': 120}}, {'plugin': 'classifier', 'name': 'head'}", train, seed, base, false, "another name (it keys random streams)");
	world_split(other, "test", 29, 3);
	compare(other, model, train, seed, base, false, "a document less");

	a = copy_tiny("a", false);
	b = copy_tiny("b", false);
	c = copy_tiny("c", true);
	m[0] = tl_format("{'kind': 'encoder', 'plugin': 'transformer', 'params': {'weights': '%s'}}, {'plugin': 'classifier'}", a);
	m[1] = tl_format("{'kind': 'encoder', 'plugin': 'transformer', 'params': {'weights': '%s'}}, {'plugin': 'classifier'}", b);
	m[2] = tl_format("{'kind': 'encoder', 'plugin': 'transformer', 'params': {'weights': '%s'}}, {'plugin': 'classifier'}", c);
	free(text);
	text = config(dir, m[0], train, seed);
	identity(text, base, &e);
	ok(strlen(base) == 64, "a pre-trained encoder%s", e.text);
	compare(dir, m[1], train, seed, base, true, "the same weights in another folder");
	compare(dir, m[2], train, seed, base, false, "a byte of the weights changed");

	free(text);
	text = config(dir, "{'kind': 'encoder', 'plugin': 'cnn'}, {'plugin': 'classifier', 'params': {'into': 'logits.initial'}}", train, seed);
	identity(text, hex, &e);
	says(e.text, "slot logits", "a model that scores nothing is refused");
	free(text);
	text = config(dir, linear_model, train, seed);
	identity(text, base, &e);
	if (base[0]) {
		compare(dir, linear_model, "'epochs': 9", ", 'seed': 2", base, true, "linear: another seed, other training");
		compare(dir, "{'plugin': 'linear', 'params': {'c': 2}}", train, seed, base, false, "linear: another parameter");
	} else {
		skip("linear", "the plugin is not there");
	}
	free(text);
	return done();
}
