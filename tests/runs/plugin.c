/* plugin.c - a label module for the tests of processes: it fits by itself, and does it well or badly, as its parameter says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tagloom/plugin.h"

enum { GOOD, SLOW, CRASH, HANG, EXIT, QUIT, ABORT, FAIL, NOISE, ORPHAN, CROWD, STUCK, LEAVES };
struct odd {
	int how;
	double seconds;
	int64_t salt;
	double *bias;
	int64_t n;
};

/* ODD_LOADS: what happens while the file is loaded. */
__attribute__((constructor)) static void
loaded(void)
{
	const char *how = getenv("ODD_LOADS");

	if (how && !strcmp(how, "hang"))
		for (;;) pause();
	if (how && !strcmp(how, "crash"))
		abort();
	if (how && !strcmp(how, "exit"))
		exit(0);
}

static int
check(tl_ctx *ctx, void *self)
{
	struct odd *o = self;

	(void)ctx;
	if (o->how == LEAVES && !fork())
		for (;;) pause();
	while (o->how == STUCK)
		pause();
	return 0;
}

static int
fit(tl_ctx *ctx, void *self, const tl_fit *data)
{
	struct odd *o = self;

	switch (o->how) {
	case SLOW: usleep((useconds_t)(o->seconds * 1e6)); break;
	case CRASH: *(volatile int *)(uintptr_t)o->how = 1; break;
	case HANG: for (;;) pause();
	case EXIT: exit(0);
	case QUIT: _exit(0);
	case ABORT: abort();
	case FAIL: return tl_fail(ctx, "this module does not want to");
	case ORPHAN: {
		pid_t left = fork();
		while (!left)
			pause();
		if (left > 0)
			dprintf(2, "left %ld behind\n", (long)left);
		break;
	}
	case CROWD: /* strictly bounded: children that have no children */
		for (int i = 0; i < 300; i++)
			if (!fork())
				for (;;) pause();
		sleep(5);
		break;
	case NOISE:
		if (write(1, "noise on stdout\n", 16) < 0)
			return -1;
		break;
	default: break;
	}
	o->n = data->n_labels;
	o->bias = calloc((size_t)o->n + 1, sizeof *o->bias);
	for (int32_t i = 0; i < data->labels->offsets[data->labels->n]; i++)
		o->bias[data->labels->index[i]] += 1;
	return 0;
}

static int
score(tl_ctx *ctx, void *self, const tl_features *f, float *scores)
{
	struct odd *o = self;

	(void)ctx;
	for (int64_t i = 0; i < f->n; i++)
		for (int64_t l = 0; l < o->n; l++)
			scores[i * o->n + l] = (float)(o->bias[l] - (double)((i + l * 3 + o->salt) % 7));
	return 0;
}

static int
save(tl_ctx *ctx, void *self, void **bytes, size_t *size)
{
	struct odd *o = self;

	(void)ctx;
	*size = (size_t)o->n * sizeof *o->bias;
	*bytes = malloc(*size + 1);
	memcpy(*bytes, o->bias, *size);
	return 0;
}

static int
load(tl_ctx *ctx, void *self, const void *bytes, size_t size)
{
	struct odd *o = self;

	(void)ctx;
	o->n = (int64_t)(size / sizeof *o->bias);
	o->bias = malloc(size + 1);
	memcpy(o->bias, bytes, size);
	return 0;
}

static void
drop(void *self)
{
	struct odd *o = self;

	free(o->bias);
	o->bias = NULL;
}

static const tl_param params[] = {
	TL_P_CHOICE(struct odd, how, "good", "good|slow|crash|hang|exit|quit|abort|fail|noise|orphan|crowd|stuck|leaves", "what fit does"),
	TL_P_REAL(struct odd, seconds, "0.3", 0, 100, "how long slow takes"),
	TL_P_INT(struct odd, salt, "0", 0, 1000, "another number, another run"),
	{ 0 }
};
static const tl_module module = { .size = sizeof module, .check = check, .fit = fit, .score = score, .save = save, .load = load, .drop = drop, .needs_seed = true };

TL_API const tl_plugin tagloom_plugin = {
	TL_LABEL(struct odd), .name = "odd", .version = "1", .summary = "fits well or badly", .params = params, .module = &module,
};
