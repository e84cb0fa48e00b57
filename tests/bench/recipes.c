/*
 * recipes.c - what a step of each model costs beside the baseline's, and what it has to cost. usage: recipes SCRIPT DOCS ROUNDS ONLY [key=value ...]
 *
 * Every arm of the script is trained on the same batches as the baseline with the arm's data, turn by turn on one thread, and the processor's time in user
 * mode is taken: of each batch the least over the rounds. The floor of an arm is what its operations (counted, tensor/count.c) and its
 * optimizer's bytes take at the speed of this machine, measured here: one product, e^x in cache, copying in memory.
 * ONLY: the name of an arm, or "" for all. Each figure is a field of one JSON line.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "lua/script.h"
#include "plugin/model.h"
#include "train/loop.h"

enum { BATCH = 16, LENGTH = 512, MOST_BATCHES = 64, QUEUE_LABELS = 3 };

typedef struct speed { double products, functions, bytes; } speed; /* per second */

typedef struct source { /* an opened dataset and its tokens */
	const char *key;
	tl_dataset *d;
	tl_tokenizer *tokenizer;
	tl_tokens tokens;
	tl_feed feed;
} source;

typedef struct arm {
	const char *name;
	source *from;
	tl_model *m;
	tl_optimizer *o;
	tl_packer packer;
	int64_t step;
	double least[MOST_BATCHES];
} arm;

static tl_registry *registry;
static tl_pool *pool;
static tl_plan plan;
static tl_error e;

static int
failed(void)
{
	fprintf(stderr, "recipes: %s\n", e.text);
	return 1;
}

static double
user_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_utime.tv_sec + 1e-6 * (double)u.ru_utime.tv_usec;
}

/* --- the machine ------------------------------------------------------------------------------------------------------------------------- */
static speed
measure_speed(void)
{
	enum { M = 3000, N = 384, K = 1536, SMALL = 4096, LARGE = 1 << 24 };
	float *a = tl_alloc(sizeof *a * M * K), *b = tl_alloc(sizeof *b * N * K), *c = tl_alloc(sizeof *c * M * N), *x = tl_alloc(sizeof *x * LARGE), *y = tl_alloc(sizeof *y * LARGE);
	int64_t small = SMALL;
	double values[SMALL];
	tl_tensor *t;
	speed best = { 0 };
	tl_ctx *ctx = tl_ctx_new(TL_F32, pool, NULL);

	for (int i = 0; i < SMALL; i++)
		values[i] = (i - SMALL / 2) * 1e-3;
	for (int i = 0; i < 12; i++) {
		double began = user_seconds();
		tl_gemm_f32(pool, 0, 1, M, N, K, 1, a, K, b, K, 0, c, N);
		best.products = TL_MAX(best.products, 2. * M * N * K / (user_seconds() - began));
		began = user_seconds();
		for (int k = 0; k < 40; k++)
			memcpy(k & 1 ? x : y, k & 1 ? y : x, sizeof *x * LARGE);
		best.bytes = TL_MAX(best.bytes, 80. * sizeof *x * LARGE / (user_seconds() - began));
		began = user_seconds();
		tl_ctx_begin(ctx, 1, 1, false, false);
		t = tl_reals(ctx, 1, &small, values);
		for (int k = 0; k < 2000; k++)
			tl_exp(ctx, t);
		best.functions = TL_MAX(best.functions, 2000. * SMALL / (user_seconds() - began));
	}
	tl_ctx_free(ctx);
	free(a);
	free(b);
	free(c);
	free(x);
	free(y);
	return best;
}

/* --- arms -------------------------------------------------------------------------------------------------------------------------------- */
static source *
source_of(const json_t *config)
{
	static source opened[8];
	static int n;
	char *key = json_dumps(json_object_get(config, "data"), JSON_COMPACT | JSON_SORT_KEYS);
	source *s;
	bool features;

	for (int i = 0; i < n; i++)
		if (!strcmp(opened[i].key, key)) {
			free(key);
			return &opened[i];
		}
	s = &opened[n++];
	s->key = key;
	if (!(s->d = tl_run_dataset(config, registry, NULL, 0, &e)) || tl_run_tokenizer(json_object_get(config, "model"), registry, s->d, NULL, &s->tokenizer, &features, &e) < 0 ||
	    tl_tokens_open(&s->tokens, &s->d->split[TL_TRAIN], s->tokenizer, LENGTH, 2, &e) < 0)
		return NULL;
	s->feed = (tl_feed){ .n = s->tokens.n, .tokens = &s->tokens, .label_offsets = s->d->split[TL_TRAIN].label_offsets, .labels = s->d->split[TL_TRAIN].labels };
	return s;
}

