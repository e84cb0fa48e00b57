/* full.test.c - a full disk: a sentence, nothing lost. Once with a limit of the system on file sizes, once with a file system (VFS) that says SQLITE_FULL. */
#include "make.h"
#include "tap.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t
count(tl_store *s, const char *sql)
{
	return tl_store_int(s, NULL, -1, sql, "");
}

/* Writes runs until it fails; says the sentence. 0 where it never failed. */
static int
fill(tl_store *s, tl_error *e, int most)
{
	int n = 0;

	for (; n < most && !e->status; n++) {
		char *text = tl_format("%d %0*d", n, 4000, n);
		tl_store_message(s, 0, "note", text, e);
		free(text);
	}
	return n;
}

/* --- the limit on file sizes -------------------------------------------------------------------------------------------------- */
static void
limited(void)
{
	tl_error e = { 0 };
	tl_store *s = tl_store_open("limited.db", false, &e);
	int status;
	pid_t child;

	make_experiment(s, "kept", &e);
	tl_store_close(s);
	child = fork();
	if (!child) {
		tl_error here = { 0 };
		struct rlimit limit = { 600000, 600000 };
		signal(SIGXFSZ, SIG_DFL); /* as in a shell after ulimit -f */
		setrlimit(RLIMIT_FSIZE, &limit);
		s = tl_store_open("limited.db", false, &here);
		if (!s)
			_exit(fprintf(stderr, "%s\n", here.text) ? 1 : 1);
		fill(s, &here, 2000);
		if (!here.status || !strstr(here.text, "ulimit -f"))
			_exit(fprintf(stderr, "%s\n", here.text) ? 2 : 2);
		if (here.status != TL_ENVIRONMENT)
			_exit(3);
		if (count(s, "SELECT count(*) FROM run") != 6)
			_exit(4);
		tl_store_close(s);
		_exit(0);
	}
	waitpid(child, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a file that may not grow further: a sentence, no signal (%d)", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
	e = (tl_error){ 0 };
	s = tl_store_open("limited.db", false, &e);
	char *whole = s ? tl_store_text(s, &e, "PRAGMA integrity_check", "") : NULL;
	ok(whole && !strcmp(whole, "ok") && count(s, "SELECT count(*) FROM v_value") > 0 && count(s, "SELECT count(*) FROM run") == 6, "the file is whole, what was there is there%s", e.text);
	ok(s && tl_store_message(s, 0, "note", "room again", &e) == 0, "and takes rows again");
	free(whole);
	tl_store_close(s);
	child = fork();
	if (!child) {
		tl_error here = { 0 };
		struct rlimit limit = { 20000, 20000 };
		setrlimit(RLIMIT_FSIZE, &limit);
		s = tl_store_open("tiny.db", false, &here);
		_exit(!s && here.status == TL_ENVIRONMENT ? 0 : 1);
	}
	waitpid(child, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a database that cannot even be created is told");
	e = (tl_error){ 0 };
	s = tl_store_open("tiny.db", false, &e);
	ok(s && count(s, "SELECT count(*) FROM meta") > 2, "and created when there is room: nothing half made was left%s", e.text);
	tl_store_close(s);
}

/* --- a file system that is full from the n-th write on -------------------------------------------------------------------------- */
static sqlite3_vfs *below;
static int64_t writes_left;
static bool full;

struct file { sqlite3_file base; sqlite3_file *real; };
#define REAL(f) (((struct file *)(f))->real)

static int vfs_close(sqlite3_file *f) { int c = REAL(f)->pMethods->xClose(REAL(f)); sqlite3_free(REAL(f)); return c; }
static int vfs_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at) { return REAL(f)->pMethods->xRead(REAL(f), p, n, at); }
static int
vfs_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	if (full || --writes_left < 0) {
		full = true;
		return SQLITE_FULL;
	}
	return REAL(f)->pMethods->xWrite(REAL(f), p, n, at);
}
static int vfs_truncate(sqlite3_file *f, sqlite3_int64 n) { return REAL(f)->pMethods->xTruncate(REAL(f), n); }
static int vfs_sync(sqlite3_file *f, int flags) { return REAL(f)->pMethods->xSync(REAL(f), flags); }
static int vfs_size(sqlite3_file *f, sqlite3_int64 *n) { return REAL(f)->pMethods->xFileSize(REAL(f), n); }
static int vfs_lock(sqlite3_file *f, int l) { return REAL(f)->pMethods->xLock(REAL(f), l); }
static int vfs_unlock(sqlite3_file *f, int l) { return REAL(f)->pMethods->xUnlock(REAL(f), l); }
static int vfs_reserved(sqlite3_file *f, int *r) { return REAL(f)->pMethods->xCheckReservedLock(REAL(f), r); }
static int vfs_control(sqlite3_file *f, int op, void *arg) { return REAL(f)->pMethods->xFileControl(REAL(f), op, arg); }
static int vfs_sector(sqlite3_file *f) { return REAL(f)->pMethods->xSectorSize(REAL(f)); }
static int vfs_traits(sqlite3_file *f) { return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f)); }
static int vfs_map(sqlite3_file *f, int page, int size, int extend, void volatile **p) { return REAL(f)->pMethods->xShmMap(REAL(f), page, size, extend, p); }
static int vfs_shm_lock(sqlite3_file *f, int at, int n, int flags) { return REAL(f)->pMethods->xShmLock(REAL(f), at, n, flags); }
static void vfs_barrier(sqlite3_file *f) { REAL(f)->pMethods->xShmBarrier(REAL(f)); }
static int vfs_unmap(sqlite3_file *f, int del) { return REAL(f)->pMethods->xShmUnmap(REAL(f), del); }

