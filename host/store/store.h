/*
 * store.h - the results database. The only folder that says sqlite3_*. Schema: results/schema.sql; views: results/views/.
 *
 * Writers: every function below that writes is one transaction, or joins the one begun with tl_store_begin. Curves are gathered
 * and written together (at most two seconds later, and before anything else is written or the store is closed).
 */
#ifndef HOST_STORE_H
#define HOST_STORE_H

#include "base/base.h"
#include "base/json.h"
#include "train/train.h"

typedef struct tl_store tl_store;
/* Opens (creates, migrates in one exclusive transaction) a database; opening for writing also reaps. read_only: never creates; upgrades and reaps
 * first where the file can be written. A foreign, newer or damaged file is refused with a sentence. */
tl_store *tl_store_open(const char *path, bool read_only, tl_error *e);
tl_store *tl_store_reopen(const char *path, tl_error *e);  /* for writing, one that is there already: never creates */
void tl_store_close(tl_store *s);
const char *tl_store_path(const tl_store *s);
bool tl_store_read_only(const tl_store *s);

/* --- rows: the one way the rest of the host reads and writes ---------------------------------------------------------------------- */
typedef struct tl_rows tl_rows;
/* Prepares and binds: format letters of `types`: i int64_t, d double (NaN: null), s const char * (NULL: null), b const void * + size_t, n null (takes no argument). */
tl_rows *tl_store_query(tl_store *s, tl_error *e, const char *sql, const char *types, ...);
/* The first statement of a text with several; *rest is what follows it. NULL without an error (e->status 0) where there is none. */
tl_rows *tl_store_query_part(tl_store *s, tl_error *e, const char *sql, const char **rest);
int tl_rows_next(tl_rows *r, tl_error *e);                 /* 1 a row, 0 end, -1 error */
int tl_rows_columns(const tl_rows *r);
const char *tl_rows_name(const tl_rows *r, int column);
bool tl_rows_null(tl_rows *r, int column);
int64_t tl_rows_int(tl_rows *r, int column);
double tl_rows_real(tl_rows *r, int column);
const char *tl_rows_text(tl_rows *r, int column);          /* valid until the next call; NULL for null */
const void *tl_rows_blob(tl_rows *r, int column, size_t *n);
char tl_rows_type(tl_rows *r, int column);                 /* i d s b n */
void tl_rows_free(tl_rows *r);                             /* a read transaction ends with it: free rows as soon as they are read */
int tl_store_run(tl_store *s, tl_error *e, const char *sql, const char *types, ...); /* a statement without rows; 0 or -1 */
/* One number: the first column of the first row; `fallback` where there is no row or it is null. */
int64_t tl_store_int(tl_store *s, tl_error *e, int64_t fallback, const char *sql, const char *types, ...);
/* One text, malloc'd; NULL where there is no row, it is null, or after an error. */
char *tl_store_text(tl_store *s, tl_error *e, const char *sql, const char *types, ...);
int64_t tl_store_last_id(tl_store *s);
int64_t tl_store_changes(tl_store *s);                     /* rows that the last writing statement changed */
int tl_store_begin(tl_store *s, tl_error *e);              /* BEGIN IMMEDIATE, waits for other writers */
int tl_store_commit(tl_store *s, tl_error *e);             /* rolls back by itself where it fails */
void tl_store_rollback(tl_store *s);

/* --- experiments, arms, runs --------------------------------------------------------------------------------------------------------- */
typedef struct tl_experiment_row { const char *name, *script, *script_text, *script_sha256, *git_commit, *git_diff, *host_build, *argv, *folder;
                                 const json_t *sources; /* of every Lua file and text that the script read, by path; NULL: not compared */ } tl_experiment_row;
/* The same name, script text, sources, arguments and build give the same row again; its folder is the last one. */
int64_t tl_store_experiment(tl_store *s, const tl_experiment_row *x, tl_error *e);
int tl_store_source(tl_store *s, int64_t experiment, const char *path, const char *text, tl_error *e);
/* name, path, sha256, valid_sha256, test_sha256, n_train, n_valid, n_test, n_labels, labels_per_doc, tokens_per_doc, labels: [{key, name, description, train_count}]. The same name and
 * sha256 give the same row. */
int64_t tl_store_dataset(tl_store *s, const json_t *description, tl_error *e);
/* What metrics need to know of the training split: without it rescore and paired tests can do group, propensity and train metrics only from counts. Call it
 * once after tl_store_dataset; a second call changes nothing. train_count of the labels is filled from it too. */
