/*
 * check.c - tagloom check: every test of a plugin in a process of its own, with limits of time and memory. A plugin that crashes, hangs
 * or exits fails that test and nothing else.
 */
#include "cmd.h"
#include "lua/script.h"
#include "plugin/check.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS = 120, GIGABYTES = 8, MESSAGE = 3800 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

struct page { volatile int done, status, modules; uint32_t kind; char name[128], message[MESSAGE]; }; /* shared with the child */

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
child(const char *what, int n, uint64_t seed, const tl_check_test *test, struct page *page)
{
	tl_error e = { 0 };
	tl_check c = { .registry = tl_registry_new(), .seed = seed };
	int status;

	c.candidate = find(c.registry, what, n, &page->modules, &e);
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

	setrlimit(RLIMIT_CORE, &core);
	for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
		signal(deadly[i], SIG_DFL); /* a sanitizer's handler would turn a crash into an exit */
#ifndef SANITIZED
	struct rlimit memory = { (rlim_t)GIGABYTES << 30, (rlim_t)GIGABYTES << 30 };
	setrlimit(RLIMIT_AS, &memory);
#endif
}

/* Waits for the child; SECONDS later it is killed. Returns its wait status, or -1 where it took too long. */
static int
wait_for(pid_t pid)
{
	struct timespec nap = { 0, 2000000 };
	double start = tl_seconds();
	int status;

	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);
		if (got == pid)
			return status;
		if (got < 0 && errno != EINTR)
			return 0;
		if (tl_seconds() - start > SECONDS) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -1;
		}
		nanosleep(&nap, NULL);
	}
}

static int
run_test(const char *what, int n, uint64_t seed, const tl_check_test *test, struct page *page)
{
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
		page->status = child(what, n, seed, test, page);
		page->done = 1;
		fflush(stdout);
		_exit(0);
	}
	status = wait_for(pid);
	if (status == -1)
		snprintf(page->message, MESSAGE, "it took longer than %d s and was stopped", SECONDS);
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
report(int n, const char *name, int status, const struct page *page, const char *what, uint64_t seed)
{
	if (status == TL_CHECK_SKIPPED)
		printf("ok %d - %s # SKIP %s\n", n, name, page->message);
	else
		printf("%sok %d - %s\n", status == TL_CHECK_GOOD ? "" : "not ", n, name);
	if (status == TL_CHECK_FAILED)
		printf("# %s\n# again with: tagloom check %s --seed %llu\n", page->message, what, (unsigned long long)seed);
	fflush(stdout);
	return status != TL_CHECK_FAILED;
}

/* All tests of one plugin, or of the module-th one of a script. Returns how many there are. */
static int
check_one(const char *what, int module, uint64_t seed, struct page *page, int *n, int *failed)
{
	int status = run_test(what, module, seed, NULL, page), modules = page->modules;
	uint32_t kind = page->kind;

	if (status == TL_CHECK_GOOD)
		printf("# %s, seed %llu\n", page->name, (unsigned long long)seed);
	if (!report(++*n, "declaration", status, page, what, seed)) {
		++*failed;
		return modules;
	}
	for (const tl_check_test *t = tl_check_tests; t->name; t++)
		if (t->kinds & 1u << kind)
			*failed += !report(++*n, t->name, run_test(what, module, seed, t, page), page, what, seed);
	return modules;
}

static int
run(const tl_args *a, tl_error *e)
{
	uint64_t seed = (uint64_t)tl_arg_int(a, "--seed", 1, e);
	const char *what = a->operand[0];
	struct page *page;
	int n = 0, failed = 0, modules;

	if (e->status)
		return -1;
	page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return tl_error_set(e, TL_ENVIRONMENT, "no shared memory: %s", strerror(errno));
	modules = check_one(what, 0, seed, page, &n, &failed);
	for (int k = 1; k < modules; k++)
		check_one(what, k, seed, page, &n, &failed);
	printf("1..%d\n", n);
	munmap(page, sizeof *page);
	return failed ? TL_FAILED : TL_OK;
}

static const tl_option options[] = {
	{ "--seed", "N", "seed of everything that is drawn (default 1)", 0, false },
	{ 0 }
};

const tl_verb tl_verb_check = {
	.name = "check",
	.synopsis = "PLUGIN.so|KIND/NAME|SCRIPT.lua [--seed N]",
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
