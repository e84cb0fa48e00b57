/*
 * device.c - the device's shared object is found and loaded; the memory of a step lies in one block of the device.
 * A space hands out addresses of one block from its beginning on. What does not fit goes to further blocks, and when the step ends all of
 * them become one: a warm step allocates nothing.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"
#include "kernel.h"
#include "memory.h"

/* --- spaces --- */

enum { LEAST = 4 << 20, GUARD = 256, GUARD_BYTE = 0xA7 };

struct block { struct block *next; char *p; size_t size, used; };
struct guard { char *p; size_t bytes; };

struct tl_space {
	tl_device *device;
	bool host;                 /* memory of the host that the device copies from */
	struct block *first, *last; /* in the order in which they are filled; those after `now` are empty */
	struct block *now;
	size_t used, peak;
	struct guard *guard;       /* tests: bytes that nobody may write */
	int64_t n_guards, c_guards;
};

tl_space *
tl_space_new(tl_device *d, bool host)
{
	tl_space *s = tl_alloc(sizeof *s);

	*s = (tl_space){ .device = d, .host = host };
	return s;
}

static void
blocks_free(tl_space *s)
{
	for (struct block *b = s->first, *next; b; b = next) {
		next = b->next;
		(s->host ? s->device->release_host : s->device->release)(s->device, b->p);
		free(b);
	}
	s->first = s->last = s->now = NULL;
}

static int
block_add(tl_space *s, size_t size)
{
	struct block *b = tl_alloc(sizeof *b);

	*b = (struct block){ .size = size, .p = (s->host ? s->device->alloc_host : s->device->alloc)(s->device, size) };
	if (!b->p) {
		free(b);
		return -1;
	}
	if (s->last)
		s->last->next = b;
	else
		s->first = b;
	s->last = b;
	return 0;
}

void *
tl_space_alloc(tl_space *s, size_t bytes)
{
	size_t rest = s->device->guarded && !s->host ? GUARD : 0, size = (bytes + rest + TL_DEVICE_ALIGN - 1) / TL_DEVICE_ALIGN * TL_DEVICE_ALIGN;
	char *p;

	while (!s->now || s->now->size - s->now->used < size) {
		if (s->now && s->now->next)
			s->now = s->now->next;
		else if (s->now || !s->first) {
			if (block_add(s, TL_MAX(size, TL_MAX((size_t)LEAST, s->used))))
				return NULL;
			s->now = s->last;
		} else
			s->now = s->first;
	}
	p = s->now->p + s->now->used;
	s->now->used += size;
	s->used += size;
	s->peak = TL_MAX(s->peak, s->used);
	if (rest) {
		struct guard g = { p + bytes, size - bytes };
		char pattern[2 * GUARD + TL_DEVICE_ALIGN];
		memset(pattern, GUARD_BYTE, sizeof pattern);
		s->device->upload(s->device, g.p, pattern, TL_MIN(g.bytes, sizeof pattern));
		s->guard = tl_grow(s->guard, s->n_guards, &s->c_guards, sizeof *s->guard);
		s->guard[s->n_guards++] = g;
	}
	return p;
}

/* Guards from `from` on: 0, or -1 where one was written. */
static int
guards_hold(tl_space *s, int64_t from)
{
	char seen[2 * GUARD + TL_DEVICE_ALIGN];
	int status = 0;

	for (int64_t i = from; i < s->n_guards; i++) {
		size_t n = TL_MIN(s->guard[i].bytes, sizeof seen);
		s->device->download(s->device, seen, s->guard[i].p, n);
		for (size_t k = 0; k < n && !status; k++)
			if ((unsigned char)seen[k] != GUARD_BYTE) {
				snprintf(s->device->error, sizeof s->device->error, "memory was written %zu bytes behind the end of a tensor", k + 1);
				status = -1;
			}
	}
	s->n_guards = from;
	return status;
}

int
tl_space_reset(tl_space *s)
{
	int status = guards_hold(s, 0);

	if (s->first && s->first->next) {
		size_t all = 0;
		for (struct block *b = s->first; b; b = b->next)
			all += b->size;
		blocks_free(s);
		if (block_add(s, all)) /* in pieces again, as far as there is memory */
			s->device->error[0] = 0;
	}
	for (struct block *b = s->first; b; b = b->next)
		b->used = 0;
	s->now = NULL;
	s->used = 0;
	return status;
}

