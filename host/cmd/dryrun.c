/*
 * dryrun.c - what a script would do: arms, wiring, sizes, and estimates. The estimates are counts, not promises:
 * operations of one training pass over a token or document are 6 per weight that multiplies it (2 forward, 4 backward); the encoder's
 * matrices count per token, other modules' per document, embedding tables not at all, attention over lengths is left out; the time is that
 * many operations at the speed of a matrix product of this machine, measured here for a moment. Memory is what must be there at least:
 * weights, gradients, the optimizer's moments, the best epoch's copy, and the training split.
 */
#include "sweep.h"
#include "tensor/core.h"

#include <stdlib.h>
#include <string.h>

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

typedef struct cost { double parameters, trained, per_token, per_document; } cost;

static cost
cost_of(const json_t *wiring, const json_t *modules)
{
	cost c = { 0 };
	json_t *m, *w;
	size_t i, k;

	json_array_foreach(wiring, i, m) {
		bool encoder = !strcmp(tl_json_string(json_array_get(modules, i), "kind", ""), "encoder");
		c.parameters += tl_json_number(m, "parameters", 0);
		c.trained += tl_json_number(m, "trained", 0);
		json_array_foreach(json_object_get(m, "weights"), k, w) {
			const char *name = tl_json_string(w, "name", ""), *shape = tl_json_string(w, "shape", "");
			if (!strpbrk(shape, " x,×") || strstr(name, "embedding"))
				continue;
			*(encoder ? &c.per_token : &c.per_document) += tl_json_number(w, "count", 0);
		}
	}
	return c;
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

static void
say_estimates(const tl_plan_arm *arm, const tl_dataset *d, const json_t *wiring, double speed, int runs)
{
	const json_t *train = json_object_get(arm->stored, "train");
	cost c = cost_of(wiring, json_object_get(arm->stored, "model"));
	double tokens = tokens_per_document(d), documents = (double)d->split[TL_TRAIN].n * (double)tl_json_int(train, "epochs", 1), width = strcmp(tl_json_string(train, "precision", "f32"), "f64") ? 4 : 8;
	double text = 0, copies = 2 + (strcmp(tl_json_string(train, "optimizer", "adamw"), "sgd") ? 2 : 1) + (strcmp(tl_json_string(train, "select", "last"), "last") ? 1 : 0);
	double operations = 6 * documents * (c.per_token * tokens + c.per_document);
	char parameters[40], trained[40];

	count_text(parameters, c.parameters);
	count_text(trained, c.trained);
	for (int s = 0; s < TL_SPLITS; s++)
		for (int64_t i = 0; i < d->split[s].n; i++)
			text += d->split[s].text_length[i];
	printf("  parameters %s, trained %s; about %.0f tokens a document; %d run%s\n", parameters, trained, tokens, runs, runs == 1 ? "" : "s");
	if (arm->seedless)
		printf("  fits by itself; no estimate of its time\n");
	else
		printf("  a run: at least %.0f MiB and %.3g s of matrix products (%.3g Gop at %.0f Gop/s)\n", (c.parameters * width + c.trained * width * (copies - 1) + text) / 1048576, operations / speed,
		       operations / 1e9, speed / 1e9);
}

/* --- the wiring in words ------------------------------------------------------------------------------------------------------------- */
static bool
say_slots(const json_t *slots, const char *word)
{
	json_t *s;
	size_t i;
	bool first = true;

	json_array_foreach(slots, i, s) {
		const char *shape = tl_json_string(s, "shape", NULL), *is = tl_json_string(s, "is", NULL);
		if (!tl_json_bool(s, "present", true))
			continue;
		printf("%s %s", first ? word : ",", tl_json_string(s, "slot", "?"));
		if (is)
			printf(" (= %s)", is);
		if (shape)
			printf(" %s", shape);
		first = false;
	}
	return !first;
}

/* What a frozen encoder gives once for all runs: outputs, documents and size. Tokens of documents are an estimate, as elsewhere here. */
static void
say_kept(const json_t *kept, const tl_dataset *d)
{
	const char *cache = tl_json_string(kept, "cache", NULL), *name;
	double documents = 0, tokens = 0, bytes = 0, item = cache && !strcmp(cache, "bf16") ? 2 : 4;
	json_t *width;

	if (!cache)
		return;
	for (int s = 0; s < TL_SPLITS; s++)
		documents += (double)d->split[s].n;
	tokens = documents * tokens_per_document(d);
	json_object_foreach(json_object_get(kept, "outputs"), name, width)
		bytes += item * json_number_value(width) * (!strcmp(name, "hidden") || !strcmp(name, "layers") ? tokens : documents);
	printf("      kept:");
	json_object_foreach(json_object_get(kept, "outputs"), name, width)
		printf(" %s", name);
	if (!strcmp(cache, "auto") && bytes > (double)tl_cache_bound() / 2)
		printf(" of %.0f documents would be about %.0f MiB, more than half of the cache's bound: not kept, computed in every step\n", documents, bytes / 1048576);
	else
		printf(" of %.0f documents, computed once for all runs and mapped, about %.3g MiB in %s\n", documents, bytes / 1048576, item < 4 ? "bf16" : "f32");
}

static void
say_module(const json_t *m, const tl_dataset *d)
{
	char count[40];
	json_t *l;
	size_t i;

	count_text(count, tl_json_number(m, "parameters", 0));
	printf("    %-18s %-21s", tl_json_string(m, "name", "?"), tl_json_string(m, "plugin", "?"));
	say_slots(json_object_get(m, "writes"), say_slots(json_object_get(m, "reads"), " reads") ? "; writes" : " writes");
	printf("; %s parameters", count);
	json_array_foreach(json_object_get(m, "losses"), i, l)
		printf("; loss %s x %g", tl_json_string(l, "name", "?"), tl_json_number(l, "weight", 1));
	putchar('\n');
	json_array_foreach(json_object_get(m, "left_out"), i, l)
		printf("      left out: %s\n", json_string_value(l));
	say_kept(json_object_get(m, "kept"), d);
}

static int
say_arm(tl_plan_set *p, tl_plan_arm *arm, int runs, double speed, tl_error *e)
{
	const tl_dataset *d = p->datasets[arm->data].d;
	tl_text out = { 0 };
	json_t *wiring, *m;
	size_t i;

	if (tl_plan_wiring(p, arm, &out, e)) {
		tl_text_free(&out);
		return tl_error_who(e, "arm %s", arm->name);
	}
	wiring = tl_json_parse(out.s ? out.s : "", out.n, "the wiring", e);
	tl_text_free(&out);
	if (!wiring)
		return -1;
	printf("arm %s%s on %s: %lld training, %lld validation, %lld test documents, %lld labels\n", arm->name, arm->is_baseline ? " (baseline)" : "", arm->dataset,
	       (long long)d->split[TL_TRAIN].n, (long long)d->split[TL_VALID].n, (long long)d->split[TL_TEST].n, (long long)d->n_labels);
	json_array_foreach(wiring, i, m)
		say_module(m, d);
	say_estimates(arm, d, wiring, speed, runs);
	json_decref(wiring);
	return 0;
}

int
tl_dry_run(tl_plan_set *p, const tl_sweep_options *o, tl_error *e)
{
	const char *last = NULL;
	tl_text speed = { 0 };
	int threads = TL_MAX(o->threads / TL_MAX(o->jobs, 1), 1);

	if (tl_plan_runs(p, o, e) || tl_isolated(measure, &threads, &speed, e))
		return -1;
	for (int64_t i = 0; i < p->n_arms; i++) {
		tl_plan_arm *arm = &p->arms[i];
		int runs = 0;
		for (int64_t k = 0; k < p->n_runs; k++)
			runs += p->runs[k].arm == i;
		if (!last || strcmp(last, arm->experiment))
			printf("%sexperiment %s (%s)\n", last ? "\n" : "", arm->experiment, arm->where);
		last = arm->experiment;
		if (say_arm(p, arm, runs, atof(speed.s), e)) {
			tl_text_free(&speed);
			return -1;
		}
	}
	tl_text_free(&speed);
	printf("\n%lld arm%s, %lld run%s; nothing was trained\n", (long long)p->n_arms, p->n_arms == 1 ? "" : "s", (long long)p->n_runs, p->n_runs == 1 ? "" : "s");
	return 0;
}
