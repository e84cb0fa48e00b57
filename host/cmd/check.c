/*
 * check.c - tagloom check: every test of a plugin in a process of its own, with limits of time and memory. A plugin that crashes, hangs
 * or exits fails that test and nothing else.
 */
#include "base/sanitized.h"
#include "base/silence.h"
#include "base/watch.h"
#include "cmd.h"
#include "crowd.h"
#include "lua/script.h"
#include "plugin/check.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS = 120, QUIET = 30, THREADS = 16, GIGABYTES = 8, MESSAGE = 3800 };

struct page { volatile int done, status, modules, hung; uint32_t kind; char running[TL_PAGE_BYTES], name[128], message[MESSAGE]; }; /* shared with the child */

/* What is checked, and how. */
struct work { const char *what; int module; uint64_t seed; double quiet; struct page *page; };

/* The n-th module that a script declares, in its order; *modules: how many there are. */
static const tl_candidate *
find_in_script(tl_registry *r, const char *path, int n, volatile int *modules, tl_error *e)
{
	const tl_candidate *found = NULL;

	*modules = 0;
	if (!tl_script_load(path, &(tl_script_options){ .registry = r }, e)) /* lives as long as the process: its functions are the modules' */
		return NULL;
	for (int64_t i = tl_registry_count(r) - 1; i >= 0; i--) { /* the last one declared stands first */
		const tl_candidate *c = tl_registry_at(r, i);
		if (!c->plugin || c->handle)
			continue;
		if ((*modules)++ == n)
			found = c;
	}
	if (!found)
		tl_error_set(e, TL_USAGE, "%s declares no module (tl.module); check wants one, or a plugin", path);
	return found;
}

static const tl_candidate *
find(tl_registry *r, const char *what, int n, volatile int *modules, tl_error *e)
{
	const char *slash = strchr(what, '/');
	const tl_candidate *c;
	char *kind;

	*modules = 1;
	if (tl_ends(what, ".lua"))
		return find_in_script(r, what, n, modules, e);
	if (tl_ends(what, ".so") || !slash)
		return tl_registry_load_file(r, what, e);
	kind = tl_strndup(what, (size_t)(slash - what));
	if (tl_ends(kind, "s"))
		kind[strlen(kind) - 1] = 0;
	c = tl_registry_find(r, kind, slash + 1, e);
	free(kind);
	return c;
}

/* The child's side: loads the plugin itself, so that nothing of it runs in the parent. test NULL: only that. */
static int
child(const struct work *w, const tl_check_test *test)
{
	struct page *page = w->page;
	tl_error e = { 0 };
	tl_check c = { .registry = tl_registry_new(), .seed = w->seed };
	int status;

	tl_plugin_page = page->running;
	tl_watch_failed = NULL; /* the parent watches */
	c.candidate = find(c.registry, w->what, w->module, &page->modules, &e);
	if (!c.candidate) {
		snprintf(page->message, MESSAGE, "%s", e.text);
		return TL_CHECK_FAILED;
	}
	page->kind = c.candidate->plugin->kind;
	snprintf(page->name, sizeof page->name, "%s/%s", c.candidate->kind, c.candidate->plugin->name);
	status = test ? test->run(&c) : TL_CHECK_GOOD;
	snprintf(page->message, MESSAGE, "%s", c.why.s ? c.why.s : "");
	return status;
}

