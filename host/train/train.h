/*
 * train.h - one run: from a resolved configuration to recorded numbers. Knows neither Lua nor SQLite: it calls a recorder.
 */
#ifndef HOST_TRAIN_H
#define HOST_TRAIN_H

#include "base/base.h"
#include "base/json.h"
#include "base/sparse.h"
#include "data/data.h"
#include "plugin/host.h"

/* --- metrics by name ------------------------------------------------------------------------------------------------------ */
typedef struct tl_metric_request { /* NAME[@k][:threshold=micro_f1|label_f1|0.3][:group=head|...] */
	char *text;                        /* as written, canonical */
	const tl_metric *metric;
	int64_t k;                         /* 0: none */
	int threshold;                     /* TL_THRESHOLD_* */
	double threshold_value;
	char *group;                       /* "" or head, tail, head_docs, tail_docs, q4.0 */
	char *signature;                   /* spelled out, without the group */
} tl_metric_request;
enum { TL_THRESHOLD_FIXED = 0, TL_THRESHOLD_MICRO_F1, TL_THRESHOLD_LABEL_F1 };
int tl_metric_parse(tl_metric_request *out, tl_registry *r, const char *text, tl_error *e);
/* Can a run on this dataset be measured by it: is there a validation split where its threshold wants one, are enough scores kept? */
int tl_metric_fits(const tl_metric_request *q, const tl_dataset *d, tl_error *e);
/* Writes the data set's A and B into the signature of a metric with propensities: before them it says "A,B". May be called again with others. */
void tl_metric_bind(tl_metric_request *q, double propensity_a, double propensity_b);
void tl_metric_request_free(tl_metric_request *q);

/* Scores of a split as they are stored: logits in float32, all columns or the best `keep`. */
typedef struct tl_scores {
	int64_t n, n_labels, keep;         /* keep = n_labels: dense, label == NULL */
	const float *logit;                /* [n, keep] */
	const int32_t *label;              /* [n, keep] best first; NULL where dense */
	const int64_t *gold_offsets;       /* [n + 1] */
	const int32_t *gold;
} tl_scores;
typedef struct tl_metric_value { double value; bool defined; int64_t n_docs, n_skipped; } tl_metric_value;
/* thresholds are tuned on `valid` (may be NULL: then tuned forms are refused by name). The same code serves training and rescore: same bits. */
int tl_metrics_compute(const tl_scores *scores, const tl_scores *valid, const tl_statistics *train, double propensity_a, double propensity_b,
                       int n, const tl_metric_request *request, tl_metric_value *out, tl_error *e);
/* What each document adds to the sums, for paired tests: rows of all documents, empty where the metric passes one over (present: 0), and the value from any sum of
 * rows. Nothing in it needs the scores afterwards. 1: the metric has no such form. */
typedef struct tl_metric_rows { tl_sparse rows; unsigned char *present; int64_t n_present; void *state; } tl_metric_rows;
int tl_metrics_rows(tl_metric_rows *out, const tl_scores *scores, const tl_scores *valid, const tl_statistics *train, double propensity_a, double propensity_b,
                    const tl_metric_request *request, tl_error *e);
double tl_metric_rows_value(const tl_metric_rows *r, const double *sums /* [width] */, int64_t n);
void tl_metric_rows_free(tl_metric_rows *r);
void tl_tune_thresholds(const tl_scores *valid, double *global, double *global_f1, double *per_label /* [L] */);
/* Reference values in JSON (kinds label_statistics, metrics, thresholds): prints one "ok - ..." or "not ok - ..." line per group of values, adds
 * the latter to *failed, returns the number of lines, or -1. perturb: one input is changed first, so that the checks should fail. */
int tl_verify_json(const char *path, tl_registry *r, FILE *out, bool perturb, int *failed, tl_error *e);

/* --- where the numbers go --------------------------------------------------------------------------------------------------- */
typedef struct tl_recorder { /* each returns 0 or -1 (then the run stops); all are called from one thread */
	void *arg;
	int (*curve)(void *arg, int64_t step, const char *name, double value);
	int (*result)(void *arg, const char *split, int64_t epoch, const tl_metric_request *q, const tl_metric_value *v);
	int (*predictions)(void *arg, const char *split, const tl_dataset *d, const tl_scores *s);
	int (*heartbeat)(void *arg, int64_t epoch, int64_t step, int64_t steps, double loss, double tokens_per_second, const char *metric, double value);
	int (*message)(void *arg, const char *level, const char *text);
	int (*artifact)(void *arg, const char *kind, const char *path, const char *sha256, int64_t bytes);
	/* 1: the script's on_epoch says stop */
	int (*epoch)(void *arg, int64_t epoch, int n, const tl_metric_request *q, const tl_metric_value *v);
	bool (*interrupted)(void *arg);
} tl_recorder;

