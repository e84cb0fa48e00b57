/*
 * reap.c - which process a running run names, and whether it is still there.
 *
 * A number of a process is used again sooner or later; together with the boot, the process namespace and the moment at which the
 * process started it is not.
 */
#include "inside.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Clock ticks after boot at which the process started; 0 where it is not there (or only waits to be buried), -1 where nobody can tell. */
static int64_t
process_start(int64_t pid)
{
	char path[64], *bytes, *p;
	long long start = -1;
	size_t n;

	snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
	if (tl_read_file(path, &bytes, &n, NULL))
		return kill((pid_t)pid, 0) && errno == ESRCH ? 0 : -1;
	p = strrchr(bytes, ')'); /* the name before may hold anything */
	if (p && p[1] == ' ' && p[2]) {
		char state = p[2];
		p += 3;
		for (int field = 4; field <= 22 && p; field++) {
			p = strchr(p, ' ');
			if (p && field == 22)
				start = strtoll(p + 1, NULL, 10);
			if (p)
				p++;
		}
		if (state == 'Z' || state == 'X')
			start = 0;
	}
	free(bytes);
	return start;
}

/* "BOOT/NAMESPACE" of this process. */
static char *
this_boot(void)
{
	char *bytes = NULL, space[64] = "", *text;
	size_t n = 0;
	ssize_t got = readlink("/proc/self/ns/pid", space, sizeof space - 1);

	space[got > 0 ? got : 0] = 0;
	if (tl_read_file("/proc/sys/kernel/random/boot_id", &bytes, &n, NULL))
		bytes = tl_strdup("");
	bytes[strcspn(bytes, "\n")] = 0;
	text = tl_format("%s/%s", bytes, space);
	free(bytes);
	return text;
}

static void
this_host(char name[256])
{
	if (gethostname(name, 255))
		strcpy(name, "?");
	name[255] = 0;
}

/* silent: seconds since the last sign of life. 1 there, 0 gone, -1 unknown. */
static int
alive(int64_t pid, const char *host, const char *boot, int64_t start, int64_t silent, const char *my_host, const char *my_boot)
{
	enum { LONG_SILENCE = 3600, SHORT_SILENCE = 60 };
	int64_t now;

	if (!host || strcmp(host, my_host))
		return silent > LONG_SILENCE ? 0 : -1;
	if (boot && strcmp(boot, my_boot)) {
		size_t n = strcspn(boot, "/");
		bool other_boot = strncmp(boot, my_boot, n + 1) != 0;
		return silent > (other_boot ? SHORT_SILENCE : LONG_SILENCE) ? 0 : -1;
	}
	if (pid <= 0)
		return 0;
	now = process_start(pid);
	if (now <= 0)
		return now ? 1 : 0;
	return start <= 0 || start == now;
}

#define LIFE "pid, host, boot, pid_start, CAST(86400 * (julianday('now') - julianday(coalesce(heartbeat_at, started_at, '2000-01-01'))) AS INTEGER)"

static int
row_alive(tl_rows *r, const char *host, const char *boot)
{
	return alive(tl_rows_int(r, 0), tl_rows_text(r, 1), tl_rows_text(r, 2), tl_rows_int(r, 3), tl_rows_int(r, 4), host, boot);
}

int
tl_store_run_alive(tl_store *s, int64_t run)
{
	tl_rows *r = tl_store_query(s, NULL, "SELECT " LIFE " FROM run WHERE id = ?1", "i", run);
	char host[256], *boot = this_boot();
	int there = -1;

	this_host(host);
	if (r && tl_rows_next(r, NULL) == 1)
		there = row_alive(r, host, boot);
	tl_rows_free(r);
	free(boot);
	return there;
}

int
tl_store_reap(tl_store *s, tl_error *e)
{
	struct { int64_t run, pid; } *gone = NULL;
	int64_t n = 0, capacity = 0, reaped = 0;
	char host[256], *boot = this_boot();
	tl_rows *r = tl_store_query(s, e, "SELECT " LIFE ", id FROM run WHERE status = 'running'", "");
	int got = r ? 0 : -1;

	this_host(host);
	while (r && (got = tl_rows_next(r, e)) == 1) {
		if (row_alive(r, host, boot))
			continue;
		gone = tl_grow(gone, n, &capacity, sizeof *gone);
		gone[n].run = tl_rows_int(r, 5);
		gone[n++].pid = tl_rows_int(r, 0);
	}
	tl_rows_free(r);
	free(boot);
	if (!got && n) {
		got = tl_store_begin(s, e);
		for (int64_t i = 0; i < n && !got; i++) {
			/* Only where nobody has ended it or started it again meanwhile. */
			got = tl_store_run(s, e,
			                   "UPDATE run SET status = 'dead', finished_at = coalesce(heartbeat_at, started_at), error = coalesce(error, 'its process ' || pid || ' is gone without a word: killed from outside, out of memory, or the machine stopped') "
			                   "WHERE id = ?1 AND status = 'running' AND pid IS ?2",
			                   "ii", gone[i].run, gone[i].pid);
			reaped += got ? 0 : tl_store_changes(s);
		}
		if (got)
			tl_store_rollback(s);
		else
			got = tl_store_commit(s, e);
	}
	free(gone);
	return got ? -1 : (int)reaped;
}

int
tl_store_run_start(tl_store *s, int64_t run, int64_t pid, tl_error *e)
{
	char host[256], *boot = this_boot();
	int bad;

	this_host(host);
	bad = tl_store_run(s, e,
	                   "UPDATE run SET status = 'running', pid = ?2, host = ?3, boot = ?4, pid_start = ?5, error = NULL, plugin_at_fault = NULL, finished_at = NULL, "
	                   "started_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), heartbeat_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id = ?1",
	                   "iissi", run, pid, host, boot, process_start(pid));
	free(boot);
	return bad;
}

int
tl_store_run_claim(tl_store *s, int64_t run, int64_t pid, tl_error *e)
{
	char *status;
	bool own;
	int claimed, bad;

	if (tl_store_enter(s, &own, e))
		return -1;
	status = tl_store_text(s, e, "SELECT status FROM run WHERE id = ?1", "i", run);
	claimed = status && strcmp(status, "done") && (strcmp(status, "running") || !tl_store_run_alive(s, run));
	bad = claimed ? tl_store_run_start(s, run, pid, e) : status ? 0 : tl_error_set(e, TL_ENVIRONMENT, "%s: there is no run %lld", s->path, (long long)run);
	free(status);
	return tl_store_leave(s, own, !bad, e) ? -1 : claimed;
}
