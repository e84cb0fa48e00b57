/* A warm training step allocates nothing: every batch has the same shape here, so that from the second epoch on nothing has to grow. */
#include "base/sanitized.h"
#include "world.h"

#include <dlfcn.h>

#ifdef __GLIBC__
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t m);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t a, size_t n);
#endif

static bool counting;
static long counted;
static size_t largest;

#if defined __GLIBC__ && !defined SANITIZED
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

/* What the emulated device counts (tests/cuda/emulate/cuda_runtime.h). */
struct counts { int64_t launches, products, fills, copies, bytes_up, bytes_down, bytes_within, allocations, waits, read, written, product_read, product_written; };
static struct counts *device, from, to;

/* On a device the record is some steps late: five steps of the third epoch lie between these two. */
static void
on_device(int64_t step)
{
	if (step == 2 * STEPS + 1)
		from = *device;
	if (step == 2 * STEPS + 6)
		to = *device;
	__atomic_store_n(&counting, step >= 2 * STEPS + 1 && step < 2 * STEPS + 6, __ATOMIC_RELAXED);
}

static int
on_curve(void *arg, int64_t step, const char *name, double value)
{
	(void)arg, (void)value;
	if (!strcmp(name, "grad_norm")) {
		seen = step;
		if (device) {
			on_device(step);
			return 0;
		}
		/* the third epoch, but for its last step, which is followed by an evaluation */
		__atomic_store_n(&counting, step >= 2 * STEPS + 1 && step < 3 * STEPS, __ATOMIC_RELAXED);
	}
	return 0;
}

static void
steady(const char *name, const char *model, int threads, const char *where, const char *precision)
{
	char *dir = tl_path_join(getenv("TMP") ? getenv("TMP") : "/tmp", "even"), path[400], *text;
	tl_recorder rec = { .curve = on_curve };
	tl_run_options o = { .threads = threads, .device = where };
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
	text = tl_format("{'data': {'path': '%s', 'max_length': 24}, 'model': [%s, {'plugin': 'classifier'}], 'train': {'epochs': 3, 'batch': 8, 'precision': '%s'}, 'metrics': ['p@1'], 'seed': 1}", dir, model,
	                 precision);
	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	config = tl_json_parse(text, strlen(text), "config", &e);
	counted = 0;
	largest = 0;
	seen = 0;
	if (!ok(tl_run_train(config, world_registry, &o, &rec, &s, &e) == 0 && seen == 3 * STEPS, "%s, %d threads: 30 steps%s", name, threads, e.text))
		return;
	if (device) {
		printf("# a step: %.1f launches, %.1f products, %.1f fills, %.1f copies, %.0f bytes to the device, %.0f from it\n", (double)(to.launches - from.launches) / 5,
		       (double)(to.products - from.products) / 5, (double)(to.fills - from.fills) / 5, (double)(to.copies - from.copies) / 5, (double)(to.bytes_up - from.bytes_up) / 5,
		       (double)(to.bytes_down - from.bytes_down) / 5);
		printf("# kernels read %.0f bytes of tensors and write %.0f, products read %.0f and write %.0f\n", (double)(to.read - from.read) / 5, (double)(to.written - from.written) / 5,
		       (double)(to.product_read - from.product_read) / 5, (double)(to.product_written - from.product_written) / 5);
		ok(to.launches > from.launches && to.allocations == from.allocations, "nothing is allocated there in five warm steps");
		ok(to.waits == from.waits, "and the host waits for nothing (%lld waits)", (long long)(to.waits - from.waits));
	}
	/* A worker gets memory for packing when it first multiplies a tile, and which step that is depends on the other threads: one block for
	 * each of the four shapes that ask for more than the last. One allocation a step would be nine. */
	if (COUNTED)
		ok(counted <= 4 * (threads - 1), "and %ld allocations of the host in warm ones (largest %zu bytes)", counted, largest);
	else
		skip("allocations counted", "the allocator belongs to a sanitizer");
	json_decref(config);
	free(text);
	free(dir);
}

static void
emulated(void)
{
	char *so = tl_format("%s/build/tests/cuda/tagloom-cuda-emulated.so", getenv("BUILD") ? getenv("BUILD") : ".");
	void *handle = tl_exists(so) ? dlopen(so, RTLD_NOW | RTLD_LOCAL) : NULL;

	if (!handle) {
		skip("on the emulated device", "no C++ compiler was found when it was configured");
		return;
	}
	setenv("TAGLOOM_CUDA", so, 1);
	setenv("TAGLOOM_EMULATE_BARE", "1", 1);
	device = dlsym(handle, "tl_emulated");
	for (const char *const *p = (const char *const[]){ "f32", "bf16", NULL }; *p; p++) {
		char *name = tl_format("transformer on a device, %s", *p);
		steady(name, "{'kind': 'encoder', 'plugin': 'transformer', 'params': {'dim': 12, 'layers': 2, 'heads': 3, 'ffn': 20, 'vocab': 60, 'pooled': 'mean'}}", 1, "cuda:0", *p);
		free(name);
	}
	device = NULL;
	free(so);
}

int
main(void)
{
	if (getenv("BUILD"))
		setenv("TAGLOOM_PLUGIN_PATH", tl_path_join(getenv("BUILD"), "build/plugins"), 1);
	world_registry = tl_registry_new();
	steady("cnn", "{'kind': 'encoder', 'plugin': 'cnn', 'params': {'dim': 12, 'filters': 7, 'vocab': 60}}", 1, "cpu", "f32");
	steady("transformer", "{'kind': 'encoder', 'plugin': 'transformer', 'params': {'dim': 12, 'layers': 2, 'heads': 3, 'ffn': 20, 'vocab': 60, 'pooled': 'mean'}}", 1, "cpu", "f32");
	steady("transformer", "{'kind': 'encoder', 'plugin': 'transformer', 'params': {'dim': 12, 'layers': 2, 'heads': 3, 'ffn': 20, 'vocab': 60, 'pooled': 'mean'}}", 2, "cpu", "f32");
	emulated();
	return done();
}
