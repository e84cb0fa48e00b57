/*
 * sweep.h - what run, resume, reproduce and their child processes share: a script's experiments as planned runs, the store's rows
 * for them, and the processes that execute them.
 */
#ifndef HOST_CMD_SWEEP_H
#define HOST_CMD_SWEEP_H

#include "base/silence.h"
#include "cmd.h"
#include "crowd.h"
#include "lua/script.h"
#include "store/store.h"
#include "train/train.h"

/* --- devices (device.c) ------------------------------------------------------------------------------------------------------- */
typedef struct tl_device_words {
	char column[64];                 /* of the table run: "cpu", "cuda:0", "cuda-emulated:0"; tl_run_options takes it */
	char identity[256];              /* what decides numbers: "cpu", "NVIDIA H200, cublasLt 13.0.2" */
	char memory[64];
} tl_device_words;
/* What --device names (NULL: auto), looked at by a process of its own: this one starts no CUDA. */
int tl_device_ask(const char *device, tl_device_words *out, tl_error *e);
/* The same in this process: for a run's own. */
int tl_device_look(const char *device, tl_device_words *out, tl_error *e);

/* --- options of a sweep, read from the command line or from an experiment's argv (plan.c) ---------------------------------- */
typedef struct tl_sweep_options {
	const char *db, *only;
	tl_device_words device;
	const char **define;
	int n_define, jobs, threads;
	int64_t limit_docs;
	bool trust, force, fail_fast, quiet, dry_run;
	double timeout;                  /* seconds without a sign of life; 0: train.timeout */
} tl_sweep_options;
int tl_sweep_read(tl_sweep_options *o, const tl_args *a, tl_error *e);
/* The same options from `argv` as the database holds it (JSON list of words). The words stay alive with `words`. */
int tl_sweep_recall(tl_sweep_options *o, const json_t *words, tl_error *e);
void tl_sweep_options_free(tl_sweep_options *o);
extern const tl_option tl_run_option_rows[];
int tl_cpu_count(void);              /* of the inherited mask */
/* Jobs and threads as they were asked for, and as they are given: several jobs never have more threads than CPUs. */
void tl_share_cpus(int64_t jobs, int64_t threads, int *shared_jobs, int *shared_threads);

/* --- planned runs (plan.c) ---------------------------------------------------------------------------------------------------- */
typedef struct tl_plan_tokenizer { char *key; tl_tokenizer *t; } tl_plan_tokenizer;
typedef struct tl_plan_dataset { char *key; tl_dataset *d; int64_t row; } tl_plan_dataset;
typedef struct tl_plan_arm {
	const char *experiment, *name, *dataset, *where;  /* borrowed from the script */
	bool is_baseline, seedless, on_epoch;
	json_t *config;                  /* data, model (as given), train with every default, metrics: what tl_run_train takes, without seed */
	json_t *stored;                  /* the same with every parameter spelled out beside: what the database gets */
	int data;                        /* index of datasets */
	int64_t row;
	double timeout;
} tl_plan_arm;
typedef struct tl_planned {
	int arm;
	int64_t seed, run;               /* run: id in the store */
	char identity[65];
	json_t *parts;
	char *status;                    /* as it was in the store */
	bool linked;                     /* the same run as an earlier one of this plan, or already done */
} tl_planned;
typedef struct tl_plan_set {
	tl_registry *registry;
	tl_script *script;
	char *script_path, *script_dir;
	tl_plan_dataset *datasets;
	tl_plan_tokenizer *tokenizers;
	tl_plan_arm *arms;
	tl_planned *runs;
	int64_t n_datasets, n_tokenizers, n_arms, n_runs, room_datasets, room_tokenizers, room_arms, room_runs;
} tl_plan_set;
/* Loads the script (text NULL: from the file) and works out every arm. No store, no threads. */
int tl_plan_load(tl_plan_set *p, const char *path, const char *text, const json_t *sources, const tl_sweep_options *o, tl_error *e);
int tl_plan_open_data(tl_plan_set *p, tl_plan_arm *arm, tl_error *e);      /* fills arm->data and the defaults of train */
/* What the arm's texts will be read with: the pretrained tokenizer, or one of the right size that has learnt nothing; NULL where the model
 * reads none. Refuses what cannot work: a vocabulary too small to be trained, a max_length without room for the special tokens. */
