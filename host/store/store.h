/*
 * store.h - the results database. The only folder that says sqlite3_*. Schema: results/schema.sql; views: results/views/.
 */
#ifndef HOST_STORE_H
#define HOST_STORE_H

#include "base/base.h"
#include "base/json.h"

typedef struct tl_store tl_store;
/* Opens (creates, migrates in one exclusive transaction) a database. read_only: never creates. A foreign, newer or damaged file is refused with a sentence. */
tl_store *tl_store_open(const char *path, bool read_only, tl_error *e);
void tl_store_close(tl_store *s);
const char *tl_store_path(const tl_store *s);

/* --- rows: the one way the rest of the host reads and writes ---------------------------------------------------------------------- */
typedef struct tl_rows tl_rows;
/* Prepares and binds: format letters of `types`: i int64_t, d double, s const char * (NULL: null), b const void * + size_t, n null. */
tl_rows *tl_store_query(tl_store *s, tl_error *e, const char *sql, const char *types, ...);
int tl_rows_next(tl_rows *r, tl_error *e);                 /* 1 a row, 0 end, -1 error */
int tl_rows_columns(const tl_rows *r);
const char *tl_rows_name(const tl_rows *r, int column);
bool tl_rows_null(tl_rows *r, int column);
int64_t tl_rows_int(tl_rows *r, int column);
double tl_rows_real(tl_rows *r, int column);
const char *tl_rows_text(tl_rows *r, int column);          /* valid until the next call; NULL for null */
const void *tl_rows_blob(tl_rows *r, int column, size_t *n);
char tl_rows_type(tl_rows *r, int column);                 /* i d s b n */
void tl_rows_free(tl_rows *r);
int tl_store_run(tl_store *s, tl_error *e, const char *sql, const char *types, ...); /* a statement without rows; 0 or -1 */
int64_t tl_store_last_id(tl_store *s);
int tl_store_begin(tl_store *s, tl_error *e);              /* BEGIN IMMEDIATE, waits for other writers */
int tl_store_commit(tl_store *s, tl_error *e);
void tl_store_rollback(tl_store *s);

/* --- experiments, arms, runs --------------------------------------------------------------------------------------------------------- */
typedef struct tl_experiment_row { const char *name, *script, *script_text, *script_sha256, *git_commit, *git_diff, *host_build, *argv; } tl_experiment_row;
int64_t tl_store_experiment(tl_store *s, const tl_experiment_row *x, tl_error *e);
int64_t tl_store_dataset(tl_store *s, const json_t *description, tl_error *e); /* name, path, sha256, n_train.., labels: [{key,name,description,train_count}] */
int64_t tl_store_arm(tl_store *s, int64_t experiment, const char *name, bool is_baseline, const json_t *config, tl_error *e); /* and its flattened `param` rows */
/* The run with this identity, made (status queued) where there is none; linked to the arm. *status receives its status (malloc'd). */
int64_t tl_store_run_for(tl_store *s, int64_t arm, int64_t dataset, int64_t seed, const char *identity, const char *device, int threads, char **status, tl_error *e);
int tl_store_run_start(tl_store *s, int64_t run, int64_t pid, tl_error *e);
int tl_store_run_end(tl_store *s, int64_t run, const char *status, const char *error, const char *plugin_at_fault, const json_t *summary, tl_error *e);
/* Marks runs whose process is gone (pid on this host) as dead or killed: a truthful status after kill -9. Called by every open for writing. */
int tl_store_reap(tl_store *s, tl_error *e);
int tl_store_merge(tl_store *into, const char *from, tl_error *e);

/* --- predictions ----------------------------------------------------------------------------------------------------------------------- */
int tl_store_prediction(tl_store *s, int64_t run, const char *split, const char *doc_id, int64_t n, const int32_t *labels /* NULL: 0..n-1 */, const float *logits,
                        int64_t n_gold, const int32_t *gold, tl_error *e);

#endif
