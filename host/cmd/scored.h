/* scored.h - metrics from stored scores: what rescore prints, and what run, table and compare fill in where a metric was asked for later. */
#ifndef HOST_CMD_SCORED_H
#define HOST_CMD_SCORED_H

#include "tables.h"
#include "train/train.h"

/* Computes metrics of one finished run on every split that has scores and stores them at its best epoch. each may be NULL. */
typedef void tl_scored_value(void *arg, int64_t run, const char *split, const tl_metric_request *q, const tl_metric_value *v);
int tl_rescore(tl_store *s, int64_t run, int n, tl_metric_request *q, tl_scored_value *each, void *arg, tl_error *e);

/* Computes and stores those of the named metrics that the run lacks on the split (NULL: on test or valid). Returns how many; -1 with a sentence. */
int tl_score_lacking(tl_store *s, tl_registry *r, int64_t run, const char *split, int n, const char *const *names, tl_error *e);

/*
 * tl_tab_load, or with `side` tl_tab_of_sides; values that some runs lack are computed from stored scores first, and stored: metrics of the
 * list that no run was measured by, and empty cells of a column whose definition is still the same.
 */
tl_tab *tl_tab_complete(tl_store *s, const tl_tab_side *side, const char *experiment, const char *split, const char *metrics, const char *baseline, tl_error *e);

#endif
