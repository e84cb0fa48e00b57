/* scores.c - per-document scores and the training split's statistics: what metrics and tests after the run are computed from. */
#include "inside.h"

#include <stdlib.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "BLOBs are little-endian: this file needs byte swapping on this machine"
#endif

int
tl_store_prediction(tl_store *s, int64_t run, const char *split, const char *doc_id, int64_t n, const int32_t *labels, const float *logits, int64_t n_gold, const int32_t *gold, tl_error *e)
{
	static const char sql[] = "INSERT INTO prediction (run_id, split, doc_id, labels, logits, gold) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
	size_t bytes = (size_t)n * 4;

	/* An empty BLOB is not NULL: its pointer must not be. */
	if (!labels)
		return tl_store_run(s, e, "INSERT INTO prediction (run_id, split, doc_id, logits, gold) VALUES (?1, ?2, ?3, ?4, ?5)", "issbb", run, split, doc_id, n ? (const void *)logits : "", bytes,
		                    n_gold ? (const void *)gold : "", (size_t)n_gold * 4);
	return tl_store_run(s, e, sql, "issbbb", run, split, doc_id, n ? (const void *)labels : "", bytes, n ? (const void *)logits : "", bytes, n_gold ? (const void *)gold : "",
	                    (size_t)n_gold * 4);
}

int
tl_store_predictions(tl_store *s, int64_t run, const char *split, const char *const *ids, const tl_scores *x, tl_error *e)
{
	bool own;
	int bad;

	if (tl_store_enter(s, &own, e))
		return -1;
	bad = tl_store_run(s, e, "DELETE FROM prediction WHERE run_id = ?1 AND split = ?2", "is", run, split);
	for (int64_t i = 0; i < x->n && !bad; i++)
		bad = tl_store_prediction(s, run, split, ids[i], x->keep, x->label ? x->label + i * x->keep : NULL, x->logit + i * x->keep, x->gold_offsets[i + 1] - x->gold_offsets[i],
		                          x->gold + x->gold_offsets[i], e);
	return tl_store_leave(s, own, !bad, e);
}

void
tl_stored_scores_free(tl_stored_scores *x)
{
	for (int64_t i = 0; x->id && i < x->scores.n; i++)
		free(x->id[i]);
	free(x->id);
	free(x->logit);
	free(x->label);
	free(x->gold);
	free(x->gold_offsets);
	*x = (tl_stored_scores){ 0 };
}

/* Adds one row; the first one tells the width. */
static int
take_row(tl_rows *r, tl_stored_scores *x, int64_t n, bool *dense, int64_t *gold_capacity, int64_t *n_gold, int64_t n_labels, const char *what, tl_error *e)
{
	size_t label_bytes = 0, logit_bytes = 0, gold_bytes = 0;
	bool null = tl_rows_null(r, 1);
	const void *label = tl_rows_blob(r, 1, &label_bytes), *logit, *gold;
	int64_t keep, i = x->scores.n;

	if (!i) {
		*dense = null;
		logit = tl_rows_blob(r, 2, &logit_bytes);
		x->scores.keep = (int64_t)(logit_bytes / 4);
		x->logit = tl_alloc((size_t)(n * x->scores.keep) * 4);
		x->label = null ? NULL : tl_alloc((size_t)(n * x->scores.keep) * 4);
	}
	keep = x->scores.keep;
	logit = tl_rows_blob(r, 2, &logit_bytes);
	if (i >= n || null != *dense || logit_bytes != (size_t)keep * 4 || (!null && label_bytes != logit_bytes) || (null && keep != n_labels))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the stored scores of document '%s' have %zu bytes of labels and %zu of logits, wanted %lld values each; the rows were changed from outside", what,
		                    tl_rows_text(r, 0), label_bytes, logit_bytes, (long long)keep);
	memcpy(x->logit + i * keep, logit, logit_bytes);
	if (!null)
		memcpy(x->label + i * keep, label, label_bytes);
	x->id[i] = tl_strdup(tl_rows_text(r, 0) ? tl_rows_text(r, 0) : "");
	gold = tl_rows_blob(r, 3, &gold_bytes);
	while (*n_gold + (int64_t)(gold_bytes / 4) > *gold_capacity)
		x->gold = tl_grow(x->gold, *gold_capacity, gold_capacity, 4);
	memcpy(x->gold + *n_gold, gold_bytes ? gold : "", gold_bytes / 4 * 4);
	*n_gold += (int64_t)(gold_bytes / 4);
	x->gold_offsets[++x->scores.n] = *n_gold;
	for (int64_t k = 0; !null && k < keep; k++)
		if (x->label[i * keep + k] < 0 || x->label[i * keep + k] >= n_labels)
			return tl_error_set(e, TL_ENVIRONMENT, "%s: document '%s' names label %d, the dataset has %lld", what, x->id[i], x->label[i * keep + k], (long long)n_labels);
	for (int64_t k = x->gold_offsets[i]; k < *n_gold; k++)
		if (x->gold[k] < 0 || x->gold[k] >= n_labels)
			return tl_error_set(e, TL_ENVIRONMENT, "%s: document '%s' has the label %d, the dataset has %lld", what, x->id[i], x->gold[k], (long long)n_labels);
	return 0;
}

