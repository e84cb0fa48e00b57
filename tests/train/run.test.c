/* Whole runs: same bits again, with any number of threads and after an interruption; what must not move a number does not; bad runs are told. */
#include "world.h"

#define CNN "{'kind': 'encoder', 'plugin': 'cnn', 'params': {'dim': 12, 'filters': 7, 'widths': [2, 3], 'vocab': 120}}"
#define TRANSFORMER "{'kind': 'encoder', 'plugin': 'transformer', 'params': {'dim': 12, 'layers': 2, 'heads': 3, 'ffn': 20, 'vocab': 120, 'max_positions': 32, 'pooled': 'mean'}}"
#define CLASSIFIER "{'kind': 'label', 'plugin': 'classifier', 'params': {'lr': 0.02}}"
#define INITIAL "{'kind': 'label', 'plugin': 'classifier', 'name': 'initial', 'params': {'from': 'pooled', 'into': 'logits.initial', 'weight': 0}}"
#define TRAIN "'epochs': 3, 'batch': 8, 'lr': 0.005, 'select': 'p@1'"
#define METRICS "'p@1', 'ndcg@3', 'micro_f1'"

static char *dir;

static char *
fresh(const char *name)
{
	return tl_path_join(getenv("TMP") ? getenv("TMP") : "/tmp", name);
}

static void
same_bits(void)
{
	static const char *const models[] = { CNN ", " CLASSIFIER, TRANSFORMER ", " CLASSIFIER };
	static const int threads[] = { 1, 2, 3, 8 };
	tl_error e;

	for (int m = 0; m < 2; m++) {
		world_log first = { 0 };
		tl_run_summary s, t;
		int status = world_run(&first, dir, models[m], TRAIN, METRICS, 1, 1, NULL, false, &s, &e);
		ok(status == 0, "%s: a run%s%s", m ? "transformer" : "cnn", status ? ": " : "", status ? e.text : "");
		ok(first.last_step == 27 && first.n_valid == 9 && first.n_test == 3 && first.last_loss < first.first_loss, "27 steps, 3 validations, one test (loss %.3f -> %.3f)", first.first_loss, first.last_loss);
		ok(s.best_epoch >= 1 && s.best_epoch <= 3 && strlen(s.weights_sha256) == 64 && s.tokens_per_second > 0 && s.peak_rss_bytes > 0, "the summary is filled in");
		for (int k = 0; k < 4; k++) {
			world_log again = { 0 };
			world_run(&again, dir, models[m], TRAIN, METRICS, 1, threads[k], NULL, false, &t, &e);
			ok(log_same(&first, &again) && !strcmp(s.weights_sha256, t.weights_sha256), "%s again with %d threads: the same bits", m ? "transformer" : "cnn", threads[k]);
			log_free(&again);
		}
		log_free(&first);
	}
}

/* Layers computed again in the backward pass instead of being kept: the same masks, the same bits. */
static void
recomputed(void)
{
	world_log a = { 0 }, b = { 0 };
	tl_error e;

	world_run(&a, dir, TRANSFORMER ", " CLASSIFIER, TRAIN, METRICS, 1, 2, NULL, false, NULL, &e);
	world_run(&b, dir, TRANSFORMER ", " CLASSIFIER, TRAIN ", 'recompute': 'layer'", METRICS, 1, 2, NULL, false, NULL, &e);
	ok(a.n_test == 3 && log_same(&a, &b), "recompute = layer changes no bit%s", e.text);
	log_free(&a);
	log_free(&b);
}

static void
another_seed(void)
{
	world_log a = { 0 }, b = { 0 };
	tl_error e;

	world_run(&a, dir, CNN ", " CLASSIFIER, TRAIN, METRICS, 1, 1, NULL, false, NULL, &e);
	world_run(&b, dir, CNN ", " CLASSIFIER, TRAIN, METRICS, 2, 1, NULL, false, NULL, &e);
	ok(!log_same(&a, &b), "another seed gives other numbers");
	log_free(&a);
	log_free(&b);
}

