/* run.c - one run from configuration to recorded numbers: opens, trains, cleans up. */
#include "run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRIED_FROM = 50 }; /* steps of a run whose largest batch is tried before the first */

void
tl_run_say(tl_run *run, const char *level, const char *format, ...)
{
	va_list ap;
	char text[1200];

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	if (run->rec->message)
		run->rec->message(run->rec->arg, level, text);
}

static void
model_warns(void *arg, const char *text)
{
	tl_run_say(arg, "warning", "%s", text);
}

int
tl_run_beat(tl_run *run, bool now)
{
	double t = tl_seconds();
	const char *name = NULL;
	double value = 0;

	if (!run->rec->heartbeat || (!now && t - run->last_beat < 0.25))
		return 0;
	run->last_beat = t;
	if (run->select >= 0 && run->p.best_epoch) {
		name = run->request[run->select].text;
		value = run->p.best_value;
	}
	if (run->rec->heartbeat(run->rec->arg, run->p.epoch, run->p.step, run->steps, run->total,
	                        run->p.step_seconds > 0 ? (double)run->p.tokens / run->p.step_seconds : 0, name, value) < 0)
		return tl_error_set(run->e, TL_ENVIRONMENT, "the heartbeat could not be recorded");
	return 0;
}

bool
tl_run_interrupted(const tl_run *run)
{
	return run->rec->interrupted && run->rec->interrupted(run->rec->arg);
}

int
tl_run_blame(tl_run *run)
{
	const char *fault = tl_model_fault(run->m);

	if (fault)
		snprintf(run->summary->plugin_at_fault, sizeof run->summary->plugin_at_fault, "%s", fault);
	return tl_model_error(run->m, run->e);
}

/* --- before the first step ------------------------------------------------------------------------------------------------------ */
static int
read_requests(tl_run *run)
{
	const json_t *metrics = json_object_get(run->config, "metrics");
	size_t n = json_array_size(metrics);
	const char *select = run->plan.select;

	run->request = tl_alloc((n + 2) * sizeof *run->request);
	run->value = tl_alloc((n + 2) * sizeof *run->value);
	run->select = -1;
	for (size_t i = 0; i < n; i++, run->n_metrics = run->n_requests)
		if (tl_metric_parse(&run->request[run->n_requests++], run->registry, json_string_value(json_array_get(metrics, i)), run->e) < 0)
			return tl_error_who(run->e, "metrics");
	if (!strcmp(select, "last"))
		return 0;
	if (tl_metric_parse(&run->request[run->n_requests], run->registry, select, run->e) < 0)
		return tl_error_who(run->e, "train.select");
	for (int i = 0; i < run->n_metrics && run->select < 0; i++)
		if (!strcmp(run->request[i].text, run->request[run->n_requests].text))
			run->select = i;
	if (run->select >= 0)
		tl_metric_request_free(&run->request[run->n_requests]);
	else
		run->select = run->n_requests++;
	return 0;
}

int
tl_metric_fits(const tl_metric_request *q, const tl_dataset *d, tl_error *e)
{
	int64_t L = d->n_labels, n = TL_MAX(d->split[TL_VALID].n, d->split[TL_TEST].n);
	bool sparse = L && n > TL_DENSE_LIMIT / L;

	if (q->threshold != TL_THRESHOLD_FIXED && !(d->split[TL_VALID].present && d->split[TL_VALID].n > 0))
		return tl_error_set(e, TL_USAGE, "metric %s: its threshold is tuned on the validation split, and the dataset has none; give tl.dataset valid = 0.1, or use the threshold 0.5", q->text);
	if (sparse && q->metric->needs_all_scores)
		return tl_error_set(e, TL_USAGE, "metric %s needs the scores of all labels; with %lld documents x %lld labels only the best %lld of each are kept", q->text, (long long)n, (long long)L, (long long)d->keep);
	if (sparse && q->k > d->keep)
		return tl_error_set(e, TL_USAGE, "metric %s needs the best %lld scores of each document; only %lld are kept (tl.dataset keep)", q->text, (long long)q->k, (long long)d->keep);
	return 0;
}

static int
check_requests(tl_run *run)
{
	for (int i = 0; i < run->n_requests; i++) {
		tl_metric_bind(&run->request[i], run->d->propensity_a, run->d->propensity_b);
		if (tl_metric_fits(&run->request[i], run->d, run->e))
			return -1;
	}
	return 0;
}