static const sqlite3_io_methods methods = { 2, vfs_close, vfs_read, vfs_write, vfs_truncate, vfs_sync, vfs_size, vfs_lock, vfs_unlock, vfs_reserved, vfs_control, vfs_sector, vfs_traits,
	                                        vfs_map, vfs_shm_lock, vfs_barrier, vfs_unmap };

static int
vfs_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct file *x = (struct file *)f;
	int code;

	(void)v;
	x->real = sqlite3_malloc(below->szOsFile);
	memset(x->real, 0, (size_t)below->szOsFile);
	code = below->xOpen(below, name, x->real, flags, out);
	x->base.pMethods = code == SQLITE_OK ? &methods : NULL;
	if (code != SQLITE_OK)
		sqlite3_free(x->real);
	return code;
}

static void
install_vfs(void)
{
	static sqlite3_vfs v;

	below = sqlite3_vfs_find(NULL);
	v = *below;
	v.zName = "narrow";
	v.szOsFile = sizeof(struct file);
	v.xOpen = vfs_open;
	sqlite3_vfs_register(&v, 1);
}

/* Fails at every possible write of a small session in turn; after each the file holds what had been committed, or nothing at all. */
static void
every_write(void)
{
	int told = 0, silent = 0, broken = 0, lost = 0, rounds = 0;

	for (int64_t at = 0; at < 4000; at += 1 + at / 5, rounds++) {
		tl_error e = { 0 };
		int64_t committed = 0;
		bool survived;
		char *whole;
		tl_store *s;
		unlink("narrow.db");
		unlink("narrow.db-wal");
		unlink("narrow.db-shm");
		unlink("narrow.db-journal");
		full = false;
		writes_left = at;
		s = tl_store_open("narrow.db", false, &e);
		for (int i = 0; s && i < 30 && !e.status; i++) {
			committed = i;
			tl_store_begin(s, &e);
			fill(s, &e, 3);
			if (e.status)
				tl_store_rollback(s);
			else
				tl_store_commit(s, &e);
		}
		survived = !e.status;
		told += e.status == TL_ENVIRONMENT && strstr(e.text, "full") != NULL;
		silent += e.status && !strstr(e.text, "full");
		if (e.status && !strstr(e.text, "full"))
			printf("# write %lld: %s\n", (long long)at, e.text);
		tl_store_close(s);
		full = false;
		writes_left = INT64_MAX;
		e = (tl_error){ 0 };
		s = tl_store_open("narrow.db", false, &e);
		whole = s ? tl_store_text(s, &e, "PRAGMA integrity_check", "") : NULL;
		broken += !whole || strcmp(whole, "ok");
		lost += s && count(s, "SELECT count(*) FROM message") != 3 * (survived ? 30 : committed);
		free(whole);
		tl_store_close(s);
		if (survived)
			break;
	}
	ok(rounds > 20 && told > 15 && !silent, "a disk that is full at any write is told (%d rounds, %d times)", rounds, told);
	ok(!broken, "and leaves a whole file");
	ok(!lost, "with everything that was committed before");
}

int
main(void)
{
	limited();
	install_vfs();
	every_write();
	return done();
}