int tl_plan_tokenize(tl_plan_set *p, const tl_plan_arm *arm, tl_tokenizer **out, tl_error *e);
int tl_plan_identity(tl_plan_set *p, const tl_plan_arm *arm, int64_t seed, const char *device, char hex[65], json_t **parts, tl_error *e);
int tl_plan_runs(tl_plan_set *p, const tl_sweep_options *o, tl_error *e);  /* every arm x seed with its identity */
json_t *tl_plan_run_config(const tl_plan_arm *arm, int64_t seed);
void tl_plan_free(tl_plan_set *p);

/* What differs between two identities' parts, in words ("plugin label/corank, dataset"). */
void tl_identity_changes(const json_t *before, const json_t *now, tl_text *out);

/* Calls fn in a forked process, so that a plugin that crashes or hangs in it harms nobody (isolated.c). out: what fn wrote. 0; -1 fn's own error;
 * 1 the process died, or was ended for a plugin's call that did not return (e says which and how). */
int tl_isolated(int (*fn)(void *arg, tl_text *out, tl_error *e), void *arg, tl_text *out, tl_error *e);
/* Builds the arm's model without weights. text: its wiring as JSON ("modules", ...). */
int tl_plan_wiring(tl_plan_set *p, tl_plan_arm *arm, tl_text *out, tl_error *e);
int tl_dry_run(tl_plan_set *p, const tl_sweep_options *o, tl_error *e);

/* --- the store's rows (register.c) ---------------------------------------------------------------------------------------------- */
char *tl_run_folder(const char *db, const char *identity);
int tl_plan_register(tl_plan_set *p, const tl_sweep_options *o, const json_t *argv, tl_error *e);
/* commit and diff of the folder's git repository; NULL where there is none. malloc'd */
void tl_git_state(const char *folder, char **commit, char **diff);

/* --- where a script was started (folder.c) ------------------------------------------------------------------------------------------ */
/* The folder in which the run's script was started, where it is another one than this and is still there; NULL else. malloc'd */
char *tl_folder_of_run(tl_store *s, int64_t run, tl_error *e);
/* Goes there; relative folders that the environment names are made absolute. */
void tl_go_to(const char *folder);

/* --- processes (sweep.c) ---------------------------------------------------------------------------------------------------------- */
typedef struct tl_job {
	int64_t run, arm_row, seed;
	char *label;                     /* "quickstart: cnn, seed 2" */
	char *folder;                    /* to run in; NULL: this one */
	double timeout;
	int64_t n_documents;             /* of the training split */
	int64_t epochs;
	/* while it runs */
	int pid, pipe, page_fd;
	char *page;                      /* the plugin that is running, written by the child */
	tl_text line;
	double started, killed_at;
	tl_silence heard;
	tl_crowd crowd;
	const char *killed_why;          /* by the parent */
	bool killed_for_plugin;          /* for what a plugin did, or did not do */
	bool ended, dropped;
	char last_status[16], last_text[1200];
	/* progress */
	int64_t epoch, step, steps;
	double loss, tokens_per_second, value, first_beat;
	int64_t first_step;
	char metric[64];
} tl_job;
typedef struct tl_sweep {
	const char *db;
	int jobs, threads;
	bool fail_fast, quiet;
	tl_job *job;
	int64_t n, room;
	int64_t done, failed, killed, elsewhere, waiting;
	bool interrupted;
} tl_sweep;
tl_job *tl_sweep_add(tl_sweep *s);
/* Executes all jobs, each in a process of its own. 0, or -1 where nothing could be started. */
int tl_sweep_run(tl_sweep *s, tl_error *e);
int tl_sweep_status(const tl_sweep *s); /* exit status */
void tl_sweep_free(tl_sweep *s);

enum { TL_CHILD_ELSEWHERE = 75 };    /* exit status of a child whose run is executed by another process, or done */

/* --- progress (progress.c) ------------------------------------------------------------------------------------------------------------ */
void tl_progress_start(bool quiet);
void tl_progress_draw(tl_sweep *s, bool now);      /* bars on a terminal */
void tl_progress_clear(void);                      /* before something else is printed */
void tl_progress_epoch(const tl_job *j, const char *text);
void tl_progress_line(const tl_job *j, const char *format, ...) TL_PRINTF(2, 3);

#endif
