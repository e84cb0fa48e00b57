/*
 * dryrun.c - what a script would do: arms, wiring, sizes, and estimates. Memory is what the run itself will work out before it trains
 * (train/estimate.c): its largest batch goes through the model counted, not computed. The time is a bound: the matrix products of all training steps at the speed of
 * one product on this machine, measured here for a moment.
 */
#include "format.h"
#include "sweep.h"
#include "tensor/core.h"

#include <stdlib.h>
#include <string.h>

/* A line, which a terminal gets in lines of its width. Ends the text. */
static void
put_line(tl_text *line)
{
	tl_fold(stdout, line->s, tl_terminal_bound(stdout), (int)strspn(line->s, " ") + 4);
	tl_text_free(line);
}

struct wiring_call { tl_plan_set *plan; tl_plan_arm *arm; tl_tokenizer *tokenizer; };

static int
wire(void *arg, tl_text *out, tl_error *e)
{
	const struct wiring_call *call = arg;
	tl_plan_set *p = call->plan;
	tl_plan_arm *arm = call->arm;
	const tl_dataset *d = p->datasets[arm->data].d;
	json_t *modules = json_deep_copy(json_object_get(arm->stored, "model")), *wiring, *m;
	bool f64 = !strcmp(tl_json_string(json_object_get(arm->stored, "train"), "precision", "f32"), "f64");
	tl_model *model;
	size_t i;
	char *text;

	json_array_foreach(modules, i, m)
		json_object_del(m, "resolved");
	model = tl_model_new(&(tl_model_setup){ .registry = p->registry, .modules = modules, .script_dir = p->script_dir, .compute = f64 ? TL_F64 : TL_F32, .seed = 1, .n_labels = d->n_labels,
	                                        .statistics = &d->statistics, .dataset = d, .tokenizer = call->tokenizer, .skip_weights = true }, e);
	json_decref(modules);
	if (!model)
		return -1;
	if (tl_model_trains(model, e)) {
		tl_model_free(model);
		return -1;
	}
	wiring = tl_model_wiring(model);
	text = json_dumps(wiring, JSON_COMPACT);
	tl_text_add(out, "%s", text);
	free(text);
	json_decref(wiring);
	tl_model_free(model);
	return 0;
}

int
tl_plan_wiring(tl_plan_set *p, tl_plan_arm *arm, tl_text *out, tl_error *e)
{
	struct wiring_call call = { .plan = p, .arm = arm };

	return tl_plan_tokenize(p, arm, &call.tokenizer, e) ? -1 : tl_isolated(wire, &call, out, e);
}

/* --- estimates --------------------------------------------------------------------------------------------------------------------- */
static int
measure(void *arg, tl_text *out, tl_error *e)
{
	enum { N = 512 };
	float *a = tl_alloc(N * N * sizeof *a), *b = tl_alloc(N * N * sizeof *b), *c = tl_alloc(N * N * sizeof *c);
	tl_pool *pool = tl_pool_new(*(const int *)arg);
	double best = 0, until = tl_seconds() + 0.2;

	(void)e;
	for (int i = 0; i < N * N; i++)
		a[i] = b[i] = 1.f / (float)(i % 97 + 1);
	do {
		double began = tl_seconds(), speed;
		tl_gemm_f32(pool, 0, 0, N, N, N, 1, a, N, b, N, 0, c, N);
		speed = 2. * N * N * N / (tl_seconds() - began);
		best = TL_MAX(best, speed);
	} while (tl_seconds() < until);
	tl_pool_free(pool);
	free(a);
	free(b);
	free(c);
	tl_text_add(out, "%.6g", best);
	return 0;
}

/* Tokens of a document, roughly: words and signs of the first documents, two special tokens, the bound of max_length. */
static double
tokens_per_document(const tl_dataset *d)
{
	const tl_split *s = &d->split[TL_TRAIN];
	int64_t n = TL_MIN(s->n, 500), sum = 0;

	for (int64_t i = 0; i < n; i++) {
		int64_t tokens = 2;
		bool word = false;
		for (uint32_t k = 0; k < s->text_length[i]; k++) {
			unsigned char c = (unsigned char)s->text[i][k];
			bool letter = c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
			tokens += letter ? !word : c > ' ';
			word = letter;
		}
		sum += TL_MIN(tokens + tokens / 5, d->max_length); /* a fifth of the words are cut into pieces */
	}
	return n ? (double)sum / (double)n : 0;
}

static void
count_text(char out[40], double n)
{
	if (n >= 1e9)
		snprintf(out, 40, "%.2f G", n / 1e9);
	else if (n >= 1e6)
		snprintf(out, 40, "%.2f M", n / 1e6);
	else if (n >= 1e4)
		snprintf(out, 40, "%.1f k", n / 1e3);
	else
		snprintf(out, 40, "%.0f", n);
}

/* The arm's estimate as JSON; "refused": why it does not fit. */
struct estimate_call { tl_plan_set *plan; const tl_plan_arm *arm; const tl_sweep_options *o; };

