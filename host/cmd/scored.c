/*
 * scored.c - metrics of finished runs from their stored scores, with the code that the training run used: the same bits. A metric that is
 * asked for when all runs are done is computed here, not by training again.
 */
#include "scored.h"
#include "cmd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct rescoring {
	tl_store *s;
	int64_t run, epoch;
	int n;
	tl_metric_request *request;
	tl_scored_value *each;
	void *arg;
};

static int
store_values(const struct rescoring *w, const char *split, const tl_metric_value *v, tl_error *e)
{
	int bad = tl_store_begin(w->s, e);

	for (int i = 0; i < w->n && !bad; i++) {
		bad = tl_store_metric_value(w->s, w->run, split, w->epoch, &w->request[i], &v[i], e);
		if (!bad && w->each)
			w->each(w->arg, w->run, split, &w->request[i], &v[i]);
	}
	if (bad) {
		tl_store_rollback(w->s);
		return -1;
	}
	return tl_store_commit(w->s, e);
}

static int
rescore_split(const struct rescoring *w, const char *split, const tl_stored_scores *valid, const tl_stored_statistics *st, tl_error *e)
{
	tl_stored_scores x;
	tl_metric_value *v;
	int status = tl_store_scores(w->s, w->run, split, &x, e), bad;

	if (status)
		return status;
	v = tl_alloc((size_t)(w->n + 1) * sizeof *v);
	bad = tl_metrics_compute(&x.scores, valid->scores.n ? &valid->scores : NULL, st->st, st->propensity_a, st->propensity_b, w->n, w->request, v, e);
	if (!bad)
		bad = store_values(w, split, v, e);
	free(v);
	tl_stored_scores_free(&x);
	return bad ? -1 : 0;
}