static int
open_data(tl_run *run)
{
	const json_t *config = run->config;
	size_t i;
	json_t *warning;

	run->d = run->o->dataset;
	if (!run->d && !(run->d = tl_run_dataset(config, run->registry, run->o->script_dir, run->o->limit_docs, run->e)))
		return -1;
	json_array_foreach(run->d->warnings, i, warning)
		tl_run_say(run, "warning", "%s", json_string_value(warning));
	run->has_valid = run->d->split[TL_VALID].present && run->d->split[TL_VALID].n > 0;
	run->has_test = run->d->split[TL_TEST].present && run->d->split[TL_TEST].n > 0;
	if (run->d->split[TL_TRAIN].n < 1)
		return tl_error_set(run->e, TL_USAGE, "dataset %s: the training split has no documents", run->d->name);
	if (run->d->n_labels < 1)
		return tl_error_set(run->e, TL_USAGE, "dataset %s has no labels", run->d->name);
	if (tl_run_tokenizer(run->modules, run->registry, run->d, run->o->script_dir, &run->tokenizer, &run->uses_features, run->e) < 0)
		return -1;
	run->train = json_is_object(json_object_get(config, "train")) ? json_deep_copy(json_object_get(config, "train")) : json_object();
	if (tl_modules_fit(run->modules, run->registry)) {
		/* Modules that fit by themselves take none of these keys; the defaults keep the rest of the code free of special cases. */
		json_object_clear(run->train);
		json_object_set_new(run->train, "select", json_string("last"));
		json_object_set(run->train, "keep", json_object_get(json_object_get(config, "train"), "keep"));
		if (!json_object_get(run->train, "keep"))
			json_object_set_new(run->train, "keep", json_string("best"));
	}
	if (tl_train_defaults(run->train, run->has_valid, run->e) < 0)
		return -1;
	tl_plan_read(&run->plan, run->train);
	return read_requests(run) < 0 || check_requests(run) < 0 ? -1 : 0;
}

static int
open_inputs(tl_run *run)
{
	if (run->uses_features && tl_run_features(run) < 0)
		return -1;
	for (int s = 0; s < TL_SPLITS; s++) {
		const tl_split *x = &run->d->split[s];
		if (!x->present)
			continue;
		run->feed[s] = (tl_feed){ .n = x->n, .features = run->tfidf ? &run->features[s] : x->features.n > 0 ? &x->features : NULL, .label_offsets = x->label_offsets, .labels = x->labels };
		if (!run->tokenizer)
			continue;
		if (tl_tokens_open(&run->tokens[s], x, run->tokenizer, run->d->max_length, run->o->threads, run->e) < 0)
			return -1;
		run->feed[s].tokens = &run->tokens[s];
		run->feed[s].filler = TL_MAX(tl_tokenizer_special(run->tokenizer, "unk"), 0);
		if (tl_run_beat(run, false) < 0)
			return -1;
	}
	return 0;
}

/* A model that writes no logits or has no loss would train for nothing. */
int
tl_model_trains(tl_model *m, tl_error *e)
{
	json_t *wiring = tl_model_wiring(m), *module, *slot;
	bool logits = tl_model_fits_itself(m), losses = logits;
	size_t i, k;

	json_array_foreach(wiring, i, module) {
		json_array_foreach(json_object_get(module, "writes"), k, slot)
			logits |= !strcmp(tl_json_string(slot, "slot", ""), "logits");
		losses |= json_array_size(json_object_get(module, "losses")) > 0;
	}
	json_decref(wiring);
	if (!logits)
		return tl_no_logits(e);
	return losses ? 0 : tl_error_set(e, TL_USAGE, "no module of the model has a loss, so nothing would be trained; add a classifier");
}

int
tl_train_fits(const json_t *train, const json_t *modules, tl_registry *r, const char *device, tl_error *e)
{
	const char *precision = tl_json_string(train, "precision", "f32");
	bool cpu = !strcmp(device, "cpu");

	if (tl_modules_fit(modules, r))
		return 0;
	if (cpu && strcmp(precision, "f32") && strcmp(precision, "f64"))
		return tl_error_set(e, TL_USAGE, "train.precision %s: the CPU computes in f32 or f64; that one needs --device cuda", precision);
	if (!cpu && !strcmp(precision, "f64"))
		return tl_error_set(e, TL_USAGE, "train.precision f64 on the device %s: GPUs compute in f32, tf32 or bf16 here; use --device cpu", device);
	return 0;
}

