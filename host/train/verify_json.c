/* verify_json.c - reference values in JSON: label statistics, metrics, tuned thresholds. One line per group of values, with the largest error. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "selection.h"

struct check { /* one line of the report */
	const char *path;
	FILE *out;
	int *failed, lines;
	tl_text what;
	double worst;            /* error over tolerance's scale */
	char worst_at[200];
	int64_t values, wrong;
	tl_text remarks;
};

static void
begin(struct check *c, const char *what)
{
	c->what.n = c->remarks.n = 0;
	tl_text_add(&c->what, "%s", what);
	tl_text_add(&c->remarks, "%s", ""); /* printed where it stays empty, too */
	c->worst = -1;
	c->values = c->wrong = 0;
	c->worst_at[0] = 0;
}

static void TL_PRINTF(2, 3)
remark(struct check *c, const char *format, ...)
{
	char text[400];
	va_list ap;

	if (c->wrong++ >= 10)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	tl_text_add(&c->remarks, "#   %s\n", text);
}

/* One expected number: within 1e-9 * max(1, |v|); null is undefined. */
static void
number(struct check *c, const json_t *wanted, double got, bool defined, const char *where)
{
	double v = json_number_value(wanted), error;

	c->values++;
	if (json_is_null(wanted) || !defined) {
		if (json_is_null(wanted) == defined)
			remark(c, defined ? "%s: wanted null, got %.17g" : "%s: wanted a number, got null", where, got);
		return;
	}
	error = fabs(got - v) / fmax(1, fabs(v));
	if (!json_is_number(wanted) || !(error <= 1e-9))
		remark(c, "%s: wanted %.17g, got %.17g", where, v, got);
	if (error > c->worst || isnan(error)) {
		c->worst = error;
		snprintf(c->worst_at, sizeof c->worst_at, "%s", where);
	}
}

static void
integer(struct check *c, const json_t *wanted, int64_t got, const char *where)
{
	c->values++;
	if (!json_is_number(wanted) || json_number_value(wanted) != (double)got)
		remark(c, "%s: wanted %.17g, got %lld", where, json_number_value(wanted), (long long)got);
}

static void
end(struct check *c)
{
	bool good = !c->wrong && c->values;

	fprintf(c->out, "%sok - %s: %s: %lld value%s", good ? "" : "not ", c->path, c->what.s, (long long)c->values, c->values == 1 ? "" : "s");
	if (c->worst >= 0)
		fprintf(c->out, ", largest error %.2g at %s", c->worst, c->worst_at);
	fprintf(c->out, "\n%s", c->remarks.s);
	if (c->wrong > 10)
		fprintf(c->out, "#   and %lld more\n", (long long)c->wrong - 10);
	c->lines++;
	*c->failed += !good;
}

static void
unknown(struct check *c)
{
	remark(c, "expected, but it cannot be computed: not known");
}

/* --- reading ------------------------------------------------------------------------------------------------------------------ */
struct lists { int64_t n, *offsets; int32_t *index; };

static int
by_number(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

static int
read_lists(const json_t *file, const char *key, int64_t n_labels, struct lists *out, const char *path, tl_error *e)
{
	const json_t *v = json_object_get(file, key), *row, *item;
	size_t d, i;
	int64_t total = 0;

	if (!json_is_array(v))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: \"%s\" is missing; wanted a list of lists of label numbers", path, key);
	json_array_foreach(v, d, row)
		total += (int64_t)json_array_size(row);
	out->n = (int64_t)json_array_size(v);
	out->offsets = tl_alloc((size_t)(out->n + 1) * sizeof *out->offsets);
	out->index = tl_alloc((size_t)(total + 1) * sizeof *out->index);
	json_array_foreach(v, d, row) {
		int64_t from = out->offsets[d], to = from, kept;
		if (!json_is_array(row))
			return tl_error_set(e, TL_ENVIRONMENT, "%s: %s[%zu] is no list", path, key, d);
		json_array_foreach(row, i, item) {
			if (!json_is_integer(item) || json_integer_value(item) < 0 || json_integer_value(item) >= n_labels)
				return tl_error_set(e, TL_ENVIRONMENT, "%s: %s[%zu][%zu] is no label number from 0 to %lld", path, key, d, i, (long long)n_labels - 1);
			out->index[to++] = (int32_t)json_integer_value(item);
		}
		qsort(out->index + from, (size_t)(to - from), sizeof *out->index, by_number);
		kept = from;
		for (int64_t k = from; k < to; k++)
			if (k == from || out->index[k] != out->index[kept - 1])
				out->index[kept++] = out->index[k];
		out->offsets[d + 1] = kept;
	}
	return 0;
}

