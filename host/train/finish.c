/*
 * finish.c - what happens between and after the steps: validation, the choice of the best epoch (on validation only), the one
 * evaluation of test, predictions, artifacts; and the whole run of modules that fit by themselves.
 */
#include "run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t
weight_bytes(const tl_run *run)
{
	return (size_t)tl_weights_size(run->w) * (run->plan.compute == TL_F64 ? 8 : 4);
}

static int
tick(void *arg)
{
	tl_run *run = arg;

	if (tl_run_beat(run, false) < 0)
		return -1;
	return tl_run_interrupted(run) ? TL_INTERRUPTED : 0;
}

/* Scores of a split with the present weights. 0, -1, or TL_INTERRUPTED. */
static int
score_split(tl_run *run, int split, tl_split_scores *out)
{
	const tl_split *s = &run->d->split[split];
	char what[100];
	int status;

	tl_split_scores_free(out);
	tl_split_scores_new(out, s->n, run->d->n_labels, run->d->keep, s->label_offsets, s->labels);
	snprintf(what, sizeof what, "evaluation of %s after epoch %lld", tl_split_names[split], (long long)TL_MIN(run->p.epoch, run->plan.epochs));
	if (tl_model_fits_itself(run->m))
		return tl_evaluate_features(run->m, run->pool, run->feed[split].features, what, out, run->e);
	run->ev.tick = tick;
	run->ev.arg = run;
	status = tl_evaluate(&run->ev, &run->feed[split], s->id, what, run->p.micro, out, run->e);
	if (status < 0) {
		tl_run_blame(run);
		if (!tl_starts(run->e->text, what)) /* it may have told where by itself */
			tl_error_who(run->e, "%s", what);
	}
	return status;
}

static int
compute(tl_run *run, const tl_split_scores *scores, const tl_split_scores *valid, int n)
{
	return n ? tl_metrics_compute(&scores->s, valid ? &valid->s : NULL, &run->d->statistics, run->d->propensity_a, run->d->propensity_b, n, run->request, run->value, run->e) : 0;
}

static int
record(tl_run *run, const char *split, int64_t epoch, int n)
{
	for (int i = 0; i < n; i++)
		if (run->rec->result && run->rec->result(run->rec->arg, split, epoch, &run->request[i], &run->value[i]) < 0)
			return tl_error_set(run->e, TL_ENVIRONMENT, "the %s results of epoch %lld could not be recorded", split, (long long)epoch);
	return 0;
}

static int
remember_best(tl_run *run)
{
	if (!run->best)
		run->best = tl_alloc(weight_bytes(run) + 64);
	memcpy(run->best, tl_weights_values(run->w), weight_bytes(run));
	tl_text_free(&run->best_state);
	if (tl_model_save_state(run->m, &run->best_state) < 0)
		return tl_model_error(run->m, run->e);
	return 0;
}

static void
keep_scores(tl_run *run)
{
	tl_split_scores t = run->best_valid;

	run->best_valid = run->valid;
	run->valid = t;
	run->best_valid_epoch = run->p.epoch;
}

/* After validation: is this epoch the best so far, and is it time to stop? */
static int
choose(tl_run *run)
{
	const tl_metric_value *v = &run->value[run->select];
	bool higher = run->request[run->select].metric->higher_is_better;

	if (v->defined && (!run->p.best_epoch || (higher ? v->value > run->p.best_value : v->value < run->p.best_value))) {
		run->p.best_epoch = run->p.epoch;
		run->p.best_value = v->value;
		if (remember_best(run) < 0)
			return -1;
		keep_scores(run);
	} else if (run->plan.patience && run->p.epoch - run->p.best_epoch >= run->plan.patience) {
		tl_run_say(run, "note", "stopped after epoch %lld: %s did not improve for %lld epochs", (long long)run->p.epoch, run->request[run->select].text, (long long)run->plan.patience);
		run->p.finished = true;
	}
	return 0;
}

