/*
 * emulate.cc - threads of a block as fibers, device memory as pages that only kernels and copies may touch.
 * A fiber runs thread after thread until one of them waits (at a barrier, or for the lanes of its warp); then another takes over. So a
 * kernel without barriers costs no switch at all.
 */
#include <deque>
#include <functional>
#include <vector>
#include "cuda_runtime.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

tl_emulated_counts tl_emulated;
struct uint3 threadIdx, blockIdx;
struct dim3 blockDim, gridDim;

enum { MOST_THREADS = 1024, STACK = 256 << 10, MOST_SHARED = 163 << 10 /* what every device of compute capability 8.0 has */ };

static const char *kernel_name = "";

__attribute__((format(printf, 1, 2), noreturn)) static void
wrong(const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "emulated device: kernel %s, block %u,%u,%u, thread %u,%u,%u: ", kernel_name, blockIdx.x, blockIdx.y, blockIdx.z, threadIdx.x, threadIdx.y, threadIdx.z);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

/* --- fibers --- */

struct fiber {
	char *stack;
	int thread;
	enum { READY, BARRIER, WARP, IDLE } state;
#if defined(__x86_64__)
	void *at;
#else
	ucontext_t at;
#endif
};

static struct fiber fiber[MOST_THREADS], *current;
static int n_fibers, idle[MOST_THREADS], n_idle, fiber_of[MOST_THREADS];

#if defined(__x86_64__)
static void *scheduler;
extern "C" void tl_emulate_switch(void **save, void *to);
asm(".text\n.globl tl_emulate_switch\n.hidden tl_emulate_switch\n.type tl_emulate_switch,@function\ntl_emulate_switch:\n"
    "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
    "movq %rsp,(%rdi)\nmovq %rsi,%rsp\n"
    "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\nret\n"
    ".size tl_emulate_switch,.-tl_emulate_switch\n");
static void to_scheduler(struct fiber *f) { tl_emulate_switch(&f->at, scheduler); }
static void to_fiber(struct fiber *f) { tl_emulate_switch(&scheduler, f->at); }
#else
static ucontext_t scheduler;
static void to_scheduler(struct fiber *f) { swapcontext(&f->at, &scheduler); }
static void to_fiber(struct fiber *f) { swapcontext(&scheduler, &f->at); }
#endif

/* --- one block --- */

struct warp { uint64_t slot[32], out[32]; unsigned arrived, lanes; const char *file; int line; };
static struct warp warp[MOST_THREADS / 32];
static int n_threads, order[MOST_THREADS], next_thread, finished, at_barrier;
static const char *barrier_file;
static int barrier_line, barrier_count, barrier_result;
static void (*kernel_run)(void *arg);
static void *kernel_arg;
static unsigned char *shared;
static size_t shared_bytes;

static void
become(int t)
{
	threadIdx.x = (unsigned)t % blockDim.x;
	threadIdx.y = (unsigned)t / blockDim.x % blockDim.y;
	threadIdx.z = (unsigned)t / (blockDim.x * blockDim.y);
}

static void
fiber_main(void)
{
	for (;;) {
		struct fiber *f = current;

		while (next_thread < n_threads) {
			f->thread = order[next_thread++];
			fiber_of[f->thread] = (int)(f - fiber);
			become(f->thread);
			kernel_run(kernel_arg);
			finished++;
		}
		f->state = fiber::IDLE;
		idle[n_idle++] = (int)(f - fiber);
		to_scheduler(f);
	}
}

static struct fiber *
fiber_new(void)
{
	struct fiber *f = &fiber[n_fibers++];

	f->stack = (char *)mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (f->stack == MAP_FAILED)
		wrong("no memory for the stack of a thread");
#if defined(__x86_64__)
	void **top = (void **)(void *)(f->stack + STACK);
	*--top = NULL;
	*--top = (void *)fiber_main; /* ret goes there with the stack as a call leaves it */
	for (int i = 0; i < 6; i++)
		*--top = NULL;
	f->at = top;
#else
	getcontext(&f->at);
	f->at.uc_stack.ss_sp = f->stack;
	f->at.uc_stack.ss_size = STACK;
	makecontext(&f->at, fiber_main, 0);
#endif
	return f;
}

static void
resume(struct fiber *f)
{
	f->state = fiber::READY;
	current = f;
	become(f->thread);
	to_fiber(f);
}

static void
wait_as(int state)
{
	struct fiber *f = current;

	f->state = (decltype(f->state))state;
	to_scheduler(f);
}