tl_space_mark
tl_space_here(const tl_space *s)
{
	return (tl_space_mark){ s->now, s->now ? s->now->used : 0, s->used, s->n_guards };
}

int
tl_space_back(tl_space *s, tl_space_mark mark)
{
	int status = s->n_guards > mark.guards ? guards_hold(s, mark.guards) : 0;
	struct block *at = mark.block;

	for (struct block *b = at ? at->next : s->first; b; b = b->next)
		b->used = 0;
	if (at)
		at->used = mark.in_block;
	s->now = at;
	s->used = mark.used;
	return status;
}

size_t
tl_space_peak(const tl_space *s)
{
	return s->peak;
}

void
tl_space_free(tl_space *s)
{
	if (!s)
		return;
	blocks_free(s);
	free(s->guard);
	free(s);
}

/* --- the shared object --- */

static struct { void *handle; char path[1024]; } loaded;

static int
load(tl_error *e)
{
	const char *said = getenv("TAGLOOM_CUDA"), *why;
	char self[900], *slash;
	ssize_t n;

	if (loaded.handle)
		return 0;
	if (said && *said)
		snprintf(loaded.path, sizeof loaded.path, "%s", said);
	else {
		n = readlink("/proc/self/exe", self, sizeof self - 1);
		self[n > 0 ? n : 0] = 0;
		slash = strrchr(self, '/');
		snprintf(loaded.path, sizeof loaded.path, "%.*s/tagloom-cuda.so", slash ? (int)(slash - self) : 0, self);
		if (!tl_exists(loaded.path))
			snprintf(loaded.path, sizeof loaded.path, "%s/lib/tagloom/tagloom-cuda.so", TL_PREFIX);
	}
	if (!tl_exists(loaded.path))
		return tl_error_set(e, TL_ENVIRONMENT, "this build has no CUDA part (%s is missing); build where nvcc is, or use --device cpu", loaded.path);
	if (!(loaded.handle = dlopen(loaded.path, RTLD_NOW | RTLD_LOCAL))) {
		why = dlerror();
		return tl_error_set(e, TL_ENVIRONMENT, "%s cannot be loaded: %s", loaded.path, why ? why : "no reason is given");
	}
	return 0;
}

const tl_device_kernels *
tl_device_kernels_of(const char *op)
{
	char name[120];

	if (!loaded.handle)
		return NULL;
	snprintf(name, sizeof name, "tl_cuda_%s", op);
	return dlsym(loaded.handle, name);
}

tl_device *
tl_device_open(const char *what, tl_error *e)
{
	tl_device_open_fn open;
	tl_device *d = NULL;
	char why[600] = "";
	bool emulated = tl_starts(what, "cuda-emulated:");
	const char *number = emulated ? what + 14 : tl_starts(what, "cuda:") ? what + 5 : "0";
	char *end;
	int index = (int)strtol(number, &end, 10);

	if ((!emulated && !tl_starts(what, "cuda:") && !tl_streq(what, "cuda")) || end == number || *end || index < 0) {
		tl_error_set(e, TL_USAGE, "device %s: wanted cpu, cuda, cuda:NUMBER or auto", what);
		return NULL;
	}
	if (load(e))
		return NULL;
	if (!(*(void **)&open = dlsym(loaded.handle, TL_DEVICE_OPEN))) {
		tl_error_set(e, TL_ENVIRONMENT, "%s has no %s; it is no device of tagloom", loaded.path, TL_DEVICE_OPEN);
		return NULL;
	}
	if (open(index, sizeof(tl_device), &d, why, sizeof why) || !d) {
		tl_error_set(e, TL_ENVIRONMENT, "device %s: %s", what, why);
		return NULL;
	}
	if (emulated && !tl_streq(d->kind, "cuda-emulated")) {
		tl_error_set(e, TL_ENVIRONMENT, "device %s: %s is a real one; an emulated one is had by TAGLOOM_CUDA alone", what, loaded.path);
		d->close(d);
		return NULL;
	}
	tl_ops_of_device();
	return d;
}

