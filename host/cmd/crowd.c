/* crowd.c - processes and threads of a group, counted in /proc. */
#include "crowd.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"

enum { BOUND = 512, EVERY = 2 /* seconds */ };

int
tl_crowd_bound(int threads)
{
	const char *text = getenv("TAGLOOM_PROCESSES");
	long wanted = text ? strtol(text, NULL, 10) : 0;

	return threads + (int)(wanted > 0 && wanted < 1000000 ? wanted : BOUND);
}

/* Threads of the process, 0 where it is gone; *group: its group. */
static int64_t
threads_of(const char *pid, int *group)
{
	char path[64], *bytes, *p;
	long threads = 0;
	size_t n;

	snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
	if (tl_read_file(path, &bytes, &n, NULL))
		return 0;
	p = strrchr(bytes, ')'); /* the name before may hold anything */
	/* state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime priority nice num_threads */
	if (!p || sscanf(p + 1, " %*c %*d %d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld", group, &threads) != 2)
		threads = 0;
	free(bytes);
	return threads;
}

/* Processes and threads of a group, or (group 0) of this process's user. */
static int64_t
count(int group)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int64_t sum = 0;

	while (proc && (entry = readdir(proc))) {
		struct stat st;
		int its = 0;
		int64_t n;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		if (!group && (fstatat(dirfd(proc), entry->d_name, &st, 0) || st.st_uid != getuid()))
			continue;
		n = threads_of(entry->d_name, &its);
		sum += !group || its == group ? n : 0;
	}
	if (proc)
		closedir(proc);
	return sum;
}

static int64_t
count_all(void)
{
	struct sysinfo s;

	return sysinfo(&s) ? 0 : s.procs;
}

void
tl_crowd_limit(int bound)
{
	struct rlimit before, now;
	rlim_t wanted = (rlim_t)(count(0) + 2 * bound);
	pid_t pid;

	if (getrlimit(RLIMIT_NPROC, &before) || (before.rlim_cur != RLIM_INFINITY && before.rlim_cur <= wanted))
		return;
	now = (struct rlimit){ wanted, before.rlim_max };
	setrlimit(RLIMIT_NPROC, &now);
	/* The kernel also counts what other containers run under this user, which is not to be seen here. */
	pid = fork();
	if (!pid)
		_exit(0);
	if (pid < 0)
		setrlimit(RLIMIT_NPROC, &before);
	else
		waitpid(pid, NULL, 0);
}

tl_crowd
tl_crowd_watch(int group, int bound)
{
	return (tl_crowd){ group, bound, count_all(), tl_seconds() };
}

bool
tl_crowded(tl_crowd *c)
{
	double now = tl_seconds();

	if (count_all() - c->before <= c->bound / 2 && now - c->counted < EVERY)
		return false;
	c->counted = now;
	return count(c->group) > c->bound;
}
