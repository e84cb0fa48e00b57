/* base.h - memory, errors, strings, files and hashes that every layer above uses. */
#ifndef HOST_BASE_H
#define HOST_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TL_COUNT(a) ((int64_t)(sizeof(a) / sizeof((a)[0])))
#define TL_MIN(a, b) ((a) < (b) ? (a) : (b))
#define TL_MAX(a, b) ((a) > (b) ? (a) : (b))
#define TL_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* --- errors: a status and one sentence; the first one is kept -------------------------------------------------------- */
/* The statuses are the program's exit statuses. */
enum { TL_OK = 0, TL_FAILED = 1 /* a run failed */, TL_USAGE = 2 /* usage, script, wiring */, TL_ENVIRONMENT = 3 /* file, database, device */, TL_INTERRUPTED = 130 };
typedef struct tl_error { int status; char text[1500]; } tl_error;
/* Records the sentence unless one is there; always returns -1. e may be NULL. */
int tl_error_set(tl_error *e, int status, const char *format, ...) TL_PRINTF(3, 4);
int tl_error_vset(tl_error *e, int status, const char *format, va_list ap);
/* Puts "who: " before the recorded sentence. Returns -1. */
int tl_error_who(tl_error *e, const char *format, ...) TL_PRINTF(2, 3);

/* --- heap: these do not return without memory; sizes that a file can dictate are checked by the caller first ------------- */
void *tl_alloc(size_t bytes);             /* zeroed */
void *tl_realloc(void *p, size_t bytes);
char *tl_strdup(const char *s);
char *tl_strndup(const char *s, size_t n);
char *tl_format(const char *format, ...) TL_PRINTF(1, 2); /* malloc'd */
/* Grows an array for one more element: p = tl_grow(p, n, &capacity, sizeof *p). */
void *tl_grow(void *p, int64_t n, int64_t *capacity, size_t item);

/* --- growing text ------------------------------------------------------------------------------------------------------ */
typedef struct tl_text { char *s; size_t n, capacity; } tl_text; /* s is always terminated once something was added; zero-initialise */
void tl_text_add(tl_text *t, const char *format, ...) TL_PRINTF(2, 3);
void tl_text_bytes(tl_text *t, const void *bytes, size_t n);
void tl_text_free(tl_text *t);
/* The fewest digits that read back as v: 0.8, not 0.80000000000000004. Returns out. */
const char *tl_number_text(double v, char out[32]);

/* --- arenas: memory of one lifetime (run, epoch, step) ------------------------------------------------------------------ */
typedef struct tl_arena tl_arena;
tl_arena *tl_arena_new(size_t first_block);
void *tl_arena_alloc(tl_arena *a, size_t bytes);      /* 64-byte aligned, uninitialised */
void *tl_arena_zalloc(tl_arena *a, size_t bytes);
void tl_arena_reserve(tl_arena *a, size_t bytes);     /* counts as allocated, until the arena goes back, but there is no memory behind it */
char *tl_arena_strdup(tl_arena *a, const char *s);
char *tl_arena_format(tl_arena *a, const char *format, ...) TL_PRINTF(2, 3);
void tl_arena_reset(tl_arena *a);                     /* keeps its blocks: a warm step allocates nothing */
typedef struct tl_arena_mark { void *block; size_t in_block, used; } tl_arena_mark;
tl_arena_mark tl_arena_here(const tl_arena *a);       /* the place up to which the arena is filled ... */
void tl_arena_back(tl_arena *a, tl_arena_mark mark);  /* ... and back to it: what was allocated since is forgotten */
size_t tl_arena_used(const tl_arena *a);
size_t tl_arena_peak(const tl_arena *a);              /* since tl_arena_new */
void tl_arena_free(tl_arena *a);

/* --- memory of the process and the machine, in bytes -------------------------------------------------------------------------- */
int64_t tl_memory_used(void);                         /* resident now */
int64_t tl_memory_peak(void);                         /* the most that was resident since the program began */
/* What the process may still take; *by: what bounds it, in words ("in this machine", "under the limit of ..."). idle: address space that will be taken
 * beyond what is used. INT64_MAX: nothing is known. */
int64_t tl_memory_available(int64_t idle, const char **by);

/* --- names ----------------------------------------------------------------------------------------------------------------- */
/* The candidate nearest to `name` by edit distance, or NULL where none is near (more than a third of its letters differ). */
const char *tl_nearest(const char *name, const char *const *candidates, int64_t n);
bool tl_streq(const char *a, const char *b);          /* NULL equals NULL only */
bool tl_starts(const char *s, const char *prefix);
bool tl_ends(const char *s, const char *suffix);
void tl_skip_mark(const char **text, size_t *n); /* a byte order mark at the beginning is no text */
/* Checks UTF-8; returns the offset of the first bad byte, or -1. */
int64_t tl_utf8_bad(const char *s, size_t n);

/* --- log: stderr; NO_COLOR and terminals honoured ---------------------------------------------------------------------------- */
void tl_log_quiet(bool quiet);
void tl_note(const char *format, ...) TL_PRINTF(1, 2);      /* progress, one line; dropped when quiet */
void tl_warning(const char *format, ...) TL_PRINTF(1, 2);

/* --- files ---------------------------------------------------------------------------------------------------------------------- */
/* Reads a whole file, terminated by a 0 byte that is not counted. 0 or -1. */
int tl_read_file(const char *path, char **bytes, size_t *n, tl_error *e);
/* Writes beside it, syncs, renames over. Loses nothing on a full disk. */
int tl_write_file(const char *path, const void *bytes, size_t n, tl_error *e);
int tl_make_dirs(const char *path, tl_error *e);
bool tl_exists(const char *path);
char *tl_path_join(const char *a, const char *b);           /* malloc'd; b absolute: b */
double tl_seconds(void);                                    /* monotonic */

/* --- texts that the program carries: results/, recipes, the template ----------------------------------------------------------- */
struct tl_embedded { const char *path, *text; };
extern const struct tl_embedded tl_embedded[];              /* ends with NULLs; made by the build */
const char *tl_embedded_text(const char *path);             /* NULL: none of that path */

/* --- SHA-256 ---------------------------------------------------------------------------------------------------------------------- */
typedef struct tl_sha tl_sha;
tl_sha *tl_sha_new(void);
void tl_sha_add(tl_sha *s, const void *bytes, size_t n);
void tl_sha_end(tl_sha *s, char hex[65]);                   /* frees s */
void tl_sha_of(const void *bytes, size_t n, char hex[65]);
int tl_sha_file(const char *path, char hex[65], tl_error *e);

#endif