typedef struct tl_run_options {
	const char *folder;                 /* artifacts: FILE.db.d/IDENTITY */
	const char *script_dir;
	int threads;
	const char *device;                 /* "cpu", "cuda:0" */
	int64_t limit_docs;                 /* 0: all */
	bool resume;                        /* from the last checkpoint in folder, where there is one */
	tl_dataset *dataset;                /* the configuration's, where the caller has opened it (tl_run_dataset) already; stays the caller's. NULL: opened here */
} tl_run_options;
typedef struct tl_run_summary {
	int64_t best_epoch;
	double train_seconds, tokens_per_second;
	double tokens_per_doc;              /* of training documents, cut at max_length; 0: no tokens are read */
	int64_t peak_rss_bytes;
	char weights_sha256[65];
	char plugin_at_fault[64];           /* after a failure: "label/corank" */
} tl_run_summary;
/* What a run will take. Bytes are those of resident memory. */
typedef struct tl_estimate {
	int64_t bytes;                      /* the most at one time */
	int64_t weights;                    /* of them: weights, gradients, moments, copies, what modules keep */
	int64_t step;                       /* the largest batch, of training or evaluation */
	int64_t data;                       /* program, texts, token ids, stored scores */
	int64_t documents, tokens;          /* of the largest training batch */
	double products;                    /* operations of matrix products of the whole training */
	double once;                        /* of a frozen encoder whose outputs are kept: done once for all runs, and not in `products` */
} tl_estimate;
/* The estimate that tl_run_train makes before it trains, and its refusal (-1, e) of what cannot fit. Token ids are made for it where the cache has none. *x is filled where the run was refused, too. */
int tl_run_estimated(const json_t *config, tl_registry *r, const tl_run_options *o, tl_estimate *x, tl_error *e);
/* Grows by one whenever the same configuration gives other numbers than before: part of a run's identity. */
#define TL_NUMERIC_VERSION 3
/* The dataset of a run, opened as tl_run_train does it. limit_docs: 0, or a bound on the training split (tl.dataset's `limit` where smaller). */
tl_dataset *tl_run_dataset(const json_t *config, tl_registry *r, const char *script_dir, int64_t limit_docs, tl_error *e);
/* config: {"data": {...}, "model": [...], "train": {...}, "metrics": [...], "seed": n}; missing keys of `train` get their defaults. Returns 0, -1 (e), or TL_INTERRUPTED (a checkpoint in o->folder lets it go on).
 * Curves: step from 1; "loss.total", "loss.INSTANCE[.PART]", "lr", "grad_norm". A resumed run records steps after its checkpoint again where
 * it had died later: same step, same name, same value. */
int tl_run_train(const json_t *config, tl_registry *r, const tl_run_options *o, const tl_recorder *rec, tl_run_summary *summary, tl_error *e);
/* Writes the model logits, and has it a loss? Without, it would train for nothing. */
int tl_model_trains(tl_model *m, tl_error *e);
/* Does a module fit by itself (linear)? Then `train` is ignored. */
bool tl_modules_fit(const json_t *modules, tl_registry *r);
/* Can this device ("cpu", "cuda:0") compute in `train`'s precision? Modules that fit by themselves compute on the CPU anyway. 0, or -1 with a sentence. */
int tl_train_fits(const json_t *train, const json_t *modules, tl_registry *r, const char *device, tl_error *e);
/* Fills in every missing key of `train` with its default and refuses unknown ones (nearest name). has_valid decides `select`. */
int tl_train_defaults(json_t *train, bool has_valid, tl_error *e);
/* The configuration's part that decides numbers, as canonical JSON -> identity hash. Adds plugin hashes, dataset hash, initial-weight and tokenizer hashes,
 * host numeric version, device, instruction set, GEMM library, precision, seed. */
int tl_run_identity(const json_t *config, tl_registry *r, const tl_dataset *d, const char *script_dir, const char *device, char hex[65], json_t **parts, tl_error *e);

/* --- a trained run used again -------------------------------------------------------------------------------------------------- */
typedef struct tl_trained tl_trained;
tl_trained *tl_trained_open(const json_t *config, tl_registry *r, const tl_run_options *o, tl_error *e); /* weights from o->folder */
/* logits [n, L] for texts (malloc'd). */
int tl_trained_scores(tl_trained *t, const char *const *texts, int64_t n, float **logits, int64_t *n_labels, tl_error *e);
const tl_dataset *tl_trained_dataset(const tl_trained *t);
int tl_trained_export(tl_trained *t, const char *dir, tl_error *e);
void tl_trained_close(tl_trained *t);

#endif
