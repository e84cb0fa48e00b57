/* waits.c - a reader, or with METRIC a metric, that hangs (or is stopped) where WAITS says so, for the tests of what runs in the command's own process. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tagloom/plugin.h"

static int
wanted(const char *what)
{
	const char *waits = getenv("WAITS");

	return waits && !strcmp(waits, what);
}

static void
wait_at(const char *what)
{
	while (wanted(what))
		pause();
	if (wanted("stopped")) /* as by Ctrl-Z, until somebody lets it go on */
		raise(SIGSTOP);
}

#ifdef METRIC
static int64_t
width(int64_t n_labels)
{
	(void)n_labels;
	return 1;
}

static void
add(const tl_evaluation *e, int64_t document, int64_t k, double *sums)
{
	(void)e, (void)document, (void)k;
	wait_at("add");
	sums[0] += 1;
}

static int
finish(const tl_evaluation *e, int64_t k, int64_t n, const double *sums, double *value)
{
	static int calls;

	(void)e, (void)k;
	if (++calls > 100)
		wait_at("rounds");
	*value = sums[0] / (double)n;
	return 0;
}

static int
compute(const tl_evaluation *e, int64_t k, double *value)
{
	(void)e, (void)k;
	wait_at("compute");
	*value = 0.5;
	return 0;
}

static const tl_metric metrics[] = { { .name = "waits", .signature = "waits|v1", .doc = "waits", .width = width, .add = add, .finish = finish },
	                             { .name = "waits_all", .signature = "waits_all|v1", .doc = "waits", .compute = compute }, { 0 } };
const tl_plugin tagloom_plugin = { TL_METRIC, .name = "waits", .version = "1", .summary = "waits", .metrics = metrics };
#else
static int
labels(tl_sink *sink, const char *path)
{
	(void)sink, (void)path;
	wait_at("labels");
	return 1;
}

static int
split(tl_sink *sink, const char *path, const char *name)
{
	(void)path;
	wait_at(name);
	for (int i = 0; i < 4; i++) {
		const char *label = i % 2 ? "odd" : "even";
		if (wanted("slow"))
			usleep(400000);
		if (sink->document(sink->arg, NULL, label, 4, &label, 1, 0, NULL, NULL, false, "here") < 0)
			return -1;
	}
	return 0;
}

static const tl_reader reader = { .size = sizeof(tl_reader), .labels = labels, .split = split };
const tl_plugin tagloom_plugin = { TL_READER, .name = "waits", .version = "1", .summary = "waits", .reader = &reader };
#endif
