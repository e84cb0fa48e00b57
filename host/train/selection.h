/* selection.h - scores of a split as a metric sees them: one group's columns or documents, in order, with thresholds. */
#ifndef HOST_SELECTION_H
#define HOST_SELECTION_H

#include "train/train.h"

/* What tl_scores holds, or probabilities as they are (reference vectors). */
typedef struct tl_table {
	int64_t n, n_labels, keep;
	const float *logit;              /* [n, keep], or NULL and then: */
	const double *probability;       /* [n, keep] */
	const int32_t *label;            /* [n, keep] best first; NULL: all columns */
	const int64_t *gold_offsets;
	const int32_t *gold;
} tl_table;
tl_table tl_table_of(const tl_scores *s);
double tl_probability(double logit);

/* --- groups: "", head, tail, head_docs, tail_docs, qN.g ------------------------------------------------------------------- */
int tl_group_check(const char *group, tl_error *e);
/* The group's columns, ascending; NULL and n = n_labels where it has all of them. malloc'd. */
int32_t *tl_group_columns(const char *group, const tl_statistics *train, int64_t *n);

typedef struct tl_selection {
	tl_evaluation e;
	tl_arena *arena, *by_document;   /* own what there is of columns, and of documents */
	int64_t *document;               /* [e.n_docs] row of the table */
	int64_t n_evaluated, n_skipped;
	bool no_columns;
	const int32_t *column;           /* [e.n_labels] label of a column; NULL: all */
	int64_t *listed;                 /* [e.n_docs] entries of top; where all scores are there, NULL */
	double *unseen;                  /* [e.n_docs] no label outside top has a higher probability; NULL as above */
	double *thresholds;              /* [e.n_labels] for the request at hand */
} tl_selection;
/* k: how long the lists of best labels must be. */
void tl_selection_make(tl_selection *v, const tl_table *t, const tl_statistics *train, const double *inverse_propensity, const char *group, int64_t k);
void tl_selection_free(tl_selection *v);
/* Leaves what a metric's `finish` is shown: the columns. */
void tl_selection_drop_documents(tl_selection *v);
/* thresholds: [labels of the table], or NULL and then `threshold` for all. 0, 1 undefined, -1 an error. */
int tl_selection_prepare(tl_selection *v, const tl_metric_request *q, const double *thresholds, double threshold, tl_error *e);
void tl_metric_watch(const tl_metric_request *q); /* tl_watch_begin for its functions */
int tl_selection_value(tl_selection *v, const tl_metric_request *q, double *value, tl_error *e);
void tl_tune_table(const tl_table *valid, double *global, double *global_f1, double *per_label);

#endif
