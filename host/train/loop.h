/*
 * loop.h - the pieces of a run, private to this folder (and its tests): plan, schedule, batches, optimizer, evaluation, checkpoints.
 */
#ifndef HOST_TRAIN_LOOP_H
#define HOST_TRAIN_LOOP_H

#include "train.h"

/* --- the plan: `train` with every default filled in --------------------------------------------------------------------- */
enum { TL_ADAMW = 0, TL_ADAM, TL_SGD };
enum { TL_LINEAR = 0, TL_COSINE, TL_CONSTANT };
enum { TL_KEEP_BEST = 0, TL_KEEP_LAST, TL_KEEP_NONE };
typedef struct tl_plan {
	int64_t epochs, batch /* documents; 0: no bound */, batch_tokens /* 0: no bound */, accumulate;
	int64_t patience /* 0: none */, eval_every;
	int optimizer, schedule, keep;
	tl_dtype compute;
	double lr, weight_decay, beta1, beta2, eps, momentum, warmup, clip /* 0: none */, layer_decay;
	bool recompute;
	const char *select; /* borrowed from the JSON: a metric, or "last" */
} tl_plan;
/* From a `train` that tl_train_defaults has filled. */
void tl_plan_read(tl_plan *p, const json_t *train);

/* --- schedule -------------------------------------------------------------------------------------------------------------- */
/* Factor on the learning rate of optimizer step s (from 0) of `steps`. warmup: share of the steps. */
double tl_schedule_factor(int schedule, double warmup, int64_t s, int64_t steps);

/* --- batches --------------------------------------------------------------------------------------------------------------- */
typedef struct tl_batches { /* documents order[start[i]] .. order[start[i+1]-1] make batch i */
	int64_t n, capacity;
	int64_t *start;    /* [n + 1] */
	int64_t documents;
	int32_t *order;    /* [documents] */
} tl_batches;
/* offsets [n_docs + 1]: tokens of the documents; NULL: every document counts one. Bounds of 0 are none. */
void tl_batches_shuffled(tl_batches *b, int64_t n_docs, const int64_t *offsets, uint64_t seed, int64_t epoch, int64_t batch, int64_t batch_tokens);
/* Longest first, ties by the lower index: evaluation. */
void tl_batches_by_length(tl_batches *b, int64_t n_docs, const int64_t *offsets, int64_t batch, int64_t batch_tokens);
void tl_batches_free(tl_batches *b);

typedef struct tl_feed { /* where batches come from */
	int64_t n;
	const tl_tokens *tokens;           /* NULL: none */
	const tl_features *features;       /* NULL: none */
	const int64_t *label_offsets;      /* NULL: no labels (prediction) */
	const int32_t *labels;
	int32_t filler;                    /* token of a document without any */
	const tl_kept *kept;               /* what a frozen encoder makes of the documents; NULL: computed in every step */
} tl_feed;
typedef struct tl_packer { /* memory of one batch, grown to the largest and kept */
	int32_t *offsets, *ids, *label_offsets, *labels, *feature_index;
	int64_t *feature_offsets;
	float *feature_value;
	int64_t c_docs, c_tokens, c_labels, c_features;
	tl_documents batch;
} tl_packer;
/* The batch of these documents, in their order; valid until the next call. */
const tl_documents *tl_pack(tl_packer *p, const tl_feed *s, const int32_t *document, int64_t n, bool labels);
void tl_packer_free(tl_packer *p);

/* --- kept outputs of a frozen encoder --------------------------------------------------------------------------------------- */
typedef struct tl_kept_split { tl_kept kept; int64_t *offsets; void *block; size_t size; bool mapped; } tl_kept_split;
void tl_kept_split_free(tl_kept_split *k);

/* --- optimizer -------------------------------------------------------------------------------------------------------------- */
typedef struct tl_optimizer tl_optimizer;
tl_optimizer *tl_optimizer_new(tl_weights *w, const tl_plan *p, tl_pool *pool);
/* Where the weights lie on a device: the moments too, and steps are made there. */
int tl_optimizer_on(tl_optimizer *o, tl_error *e);
/* Sets lr_scale of every weight of an encoder instance: layer_decay^(K - block), embeddings lowest. */
void tl_layer_decay(tl_weights *w, const char *encoder, double decay);
/* Clips by the global norm (returned in *norm), updates the weights, zeroes the gradients. A gradient that is not finite changes nothing:
 * -1, and *norm is not finite. */
int tl_optimizer_step(tl_optimizer *o, double lr_factor, double *norm);
/* On a device: enqueues the step; *norm (alloc_host'd) holds the norm once an event after it is reached. Where it is not finite nothing
 * changes, in this step and all after it. -1: the device refuses, its error says why. */