static void
limits(void)
{
	static const int deadly[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	struct rlimit core = { 0, 0 };

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	tl_crowd_limit(tl_crowd_bound(THREADS));
	setrlimit(RLIMIT_CORE, &core);
	for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
		signal(deadly[i], SIG_DFL); /* a sanitizer's handler would turn a crash into an exit */
#ifndef SANITIZED
	struct rlimit memory = { (rlim_t)GIGABYTES << 30, (rlim_t)GIGABYTES << 30 };
	setrlimit(RLIMIT_AS, &memory);
#endif
}

/* Why the child has to be ended now, or NULL. */
static const char *
too_much(const struct work *w, pid_t pid, tl_crowd *crowd, tl_silence *all, tl_silence *since, char *calls)
{
	static char text[200];
	bool silent;

	if (w->page->running[TL_PAGE_CALLS] != *calls) {
		*calls = w->page->running[TL_PAGE_CALLS];
		*since = tl_heard();
	}
	silent = tl_silent(since, pid, w->quiet);
	w->page->hung = silent || tl_silent(all, pid, SECONDS);
	if (silent && w->page->running[0])
		snprintf(text, sizeof text, "it hangs: a call of %.60s has not returned for %g s", w->page->running, w->quiet);
	else if (silent)
		snprintf(text, sizeof text, "it hangs: no sign of life for %g s", w->quiet);
	else if (w->page->hung)
		snprintf(text, sizeof text, "it took longer than %d s and was stopped", SECONDS);
	else if (tl_crowded(crowd))
		snprintf(text, sizeof text, "it started too many processes and threads");
	else
		return NULL;
	return text;
}

/* Waits for the child, or ends it. Returns its wait status. *why: why it was ended, or NULL. Whatever it has started ends with it. */
static int
wait_for(const struct work *w, pid_t pid, const char **why)
{
	struct timespec nap = { 0, 2000000 };
	tl_silence all = tl_heard(), since = all;
	tl_crowd crowd = tl_crowd_watch(pid, tl_crowd_bound(THREADS));
	char calls = w->page->running[TL_PAGE_CALLS];
	siginfo_t info = { 0 };
	int status = 0;

	*why = NULL;
	while (!waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid != pid && !(*why = too_much(w, pid, &crowd, &all, &since, &calls)))
		nanosleep(&nap, NULL);
	kill(pid, SIGKILL);
	kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static int
run_test(const struct work *w, const tl_check_test *test)
{
	struct page *page = w->page;
	const char *why;
	int status;
	pid_t pid;

	memset(page, 0, sizeof *page);
	fflush(stdout);
	fflush(stderr);
	pid = fork();
	if (pid < 0) {
		snprintf(page->message, MESSAGE, "no process could be started: %s", strerror(errno));
		return TL_CHECK_FAILED;
	}
	if (pid == 0) {
		limits();
		page->status = child(w, test);
		page->done = 1;
		fflush(stdout);
		_exit(0);
	}
	setpgid(pid, pid); /* whoever of the two comes first */
	status = wait_for(w, pid, &why);
	if (why)
		snprintf(page->message, MESSAGE, "%s", why);
	else if (WIFSIGNALED(status))
		snprintf(page->message, MESSAGE, "the process died: signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (!page->done)
		snprintf(page->message, MESSAGE, "the process ended in the middle with exit status %d; a plugin must not call exit", WEXITSTATUS(status));
	else if (WEXITSTATUS(status)) /* a leak or memory checker's verdict */
		snprintf(page->message, MESSAGE, "the process ended with exit status %d", WEXITSTATUS(status));
	else
		return page->status;
	return TL_CHECK_FAILED;
}

static bool
report(const struct work *w, int n, const char *name, int status)
{
	if (status == TL_CHECK_SKIPPED)
		printf("ok %d - %s # SKIP %s\n", n, name, w->page->message);
	else
		printf("%sok %d - %s\n", status == TL_CHECK_GOOD ? "" : "not ", n, name);
	if (status == TL_CHECK_FAILED)
		printf("# %s\n# again with: tagloom check %s --seed %llu\n", w->page->message, w->what, (unsigned long long)w->seed);
	fflush(stdout);
	return status != TL_CHECK_FAILED;
}

/* All tests of one plugin, or of one module of a script; after one that hangs no other is tried. Returns how many modules there are. */
static int
check_one(const struct work *w, int *n, int *failed)
{
	int status = run_test(w, NULL), modules = w->page->modules;
	uint32_t kind = w->page->kind;
	bool hung = false;

	if (status == TL_CHECK_GOOD)
		printf("# %s, seed %llu\n", w->page->name, (unsigned long long)w->seed);
	if (!report(w, ++*n, "declaration", status)) {
		++*failed;
		return modules;
	}
	for (const tl_check_test *t = tl_check_tests; t->name; t++)
		if (hung && t->kinds & 1u << kind) {
			snprintf(w->page->message, MESSAGE, "not tried, for the one before hangs");
			report(w, ++*n, t->name, TL_CHECK_SKIPPED);
		} else if (t->kinds & 1u << kind) {
			*failed += !report(w, ++*n, t->name, run_test(w, t));
			hung = w->page->hung;
		}
	return modules;
}

static int
run(const tl_args *a, tl_error *e)
{
	int64_t quiet = tl_arg_int(a, "--timeout", QUIET, e);
	struct work w = { a->operand[0], 0, (uint64_t)tl_arg_int(a, "--seed", 1, e), (double)quiet, NULL };
	int n = 0, failed = 0, modules;

	if (!e->status && quiet < 1)
		tl_error_set(e, TL_USAGE, "--timeout %lld: wanted seconds, 1 or more", (long long)quiet);
	if (e->status)
		return -1;
	w.page = mmap(NULL, sizeof *w.page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (w.page == MAP_FAILED)
		return tl_error_set(e, TL_ENVIRONMENT, "no shared memory: %s", strerror(errno));
	modules = check_one(&w, &n, &failed);
	for (w.module = 1; w.module < modules; w.module++)
		check_one(&w, &n, &failed);
	printf("1..%d\n", n);
	munmap(w.page, sizeof *w.page);
	return failed ? TL_FAILED : TL_OK;
}

static const tl_option options[] = {
	{ "--seed", "N", "seed of everything that is drawn (default 1)", 0, false },
	{ "--timeout", "SECONDS", "a plugin that shows no sign of life for so long hangs (default 30)", 0, false },
	{ 0 }
};

const tl_verb tl_verb_check = {
	.name = "check",
	.synopsis = "PLUGIN.so|KIND/NAME|SCRIPT.lua [--seed N] [--timeout SECONDS]",
	.summary = "conformance of a plugin",
	.description = "Runs every test in a process of its own, with limits of time and memory: declaration, parameters at their bounds, gradients against finite\n"
	               "differences, packed documents against one by one, order of the batch, same bits for two runs and two thread counts, writes outside its\n"
	               "struct, floating-point state, saved state, leaked descriptors and threads, operations of its own; fitting tests for metrics and readers.\n"
	               "Of a script, every module that it declares (tl.module) is checked.\n"
	               "A failure prints the seed that reproduces it.",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