static int
threads_of(const tl_sweep_options *o)
{
	return TL_MAX(o->threads / TL_MAX(o->jobs, 1), 1);
}

static int
estimate(void *arg, tl_text *out, tl_error *e)
{
	const struct estimate_call *c = arg;
	json_t *config = tl_plan_run_config(c->arm, 1), *j;
	tl_run_options o = { .script_dir = c->plan->script_dir, .threads = threads_of(c->o), .device = c->o->device.column, .dataset = c->plan->datasets[c->arm->data].d };
	tl_estimate x = { 0 };
	tl_error why = { 0 };
	int status = tl_run_estimated(config, c->plan->registry, &o, &x, &why);
	char *text;

	json_decref(config);
	if (status < 0 && !x.bytes)
		return tl_error_set(e, why.status, "%s", why.text);
	j = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f}", "bytes", (json_int_t)x.bytes, "weights", (json_int_t)x.weights, "step", (json_int_t)x.step, "data", (json_int_t)x.data, "documents",
	              (json_int_t)x.documents, "tokens", (json_int_t)x.tokens, "products", x.products, "once", x.once);
	if (status < 0)
		json_object_set_new(j, "refused", json_string(why.text));
	text = json_dumps(j, JSON_COMPACT);
	tl_text_add(out, "%s", text);
	free(text);
	json_decref(j);
	return 0;
}

static int
say_estimates(tl_plan_set *p, const tl_plan_arm *arm, const json_t *wiring, double speed, const tl_sweep_options *o, int runs, tl_error *e)
{
	struct estimate_call call = { p, arm, o };
	double all = 0, trained = 0, mib = 1 << 20, operations;
	char parameters[40], of_them[40];
	tl_text out = { 0 }, line = { 0 };
	json_t *x, *m;
	size_t i;

	json_array_foreach((json_t *)wiring, i, m) {
		all += tl_json_number(m, "parameters", 0);
		trained += tl_json_number(m, "trained", 0);
	}
	count_text(parameters, all);
	count_text(of_them, trained);
	printf("  parameters %s, trained %s; %d run%s\n", parameters, of_them, runs, runs == 1 ? "" : "s");
	if (arm->seedless) {
		printf("  fits by itself; no estimate of its memory and time\n");
		return 0;
	}
	if (tl_isolated(estimate, &call, &out, e) || !(x = tl_json_parse(out.s, out.n, "the estimate", e))) {
		tl_text_free(&out);
		return tl_error_who(e, "arm %s", arm->name);
	}
	operations = tl_json_number(x, "products", 0);
	tl_text_add(&line, "  a run: about %.0f MiB (weights, gradients, moments %.0f; largest batch, %lld documents with %lld tokens, %.0f; data and program %.0f)", tl_json_number(x, "bytes", 0) / mib,
	       tl_json_number(x, "weights", 0) / mib, (long long)tl_json_int(x, "documents", 0), (long long)tl_json_int(x, "tokens", 0), tl_json_number(x, "step", 0) / mib, tl_json_number(x, "data", 0) / mib);
	if (operations > 0)
		tl_text_add(&line, "; at least %.3g s of matrix products (%.3g Gop at %.0f Gop/s)", operations / speed, operations / 1e9, speed / 1e9);
	if (tl_json_number(x, "once", 0) > 0)
		tl_text_add(&line, "; once for all runs at least %.3g s (%.3g Gop) for what is kept", tl_json_number(x, "once", 0) / speed, tl_json_number(x, "once", 0) / 1e9);
	put_line(&line);
	if (json_object_get(x, "refused")) {
		tl_text_add(&line, "  it would be refused here: %s", tl_json_string(x, "refused", ""));
		put_line(&line);
	}
	json_decref(x);
	tl_text_free(&out);
	return 0;
}

/* --- the wiring in words ------------------------------------------------------------------------------------------------------------- */
static bool
add_slots(tl_text *line, const json_t *slots, const char *word)
{
	json_t *s;
	size_t i;
	bool first = true;

	json_array_foreach(slots, i, s) {
		const char *shape = tl_json_string(s, "shape", NULL), *is = tl_json_string(s, "is", NULL);
		if (!tl_json_bool(s, "present", true))
			continue;
		tl_text_add(line, "%s %s", first ? word : ",", tl_json_string(s, "slot", "?"));
		if (is)
			tl_text_add(line, " (= %s)", is);
		if (shape)
			tl_text_add(line, " %s", shape);
		first = false;
	}
	return !first;
}

