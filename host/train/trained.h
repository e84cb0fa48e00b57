/* trained.h - a trained run in memory: shared by trained.c and export.c. */
#ifndef HOST_TRAIN_TRAINED_H
#define HOST_TRAIN_TRAINED_H

#include "loop.h"

struct tl_trained {
	char *folder;
	json_t *config;            /* the folder's config.json */
	tl_dataset *d;             /* labels and training label lists; no texts */
	tl_tokenizer *tokenizer;
	tl_tfidf *tfidf;
	tl_pool *pool;
	tl_model *m;
	tl_evaluator ev;
};

#endif
