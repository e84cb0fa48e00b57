/* rescore.c - metrics of finished runs from their stored scores, with the code that the training run used: the same bits. */
#include "cmd.h"
#include "format.h"
#include "scored.h"

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

static void
say_value(void *arg, int64_t run, const char *split, const tl_metric_request *q, const tl_metric_value *v)
{
	tl_cell *c = tl_grid_row(((struct work *)arg)->grid);

	tl_cell_int(c++, run);
	tl_cell_string(c++, split);
	tl_cell_string(c++, q->text);
	tl_cell_real(c++, v->defined ? v->value : NAN, 6);
	tl_cell_int(c++, v->n_docs);
	tl_cell_string(c++, q->signature);
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
		bad = !(w.s = tl_store_reopen(tl_db_path(a), e));
	w.grid = tl_grid_new(6, head);
	for (int i = 0; i < a->n && !bad; i++) {
		int64_t id = tl_store_find_run(w.s, a->operand[i], e);
		bad = id < 0 || tl_rescore(w.s, id, w.n, w.request, say_value, &w, e);
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