static int
open_device(tl_run *run)
{
	const char *device = run->o->device ? run->o->device : "cpu";

	if (tl_train_fits(run->train, run->modules, run->registry, device, run->e))
		return -1;
	if (!strcmp(device, "cpu") || tl_modules_fit(run->modules, run->registry))
		return 0;
	if (!(run->device = tl_device_open(device, run->e)))
		return -1;
	run->device->tf32 = !strcmp(tl_json_string(run->train, "precision", "f32"), "tf32");
	run->device->bf16 = !strcmp(tl_json_string(run->train, "precision", "f32"), "bf16");
	return 0;
}

static int
open_model(tl_run *run)
{
	run->pool = tl_pool_new((int)TL_MAX(run->o->threads, 1));
	if (open_device(run) < 0)
		return -1;
	run->m = tl_model_new(&(tl_model_setup){
		.registry = run->registry, .modules = run->modules, .script_dir = run->o->script_dir, .compute = run->plan.compute, .device = run->device, .recompute = run->plan.recompute, .pool = run->pool, .seed = run->seed,
		.n_labels = run->d->n_labels, .statistics = &run->d->statistics, .dataset = run->d, .tokenizer = run->tokenizer, .warn = model_warns, .warn_arg = run,
	}, run->e);
	if (!run->m)
		return -1;
	if (tl_model_trains(run->m, run->e) < 0)
		return -1;
	run->w = tl_model_weights(run->m);
	run->ev = (tl_evaluator){ .model = run->m, .pool = run->pool, .batch = 2 * run->plan.batch, .batch_tokens = 2 * run->plan.batch_tokens };
	return 0;
}

/* --- training --------------------------------------------------------------------------------------------------------------------- */
/* The batch behind the last one of the optimizer step at hand. */
static int64_t
group_end(const tl_run *run)
{
	return TL_MIN(run->p.batch + run->plan.accumulate, run->batches.n);
}

/* How many optimizer steps the run will take: batches bounded by tokens differ in number from epoch to epoch. */
static int64_t
count_steps(tl_run *run)
{
	int64_t steps = 0, n = run->feed[TL_TRAIN].n;

	if (!run->plan.batch_tokens) {
		int64_t batches = (n + run->plan.batch - 1) / run->plan.batch;
		return run->plan.epochs * ((batches + run->plan.accumulate - 1) / run->plan.accumulate);
	}
	for (int64_t epoch = 1; epoch <= run->plan.epochs; epoch++) {
		tl_batches_shuffled(&run->batches, n, run->feed[TL_TRAIN].tokens ? run->feed[TL_TRAIN].tokens->offsets : NULL, run->seed, epoch, run->plan.batch, run->plan.batch_tokens);
		steps += (run->batches.n + run->plan.accumulate - 1) / run->plan.accumulate;
	}
	return steps;
}

/* The sentence for a loss that is not finite: the first part that is not. */
int
tl_run_loss_failed(tl_run *run, const tl_outcome *out, int64_t epoch, int64_t step)
{
	const char *part = "total";
	double value = out->total;

	for (int i = 0; i < out->n_parts; i++)
		if (!isfinite(out->value[i])) {
			part = out->part[i];
			value = out->value[i];
			break;
		}
	tl_plugin_of(run->modules, part, run->summary->plugin_at_fault);
	return tl_error_set(run->e, TL_FAILED, "epoch %lld, step %lld: the loss of %s%s%s%s is %s; lower lr, or clip", (long long)epoch, (long long)step, part,
	                    run->summary->plugin_at_fault[0] ? " (" : "", run->summary->plugin_at_fault, run->summary->plugin_at_fault[0] ? ")" : "", isnan(value) ? "NaN" : "infinite");
}

int
tl_run_gradient_failed(tl_run *run, int64_t epoch, int64_t step)
{
	const char *bad = tl_optimizer_bad(run->opt);

	tl_plugin_of(run->modules, bad, run->summary->plugin_at_fault);
	return tl_error_set(run->e, TL_FAILED, "epoch %lld, step %lld: the gradient of %s (%s) is not finite while the loss is %g; lower lr, or clip", (long long)epoch, (long long)step,
	                    bad ? bad : "the weights", run->summary->plugin_at_fault, run->total);
}

