/* memory.c - what this process uses, and what it may still take. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base.h"

/* A number behind NAME in one of /proc's or a control group's lists, times unit; -1: not there. */
static int64_t
number_in(const char *path, const char *name, int64_t unit)
{
	FILE *f = fopen(path, "r");
	char line[256];
	int64_t value = -1;
	size_t n = strlen(name);

	while (f && value < 0 && fgets(line, sizeof line, f))
		if (!strncmp(line, name, n))
			value = strtoll(line + n + strspn(line + n, ": \t"), NULL, 10) * unit;
	if (f)
		fclose(f);
	return value;
}

/* The number that is all of a file; -1: not there, or "max". */
static int64_t
number_of(const char *folder, const char *file)
{
	char *path = tl_path_join(folder, file), text[64] = "";
	FILE *f = fopen(path, "r");
	int64_t value = -1;

	if (f && fgets(text, sizeof text, f) && text[0] >= '0' && text[0] <= '9')
		value = strtoll(text, NULL, 10);
	if (f)
		fclose(f);
	free(path);
	return value;
}

int64_t
tl_memory_used(void)
{
	return TL_MAX(number_in("/proc/self/status", "VmRSS", 1024), (int64_t)0);
}

int64_t
tl_memory_peak(void)
{
	struct rusage u;
	int64_t peak = number_in("/proc/self/status", "VmHWM", 1024); /* of this program; ru_maxrss remembers the one before exec */

	if (peak >= 0)
		return peak;
	getrusage(RUSAGE_SELF, &u);
	return (int64_t)u.ru_maxrss * 1024;
}

static void
bound(int64_t bytes, const char *words, int64_t *least, const char **by)
{
	if (bytes >= *least)
		return;
	*least = TL_MAX(bytes, (int64_t)0);
	*by = words;
}

/* What the control groups above this process leave; pages of files can be given up. */
static void
control_groups(int64_t *least, const char **by)
{
	FILE *f = fopen("/proc/self/cgroup", "r");
	char line[1024], *path = NULL, *slash;

	while (f && !path && fgets(line, sizeof line, f))
		if (!strncmp(line, "0::", 3)) {
			line[strcspn(line, "\n")] = 0;
			path = tl_format("/sys/fs/cgroup%s", line + 3);
		}
	if (f)
		fclose(f);
	while (path && strlen(path) >= strlen("/sys/fs/cgroup")) {
		int64_t limit = number_of(path, "memory.max"), used = number_of(path, "memory.current");
		char *stat = tl_path_join(path, "memory.stat");
		if (limit >= 0 && used >= 0)
			bound(limit - used + TL_MAX(number_in(stat, "inactive_file ", 1), (int64_t)0), "under the limit of its control group", least, by);
		free(stat);
		if (!(slash = strrchr(path, '/')))
			break;
		*slash = 0;
	}
	free(path);
}

int64_t
tl_memory_available(int64_t idle, const char **by)
{
	static const struct { int limit; const char *used, *words; } limits[] = {
		{ RLIMIT_AS, "VmSize", "under the limit of its address space (ulimit -v)" }, { RLIMIT_DATA, "VmData", "under the limit of its data (ulimit -d)" } };
	int64_t least = INT64_MAX, free_memory = number_in("/proc/meminfo", "MemAvailable", 1024);
	struct rlimit r;

	*by = "in this machine";
	if (free_memory >= 0)
		bound(free_memory, "in this machine", &least, by);
	control_groups(&least, by);
	for (int64_t i = 0; i < TL_COUNT(limits); i++)
		if (!getrlimit(limits[i].limit, &r) && r.rlim_cur != RLIM_INFINITY)
			bound((int64_t)r.rlim_cur - number_in("/proc/self/status", limits[i].used, 1024) - idle, limits[i].words, &least, by);
	return least;
}