int
tl_store_scores(tl_store *s, int64_t run, const char *split, tl_stored_scores *x, tl_error *e)
{
	tl_error here = { 0 };
	int64_t n = tl_store_int(s, &here, 0, "SELECT count(*) FROM prediction WHERE run_id = ?1 AND split = ?2", "is", run, split);
	int64_t n_labels = tl_store_int(s, &here, 0, "SELECT d.n_labels FROM run r JOIN dataset d ON d.id = r.dataset_id WHERE r.id = ?1", "i", run), n_gold = 0, capacity = 0;
	char *what = tl_format("run %lld, split %s", (long long)run, split);
	tl_rows *r = NULL;
	bool dense = false;
	int got = 0;

	*x = (tl_stored_scores){ 0 };
	if (!here.status && n)
		r = tl_store_query(s, &here, "SELECT doc_id, labels, logits, gold FROM prediction WHERE run_id = ?1 AND split = ?2 ORDER BY id", "is", run, split);
	if (r) {
		x->id = tl_alloc((size_t)n * sizeof *x->id);
		x->gold_offsets = tl_alloc((size_t)(n + 1) * sizeof *x->gold_offsets);
		x->gold = tl_grow(NULL, 0, &capacity, 4);
		while ((got = tl_rows_next(r, &here)) == 1)
			if (take_row(r, x, n, &dense, &capacity, &n_gold, n_labels, what, &here))
				break;
	}
	tl_rows_free(r);
	free(what);
	if (here.status) {
		tl_stored_scores_free(x);
		return tl_error_set(e, here.status, "%s", here.text);
	}
	x->scores.n_labels = n_labels;
	x->scores.logit = x->logit;
	x->scores.label = x->label;
	x->scores.gold = x->gold;
	x->scores.gold_offsets = x->gold_offsets;
	return n ? 0 : 1;
}