static tl_model *
model_of(const json_t *config, const source *s, bool counting)
{
	return tl_model_new(&(tl_model_setup){ .registry = registry, .modules = json_object_get(config, "model"), .compute = TL_F32, .pool = pool, .seed = 1, .n_labels = s->d->n_labels,
		.statistics = &s->d->statistics, .dataset = s->d, .tokenizer = s->tokenizer, .skip_weights = counting, .counting = counting }, &e);
}

/* A queue is measured when it is full: keys of length one, labels at random. */
static int
fill_queues(tl_model *m)
{
	tl_stream r = { .key = 1 };

	for (int k = 0; k < m->n; k++)
		for (int s = 0; s < m->instance[k].n_states; s++) {
			const tl_bound_state *state = &m->instance[k].state[s];
			tl_state_block *block = (tl_state_block *)((char *)m->instance[k].self + state->row->at);
			int64_t rows = tl_json_int(m->instance[k].params, "queue", 0);
			if (!rows || state->row->kind == TL_STATE_ENCODER)
				continue;
			if (tl_state_resize(m->ctx, block, rows, rows * QUEUE_LABELS))
				return -1;
			for (int64_t i = 0; state->row->kind == TL_STATE_REAL && i < rows * block->width; i++)
				block->real[i] = tl_random_normal(&r) / sqrt((double)block->width);
			for (int64_t i = 0; state->row->kind == TL_STATE_RAGGED && i <= rows; i++)
				block->offsets[i] = i * QUEUE_LABELS;
			for (int64_t i = 0; state->row->kind == TL_STATE_RAGGED && i < rows * QUEUE_LABELS; i++)
				block->ints[i] = (int64_t)tl_random_below(&r, (uint32_t)(m->n_labels / QUEUE_LABELS)) + i % QUEUE_LABELS * (m->n_labels / QUEUE_LABELS);
		}
	return 0;
}

static int
open_arm(arm *a, const json_t *config)
{
	*a = (arm){ .name = a->name };
	if (!(a->from = source_of(config)) || !(a->m = model_of(config, a->from, false)) || fill_queues(a->m) < 0)
		return -1;
	a->o = tl_optimizer_new(tl_model_weights(a->m), &plan, pool);
	for (int i = 0; i < MOST_BATCHES; i++)
		a->least[i] = 1e9;
	return 0;
}

static void
close_arm(arm *a)
{
	tl_optimizer_free(a->o);
	tl_model_free(a->m);
	tl_packer_free(&a->packer);
}

static const tl_documents *
batch_of(tl_packer *p, const source *s, int64_t batch)
{
	int32_t document[BATCH];

	for (int i = 0; i < BATCH; i++)
		document[i] = (int32_t)((batch * BATCH + i) % s->feed.n);
	return tl_pack(p, &s->feed, document, BATCH, true);
}

static int
step(arm *a, int64_t batch)
{
	double began = user_seconds(), norm;
	tl_outcome out;

	if (tl_model_step(a->m, batch_of(&a->packer, a->from, batch), a->step++, true, 1, &out) < 0)
		return tl_model_error(a->m, &e);
	if (tl_optimizer_step(a->o, 1, &norm) < 0)
		return tl_error_set(&e, TL_FAILED, "%s: a gradient is not finite", a->name);
	if (tl_model_after_step(a->m) < 0)
		return tl_model_error(a->m, &e);
	a->least[batch] = TL_MIN(a->least[batch], user_seconds() - began);
	return 0;
}

/* --- floors ------------------------------------------------------------------------------------------------------------------------------ */
/* Operations of a step, mean over the batches, and in *parameters those that are trained. */
static int
count(const json_t *config, const source *s, int64_t batches, tl_operations *n, double *parameters)
{
	tl_model *m = model_of(config, s, true);
	tl_packer packer = { 0 };
	tl_outcome out;
	int status = m ? fill_queues(m) : -1;

	*n = (tl_operations){ 0 };
	*parameters = 0;
	for (int64_t b = 0; b < batches && !status; b++) {
		tl_operations one;
		if ((status = tl_model_step(m, batch_of(&packer, s, b), b, true, 1, &out)) < 0)
			tl_model_error(m, &e);
		one = tl_ctx_operations(m->ctx);
		n->products += one.products / (double)batches;
		n->functions += one.functions / (double)batches;
		n->bytes += one.bytes / (double)batches;
	}
	for (int i = 0; m && i < tl_weights_count(m->weights); i++)
		*parameters += tl_weights_at(m->weights, i)->trainable ? (double)tl_weights_at(m->weights, i)->count : 0;
	tl_packer_free(&packer);
	tl_model_free(m);
	return status;
}

/* Weights, gradients and moments, and the step's own. */
static double
megabytes(const arm *a)
{
	double weights = (double)tl_weights_size(a->m->weights) * 4 * 4;

	for (const tl_encoder_copy *c = a->m->copies; c; c = c->next)
		weights += (double)tl_weights_size(c->weights) * 4;
	return (weights + (double)tl_ctx_peak_bytes(a->m->ctx)) / 1e6;
}