static int
read_scores(const json_t *file, int64_t n_labels, int64_t n, double **out, const char *path, tl_error *e)
{
	const json_t *v = json_object_get(file, "scores"), *row, *item;
	size_t d, i;

	if (!json_is_array(v) || (int64_t)json_array_size(v) != n)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: \"scores\" has %zu rows and \"labels\" %lld; wanted as many", path, json_array_size(v), (long long)n);
	*out = tl_alloc((size_t)(n * n_labels + 1) * sizeof **out);
	json_array_foreach(v, d, row) {
		if ((int64_t)json_array_size(row) != n_labels)
			return tl_error_set(e, TL_ENVIRONMENT, "%s: scores[%zu] has %zu numbers; wanted n_labels = %lld", path, d, json_array_size(row), (long long)n_labels);
		json_array_foreach(row, i, item) {
			if (!json_is_number(item))
				return tl_error_set(e, TL_ENVIRONMENT, "%s: scores[%zu][%zu] is no number", path, d, i);
			(*out)[(int64_t)d * n_labels + (int64_t)i] = json_number_value(item);
		}
	}
	return 0;
}

/* Shows that the check can fail: the first document with labels loses its first one. */
static void
perturbed(struct lists *l)
{
	for (int64_t d = 0; d < l->n; d++) {
		if (l->offsets[d + 1] == l->offsets[d])
			continue;
		memmove(l->index + l->offsets[d], l->index + l->offsets[d] + 1, (size_t)(l->offsets[l->n] - l->offsets[d] - 1) * sizeof *l->index);
		for (int64_t k = d + 1; k <= l->n; k++)
			l->offsets[k]--;
		return;
	}
}

/* --- label statistics ------------------------------------------------------------------------------------------------------------ */
static void
number_list(struct check *c, const json_t *wanted, const double *got, int64_t n, const char *what)
{
	char where[100];

	if ((int64_t)json_array_size(wanted) != n)
		remark(c, "%s: wanted %zu values, got %lld", what, json_array_size(wanted), (long long)n);
	for (int64_t i = 0; i < n && i < (int64_t)json_array_size(wanted); i++) {
		snprintf(where, sizeof where, "%s[%lld]", what, (long long)i);
		number(c, json_array_get(wanted, (size_t)i), got[i], true, where);
	}
}

static void
integer_list(struct check *c, const json_t *wanted, const int64_t *wide, const int32_t *narrow, int64_t n, const char *what)
{
	char where[100];

	if (!json_is_array(wanted) || (int64_t)json_array_size(wanted) != n)
		remark(c, "%s: wanted %zu values, got %lld", what, json_array_size(wanted), (long long)n);
	c->values += n == 0 && json_is_array(wanted); /* an empty list is a value too */
	for (int64_t i = 0; i < n && i < (int64_t)json_array_size(wanted); i++) {
		snprintf(where, sizeof where, "%s[%lld]", what, (long long)i);
		integer(c, json_array_get(wanted, (size_t)i), wide ? wide[i] : narrow[i], where);
	}
}

/* cooccurrence: i < j with counts; conditional: both directions with shares. */
static void
pair_list(struct check *c, const json_t *wanted, const tl_statistics *s, bool conditional)
{
	int64_t at = 0;
	char where[100];

	for (int64_t i = 0; i < s->n_labels; i++) {
		for (int64_t k = s->co_offsets[i]; k < s->co_offsets[i + 1]; k++) {
			const json_t *row = json_array_get(wanted, (size_t)at);
			if (!conditional && s->co_index[k] < i)
				continue;
			snprintf(where, sizeof where, "[%lld] = (%lld, %d)", (long long)at, (long long)i, (int)s->co_index[k]);
			at++;
			if (json_integer_value(json_array_get(row, 0)) != i || json_integer_value(json_array_get(row, 1)) != s->co_index[k])
				remark(c, "%s: wanted another pair, or none", where);
			else if (conditional)
				number(c, json_array_get(row, 2), tl_conditional(s, i, s->co_index[k]), true, where);
			else
				integer(c, json_array_get(row, 2), s->co_count[k], where);
		}
	}
	c->values += at == 0 && json_is_array(wanted);
	if ((int64_t)json_array_size(wanted) != at)
		remark(c, "wanted %zu pairs, got %lld", json_array_size(wanted), (long long)at);
}

