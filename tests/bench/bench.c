/*
 * bench.c - the measured side of `make bench`: training and inference steps, the matrix products that they contain, token ids for
 * the peer, tokenizer speed, and seconds until a command's first step. Every figure is one JSON line.
 *
 *   bench ids DATA MINILM FILE DOCS           token ids of the first documents, as JSON lists
 *   bench step DATA MODEL MODE DOCS THREADS ROUNDS    MODE: train, infer, gemm; MODEL: MiniLM's folder, "" for random weights of its size, or base.
 *                                             DEVICE=cuda:0 in the environment: there, in PRECISION (f32); BATCH: documents of a step (16)
 *   bench ops DATA MODEL DOCS                 one thread's time of a training step, op by op, beside what it would take at least
 *   bench tokenizer DATA FILE DOCS            FILE: a tokenizer.json
 *   bench start COMMAND...                    runs it on a terminal of its own until a loss is shown, then stops it
 */
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "train/loop.h"
#include "tensor/core.h"
#include "tensor/device.h"

enum { MOST_BATCH = 512, LENGTH = 512, UNDER_WAY = 4 };
static struct { int width, inner, layers; } model = { 384, 1536, 6 };
static int64_t batch = 16;
/* A device, and what it sends back of the steps under way, as in train/late.c: their losses and norms arrive later. */
static struct { tl_device *d; int parts; int64_t given; float *loss; double *norm; void *event[UNDER_WAY]; } there;

typedef struct bench {
	tl_error e;
	tl_registry *registry;
	tl_dataset *d;
	tl_tokenizer *tokenizer;
	tl_tokens tokens;
	json_t *modules;
	int64_t docs, n_tokens;
} bench;

static int
failed(bench *b)
{
	fprintf(stderr, "bench: %s\n", b->e.text);
	return 1;
}

/*
 * The model that the peer builds: 6 layers of 384, dropout 0.1 outside of attention, one linear layer over a document vector. The peer's is a pooler over the first
 * token, computed like its last layer for all of them; ours is the mean of all tokens, so that every token's vector is read here too. With READ=first ours is the
 * pooler as well, and the last layer is computed for the first tokens only.
 */
static json_t *
model_of(const char *minilm)
{
	const char *read = getenv("READ"), *pooled = read && !strcmp(read, "first") ? "pooler" : "mean";
	json_t *encoder;

	if (!strcmp(minilm, "base")) {
		model.width = 768, model.inner = 3072, model.layers = 12;
		minilm = "";
	}
	encoder = json_pack("{s:i, s:i, s:i, s:i, s:i, s:s, s:f, s:f}", "dim", model.width, "layers", model.layers, "heads", 12, "ffn", model.inner, "vocab", 30522, "pooled", pooled, "dropout", 0.1,
	                            "attention_dropout", 0.0);

	if (*minilm) {
		json_decref(encoder);
		encoder = json_pack("{s:s, s:s, s:f, s:f}", "weights", minilm, "pooled", pooled, "dropout", 0.1, "attention_dropout", 0.0);
	}
	return json_pack("[{s:s, s:s, s:s, s:o, s:s}, {s:s, s:s, s:s, s:{s:f}, s:s}]", "kind", "encoder", "plugin", "transformer", "name", "transformer", "params", encoder, "where", "bench", "kind", "label",
	                 "plugin", "classifier", "name", "classifier", "params", "dropout", 0.0, "where", "bench");
}

static int
open_data(bench *b, const char *data)
{
	json_t *config = json_pack("{s:{s:s, s:s, s:i}}", "data", "path", data, "name", "bench", "max_length", LENGTH);

	b->registry = tl_registry_new();
	b->d = tl_run_dataset(config, b->registry, NULL, 0, &b->e);
	json_decref(config);
	return b->d ? 0 : -1;
}

