/* tester.c - from runs in the database to paired tests: rows of each side, what is cached, what cannot be tested and why. */
#include "significance.h"

#include "base/watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * One metric over the runs of one side. A mean over documents has one column, averaged over the runs. Any other metric has each run's columns side by side, so
 * that its value is the mean of the runs' values, as in a table.
 */
struct side_metric {
	tl_sparse rows;
	int parts;                /* how many runs lie side by side */
	double *total;
	unsigned char *present;
	int64_t n_present;
	tl_metric_rows evaluator; /* of the last run: turns sums into values */
	tl_metric_request request;
	char *signature;          /* when it was measured; NULL: not known */
	char *why;                /* cannot be tested */
};

struct side {
	char *key;                /* run ids and metrics, for using it again */
	int n_metrics;
	struct side_metric *metric;
	char documents[65];       /* hash of ids and gold labels, in order */
	char training[65];        /* hash of the label statistics */
	int64_t n;
	tl_stored_statistics statistics; /* the evaluator looks at them */
	char *why;
};

struct fresh { char key[65]; char *a, *b; char *metric, *signature, *group; tl_paired result; };

struct tl_tester {
	tl_store *s;
	tl_registry *registry;
	char *split;
	struct side *kept;        /* the last b side: the baseline of a table */
	struct fresh *fresh;
	int64_t n_fresh, capacity;
};

tl_tester *
tl_tester_new(tl_store *s, const char *split)
{
	tl_tester *t = tl_alloc(sizeof *t);

	t->s = s;
	t->split = tl_strdup(split);
	return t;
}

/* --- rows ------------------------------------------------------------------------------------------------------------------------ */
static void
free_side(struct side *x)
{
	if (!x)
		return;
	for (int m = 0; m < x->n_metrics; m++) {
		tl_sparse_free(&x->metric[m].rows);
		free(x->metric[m].total);
		free(x->metric[m].present);
		free(x->metric[m].why);
		free(x->metric[m].signature);
		tl_metric_rows_free(&x->metric[m].evaluator);
		tl_metric_request_free(&x->metric[m].request);
	}
	free(x->metric);
	free(x->key);
	free(x->why);
	if (x->statistics.arena)
		tl_arena_free(x->statistics.arena);
	free(x);
}

/* The columns of all rows moved to the right. */
static void
shift(tl_sparse *s, int64_t by)
{
	for (int64_t k = 0; k < s->offset[s->n]; k++)
		s->index[k] += (int32_t)by;
	s->width += by;
}

static void
add_run(struct side_metric *m, const tl_scores *test, const tl_scores *valid, const tl_stored_statistics *st)
{
	tl_error here = { 0 };
	tl_metric_rows r = { 0 };
	int status;

	tl_metric_bind(&m->request, st->propensity_a, st->propensity_b);
	if (!m->why && m->signature && strcmp(m->signature, m->request.signature))
		m->why = tl_format("defined otherwise when it was measured (%s; now %s)", m->signature, m->request.signature);
	if (m->why)
		return;
	status = tl_metrics_rows(&r, test, valid, st->st, st->propensity_a, st->propensity_b, &m->request, &here);
	if (status) {
		m->why = tl_strdup(status > 0 ? "no per-document form" : here.text);
		return;
	}
	if (!m->rows.offset) {
		m->rows = r.rows;
		m->parts = 1;
		m->present = r.present;
		m->n_present = r.n_present;
		r.rows = (tl_sparse){ 0 };
		r.present = NULL;
	} else if (m->rows.width != r.rows.width * m->parts || m->n_present != r.n_present) {
		m->why = tl_strdup("its runs evaluate different documents");
	} else {
		if (r.rows.width > 1)
			shift(&r.rows, r.rows.width * m->parts++);
		tl_sparse sum = tl_sparse_sum(&m->rows, 1, &r.rows);
		tl_sparse_free(&m->rows);
		m->rows = sum;
	}
	tl_sparse_free(&r.rows);
	tl_metric_rows_free(&m->evaluator);
	m->evaluator = r;
}

static void
hash_documents(const tl_stored_scores *x, char hex[65])
{
	tl_sha *h = tl_sha_new();

	for (int64_t i = 0; i < x->scores.n; i++)
		tl_sha_add(h, x->id[i], strlen(x->id[i]) + 1);
	tl_sha_add(h, x->gold_offsets, (size_t)(x->scores.n + 1) * 8);
	tl_sha_add(h, x->gold, (size_t)x->gold_offsets[x->scores.n] * 4);
	tl_sha_end(h, hex);
}

