/* rows.c - statements and rows: bound by letters, cached by their text, errors as sentences. */
#include "inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const char *
system_says(int number)
{
	switch (number) {
	case ENOSPC: return "the disk is full";
	case EDQUOT: return "the disk quota is used up";
	case EFBIG: return "a file may not grow further (ulimit -f)";
	case EROFS: return "the file system is read-only";
	case EACCES:
	case EPERM: return "permission denied";
	default: return number ? strerror(number) : NULL;
	}
}

/* SQLite does not pass on why a write failed. */
static bool
size_limited(int code)
{
	struct rlimit limit;

	return (code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_SHMSIZE || code == SQLITE_IOERR_TRUNCATE || code == SQLITE_IOERR) && !getrlimit(RLIMIT_FSIZE, &limit)
		&& limit.rlim_cur != RLIM_INFINITY;
}

int
tl_store_fail(tl_store *s, tl_error *e, int code, const char *doing)
{
	const char *says = s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(code), *system = s->db ? system_says(sqlite3_system_errno(s->db)) : NULL;

	switch (code & 255) {
	case SQLITE_FULL:
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the disk is full, %s was not written; what was there before is as it was. Free some space and run the same command again", s->path, doing);
	case SQLITE_IOERR:
		return tl_error_set(e, TL_ENVIRONMENT, "%s: %s failed: %s; what was there before is as it was. Cure that and run the same command again", s->path, doing,
		                    size_limited(code) ? system_says(EFBIG) : system ? system : says);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
		return tl_error_set(e, TL_ENVIRONMENT, "%s: another process has held the database for two minutes, %s was not done; look for a program that keeps a transaction open", s->path, doing);
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return tl_error_set(e, TL_ENVIRONMENT, "%s: this database is open for reading only, %s was refused%s", s->path, doing,
		                    s->read_only ? " (tagloom sql --write allows it)" : "; give the file and its folder write permission, or use --db with another file");
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the database is damaged (%s); 'sqlite3 %s .recover' saves what can be read into a new file", s->path, says, s->path);
	case SQLITE_CANTOPEN:
		if (tl_starts(says, "unable to open database: ")) /* ATTACH of another one */
			return tl_error_set(e, TL_ENVIRONMENT, "%s: cannot be attached: there is no such file, or it cannot be opened", strchr(says, ':') + 2);
		return tl_error_set(e, TL_ENVIRONMENT, "%s: cannot be opened%s%s; its folder must exist and be writable, for SQLite keeps %s-wal beside it", s->path, system ? ": " : "",
		                    system ? system : "", s->path);
	case SQLITE_CONSTRAINT:
		return tl_error_set(e, TL_ENVIRONMENT, "%s: %s does not fit what is there: %s", s->path, doing, says);
	case SQLITE_TOOBIG:
		return tl_error_set(e, TL_ENVIRONMENT, "%s: %s is larger than one value may be (10^9 bytes)", s->path, doing);
	default:
		return tl_error_set(e, TL_USAGE, "%s: %s: %s", s->path, doing, says);
	}
}

int
tl_store_exec(tl_store *s, tl_error *e, const char *sql)
{
	int code = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : tl_store_fail(s, e, code, "this statement");
}

void
tl_store_forget_statements(tl_store *s)
{
	for (int i = 0; i < CACHED_STATEMENTS; i++) {
		if (s->statement[i].busy)
			continue;
		sqlite3_finalize(s->statement[i].st);
		free(s->statement[i].sql);
		s->statement[i].st = NULL;
		s->statement[i].sql = NULL;
	}
}

static int
cached_slot(tl_store *s, const char *sql)
{
	int empty = -1;

	for (int i = 0; i < CACHED_STATEMENTS; i++) {
		if (!s->statement[i].sql) {
			if (empty < 0)
				empty = i;
		} else if (!s->statement[i].busy && !strcmp(s->statement[i].sql, sql)) {
			return i;
		}
	}
	return empty;
}