static void
run_block(void)
{
	next_thread = finished = at_barrier = 0;
	memset(warp, 0, sizeof warp);
	for (int w = 0; w < n_threads / 32; w++)
		warp[w].lanes = 0xffffffffu;
	for (;;) {
		bool moved = false;

		while (next_thread < n_threads) { /* a new fiber for those that have not begun */
			struct fiber *f = n_idle ? &fiber[idle[--n_idle]] : fiber_new();
			f->state = fiber::READY;
			current = f;
			to_fiber(f);
			moved = true;
		}
		if (finished == n_threads)
			return;
		if (at_barrier == n_threads) {
			at_barrier = 0;
			barrier_result = barrier_count;
			barrier_count = 0;
			for (int i = 0; i < n_threads; i++)
				fiber[fiber_of[order[i]]].state = fiber::READY;
		}
		for (int i = 0; i < n_threads; i++) {
			struct fiber *f = &fiber[fiber_of[order[i]]];
			if (f->thread == order[i] && f->state == fiber::READY) {
				resume(f);
				moved = true;
			}
		}
		if (!moved) {
			for (int w = 0; w < n_threads / 32; w++)
				if (warp[w].arrived)
					wrong("lanes %08x of warp %d wait for the others of their warp at %s:%d, which do not come", warp[w].arrived, w, warp[w].file, warp[w].line);
			wrong("%d of %d threads wait at the barrier %s:%d, and %d have ended: every thread of a block must reach it", at_barrier, n_threads, barrier_file, barrier_line, finished);
		}
	}
}

extern "C" void
tl_emulate_barrier(const char *file, int line, int *count, int *all, int *any, int predicate)
{
	if (at_barrier && (line != barrier_line || strcmp(file, barrier_file)))
		wrong("waits at the barrier %s:%d while others of its block wait at %s:%d", file, line, barrier_file, barrier_line);
	barrier_file = file;
	barrier_line = line;
	at_barrier++;
	barrier_count += predicate != 0;
	wait_as(fiber::BARRIER);
	if (count)
		*count = barrier_result;
	if (all)
		*all = barrier_result == n_threads;
	if (any)
		*any = barrier_result != 0;
}

/* All lanes give a value; then all of them see all values. */
static struct warp *
exchange(const char *file, int line, unsigned mask, uint64_t value)
{
	int w = current->thread / 32, lane = current->thread % 32;
	struct warp *p = &warp[w];

	if (mask != 0xffffffffu)
		wrong("%s:%d: the mask is %08x; these kernels move values among whole warps only", file, line, mask);
	if (p->arrived && (p->line != line || strcmp(p->file, file)))
		wrong("is at %s:%d while lanes of its warp are at %s:%d", file, line, p->file, p->line);
	p->file = file;
	p->line = line;
	p->slot[lane] = value;
	p->arrived |= 1u << lane;
	if (p->arrived != p->lanes) {
		wait_as(fiber::WARP);
		return p;
	}
	memcpy(p->out, p->slot, sizeof p->out);
	p->arrived = 0;
	for (int i = 0; i < 32; i++)
		fiber[fiber_of[w * 32 + i]].state = fiber::READY;
	return p;
}

extern "C" uint64_t
tl_emulate_lane(const char *file, int line, unsigned mask, uint64_t value, int from)
{
	return exchange(file, line, mask, value)->out[from];
}

extern "C" unsigned
tl_emulate_ballot(const char *file, int line, unsigned mask, int predicate)
{
	const struct warp *p = exchange(file, line, mask, predicate != 0);
	unsigned bits = 0;

	for (int i = 0; i < 32; i++)
		bits |= (unsigned)(p->out[i] & 1) << i;
	return bits;
}

/* --- small matrices of bf16 --- */

static float
half_of(unsigned two, int which)
{
	uint32_t bits = which ? two & 0xffff0000u : two << 16;
	float f;

	memcpy(&f, &bits, sizeof f);
	return f;
}

/* Element `column` of a row that a lane named. */
static unsigned
element(uint64_t row, int column)
{
	uint16_t x;

	memcpy(&x, (const char *)(uintptr_t)row + 2 * column, sizeof x);
	return x;
}