/* What metrics may know of the training split: propensities, and which labels are frequent. */
static void
hash_training(const tl_stored_statistics *x, char hex[65])
{
	char *numbers = tl_format("%lld %.17g %.17g", (long long)x->st->n_documents, x->propensity_a, x->propensity_b);
	tl_sha *h = tl_sha_new();

	tl_sha_add(h, numbers, strlen(numbers) + 1);
	tl_sha_add(h, x->st->count, (size_t)x->st->n_labels * sizeof *x->st->count);
	tl_sha_end(h, hex);
	free(numbers);
}

/* Adds one run to the side. 0, or -1 after an error that makes the whole side useless (in x->why). */
static int
add_scores(tl_tester *t, struct side *x, int64_t run, bool first)
{
	tl_stored_scores test, valid = { 0 };
	tl_error here = { 0 };
	bool tuned = false;
	char hex[65];
	int status = tl_store_scores(t->s, run, t->split, &test, &here);

	if (status) {
		x->why = status > 0 ? tl_strdup("no stored scores") : tl_strdup(here.text);
		return -1;
	}
	for (int m = 0; m < x->n_metrics; m++)
		tuned = tuned || (!x->metric[m].why && x->metric[m].request.threshold != TL_THRESHOLD_FIXED);
	if (tuned && tl_store_scores(t->s, run, "valid", &valid, &here) < 0)
		x->why = tl_strdup(here.text);
	hash_documents(&test, hex);
	if (first) {
		strcpy(x->documents, hex);
		x->n = test.scores.n;
	} else if (strcmp(x->documents, hex)) {
		x->why = tl_strdup("its runs have different documents");
	}
	if (x->statistics.arena)
		tl_arena_free(x->statistics.arena);
	if (!x->why && tl_store_statistics_of(t->s, run, &x->statistics, &here))
		x->why = tl_strdup(here.text);
	else if (!x->why && !x->statistics.st)
		x->why = tl_strdup("no stored label statistics");
	if (!x->why)
		hash_training(&x->statistics, x->training);
	for (int m = 0; m < x->n_metrics && !x->why; m++)
		add_run(&x->metric[m], &test.scores, valid.scores.n ? &valid.scores : NULL, &x->statistics);
	tl_stored_scores_free(&test);
	tl_stored_scores_free(&valid);
	return x->why ? -1 : 0;
}

static void
average(struct side_metric *m, int runs)
{
	if (m->why)
		return;
	m->total = tl_alloc((size_t)(m->rows.width + 1) * 8);
	for (int64_t k = 0; k < m->rows.offset[m->rows.n]; k++) {
		m->rows.value[k] /= runs / m->parts;
		m->total[m->rows.index[k]] += m->rows.value[k];
	}
}

/* The same run as often as the other side has runs, to stand beside each of them. Rows and total are the result's own. */
static struct side_metric
repeated(const struct side_metric *m, int parts)
{
	const tl_sparse *one = &m->rows;
	tl_sparse all = tl_sparse_new(one->n, one->width * parts, one->offset[one->n] * parts);
	int64_t at = 0;
	struct side_metric r = *m;

	r.total = tl_alloc((size_t)(all.width + 1) * 8);
	for (int64_t i = 0; i < one->n; i++) {
		for (int64_t p = 0; p < parts; p++)
			for (int64_t k = one->offset[i]; k < one->offset[i + 1]; k++) {
				all.index[at] = (int32_t)(one->index[k] + p * one->width);
				all.value[at++] = one->value[k];
			}
		all.offset[i + 1] = at;
	}
	for (int64_t k = 0; k < all.width; k++)
		r.total[k] = m->total[k % one->width];
	r.rows = all;
	r.parts = parts;
	return r;
}

static struct side *
make_side(tl_tester *t, const char *key, int n_runs, const int64_t *run, int n, const tl_test_metric *metric)
{
	struct side *x = tl_alloc(sizeof *x);

	x->key = tl_strdup(key);
	x->n_metrics = n;
	x->metric = tl_alloc((size_t)n * sizeof *x->metric);
	for (int m = 0; m < n; m++) {
		char *text = tl_format("%s%s%s", metric[m].name, metric[m].group && *metric[m].group ? ":group=" : "", metric[m].group ? metric[m].group : "");
		tl_error here = { 0 };
		if (tl_metric_parse(&x->metric[m].request, t->registry, text, &here))
			x->metric[m].why = tl_strdup(here.text);
		x->metric[m].signature = metric[m].signature && *metric[m].signature ? tl_strdup(metric[m].signature) : NULL;
		free(text);
	}
	for (int i = 0; i < n_runs; i++)
		if (add_scores(t, x, run[i], !i))
			break;
	for (int m = 0; m < n && !x->why; m++)
		average(&x->metric[m], n_runs);
	return x;
}