static int
measure(arm *a, const json_t *config, arm *base, const json_t *base_config, int64_t batches, int rounds, const speed *v)
{
	tl_operations n[2];
	double parameters[2], ms[2] = { 0 }, floor_ms[2], tokens = 0, base_s = 0, products;

	if (open_arm(a, config) || open_arm(base, base_config) || step(a, 0) || step(base, 0))
		return -1;
	for (int r = 0; r < rounds; r++)
		for (int64_t b = 0; b < batches; b++)
			if (step(base, b) || step(a, b))
				return -1;
	if (count(base_config, base->from, batches, &n[0], &parameters[0]) || count(config, a->from, batches, &n[1], &parameters[1]))
		return -1;
	for (int64_t b = 0; b < batches; b++)
		base_s += base->least[b] / (double)batches;
	products = TL_MAX(v->products, n[0].products / base_s); /* no floor is above what the baseline itself does */
	for (int k = 0; k < 2; k++) { /* the optimizer reads a gradient twice and writes it, reads and writes weight and two moments */
		floor_ms[k] = 1e3 * (n[k].products / products + n[k].functions / v->functions + (n[k].bytes + 36 * parameters[k]) / v->bytes);
		for (int64_t b = 0; b < batches; b++)
			ms[k] += 1e3 * (k ? a : base)->least[b] / (double)batches;
	}
	for (int64_t i = 0; i < batches * BATCH; i++)
		tokens += (double)(a->from->tokens.offsets[i % a->from->tokens.n + 1] - a->from->tokens.offsets[i % a->from->tokens.n]) / (double)batches;
	printf("{\"arm\": \"%s\", \"labels\": %lld, \"tokens\": %.0f, \"ms\": %.1f, \"baseline_ms\": %.1f, \"ratio\": %.3f, \"floor_ms\": %.1f, \"baseline_floor_ms\": %.1f, \"added_ms\": %.1f, \"added_floor_ms\": %.1f, "
	       "\"allowed_ms\": %.1f, \"gflop\": %.2f, \"gfunctions\": %.3f, \"gbytes\": %.3f, \"mb\": %.0f, \"baseline_mb\": %.0f}\n", a->name, (long long)a->from->d->n_labels, tokens, ms[1], ms[0], ms[1] / ms[0],
	       floor_ms[1], floor_ms[0], ms[1] - ms[0], floor_ms[1] - floor_ms[0], 1.5 * (floor_ms[1] - floor_ms[0]) + 0.05 * ms[0], n[1].products / 1e9, n[1].functions / 1e9, n[1].bytes / 1e9, megabytes(a), megabytes(base));
	fflush(stdout);
	close_arm(a);
	close_arm(base);
	return 0;
}

int
main(int n, char **arg)
{
	tl_script *script;
	const json_t *arms, *baseline;
	json_t *train, *x;
	size_t i;
	speed v;
	int64_t batches;

	if (n < 5) {
		fprintf(stderr, "usage: recipes SCRIPT DOCS ROUNDS ONLY [key=value ...]\n");
		return 2;
	}
	registry = tl_registry_new();
	pool = tl_pool_new(1);
	train = json_pack("{s:i, s:s, s:f, s:s, s:s}", "batch", BATCH, "optimizer", "adamw", "lr", 1e-5, "schedule", "constant", "select", "last");
	tl_train_defaults(train, false, NULL);
	tl_plan_read(&plan, train);
	script = tl_script_load(arg[1], &(tl_script_options){ .define = (const char *const *)arg + 5, .n_define = n - 5, .registry = registry }, &e);
	if (!script)
		return failed();
	batches = TL_MAX(1, TL_MIN(atoll(arg[2]) / BATCH, MOST_BATCHES));
	v = measure_speed();
	printf("{\"products_gflops\": %.1f, \"functions_g\": %.2f, \"bytes_gb\": %.1f}\n", v.products / 1e9, v.functions / 1e9, v.bytes / 1e9);
	arms = json_object_get(json_array_get(tl_script_experiments(script), 0), "arms");
	baseline = json_object_get(json_array_get(arms, 0), "config");
	json_array_foreach((json_t *)arms, i, x) {
		json_t *config = json_object_get(x, "config"), *with = json_deep_copy(baseline);
		arm a = { .name = tl_json_string(x, "name", "?") }, base = { .name = "baseline" };
		json_object_set(with, "data", json_object_get(config, "data"));
		if ((!arg[4][0] || !strcmp(arg[4], a.name)) && measure(&a, config, &base, with, batches, atoi(arg[3]), &v))
			return failed();
		json_decref(with);
	}
	tl_script_free(script);
	return 0;
}