static int
open_all(bench *b, const char *data, const char *minilm, int64_t docs)
{
	bool features;

	b->modules = model_of(minilm);
	if (open_data(b, data) < 0 || tl_run_tokenizer(b->modules, b->registry, b->d, NULL, &b->tokenizer, &features, &b->e) < 0 ||
	    tl_tokens_open(&b->tokens, &b->d->split[TL_TRAIN], b->tokenizer, LENGTH, 2, &b->e) < 0)
		return -1;
	b->docs = TL_MIN(docs, b->tokens.n);
	b->n_tokens = b->tokens.offsets[b->docs] - b->tokens.offsets[0];
	return 0;
}

static int
write_ids(bench *b, const char *path)
{
	tl_text t = { 0 };
	int status;

	for (int64_t i = 0; i < b->docs; i++) {
		tl_text_add(&t, i ? ",\n" : "[");
		for (int64_t k = b->tokens.offsets[i]; k < b->tokens.offsets[i + 1]; k++)
			tl_text_add(&t, "%s%d", k > b->tokens.offsets[i] ? ", " : "[", b->tokens.ids[k]);
		tl_text_add(&t, "]");
	}
	tl_text_add(&t, "]\n");
	status = tl_write_file(path, t.s, t.n, &b->e);
	tl_text_free(&t);
	return status;
}

/* --- step ---------------------------------------------------------------------------------------------------------------------------- */
static tl_plan
plan_of(void)
{
	static json_t *train; /* lives on: the plan borrows its words */
	tl_plan p;

	train = json_pack("{s:i, s:s, s:i, s:f, s:s, s:s}", "batch", (int)batch, "optimizer", "adamw", "clip", 0, "lr", 1e-5, "schedule", "constant", "select", "last");
	tl_train_defaults(train, false, NULL);
	tl_plan_read(&p, train);
	return p;
}

static int
pass(bench *b, tl_model *m, bool train, tl_optimizer *o, tl_packer *packer, int64_t docs, int64_t *step, double *loss)
{
	const tl_split *s = &b->d->split[TL_TRAIN];
	tl_feed feed = { .n = s->n, .tokens = &b->tokens, .label_offsets = s->label_offsets, .labels = s->labels };

	for (int64_t from = 0; from < docs; from += batch, ++*step) {
		int32_t document[MOST_BATCH];
		int64_t n = TL_MIN(batch, docs - from), slot = there.given % UNDER_WAY;
		tl_outcome out = { .into = there.d ? there.loss + slot * there.parts : NULL };
		double norm;
		if (there.d && there.given >= UNDER_WAY && there.d->await(there.d, there.event[slot]))
			return tl_error_set(&b->e, TL_FAILED, "%s", there.d->error);
		for (int64_t i = 0; i < n; i++)
			document[i] = (int32_t)(from + i);
		if (tl_model_step(m, tl_pack(packer, &feed, document, n, true), *step, train, 1, &out) < 0)
			return tl_model_error(m, &b->e);
		if (there.d) {
			if ((o && tl_optimizer_step_there(o, 1, there.norm + slot)) || there.d->record(there.d, there.event[slot]))
				return tl_error_set(&b->e, TL_FAILED, "%s", there.d->error);
			there.given++;
			continue;
		}
		if (o && tl_optimizer_step(o, 1, &norm) < 0)
			return tl_error_set(&b->e, TL_FAILED, "a gradient is not finite");
		*loss = out.total;
	}
	if (there.d) {
		if (there.d->wait(there.d))
			return tl_error_set(&b->e, TL_FAILED, "%s", there.d->error);
		*loss = there.loss[(there.given - 1) % UNDER_WAY * there.parts];
	}
	return 0;
}

/* Before the model: its weights are laid out on the device. 0, or -1. */
static int
open_device(bench *b)
{
	const char *device = getenv("DEVICE"), *precision = getenv("PRECISION");

	if (!device)
		return 0;
	if (!(there.d = tl_device_open(device, &b->e)))
		return -1;
	there.d->tf32 = precision && !strcmp(precision, "tf32");
	there.d->bf16 = precision && !strcmp(precision, "bf16");
	return 0;
}

