/* silence.c - the kernel counts for every thread how long it was ready and not running (/proc/PID/task/TID/schedstat), at the end of each wait. */
#include "silence.h"

#include <dirent.h>
#include <stdio.h>

#include "base.h"

/* Seconds that the thread which waited longest has waited for a core since it began; 0 where the kernel does not count. */
static double
waited(int pid)
{
	char path[64];
	struct dirent *entry;
	double most = 0;
	DIR *tasks;

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks))) {
		char file[128];
		FILE *f;
		double nanoseconds;

		snprintf(file, sizeof file, "%s/%.20s/schedstat", path, entry->d_name);
		if (entry->d_name[0] == '.' || !(f = fopen(file, "r")))
			continue;
		if (fscanf(f, "%*u %lf", &nanoseconds) == 1)
			most = TL_MAX(most, nanoseconds * 1e-9);
		fclose(f);
	}
	if (tasks)
		closedir(tasks);
	return most;
}

tl_silence
tl_heard(void)
{
	return (tl_silence){ tl_seconds(), -1 };
}

bool
tl_silent(tl_silence *s, int pid, double bound)
{
	double silent = tl_seconds() - s->since;

	if (s->waited < 0 && silent > TL_MIN(1, bound / 2)) /* most silences end before: nothing is read for them */
		s->waited = waited(pid);
	return silent > bound && silent - TL_MAX(0, waited(pid) - s->waited) > bound;
}