/* An added metric, and a module that adds nothing to the loss, move nothing. The classifier named `initial` has a weight of 0 in the total. */
static void
nothing_else_moves(void)
{
	world_log full = { 0 }, more = { 0 }, less = { 0 };
	tl_run_summary a, b, c;
	tl_error e;
	char *line, *next, *kept;
	tl_text shared = { 0 };

	world_run(&full, dir, TRANSFORMER ", " INITIAL ", " CLASSIFIER, TRAIN, METRICS, 3, 1, NULL, false, &a, &e);
	ok(!e.status, "a model with two classifiers%s%s", e.status ? ": " : "", e.text);
	world_run(&more, dir, TRANSFORMER ", " INITIAL ", " CLASSIFIER, TRAIN, METRICS ", 'map', 'r@5'", 3, 1, NULL, false, &b, &e);
	ok(tl_streq(full.curves.s, more.curves.s) && !memcmp(full.predictions, more.predictions, sizeof full.predictions) && !strcmp(a.weights_sha256, b.weights_sha256) && more.n_test == 5,
	   "two metrics more: the same curves, predictions and weights");
	world_run(&less, dir, TRANSFORMER ", " CLASSIFIER, TRAIN, METRICS, 3, 1, NULL, false, &c, &e);
	/* Gradient norms and clipping see the removed module's weights, which get no gradient; its own loss is no longer recorded. */
	for (line = full.curves.s; line && *line; line = next) {
		next = strchr(line, '\n') + 1;
		kept = strstr(line, "loss.initial");
		if (!kept || kept > next)
			tl_text_bytes(&shared, line, (size_t)(next - line));
	}
	ok(tl_streq(shared.s, less.curves.s) && !memcmp(full.predictions, less.predictions, sizeof full.predictions),
	   "without the module that adds nothing: the same initial weights, batches, masks - the same curves and predictions");
	tl_text_free(&shared);
	log_free(&full);
	log_free(&more);
	log_free(&less);
}

/* Stopped after k steps and resumed: as if nothing had happened. */
static void
resumed(void)
{
	static const int64_t stops[] = { 1, 9, 13, 26 };
	world_log whole = { 0 };
	tl_run_summary s, t;
	tl_error e;
	char name[40];

	world_run(&whole, dir, TRANSFORMER ", " CLASSIFIER, TRAIN ", 'accumulate': 1", METRICS, 5, 2, NULL, false, &s, &e);
	for (int k = 0; k < 4; k++) {
		world_log part = { .stop_after = stops[k] };
		char *folder;
		int status;
		snprintf(name, sizeof name, "resume-%d", k);
		folder = fresh(name);
		status = world_run(&part, dir, TRANSFORMER ", " CLASSIFIER, TRAIN ", 'accumulate': 1", METRICS, 5, 2, folder, false, &t, &e);
		ok(status == TL_INTERRUPTED, "interrupted after step %d", (int)stops[k]);
		part.stop_after = 0;
		status = world_run(&part, dir, TRANSFORMER ", " CLASSIFIER, TRAIN ", 'accumulate': 1, 'timeout': 60", METRICS, 5, 1, folder, true, &t, &e);
		ok(status == 0 && log_same(&whole, &part) && !strcmp(s.weights_sha256, t.weights_sha256) && s.best_epoch == t.best_epoch, "and resumed: the bits of an uninterrupted run%s%s", status ? ": " : "", status ? e.text : "");
		free(folder);
		log_free(&part);
	}
	for (int k = 0; k < 2; k++) { /* between the last epoch and the end, where the best epoch's weights have taken the last one's place */
		const char *train = k ? TRAIN ", 'keep': 'last'" : TRAIN;
		world_log part = { .stop_results = 9 }, all = { 0 };
		char *folder = fresh(k ? "resume-last" : "resume-best"), *other = fresh(k ? "whole-last" : "whole-best");
		int status;
		world_run(&all, dir, TRANSFORMER ", " CLASSIFIER, train, METRICS, 6, 1, other, false, &s, &e);
		status = world_run(&part, dir, TRANSFORMER ", " CLASSIFIER, train, METRICS, 6, 1, folder, false, &t, &e);
		ok(status == TL_INTERRUPTED && part.n_test == 0, "interrupted in the evaluation of test");
		part.stop_results = 0;
		status = world_run(&part, dir, TRANSFORMER ", " CLASSIFIER, train, METRICS, 6, 1, folder, true, &t, &e);
		ok(status == 0 && log_same(&all, &part) && !strcmp(s.weights_sha256, t.weights_sha256), "and resumed: the bits of an uninterrupted run, keep = %s%s%s", k ? "last" : "best", status ? ": " : "", status ? e.text : "");
		free(folder);
		free(other);
		log_free(&part);
		log_free(&all);
	}
	{
		world_log part = { .stop_after = 4 };
		char *folder = fresh("resume-other");
		world_run(&part, dir, CNN ", " CLASSIFIER, TRAIN, METRICS, 5, 1, folder, false, &t, &e);
		part.stop_after = 0;
		ok(world_run(&part, dir, TRANSFORMER ", " CLASSIFIER, TRAIN, METRICS, 5, 1, folder, true, &t, &e) == -1, "a checkpoint of another model is refused");
		says(e.text, "written by another model", "with a sentence");
		free(folder);
		log_free(&part);
	}
	log_free(&whole);
}