void
tl_device_close(tl_device *d)
{
	if (d)
		d->close(d);
}

/* --- the memory of a step, wherever it is --- */

static int
told(tl_ctx *ctx, int status)
{
	return status ? tl_fail(ctx, "%s:%d: %s", ctx->device->kind, ctx->device->index, ctx->device->error) : 0;
}

void
tl_ctx_on(tl_ctx *ctx, tl_device *d)
{
	ctx->device = d;
	ctx->space = tl_space_new(d, false);
	for (int i = 0; i < TL_COUNT(ctx->staging); i++)
		ctx->staging[i] = (struct staging){ tl_space_new(d, true), tl_space_new(d, false), d->event(d), d->event(d), false };
	ctx->flag = d->alloc(d, TL_DEVICE_ALIGN);
	if (!ctx->flag || d->zero(d, ctx->flag, sizeof *ctx->flag))
		told(ctx, -1);
}

tl_device *
tl_ctx_device(const tl_ctx *ctx)
{
	return ctx->device;
}

void
tl_ctx_off(tl_ctx *ctx)
{
	tl_device *d = ctx->device;

	if (!d)
		return;
	tl_step_sent(ctx);
	d->wait(d);
	for (int i = 0; i < TL_COUNT(ctx->staging); i++) {
		tl_space_free(ctx->staging[i].space);
		tl_space_free(ctx->staging[i].there);
		d->event_free(d, ctx->staging[i].arrived);
		d->event_free(d, ctx->staging[i].done);
	}
	tl_space_free(ctx->space);
	if (ctx->flag)
		d->release(d, ctx->flag);
	ctx->device = NULL;
}

/* A step begins: what the one before the last one sent is waited for, so that its staging memory can be used again. */
void
tl_step_begin(tl_ctx *ctx)
{
	struct staging *s = &ctx->staging[ctx->turn];

	tl_arena_reset(ctx->arena);
	if (!ctx->device)
		return;
	if (s->space) { /* what was sent and never read is behind this event, too */
		tl_step_sent(ctx);
		told(ctx, ctx->device->record(ctx->device, s->done));
		s->used = true;
	}
	ctx->turn = (ctx->turn + 1) % TL_COUNT(ctx->staging);
	s = &ctx->staging[ctx->turn];
	if (s->used)
		told(ctx, ctx->device->await(ctx->device, s->done));
	told(ctx, tl_space_reset(s->space));
	told(ctx, tl_space_reset(s->there));
	told(ctx, tl_space_reset(ctx->space));
}

tl_step_mark
tl_step_here(const tl_ctx *ctx)
{
	tl_step_mark m = { .host = tl_arena_here(ctx->arena) };

	if (ctx->device)
		m.device = tl_space_here(ctx->space);
	return m;
}

void
tl_step_back(tl_ctx *ctx, tl_step_mark mark)
{
	tl_halves_back(ctx, mark.device.used);
	tl_arena_back(ctx->arena, mark.host);
	if (ctx->device)
		told(ctx, tl_space_back(ctx->space, mark.device));
}

void *
tl_step_alloc(tl_ctx *ctx, size_t bytes)
{
	void *p;

	if (!ctx->device)
		return tl_arena_alloc(ctx->arena, bytes ? bytes : 1);
	if (!(p = tl_space_alloc(ctx->space, bytes)))
		told(ctx, -1);
	return p;
}

void *
tl_step_room(tl_ctx *ctx, size_t bytes)
{
	static _Alignas(64) char nothing[64];

	if (!ctx->counting)
		return tl_step_alloc(ctx, bytes);
	tl_arena_reserve(ctx->arena, bytes);
	return nothing;
}

int
tl_step_zero(tl_ctx *ctx, void *p, size_t bytes)
{
	if (ctx->counting)
		return 0;
	if (ctx->device)
		return told(ctx, ctx->device->zero(ctx->device, p, bytes));
	if (bytes)
		memset(p, 0, bytes);
	return 0;
}

