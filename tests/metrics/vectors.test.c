/* Metrics, label statistics and thresholds against reference values; and the same values through float32 logits, groups by name, stored lists, rows. */
#include <glob.h>
#include <math.h>

#include "tap.h"
#include "train/train.h"

static tl_registry *registry;

/* The lines of the report go to a file that is shown where something is wrong. */
static void
vectors(const char *path, bool perturb)
{
	tl_error e = { 0 };
	FILE *f = tmpfile();
	int failed = 0, lines = tl_verify_json(path, registry, f, perturb, &failed, &e);
	char line[1000];

	ok(lines > 0 && (perturb ? failed > 0 : failed == 0), "%s: %d groups of values, %d wrong%s %s", strrchr(path, '/') + 1, lines, failed, perturb ? " after a change" : "", e.text);
	rewind(f);
	while (failed && !perturb && fgets(line, sizeof line, f))
		printf("# %s", line);
	fclose(f);
}

static void
sentences(void)
{
	static const struct { const char *text, *words; } bad[] = {
		{ "{\"kind\":\"metrics\",\"n_labels\":2}", "\"expected\" is missing" },
		{ "{\"kind\":\"metric\",\"n_labels\":2,\"expected\":{}}", "did you mean metrics" },
		{ "{\"kind\":\"metrics\",\"n_labels\":-2,\"expected\":{}}", "\"n_labels\" is missing or not a number" },
		{ "{\"kind\":\"metrics\",\"n_labels\":2,\"train_labels\":[[0]],\"labels\":[[2]],\"scores\":[[1,1]],\"expected\":{\"\":{}}}", "labels[0][0] is no label number from 0 to 1" },
		{ "{\"kind\":\"metrics\",\"n_labels\":2,\"train_labels\":[[0]],\"labels\":[[1]],\"scores\":[[1]],\"expected\":{\"\":{}}}", "scores[0] has 1 numbers; wanted n_labels = 2" },
		{ "{\"kind\":\"thresholds\",\"n_labels\":2,\"labels\":[[1],3],\"scores\":[[1,1]],\"expected\":{\"\":{}}}", "labels[1] is no list" },
		{ "{\"kind\":\"thresholds\"", "not valid JSON" },
	};

	for (int i = 0; i < TL_COUNT(bad); i++) {
		tl_error e = { 0 };
		FILE *f = tmpfile();
		int failed = 0, lines;
		tl_write_file("bad.json", bad[i].text, strlen(bad[i].text), &e);
		lines = tl_verify_json("bad.json", registry, f, false, &failed, &e);
		says(lines < 0 ? e.text : "accepted", bad[i].words, "a bad vector file gets a sentence");
		fclose(f);
	}
}

int
main(void)
{
	char *pattern = tl_format("%s/tests/oracles/metrics/*.json", getenv("SRC") ? getenv("SRC") : ".");
	char *plugins = tl_format("%s/build/plugins", getenv("BUILD") ? getenv("BUILD") : ".");
	glob_t g;

	setenv("TAGLOOM_PLUGIN_PATH", plugins, 1);
	free(plugins);
	registry = tl_registry_new();
	if (!ok(glob(pattern, 0, NULL, &g) == 0 && g.gl_pathc >= 9, "reference files are there"))
		return done();
	for (size_t i = 0; i < g.gl_pathc; i++) {
		vectors(g.gl_pathv[i], false);
		vectors(g.gl_pathv[i], true);
	}
	globfree(&g);
	sentences();
	tl_registry_free(registry);
	free(pattern);
	return done();
}