int
tl_run_epoch_end(tl_run *run)
{
	bool due = run->p.epoch % run->plan.eval_every == 0 || run->p.epoch == run->plan.epochs;
	int n = 0, status;

	if (run->has_valid && due) {
		if ((status = score_split(run, TL_VALID, &run->valid)))
			return status;
		n = run->n_requests;
		if (compute(run, &run->valid, &run->valid, n) < 0 || record(run, "valid", run->p.epoch, n) < 0)
			return -1;
		if (run->select >= 0) {
			if (choose(run) < 0)
				return -1;
		} else {
			keep_scores(run);
		}
	}
	if (run->select < 0)
		run->p.best_epoch = run->p.epoch;
	if (tl_run_beat(run, true) < 0)
		return -1;
	status = run->rec->epoch ? run->rec->epoch(run->rec->arg, run->p.epoch, n, run->request, run->value) : 0;
	if (status < 0)
		return tl_error_set(run->e, TL_FAILED, "on_epoch failed after epoch %lld", (long long)run->p.epoch);
	if (status == 1) {
		tl_run_say(run, "note", "stopped by on_epoch after epoch %lld", (long long)run->p.epoch);
		run->p.finished = true;
	}
	return 0;
}

static int
artifact(tl_run *run, const char *kind, const char *name)
{
	char *path = tl_path_join(run->o->folder, name), hex[65];
	FILE *f = fopen(path, "rb");
	int64_t bytes = 0;
	int status = 0;

	if (f) {
		fseek(f, 0, SEEK_END);
		bytes = ftell(f);
		fclose(f);
		status = tl_sha_file(path, hex, run->e);
		if (!status && run->rec->artifact && run->rec->artifact(run->rec->arg, kind, path, hex, bytes) < 0)
			status = tl_error_set(run->e, TL_ENVIRONMENT, "the artifact %s could not be recorded", name);
	}
	free(path);
	return status;
}

/* Writes the present weights, and their hash into the summary. */
static int
keep_weights(tl_run *run)
{
	char *path;
	int status = 0;

	tl_weights_hash(run->w, run->summary->weights_sha256);
	if (run->plan.keep == TL_KEEP_NONE || !run->o->folder)
		return 0;
	path = tl_path_join(run->o->folder, "weights.safetensors");
	if (tl_make_dirs(run->o->folder, run->e) < 0 || tl_weights_write(run->w, path, (const char *const[]){ "format", "pt", "program", "tagloom " TL_VERSION, NULL }, run->e) < 0 ||
	    tl_trained_write(run->o->folder, run->config, run->m, run->d, run->tokenizer, run->tfidf, run->o->script_dir, run->e) < 0)
		status = -1;
	free(path);
	return status;
}

/* Exchanges the present weights and state with the best epoch's; done twice, everything is as before. */
static int
exchange(tl_run *run)
{
	char *a = tl_weights_values(run->w), *b = run->best, part[4096];
	tl_text present = { 0 };

	if (!run->best)
		return 0;
	if (tl_model_save_state(run->m, &present) < 0 || (run->best_state.n && tl_model_load_state(run->m, run->best_state.s, run->best_state.n) < 0)) {
		tl_text_free(&present);
		return tl_model_error(run->m, run->e);
	}
	tl_text_free(&run->best_state);
	run->best_state = present;
	for (size_t at = 0, n; at < weight_bytes(run); at += n) {
		n = TL_MIN(sizeof part, weight_bytes(run) - at);
		memcpy(part, a + at, n);
		memcpy(a + at, b + at, n);
		memcpy(b + at, part, n);
	}
	run->exchanged = !run->exchanged;
	return 0;
}

static int
predictions(tl_run *run, int split, const tl_split_scores *s)
{
	if (run->rec->predictions && run->rec->predictions(run->rec->arg, tl_split_names[split], run->d, &s->s) < 0)
		return tl_error_set(run->e, TL_ENVIRONMENT, "the predictions of %s could not be recorded", tl_split_names[split]);
	return 0;
}

/* Test, once, and the predictions of both splits. */
static int
test(tl_run *run)
{
	tl_split_scores scores = { 0 };
	int status = 0;

	if (run->has_valid && predictions(run, TL_VALID, &run->best_valid) < 0)
		return -1;
	if (!run->has_test)
		return 0;
	status = score_split(run, TL_TEST, &scores);
	if (!status && (compute(run, &scores, run->has_valid ? &run->best_valid : NULL, run->n_metrics) < 0 || record(run, "test", run->p.best_epoch, run->n_metrics) < 0 ||
	                predictions(run, TL_TEST, &scores) < 0))
		status = -1;
	tl_split_scores_free(&scores);
	return status;
}