static char *
side_key(int n_runs, const int64_t *run, int n, const tl_test_metric *metric)
{
	tl_text t = { 0 };

	for (int i = 0; i < n_runs; i++)
		tl_text_add(&t, "%lld ", (long long)run[i]);
	for (int m = 0; m < n; m++)
		tl_text_add(&t, "|%s:%s", metric[m].name, metric[m].group ? metric[m].group : "");
	return t.s;
}

/* --- the cache ------------------------------------------------------------------------------------------------------------------- */
static char *
identities(tl_tester *t, int n, const int64_t *run)
{
	tl_text all = { 0 };

	for (int i = 0; i < n; i++) {
		char *one = tl_store_text(t->s, NULL, "SELECT identity FROM run WHERE id = ?1", "i", run[i]);
		if (!one) {
			tl_text_free(&all);
			return NULL;
		}
		tl_text_add(&all, "%s%s", i ? " " : "", one);
		free(one);
	}
	return all.s;
}

static void
cache_key(const tl_tester *t, const char *a, const char *b, const tl_test_metric *m, char hex[65])
{
	char *text = tl_format("1|%s|%d|%d|%s|%s|%s|%s|%s|%s", tl_test_method, TL_TEST_ROUNDS, TL_TEST_SEED, t->split, m->name, m->group ? m->group : "", m->signature ? m->signature : "", a, b);

	tl_sha_of(text, strlen(text), hex);
	free(text);
}

static bool
cached(tl_tester *t, const char *key, tl_paired *out)
{
	tl_rows *r = tl_store_query(t->s, NULL, "SELECT delta, p, low, high, n_docs FROM test WHERE key = ?1", "s", key);
	bool found = r && tl_rows_next(r, NULL) == 1;

	if (found)
		*out = (tl_paired){ .tested = true, .delta = tl_rows_real(r, 0), .p = tl_rows_real(r, 1), .low = tl_rows_real(r, 2), .high = tl_rows_real(r, 3), .n_docs = tl_rows_int(r, 4) };
	tl_rows_free(r);
	return found;
}

static void
remember(tl_tester *t, const char *key, const char *a, const char *b, const tl_test_metric *m, const tl_paired *result)
{
	struct fresh *f;

	t->fresh = tl_grow(t->fresh, t->n_fresh, &t->capacity, sizeof *t->fresh);
	f = t->fresh + t->n_fresh++;
	*f = (struct fresh){ .a = tl_strdup(a), .b = tl_strdup(b), .metric = tl_strdup(m->name), .signature = tl_strdup(m->signature ? m->signature : ""), .group = tl_strdup(m->group ? m->group : ""),
		                 .result = *result };
	strcpy(f->key, key);
}

/* A database that cannot be written is as good: the numbers are computed again next time. */
static void
write_fresh(tl_tester *t)
{
	tl_error e = { 0 };
	tl_store *s;
	int bad;

	if (!t->n_fresh)
		return;
	s = tl_store_open(tl_store_path(t->s), false, &e);
	bad = !s || tl_store_begin(s, &e);
	for (int64_t i = 0; i < t->n_fresh && !bad; i++) {
		const struct fresh *f = t->fresh + i;
		bad = tl_store_run(s, &e,
		                   "INSERT OR IGNORE INTO test (key, a, b, metric, signature, split, grp, method, rounds, seed, n_docs, delta, p, low, high) "
		                   "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
		                   "ssssssssiiidddd", f->key, f->a, f->b, f->metric, f->signature, t->split, f->group, tl_test_method, (int64_t)TL_TEST_ROUNDS, (int64_t)TL_TEST_SEED, f->result.n_docs,
		                   f->result.delta, f->result.p, f->result.low, f->result.high);
	}
	if (s && !bad)
		tl_store_commit(s, &e);
	tl_store_close(s);
}

void
tl_tester_free(tl_tester *t)
{
	if (!t)
		return;
	write_fresh(t);
	for (int64_t i = 0; i < t->n_fresh; i++) {
		free(t->fresh[i].a);
		free(t->fresh[i].b);
		free(t->fresh[i].metric);
		free(t->fresh[i].signature);
		free(t->fresh[i].group);
	}
	free(t->fresh);
	free_side(t->kept);
	free(t->split);
	if (t->registry)
		tl_registry_free(t->registry);
	free(t);
}

