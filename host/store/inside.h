/* inside.h - what the files of the store share among themselves. */
#ifndef HOST_STORE_INSIDE_H
#define HOST_STORE_INSIDE_H

#include <sqlite3.h>

#include "store.h"

enum { SCHEMA_VERSION = 4, APPLICATION_ID = 0x746c676d, CACHED_STATEMENTS = 40, WAIT_MS = 120000 };

struct curve_row { int64_t run, step; char name[64]; double value; };
struct tl_rows { tl_store *s; sqlite3_stmt *st; int cached; /* index into the store's statements; -1: its own */ };

struct tl_store {
	sqlite3 *db;
	char *path;
	bool only_reads, read_only;
	int inspected;                 /* SQLite's code where looking at the schema failed */
	struct { char *sql; sqlite3_stmt *st; bool busy; } statement[CACHED_STATEMENTS];
	struct curve_row *curve;       /* rows that wait to be written */
	int64_t n_curve, curve_capacity;
	double curve_since;            /* when the oldest of them came */
	bool flushing;
};

/* Records what SQLite said as a sentence. Returns -1. */
int tl_store_fail(tl_store *s, tl_error *e, int code, const char *doing);
/* One or more statements without rows. */
int tl_store_exec(tl_store *s, tl_error *e, const char *sql);
int tl_store_flush(tl_store *s, tl_error *e);      /* the waiting curve rows */
int tl_store_load_reported(tl_store *s, tl_error *e);
void tl_store_functions(sqlite3 *db);              /* tl_decode */
void tl_store_forget_statements(tl_store *s);
/* Begins a transaction where none is open: *own tells whether this caller has to end it. */
int tl_store_enter(tl_store *s, bool *own, tl_error *e);
/* Ends it: commits where good, rolls back where not. Returns 0 or -1. */
int tl_store_leave(tl_store *s, bool own, int good, tl_error *e);

#endif