static int
open_steps(bench *b, tl_model *m, tl_optimizer *o)
{
	tl_device *d = there.d;

	if (!d)
		return 0;
	there.parts = tl_model_loss_parts(m);
	there.loss = d->alloc_host(d, UNDER_WAY * (size_t)there.parts * sizeof *there.loss);
	there.norm = d->alloc_host(d, UNDER_WAY * sizeof *there.norm);
	for (int i = 0; i < UNDER_WAY; i++)
		there.event[i] = d->event(d);
	if (!there.loss || !there.norm || !there.event[UNDER_WAY - 1])
		return tl_error_set(&b->e, TL_FAILED, "%s", d->error);
	return o ? tl_optimizer_on(o, &b->e) : 0;
}

static void
close_device(void)
{
	tl_device *d = there.d;

	if (!d)
		return;
	for (int i = 0; i < UNDER_WAY; i++)
		d->event_free(d, there.event[i]);
	d->release_host(d, there.loss);
	d->release_host(d, there.norm);
	tl_device_close(d);
	there.d = NULL;
}

/* Processor seconds of all threads so far, and pages that were mapped. */
static double
processor_seconds(long *faults)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	*faults = u.ru_minflt;
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* Of the encoder's layers over all documents: 2 for each number of each product, the linear layers' and attention's; training multiplies thrice. */
static double
operations(const bench *b, bool train)
{
	double sum = 0;

	for (int64_t i = 0; i < b->docs; i++) {
		double n = (double)(b->tokens.offsets[i + 1] - b->tokens.offsets[i]);
		sum += n * (8. * model.width * model.width + 4. * model.width * model.inner) + 4. * n * n * model.width;
	}
	return sum * model.layers * (train ? 3 : 1);
}

static void
print_rate(const bench *b, const char *mode, int threads, int round, double seconds, double cpu, long faults, double loss)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	printf("{\"layout\": \"ours\", \"round\": %d, \"mode\": \"%s\", \"threads\": %d, \"docs\": %lld, \"tokens\": %lld, \"seconds\": %.3f, \"cpu_s\": %.3f, \"tokens_per_s\": %.0f, "
	       "\"tflops\": %.3f, \"loss\": %.6f, \"page_faults\": %ld, \"peak_rss_mb\": %ld}\n",
	       round, mode, threads, (long long)b->docs, (long long)b->n_tokens, seconds, cpu, (double)b->n_tokens / seconds, operations(b, !strcmp(mode, "train")) / seconds * 1e-12, loss, faults,
	       u.ru_maxrss / 1024);
	fflush(stdout);
}

static int
measure_step(bench *b, const char *mode, int threads, int rounds)
{
	tl_plan plan = plan_of();
	tl_pool *pool = tl_pool_new(threads);
	tl_packer packer = { 0 };
	int64_t step = 0;
	double loss = 0;
	tl_optimizer *o;
	tl_model *m;

	if (open_device(b) < 0)
		return -1;
	m = tl_model_new(&(tl_model_setup){ .registry = b->registry, .modules = b->modules, .compute = TL_F32, .device = there.d, .pool = pool, .seed = 1, .n_labels = b->d->n_labels,
	                                    .statistics = &b->d->statistics, .dataset = b->d, .tokenizer = b->tokenizer }, &b->e);
	if (!m)
		return -1;
	o = !strcmp(mode, "train") ? tl_optimizer_new(tl_model_weights(m), &plan, pool) : NULL;
	if (open_steps(b, m, o) < 0 || pass(b, m, o != NULL, o, &packer, TL_MIN(2 * batch, b->docs), &step, &loss) < 0)
		return -1;
	for (int r = 0; r < rounds; r++) {
		long faults_before, faults;
		double cpu = processor_seconds(&faults_before), began = tl_seconds();
		if (pass(b, m, o != NULL, o, &packer, b->docs, &step, &loss) < 0)
			return -1;
		began = tl_seconds() - began;
		cpu = processor_seconds(&faults) - cpu;
		print_rate(b, mode, threads, r, began, cpu, faults - faults_before, loss);
	}
	tl_packer_free(&packer);
	tl_optimizer_free(o);
	tl_model_free(m);
	close_device();
	tl_pool_free(pool);
	return 0;
}