void
tl_run_add_losses(tl_run *run, const tl_outcome *out, double share, bool first)
{
	if (out->n_parts > run->c_parts) {
		run->c_parts = out->n_parts;
		run->part = tl_realloc(run->part, (size_t)run->c_parts * sizeof *run->part);
		run->part_value = tl_realloc(run->part_value, (size_t)run->c_parts * sizeof *run->part_value);
	}
	for (int i = 0; i < out->n_parts; i++) {
		run->part[i] = out->part[i];
		run->part_value[i] = (first ? 0 : run->part_value[i]) + share * out->value[i];
	}
	run->n_parts = out->n_parts;
	run->total += share * out->total;
}

/* Forward and backward of the batches [from, to): gradients are those of the mean over the group's documents. */
static int
run_group(tl_run *run, int64_t from, int64_t to)
{
	const int64_t *start = run->batches.start;
	double documents = (double)(start[to] - start[from]);

	if (!run->late)
		run->total = 0;
	for (int64_t b = from; b < to; b++) {
		double share = to - from == 1 ? 1 : (double)(start[b + 1] - start[b]) / documents;
		const tl_documents *batch = tl_pack(&run->packer, &run->feed[TL_TRAIN], run->batches.order + start[b], start[b + 1] - start[b], true);
		tl_outcome out = { .into = tl_late_room(run) };

		if (tl_model_step(run->m, batch, run->p.micro, true, share, &out) < 0) {
			tl_run_blame(run);
			return tl_error_who(run->e, "epoch %lld, step %lld", (long long)run->p.epoch, (long long)run->p.step + 1);
		}
		if (run->late)
			tl_late_batch(run, &out, share);
		else if (!isfinite(out.total))
			return tl_run_loss_failed(run, &out, run->p.epoch, run->p.step + 1);
		else
			tl_run_add_losses(run, &out, share, b == from);
		run->p.micro++;
		run->p.tokens += batch->offsets ? batch->offsets[batch->n] : 0;
	}
	return 0;
}

int
tl_run_record_step(tl_run *run, int64_t step, double factor, double norm)
{
	int (*curve)(void *, int64_t, const char *, double) = run->rec->curve;
	void *arg = run->rec->arg;
	char name[200];
	int bad = 0;

	if (!curve)
		return 0;
	bad = curve(arg, step, "loss.total", run->total);
	for (int i = 0; i < run->n_parts && !bad; i++) {
		snprintf(name, sizeof name, "loss.%s", run->part[i]);
		bad = curve(arg, step, name, run->part_value[i]);
	}
	if (bad || curve(arg, step, "lr", run->plan.lr * factor) < 0 || curve(arg, step, "grad_norm", norm) < 0)
		return tl_error_set(run->e, TL_ENVIRONMENT, "the curves of step %lld could not be recorded", (long long)step);
	return 0;
}

static int
optimizer_step(tl_run *run)
{
	double factor = tl_schedule_factor(run->plan.schedule, run->plan.warmup, run->p.step, run->steps), norm = 0, began = tl_seconds();
	int64_t to = group_end(run);

	if (run_group(run, run->p.batch, to) < 0)
		return -1;
	if (run->late) {
		if (tl_late_step(run, factor) < 0)
			return -1;
	} else if (tl_optimizer_step(run->opt, factor, &norm) < 0) {
		return tl_run_gradient_failed(run, run->p.epoch, run->p.step + 1);
	}
	run->p.batch = to;
	run->p.step++;
	if (tl_model_after_step(run->m) < 0) {
		tl_run_blame(run);
		return tl_error_who(run->e, "after step %lld", (long long)run->p.step);
	}
	run->p.step_seconds += tl_seconds() - began;
	if (!run->late && tl_run_record_step(run, run->p.step, factor, norm) < 0)
		return -1;
	return tl_run_beat(run, false);
}