extern "C" void
tl_emulate_matrices(const char *file, int line, unsigned to[4], const void *row, bool turned)
{
	const unsigned char *at = (const unsigned char *)row;
	int lane = current->thread % 32, down = lane / 4, across = lane % 4 * 2;
	const uint64_t *rows;

	if ((uintptr_t)at % 16 || at < shared || at + 16 > shared + shared_bytes)
		wrong("%s:%d: a row of a small matrix at %p; wanted 16 bytes of shared memory at a multiple of 16", file, line, row);
	rows = exchange(file, line, 0xffffffffu, (uint64_t)(uintptr_t)row)->out;
	for (int m = 0; m < 4; m++)
		to[m] = turned ? element(rows[8 * m + across], down) | element(rows[8 * m + across + 1], down) << 16
		               : element(rows[8 * m + down], across) | element(rows[8 * m + down], across + 1) << 16;
}

extern "C" void
tl_emulate_mma(const char *file, int line, float c[4], const unsigned a[4], unsigned b0, unsigned b1)
{
	int lane = current->thread % 32;
	uint64_t left[32], right[32];
	const uint64_t *b;

	memcpy(left, exchange(file, line, 0xffffffffu, a[0] | (uint64_t)a[1] << 32)->out, sizeof left);
	memcpy(right, exchange(file, line, 0xffffffffu, a[2] | (uint64_t)a[3] << 32)->out, sizeof right);
	b = exchange(file, line, 0xffffffffu, b0 | (uint64_t)b1 << 32)->out;
	for (int i = 0; i < 4; i++)
		for (int k = 0; k < 16; k++) {
			uint64_t x = (k < 8 ? left : right)[lane / 4 * 4 + k % 8 / 2], y = b[(lane % 4 * 2 + i % 2) * 4 + k % 8 / 2];
			c[i] += half_of((unsigned)(x >> 32 * (i / 2)), k % 2) * half_of((unsigned)(y >> 32 * (k / 8)), k % 2);
		}
}

extern "C" void *
tl_emulate_shared(void)
{
	return shared;
}

/* --- launches --- */

static void
set_order(int n, unsigned seed)
{
	uint64_t state = seed * 0x9E3779B97F4A7C15u;

	for (int i = 0; i < n; i++)
		order[i] = seed == 1 ? n - 1 - i : i;
	for (int i = n - 1; i > 0 && seed > 1; i--) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		int j = (int)((state >> 33) % (uint64_t)(i + 1)), t = order[i];
		order[i] = order[j];
		order[j] = t;
	}
}

extern "C" void
tl_emulate_check(const char *what, dim3 grid, dim3 block, size_t bytes)
{
	int64_t blocks = (int64_t)grid.x * grid.y * grid.z;

	kernel_name = what;
	tl_emulated.launches++;
	if ((uint64_t)block.x * block.y * block.z > MOST_THREADS || block.z > 64)
		wrong("a block of %u x %u x %u threads; the most is 1024", block.x, block.y, block.z);
	if (block.x * block.y * block.z % 32)
		wrong("a block of %u x %u x %u threads; these kernels have whole warps", block.x, block.y, block.z);
	if (!blocks || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535)
		wrong("a grid of %u x %u x %u blocks", grid.x, grid.y, grid.z);
	if (bytes > MOST_SHARED)
		wrong("%zu bytes of shared memory; the most on every device is %d", bytes, MOST_SHARED);
}

extern "C" void
tl_emulate_launch(const char *what, dim3 grid, dim3 block, size_t bytes, void (*run)(void *arg), void *arg)
{
	const char *said = getenv("TAGLOOM_EMULATE_ORDER");
	unsigned seed = said ? (unsigned)atoi(said) : 0;
	int64_t blocks = (int64_t)grid.x * grid.y * grid.z;

	kernel_name = what;
	blockDim = block;
	gridDim = grid;
	n_threads = (int)(block.x * block.y * block.z);
	kernel_run = run;
	kernel_arg = arg;
	set_order(n_threads, seed);
	/* The end of shared memory lies at a page that nobody may touch. */
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (bytes + page - 1) / page * page;
	unsigned char *map = (unsigned char *)mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(map + size, page, PROT_NONE);
	shared = map + size - (bytes + 15) / 16 * 16;
	shared_bytes = bytes;
	tl_emulate_enter();
	for (int64_t i = 0; i < blocks; i++) {
		int64_t b = seed == 1 ? blocks - 1 - i : seed > 1 ? (i * 2654435761 + seed) % blocks : i;
		blockIdx.x = (unsigned)(b % grid.x);
		blockIdx.y = (unsigned)(b / grid.x % grid.y);
		blockIdx.z = (unsigned)(b / grid.x / grid.y);
		if (bytes)
			memset(shared, 0xff, bytes); /* what is not written is no number */
		run_block();
	}
	tl_emulate_leave();
	munmap(map, size + page);
}

