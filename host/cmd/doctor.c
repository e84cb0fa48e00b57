/* doctor.c - what this machine offers, where plugins come from, and whether a database is sound. */
#include "cmd.h"
#include "sweep.h"
#include "data/data.h"
#include "plugin/host.h"
#include "store/store.h"
#include "tensor/core.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const tl_option options[] = {
	{ "--db", "FILE", "results database (default $TAGLOOM_DB, else results/tagloom.db)" },
	{ 0 }
};

enum { WIDTH = 14 };
#define SAY(name, ...) (printf("%-*s", WIDTH, name), printf(__VA_ARGS__), putchar('\n'))

/* The value behind "key : value" in a file of /proc. */
static char *
proc_value(const char *path, const char *key)
{
	char *bytes, *p, *value = NULL;
	size_t n;

	if (tl_read_file(path, &bytes, &n, NULL))
		return NULL;
	p = strstr(bytes, key);
	if (p && (p = strchr(p, ':'))) {
		p++;
		p += strspn(p, " \t");
		value = tl_strndup(p, strcspn(p, "\n"));
	}
	free(bytes);
	return value;
}

static void
machine(void)
{
	char *cpu = proc_value("/proc/cpuinfo", "model name"), *memory = proc_value("/proc/meminfo", "MemTotal"), *free_memory = proc_value("/proc/meminfo", "MemAvailable"), *cache = tl_cache_dir();
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t mask;
	tl_device_words device;
	tl_error e = { 0 };
	int allowed = sched_getaffinity(0, sizeof mask, &mask) ? (int)online : CPU_COUNT(&mask);

	SAY("tagloom", TL_VERSION);
	SAY("device cpu", "%s", cpu ? cpu : "unknown processor");
	SAY("threads", "%d usable of %ld processors", allowed, online);
	SAY("instructions", "%s%s%s", tl_isa(), getenv("TAGLOOM_ISA") ? ", TAGLOOM_ISA=" : "", getenv("TAGLOOM_ISA") ? getenv("TAGLOOM_ISA") : "");
	SAY("GEMM library", "%s", tl_gemm_library());
	if (memory)
		SAY("memory", "%lld MiB, %lld MiB available", strtoll(memory, NULL, 10) / 1024, free_memory ? strtoll(free_memory, NULL, 10) / 1024 : 0LL);
	if (tl_device_ask("cuda:0", &device, &e))
		SAY("device cuda", "%s", e.text);
	for (int i = 1; !e.status; i++) {
		char next[32];
		SAY("device", "%s: %s, %s", device.column, device.identity, device.memory);
		snprintf(next, sizeof next, "cuda:%d", i);
		tl_device_ask(next, &device, &e);
	}
	SAY("token cache", "%s", cache ? cache : "no usable folder; token ids are made anew for every run");
	free(cpu);
	free(memory);
	free(free_memory);
	free(cache);
}

static void
plugins(void)
{
	const char *path = getenv("TAGLOOM_PLUGIN_PATH");
	tl_registry *r = tl_registry_new();
	int64_t loaded = 0, refused = 0, shadowed = 0;

	SAY("plugin path", "%s%sbeside the program, " TL_PREFIX "/lib/tagloom/plugins", path ? path : "", path ? ", " : "");
	tl_registry_scan(r);
	for (int64_t i = 0; i < tl_registry_count(r); i++) {
		const tl_candidate *c = tl_registry_at(r, i);
		loaded += c->plugin && !c->shadowed;
		shadowed += c->shadowed;
		refused += !c->plugin && !c->shadowed;
	}
	SAY("plugins", "%lld loaded, %lld shadowed, %lld refused", (long long)loaded, (long long)shadowed, (long long)refused);
	for (int64_t i = 0; i < tl_registry_count(r); i++) {
		const tl_candidate *c = tl_registry_at(r, i);
		if (!c->plugin && !c->shadowed && c->why)
			SAY("", "refused: %s", c->why);
	}
	if (!loaded)
		SAY("", "nothing can be run without plugins: build them with make, or set TAGLOOM_PLUGIN_PATH");
	tl_registry_free(r);
}

/* --- the database --------------------------------------------------------------------------------------------------------------- */
static int
integrity(tl_store *s, tl_error *e)
{
	tl_rows *r = tl_store_query(s, e, "PRAGMA integrity_check(5)", "");
	int bad = 0, got = r ? 0 : -1;

	while (r && (got = tl_rows_next(r, e)) == 1) {
		const char *text = tl_rows_text(r, 0);
		if (text && strcmp(text, "ok"))
			bad++;
		if (!bad)
			SAY("integrity", "%s", text ? text : "?");
		else
			SAY(bad == 1 ? "integrity" : "", "DAMAGED: %s", text ? text : "?");
	}
	tl_rows_free(r);
	return got < 0 || bad;
}

