/*
 * isolated.c - plugins' code in a process of its own, before anything is trained: one that crashes, hangs or exits there harms nobody.
 */
#include "base/watch.h"
#include "sweep.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void
write_all(int fd, const char *s, size_t n)
{
	while (n) {
		ssize_t put = write(fd, s, n);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return;
		s += put;
		n -= (size_t)put;
	}
}

static int to_parent;

/* In a signal handler. The sentence is an error's, which ends without a newline. */
static void
call_failed(const char *sentence)
{
	write_all(to_parent, "-1 1\n", 5);
	write_all(to_parent, sentence, strlen(sentence) - 1);
	_exit(0);
}

static void
isolated_child(int fd, int (*fn)(void *, tl_text *, tl_error *), void *arg)
{
	tl_text text = { 0 };
	tl_error e = { 0 };
	int status;
	char head[32];

	status = fn(arg, &text, &e);
	snprintf(head, sizeof head, "%d %d\n", status, e.status);
	write_all(fd, head, strlen(head));
	if (status)
		write_all(fd, e.text, strlen(e.text));
	else if (text.n)
		write_all(fd, text.s, text.n);
	_exit(0);
}

/* Has a call of a plugin lasted too long? e: which one. */
static bool
hangs(pid_t pid, const char *page, char *calls, tl_silence *silence, tl_error *e)
{
	if (page[TL_PAGE_CALLS] != *calls || !page[0]) {
		*calls = page[TL_PAGE_CALLS];
		*silence = tl_heard();
	}
	if (!tl_silent(silence, pid, tl_patience()))
		return false;
	tl_error_set(e, TL_FAILED, "%s hangs: its %s has not returned for %d s (TAGLOOM_PATIENCE sets how long is too long)", page, page + TL_PAGE_CALLBACK, tl_patience());
	return true;
}

/* What the child writes, up to its end; what it has started ends with it. Returns its wait status. */
static int
listen_to(pid_t pid, int fd, const char *page, tl_text *all, tl_error *e)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	tl_silence silence = tl_heard();
	char buffer[4096], calls = 0;
	siginfo_t info = { 0 };
	ssize_t got = 1;
	int status = 0;

	while (got && !hangs(pid, page, &calls, &silence, e)) {
		int ready = poll(&p, 1, 100);
		if (ready > 0 && (got = read(fd, buffer, sizeof buffer)) > 0)
			tl_text_bytes(all, buffer, (size_t)got);
		else if (!ready && (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid == pid))
			break; /* a process that it has left behind holds the pipe */
	}
	if (got)
		kill(pid, SIGKILL);
	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
	kill(-pid, SIGKILL); /* while its number still is its own */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static pid_t
start(int (*fn)(void *, tl_text *, tl_error *), void *arg, char *page, int *out, tl_error *e)
{
	int fd[2], parent = getpid();
	pid_t pid;

	fflush(stdout);
	fflush(stderr);
	if (pipe(fd))
		return tl_error_set(e, TL_ENVIRONMENT, "no pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fd[0]);
		dup2(2, 1);
		tl_plugin_page = page;
		to_parent = fd[1];
		tl_watch_failed = call_failed;
		if (getppid() == parent)
			isolated_child(fd[1], fn, arg);
		_exit(127);
	}
	close(fd[1]);
	*out = fd[0];
	if (pid > 0)
		return pid;
	close(fd[0]);
	return tl_error_set(e, TL_ENVIRONMENT, "no process: %s", strerror(errno));
}

int
tl_isolated(int (*fn)(void *arg, tl_text *out, tl_error *e), void *arg, tl_text *out, tl_error *e)
{
	char *page = mmap(NULL, TL_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), *end;
	int fd = -1, status, result = 0, code = 0;
	tl_error hung = { 0 };
	tl_text all = { 0 };
	pid_t pid;

	if (page == MAP_FAILED)
		return tl_error_set(e, TL_ENVIRONMENT, "no shared memory: %s", strerror(errno));
	pid = start(fn, arg, page, &fd, e);
	if (pid < 0) {
		munmap(page, TL_PAGE_BYTES);
		return -1;
	}
	status = listen_to(pid, fd, page, &all, &hung);
	close(fd);
	if (!hung.status && all.n && sscanf(all.s, "%d %d\n", &result, &code) == 2) {
		end = strchr(all.s, '\n') + 1;
		if (result)
			tl_error_set(e, code ? code : TL_FAILED, "%s", end);
		else
			tl_text_bytes(out, end, all.n - (size_t)(end - all.s));
		result = result ? -1 : 0;
	} else {
		const char *who = page[0] ? page : "a plugin";
		if (hung.status)
			*e = hung;
		else if (WIFSIGNALED(status))
			tl_error_set(e, TL_FAILED, "%s crashed (%s)", who, strsignal(WTERMSIG(status)));
		else
			tl_error_set(e, TL_FAILED, "%s ended the process with exit status %d", who, WEXITSTATUS(status));
		result = 1;
	}
	tl_text_free(&all);
	munmap(page, TL_PAGE_BYTES);
	return result;
}