static void
propensities(struct check *c, const json_t *wanted, const tl_statistics *s)
{
	double *inverse = tl_alloc((size_t)(s->n_labels + 1) * sizeof *inverse), scale;
	const json_t *entry;
	char what[100];
	size_t i;

	json_array_foreach(wanted, i, entry) {
		double a = tl_json_number(entry, "A", NAN), b = tl_json_number(entry, "B", NAN);
		snprintf(what, sizeof what, "propensity A=%g B=%g", a, b);
		begin(c, what);
		tl_propensities(s, a, b, &scale, inverse);
		number(c, json_object_get(entry, "C"), scale, true, "C");
		number_list(c, json_object_get(entry, "inverse"), inverse, s->n_labels, "inverse");
		for (int64_t l = 0; l < s->n_labels; l++)
			inverse[l] = 1 / inverse[l];
		number_list(c, json_object_get(entry, "p"), inverse, s->n_labels, "p");
		end(c);
	}
	free(inverse);
}

static void
group_list(struct check *c, const json_t *wanted, const tl_statistics *s, const char *group)
{
	int64_t n;
	int32_t *column = tl_group_columns(group, s, &n);

	integer_list(c, wanted, NULL, column, n, group);
	free(column);
}

static void
quantiles(struct check *c, const json_t *wanted, const tl_statistics *s)
{
	const char *key;
	const json_t *groups;
	char what[64], group[64];

	json_object_foreach((json_t *)wanted, key, groups) {
		long long n = atoll(key);
		snprintf(what, sizeof what, "quantiles %s", key);
		begin(c, what);
		if (n < 1 || (long long)json_array_size(groups) != n)
			remark(c, "wanted %zu groups", json_array_size(groups));
		for (long long g = 0; n >= 1 && n <= 1000000 && g < n; g++) {
			snprintf(group, sizeof group, "q%lld.%lld", n, g);
			group_list(c, json_array_get(groups, (size_t)g), s, group);
		}
		end(c);
	}
}

static int
verify_statistics(struct check *c, const json_t *file, int64_t n_labels, bool perturb, tl_error *e)
{
	const json_t *expected = json_object_get(file, "expected"), *v;
	struct lists train = { 0 };
	tl_arena *arena = tl_arena_new(0);
	tl_statistics s;
	const char *key;
	int bad = read_lists(file, "train_labels", n_labels, &train, c->path, e);

	if (!bad && perturb)
		perturbed(&train);
	if (!bad && tl_statistics_of(&s, train.offsets, train.index, NULL, train.n, n_labels, arena, e) == 0) {
		json_object_foreach((json_t *)expected, key, v) {
			if (!strcmp(key, "propensity")) {
				propensities(c, v, &s);
				continue;
			}
			if (!strcmp(key, "quantiles")) {
				quantiles(c, v, &s);
				continue;
			}
			begin(c, key);
			if (!strcmp(key, "n_documents"))
				integer(c, v, s.n_documents, key);
			else if (!strcmp(key, "count"))
				integer_list(c, v, s.count, NULL, n_labels, key);
			else if (!strcmp(key, "by_frequency"))
				integer_list(c, v, NULL, s.by_frequency, n_labels, key);
			else if (!strcmp(key, "cooccurrence") || !strcmp(key, "conditional"))
				pair_list(c, v, &s, !strcmp(key, "conditional"));
			else if (!strcmp(key, "head") || !strcmp(key, "tail"))
				group_list(c, v, &s, key);
			else
				unknown(c);
			end(c);
		}
	}
	tl_arena_free(arena);
	free(train.offsets);
	free(train.index);
	return e->status ? -1 : 0;
}

/* --- metrics ---------------------------------------------------------------------------------------------------------------------- */
struct scored { tl_table table; struct lists labels; double *scores; double threshold; };