/* results/checks/: each query lists rows that should not be; its first line says what is wrong with them. */
static int
checks(tl_store *s, tl_error *e)
{
	int wrong = 0, done = 0;

	for (const struct tl_embedded *x = tl_embedded; x->path; x++) {
		char what[160] = "";
		tl_rows *r;
		int64_t n = 0;
		if (!tl_starts(x->path, "results/checks/"))
			continue;
		snprintf(what, sizeof what, "%.*s", (int)strcspn(x->text, "\n"), x->text);
		r = tl_store_query(s, e, x->text, "");
		while (r && tl_rows_next(r, e) == 1)
			n++;
		tl_rows_free(r);
		if (e->status)
			return -1;
		done++;
		if (n) {
			SAY("check", "%lld rows: %s", (long long)n, what + strspn(what, "- "));
			wrong++;
		}
	}
	SAY("checks", "%d done, %d found something", done, wrong);
	return wrong;
}

static void
sizes(tl_store *s)
{
	char *wal = tl_format("%s-wal", tl_store_path(s)), *folder = tl_strdup(tl_store_path(s)), *slash = strrchr(folder, '/');
	struct statvfs v;
	struct stat st, journal;

	if (slash)
		slash[slash == folder] = 0;
	if (!stat(tl_store_path(s), &st))
		SAY("size", "%.2f MiB, journal %.2f MiB", (double)st.st_size / 1048576, stat(wal, &journal) ? 0. : (double)journal.st_size / 1048576);
	if (!statvfs(slash ? folder : ".", &v))
		SAY("free space", "%.1f GiB", (double)v.f_bavail * (double)v.f_frsize / 1073741824);
	free(wal);
	free(folder);
}

static void
runs(tl_store *s)
{
	char *counts = tl_store_text(s, NULL, "SELECT group_concat(n || ' ' || status, ', ') FROM (SELECT count(*) AS n, status FROM run GROUP BY status ORDER BY status)", "");
	tl_rows *r = tl_store_query(s, NULL, "SELECT id, host, pid, coalesce(heartbeat_at, started_at) FROM run WHERE status = 'running'", "");

	SAY("runs", "%s", counts ? counts : "none");
	while (r && tl_rows_next(r, NULL) == 1)
		if (tl_store_run_alive(s, tl_rows_int(r, 0)) < 0)
			SAY("", "run %lld runs on host %s (last heard at %s): from here nobody can tell whether it lives", (long long)tl_rows_int(r, 0), tl_rows_null(r, 1) ? "?" : tl_rows_text(r, 1),
			    tl_rows_null(r, 3) ? "?" : tl_rows_text(r, 3));
	tl_rows_free(r);
	free(counts);
}

static int
database(const char *path, bool named, tl_error *e)
{
	tl_store *s;
	char *version;
	int bad;

	SAY("database", "%s%s", path, tl_exists(path) ? "" : ": not there yet");
	if (!tl_exists(path))
		return named ? tl_error_set(e, TL_ENVIRONMENT, "%s: there is no database", path) : 0;
	s = tl_store_open(path, true, e);
	if (!s)
		return -1;
	version = tl_store_text(s, e, "SELECT value FROM meta WHERE key = 'schema_version'", "");
	SAY("schema", "version %s", version ? version : "?");
	free(version);
	sizes(s);
	bad = integrity(s, e);
	if (!bad)
		runs(s);
	if (!bad && checks(s, e))
		bad = e->status ? -1 : tl_error_set(e, TL_ENVIRONMENT, "%s: rows contradict each other; see above", path);
	else if (bad && !e->status)
		tl_error_set(e, TL_ENVIRONMENT, "%s: the database is damaged; 'sqlite3 %s .recover' saves what can be read into a new file", path, path);
	tl_store_close(s);
	return bad ? -1 : 0;
}

static int
run(const tl_args *a, tl_error *e)
{
	machine();
	plugins();
	fflush(stdout);
	return database(tl_db_path(a), tl_arg_value(a, "--db", getenv("TAGLOOM_DB")) != NULL, e);
}

const tl_verb tl_verb_doctor = {
	.name = "doctor",
	.synopsis = "[--db FILE]",
	.summary = "devices, libraries, plugin path, database health",
	.description = "Tells what this machine offers, where plugins are looked for and which were refused, and examines the database: SQLite's own\n"
	               "integrity check, the queries of results/checks, the size of the journal, runs that ended without a word. Exit status 3 where\n"
	               "the database is damaged or contradicts itself.",
	.options = options,
	.least = 0,
	.most = 0,
	.run = run,
};