static int
record_artifacts(tl_run *run)
{
	static const char *const files[][2] = { { "weights", "weights.safetensors" }, { "config", "config.json" }, { "tokenizer", "tokenizer.json" }, { "labels", "labels.json" },
	                                        { "labels", "labels.safetensors" }, { "features", "features.bin" }, { "state", "state.bin" } };
	char *path;

	if (!run->o->folder)
		return 0;
	for (int64_t i = 0; run->plan.keep != TL_KEEP_NONE && i < TL_COUNT(files); i++)
		if (artifact(run, files[i][0], files[i][1]) < 0)
			return -1;
	path = tl_path_join(run->o->folder, "checkpoint.safetensors");
	unlink(path);
	free(path);
	return 0;
}

/* With the best epoch's weights in place: their scores, and all that is written from them. */
static int
with_best(tl_run *run)
{
	int status;

	if (run->plan.keep != TL_KEEP_LAST && keep_weights(run) < 0)
		return -1;
	/* A resumed run may no longer have the best epoch's scores: the same weights give the same bits again. */
	if (run->has_valid && (!run->best_valid.logit || run->best_valid_epoch != run->p.best_epoch)) {
		if ((status = score_split(run, TL_VALID, &run->best_valid)))
			return status;
		if (run->p.best_epoch == 0 && (compute(run, &run->best_valid, &run->best_valid, run->n_requests) < 0 || record(run, "valid", 0, run->n_requests) < 0))
			return -1;
	}
	return test(run);
}

int
tl_run_finish(tl_run *run)
{
	int status;

	if (run->select >= 0 && !run->p.best_epoch && run->plan.epochs > 0) {
		tl_run_say(run, "warning", "%s was undefined in every epoch; the last one is used", run->request[run->select].text);
		run->p.best_epoch = TL_MIN(run->p.epoch, run->plan.epochs);
	}
	if (exchange(run) < 0)
		return -1;
	status = with_best(run);
	/* A checkpoint, and keep = "last", want the last epoch's weights. */
	if (run->exchanged && (status == TL_INTERRUPTED || run->plan.keep == TL_KEEP_LAST) && exchange(run) < 0)
		return -1;
	if (status)
		return status;
	if (run->plan.keep == TL_KEEP_LAST && keep_weights(run) < 0)
		return -1;
	return record_artifacts(run) < 0 ? -1 : tl_run_beat(run, true);
}

/* --- modules that fit by themselves ------------------------------------------------------------------------------------------------ */
int
tl_run_features(tl_run *run)
{
	const tl_split *train = &run->d->split[TL_TRAIN];

	if (train->features.n > 0)
		return 0; /* the reader's own */
	if (!(run->tfidf = tl_tfidf_fit(train, run->e)))
		return -1;
	for (int s = 0; s < TL_SPLITS; s++)
		if (run->d->split[s].present && tl_tfidf_apply(run->tfidf, &run->d->split[s], &run->features[s], run->e) < 0)
			return -1;
	return 0;
}

static int
fit(tl_run *run)
{
	const tl_split *s = &run->d->split[TL_TRAIN];
	int32_t *offsets = tl_alloc((size_t)(s->n + 1) * sizeof *offsets);
	tl_lists labels = { .n = (int32_t)s->n, .offsets = offsets, .index = s->labels };
	tl_fit f = { .features = run->feed[TL_TRAIN].features, .labels = &labels, .n_labels = run->d->n_labels, .seed = run->seed };
	int status = 0;

	for (int64_t i = 0; i <= s->n; i++)
		offsets[i] = (int32_t)s->label_offsets[i];
	if (tl_model_fit(run->m, &f) < 0)
		status = tl_run_blame(run);
	free(offsets);
	return status;
}

int
tl_run_fit(tl_run *run)
{
	tl_text state = { 0 };
	int status;

	run->p = (tl_progress){ .epoch = 1 };
	run->plan.epochs = 1;
	run->clock = tl_seconds();
	if (tl_run_interrupted(run))
		return TL_INTERRUPTED;
	if (tl_run_beat(run, true) < 0 || fit(run) < 0)
		return -1;
	run->p.seconds = tl_seconds() - run->clock;
	if (tl_run_interrupted(run))
		return TL_INTERRUPTED;
	if ((status = tl_run_epoch_end(run)) || (status = tl_run_finish(run)))
		return status;
	/* The fitted model is the plugin's own block of bytes. */
	if (tl_model_save_state(run->m, &state) < 0)
		return tl_model_error(run->m, run->e);
	tl_sha_of(state.n ? state.s : "", state.n, run->summary->weights_sha256);
	tl_text_free(&state);
	return 0;
}