void
tl_run_checkpoint(tl_run *run)
{
	char *path;
	tl_error e = { 0 };
	double began = tl_seconds();

	run->last_checkpoint = began;
	run->p.seconds += run->last_checkpoint - run->clock;
	run->clock = run->last_checkpoint;
	if (!run->o->folder)
		return;
	path = tl_path_join(run->o->folder, "checkpoint.safetensors");
	if (tl_make_dirs(run->o->folder, &e) < 0 ||
	    tl_checkpoint_write(path, &run->p, run->m, run->opt, run->p.best_epoch ? run->best : NULL, &run->best_state, run->key, &e) < 0)
		tl_run_say(run, "warning", "no checkpoint was written: %s", e.text);
	run->checkpoint_seconds = tl_seconds() - began;
	free(path);
}

static int
stop_here(tl_run *run)
{
	tl_run_checkpoint(run);
	return TL_INTERRUPTED;
}

/* 0, -1, or TL_INTERRUPTED. */
static int
train_epochs(tl_run *run)
{
	const tl_feed *f = &run->feed[TL_TRAIN];
	const int64_t *offsets = f->tokens ? f->tokens->offsets : NULL;
	int status;

	for (; run->p.epoch <= run->plan.epochs && !run->p.finished; run->p.epoch++, run->p.batch = 0) {
		tl_batches_shuffled(&run->batches, f->n, offsets, run->seed, run->p.epoch, run->plan.batch, run->plan.batch_tokens);
		while (run->p.batch < run->batches.n) {
			if (tl_run_interrupted(run))
				return tl_late_drain(run) < 0 ? -1 : stop_here(run);
			if (optimizer_step(run) < 0)
				return -1;
		}
		if (tl_late_drain(run) < 0)
			return -1;
		if ((status = tl_run_epoch_end(run)))
			return status == TL_INTERRUPTED ? stop_here(run) : status;
		if (!run->p.finished && run->p.epoch < run->plan.epochs && tl_seconds() - run->last_checkpoint > TL_MAX(60, 50 * run->checkpoint_seconds)) {
			tl_progress here = run->p;
			run->p.epoch++, run->p.batch = 0; /* this epoch's evaluation is done: what goes on begins with the next one */
			tl_run_checkpoint(run);
			run->p.epoch = here.epoch, run->p.batch = here.batch;
		}
	}
	return 0;
}

static int
resume(tl_run *run)
{
	char *path;
	int status = 0;

	if (!run->o->resume || !run->o->folder)
		return 0;
	path = tl_path_join(run->o->folder, "checkpoint.safetensors");
	if (tl_exists(path))
		status = tl_checkpoint_read(path, &run->p, run->m, run->opt, &run->best, &run->best_state, run->key, run->e);
	free(path);
	return status;
}

/* What a checkpoint must agree with to be continued: everything of the configuration but what decides no numbers. */
static char *
checkpoint_key(tl_run *run)
{
	json_t *train = tl_train_decisive(run->train);
	json_t *j = json_pack("{sO so sO sI ss ss}", "model", run->modules, "train", train, "data", json_object_get(run->config, "data"), "seed", (json_int_t)run->seed,
	                      "dataset", run->d->sha256, "isa", tl_isa());
	char *text = tl_json_canonical(j), hex[65];

	json_decref(j);
	tl_sha_of(text, strlen(text), hex);
	free(text);
	return tl_strdup(hex);
}

static int
train(tl_run *run)
{
	int status;
	size_t i;
	json_t *module;

	run->opt = tl_optimizer_new(run->w, &run->plan, run->pool);
	if (tl_optimizer_on(run->opt, run->e) < 0 || tl_late_open(run) < 0)
		return -1;
	json_array_foreach((json_t *)run->modules, i, module) {
		tl_module_words words;
		tl_module_read(module, &words);
		if (run->plan.layer_decay < 1 && !strcmp(words.kind, "encoder"))
			tl_layer_decay(run->w, words.name, run->plan.layer_decay);
	}
	run->p = (tl_progress){ .epoch = 1 };
	run->key = checkpoint_key(run);
	if (resume(run) < 0)
		return -1;
	run->steps = count_steps(run);
	if (!run->p.step && run->tight && run->steps >= TRIED_FROM && tl_run_try_largest(run) < 0)
		return -1;
	run->clock = run->last_checkpoint = tl_seconds();
	if (tl_run_beat(run, true) < 0)
		return -1;
	if ((status = train_epochs(run)))
		return status;
	run->p.seconds += tl_seconds() - run->clock;
	run->clock = tl_seconds();
	status = tl_run_finish(run);
	return status == TL_INTERRUPTED ? stop_here(run) : status;
}

