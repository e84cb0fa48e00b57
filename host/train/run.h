/* run.h - one run in progress: shared by run.c (the loop) and finish.c (evaluation, selection, what is kept). */
#ifndef HOST_TRAIN_RUN_H
#define HOST_TRAIN_RUN_H

#include "loop.h"

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
	tl_packer packer;
	int n_parts, c_parts;
	const char **part;                   /* of this step; names live as long as the model */
	double *part_value, total;
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
/* TF-IDF of every split, where the reader gives no features. */
int tl_run_features(tl_run *run);
/* fit/score modules: everything at once. */
int tl_run_fit(tl_run *run);

#endif
