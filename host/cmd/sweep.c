/*
 * sweep.c - runs as processes. The parent starts no threads and keeps no database open while a child lives; it listens to one pipe
 * per child, ends what shows no life, and writes down what a child could not say itself.
 */
#include "sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, GRACE = 20 };
static const char reading_end[] = "interrupted; `tagloom resume` goes on";

tl_job *
tl_sweep_add(tl_sweep *s)
{
	s->job = tl_grow(s->job, s->n, &s->room, sizeof *s->job);
	s->job[s->n] = (tl_job){ .pipe = -1, .page_fd = -1 };
	return &s->job[s->n++];
}

static int
threads_of(const tl_sweep *s)
{
	return TL_MAX(s->threads / TL_MAX(s->jobs, 1), 1);
}

/* --- starting ------------------------------------------------------------------------------------------------------------------ */
static void
exec_child(const tl_sweep *s, const tl_job *j, int out)
{
	char run[24], arm[24], threads[24], fd[24], page[24];
	char *const argv[] = { "tagloom", "child", run, "--db", (char *)(uintptr_t)s->db, "--arm", arm, "--threads", threads, "--pipe", fd, "--page", page, NULL };
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;

	snprintf(run, sizeof run, "%lld", (long long)j->run);
	snprintf(arm, sizeof arm, "%lld", (long long)j->arm_row);
	snprintf(threads, sizeof threads, "%d", threads_of(s));
	snprintf(fd, sizeof fd, "%d", out);
	snprintf(page, sizeof page, "%d", j->page_fd);
	/* A group of its own: Ctrl-C reaches the parent, which passes it on once. The death of the parent is the child's. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (null >= 0)
		dup2(null, 0);
	dup2(2, 1);
	fcntl(out, F_SETFD, 0);
	fcntl(j->page_fd, F_SETFD, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	tl_crowd_limit(tl_crowd_bound(threads_of(s)));
	if (j->folder)
		tl_go_to(j->folder);
	execv("/proc/self/exe", argv);
	_exit(127);
}

static int
start(tl_sweep *s, tl_job *j, tl_error *e)
{
	int fd[2], parent = getpid();
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC))
		return tl_error_set(e, TL_ENVIRONMENT, "no pipe for a run: %s", strerror(errno));
	j->page_fd = memfd_create("tagloom", MFD_CLOEXEC);
	if (j->page_fd < 0 || ftruncate(j->page_fd, PAGE)) {
		close(fd[0]);
		close(fd[1]);
		return tl_error_set(e, TL_ENVIRONMENT, "no shared memory for a run: %s", strerror(errno));
	}
	j->page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, j->page_fd, 0);
	if (j->page == MAP_FAILED)
		j->page = NULL;
	fflush(stdout);
	fflush(stderr);
	pid = fork();
	if (!pid) {
		if (getppid() == parent)
			exec_child(s, j, fd[1]);
		_exit(127);
	}
	close(fd[1]);
	if (pid < 0) {
		close(fd[0]);
		return tl_error_set(e, TL_ENVIRONMENT, "no process for a run: %s", strerror(errno));
	}
	fcntl(fd[0], F_SETFL, O_NONBLOCK);
	j->pid = pid;
	j->pipe = fd[0];
	j->heard = tl_heard();
	j->started = j->heard.since;
	j->crowd = tl_crowd_watch(pid, tl_crowd_bound(threads_of(s)));
	return 0;
}

/* --- listening ------------------------------------------------------------------------------------------------------------------ */
static void
take_line(tl_sweep *s, tl_job *j, char *line)
{
	char *rest = strchr(line, '\t');

	j->heard = tl_heard();
	if (!rest)
		return;
	*rest++ = 0;
	switch (line[0]) {
	case 'H': { /* epoch step steps loss tokens/s value metric */
		long long epoch, step, steps;
		if (sscanf(rest, "%lld\t%lld\t%lld\t%lf\t%lf\t%lf\t%63s", &epoch, &step, &steps, &j->loss, &j->tokens_per_second, &j->value, j->metric) < 6)
			return;
		if (!j->first_beat) {
			j->first_beat = j->heard.since;
			j->first_step = step;
		}
		j->epoch = epoch;
		j->step = step;
		j->steps = steps;
		tl_progress_draw(s, false);
		break;
	}
	case 'E':
		tl_progress_epoch(j, rest);
		break;
	case 'M':
		tl_progress_line(j, "%s", rest);
		break;
	case 'X': { /* status, sentence */
		char *text = strchr(rest, '\t');
		if (text)
			*text++ = 0;
		j->ended = true;
		snprintf(j->last_status, sizeof j->last_status, "%s", rest);
		snprintf(j->last_text, sizeof j->last_text, "%s", text ? text : "");
		break;
	}
	default:
		break;
	}
}

/* True at the end of the pipe. */
static bool
listen_to(tl_sweep *s, tl_job *j)
{
	char buffer[8192], *newline;
	ssize_t got;

	while ((got = read(j->pipe, buffer, sizeof buffer)) > 0) {
		size_t used = 0;
		tl_text_bytes(&j->line, buffer, (size_t)got);
		while ((newline = memchr(j->line.s + used, '\n', j->line.n - used))) {
			*newline = 0;
			take_line(s, j, j->line.s + used);
			used = (size_t)(newline + 1 - j->line.s);
		}
		memmove(j->line.s, j->line.s + used, j->line.n - used);
		j->line.n -= used;
		if (j->line.n > 1 << 16) /* nobody of ours writes such lines */
			j->line.n = 0;
	}
	return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

/* --- ending ----------------------------------------------------------------------------------------------------------------------- */
/* Signals that a process brings upon itself; any other one was sent to it. */
static bool
is_crash(int sig)
{
	return sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL || sig == SIGABRT || sig == SIGSYS || sig == SIGTRAP;
}

/* How the child died, in words. True where the plugin that was running is at fault. */
static bool
tell_death(const tl_job *j, int status, const char **how, char *text, size_t n)
{
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	*how = j->killed_why || (sig && !is_crash(sig)) ? "killed" : "failed";
	if (j->killed_why)
		snprintf(text, n, "%s", j->killed_why);
	else if (!sig)
		snprintf(text, n, "the process ended with exit status %d without finishing the run", WEXITSTATUS(status));
	else if (is_crash(sig))
		snprintf(text, n, "crashed: %s", strsignal(sig));
	else
		snprintf(text, n, "killed by signal %d from outside%s", sig, sig == SIGKILL ? " (out of memory?)" : "");
	return j->killed_why ? j->killed_for_plugin : !sig || is_crash(sig);
}

/* What the child could not write down itself: how it died, and in which plugin. */
static void
record_death(tl_sweep *s, tl_job *j, int status)
{
	char plugin[64] = "", text[400];
	const char *how;
	bool at_fault = tell_death(j, status, &how, text, sizeof text), other;
	tl_error e = { 0 };
	tl_store *store;

	if (at_fault && j->page)
		snprintf(plugin, sizeof plugin, "%.60s", j->page);
	if (plugin[0])
		snprintf(text + strlen(text), sizeof text - strlen(text), " (in %s)", plugin);
	store = tl_store_reopen(s->db, &e);
	/* A child that died before it had claimed the run says nothing about the process that has. */
	other = store && tl_store_int(store, &e, 0, "SELECT count(*) FROM run WHERE id = ?1 AND status = 'running' AND pid <> ?2", "ii", j->run, (int64_t)j->pid);
	if (!store || (!other && tl_store_run_end(store, j->run, how, text, plugin, NULL, &e)))
		tl_warning("run %lld: its end could not be recorded: %s", (long long)j->run, e.text);
	tl_store_close(store);
	snprintf(j->last_status, sizeof j->last_status, "%s", how);
	snprintf(j->last_text, sizeof j->last_text, "%s", text);
}

static void
finish(tl_sweep *s, tl_job *j, int status)
{
	bool elsewhere = !j->ended && WIFEXITED(status) && WEXITSTATUS(status) == TL_CHILD_ELSEWHERE;

	close(j->pipe);
	j->pipe = -1;
	if (elsewhere) {
		s->waiting++;
		snprintf(j->last_status, sizeof j->last_status, "elsewhere");
	} else {
		if (!j->ended)
			record_death(s, j, status);
		if (!strcmp(j->last_status, "done"))
			s->done++;
		else if (!strcmp(j->last_status, "killed"))
			s->killed++;
		else
			s->failed++;
		if (!strcmp(j->last_status, "done"))
			tl_progress_line(j, "done in %.1f s", tl_seconds() - j->started);
		else
			tl_progress_line(j, "%s: %s", j->last_status, j->last_text);
	}
	j->pid = 0;
	if (j->page)
		munmap(j->page, PAGE);
	close(j->page_fd);
	j->page = NULL;
	j->page_fd = -1;
	tl_text_free(&j->line);
}

/* The run and every process that a plugin of it may have started: a run is a group of its own. */
static void
end_now(const tl_job *j)
{
	kill(j->pid, SIGKILL);
	kill(-j->pid, SIGKILL);
}

static void
bury(tl_sweep *s)
{
	for (int64_t i = 0; i < s->n; i++) {
		tl_job *j = &s->job[i];
		siginfo_t info = { 0 };
		int status;
		if (j->pid <= 0 || waitid(P_PID, (id_t)j->pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid != j->pid)
			continue;
		end_now(j); /* while its number still is its own */
		if (waitpid(j->pid, &status, 0) != j->pid)
			continue;
		listen_to(s, j);
		finish(s, j, status);
	}
}

static void
watch(tl_sweep *s)
{
	double now = tl_seconds();

	for (int64_t i = 0; i < s->n; i++) {
		tl_job *j = &s->job[i];
		if (j->pid <= 0)
			continue;
		if (!j->killed_why && j->timeout > 0 && tl_silent(&j->heard, j->pid, j->timeout)) {
			j->killed_why = "no sign of life for longer than train.timeout";
			j->killed_for_plugin = true;
			end_now(j);
		} else if (!j->killed_why && tl_crowded(&j->crowd)) {
			j->killed_why = "too many processes and threads were started (TAGLOOM_PROCESSES sets how many a run may have)";
			j->killed_for_plugin = true;
			end_now(j);
		} else if (j->killed_at > 0 && now > j->killed_at && !j->killed_why) {
			j->killed_why = reading_end;
			end_now(j);
		}
	}
}

static void
interrupt(tl_sweep *s)
{
	if (!s->interrupted)
		tl_progress_line(NULL, "stopping; every run writes a checkpoint (once more: at once)");
	for (int64_t i = 0; i < s->n; i++) {
		tl_job *j = &s->job[i];
		if (j->pid <= 0)
			continue;
		if (s->interrupted) {
			j->killed_why = reading_end;
			end_now(j);
		} else {
			j->killed_at = tl_seconds() + GRACE;
			kill(j->pid, SIGINT);
		}
	}
	s->interrupted = true;
}

/*
 * Runs that another process executes: done there is done; what it left unfinished is started here. Where the database cannot be
 * asked any more (it was removed, replaced, or its disk is gone) there is nothing to wait for.
 */
static void
look_elsewhere(tl_sweep *s, tl_error *e)
{
	tl_store *store = tl_store_reopen(s->db, e);

	for (int64_t i = 0; i < s->n && !e->status; i++) {
		tl_job *j = &s->job[i];
		char *status;
		if (strcmp(j->last_status, "elsewhere"))
			continue;
		status = tl_store_text(store, e, "SELECT status FROM run WHERE id = ?1", "i", j->run);
		if (!status && !e->status)
			tl_error_set(e, TL_ENVIRONMENT, "%s: run %lld, which another process was executing, is not in it any more; run the script again", s->db, (long long)j->run);
		if (status && strcmp(status, "running")) {
			bool ended = !strcmp(status, "done") || !strcmp(status, "failed");
			s->waiting--;
			snprintf(j->last_status, sizeof j->last_status, "%s", ended ? status : "");
			if (!strcmp(status, "done"))
				s->elsewhere++;
			if (!strcmp(status, "failed"))
				s->failed++;
			if (ended)
				tl_progress_line(j, "%s, by another process", status);
		}
		free(status);
	}
	if (e->status)
		s->waiting = 0;
	tl_store_close(store);
}

static bool
start_more(tl_sweep *s, tl_error *e)
{
	int running = 0;

	for (int64_t i = 0; i < s->n; i++)
		running += s->job[i].pid > 0;
	for (int64_t i = 0; i < s->n && running < s->jobs && !s->interrupted && !e->status && !(s->fail_fast && s->failed); i++) {
		tl_job *j = &s->job[i];
		if (j->pid > 0 || j->last_status[0])
			continue;
		if (start(s, j, e))
			break;
		running++;
	}
	return running > 0;
}

int
tl_sweep_run(tl_sweep *s, tl_error *e)
{
	sigset_t set, before;
	struct pollfd *p = tl_alloc((size_t)(s->n + 1) * sizeof *p);
	double looked = 0;
	int signals;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &before);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	tl_progress_start(s->quiet);
	for (;;) {
		struct signalfd_siginfo info;
		int64_t n = 1;
		bool running = start_more(s, e);
		if (!running && (!s->waiting || s->interrupted || (s->fail_fast && s->failed)))
			break;
		p[0] = (struct pollfd){ signals, POLLIN, 0 };
		for (int64_t i = 0; i < s->n; i++)
			if (s->job[i].pid > 0 && s->job[i].pipe >= 0)
				p[n++] = (struct pollfd){ s->job[i].pipe, POLLIN, 0 };
		poll(p, (nfds_t)n, 200);
		for (int64_t i = 0; i < s->n; i++)
			if (s->job[i].pid > 0 && s->job[i].pipe >= 0)
				listen_to(s, &s->job[i]);
		while (read(signals, &info, sizeof info) == sizeof info)
			if (info.ssi_signo != SIGCHLD)
				interrupt(s);
		bury(s);
		watch(s);
		if (s->waiting && tl_seconds() - looked > 1) {
			looked = tl_seconds();
			look_elsewhere(s, e);
		}
		tl_progress_draw(s, false);
	}
	tl_progress_clear();
	close(signals);
	sigprocmask(SIG_SETMASK, &before, NULL);
	free(p);
	return e->status ? -1 : 0;
}

int
tl_sweep_status(const tl_sweep *s)
{
	return s->interrupted ? TL_INTERRUPTED : s->failed || s->killed ? TL_FAILED : 0;
}

void
tl_sweep_free(tl_sweep *s)
{
	for (int64_t i = 0; i < s->n; i++) {
		free(s->job[i].label);
		free(s->job[i].folder);
	}
	free(s->job);
}