/* Two batches of 4 accumulated are one batch of 8, up to rounding; tokens bound batches too. */
static void
accumulated(void)
{
	world_log a = { 0 }, b = { 0 }, c = { 0 };
	const char *model = "{'kind': 'encoder', 'plugin': 'cnn', 'params': {'dim': 12, 'filters': 7, 'widths': [2, 3], 'vocab': 120, 'dropout': 0}}, "
	                    "{'kind': 'label', 'plugin': 'classifier', 'params': {'dropout': 0}}";
	tl_error e;

	world_run(&a, dir, model, "'epochs': 2, 'batch': 8, 'lr': 0.01, 'precision': 'f64'", METRICS, 1, 1, NULL, false, NULL, &e);
	world_run(&b, dir, model, "'epochs': 2, 'batch': 4, 'accumulate': 2, 'lr': 0.01, 'precision': 'f64'", METRICS, 1, 1, NULL, false, NULL, &e);
	ok(a.last_step == 18 && b.last_step == 18 && fabs(a.last_loss - b.last_loss) < 1e-12 * fabs(a.last_loss), "8 documents, and 2 x 4 accumulated, give the same steps (%.3g apart)", fabs(a.last_loss - b.last_loss));
	world_run(&c, dir, model, "'epochs': 2, 'batch_tokens': 100, 'lr': 0.01", METRICS, 1, 1, NULL, false, NULL, &e);
	ok(!e.status && c.last_step > 10, "batches bounded by tokens%s (%lld steps)", e.text, (long long)c.last_step);
	log_free(&a);
	log_free(&b);
	log_free(&c);
}

static void
chosen(void)
{
	world_log l = { 0 };
	tl_run_summary s;
	tl_error e;
	char *bare = world_make("bare", false);

	world_run(&l, dir, CNN ", " CLASSIFIER, "'epochs': 30, 'batch': 8, 'lr': 0.01, 'select': 'p@1', 'patience': 2", METRICS, 1, 1, NULL, false, &s, &e);
	ok(!e.status && l.n_valid / 3 == s.best_epoch + 2 && l.n_valid < 90, "patience: stopped two epochs after the best one (%lld)%s", (long long)s.best_epoch, e.text);
	ok(l.n_test == 3 && atoi(l.test.s) == s.best_epoch, "test rows stand at the best epoch");
	says(l.messages.s, "did not improve for 2 epochs", "and a note says so");
	log_free(&l);
	world_run(&l, dir, CNN ", " CLASSIFIER, "'epochs': 4, 'batch': 8, 'lr': 0.01, 'select': 'last', 'eval_every': 3", METRICS, 1, 1, NULL, false, &s, &e);
	ok(s.best_epoch == 4 && l.n_valid == 6, "select = last takes the last epoch; eval_every = 3 of 4 epochs validates twice");
	log_free(&l);
	l.stop_epoch = 2;
	world_run(&l, dir, CNN ", " CLASSIFIER, TRAIN, METRICS, 1, 1, NULL, false, &s, &e);
	ok(l.last_step == 18 && l.n_test == 3, "on_epoch stops a run, which is finished properly");
	log_free(&l);
	world_run(&l, bare, CNN ", " CLASSIFIER, "'epochs': 2, 'batch': 8", METRICS, 1, 1, NULL, false, &s, &e);
	ok(!e.status && s.best_epoch == 2 && l.n_valid == 0 && l.n_test == 3, "without validation the last epoch is tested%s", e.text);
	log_free(&l);
	ok(world_run(&l, bare, CNN ", " CLASSIFIER, "'select': 'p@1'", METRICS, 1, 1, NULL, false, &s, &e) < 0 && e.status == TL_USAGE, "a choice without validation is refused");
	says(e.text, "no validation split", "with a sentence");
	ok(world_run(&l, bare, CNN ", " CLASSIFIER, "", "'micro_f1:threshold=micro_f1'", 1, 1, NULL, false, &s, &e) < 0, "so is a threshold tuned on it");
	says(e.text, "validation split", "with a sentence");
	log_free(&l);
	free(bare);
}