int tl_optimizer_step_there(tl_optimizer *o, double lr_factor, double *norm);
int64_t tl_optimizer_steps(const tl_optimizer *o);
/* The last trainable weight whose gradient is not finite: the one nearest to the loss. NULL: all are finite. */
const char *tl_optimizer_bad(tl_optimizer *o);
/* Moments, for checkpoints: tl_weights_size elements each; NULL where the optimizer has none. */
void *tl_optimizer_moment(tl_optimizer *o, int which);
void tl_optimizer_set_steps(tl_optimizer *o, int64_t steps);
void tl_optimizer_free(tl_optimizer *o);

/* --- evaluation -------------------------------------------------------------------------------------------------------------- */
enum { TL_DENSE_LIMIT = 10000000 }; /* N·L up to which all logits are stored */
typedef struct tl_split_scores { tl_scores s; float *logit; int32_t *label; } tl_split_scores;
void tl_split_scores_new(tl_split_scores *x, int64_t n, int64_t n_labels, int64_t keep, const int64_t *gold_offsets, const int32_t *gold);
void tl_split_scores_free(tl_split_scores *x);
/* Stores rows [n, L] of documents document[0..n-1]. */
void tl_split_scores_put(tl_split_scores *x, tl_pool *pool, const int32_t *document, int64_t n, const float *row);
typedef struct tl_evaluator {
	tl_model *model;
	tl_pool *pool;
	int64_t batch, batch_tokens;
	tl_packer packer;
	tl_batches batches;
	float *row;
	int64_t c_row;
	int (*tick)(void *arg);  /* called between batches: 1 stops (interrupted), -1 an error; may be NULL */
	void *arg;
} tl_evaluator;
/* The batches of an evaluation: longest documents first. */
void tl_evaluation_batches(tl_evaluator *ev, const tl_feed *source, int64_t n_labels);
/* 0, -1 after an error, or 1 where tick stopped it. step keys nothing: dropout is off. */
int tl_evaluate(tl_evaluator *ev, const tl_feed *source, const char *const *id, const char *what, int64_t step, tl_split_scores *out, tl_error *e);
/* The same by fit/score modules. */
int tl_evaluate_features(tl_model *m, tl_pool *pool, const tl_features *f, const char *what, tl_split_scores *out, tl_error *e);
void tl_evaluator_free(tl_evaluator *ev);

/* --- checkpoints --------------------------------------------------------------------------------------------------------------- */
typedef struct tl_progress { /* where a run stands */
	int64_t epoch;        /* that is being trained, from 1 */
	int64_t batch;        /* of that epoch, next one; all of them: its evaluation is due */
	int64_t step;         /* optimizer steps done */
	int64_t micro;        /* batches done */
	int64_t best_epoch;   /* 0: none yet */
	double best_value;
	double seconds, step_seconds;
	int64_t tokens;
	bool finished;        /* stopped early: nothing left to train */
} tl_progress;
/* best: NULL or the best epoch's weights; best_state its state rows. */
int tl_checkpoint_write(const char *path, const tl_progress *p, tl_model *m, tl_optimizer *o, const void *best, const tl_text *best_state, const char *key, tl_error *e);
/* Reads it back into model and optimizer. *best (malloc'd, or NULL) and best_state likewise. key must be the one it was written with. */
int tl_checkpoint_read(const char *path, tl_progress *p, tl_model *m, tl_optimizer *o, void **best, tl_text *best_state, const char *key, tl_error *e);
/* All weights under their names. */
int tl_weights_write(tl_weights *w, const char *path, const char *const *metadata, tl_error *e);
int tl_weights_read(tl_weights *w, const char *path, tl_error *e);

/* --- shared by run.c, identity.c and trained.c ----------------------------------------------------------------------------------- */
/* The file or folder as it is, else under script_dir; malloc'd. */
char *tl_find_path(const char *path, const char *script_dir);
/* The tokenizer that a model's encoder wants: its weights folder's, or one trained on the training texts (cached by content). *out NULL where it has none. */
int tl_run_tokenizer(const json_t *modules, tl_registry *r, const tl_dataset *d, const char *script_dir, tl_tokenizer **out, bool *uses_features, tl_error *e);
/* The sentence for a model that writes no logits. Returns -1. */
int tl_no_logits(tl_error *e);
/* `train` without the keys that decide no number. */
json_t *tl_train_decisive(const json_t *train);
typedef struct tl_module_words { char kind[32]; const char *plugin, *name; } tl_module_words;
void tl_module_read(const json_t *module, tl_module_words *out);
/* "label/corank" of an instance (or of one of its weights or losses) of the model, "" where there is none of that name. */
void tl_plugin_of(const json_t *modules, const char *instance, char out[64]);
/* Copies the context's error into e. Returns -1. */
int tl_model_error(tl_model *m, tl_error *e);
/* Artifacts that predict and export need: config.json, tokenizer.json, labels, statistics, features. */
int tl_trained_write(const char *folder, const json_t *config, tl_model *m, const tl_dataset *d, const tl_tokenizer *t, const tl_tfidf *tfidf, const char *script_dir, tl_error *e);

#endif
