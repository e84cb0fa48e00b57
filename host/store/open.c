/*
 * open.c - a database opened, created, upgraded or refused.
 *
 * Sixty processes may come at once on a file that is not there: whoever gets the exclusive lock creates everything in one
 * transaction, the others wait and find it done.
 */
#include "inside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *
tl_store_path(const tl_store *s)
{
	return s->path;
}

bool
tl_store_read_only(const tl_store *s)
{
	return s->read_only;
}

static bool
folder_writable(const char *path)
{
	char *folder = tl_strdup(path), *slash = strrchr(folder, '/');
	bool yes;

	if (slash)
		slash[slash == folder] = 0;
	yes = access(slash ? folder : ".", W_OK) == 0;
	free(folder);
	return yes;
}

/* Looks at the file before SQLite does. *there: it exists and is not empty. */
static int
look_at_file(const char *path, bool *there, tl_error *e)
{
	char start[16];
	struct stat st;
	ssize_t got;
	int fd;

	*there = false;
	if (stat(path, &st))
		return errno == ENOENT ? 0 : tl_error_set(e, TL_ENVIRONMENT, "%s: cannot be looked at: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: is %s, wanted a database file", path, S_ISDIR(st.st_mode) ? "a folder" : "not a plain file");
	if (!st.st_size)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: cannot be read: %s", path, strerror(errno));
	got = read(fd, start, sizeof start);
	close(fd);
	if (got != sizeof start || memcmp(start, "SQLite format 3", 16))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: is not a SQLite database, so it is left alone; name another file with --db", path);
	*there = true;
	return 0;
}

/* Names of some tables, for the sentence about a foreign file. */
static char *
some_tables(tl_store *s)
{
	char *names = tl_store_text(s, NULL, "SELECT group_concat(name, ', ') FROM (SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name LIMIT 5)", "");

	return names ? names : tl_strdup("none");
}

/* *version: 0 an empty database, else its schema's. Refuses what is not ours. */
static int
inspect_snapshot(tl_store *s, int64_t *version, tl_error *e)
{
	tl_error found = { 0 };
	int64_t application = tl_store_int(s, &found, 0, "PRAGMA application_id", ""), objects = 0;
	char *text, *end, *tables;

	if (!found.status)
		objects = tl_store_int(s, &found, 0, "SELECT count(*) FROM sqlite_master", "");
	if (found.status)
		return tl_error_set(e, TL_ENVIRONMENT, "%s", found.text);
	*version = 0;
	if (!application && !objects)
		return 0;
	if (application != APPLICATION_ID) {
		tables = some_tables(s);
		tl_error_set(e, TL_ENVIRONMENT, "%s: is a SQLite database of another program (application id %lld, wanted %d; tables: %s), so it is left alone; name another file with --db", s->path,
		             (long long)application, APPLICATION_ID, tables);
		free(tables);
		return -1;
	}
	text = tl_store_text(s, &found, "SELECT value FROM meta WHERE key = 'schema_version'", "");
	*version = text ? strtoll(text, &end, 10) : 0;
	if (!text || *end || *version < 1)
		tl_error_set(e, TL_ENVIRONMENT, "%s: its schema version cannot be told (found %s%s); meta has to hold schema_version", s->path, text ? text : "nothing in meta",
		             found.status ? ": the table is missing" : "");
	else if (*version > SCHEMA_VERSION)
		tl_error_set(e, TL_ENVIRONMENT, "%s: has schema version %lld, and this tagloom (" TL_VERSION ") knows versions up to %d; use the newer tagloom that wrote it", s->path,
		             (long long)*version, SCHEMA_VERSION);
	free(text);
	return e && e->status ? -1 : 0;
}