static int
read_scored(struct scored *s, const json_t *file, int64_t n_labels, bool perturb, const char *path, tl_error *e)
{
	if (read_lists(file, "labels", n_labels, &s->labels, path, e) < 0 || read_scores(file, n_labels, s->labels.n, &s->scores, path, e) < 0)
		return -1;
	if (perturb)
		perturbed(&s->labels);
	s->threshold = tl_json_number(file, "threshold", 0.5);
	s->table = (tl_table){ .n = s->labels.n, .n_labels = n_labels, .keep = n_labels, .probability = s->scores, .gold_offsets = s->labels.offsets, .gold = s->labels.index };
	return 0;
}

static void
scored_free(struct scored *s)
{
	free(s->labels.offsets);
	free(s->labels.index);
	free(s->scores);
}

/* The best labels are wanted as far as the largest k among the values' keys. */
static int64_t
largest_k(const json_t *values)
{
	const char *key, *at;
	const json_t *v;
	int64_t k = 0;

	json_object_foreach((json_t *)values, key, v)
		if ((at = strchr(key, '@')))
			k = TL_MAX(k, atoll(at + 1));
	return k;
}

static void
metric_value(struct check *c, tl_selection *v, tl_registry *r, const struct scored *s, const char *key, const json_t *wanted)
{
	tl_metric_request q;
	tl_error e = { 0 };
	double value = 0;
	int status;

	if (tl_metric_parse(&q, r, key, &e) < 0) {
		remark(c, "%s: cannot be computed: %s", key, e.text);
		return;
	}
	if (*q.group || q.threshold != TL_THRESHOLD_FIXED) {
		remark(c, "%s: cannot be computed: neither groups nor tuned thresholds belong into a key", key);
	} else {
		double threshold = strstr(key, ":threshold=") ? q.threshold_value : s->threshold;
		status = tl_selection_prepare(v, &q, NULL, threshold, &e);
		if (!status)
			status = tl_selection_value(v, &q, &value, &e);
		if (status < 0)
			remark(c, "%s: cannot be computed: %s", key, e.text);
		else
			number(c, wanted, value, status == 0, key);
	}
	tl_metric_request_free(&q);
}

static void
metric_group(struct check *c, const char *group, const json_t *wanted, tl_registry *r, const struct scored *s, const tl_statistics *train, const double *inverse)
{
	const json_t *values = json_object_get(wanted, "values"), *v;
	const char *key;
	char what[100];
	tl_selection selection;
	tl_error e = { 0 };

	snprintf(what, sizeof what, "group \"%s\"", group);
	begin(c, what);
	if (tl_group_check(group, &e) < 0) {
		remark(c, "%s", e.text);
		end(c);
		return;
	}
	tl_selection_make(&selection, &s->table, train, inverse, group, largest_k(values));
	integer(c, json_object_get(wanted, "n_docs"), selection.n_evaluated, "n_docs");
	integer(c, json_object_get(wanted, "n_skipped"), selection.n_skipped, "n_skipped");
	json_object_foreach((json_t *)values, key, v)
		metric_value(c, &selection, r, s, key, v);
	tl_selection_free(&selection);
	end(c);
}

static int
verify_metrics(struct check *c, const json_t *file, int64_t n_labels, tl_registry *r, bool perturb, tl_error *e)
{
	const json_t *groups = json_object_get(file, "groups"), *expected = json_object_get(file, "expected"), *ab = json_object_get(file, "propensity"), *v;
	struct lists train = { 0 };
	struct scored s = { 0 };
	tl_arena *arena = tl_arena_new(0);
	tl_statistics t;
	double *inverse = tl_alloc((size_t)(n_labels + 1) * sizeof *inverse);
	const char *key;

	if (read_lists(file, "train_labels", n_labels, &train, c->path, e) == 0 && read_scored(&s, file, n_labels, perturb, c->path, e) == 0 &&
	    tl_statistics_of(&t, train.offsets, train.index, NULL, train.n, n_labels, arena, e) == 0) {
		tl_propensities(&t, tl_json_number(ab, "A", 0.55), tl_json_number(ab, "B", 1.5), NULL, inverse);
		json_object_foreach((json_t *)groups, key, v) {
			char what[100];
			snprintf(what, sizeof what, "columns of \"%s\"", key);
			begin(c, what);
			if (strcmp(key, "head") && strcmp(key, "tail"))
				unknown(c);
			else
				group_list(c, v, &t, key);
			end(c);
		}
		json_object_foreach((json_t *)expected, key, v)
			metric_group(c, key, v, r, &s, &t, inverse);
	}
	tl_arena_free(arena);
	free(inverse);
	free(train.offsets);
	free(train.index);
	scored_free(&s);
	return e->status ? -1 : 0;
}

