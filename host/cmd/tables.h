/*
 * tables.h - results of one experiment as arms x metrics x datasets x seeds, and the tables made of them.
 *
 * An experiment is known by its name. Its rows in the database with the newest script text count together; of an arm the newest
 * configuration counts, and of several finished runs of one arm, dataset and seed the newest.
 */
#ifndef HOST_CMD_TABLES_H
#define HOST_CMD_TABLES_H

#include "format.h"
#include "store/significance.h"
#include "store/store.h"

typedef struct tl_tab_metric { int64_t id; char *name, *group, *signature, *label; bool higher; int decimals; } tl_tab_metric;
typedef struct tl_tab_arm { char *name; int64_t id; bool baseline; } tl_tab_arm;         /* id of its newest row */
typedef struct tl_tab_data { int64_t id; char *name, *label; } tl_tab_data;
#define TL_NO_SEED INT64_MIN /* a database of another maker may hold no seed of a run; ours are 0 or more */
typedef struct tl_tab_run { int64_t id, seed, best_epoch; int arm, data; bool seedless; double *value; } tl_tab_run; /* done; value [n_metrics], NaN: undefined */
typedef struct tl_tab_gap { int64_t run, seed; int arm, data; char *status, *error, *plugin; } tl_tab_gap;

typedef struct tl_tab_stats { int n; double mean, sd, min, max; } tl_tab_stats;          /* sd NaN where n < 2; all NaN where n = 0 */
typedef struct tl_tab_difference {
	int pairs, wins, losses;       /* over common seeds */
	double delta;                  /* mean over the pairs; without common seeds of the means; NaN where a side is empty */
	tl_paired test;
	double holm;                   /* NaN where not tested */
} tl_tab_difference;

typedef struct tl_tab {
	char *experiment, *split;
	int64_t experiment_id;
	int n_metrics, n_arms, n_datas, baseline;
	int64_t n_runs, n_gaps;
	bool one_row;                   /* asked for by the id of one of its rows */
	int64_t left_out, left_in;      /* tl_tab_count_left_out: how many; the newest experiment that has some */
	tl_tab_metric *metric;
	tl_tab_arm *arm;
	tl_tab_data *data;
	tl_tab_run *run;               /* sorted by dataset, arm, seed */
	tl_tab_gap *gap;
	int64_t *first;                /* [datas * arms + 1] runs of (data, arm) */
	int64_t n_seeds, *seed;        /* distinct, ascending */
	tl_tab_difference *difference; /* [datas, metrics, arms]; the baseline's are empty */
	bool tested;
	bool pair_all;                 /* one run on each side, whatever their seeds */
} tl_tab;

/* Names of the experiments, oldest first; malloc'd list, its number in *n. */
char **tl_tab_experiments(tl_store *s, int64_t *n, tl_error *e);
/* experiment: a name, or the id of one of its rows. metrics: "p@1,ndcg@5:group=head", or NULL for all. baseline: NULL for the experiment's own. */
tl_tab *tl_tab_load(tl_store *s, const char *experiment, const char *split, const char *metrics, const char *baseline, tl_error *e);
/* Finished runs that only older scripts of this name had; none where one row was asked for. */
int tl_tab_count_left_out(tl_tab *t, tl_store *s, tl_error *e);
/* The same made of given runs: two sides to compare, the first one the baseline. */
typedef struct tl_tab_side { const char *name; int64_t n; const int64_t *run; } tl_tab_side;
tl_tab *tl_tab_of_sides(tl_store *s, const tl_tab_side side[2], const char *split, const char *metrics, tl_error *e);
/* Metrics and values of the runs that are placed (tables_values.c); metrics: as above. */
int tl_tab_values(tl_tab *t, tl_store *s, const char *metrics, tl_error *e);
void tl_tab_metric_free(tl_tab_metric *m);
tl_tab_stats tl_tab_stats_of(const tl_tab *t, int data, int arm, int metric, const int64_t *seed /* NULL: all */);
/* Differences to the baseline; with tests where scores are stored. */
void tl_tab_compare(tl_tab *t, tl_store *s, bool tests);
tl_tab_difference *tl_tab_difference_of(const tl_tab *t, int data, int metric, int arm);
/* Seeds of (data, arm) and (data, other) that pair; runs of a side are listed once. Lists have room for all runs of the arms. */
int tl_tab_pair(const tl_tab *t, int data, int arm, int other, int *n_a, int64_t *run_a, int *n_b, int64_t *run_b);
void tl_tab_free(tl_tab *t);

enum { TL_BY_ARM = 0, TL_BY_METRIC, TL_BY_DATASET, TL_BY_SEED };
int tl_tab_by(const char *name, const char *option, int *by, tl_error *e);
void tl_tab_write(const tl_tab *t, int rows, int cols, tl_output as, FILE *f);
void tl_tab_csv(const tl_tab *t, bool head, FILE *f);      /* one line per arm, dataset and metric */
void tl_tab_json(const tl_tab *t, int rows, int cols, FILE *f);

char *tl_tab_seed(int64_t seed); /* "seed 3", "no seed" */
/* "0.8612 ± 0.0021", "0.8612", "–". */
char *tl_tab_text_of(tl_tab_stats s, int decimals);
char *tl_tab_p(double p);
void tl_tab_note(tl_output as, FILE *f, const char *s); /* one remark, broken before column 80 where it is text */
void tl_tab_untested(const tl_tab *t, tl_output as, FILE *f); /* why differences have no p, each reason once with its metrics */

/* A table printed in a paper ("labelcorank/table8"; "labelcorank": its tables), our numbers beside it, and what differs in our set-up. */
int tl_reported_write(tl_store *s, const char *what, tl_output as, tl_error *e);

#endif