/* --- comparing ---------------------------------------------------------------------------------------------------------------------- */
/* The mean of the runs' values. */
static double
value_of(const void *arg, const double *sums, int64_t n)
{
	const struct side_metric *m = arg;
	int64_t width = m->rows.width / m->parts;
	double sum = 0;

	tl_watch_beat();
	for (int p = 0; p < m->parts; p++)
		sum += tl_metric_rows_value(&m->evaluator, sums + p * width, n);
	return sum / m->parts;
}

static void
test_sides(const struct side *a, const struct side *b, int n, const bool *wanted, tl_paired *out)
{
	tl_test_job *job = tl_alloc((size_t)(n + 1) * sizeof *job);
	struct side_metric *made = tl_alloc((size_t)(n + 1) * sizeof *made);
	tl_paired *result = tl_alloc((size_t)(n + 1) * sizeof *result);
	int *which = tl_alloc((size_t)(n + 1) * sizeof *which), jobs = 0, n_made = 0;

	for (int m = 0; m < n; m++) {
		const struct side_metric *x = &a->metric[m], *y = &b->metric[m];
		const char *why = x->why ? x->why : y->why;
		bool trained = x->request.metric && (x->request.metric->takes_propensity || x->request.metric->takes_train || *x->request.group);
		if (!wanted[m])
			continue;
		if (!why && trained && strcmp(a->training, b->training))
			why = "the arms were trained on different documents, which decide this metric";
		if (!why && x->parts != y->parts && TL_MIN(x->parts, y->parts) == 1) {
			made[n_made] = repeated(x->parts == 1 ? x : y, TL_MAX(x->parts, y->parts));
			*(x->parts == 1 ? &x : &y) = &made[n_made++];
		}
		if (why || x->rows.width != y->rows.width) {
			out[m].why = tl_strdup(why ? why : "its form depends on the arm");
			continue;
		}
		job[jobs] = (tl_test_job){ { x->rows, x->total }, { y->rows, y->total }, x->present, x->n_present, value_of, x };
		which[jobs++] = m;
	}
	if (jobs) {
		tl_watch_begin("%s%s hangs: its finish has not returned for %d s (TAGLOOM_PATIENCE sets how long is too long)", jobs > 1 ? "a metric that is tested, such as " : "metric ",
		               a->metric[which[0]].request.text, tl_patience());
		tl_paired_tests(jobs, job, a->n, TL_TEST_ROUNDS, result);
		tl_watch_end();
	}
	for (int j = 0; j < jobs; j++)
		out[which[j]] = result[j];
	for (int i = 0; i < n_made; i++) {
		tl_sparse_free(&made[i].rows);
		free(made[i].total);
	}
	free(made);
	free(job);
	free(result);
	free(which);
}

void
tl_tester_compare(tl_tester *t, int n_a, const int64_t *run_a, int n_b, const int64_t *run_b, int n, const tl_test_metric *metric, tl_paired *out)
{
	char *id_a = identities(t, n_a, run_a), *id_b = identities(t, n_b, run_b), *key_a, *key_b, (*key)[65] = tl_alloc((size_t)(n + 1) * 65);
	bool *wanted = tl_alloc((size_t)n + 1), any = false;
	struct side *a;

	for (int m = 0; m < n; m++) {
		out[m] = (tl_paired){ 0 };
		cache_key(t, id_a ? id_a : "", id_b ? id_b : "", &metric[m], key[m]);
		wanted[m] = !(id_a && id_b && cached(t, key[m], &out[m]));
		any = any || wanted[m];
	}
	if (any && n_a && n_b) {
		if (!t->registry)
			t->registry = tl_registry_new();
		key_a = side_key(n_a, run_a, n, metric);
		key_b = side_key(n_b, run_b, n, metric);
		if (!t->kept || strcmp(t->kept->key, key_b)) {
			free_side(t->kept);
			t->kept = make_side(t, key_b, n_b, run_b, n, metric);
		}
		a = make_side(t, key_a, n_a, run_a, n, metric);
		const char *why = a->why ? a->why : t->kept->why ? t->kept->why : strcmp(a->documents, t->kept->documents) ? "the arms have different documents" : NULL;
		for (int m = 0; m < n && why; m++)
			if (wanted[m])
				out[m].why = tl_strdup(why);
		if (!why)
			test_sides(a, t->kept, n, wanted, out);
		for (int m = 0; m < n; m++)
			if (wanted[m] && out[m].tested && id_a && id_b)
				remember(t, key[m], id_a, id_b, &metric[m], &out[m]);
		free_side(a);
		free(key_a);
		free(key_b);
	}
	free(wanted);
	free(key);
	free(id_a);
	free(id_b);
}