static void
bind(sqlite3_stmt *st, const char *types, va_list ap)
{
	for (int i = 1; types && *types; types++, i++) {
		const void *bytes;
		switch (*types) {
		case 'i': sqlite3_bind_int64(st, i, va_arg(ap, int64_t)); break;
		case 'd': sqlite3_bind_double(st, i, va_arg(ap, double)); break;
		case 's': sqlite3_bind_text(st, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT); break;
		case 'b':
			bytes = va_arg(ap, const void *);
			sqlite3_bind_blob64(st, i, bytes, va_arg(ap, size_t), SQLITE_TRANSIENT);
			break;
		default: sqlite3_bind_null(st, i); break;
		}
	}
}

static tl_rows *
query(tl_store *s, tl_error *e, const char *sql, const char *types, va_list ap)
{
	int i = cached_slot(s, sql), code;
	sqlite3_stmt *st = i >= 0 ? s->statement[i].st : NULL;
	tl_rows *r;

	if (!st) {
		code = sqlite3_prepare_v3(s->db, sql, -1, i >= 0 ? SQLITE_PREPARE_PERSISTENT : 0, &st, NULL);
		if (code == SQLITE_ERROR) { /* the statement is the program's own, so it is the schema that is wrong */
			tl_error_set(e, TL_ENVIRONMENT, "%s: its tables are not those of schema version %d (%s); take a copy that is whole", s->path, SCHEMA_VERSION, sqlite3_errmsg(s->db));
			return NULL;
		}
		if (code != SQLITE_OK) {
			tl_store_fail(s, e, code, "this statement");
			return NULL;
		}
		if (!st) {
			tl_error_set(e, TL_USAGE, "%s: an empty statement", s->path);
			return NULL;
		}
		if (i >= 0) {
			s->statement[i].st = st;
			s->statement[i].sql = tl_strdup(sql);
		}
	}
	if (i >= 0)
		s->statement[i].busy = true;
	bind(st, types, ap);
	r = tl_alloc(sizeof *r);
	*r = (tl_rows){ s, st, i };
	return r;
}

tl_rows *
tl_store_query(tl_store *s, tl_error *e, const char *sql, const char *types, ...)
{
	va_list ap;
	tl_rows *r;

	if (tl_store_flush(s, e))
		return NULL;
	va_start(ap, types);
	r = query(s, e, sql, types, ap);
	va_end(ap);
	return r;
}

tl_rows *
tl_store_query_part(tl_store *s, tl_error *e, const char *sql, const char **rest)
{
	sqlite3_stmt *st = NULL;
	tl_rows *r;
	int code;

	do {
		code = sqlite3_prepare_v2(s->db, sql, -1, &st, rest);
		if (code != SQLITE_OK) {
			tl_store_fail(s, e, code, "this statement");
			return NULL;
		}
		if (*rest == sql)
			break;
		sql = *rest;
	} while (!st && *sql);
	if (!st)
		return NULL;
	if (s->only_reads && !sqlite3_stmt_readonly(st)) { /* query_only can be switched off by a statement */
		sqlite3_finalize(st);
		tl_store_fail(s, e, SQLITE_READONLY, "a change");
		return NULL;
	}
	r = tl_alloc(sizeof *r);
	*r = (tl_rows){ s, st, -1 };
	return r;
}

int
tl_rows_next(tl_rows *r, tl_error *e)
{
	int code = sqlite3_step(r->st);

	if (code == SQLITE_ROW)
		return 1;
	if (code == SQLITE_DONE)
		return 0;
	return tl_store_fail(r->s, e, sqlite3_extended_errcode(r->s->db), sqlite3_stmt_readonly(r->st) ? "a query" : "a change");
}

int
tl_rows_columns(const tl_rows *r)
{
	return sqlite3_column_count(r->st);
}

const char *
tl_rows_name(const tl_rows *r, int column)
{
	return sqlite3_column_name(r->st, column);
}

bool
tl_rows_null(tl_rows *r, int column)
{
	return sqlite3_column_type(r->st, column) == SQLITE_NULL;
}

int64_t
tl_rows_int(tl_rows *r, int column)
{
	return sqlite3_column_int64(r->st, column);
}

double
tl_rows_real(tl_rows *r, int column)
{
	return sqlite3_column_double(r->st, column);
}

const char *
tl_rows_text(tl_rows *r, int column)
{
	return (const char *)sqlite3_column_text(r->st, column);
}

const void *
tl_rows_blob(tl_rows *r, int column, size_t *n)
{
	const void *bytes = sqlite3_column_blob(r->st, column);

	*n = (size_t)sqlite3_column_bytes(r->st, column);
	return bytes;
}