/* --- memory --- */

struct block { char *map; size_t size, bytes; char *p; struct block *next; };
static struct block *blocks;
static size_t used;
static int entered;

/* Changing the pages takes longer than most kernels do: asked for by the test that looks for a host that touches device memory. */
static bool
protects(void)
{
	static int known;

	if (!known)
		known = getenv("TAGLOOM_EMULATE_PROTECT") ? 1 : -1;
	return known > 0;
}

static size_t
total(void)
{
	const char *said = getenv("TAGLOOM_EMULATE_MEMORY");

	return said ? (size_t)atoll(said) : (size_t)4 << 30;
}

extern "C" void
tl_emulate_enter(void)
{
	if (!entered++ && protects())
		for (struct block *b = blocks; b; b = b->next)
			mprotect(b->map, b->size, PROT_READ | PROT_WRITE);
}

extern "C" void
tl_emulate_leave(void)
{
	if (!--entered && protects())
		for (struct block *b = blocks; b; b = b->next)
			mprotect(b->map, b->size, PROT_NONE);
}

/* The end lies at the end of a page, so that a step beyond it is told at once. */
extern "C" cudaError_t
tl_emulate_malloc(void **p, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (bytes + 255) / 256 * 256;
	struct block *b = (struct block *)calloc(1, sizeof *b);

	tl_emulated.allocations++;
	b->bytes = size;
	b->size = (size + page - 1) / page * page;
	*p = NULL;
	if (used + size > total() || (b->map = (char *)mmap(NULL, b->size + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) == MAP_FAILED) {
		free(b);
		return cudaErrorMemoryAllocation;
	}
	b->p = b->map + b->size - size;
	b->next = blocks;
	blocks = b;
	used += size;
	mprotect(b->map, b->size, PROT_READ | PROT_WRITE);
	memset(b->p, 0xff, size);
	if (!entered && protects())
		mprotect(b->map, b->size, PROT_NONE);
	*p = b->p;
	return cudaSuccess;
}

/* --- streams --- */

struct CUstream_st { int index; int64_t given, done; std::deque<std::function<void()>> waiting; };
struct CUevent_st { cudaStream_t stream; int64_t number; };
static std::vector<cudaStream_t> streams;

static void
finish(cudaStream_t s, int64_t number)
{
	while (s && s->done < number && !s->waiting.empty()) {
		std::function<void()> f = s->waiting.front();
		s->waiting.pop_front();
		f();
		s->done++;
	}
}

static void
give(cudaStream_t s, std::function<void()> f)
{
	const char *said = getenv("TAGLOOM_EMULATE_STREAMS");

	if (!s) {
		f();
		return;
	}
	s->given++;
	s->waiting.push_back(f);
	if (!said || !*said || (s->index ? strcmp(said, "late") && strcmp(said, "lost") : strcmp(said, "ahead")))
		finish(s, s->given);
}

extern "C" void
tl_emulate_give(cudaStream_t s, void (*run)(void *arg), void *arg)
{
	give(s, [=] { run(arg); });
}

extern "C" cudaError_t
cudaStreamCreateWithFlags(cudaStream_t *s, unsigned)
{
	*s = new CUstream_st{ (int)(streams.size() % 2), 0, 0, {} }; /* a device has two */
	streams.push_back(*s);
	return cudaSuccess;
}
extern "C" cudaError_t cudaStreamDestroy(cudaStream_t s) { finish(s, s->given); return cudaSuccess; } /* stays, for events that name it */
extern "C" cudaError_t
cudaStreamSynchronize(cudaStream_t s)
{
	tl_emulated.waits++;
	finish(s, s ? s->given : 0);
	return cudaSuccess;
}
extern "C" cudaError_t
cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned)
{
	const char *said = getenv("TAGLOOM_EMULATE_STREAMS");
	CUevent_st at = *e;

	if (!said || strcmp(said, "lost"))
		give(s, [=] { finish(at.stream, at.number); });
	return cudaSuccess;
}
extern "C" cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned) { *e = new CUevent_st{ NULL, 0 }; return cudaSuccess; }
extern "C" cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s) { *e = CUevent_st{ s, s ? s->given : 0 }; return cudaSuccess; }
extern "C" cudaError_t cudaEventSynchronize(cudaEvent_t e) { finish(e->stream, e->number); return cudaSuccess; }
extern "C" cudaError_t cudaEventDestroy(cudaEvent_t e) { delete e; return cudaSuccess; }