int
tl_step_copy(tl_ctx *ctx, void *to, const void *from, size_t bytes)
{
	if (ctx->counting)
		return 0;
	if (ctx->device)
		return tl_step_sent(ctx) || told(ctx, ctx->device->copy(ctx->device, to, from, bytes)) ? -1 : 0;
	if (bytes)
		memmove(to, from, bytes);
	return 0;
}

/*
 * Into memory that is this step's alone: it was last used three steps ago, and the end of that step has been waited for. So the copy waits for nothing, and
 * runs while the device works at the steps before.
 */
void *
tl_step_send(tl_ctx *ctx, const void *host, size_t bytes)
{
	struct staging *s = &ctx->staging[ctx->turn];
	void *kept = tl_space_alloc(s->space, bytes), *there = kept ? tl_space_alloc(s->there, bytes) : NULL;

	if (!there || (bytes && memcpy(kept, host, bytes) && ctx->device->send(ctx->device, there, kept, bytes))) {
		told(ctx, -1);
		return NULL;
	}
	ctx->sending |= bytes > 0;
	return there;
}

int
tl_step_sent(tl_ctx *ctx)
{
	if (!ctx->sending)
		return 0;
	ctx->sending = false;
	return told(ctx, ctx->device->sent(ctx->device, ctx->staging[ctx->turn].arrived));
}

int
tl_step_get(tl_ctx *ctx, void *host, const void *from, size_t bytes)
{
	int32_t bad = 0;

	if (!ctx->device) {
		if (ctx->counting)
			memset(host, 0, bytes);
		else if (bytes)
			memcpy(host, from, bytes);
		return 0;
	}
	if (tl_step_sent(ctx) || told(ctx, ctx->device->download(ctx->device, host, from, bytes)) || told(ctx, ctx->device->download(ctx->device, &bad, ctx->flag, sizeof bad)))
		return -1;
	if (!bad)
		return 0;
	ctx->device->zero(ctx->device, ctx->flag, sizeof bad);
	return tl_fail(ctx, "%s: a value that the device computed does not fit (an index outside its range, or a weight below 0)", tl_op_name_at(bad - 1));
}

int
tl_step_add(tl_ctx *ctx, tl_dtype dtype, void *p, const void *x, int64_t n)
{
	if (ctx->counting)
		return 0;
	if (ctx->device)
		return tl_step_sent(ctx) || told(ctx, ctx->device->add(ctx->device, dtype, p, x, n)) ? -1 : 0;
	if (dtype == TL_F64)
		for (int64_t i = 0; i < n; i++)
			((double *)p)[i] += ((const double *)x)[i];
	else
		for (int64_t i = 0; i < n; i++)
			((float *)p)[i] += ((const float *)x)[i];
	return 0;
}

int
tl_step_fill(tl_ctx *ctx, tl_dtype dtype, void *p, int64_t n, double value)
{
	if (ctx->counting)
		return 0;
	if (ctx->device)
		return told(ctx, ctx->device->fill(ctx->device, dtype, p, n, value));
	if (dtype == TL_F64)
		for (int64_t i = 0; i < n; i++)
			((double *)p)[i] = value;
	else
		for (int64_t i = 0; i < n; i++)
			((float *)p)[i] = (float)value;
	return 0;
}

/* --- for CUDA kernels --- */

void *
tl_device_stream(tl_ctx *ctx)
{
	return ctx->device ? ctx->device->stream : NULL;
}

tl_device *
tl_device_of(tl_ctx *ctx)
{
	return ctx->device;
}

int32_t *
tl_device_flag(tl_ctx *ctx)
{
	return ctx->flag;
}

void *
tl_upload(tl_ctx *ctx, const void *host, size_t bytes)
{
	void *p = tl_step_send(ctx, host, bytes);

	return p && !tl_step_sent(ctx) ? p : NULL;
}

void *
tl_host_scratch(tl_ctx *ctx, size_t bytes)
{
	return tl_arena_alloc(ctx->arena, bytes ? bytes : 1);
}

const int32_t *
tl_op_ints(const tl_op_call *c, int input)
{
	const tl_ctx *ctx = c->ctx;

	if (c->in[input].dtype != TL_I32)
		return NULL;
	return ctx->device ? ctx->inputs && ctx->inputs[input] ? ctx->inputs[input]->host : NULL : c->in[input].data;
}
