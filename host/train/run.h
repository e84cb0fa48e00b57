/* run.h - one run in progress: shared by run.c (the loop) and finish.c (evaluation, selection, what is kept). */
#ifndef HOST_TRAIN_RUN_H
#define HOST_TRAIN_RUN_H

#include "loop.h"
#include "tensor/device.h"

typedef struct tl_run {
	const json_t *config, *modules;
	json_t *train;                       /* with every default */
	tl_registry *registry;
	const tl_run_options *o;
	const tl_recorder *rec;
	tl_run_summary *summary;
	tl_error *e;
	uint64_t seed;
	tl_plan plan;
	tl_dataset *d;
	tl_tokenizer *tokenizer;
	tl_tokens tokens[TL_SPLITS];
	tl_tfidf *tfidf;
	tl_features features[TL_SPLITS];     /* made by tfidf */
	tl_feed feed[TL_SPLITS];
	tl_kept_split kept[TL_SPLITS];
	bool uses_features, has_valid, has_test;
	tl_pool *pool;
	tl_model *m;
	tl_weights *w;
	tl_optimizer *opt;
	tl_evaluator ev;
	/* metrics: those asked for, then the selecting one where it is not among them */
	int n_metrics, n_requests, select;   /* select: index of a request, -1: "last" */
	tl_metric_request *request;
	tl_metric_value *value;
	/* the loop */
	tl_progress p;
	int64_t steps;
	tl_batches batches;
	bool tight;                 /* more than half of the memory that is left will be used, or nobody knows how much (a device) */
	tl_packer packer;
	int n_parts, c_parts;
	const char **part;                   /* of this step; names live as long as the model */
	double *part_value, total;
	tl_device *device;                   /* NULL: the CPU */
	struct tl_late *late;                /* what the device still owes: late.c */
	char *key;                           /* of checkpoints */
	void *best;                          /* weights of the best epoch, where they are not the present ones */
	tl_text best_state;
	bool exchanged;                      /* the best epoch's are in the model, and the last one's here */
	tl_split_scores valid;               /* of valid_epoch */
	int64_t valid_epoch;
	tl_split_scores best_valid;          /* of the best epoch, where best_valid_epoch says so */
	int64_t best_valid_epoch;
	double last_beat, last_checkpoint, checkpoint_seconds, clock;
} tl_run;

/* --- estimate.c: memory, before it is taken. After open_data and open_inputs. 0 or -1. */
int tl_run_estimate(tl_run *run, tl_estimate *x);
/* Refuses what cannot fit: with the numbers, and what would fit. */
int tl_run_check_memory(tl_run *run, const tl_estimate *x);
/* Forward and backward of the largest batch, without a trace: where memory is tight, what is too large fails now, not after hours. */
int tl_run_try_largest(tl_run *run);
/* Documents of the batch with the most tokens of all epochs; *document is malloc'd also after -1: there is none. */
int tl_run_largest(tl_run *run, int32_t **document, int64_t *n, int64_t *tokens);

void tl_run_say(tl_run *run, const char *level, const char *format, ...) TL_PRINTF(3, 4);
int tl_run_beat(tl_run *run, bool now);
bool tl_run_interrupted(const tl_run *run);
/* After a failure of the model: its sentence, and the plugin at fault into the summary. Returns -1. */
int tl_run_blame(tl_run *run);
/* Writes a checkpoint where there is a folder; a failure is a warning. */
void tl_run_checkpoint(tl_run *run);
/* Evaluation at the end of an epoch, selection, early stopping. 0, -1, or TL_INTERRUPTED. */
int tl_run_epoch_end(tl_run *run);
/* Test, predictions, artifacts with the best epoch's weights. 0, -1, or TL_INTERRUPTED. */
int tl_run_finish(tl_run *run);
/* Outputs of a frozen encoder for every split, from the cache or computed now (frozen.c). 0, -1, or TL_INTERRUPTED. */
int tl_run_frozen(tl_run *run);
bool tl_run_keeps(const tl_run *run, const tl_model *m); /* would it keep them? */
/* TF-IDF of every split, where the reader gives no features. */
int tl_run_features(tl_run *run);
/* fit/score modules: everything at once. */
int tl_run_fit(tl_run *run);


/* --- run.c, for late.c --- */
/* The sentences for a loss and a gradient that are not finite; `step` counts from 1. Both return -1. */
int tl_run_loss_failed(tl_run *run, const tl_outcome *out, int64_t epoch, int64_t step);
int tl_run_gradient_failed(tl_run *run, int64_t epoch, int64_t step);
/* Adds a batch's losses, `share` of the step's, to those of the step; first: it is the first batch. */
void tl_run_add_losses(tl_run *run, const tl_outcome *out, double share, bool first);
int tl_run_record_step(tl_run *run, int64_t step, double factor, double norm);

/* --- late.c: on a device a step's losses and norm are looked at some steps later, so that nothing waits --- */
int tl_late_open(tl_run *run);
/* Where the losses of the step's next batch go; NULL after an error. */
float *tl_late_room(tl_run *run);
/* The batch just enqueued: its parts, and its share of the step. */
void tl_late_batch(tl_run *run, const tl_outcome *out, double share);
/* The end of a step: the update is enqueued; the oldest step is looked at where enough are under way. */
int tl_late_step(tl_run *run, double factor);
int tl_late_drain(tl_run *run);              /* all of them */
void tl_late_close(tl_run *run);

#endif