extern "C" cudaError_t
cudaFree(void *p)
{
	for (cudaStream_t t : streams) /* the device gives memory back when all its work is done */
		finish(t, t->given);
	for (struct block **at = &blocks; *at; at = &(*at)->next)
		if ((*at)->p == p) {
			struct block *b = *at;
			*at = b->next;
			used -= b->bytes;
			munmap(b->map, b->size + (size_t)sysconf(_SC_PAGESIZE));
			free(b);
			return cudaSuccess;
		}
	return p ? cudaErrorInvalidValue : cudaSuccess;
}

extern "C" cudaError_t
tl_emulate_malloc_host(void **p, size_t bytes)
{
	tl_emulated.allocations++;
	*p = malloc(bytes ? bytes : 1);
	return *p ? cudaSuccess : cudaErrorMemoryAllocation;
}

extern "C" cudaError_t
cudaFreeHost(void *p)
{
	free(p);
	return cudaSuccess;
}

static bool
on_device(const void *p)
{
	for (const struct block *b = blocks; b; b = b->next)
		if ((const char *)p >= b->p && (const char *)p < b->p + b->bytes)
			return true;
	return false;
}

extern "C" cudaError_t
cudaMemcpyAsync(void *to, const void *from, size_t n, cudaMemcpyKind kind, cudaStream_t s)
{
	bool up = on_device(to), down = on_device(from);

	if (!n)
		return cudaSuccess;
	if (up != (kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice) || down != (kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice)) {
		kernel_name = "(copy)";
		wrong("%zu bytes from %p (%s) to %p (%s) as a copy of kind %d", n, from, down ? "device" : "host", to, up ? "device" : "host", (int)kind);
	}
	if (up && down && (const char *)from < (char *)to + n && (char *)to < (const char *)from + n) {
		kernel_name = "(copy)";
		wrong("%zu bytes from %p to %p: the two overlap", n, from, to);
	}
	tl_emulated.copies++;
	*(up ? down ? &tl_emulated.bytes_within : &tl_emulated.bytes_up : &tl_emulated.bytes_down) += (int64_t)n;
	give(s, [=] {
		tl_emulate_enter();
		memcpy(to, from, n);
		tl_emulate_leave();
	});
	return cudaSuccess;
}

extern "C" cudaError_t
cudaMemsetAsync(void *to, int value, size_t n, cudaStream_t s)
{
	if (!n)
		return cudaSuccess;
	if (!on_device(to)) {
		kernel_name = "(fill)";
		wrong("%zu bytes at %p, which is no device memory", n, to);
	}
	tl_emulated.fills++;
	give(s, [=] {
		tl_emulate_enter();
		memset(to, value, n);
		tl_emulate_leave();
	});
	return cudaSuccess;
}

/* --- the rest: one device --- */

extern "C" cudaError_t cudaGetDeviceCount(int *n) { *n = 1; return cudaSuccess; }
extern "C" cudaError_t cudaSetDevice(int i) { return i ? cudaErrorInvalidDevice : cudaSuccess; }
extern "C" cudaError_t cudaRuntimeGetVersion(int *v) { *v = 0; return cudaSuccess; }
extern "C" cudaError_t cudaDriverGetVersion(int *v) { *v = 0; return cudaSuccess; }
extern "C" cudaError_t
cudaGetDeviceProperties(cudaDeviceProp *p, int i)
{
	if (i)
		return cudaErrorInvalidDevice;
	memset(p, 0, sizeof *p);
	strcpy(p->name, "emulated on the CPU");
	p->totalGlobalMem = total();
	p->major = 8;
	p->multiProcessorCount = 1;
	return cudaSuccess;
}
extern "C" cudaError_t
cudaMemGetInfo(size_t *left, size_t *all)
{
	*all = total();
	*left = *all > used ? *all - used : 0;
	return cudaSuccess;
}
extern "C" cudaError_t cudaGetLastError(void) { return cudaSuccess; }
extern "C" const char *
cudaGetErrorString(cudaError_t e)
{
	return e == cudaErrorMemoryAllocation ? "out of memory" : e == cudaErrorInvalidDevice ? "invalid device ordinal" : e ? "invalid argument" : "no error";
}
