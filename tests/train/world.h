/* world.h - a small dataset, and runs on it whose every number is written down: shared by the tests of training. */
#ifndef TESTS_TRAIN_WORLD_H
#define TESTS_TRAIN_WORLD_H

#include <math.h>

#include "base/json.h"
#include "train/loop.h"
#include "tap.h"

/* Labels l0 .. l5; a document with label k holds words that begin with that label's letter. */
__attribute__((unused)) static void
world_split(const char *dir, const char *split, int n, int seed)
{
	char path[400];
	FILE *f;
	unsigned x = (unsigned)seed;

	snprintf(path, sizeof path, "%s/%s.jsonl", dir, split);
	f = fopen(path, "w");
	for (int i = 0; i < n; i++) {
		int a, b, words;
		x = x * 1664525 + 1013904223;
		a = (int)(x >> 16) % 6;
		b = (int)(x >> 20) % 6;
		words = 4 + (int)(x >> 24) % 9;
		fprintf(f, "{\"id\": \"%s%d\", \"text\": \"", split, i);
		for (int w = 0; w < words; w++) {
			x = x * 1664525 + 1013904223;
			fprintf(f, "%c%c%c%c ", 'a' + 4 * (w % 2 ? a : b), 'a' + (int)(x >> 16) % 4, 'a' + (int)(x >> 20) % 4, 'k' + (int)(x >> 24) % 3);
		}
		if (i % 17 == 16)
			fprintf(f, "\", \"labels\": []}\n");
		else if (a == b)
			fprintf(f, "\", \"labels\": [\"l%d\"]}\n", a);
		else
			fprintf(f, "\", \"labels\": [\"l%d\", \"l%d\"]}\n", a, b);
	}
	fclose(f);
}

__attribute__((unused)) static char *
world_make(const char *name, bool valid)
{
	char *dir = tl_path_join(getenv("TMP") ? getenv("TMP") : "/tmp", name), path[400];
	FILE *f;

	tl_make_dirs(dir, NULL);
	world_split(dir, "train", 70, 1);
	if (valid)
		world_split(dir, "valid", 30, 2);
	world_split(dir, "test", 30, 3);
	snprintf(path, sizeof path, "%s/labels.txt", dir);
	f = fopen(path, "w");
	for (int i = 0; i < 6; i++)
		fprintf(f, "l%d\tlabel %c\n", i, 'a' + 4 * i);
	fclose(f);
	return dir;
}

/* --- a recorder that writes everything down -------------------------------------------------------------------------------------- */
typedef struct world_log {
	tl_text curves, valid, test, messages;
	char predictions[2][65];        /* hashes of valid's and test's logits */
	int64_t n_valid, n_test, last_step;
	int64_t stop_after;             /* optimizer steps until `interrupted` says yes; 0: never */
	int64_t stop_results;           /* the same, in validation results */
	int stop_epoch;                 /* the epoch after which on_epoch says stop */
	double first_loss, last_loss, p1;
	float *test_logits;             /* [n, L] */
	int64_t n_logits;
} world_log;

static int
log_curve(void *arg, int64_t step, const char *name, double value)
{
	world_log *l = arg;

	tl_text_add(&l->curves, "%lld %s %a\n", (long long)step, name, value);
	l->last_step = step;
	if (!strcmp(name, "loss.total")) {
		if (step == 1)
			l->first_loss = value;
		l->last_loss = value;
	}
	return 0;
}

static int
log_result(void *arg, const char *split, int64_t epoch, const tl_metric_request *q, const tl_metric_value *v)
{
	world_log *l = arg;
	bool test = !strcmp(split, "test");

	tl_text_add(test ? &l->test : &l->valid, "%lld %s %a\n", (long long)epoch, q->text, v->defined ? v->value : -1);
	++*(test ? &l->n_test : &l->n_valid);
	if (test && !strcmp(q->text, "p@1"))
		l->p1 = v->value;
	return 0;
}

static int
log_predictions(void *arg, const char *split, const tl_dataset *d, const tl_scores *s)
{
	world_log *l = arg;

	(void)d;
	if (!strcmp(split, "test")) {
		l->n_logits = s->n * s->keep;
		l->test_logits = tl_realloc(l->test_logits, (size_t)(l->n_logits + 1) * sizeof *l->test_logits);
		memcpy(l->test_logits, s->logit, (size_t)l->n_logits * sizeof *l->test_logits);
	}
	tl_sha_of(s->logit, (size_t)(s->n * s->keep) * sizeof *s->logit, l->predictions[!strcmp(split, "test")]);
	return 0;
}

static int
log_message(void *arg, const char *level, const char *text)
{
	tl_text_add(&((world_log *)arg)->messages, "%s: %s\n", level, text);
	return 0;
}

static bool
log_interrupted(void *arg)
{
	world_log *l = arg;

	return (l->stop_after && l->last_step >= l->stop_after) || (l->stop_results && l->n_valid >= l->stop_results);
}

static int
log_epoch(void *arg, int64_t epoch, int n, const tl_metric_request *q, const tl_metric_value *v)
{
	(void)n, (void)q, (void)v;
	return ((world_log *)arg)->stop_epoch == epoch;
}

__attribute__((unused)) static tl_recorder
log_recorder(world_log *l)
{
	return (tl_recorder){ .arg = l, .curve = log_curve, .result = log_result, .predictions = log_predictions, .message = log_message, .interrupted = log_interrupted, .epoch = log_epoch };
}

__attribute__((unused)) static void
log_free(world_log *l)
{
	tl_text_free(&l->curves);
	tl_text_free(&l->valid);
	tl_text_free(&l->test);
	tl_text_free(&l->messages);
	free(l->test_logits);
	*l = (world_log){ 0 };
}

/* Everything recorded is the same, to the bit. */
__attribute__((unused)) static bool
log_same(const world_log *a, const world_log *b)
{
	return tl_streq(a->curves.s, b->curves.s) && tl_streq(a->valid.s, b->valid.s) && tl_streq(a->test.s, b->test.s) && !memcmp(a->predictions, b->predictions, sizeof a->predictions);
}

static tl_registry *world_registry;

/* One run; config as JSON text with ' for ". Returns tl_run_train's status. */
__attribute__((unused)) static int
world_run(world_log *l, const char *dir, const char *model, const char *train, const char *metrics, int seed, int threads, const char *folder, bool resume, tl_run_summary *s, tl_error *e)
{
	char *text = tl_format("{'data': {'path': '%s', 'max_length': 24}, 'model': [%s], 'train': {%s}, 'metrics': [%s], 'seed': %d}", dir, model, train, metrics, seed);
	tl_recorder rec = log_recorder(l);
	tl_run_options o = { .folder = folder, .threads = threads, .device = "cpu", .resume = resume };
	tl_run_summary ignored;
	json_t *config;
	int status = -1;

	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	memset(e, 0, sizeof *e);
	if (!world_registry)
		world_registry = tl_registry_new();
	if ((config = tl_json_parse(text, strlen(text), "the test's configuration", e)))
		status = tl_run_train(config, world_registry, &o, &rec, s ? s : &ignored, e);
	json_decref(config);
	free(text);
	return status;
}

#endif
