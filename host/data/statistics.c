/* statistics.c - what the training split's label lists say: counts, frequency order, sparse co-occurrence, propensities, head and tail. */
#include "data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int
ascending(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

static int
frequent_first(const void *a, const void *b, void *arg)
{
	const int64_t *count = arg;
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	if (count[x] != count[y])
		return count[x] > count[y] ? -1 : 1;
	return (x > y) - (x < y);
}

/* Documents of every label: [L + 1] offsets into documents. */
struct by_label { int64_t *offsets; int32_t *document; };

static void
transpose(struct by_label *t, const int64_t *offsets, const int32_t *labels, const bool *leave_out, int64_t n, int64_t n_labels, const int64_t *count)
{
	int64_t *at = tl_alloc((size_t)(n_labels + 1) * sizeof *at);

	t->offsets = tl_alloc((size_t)(n_labels + 1) * sizeof *t->offsets);
	for (int64_t l = 0; l < n_labels; l++)
		at[l + 1] = t->offsets[l + 1] = t->offsets[l] + count[l];
	t->document = tl_alloc((size_t)t->offsets[n_labels] * sizeof *t->document);
	for (int64_t d = 0; d < n; d++)
		for (int64_t k = offsets[d]; (!leave_out || !leave_out[d]) && k < offsets[d + 1]; k++)
			t->document[at[labels[k]]++] = (int32_t)d;
	free(at);
}

/* The labels met beside `label`, in `seen`; how often, in `met` [L]. Returns how many there are. */
static int64_t
neighbours(const struct by_label *t, const int64_t *offsets, const int32_t *labels, int64_t label, int32_t *met, int32_t *seen)
{
	int64_t n = 0;

	for (int64_t i = t->offsets[label]; i < t->offsets[label + 1]; i++)
		for (int64_t k = offsets[t->document[i]]; k < offsets[t->document[i] + 1]; k++)
			if (labels[k] != label && !met[labels[k]]++)
				seen[n++] = labels[k];
	return n;
}

/* Two passes, the first to size the rows: the memory is that of the result and never L x L. */
static void
cooccurrence(tl_statistics *s, const struct by_label *t, const int64_t *offsets, const int32_t *labels, int64_t n_labels, tl_arena *a)
{
	int64_t *row = tl_arena_alloc(a, (size_t)(n_labels + 1) * sizeof *row);
	int32_t *met = tl_alloc((size_t)(n_labels + 1) * sizeof *met), *seen = tl_alloc((size_t)(n_labels + 1) * sizeof *seen);
	int32_t *index, *count;

	row[0] = 0;
	for (int64_t l = 0; l < n_labels; l++) {
		int64_t n = neighbours(t, offsets, labels, l, met, seen);
		for (int64_t i = 0; i < n; i++)
			met[seen[i]] = 0;
		row[l + 1] = row[l] + n;
	}
	index = tl_arena_alloc(a, (size_t)row[n_labels] * sizeof *index);
	count = tl_arena_alloc(a, (size_t)row[n_labels] * sizeof *count);
	for (int64_t l = 0; l < n_labels; l++) {
		int64_t n = neighbours(t, offsets, labels, l, met, seen);
		qsort(seen, (size_t)n, sizeof *seen, ascending);
		for (int64_t i = 0; i < n; i++) {
			index[row[l] + i] = seen[i];
			count[row[l] + i] = met[seen[i]];
			met[seen[i]] = 0;
		}
	}
	s->co_offsets = row;
	s->co_index = index;
	s->co_count = count;
	free(met);
	free(seen);
}

int
tl_statistics_of(tl_statistics *s, const int64_t *offsets, const int32_t *labels, const bool *leave_out, int64_t n, int64_t n_labels, tl_arena *a, tl_error *e)
{
	int64_t *count = tl_arena_zalloc(a, (size_t)n_labels * sizeof *count);
	int32_t *order = tl_arena_alloc(a, (size_t)n_labels * sizeof *order), *rank = tl_arena_alloc(a, (size_t)n_labels * sizeof *rank);
	struct by_label t;

	*s = (tl_statistics){ .n_labels = n_labels };
	if (n > INT32_MAX || n_labels > INT32_MAX)
		return tl_error_set(e, TL_ENVIRONMENT, "label statistics: %lld documents and %lld labels; at most 2147483647 of each are possible", (long long)n, (long long)n_labels);
	for (int64_t d = 0; d < n; d++) {
		if (leave_out && leave_out[d])
			continue;
		s->n_documents++;
		for (int64_t k = offsets[d]; k < offsets[d + 1]; k++) {
			if (labels[k] < 0 || labels[k] >= n_labels)
				return tl_error_set(e, TL_ENVIRONMENT, "label statistics: document %lld has the label number %d; wanted 0 to %lld", (long long)d, (int)labels[k], (long long)n_labels - 1);
			if (k > offsets[d] && labels[k] <= labels[k - 1])
				return tl_error_set(e, TL_ENVIRONMENT, "label statistics: the labels of document %lld are not ascending and distinct", (long long)d);
			count[labels[k]]++;
		}
	}
	for (int64_t l = 0; l < n_labels; l++)
		order[l] = (int32_t)l;
	qsort_r(order, (size_t)n_labels, sizeof *order, frequent_first, count);
	for (int64_t r = 0; r < n_labels; r++)
		rank[order[r]] = (int32_t)r;
	s->count = count;
	s->by_frequency = order;
	s->frequency_rank = rank;
	transpose(&t, offsets, labels, leave_out, n, n_labels, count);
	cooccurrence(s, &t, offsets, labels, n_labels, a);
	free(t.offsets);
	free(t.document);
	return 0;
}

double
tl_conditional(const tl_statistics *s, int64_t i, int64_t j)
{
	int64_t from = s->co_offsets[i], to = s->co_offsets[i + 1];

	while (from < to) {
		int64_t middle = (from + to) / 2;
		if (s->co_index[middle] < j)
			from = middle + 1;
		else
			to = middle;
	}
	return from < s->co_offsets[i + 1] && s->co_index[from] == j ? (double)s->co_count[from] / (double)s->count[i] : 0;
}

void
tl_propensities(const tl_statistics *s, double a, double b, double *c, double *inverse)
{
	double scale = s->n_documents > 0 ? (log((double)s->n_documents) - 1) * pow(b + 1, a) : 0;

	if (!(scale > 0)) /* one or two documents: the logarithm is below 1 */
		scale = 0;
	for (int64_t l = 0; l < s->n_labels; l++)
		inverse[l] = 1 + scale * pow((double)s->count[l] + b, -a);
	if (c)
		*c = scale;
}

int64_t
tl_head_size(int64_t n_labels)
{
	return (n_labels + 9) / 10;
}

void
tl_quantile_group(int64_t n_labels, int64_t groups, int64_t g, int64_t *from_rank, int64_t *to_rank)
{
	*from_rank = g * n_labels / groups;
	*to_rank = (g + 1) * n_labels / groups;
}