/* Seconds of y = x W^T; with `backward` those of both gradients too. x: [T, in], W: [out, in]. */
static double
product(tl_pool *p, float *room, int64_t T, int64_t in, int64_t out, bool backward)
{
	float *x = room, *y = x + T * in, *w = y + T * out;
	double best = 1e9;

	for (int i = 0; i < 4; i++) {
		double began = tl_seconds();
		tl_gemm_f32(p, 0, 1, T, out, in, 1, x, in, w, in, 0, y, out);
		if (backward) {
			tl_gemm_f32(p, 0, 0, T, in, out, 1, y, out, w, in, 0, x, in);
			tl_gemm_f32(p, 1, 0, out, in, T, 1, y, out, x, in, 0, w, in);
		}
		best = TL_MIN(best, tl_seconds() - began);
	}
	return best;
}

/* What the matrix products of the linear layers alone would allow: tokens/s at this batch's number of tokens. */
static int
measure_products(bench *b, int threads, int rounds)
{
	tl_pool *pool = tl_pool_new(threads);
	int64_t batches = (b->docs + batch - 1) / batch, T = b->n_tokens / batches;
	size_t n = (size_t)(T * (model.width + model.inner) + model.width * model.inner);
	float *room = tl_alloc(n * sizeof *room);

	for (int r = 0; r < rounds; r++)
		for (int backward = 0; backward < 2; backward++) {
			double s = 0;
			memset(room, 0, n * sizeof *room);
			s += 4 * product(pool, room, T, model.width, model.width, backward);
			s += product(pool, room, T, model.width, model.inner, backward);
			s += product(pool, room, T, model.inner, model.width, backward);
			printf("{\"layout\": \"products\", \"round\": %d, \"mode\": \"%s\", \"threads\": %d, \"tokens_per_s\": %.0f, \"gflops\": %.0f}\n", r, backward ? "train" : "infer", threads,
			       (double)T / (model.layers * s), (backward ? 6.0 : 2.0) * (double)T * (4.0 * model.width * model.width + 2.0 * model.width * model.inner) / s / 1e9);
		}
	free(room);
	tl_pool_free(pool);
	return 0;
}

/* --- ops ------------------------------------------------------------------------------------------------------------------------------- */
enum { MOST_KINDS = 64 };

typedef struct kind { const char *name; bool backward; double seconds, began; tl_operations n; } kind;
typedef struct kinds { const tl_ctx *ctx; int n; kind at[MOST_KINDS]; } kinds;

static double
thread_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static kind *
kind_of(kinds *all, const char *name, bool backward)
{
	int i = 0;

	while (i < all->n && (strcmp(all->at[i].name, name) || all->at[i].backward != backward))
		i++;
	if (i == all->n && all->n < MOST_KINDS - 1)
		all->at[all->n++] = (kind){ .name = name, .backward = backward };
	return &all->at[i];
}

static void
watch(void *arg, const tl_op *op, const tl_op_call *c, bool backward, bool done)
{
	kinds *all = arg;
	kind *k = kind_of(all, op->name, backward);
	tl_operations n;

	if (!done) {
		k->began = thread_seconds();
		return;
	}
	k->seconds += thread_seconds() - k->began;
	n = tl_op_operations(all->ctx, op, c, backward);
	k->n.products += n.products;
	k->n.functions += n.functions;
	k->n.bytes += n.bytes;
}

/* Least seconds of some tries, of products (per operation), and of copying (per byte). */
static void
machine(double *per_operation, double *per_byte)
{
	enum { M = 2880, N = 384, K = 1536, LARGE = 1 << 24 };
	float *a = tl_alloc(sizeof *a * LARGE), *b = tl_alloc(sizeof *b * LARGE), *c = tl_alloc(sizeof *c * M * N);

	*per_operation = *per_byte = 1;
	for (int i = 0; i < 12; i++) {
		double began = thread_seconds();
		tl_gemm_f32(NULL, 0, 1, M, N, K, 1, a, K, b, K, 0, c, N);
		*per_operation = TL_MIN(*per_operation, (thread_seconds() - began) / (2. * M * N * K));
		began = thread_seconds();
		memcpy(i & 1 ? a : b, i & 1 ? b : a, sizeof *a * LARGE);
		*per_byte = TL_MIN(*per_byte, (thread_seconds() - began) / (2. * sizeof *a * LARGE));
	}
	free(a);
	free(b);
	free(c);
}

