/*
 * running.c - which plugin's function runs now, for whoever watches: a parent process through shared memory, a signal handler. And the one
 * call that nobody outside watches, the loading of a file, which may run its constructors in the command's own process.
 */
#include "inside.h"

#include "base/watch.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

const char *volatile tl_plugin_running;
char *tl_plugin_page;

static void
put(char *to, size_t size, const char *s)
{
	size_t n = s ? strnlen(s, size - 1) : 0;

	memcpy(to, s ? s : "", n);
	to[n] = 0;
}

tl_running
tl_plugin_runs(tl_running now)
{
	static tl_running last;
	tl_running before = last;

	last = now;
	tl_plugin_running = now.plugin;
	if (tl_plugin_page) {
		put(tl_plugin_page, TL_PAGE_CALLS, now.plugin);
		put(tl_plugin_page + TL_PAGE_CALLBACK, TL_PAGE_BYTES - TL_PAGE_CALLBACK, now.callback);
		tl_plugin_page[TL_PAGE_CALLS]++;
	}
	return before;
}

/* --- loading ------------------------------------------------------------------------------------------------------------------------- */
static const int deadly[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
static struct sigaction before[TL_COUNT(deadly)];
static const char *volatile crashes, *volatile ends; /* what to say; NULL: nothing is being loaded, or somebody watches */
static tl_running outside;

static void
on_signal(int sig)
{
	(void)sig;
	tl_watch_failed(crashes);
}

static void
at_exit(void)
{
	if (ends)
		tl_watch_failed(ends);
}

void
tl_loading_begins(const tl_candidate *c)
{
	static bool registered;
	static char name[64];
	struct sigaction a = { .sa_handler = on_signal };

	snprintf(name, sizeof name, "%s%s%s", c->kind ? c->kind : "", c->kind ? "/" : "", c->name);
	outside = tl_plugin_runs((tl_running){ name, "loading" });
	if (tl_plugin_page || !tl_watch_failed) /* watched, or nobody cares */
		return;
	if (!registered)
		atexit(at_exit);
	registered = true;
	crashes = tl_format("%s crashes while it is loaded (in a constructor?); take it out of the plugin folder\n", c->path);
	ends = tl_format("%s ends the program while it is loaded; a plugin must not call exit. Take it out of the plugin folder\n", c->path);
	for (size_t i = 0; i < TL_COUNT(deadly); i++)
		sigaction(deadly[i], &a, &before[i]);
	tl_watch_begin("%s hangs: loading it has not returned for %d s (a constructor that waits? TAGLOOM_PATIENCE sets how long is too long); take it out of the plugin folder", c->path, tl_patience());
}

void
tl_loading_ends(void)
{
	tl_plugin_runs(outside);
	if (!crashes)
		return;
	tl_watch_end();
	for (size_t i = 0; i < TL_COUNT(deadly); i++)
		sigaction(deadly[i], &before[i], NULL);
	free((char *)(uintptr_t)crashes);
	free((char *)(uintptr_t)ends);
	crashes = ends = NULL;
}