char
tl_rows_type(tl_rows *r, int column)
{
	switch (sqlite3_column_type(r->st, column)) {
	case SQLITE_INTEGER: return 'i';
	case SQLITE_FLOAT: return 'd';
	case SQLITE_TEXT: return 's';
	case SQLITE_BLOB: return 'b';
	default: return 'n';
	}
}

void
tl_rows_free(tl_rows *r)
{
	if (!r)
		return;
	if (r->cached >= 0) {
		sqlite3_reset(r->st);
		sqlite3_clear_bindings(r->st);
		r->s->statement[r->cached].busy = false;
	} else {
		sqlite3_finalize(r->st);
	}
	free(r);
}

int
tl_store_run(tl_store *s, tl_error *e, const char *sql, const char *types, ...)
{
	va_list ap;
	tl_rows *r;
	int got;

	if (tl_store_flush(s, e))
		return -1;
	va_start(ap, types);
	r = query(s, e, sql, types, ap);
	va_end(ap);
	if (!r)
		return -1;
	do
		got = tl_rows_next(r, e);
	while (got == 1);
	tl_rows_free(r);
	return got;
}

int64_t
tl_store_int(tl_store *s, tl_error *e, int64_t fallback, const char *sql, const char *types, ...)
{
	va_list ap;
	tl_rows *r;

	if (tl_store_flush(s, e))
		return fallback;
	va_start(ap, types);
	r = query(s, e, sql, types, ap);
	va_end(ap);
	if (r && tl_rows_next(r, e) == 1 && !tl_rows_null(r, 0))
		fallback = tl_rows_int(r, 0);
	tl_rows_free(r);
	return fallback;
}

char *
tl_store_text(tl_store *s, tl_error *e, const char *sql, const char *types, ...)
{
	va_list ap;
	tl_rows *r;
	char *text = NULL;

	if (tl_store_flush(s, e))
		return NULL;
	va_start(ap, types);
	r = query(s, e, sql, types, ap);
	va_end(ap);
	if (r && tl_rows_next(r, e) == 1 && !tl_rows_null(r, 0))
		text = tl_strdup(tl_rows_text(r, 0));
	tl_rows_free(r);
	return text;
}

int64_t
tl_store_last_id(tl_store *s)
{
	return sqlite3_last_insert_rowid(s->db);
}

int64_t
tl_store_changes(tl_store *s)
{
	return sqlite3_changes64(s->db);
}

/* Rows written into a file that was removed or replaced are in nobody's reach. */
static int
still_there(tl_store *s, tl_error *e)
{
	int moved = 0;

	if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK || !moved)
		return 0;
	tl_store_rollback(s);
	return tl_error_set(e, TL_ENVIRONMENT, "%s: was removed or replaced while it was open; nothing more can be written into it", s->path);
}

int
tl_store_begin(tl_store *s, tl_error *e)
{
	double until = tl_seconds() + WAIT_MS / 1000.;
	int code;

	/* The busy handler waits for locks; a checkpointing or recovering neighbour can still answer busy at once. */
	while ((code = sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL)) != SQLITE_OK) {
		if (((code & 255) != SQLITE_BUSY && (code & 255) != SQLITE_PROTOCOL) || tl_seconds() > until)
			return tl_store_fail(s, e, code, "the transaction");
		sqlite3_sleep(5);
	}
	return still_there(s, e);
}

int
tl_store_commit(tl_store *s, tl_error *e)
{
	int code;

	if (tl_store_flush(s, e)) {
		tl_store_rollback(s);
		return -1;
	}
	code = sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
	if (code == SQLITE_OK)
		return 0;
	tl_store_fail(s, e, code, "the transaction");
	tl_store_rollback(s);
	return -1;
}

void
tl_store_rollback(tl_store *s)
{
	if (!sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

int
tl_store_enter(tl_store *s, bool *own, tl_error *e)
{
	*own = sqlite3_get_autocommit(s->db);
	return *own ? tl_store_begin(s, e) : 0;
}

int
tl_store_leave(tl_store *s, bool own, int good, tl_error *e)
{
	if (own && good)
		return tl_store_commit(s, e);
	if (own)
		tl_store_rollback(s);
	return good ? 0 : -1;
}