static int
measure_ops(bench *b, int rounds)
{
	tl_plan plan = plan_of();
	tl_packer packer = { 0 };
	tl_model *m = tl_model_new(&(tl_model_setup){ .registry = b->registry, .modules = b->modules, .compute = TL_F32, .seed = 1, .n_labels = b->d->n_labels, .statistics = &b->d->statistics,
	                                              .dataset = b->d, .tokenizer = b->tokenizer }, &b->e);
	tl_optimizer *o = m ? tl_optimizer_new(tl_model_weights(m), &plan, NULL) : NULL;
	double per_operation, per_byte, least = 1e9, loss;
	kinds now, best = { 0 };
	int64_t step = 0, steps = (b->docs + batch - 1) / batch;

	if (!m || pass(b, m, true, o, &packer, TL_MIN(2 * batch, b->docs), &step, &loss) < 0)
		return -1;
	machine(&per_operation, &per_byte);
	for (int r = 0; r < rounds; r++) {
		double began = thread_seconds(), inside = 0;
		now = (kinds){ .ctx = tl_model_ctx(m) };
		tl_ctx_watch(tl_model_ctx(m), watch, &now);
		if (pass(b, m, true, NULL, &packer, b->docs, &step, &loss) < 0)
			return -1;
		tl_ctx_watch(tl_model_ctx(m), NULL, NULL);
		for (int i = 0; i < now.n; i++)
			inside += now.at[i].seconds;
		*kind_of(&now, "outside of ops", false) = (kind){ .name = "outside of ops", .seconds = thread_seconds() - began - inside };
		began = thread_seconds();
		for (int64_t i = 0; i < steps; i++) {
			double norm;
			if (tl_optimizer_step(o, 1, &norm) < 0)
				return tl_error_set(&b->e, TL_FAILED, "a gradient is not finite");
		}
		*kind_of(&now, "optimizer", false) = (kind){ .name = "optimizer", .seconds = thread_seconds() - began,
			.n.bytes = (double)(steps * tl_weights_size(tl_model_weights(m))) * 8 * sizeof(float) }; /* weight, gradient and both moments, read and written */
		began = 0;
		for (int i = 0; i < now.n; i++)
			began += now.at[i].seconds;
		if (began < least) {
			least = began;
			best = now;
		}
	}
	for (int i = 0; i < best.n; i++) {
		const kind *k = &best.at[i];
		double floor = TL_MAX(k->n.products * per_operation, k->n.bytes * per_byte);
		printf("{\"op\": \"%s%s\", \"us_per_token\": %.2f, \"share\": %.4f, \"products_g\": %.3f, \"mb\": %.1f, \"floor_us\": %.2f, \"ratio\": %.2f}\n", k->name, k->backward ? ", backward" : "",
		       k->seconds / (double)b->n_tokens * 1e6, k->seconds / least, k->n.products / (double)steps * 1e-9, k->n.bytes / (double)steps * 1e-6, floor / (double)b->n_tokens * 1e6,
		       floor > 0 ? k->seconds / floor : 0);
	}
	printf("{\"machine\": \"one thread\", \"products_gflops\": %.1f, \"copying_gb_s\": %.1f, \"us_per_token\": %.1f}\n", 1e-9 / per_operation, 1e-9 / per_byte, least / (double)b->n_tokens * 1e6);
	tl_packer_free(&packer);
	tl_optimizer_free(o);
	tl_model_free(m);
	return 0;
}