int
tl_rescore(tl_store *s, int64_t run, int n, tl_metric_request *q, tl_scored_value *each, void *arg, tl_error *e)
{
	static const char *const splits[] = { "test", "valid", "train" };
	struct rescoring w = { s, run, 0, n, q, each, arg };
	tl_stored_statistics st;
	tl_stored_scores valid = { 0 };
	int bad = tl_store_statistics_of(s, run, &st, e), found = 0;

	if (!bad && !st.st)
		bad = tl_error_set(e, TL_ENVIRONMENT, "run %lld: the label statistics of its training split are not stored, so nothing can be computed; run its script again with --force", (long long)run);
	for (int i = 0; i < n && !bad; i++)
		tl_metric_bind(&q[i], st.propensity_a, st.propensity_b);
	if (!bad)
		w.epoch = tl_store_int(s, e, 0, "SELECT coalesce(best_epoch, 0) FROM run WHERE id = ?1", "i", run);
	if (!bad)
		bad = e->status || tl_store_scores(s, run, "valid", &valid, e) < 0;
	for (int i = 0; i < 3 && !bad; i++) {
		int status = rescore_split(&w, splits[i], &valid, &st, e);
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

/* --- what is lacking --------------------------------------------------------------------------------------------------------------- */
/* The metric's own name, without the group. */
static char *
own_name(const tl_metric_request *q)
{
	const char *group = strstr(q->text, ":group=");
	size_t n = group ? (size_t)(group - q->text) : strlen(q->text);

	return tl_strndup(q->text, n);
}

/* Has the run a value of this definition, NULL or not? */
static bool
has_value(tl_store *s, int64_t run, const char *split, const tl_metric_request *q)
{
	tl_error e = { 0 };
	char *name = own_name(q);
	int64_t n = tl_store_int(s, &e, 0,
	                         "SELECT count(*) FROM metric m JOIN result x ON x.metric_id = m.id AND x.run_id = ?1 AND x.split = ?2 AND x.grp = ?3 WHERE m.name = ?4 AND m.signature = ?5 AND "
	                         "x.epoch = (SELECT coalesce(best_epoch, 0) FROM run WHERE id = ?1)", "issss", run, split, q->group, name, q->signature);

	free(name);
	return n > 0;
}

static bool
has_scores(tl_store *s, int64_t run, const char *split)
{
	tl_error e = { 0 };

	return tl_store_int(s, &e, 0, "SELECT EXISTS (SELECT 1 FROM prediction WHERE run_id = ?1 AND split = ?2)", "is", run, split) > 0;
}

static bool
bind(tl_store *s, int64_t run, tl_metric_request *q)
{
	tl_error e = { 0 };
	tl_rows *r = tl_store_query(s, &e, "SELECT d.propensity_a, d.propensity_b FROM run r JOIN dataset d ON d.id = r.dataset_id WHERE r.id = ?1", "i", run);
	bool known = r && tl_rows_next(r, &e) == 1 && !tl_rows_null(r, 0);

	if (known)
		tl_metric_bind(q, tl_rows_real(r, 0), tl_rows_real(r, 1));
	tl_rows_free(r);
	return known;
}

int
tl_score_lacking(tl_store *s, tl_registry *r, int64_t run, const char *split, int n, const char *const *names, tl_error *e)
{
	tl_metric_request *q = tl_alloc((size_t)(n + 1) * sizeof *q);
	int lacking = 0, bad = 0;

	for (int i = 0; i < n && !bad; i++) {
		bad = tl_metric_parse(&q[lacking], r, names[i], e);
		if (bad)
			break;
		const char *where = split ? split : has_scores(s, run, "test") ? "test" : "valid";
		if (has_scores(s, run, where) && bind(s, run, &q[lacking]) && !has_value(s, run, where, &q[lacking]))
			lacking++;
		else
			tl_metric_request_free(&q[lacking]);
	}
	if (!bad && lacking)
		bad = tl_rescore(s, run, lacking, q, NULL, NULL, e);
	for (int i = 0; i < lacking; i++)
		tl_metric_request_free(&q[i]);
	free(q);
	return bad ? -1 : lacking;
}

/* --- tables ------------------------------------------------------------------------------------------------------------------------- */
/* Is the run's empty cell of this column one that today's definition of the metric would fill? */
static bool
same_definition(tl_store *s, tl_registry *r, const tl_tab_run *run, const tl_tab_metric *m, const char *name)
{
	tl_metric_request q = { 0 };
	tl_error e = { 0 };
	bool same = !tl_metric_parse(&q, r, name, &e) && bind(s, run->id, &q) && !strcmp(q.signature, m->signature);

	tl_metric_request_free(&q);
	return same;
}

struct completing { tl_store *s; tl_registry *registry; const char *split; int stored; char told[200]; };

static void
complete_run(struct completing *c, int64_t run, int n, const char *const *names)
{
	tl_error e = { 0 };
	int stored = tl_score_lacking(c->s, c->registry, run, c->split, n, names, &e);

	if (stored > 0)
		c->stored += stored;
	if (stored >= 0 || !strcmp(c->told, e.text))
		return;
	if (e.status != TL_USAGE || !c->told[0])
		tl_warning("%s", e.text);
	snprintf(c->told, sizeof c->told, "%.199s", e.text);
}

static void
complete_from_list(struct completing *c, const tl_tab *t, const char *list)
{
	char *text = tl_strdup(list), *save = NULL;

	for (char *word = strtok_r(text, ", ", &save); word; word = strtok_r(NULL, ", ", &save)) {
		const char *name = word;
		tl_metric_request q = { 0 };
		tl_error e = { 0 };
		if (!tl_metric_parse(&q, c->registry, word, &e)) /* a name that nobody knows is told by the table */
			for (int64_t i = 0; i < t->n_runs; i++)
				complete_run(c, t->run[i].id, 1, &name);
		tl_metric_request_free(&q);
	}
	free(text);
}

static void
complete_columns(struct completing *c, const tl_tab *t)
{
	for (int m = 0; m < t->n_metrics; m++) {
		char *name = tl_format("%s%s%s", t->metric[m].name, *t->metric[m].group ? ":group=" : "", t->metric[m].group);
		const char *one = name;
		for (int64_t i = 0; i < t->n_runs; i++)
			if (isnan(t->run[i].value[m]) && has_scores(c->s, t->run[i].id, c->split) && same_definition(c->s, c->registry, &t->run[i], &t->metric[m], name))
				complete_run(c, t->run[i].id, 1, &one);
		free(name);
	}
}

static bool
any_empty(const tl_tab *t)
{
	for (int64_t i = 0; i < t->n_runs; i++)
		for (int m = 0; m < t->n_metrics; m++)
			if (isnan(t->run[i].value[m]))
				return true;
	return false;
}

/* Computes and stores what the table's runs lack: the metrics of the list, or empty cells of the table's own columns. Returns how many values; `closed` tells why nothing can be stored. */
static int
complete(const tl_tab *t, const char *path, const char *list, tl_error *closed)
{
	struct completing c = { .split = t->split };

	if (!t->n_runs || (!list && !any_empty(t)))
		return 0;
	c.s = tl_store_reopen(path, closed);
	if (!c.s) /* a copy that cannot be written shows what it has */
		return 0;
	c.registry = tl_registry_new();
	if (list)
		complete_from_list(&c, t, list);
	else
		complete_columns(&c, t);
	tl_registry_free(c.registry);
	tl_store_close(c.s);
	return c.stored;
}

static tl_tab *
load(tl_store *s, const tl_tab_side *side, const char *experiment, const char *split, const char *metrics, const char *baseline, tl_error *e)
{
	return side ? tl_tab_of_sides(s, side, split, metrics, e) : tl_tab_load(s, experiment, split, metrics, baseline, e);
}

/* The list as tables spell it: micro_f1 for micro_f1:threshold=0.5. Names that nobody knows stay; what is wrong with the first one is in e. */
static char *
spelled(tl_registry *r, const char *list, tl_error *e)
{
	char *text = tl_strdup(list), *save = NULL;
	tl_text out = { 0 };

	for (char *word = strtok_r(text, ", ", &save); word; word = strtok_r(NULL, ", ", &save)) {
		tl_metric_request q = { 0 };
		tl_error here = { 0 };
		bool known = !tl_metric_parse(&q, r, word, &here);
		tl_text_add(&out, "%s%s", out.n ? "," : "", known ? q.text : word);
		if (!known && !e->status)
			tl_error_set(e, TL_USAGE, "--metrics %s: %s", word, here.text);
		tl_metric_request_free(&q);
	}
	free(text);
	return out.s ? out.s : tl_strdup("");
}

tl_tab *
tl_tab_complete(tl_store *s, const tl_tab_side *side, const char *experiment, const char *split, const char *metrics, const char *baseline, tl_error *e)
{
	tl_error here = { 0 }, ignored = { 0 }, unknown = { 0 }, closed = { 0 };
	tl_tab *t = load(s, side, experiment, split, metrics, baseline, &here), *all;

	if (t && complete(t, tl_store_path(s), NULL, &closed)) {
		tl_tab_free(t);
		t = load(s, side, experiment, split, metrics, baseline, &here);
	} else if (!t && metrics && here.status == TL_USAGE && (all = load(s, side, experiment, split, NULL, baseline, &ignored))) {
		tl_registry *r = tl_registry_new();
		char *list = spelled(r, metrics, &unknown);
		tl_registry_free(r);
		complete(all, tl_store_path(s), list, &closed);
		tl_tab_free(all);
		here = (tl_error){ 0 };
		t = load(s, side, experiment, split, list, baseline, &here);
		free(list);
		if (!t && unknown.status)
			here = unknown;
		else if (!t && closed.status) {
			here = (tl_error){ 0 };
			tl_error_set(&here, closed.status, "--metrics %s: not all were measured on %s, and what is computed from stored scores is stored: %s", metrics, split, closed.text);
		}
	}
	if (!t)
		tl_error_set(e, here.status, "%s", here.text);
	return t;
}
