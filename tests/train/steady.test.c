/* A warm training step allocates nothing: every batch has the same shape here, so that from the second epoch on nothing has to grow. */
#include "world.h"

#ifdef __GLIBC__
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t m);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t a, size_t n);
#endif

static bool counting;
static long counted;
static size_t largest;

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined __GLIBC__ && !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
#define COUNTED 1
void *malloc(size_t n);
void *calloc(size_t n, size_t m);
void *realloc(void *p, size_t n);
void *aligned_alloc(size_t a, size_t n);

static void
count(size_t n)
{
	if (__atomic_load_n(&counting, __ATOMIC_RELAXED)) {
		__atomic_add_fetch(&counted, 1, __ATOMIC_RELAXED);
		largest = n > largest ? n : largest;
	}
}

void *
malloc(size_t n)
{
	count(n);
	return __libc_malloc(n);
}

void *
calloc(size_t n, size_t m)
{
	count(n * m);
	return __libc_calloc(n, m);
}

/* A block that stays where it is has not been allocated. */
void *
realloc(void *p, size_t n)
{
	void *q = __libc_realloc(p, n);

	if (q != p)
		count(n);
	return q;
}

void *
aligned_alloc(size_t a, size_t n)
{
	count(n);
	return __libc_memalign(a, n);
}
#else
#define COUNTED 0
#endif

enum { STEPS = 10 }; /* 80 documents in batches of 8 */
static int64_t seen;

static int
on_curve(void *arg, int64_t step, const char *name, double value)
{
	(void)arg, (void)value;
	if (!strcmp(name, "grad_norm")) {
		seen = step;
		/* the third epoch, but for its last step, which is followed by an evaluation */
		__atomic_store_n(&counting, step >= 2 * STEPS + 1 && step < 3 * STEPS, __ATOMIC_RELAXED);
	}
	return 0;
}

static void
steady(const char *name, const char *model, int threads)
{
	char *dir = tl_path_join(getenv("TMP") ? getenv("TMP") : "/tmp", "even"), path[400], *text;
	tl_recorder rec = { .curve = on_curve };
	tl_run_options o = { .threads = threads, .device = "cpu" };
	tl_run_summary s;
	tl_error e = { 0 };
	json_t *config;

	tl_make_dirs(dir, NULL);
	for (int k = 0; k < 2; k++) {
		FILE *f;
		snprintf(path, sizeof path, "%s/%s.jsonl", dir, k ? "test" : "train");
		f = fopen(path, "w");
		for (int i = 0; i < 80; i++)
			fprintf(f, "{\"id\": \"%d\", \"text\": \"%c %c a b c d e f\", \"labels\": [\"l%d\"]}\n", i, 'a' + i % 8, 'a' + i / 8 % 8, i % 3);
		fclose(f);
	}
	snprintf(path, sizeof path, "%s/labels.txt", dir);
	tl_write_file(path, "l0\nl1\nl2\n", 9, NULL);
	text = tl_format("{'data': {'path': '%s', 'max_length': 24}, 'model': [%s, {'plugin': 'classifier'}], 'train': {'epochs': 3, 'batch': 8}, 'metrics': ['p@1'], 'seed': 1}", dir, model);
	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	config = tl_json_parse(text, strlen(text), "config", &e);
	counted = 0;
	largest = 0;
	seen = 0;
	if (!ok(tl_run_train(config, world_registry, &o, &rec, &s, &e) == 0 && seen == 3 * STEPS, "%s, %d threads: 30 steps%s", name, threads, e.text))
		return;
	if (COUNTED)
		ok(counted == 0, "and %ld allocations in nine warm ones (largest %zu bytes)", counted, largest);
	else
		skip("allocations counted", "the allocator belongs to a sanitizer");
	json_decref(config);
	free(text);
	free(dir);
}

int
main(void)
{
	if (getenv("BUILD"))
		setenv("TAGLOOM_PLUGIN_PATH", tl_path_join(getenv("BUILD"), "build/plugins"), 1);
	world_registry = tl_registry_new();
	steady("cnn", "{'kind': 'encoder', 'plugin': 'cnn', 'params': {'dim': 12, 'filters': 7, 'vocab': 60}}", 1);
	steady("transformer", "{'kind': 'encoder', 'plugin': 'transformer', 'params': {'dim': 12, 'layers': 2, 'heads': 3, 'ffn': 20, 'vocab': 60, 'pooled': 'mean'}}", 1);
	steady("transformer", "{'kind': 'encoder', 'plugin': 'transformer', 'params': {'dim': 12, 'layers': 2, 'heads': 3, 'ffn': 20, 'vocab': 60, 'pooled': 'mean'}}", 2);
	return done();
}