/* --- tokenizer ------------------------------------------------------------------------------------------------------------------------ */
static int
measure_tokenizer(bench *b, const char *path, int64_t docs)
{
	const tl_split *s = &b->d->split[TL_TRAIN];
	double best = 1e9, bytes = 0;
	tl_ids ids = { 0 };
	int status = 0;

	if (!(b->tokenizer = tl_tokenizer_load(path, &b->e)))
		return -1;
	docs = TL_MIN(docs, s->n);
	for (int64_t i = 0; i < docs; i++)
		bytes += s->text_length[i];
	for (int r = 0; r < 3 && !status; r++) {
		double began = tl_seconds();
		ids.n = 0;
		for (int64_t i = 0; i < docs && !status; i++)
			status = tl_tokenizer_encode(b->tokenizer, s->text[i], s->text_length[i], true, 0, &ids, &b->e) < 0 ? -1 : 0;
		best = TL_MIN(best, tl_seconds() - began);
	}
	if (!status)
		printf("{\"texts\": %lld, \"mb\": %.1f, \"tokens\": %lld, \"single_mb_s\": %.2f}\n", (long long)docs, bytes / 1e6, (long long)ids.n, bytes / 1e6 / best);
	free(ids.at);
	return status;
}

/* --- start ----------------------------------------------------------------------------------------------------------------------------- */
/* The progress bar says "loss" from the moment when the first step begins, and another loss than 0.0000 when one is done. */
static int
measure_start(char **command)
{
	struct winsize size = { .ws_row = 24, .ws_col = 200 };
	char seen[8192], *at;
	size_t n = 0;
	double began = tl_seconds(), first = 0, done = 0;
	int fd, status;
	pid_t pid = forkpty(&fd, NULL, NULL, &size);

	if (pid < 0)
		return perror("forkpty"), 1;
	if (!pid) {
		setenv("TERM", "xterm", 1);
		execvp(command[0], command);
		perror(command[0]);
		_exit(127);
	}
	while (!done) {
		ssize_t got;
		if (n > sizeof seen / 2) { /* only the last bar matters */
			memmove(seen, seen + n - 512, 512);
			n = 512;
		}
		got = read(fd, seen + n, sizeof seen - 1 - n);
		if (got <= 0)
			break;
		n += (size_t)got;
		seen[n] = 0;
		for (at = seen; (at = strstr(at, "  loss ")) && strlen(at) > 12; at++) {
			first = first > 0 ? first : tl_seconds() - began;
			if (strncmp(at + 7, "0.0000", 6)) {
				done = tl_seconds() - began;
				break;
			}
		}
	}
	kill(pid, SIGINT);
	while (read(fd, seen, sizeof seen) > 0)
		continue;
	waitpid(pid, &status, 0);
	close(fd);
	if (!done) {
		seen[TL_MIN(n, sizeof seen - 1)] = 0;
		fprintf(stderr, "bench: no loss was shown; the command said:\n%s\n", seen);
		return 1;
	}
	printf("{\"first_step_begins_s\": %.2f, \"first_loss_s\": %.2f}\n", first, done);
	return 0;
}

int
main(int n, char **arg)
{
	bench b = { 0 };
	const char *what = n > 1 ? arg[1] : "";
	int status = -1;

	if (getenv("BATCH"))
		batch = TL_MAX(1, TL_MIN(atoll(getenv("BATCH")), MOST_BATCH));
	if (!strcmp(what, "start") && n > 2)
		return measure_start(arg + 2);
	if (!strcmp(what, "ids") && n == 6) {
		status = open_all(&b, arg[2], arg[3], atoll(arg[5])) < 0 ? -1 : write_ids(&b, arg[4]);
	} else if (!strcmp(what, "step") && n == 8) {
		if (!open_all(&b, arg[2], arg[3], atoll(arg[5])))
			status = !strcmp(arg[4], "gemm") ? measure_products(&b, atoi(arg[6]), atoi(arg[7])) : measure_step(&b, arg[4], atoi(arg[6]), atoi(arg[7]));
	} else if (!strcmp(what, "ops") && n == 5) {
		if (!open_all(&b, arg[2], arg[3], atoll(arg[4])))
			status = measure_ops(&b, 3);
	} else if (!strcmp(what, "tokenizer") && n == 5) {
		status = open_data(&b, arg[2]) < 0 ? -1 : measure_tokenizer(&b, arg[3], atoll(arg[4]));
	} else {
		fprintf(stderr, "usage: bench ids|step|ops|tokenizer|start ... (see tests/bench/bench.c)\n");
		return 2;
	}
	return status ? failed(&b) : 0;
}
