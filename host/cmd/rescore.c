/* rescore.c - metrics of finished runs from their stored scores, with the code that the training run used: the same bits. */
#include "cmd.h"
#include "format.h"
#include "store/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const tl_option options[] = {
	{ "--db", "FILE", "results database (default $TAGLOOM_DB, else results/tagloom.db)" },
	{ "--metrics", "LIST", "metrics to compute: p@1,micro_f1:threshold=label_f1,ndcg@5:group=tail" },
	{ "--format", "FORMAT", "text (default), md, latex, csv or json" },
	{ 0 }
};

struct work {
	tl_store *s;
	tl_registry *registry;
	tl_metric_request *request;
	int n;
	tl_grid *grid;
};

static int
read_metrics(struct work *w, const char *list, tl_error *e)
{
	char *text = tl_strdup(list), *save = NULL;
	int64_t capacity = 0;
	int bad = 0;

	for (char *word = strtok_r(text, ", ", &save); word && !bad; word = strtok_r(NULL, ", ", &save)) {
		w->request = tl_grow(w->request, w->n, &capacity, sizeof *w->request);
		bad = tl_metric_parse(&w->request[w->n], w->registry, word, e);
		w->n += !bad;
	}
	free(text);
	if (!bad && !w->n)
		bad = tl_error_set(e, TL_USAGE, "--metrics: wanted at least one, for instance --metrics p@1,ndcg@5");
	return bad;
}

static int
store_values(struct work *w, int64_t run, const char *split, int64_t epoch, const tl_metric_value *v, tl_error *e)
{
	int bad = tl_store_begin(w->s, e);

	for (int i = 0; i < w->n && !bad; i++) {
		tl_cell *c;
		bad = tl_store_metric_value(w->s, run, split, epoch, &w->request[i], &v[i], e);
		c = tl_grid_row(w->grid);
		tl_cell_int(c++, run);
		tl_cell_string(c++, split);
		tl_cell_string(c++, w->request[i].text);
		tl_cell_real(c++, v[i].defined ? v[i].value : NAN, 6);
		tl_cell_int(c++, v[i].n_docs);
		tl_cell_string(c++, w->request[i].signature);
	}
	if (bad) {
		tl_store_rollback(w->s);
		return -1;
	}
	return tl_store_commit(w->s, e);
}

static int
rescore_split(struct work *w, int64_t run, const char *split, const tl_stored_scores *valid, const tl_stored_statistics *st, tl_error *e)
{
	tl_stored_scores x;
	tl_metric_value *v;
	int64_t epoch;
	int status = tl_store_scores(w->s, run, split, &x, e), bad;

	if (status)
		return status;
	v = tl_alloc((size_t)(w->n + 1) * sizeof *v);
	bad = tl_metrics_compute(&x.scores, valid->scores.n ? &valid->scores : NULL, st->st, st->propensity_a, st->propensity_b, w->n, w->request, v, e);
	epoch = tl_store_int(w->s, e, 0, "SELECT coalesce(best_epoch, 0) FROM run WHERE id = ?1", "i", run);
	if (!bad)
		bad = store_values(w, run, split, epoch, v, e);
	free(v);
	tl_stored_scores_free(&x);
	return bad ? -1 : 0;
}

static int
rescore(struct work *w, int64_t run, tl_error *e)
{
	static const char *const splits[] = { "test", "valid", "train" };
	tl_stored_statistics st;
	tl_stored_scores valid = { 0 };
	int bad = tl_store_statistics_of(w->s, run, &st, e), found = 0;

	if (!bad && !st.st)
		bad = tl_error_set(e, TL_ENVIRONMENT, "run %lld: the label statistics of its training split are not stored, so nothing can be computed; run its script again with --force", (long long)run);
	for (int i = 0; i < w->n && !bad; i++)
		tl_metric_bind(&w->request[i], st.propensity_a, st.propensity_b);
	if (!bad)
		bad = tl_store_scores(w->s, run, "valid", &valid, e) < 0;
	for (int i = 0; i < 3 && !bad; i++) {
		int status = rescore_split(w, run, splits[i], &valid, &st, e);
		found += status == 0;
		bad = status < 0;
	}
	if (!bad && !found)
		bad = tl_error_set(e, TL_ENVIRONMENT, "run %lld: no scores are stored, so nothing can be computed (its status is told by 'tagloom runs')", (long long)run);
	tl_stored_scores_free(&valid);
	if (st.arena)
		tl_arena_free(st.arena);
	return bad ? -1 : 0;
}

static int
run(const tl_args *a, tl_error *e)
{
	static const char *const head[] = { ">run", "split", "metric", ">value", ">documents", "signature" };
	struct work w = { .registry = tl_registry_new() };
	const char *metrics = tl_arg_value(a, "--metrics", NULL);
	tl_output as;
	int bad = tl_output_named(tl_arg_value(a, "--format", "text"), &as, e);

	if (!bad && !metrics)
		bad = tl_error_set(e, TL_USAGE, "--metrics is missing: tagloom rescore RUN... --metrics p@1,ndcg@5");
	bad = bad || read_metrics(&w, metrics, e);
	if (!bad)
		bad = !(w.s = tl_store_open(tl_db_path(a), true, e));
	if (!bad) { /* it exists: now for writing */
		tl_store_close(w.s);
		bad = !(w.s = tl_store_open(tl_db_path(a), false, e));
	}
	w.grid = tl_grid_new(6, head);
	for (int i = 0; i < a->n && !bad; i++) {
		int64_t id = tl_store_find_run(w.s, a->operand[i], e);
		bad = id < 0 || rescore(&w, id, e);
	}
	if (!bad)
		tl_grid_write(w.grid, as, stdout);
	tl_grid_free(w.grid);
	for (int i = 0; i < w.n; i++)
		tl_metric_request_free(&w.request[i]);
	free(w.request);
	tl_store_close(w.s);
	tl_registry_free(w.registry);
	return bad ? -1 : 0;
}

const tl_verb tl_verb_rescore = {
	.name = "rescore",
	.synopsis = "RUN... --metrics a,b [--db FILE] [--format FORMAT]",
	.summary = "metrics from stored scores, no training",
	.description = "Computes metrics of finished runs from the scores that the database holds, on every split that has them, and stores the\n"
	               "values beside the run's own (at its best epoch). A metric that was measured during the run comes out the same to the bit.\n"
	               "Tuned thresholds come from the run's validation scores. RUN: a number or the first digits of an identity.",
	.options = options,
	.least = 1,
	.most = -1,
	.run = run,
};