/* What a frozen encoder gives once for all runs: outputs, documents and size. Tokens of documents are an estimate, as elsewhere here. */
static void
say_kept(const json_t *kept, const tl_dataset *d, const char *device)
{
	const char *cache = tl_json_string(kept, "cache", NULL), *name;
	double documents = 0, tokens = 0, bytes = 0, item = cache && !strcmp(cache, "bf16") ? 2 : 4;
	tl_text line = { 0 }, outputs = { 0 };
	json_t *width;

	if (!cache)
		return;
	for (int s = 0; s < TL_SPLITS; s++)
		documents += (double)d->split[s].n;
	tokens = documents * tokens_per_document(d);
	json_object_foreach(json_object_get(kept, "outputs"), name, width) {
		bytes += item * json_number_value(width) * (!strcmp(name, "hidden") || !strcmp(name, "layers") ? tokens : documents);
		tl_text_add(&outputs, " %s", name);
	}
	tl_text_add(&outputs, " of %.0f documents", documents);
	if (!strcmp(cache, "auto") && strcmp(device, "cpu"))
		tl_text_add(&line, "      not kept:%s: on a GPU (%s) cache = \"auto\" computes them in every step; cache = \"f32\" would keep about %.3g MiB", outputs.s, device, bytes / 1048576);
	else if (!strcmp(cache, "auto") && bytes > (double)tl_cache_bound() / 2)
		tl_text_add(&line, "      kept:%s would be about %.0f MiB, more than half of the cache's bound: not kept, computed in every step", outputs.s, bytes / 1048576);
	else
		tl_text_add(&line, "      kept:%s, computed once for all runs and mapped, about %.3g MiB in %s", outputs.s, bytes / 1048576, item < 4 ? "bf16" : "f32");
	put_line(&line);
	tl_text_free(&outputs);
}

static void
say_module(const json_t *m, const tl_dataset *d, const char *device)
{
	tl_text line = { 0 };
	char count[40];
	json_t *l;
	size_t i;

	count_text(count, tl_json_number(m, "parameters", 0));
	tl_text_add(&line, "    %-18s %-21s", tl_json_string(m, "name", "?"), tl_json_string(m, "plugin", "?"));
	add_slots(&line, json_object_get(m, "writes"), add_slots(&line, json_object_get(m, "reads"), " reads") ? "; writes" : " writes");
	tl_text_add(&line, "; %s parameters", count);
	json_array_foreach(json_object_get(m, "losses"), i, l)
		tl_text_add(&line, "; loss %s x %g", tl_json_string(l, "name", "?"), tl_json_number(l, "weight", 1));
	put_line(&line);
	json_array_foreach(json_object_get(m, "left_out"), i, l) {
		tl_text_add(&line, "      left out: %s", json_string_value(l));
		put_line(&line);
	}
	say_kept(json_object_get(m, "kept"), d, device);
}

static int
say_arm(tl_plan_set *p, tl_plan_arm *arm, int runs, double speed, const tl_sweep_options *o, tl_error *e)
{
	const tl_dataset *d = p->datasets[arm->data].d;
	tl_text out = { 0 }, line = { 0 };
	json_t *wiring, *m;
	size_t i;
	int status;

	if (tl_plan_wiring(p, arm, &out, e)) {
		tl_text_free(&out);
		return tl_error_who(e, "arm %s", arm->name);
	}
	wiring = tl_json_parse(out.s ? out.s : "", out.n, "the wiring", e);
	tl_text_free(&out);
	if (!wiring)
		return -1;
	tl_text_add(&line, "arm %s%s on %s: %lld training, %lld validation, %lld test documents, %lld labels", arm->name, arm->is_baseline ? " (baseline)" : "", arm->dataset,
	       (long long)d->split[TL_TRAIN].n, (long long)d->split[TL_VALID].n, (long long)d->split[TL_TEST].n, (long long)d->n_labels);
	put_line(&line);
	json_array_foreach(wiring, i, m)
		say_module(m, d, o->device.column);
	status = say_estimates(p, arm, wiring, speed, o, runs, e);
	json_decref(wiring);
	return status;
}

/* Every arm is told, also after one that would be refused; the error is the first one's. */
int
tl_dry_run(tl_plan_set *p, const tl_sweep_options *o, tl_error *e)
{
	const char *last = NULL;
	tl_text speed = { 0 }, line = { 0 };
	int threads = threads_of(o), refused = 0;

	if (tl_plan_runs(p, o, e) || tl_isolated(measure, &threads, &speed, e))
		return -1;
	for (int64_t i = 0; i < p->n_arms; i++) {
		tl_plan_arm *arm = &p->arms[i];
		int runs = 0;
		for (int64_t k = 0; k < p->n_runs; k++)
			runs += p->runs[k].arm == i;
		if (!last || strcmp(last, arm->experiment))
			tl_text_add(&line, "experiment %s (%s)", arm->experiment, arm->where);
		if (line.n && last)
			putchar('\n');
		if (line.n)
			put_line(&line);
		last = arm->experiment;
		tl_error of_arm = { 0 };
		if (!say_arm(p, arm, runs, atof(speed.s), o, &of_arm))
			continue;
		tl_text_add(&line, "      refused: %s", of_arm.text);
		put_line(&line);
		if (!refused++)
			*e = of_arm;
	}
	tl_text_free(&speed);
	printf("\n%lld arm%s, %lld run%s", (long long)p->n_arms, p->n_arms == 1 ? "" : "s", (long long)p->n_runs, p->n_runs == 1 ? "" : "s");
	if (refused)
		printf("; %d arm%s refused", refused, refused == 1 ? "" : "s");
	puts("; nothing was trained");
	return refused ? -1 : 0;
}