/* --- thresholds --------------------------------------------------------------------------------------------------------------------- */
static double
micro_f1(const struct scored *s, const double *threshold)
{
	int64_t both = 0, predicted = 0;

	for (int64_t d = 0; d < s->table.n; d++) {
		int64_t next = s->labels.offsets[d], last = s->labels.offsets[d + 1];
		for (int64_t l = 0; s->labels.offsets[d] < last && l < s->table.n_labels; l++) {
			bool hit = s->scores[d * s->table.n_labels + l] > threshold[l];
			while (next < last && s->labels.index[next] < l)
				next++;
			predicted += hit;
			both += hit && next < last && s->labels.index[next] == l;
		}
	}
	return predicted + s->labels.offsets[s->table.n] ? 2.0 * (double)both / (double)(predicted + s->labels.offsets[s->table.n]) : 0;
}

static int
verify_thresholds(struct check *c, const json_t *file, int64_t n_labels, bool perturb, tl_error *e)
{
	const json_t *expected = json_object_get(file, "expected"), *v;
	struct scored s = { 0 };
	double *per_label = tl_alloc((size_t)(n_labels + 1) * sizeof *per_label), global, f1;
	const char *key;

	if (read_scored(&s, file, n_labels, perturb, c->path, e) == 0) {
		tl_tune_table(&s.table, &global, &f1, per_label);
		json_object_foreach((json_t *)expected, key, v) {
			begin(c, key);
			if (!strcmp(key, "global"))
				number(c, v, global, true, key);
			else if (!strcmp(key, "global_micro_f1"))
				number(c, v, f1, true, key);
			else if (!strcmp(key, "per_label"))
				number_list(c, v, per_label, n_labels, key);
			else if (!strcmp(key, "per_label_micro_f1"))
				number(c, v, micro_f1(&s, per_label), true, key);
			else
				unknown(c);
			end(c);
		}
	}
	free(per_label);
	scored_free(&s);
	return e->status ? -1 : 0;
}

int
tl_verify_json(const char *path, tl_registry *r, FILE *out, bool perturb, int *failed, tl_error *e)
{
	static const char *const kinds[] = { "label_statistics", "metrics", "thresholds" };
	json_t *file = tl_json_file(path, e);
	const char *kind = tl_json_string(file, "kind", "");
	int64_t n_labels = tl_json_int(file, "n_labels", 0);
	struct check c = { .path = path, .out = out, .failed = failed };
	int bad = -1;

	if (!file)
		return -1;
	if (n_labels < 1 || n_labels > 10000000) {
		tl_error_set(e, TL_ENVIRONMENT, "%s: \"n_labels\" is missing or not a number from 1 to 10000000", path);
	} else if (!json_is_object(json_object_get(file, "expected"))) {
		tl_error_set(e, TL_ENVIRONMENT, "%s: \"expected\" is missing: there is nothing to check", path);
	} else if (!strcmp(kind, "label_statistics")) {
		bad = verify_statistics(&c, file, n_labels, perturb, e);
	} else if (!strcmp(kind, "metrics")) {
		bad = verify_metrics(&c, file, n_labels, r, perturb, e);
	} else if (!strcmp(kind, "thresholds")) {
		bad = verify_thresholds(&c, file, n_labels, perturb, e);
	} else {
		const char *near = tl_nearest(kind, kinds, TL_COUNT(kinds));
		tl_error_set(e, TL_ENVIRONMENT, "%s: kind is \"%s\"; wanted label_statistics, metrics or thresholds%s%s", path, kind, near ? "; did you mean " : "", near ? near : "");
	}
	if (!bad && !c.lines)
		bad = tl_error_set(e, TL_ENVIRONMENT, "%s: \"expected\" is empty: there is nothing to check", path);
	tl_text_free(&c.what);
	tl_text_free(&c.remarks);
	json_decref(file);
	return bad ? -1 : c.lines;
}
