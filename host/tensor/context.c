/* context.c - one step's memory, errors, warnings and named random streams. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

tl_ctx *
tl_ctx_new(tl_dtype compute, tl_pool *pool, void *user)
{
	tl_ctx *ctx = tl_alloc(sizeof *ctx);

	ctx->compute = compute;
	ctx->pool = pool;
	ctx->user = user;
	ctx->arena = tl_arena_new((size_t)1 << 20);
	strcpy(ctx->stream.purpose, "forward");
	return ctx;
}

void
tl_ctx_free(tl_ctx *ctx)
{
	if (!ctx)
		return;
	for (int64_t i = 0; i < ctx->n_warned; i++)
		free(ctx->warned[i]);
	free(ctx->warned);
	tl_ctx_off(ctx);
	tl_arena_free(ctx->arena);
	free(ctx);
}

void *
tl_ctx_user(const tl_ctx *ctx)
{
	return ctx->user;
}

tl_dtype
tl_ctx_compute(const tl_ctx *ctx)
{
	return ctx->compute;
}

tl_error *
tl_ctx_error(tl_ctx *ctx)
{
	return &ctx->error;
}

tl_pool *
tl_ctx_pool(tl_ctx *ctx)
{
	return ctx->pool;
}

tl_arena *
tl_ctx_arena(tl_ctx *ctx)
{
	return ctx->arena;
}

size_t
tl_ctx_peak_bytes(const tl_ctx *ctx)
{
	return tl_arena_peak(ctx->arena) + (ctx->device ? tl_space_peak(ctx->space) : 0);
}

bool
tl_ctx_training(const tl_ctx *ctx)
{
	return ctx->training;
}

int64_t
tl_ctx_step(const tl_ctx *ctx)
{
	return ctx->step;
}

uint64_t
tl_ctx_seed(const tl_ctx *ctx)
{
	return ctx->seed;
}

void
tl_ctx_set_warn(tl_ctx *ctx, void (*warn)(void *user, const char *text))
{
	ctx->warn = warn;
}

void
tl_ctx_begin(tl_ctx *ctx, uint64_t seed, int64_t step, bool training, bool record)
{
	tl_step_begin(ctx);
	ctx->seed = seed;
	ctx->step = step;
	ctx->training = training;
	ctx->record = record;
	ctx->no_grad = 0;
	ctx->tape = NULL;
	ctx->serial = ctx->segment_start = 0;
	ctx->spare = NULL;
	ctx->halves = NULL;
	ctx->operations = (tl_operations){ 0 };
	tl_ctx_instance(ctx, NULL);
}

int
tl_status(const tl_ctx *ctx)
{
	return ctx->error.status ? -1 : 0;
}

int
tl_fail(tl_ctx *ctx, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	tl_error_vset(&ctx->error, TL_FAILED, format, ap);
	va_end(ap);
	return -1;
}

void
tl_warn(tl_ctx *ctx, const char *format, ...)
{
	char text[1000];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	for (int64_t i = 0; i < ctx->n_warned; i++)
		if (tl_streq(ctx->warned[i], text))
			return;
	ctx->warned = tl_grow(ctx->warned, ctx->n_warned, &ctx->warned_capacity, sizeof *ctx->warned);
	ctx->warned[ctx->n_warned++] = tl_strdup(text);
	if (ctx->warn)
		ctx->warn(ctx->user, text);
	else
		tl_warning("%s", text);
}

/* --- named streams --- */

void
tl_ctx_instance(tl_ctx *ctx, const char *instance)
{
	ctx->has_instance = instance != NULL;
	snprintf(ctx->stream.instance, sizeof ctx->stream.instance, "%s", instance ? instance : "");
	tl_purpose(ctx, "forward");
}

const char *
tl_ctx_instance_name(const tl_ctx *ctx)
{
	return ctx->has_instance ? ctx->stream.instance : NULL;
}

void
tl_purpose(tl_ctx *ctx, const char *purpose)
{
	snprintf(ctx->stream.purpose, sizeof ctx->stream.purpose, "%s", purpose ? purpose : "forward");
	ctx->stream.ordinal = 0;
}

void *
tl_ctx_stream_save(tl_ctx *ctx)
{
	struct { tl_stream_state state; bool has; } *s = tl_arena_alloc(ctx->arena, sizeof *s);

	s->state = ctx->stream;
	s->has = ctx->has_instance;
	return s;
}

void
tl_ctx_stream_restore(tl_ctx *ctx, const void *saved)
{
	const struct { tl_stream_state state; bool has; } *s = saved;

	ctx->stream = s->state;
	ctx->has_instance = s->has;
}

bool
tl_dropping(const tl_ctx *ctx)
{
	return ctx->training;
}

bool
tl_ctx_dropout(tl_ctx *ctx, bool on)
{
	bool was = ctx->training;

	ctx->training = on;
	return was;
}

/* The finaliser of SplitMix64: every input bit moves every output bit. */
static uint64_t
mix(uint64_t x)
{
	x += 0x9E3779B97F4A7C15u;
	x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
	x = (x ^ x >> 27) * 0x94D049BB133111EBu;
	return x ^ x >> 31;
}

static uint64_t
mix_text(uint64_t h, const char *s)
{
	size_t n = s ? strlen(s) : 0;

	for (size_t i = 0; i < n; i += 8) {
		uint64_t word = 0;
		for (size_t j = i; j < n && j < i + 8; j++)
			word |= (uint64_t)(unsigned char)s[j] << 8 * (j - i);
		h = mix(h ^ word);
	}
	return mix(h ^ n ^ (uint64_t)0x5Au << 56);
}

uint64_t
tl_stream_key(uint64_t seed, const char *instance, const char *purpose, uint64_t ordinal)
{
	return mix(mix_text(mix_text(mix(seed), instance), purpose) ^ ordinal);
}

tl_stream
tl_stream_for(tl_ctx *ctx, const char *purpose)
{
	/* the largest ordinal: no random op of the same purpose reaches it */
	return (tl_stream){ .key = tl_stream_key(ctx->seed, ctx->stream.instance, purpose, UINT64_MAX), .step = (uint64_t)ctx->step };
}

/* --- for kernels --- */

void
tl_parallel(tl_ctx *ctx, int64_t n, void (*fn)(void *arg, int64_t i), void *arg)
{
	tl_pool_run(ctx->pool, n, fn, arg);
}

void *
tl_scratch(tl_ctx *ctx, size_t bytes)
{
	if (bytes > (size_t)1 << 46) {
		tl_fail(ctx, "%.1f GB of scratch memory were asked for; that cannot be meant", (double)bytes * 1e-9);
		return NULL;
	}
	return ctx->in_kernel ? tl_step_alloc(ctx, bytes) : tl_arena_alloc(ctx->arena, bytes ? bytes : 1);
}