static void
told(void)
{
	world_log l = { 0 };
	tl_run_summary s;
	tl_error e;

	ok(world_run(&l, dir, CNN ", {'kind': 'label', 'plugin': 'classifier', 'params': {'lr': 1e30}}", TRAIN ", 'clip': 0", METRICS, 1, 1, NULL, false, &s, &e) < 0 && e.status == TL_FAILED, "a loss that is not finite fails the run");
	says(e.text, "epoch 1, step ", "naming the step");
	says(e.text, "classifier", "and the module");
	ok(!strcmp(s.plugin_at_fault, "label/classifier"), "whose plugin is at fault (%s)", s.plugin_at_fault);
	ok(l.n_test == 0, "and nothing was tested");
	ok(world_run(&l, dir, CNN ", " CLASSIFIER, "'epohcs': 3", METRICS, 1, 1, NULL, false, &s, &e) < 0, "an unknown key is refused");
	says(e.text, "did you mean epochs?", "with the nearest name");
	ok(world_run(&l, dir, CNN ", " CLASSIFIER, TRAIN, "'p@1', 'micro_f2'", 1, 1, NULL, false, &s, &e) < 0, "an unknown metric is refused");
	says(e.text, "micro_f", "with the nearest name");
	ok(world_run(&l, dir, CNN, TRAIN, METRICS, 1, 1, NULL, false, &s, &e) < 0, "a model without logits is refused (%s)", e.text);
	log_free(&l);
}

/* What a run kept gives the same scores again, without its dataset. */
static void
used_again(void)
{
	world_log l = { 0 };
	tl_run_summary s;
	tl_error e;
	char *moved = world_make("moved", true), *gone = fresh("gone"), *folder = fresh("kept"), *out = fresh("exported"), *path, *text;
	double apart = 0;
	static const char *const files[] = { "config.json", "model.safetensors", "tokenizer.json", "vocab.txt", "modules.safetensors", "labels.txt", "1_Pooling/config.json" };
	json_t *row;
	tl_trained *t;
	const char *texts[30];
	char *line;
	float *logits = NULL;
	int64_t L = 0, n = 0;
	size_t bytes;

	ok(world_run(&l, moved, TRANSFORMER ", " CLASSIFIER, TRAIN, METRICS, 7, 1, folder, false, &s, &e) == 0, "a run that keeps its weights%s", e.text);
	path = tl_path_join(moved, "test.jsonl");
	tl_read_file(path, &text, &bytes, &e);
	for (line = strtok(text, "\n"); line && n < 30; line = strtok(NULL, "\n")) {
		row = tl_json_parse(line, strlen(line), "line", &e);
		texts[n++] = tl_strdup(tl_json_string(row, "text", ""));
		json_decref(row);
	}
	rename(moved, gone);
	t = tl_trained_open(NULL, world_registry, &(tl_run_options){ .folder = folder, .threads = 2 }, &e);
	ok(t != NULL, "is opened again without its dataset%s", e.text);
	if (!t)
		return;
	ok(!tl_trained_scores(t, texts, n, &logits, &L, &e) && L == 6, "and scores texts%s", e.text);
	for (int64_t i = 0; logits && i < n * L; i++)
		apart = fmax(apart, fabs((double)logits[i] - (double)l.test_logits[i]));
	ok(l.n_logits == n * L && apart < 1e-5, "as it did in training (%.1e apart)", apart);
	ok(!tl_trained_export(t, out, &e), "it is exported%s", e.text);
	for (int64_t i = 0; i < TL_COUNT(files); i++) {
		char *file = tl_path_join(out, files[i]);
		ok(tl_exists(file), "%s is there", files[i]);
		free(file);
	}
	tl_trained_close(t);
	free(logits);
	log_free(&l);
	/* The export is a checkpoint: trained on for no epoch, it scores as the run did. */
	{
		char *model = tl_format("{'kind': 'encoder', 'plugin': 'transformer', 'params': {'weights': '%s', 'freeze': 'all'}}, " CLASSIFIER, out);
		ok(world_run(&l, gone, model, "'epochs': 1, 'batch': 8", METRICS, 1, 1, NULL, false, &s, &e) == 0, "and read again as weights = DIR%s", e.text);
		free(model);
		log_free(&l);
	}
	ok(!tl_trained_open(NULL, world_registry, &(tl_run_options){ .folder = gone, .threads = 1 }, &e), "a folder without a model is refused");
	says(e.text, "left no model", "with a sentence");
}

int
main(void)
{
	if (getenv("BUILD"))
		setenv("TAGLOOM_PLUGIN_PATH", tl_path_join(getenv("BUILD"), "build/plugins"), 1);
	dir = world_make("world", true);
	same_bits();
	recomputed();
	another_seed();
	nothing_else_moves();
	resumed();
	accumulated();
	chosen();
	told();
	used_again();
	return done();
}