int tl_store_statistics(tl_store *s, int64_t dataset, const tl_statistics *st, double propensity_a, double propensity_b, tl_error *e);
int64_t tl_store_arm(tl_store *s, int64_t experiment, const char *name, bool is_baseline, const json_t *config, tl_error *e); /* and its flattened `param` rows */
/* The run with this identity, made (status queued) where there is none; linked to the arm. *status receives its status (malloc'd). */
int64_t tl_store_run_for(tl_store *s, int64_t arm, int64_t dataset, int64_t seed, const char *identity, const char *device, int threads, char **status, tl_error *e);
/* The run's numbers do not depend on its seed (linear): comparisons then pair it with every seed of the other arm. */
int tl_store_run_seedless(tl_store *s, int64_t run, tl_error *e);
int tl_store_run_parts(tl_store *s, int64_t run, const json_t *parts, tl_error *e); /* what the identity was made of */
int tl_store_run_start(tl_store *s, int64_t run, int64_t pid, tl_error *e);         /* running: pid, host, boot, times; forgets an earlier error */
/* The same as one step where several processes may want the run: 1 it is yours, 0 it is done or a living process has it, -1. */
int tl_store_run_claim(tl_store *s, int64_t run, int64_t pid, tl_error *e);
/* Forgets results, curves, predictions, plugins, messages and artifact rows of an unfinished run that starts from the beginning. */
int tl_store_run_clear(tl_store *s, int64_t run, tl_error *e);
/* summary may hold: best_epoch, train_seconds, tokens_per_second, tokens_per_doc, peak_rss_bytes, weights_sha256, threads, device. A done run stays done. */
int tl_store_run_end(tl_store *s, int64_t run, const char *status, const char *error, const char *plugin_at_fault, const json_t *summary, tl_error *e);
int tl_store_plugin(tl_store *s, int64_t run, const char *kind, const char *name, const char *version, const char *abi, const char *path, const char *sha256, tl_error *e);
/* Marks runs whose process is gone (pid on this host) as dead: a truthful status after kill -9. Called by every open for writing. Returns how many, or -1. */
int tl_store_reap(tl_store *s, tl_error *e);
/* 1: the process that a running run names is there; 0: it is gone; -1: it is of another host, nobody here can tell. */
int tl_store_run_alive(tl_store *s, int64_t run);
int tl_store_merge(tl_store *into, const char *from, int64_t *runs_added, int64_t *runs_replaced, tl_error *e);
/* A run by its id ("12", "run 12") or by the beginning of its identity (6 digits or more). The id, or -1 after an error with what there is. */
int64_t tl_store_find_run(tl_store *s, const char *text, tl_error *e);

/* --- numbers of a run ------------------------------------------------------------------------------------------------------------------- */
int tl_store_curve(tl_store *s, int64_t run, int64_t step, const char *name, double value, tl_error *e);
/* name: as written, a ":group=..." at its end is left out (grp holds it). defined false: NULL. */
int tl_store_result(tl_store *s, int64_t run, const char *split, int64_t epoch, const char *name, const char *signature, bool higher_is_better, const char *grp,
                    bool defined, double value, int64_t n_docs, int64_t n_skipped, tl_error *e);
int tl_store_metric_value(tl_store *s, int64_t run, const char *split, int64_t epoch, const tl_metric_request *q, const tl_metric_value *v, tl_error *e); /* the same */
int tl_store_heartbeat(tl_store *s, int64_t run, tl_error *e);
int tl_store_message(tl_store *s, int64_t run, const char *level, const char *text, tl_error *e);
int tl_store_artifact(tl_store *s, int64_t run, const char *kind, const char *path, const char *sha256, int64_t bytes, tl_error *e);

/* --- predictions ----------------------------------------------------------------------------------------------------------------------- */
int tl_store_prediction(tl_store *s, int64_t run, const char *split, const char *doc_id, int64_t n, const int32_t *labels /* NULL: 0..n-1 */, const float *logits,
                        int64_t n_gold, const int32_t *gold, tl_error *e);
/* A whole split in one transaction; what was stored for it before is replaced. ids: [n]. */
int tl_store_predictions(tl_store *s, int64_t run, const char *split, const char *const *ids, const tl_scores *scores, tl_error *e);
/* The other way: scores as they were stored, ids beside them. 0, 1 where nothing is stored, -1. */
typedef struct tl_stored_scores { tl_scores scores; char **id; float *logit; int32_t *label, *gold; int64_t *gold_offsets; } tl_stored_scores;
int tl_store_scores(tl_store *s, int64_t run, const char *split, tl_stored_scores *out, tl_error *e);
void tl_stored_scores_free(tl_stored_scores *x);
/* Statistics of the run's training split as they were stored, in an arena; st stays NULL where they were not. */
typedef struct tl_stored_statistics { tl_statistics *st; double propensity_a, propensity_b; tl_arena *arena; } tl_stored_statistics;
int tl_store_statistics_of(tl_store *s, int64_t run, tl_stored_statistics *out, tl_error *e);

#endif
