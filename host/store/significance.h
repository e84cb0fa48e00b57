/*
 * significance.h - is the difference of two arms more than chance? Paired tests over documents, from stored scores.
 *
 * Compared are the means over each side's runs. A document's row is what it adds to the sums a metric is made of, one sum after the other for every run, then
 * - p: approximate randomisation; in each round every document's two rows change sides with probability 1/2;
 *   p = (1 + rounds with a difference at least as large) / (1 + rounds);
 * - interval: 95 % percentile bootstrap, documents drawn with replacement.
 * Rounds come from named Philox streams with a fixed seed: the same scores give the same numbers everywhere.
 */
#ifndef HOST_STORE_SIGNIFICANCE_H
#define HOST_STORE_SIGNIFICANCE_H

#include "base/sparse.h"
#include "store.h"

enum { TL_TEST_ROUNDS = 10000, TL_TEST_SEED = 1 };
extern const char tl_test_method[];

typedef struct tl_paired {
	bool tested;
	double delta, p, low, high;    /* delta: of the means over the runs, a - b */
	int64_t n_docs;                /* documents that the metric evaluates */
	char *why;                     /* where not tested: the reason; owned */
} tl_paired;
typedef struct tl_test_metric { const char *name, *group, *signature; } tl_test_metric;

typedef struct tl_tester tl_tester;
/* s is only read; new results go into its table `test` when the tester is freed, where the file can be written. */
tl_tester *tl_tester_new(tl_store *s, const char *split);
/* run_a and run_b: ids of done runs, paired by seed by the caller (or one run that needs no seed against several). */
void tl_tester_compare(tl_tester *t, int n_a, const int64_t *run_a, int n_b, const int64_t *run_b, int n, const tl_test_metric *metric, tl_paired *out);
void tl_tester_free(tl_tester *t);

/* The computation itself. */
typedef struct tl_test_side { tl_sparse rows; double *total; } tl_test_side; /* a row a document; total [width] */
typedef struct tl_test_job {
	tl_test_side a, b;
	const unsigned char *present;  /* [n] 1: the metric evaluates the document */
	int64_t n_present;
	double (*value)(const void *arg, const double *sums, int64_t n);
	const void *arg;
} tl_test_job;
/* All jobs are over the same n documents and share their draws. */
void tl_paired_tests(int n_jobs, const tl_test_job *job, int64_t n_documents, int rounds, tl_paired *out);
/* Holm's correction of n p-values, in place; NaN entries are left out. */
void tl_holm(int64_t n, double *p);

#endif