/* All questions are asked of one moment: somebody else may be creating the database. */
static int
inspect(tl_store *s, int64_t *version, tl_error *e)
{
	bool own = sqlite3_get_autocommit(s->db);
	int bad;

	if (own)
		sqlite3_exec(s->db, "BEGIN", NULL, NULL, NULL);
	bad = inspect_snapshot(s, version, e);
	int code = sqlite3_errcode(s->db);
	if (own && !sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	s->inspected = bad ? code : 0;
	return bad;
}

static int
create_views(tl_store *s, tl_error *e)
{
	for (const struct tl_embedded *x = tl_embedded; x->path; x++)
		if (tl_starts(x->path, "results/views/") && tl_store_exec(s, e, x->text))
			return tl_error_who(e, "%s", x->path);
	return 0;
}

static int
create(tl_store *s, tl_error *e)
{
	const char *schema = tl_embedded_text("results/schema.sql");

	if (!schema)
		return tl_error_set(e, TL_ENVIRONMENT, "this program was built without results/schema.sql; build it again");
	if (tl_store_exec(s, e, schema) || create_views(s, e) || tl_store_load_reported(s, e))
		return -1;
	return tl_store_run(s, e, "INSERT OR REPLACE INTO meta VALUES ('host_version', ?1), ('created_at', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))", "s", TL_VERSION);
}

static const char *
past_comments(const char *sql)
{
	sql += strspn(sql, " \t\r\n");
	while (sql[0] == '-' && sql[1] == '-') {
		sql += strcspn(sql, "\n");
		sql += strspn(sql, " \t\r\n");
	}
	return sql;
}

/* Is this statement an ALTER TABLE t ADD COLUMN c whose column is there? */
static bool
column_is_there(tl_store *s, const char *sql)
{
	char table[64], column[64];

	if (sscanf(sql, "ALTER TABLE %63s ADD COLUMN %63s", table, column) != 2)
		return false;
	return tl_store_int(s, NULL, 0, "SELECT count(*) FROM pragma_table_info(?1) WHERE name = ?2", "ss", table, column) > 0;
}

static int
run_statements(tl_store *s, const char *sql, tl_error *e)
{
	while (*(sql = past_comments(sql))) {
		const char *rest = sql;
		tl_rows *r;
		int got;

		if (column_is_there(s, sql)) {
			sql += strcspn(sql, ";") + 1;
			continue;
		}
		r = tl_store_query_part(s, e, sql, &rest);
		if (!r)
			return e && e->status ? -1 : 0;
		do
			got = tl_rows_next(r, e);
		while (got == 1);
		tl_rows_free(r);
		if (got)
			return -1;
		sql = rest;
	}
	return 0;
}

static int
drop_views(tl_store *s, tl_error *e)
{
	char *drops = tl_store_text(s, e, "SELECT group_concat('DROP VIEW \"' || name || '\";', ' ') FROM sqlite_master WHERE type = 'view' AND name GLOB 'v_*'", "");
	int bad = e && e->status;

	if (drops && !bad)
		bad = tl_store_exec(s, e, drops);
	free(drops);
	return bad ? -1 : 0;
}

static int
upgrade(tl_store *s, int64_t from, tl_error *e)
{
	if (tl_store_exec(s, e, "PRAGMA legacy_alter_table = ON") || drop_views(s, e))
		return -1;
	for (int64_t v = from; v < SCHEMA_VERSION; v++) {
		char *path = tl_format("results/migrations/%lld-%lld.sql", (long long)v, (long long)v + 1);
		const char *sql = tl_embedded_text(path);
		int bad = sql ? run_statements(s, sql, e) : tl_error_set(e, TL_ENVIRONMENT, "%s: this program was built without %s", s->path, path);

		if (bad)
			tl_error_who(e, "upgrade from schema version %lld", (long long)from);
		free(path);
		if (bad)
			return -1;
	}
	if (create_views(s, e) || (!tl_store_int(s, e, 0, "SELECT count(*) FROM reported", "") && tl_store_load_reported(s, e)))
		return -1;
	if (tl_store_run(s, e, "INSERT OR REPLACE INTO meta VALUES ('schema_version', ?1), ('host_version', ?2), ('upgraded_from', ?3)", "isi", (int64_t)SCHEMA_VERSION, TL_VERSION, from))
		return -1;
	tl_note("%s: upgraded from schema version %lld to %d", s->path, (long long)from, SCHEMA_VERSION);
	return tl_store_exec(s, e, "PRAGMA legacy_alter_table = OFF");
}

/* Waits for the exclusive lock; a plain busy timeout is not enough, for SQLite answers busy at once where it smells a deadlock. */
static int
begin_exclusive(tl_store *s, tl_error *e)
{
	double until = tl_seconds() + WAIT_MS / 1000.;
	int code;

	while ((code = sqlite3_exec(s->db, "BEGIN EXCLUSIVE", NULL, NULL, NULL)) != SQLITE_OK) {
		if (((code & 255) != SQLITE_BUSY && (code & 255) != SQLITE_PROTOCOL) || tl_seconds() > until)
			return tl_store_fail(s, e, code, "the schema");
		sqlite3_sleep(3);
	}
	return 0;
}

static int
make_current(tl_store *s, int64_t version, tl_error *e)
{
	int bad;

	if (version == SCHEMA_VERSION)
		return 0;
	if (begin_exclusive(s, e))
		return -1;
	/* Somebody else may have done it meanwhile. */
	bad = inspect(s, &version, e);
	if (!bad && version < SCHEMA_VERSION)
		bad = version ? upgrade(s, version, e) : create(s, e);
	if (bad) {
		tl_store_rollback(s);
		return -1;
	}
	tl_store_forget_statements(s);
	return tl_store_commit(s, e);
}

/* Readers and one writer at a time go side by side in WAL mode. */
static int
make_wal(tl_store *s, tl_error *e)
{
	double until = tl_seconds() + WAIT_MS / 1000.;
	char *mode;

	for (;;) {
		int code;
		mode = tl_store_text(s, e, "PRAGMA journal_mode", "");
		bool done = mode && (!strcmp(mode, "wal") || !strcmp(mode, "memory"));
		free(mode);
		if (done || (e && e->status))
			break;
		code = sqlite3_exec(s->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
		if (code == SQLITE_OK)
			break; /* a file system without shared memory stays in rollback mode: slower, as safe */
		if (((code & 255) != SQLITE_BUSY && (code & 255) != SQLITE_PROTOCOL && (code & 255) != SQLITE_LOCKED) || tl_seconds() > until)
			return tl_store_fail(s, e, code, "the journal");
		sqlite3_sleep(2);
	}
	return e && e->status ? -1 : 0;
}

static int
open_handle(tl_store *s, int flags, const char *options, tl_error *e)
{
	char *uri = NULL, *name = s->path;
	int code;

	if (options) { /* only with immutable=1; '?', '#' and '%' of the path are spelled out */
		tl_text t = { 0 };
		tl_text_add(&t, "file:%s", s->path[0] == '/' ? "//" : "");
		for (const char *c = s->path; *c; c++)
			tl_text_add(&t, *c == '?' || *c == '#' || *c == '%' ? "%%%02X" : "%c", (unsigned char)*c);
		tl_text_add(&t, "?%s", options);
		name = uri = t.s;
		flags |= SQLITE_OPEN_URI;
	}
	if (s->db)
		sqlite3_close(s->db);
	s->db = NULL;
	code = sqlite3_open_v2(name, &s->db, flags, NULL);
	free(uri);
	if (code != SQLITE_OK)
		return tl_store_fail(s, e, code, "the file");
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_timeout(s->db, WAIT_MS / 2);
	tl_store_functions(s->db);
	return 0;
}

static int
settle(tl_store *s, tl_error *e)
{
	return tl_store_exec(s, e, "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY");
}

static int
open_for_writing(tl_store *s, bool there, tl_error *e)
{
	int64_t version;

	if (there && (access(s->path, W_OK) || !folder_writable(s->path)))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: cannot be written: %s; give the file and its folder write permission, or name another file with --db", s->path, strerror(errno));
	if (!there && !folder_writable(s->path))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: cannot be made: %s; give the folder write permission, or name another file with --db", s->path, strerror(errno));
	if (open_handle(s, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL, e) || inspect(s, &version, e))
		return -1;
	if (make_current(s, version, e) || make_wal(s, e) || settle(s, e))
		return -1;
	return tl_store_reap(s, e) < 0 ? -1 : 0;
}

/* A file that may be written is upgraded and reaped first; then, or else, it is only read. */
static int
open_for_reading(tl_store *s, tl_error *e)
{
	bool writable = access(s->path, W_OK) == 0 && folder_writable(s->path);
	tl_error first = { 0 };
	int64_t version;
	struct stat st;
	char *wal;

	if (open_handle(s, writable ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY, NULL, e))
		return -1;
	if (inspect(s, &version, &first)) {
		int code = s->inspected & 255;
		if (writable || (code != SQLITE_CANTOPEN && code != SQLITE_READONLY))
			return tl_error_set(e, first.status, "%s", first.text);
		/* WAL mode wants to write FILE-shm. Without anything in FILE-wal the file alone is the whole database. */
		wal = tl_format("%s-wal", s->path);
		bool pending = !stat(wal, &st) && st.st_size > 0;
		free(wal);
		if (pending)
			return tl_error_set(e, TL_ENVIRONMENT, "%s: the newest rows are in %s-wal, which cannot be read without writing beside it; copy both files into a folder of yours and read them there",
			                    s->path, s->path);
		tl_store_forget_statements(s);
		if (open_handle(s, SQLITE_OPEN_READONLY, "immutable=1", e) || inspect(s, &version, e))
			return -1;
	}
	if (!version)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: is empty; 'tagloom run SCRIPT.lua --db %s' fills it", s->path, s->path);
	if (writable && !sqlite3_db_readonly(s->db, "main")) {
		if (make_current(s, version, e) || tl_store_reap(s, e) < 0)
			return -1;
	} else if (version < SCHEMA_VERSION) {
		return tl_error_set(e, TL_ENVIRONMENT, "%s: has schema version %lld, wanted %d, and it cannot be written, so it cannot be upgraded; copy it to where you may write", s->path,
		                    (long long)version, SCHEMA_VERSION);
	}
	return settle(s, e) || tl_store_exec(s, e, "PRAGMA query_only = ON") ? -1 : 0;
}

tl_store *
tl_store_open(const char *path, bool read_only, tl_error *e)
{
	tl_store *s = tl_alloc(sizeof *s);
	tl_error local = { 0 };
	bool there;
	int bad;

	if (!e)
		e = &local;
	/* A file-size limit must be an error of a write, not the end of the process. */
	struct sigaction now;
	if (!sigaction(SIGXFSZ, NULL, &now) && now.sa_handler == SIG_DFL)
		signal(SIGXFSZ, SIG_IGN);
	s->path = tl_strdup(path);
	s->read_only = read_only;
	bad = look_at_file(path, &there, e);
	if (!bad && read_only && !there)
		bad = tl_error_set(e, TL_ENVIRONMENT, "%s: there is no database; 'tagloom run SCRIPT.lua --db %s' makes one, --db names another", path, path);
	if (!bad && !there && strrchr(path, '/') && !read_only) {
		char *folder = tl_strndup(path, (size_t)(strrchr(path, '/') - path));
		bad = *folder ? tl_make_dirs(folder, e) : 0;
		free(folder);
	}
	if (!bad)
		bad = read_only ? open_for_reading(s, e) : open_for_writing(s, there, e);
	s->only_reads = read_only;
	if (bad) {
		tl_store_close(s);
		return NULL;
	}
	return s;
}

tl_store *
tl_store_reopen(const char *path, tl_error *e)
{
	if (!tl_exists(path)) {
		tl_error_set(e, TL_ENVIRONMENT, "%s: there is no database, or not any more", path);
		return NULL;
	}
	return tl_store_open(path, false, e);
}

void
tl_store_close(tl_store *s)
{
	tl_error e = { 0 };

	if (!s)
		return;
	if (s->db) {
		if (tl_store_flush(s, &e))
			tl_warning("%s", e.text);
		tl_store_rollback(s);
		tl_store_forget_statements(s);
		sqlite3_close_v2(s->db);
	}
	free(s->curve);
	free(s->path);
	free(s);
}