/* --- statistics ----------------------------------------------------------------------------------------------------------------- */
int
tl_store_statistics(tl_store *s, int64_t dataset, const tl_statistics *st, double a, double b, tl_error *e)
{
	int32_t *pairs = NULL;
	int64_t n = 0, capacity = 0;
	tl_error here = { 0 };
	bool own;

	if (tl_store_int(s, &here, -1, "SELECT train_documents FROM dataset WHERE id = ?1", "i", dataset) >= 0)
		return 0;
	if (here.status || tl_store_enter(s, &own, &here))
		return tl_error_set(e, here.status, "%s", here.text);
	for (int64_t i = 0; st->co_offsets && i < st->n_labels; i++) {
		for (int64_t k = st->co_offsets[i]; k < st->co_offsets[i + 1]; k++) {
			if (st->co_index[k] <= i)
				continue;
			pairs = tl_grow(pairs, n, &capacity, 12);
			pairs[3 * n] = (int32_t)i;
			pairs[3 * n + 1] = st->co_index[k];
			pairs[3 * n + 2] = st->co_count[k];
			n++;
		}
	}
	tl_store_run(s, &here, "UPDATE dataset SET train_documents = ?2, propensity_a = ?3, propensity_b = ?4, cooccurrence = ?5 WHERE id = ?1", "iiddb", dataset, st->n_documents, a, b,
	             n ? (const void *)pairs : "", (size_t)n * 12);
	for (int64_t i = 0; i < st->n_labels && !here.status; i++)
		tl_store_run(s, &here, "INSERT INTO label (dataset_id, idx, train_count) VALUES (?1, ?2, ?3) ON CONFLICT (dataset_id, idx) DO UPDATE SET train_count = ?3", "iii", dataset, i, st->count[i]);
	free(pairs);
	tl_store_leave(s, own, !here.status, &here);
	return here.status ? tl_error_set(e, here.status, "%s", here.text) : 0;
}

static const int64_t *sort_count; /* qsort has no argument; used within one call */

static int
more_frequent(const void *x, const void *y)
{
	int32_t i = *(const int32_t *)x, j = *(const int32_t *)y;

	if (sort_count[i] != sort_count[j])
		return sort_count[i] > sort_count[j] ? -1 : 1;
	return i < j ? -1 : i > j;
}

/* Both directions of the pairs, rows by ascending index: pairs are sorted by (i, j), so a counting pass keeps the order. */
static void
fill_cooccurrence(tl_statistics *st, const int32_t *pairs, int64_t n, tl_arena *a)
{
	int64_t L = st->n_labels, *offsets = tl_arena_zalloc(a, (size_t)(L + 1) * 8), *next = tl_alloc((size_t)(L + 1) * 8);
	int32_t *index = tl_arena_alloc(a, (size_t)(2 * n + 1) * 4), *count = tl_arena_alloc(a, (size_t)(2 * n + 1) * 4);

	for (int64_t k = 0; k < n; k++) {
		offsets[pairs[3 * k] + 1]++;
		offsets[pairs[3 * k + 1] + 1]++;
	}
	for (int64_t i = 0; i < L; i++)
		offsets[i + 1] += offsets[i];
	memcpy(next, offsets, (size_t)(L + 1) * 8);
	for (int64_t k = 0; k < n; k++) { /* lower neighbours of each label first */
		int64_t at = next[pairs[3 * k + 1]]++;
		index[at] = pairs[3 * k];
		count[at] = pairs[3 * k + 2];
	}
	for (int64_t k = 0; k < n; k++) {
		int64_t at = next[pairs[3 * k]]++;
		index[at] = pairs[3 * k + 1];
		count[at] = pairs[3 * k + 2];
	}
	free(next);
	st->co_offsets = offsets;
	st->co_index = index;
	st->co_count = count;
}