/* --- the whole ---------------------------------------------------------------------------------------------------------------------- */
static void
close_run(tl_run *run)
{
	tl_evaluator_free(&run->ev);
	tl_batches_free(&run->batches);
	tl_packer_free(&run->packer);
	tl_split_scores_free(&run->valid);
	tl_split_scores_free(&run->best_valid);
	tl_late_close(run);
	tl_optimizer_free(run->opt);
	tl_model_free(run->m);
	tl_device_close(run->device);
	tl_pool_free(run->pool);
	for (int s = 0; s < TL_SPLITS; s++) {
		tl_kept_split_free(&run->kept[s]);
		tl_tokens_close(&run->tokens[s]);
		tl_features_free(&run->features[s]);
	}
	tl_tfidf_free(run->tfidf);
	tl_tokenizer_free(run->tokenizer);
	for (int i = 0; i < run->n_requests; i++)
		tl_metric_request_free(&run->request[i]);
	free(run->request);
	free(run->value);
	free(run->part);
	free(run->part_value);
	free(run->key);
	free(run->best);
	tl_text_free(&run->best_state);
	json_decref(run->train);
	if (run->d != run->o->dataset)
		tl_dataset_free(run->d);
}

static void
summarise(tl_run *run)
{
	const tl_tokens *t = run->feed[TL_TRAIN].tokens;
	run->summary->tokens_per_doc = t && t->n ? (double)t->offsets[t->n] / (double)t->n : 0;
	run->summary->best_epoch = run->p.best_epoch;
	run->summary->train_seconds = run->p.seconds;
	run->summary->tokens_per_second = run->p.step_seconds > 0 ? (double)run->p.tokens / run->p.step_seconds : 0;
	run->summary->peak_rss_bytes = tl_memory_peak();
}

int
tl_run_train(const json_t *config, tl_registry *r, const tl_run_options *o, const tl_recorder *rec, tl_run_summary *summary, tl_error *e)
{
	tl_run run = { .config = config, .modules = json_object_get(config, "model"), .registry = r, .o = o, .rec = rec, .summary = summary, .e = e,
	               .seed = (uint64_t)tl_json_int(config, "seed", 0), .select = -1 };
	tl_estimate estimate = { 0 };
	int status = -1;

	memset(summary, 0, sizeof *summary);
	if (!json_is_array(run.modules) || !json_array_size(run.modules))
		return tl_error_set(e, TL_USAGE, "the configuration has no model");
	if (open_data(&run) < 0 || open_inputs(&run) < 0)
		goto end;
	/* The estimate is that of the CPU's memory. */
	run.tight = o->device && strcmp(o->device, "cpu");
	if (!run.tight && !tl_modules_fit(run.modules, r) && (tl_run_estimate(&run, &estimate) < 0 || tl_run_check_memory(&run, &estimate) < 0))
		goto end;
	if (open_model(&run) < 0)
		goto end;
	/* One block for all of a step: no ends of blocks stay unused. It is touched as it is filled. */
	tl_arena_alloc(tl_ctx_arena(tl_model_ctx(run.m)), (size_t)estimate.step + (size_t)estimate.step / 16);
	if ((status = tl_run_frozen(&run)))
		goto end;
	status = tl_model_fits_itself(run.m) ? tl_run_fit(&run) : train(&run);
	summarise(&run);
end:
	close_run(&run);
	if (status < 0 && e && !e->status)
		tl_error_set(e, TL_FAILED, "the run stopped without saying why");
	return status;
}

int
tl_run_estimated(const json_t *config, tl_registry *r, const tl_run_options *o, tl_estimate *x, tl_error *e)
{
	static const tl_recorder none;
	tl_run_summary summary;
	tl_run run = { .config = config, .modules = json_object_get(config, "model"), .registry = r, .o = o, .rec = &none, .summary = &summary, .e = e, .select = -1 };
	int status = open_data(&run) < 0 || open_inputs(&run) < 0 || tl_run_estimate(&run, x) < 0 || tl_run_check_memory(&run, x) < 0 ? -1 : 0;

	close_run(&run);
	return status;
}
