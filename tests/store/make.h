/* make.h - a small database for the tests of the store and of the commands that read it. */
#ifndef TESTS_STORE_MAKE_H
#define TESTS_STORE_MAKE_H

#include "store/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static inline json_t *
make_config(double gamma, const char *extra)
{
	return json_pack("{s:{s:s,s:i},s:[{s:s,s:s,s:s,s:{s:f,s:b},s:s}],s:{s:i,s:f},s:[s,s]}", "data", "path", "data/small", "max_length", 512, "model", "kind", "label", "plugin", "corank", "name",
	                 "corank", "params", "gamma", gamma, "ranking", 1, "where", extra ? extra : "x.lua:1", "train", "epochs", 2, "lr", 1e-5, "metrics", "p@1", "ndcg@5");
}

static inline json_t *
make_dataset(const char *name, const char *sha, int n_labels)
{
	json_t *labels = json_array();

	for (int i = 0; i < n_labels; i++)
		json_array_append_new(labels, json_pack("{s:o,s:s,s:i}", "key", json_sprintf("l%d", i), "name", "a label", "train_count", 100 - i));
	return json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:i,s:f,s:f,s:o}", "name", name, "path", "data/small", "sha256", sha, "n_train", 100, "n_valid", 0, "n_test", 10, "n_labels", n_labels, "labels_per_doc",
	                 2.5, "tokens_per_doc", 100.5, "labels", labels);
}

/* A finished run with results on test at epoch 2 (and earlier ones on valid). */
static inline int64_t
make_run(tl_store *s, int64_t arm, int64_t dataset, int64_t seed, double p1, tl_error *e)
{
	char identity[65], *text = tl_format("%lld-%lld-%lld", (long long)arm, (long long)dataset, (long long)seed), *status = NULL;
	json_t *summary = json_pack("{s:i,s:f,s:s}", "best_epoch", 2, "train_seconds", 1.5, "weights_sha256", "abc");
	int64_t run;

	tl_sha_of(text, strlen(text), identity);
	free(text);
	run = tl_store_run_for(s, arm, dataset, seed, identity, "cpu", 2, &status, e);
	free(status);
	tl_store_run_start(s, run, 1, e);
	for (int epoch = 1; epoch <= 2; epoch++)
		tl_store_result(s, run, "valid", epoch, "p@1", "p@1|v1", true, "", true, p1 - 0.1 * (2 - epoch), 10, 0, e);
	tl_store_result(s, run, "test", 2, "p@1", "p@1|v1", true, "", true, p1, 10, 1, e);
	tl_store_result(s, run, "test", 2, "p@1:group=head", "p@1|v1", true, "head", true, p1 + 0.05, 8, 3, e);
	tl_store_result(s, run, "test", 2, "hamming_loss", "hamming_loss|v1", false, "", true, 1 - p1, 10, 1, e);
	tl_store_run_end(s, run, "done", NULL, NULL, summary, e);
	json_decref(summary);
	return run;
}

/* One experiment: arms full (baseline), w/o ranking; seeds 1..3. */
static inline int64_t
make_experiment(tl_store *s, const char *name, tl_error *e)
{
	static const double value[2][3] = { { 0.80, 0.82, 0.84 }, { 0.78, 0.83, 0.80 } };
	json_t *config[2] = { make_config(20, NULL), make_config(30, NULL) }, *d = make_dataset("small", "d1", 5);
	int64_t x = tl_store_experiment(s, &(tl_experiment_row){ .name = name, .script = "x.lua", .script_text = "return 1", .script_sha256 = "s1", .argv = "run x.lua" }, e);
	int64_t dataset = tl_store_dataset(s, d, e);

	for (int a = 0; a < 2; a++) {
		int64_t arm = tl_store_arm(s, x, a ? "w/o ranking" : "full", !a, config[a], e);
		for (int seed = 1; seed <= 3; seed++)
			make_run(s, arm, dataset, seed, value[a][seed - 1], e);
		json_decref(config[a]);
	}
	json_decref(d);
	return x;
}

#endif