static int
read_statistics(tl_rows *r, tl_store *s, int64_t L, int64_t dataset, tl_stored_statistics *x, tl_error *e)
{
	tl_statistics *st = tl_arena_zalloc(x->arena, sizeof *st);
	int64_t *count = tl_arena_zalloc(x->arena, (size_t)(L + 1) * 8);
	int32_t *order = tl_arena_zalloc(x->arena, (size_t)(L + 1) * 4), *rank = tl_arena_zalloc(x->arena, (size_t)(L + 1) * 4);
	const int32_t *pairs;
	tl_rows *labels;
	size_t bytes;

	st->n_documents = tl_rows_int(r, 1);
	st->n_labels = L;
	x->propensity_a = tl_rows_real(r, 2);
	x->propensity_b = tl_rows_real(r, 3);
	labels = tl_store_query(s, e, "SELECT idx, train_count FROM label WHERE dataset_id = ?1", "i", dataset);
	if (!labels)
		return -1;
	while (tl_rows_next(labels, e) == 1)
		if (tl_rows_int(labels, 0) >= 0 && tl_rows_int(labels, 0) < L)
			count[tl_rows_int(labels, 0)] = tl_rows_int(labels, 1);
	tl_rows_free(labels);
	for (int64_t i = 0; i < L; i++)
		order[i] = (int32_t)i;
	sort_count = count;
	qsort(order, (size_t)L, sizeof *order, more_frequent);
	for (int64_t i = 0; i < L; i++)
		rank[order[i]] = (int32_t)i;
	st->count = count;
	st->by_frequency = order;
	st->frequency_rank = rank;
	pairs = tl_rows_blob(r, 4, &bytes);
	for (size_t k = 0; k < bytes / 12; k++)
		if (pairs[3 * k] < 0 || pairs[3 * k] >= pairs[3 * k + 1] || pairs[3 * k + 1] >= L)
			return tl_error_set(e, TL_ENVIRONMENT, "dataset %lld: its stored co-occurrence names labels that it does not have; the row was changed from outside", (long long)dataset);
	fill_cooccurrence(st, pairs, (int64_t)(bytes / 12), x->arena);
	x->st = st;
	return 0;
}

int
tl_store_statistics_of(tl_store *s, int64_t run, tl_stored_statistics *x, tl_error *e)
{
	tl_rows *r;
	int got;

	*x = (tl_stored_statistics){ .arena = tl_arena_new(1 << 16) };
	r = tl_store_query(s, e, "SELECT d.n_labels, d.train_documents, d.propensity_a, d.propensity_b, d.cooccurrence, d.id FROM run r JOIN dataset d ON d.id = r.dataset_id WHERE r.id = ?1", "i", run);
	if (!r)
		return -1;
	got = tl_rows_next(r, e);
	if (got == 1 && !tl_rows_null(r, 1))
		got = read_statistics(r, s, tl_rows_int(r, 0), tl_rows_int(r, 5), x, e);
	tl_rows_free(r);
	return got < 0 ? -1 : 0;
}

/* --- tl_decode(blob, 'f32' | 'i32'): a JSON array ------------------------------------------------------------------------------- */
static void
decode(sqlite3_context *c, int n, sqlite3_value **v)
{
	const char *kind = (const char *)sqlite3_value_text(v[1]);
	const unsigned char *bytes;
	tl_text t = { 0 };
	int size;

	(void)n;
	if (sqlite3_value_type(v[0]) == SQLITE_NULL)
		return;
	bytes = sqlite3_value_blob(v[0]);
	size = sqlite3_value_bytes(v[0]);
	if (!kind || (strcmp(kind, "f32") && strcmp(kind, "i32")) || size % 4) {
		sqlite3_result_error(c, "tl_decode(blob, kind): kind is 'f32' or 'i32', and the blob has four bytes a value", -1);
		return;
	}
	tl_text_add(&t, "[");
	for (int i = 0; i < size; i += 4) {
		float f;
		int32_t k;
		memcpy(&f, bytes + i, 4);
		memcpy(&k, bytes + i, 4);
		if (*kind == 'i')
			tl_text_add(&t, "%s%d", i ? "," : "", k);
		else if (f - f == 0)
			tl_text_add(&t, "%s%.9g", i ? "," : "", (double)f);
		else
			tl_text_add(&t, "%snull", i ? "," : "");
	}
	tl_text_add(&t, "]");
	sqlite3_result_text(c, t.s, (int)t.n, SQLITE_TRANSIENT);
	tl_text_free(&t);
}

void
tl_store_functions(sqlite3 *db)
{
	sqlite3_create_function(db, "tl_decode", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, decode, NULL, NULL);
}
