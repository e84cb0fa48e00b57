/*
 * conditional_kl - how far the predicted sets' label correlations are from the gold sets' (LACO, equation 8).
 *
 *   sum over ordered pairs (i, j), i != j, that occur together in training, of g(j|i) ln(g(j|i) / max(q(j|i), 1e-6))
 *   g(j|i) = documents with both / documents with i in the gold sets, q(j|i) the same in the predicted sets; 0/0 = 0; g = 0 adds 0
 *
 * A sum of single terms and no mean, so it may be negative. conditional_kl_floored is the number of pairs that the floor was used for:
 * they dominate weak models.
 */
#include <tagloom/metric.h>

static const double least = 1e-6;

struct sets { int64_t *offsets, n; int32_t *document; }; /* documents of every label, ascending */

/* Documents of every label in the gold or the predicted sets of the evaluated documents. */
static int
collect(const tl_evaluation *e, bool gold, struct sets *s)
{
	int64_t *at = NULL;

	s->offsets = calloc((size_t)e->n_labels + 2, sizeof *s->offsets);
	for (int pass = 0; pass < 2 && s->offsets; pass++) {
		for (int64_t d = 0; d < e->n_docs; d++) {
			int64_t n = tl_gold_count(e, d), next = 0;
			int32_t label;
			if (!n)
				continue;
			for (int64_t i = 0; gold ? i < n : tl_next_predicted(e, d, &next, &label); i++) {
				if (gold)
					label = tl_gold(e, d)[i];
				if (pass)
					s->document[at[label]++] = (int32_t)d;
				else
					s->offsets[label + 1]++;
			}
		}
		if (pass)
			break;
		for (int64_t l = 0; l < e->n_labels; l++)
			s->offsets[l + 1] += s->offsets[l];
		s->document = malloc((size_t)(s->offsets[e->n_labels] + 1) * sizeof *s->document);
		at = malloc((size_t)(e->n_labels + 1) * sizeof *at);
		if (!s->document || !at)
			break;
		for (int64_t l = 0; l < e->n_labels; l++)
			at[l] = s->offsets[l];
	}
	s->n = s->document && at ? 0 : -1;
	free(at);
	return s->n < 0;
}

static void
mark(const struct sets *s, int64_t label, bool *marked, bool value)
{
	for (int64_t i = s->offsets[label]; i < s->offsets[label + 1]; i++)
		marked[s->document[i]] = value;
}

/* documents with both / documents with i, whose documents are marked */
static double
conditional(const struct sets *s, int64_t i, int64_t j, const bool *marked)
{
	int64_t both = 0;

	for (int64_t k = s->offsets[j]; k < s->offsets[j + 1]; k++)
		both += marked[s->document[k]];
	return tl_ratio((double)both, (double)(s->offsets[i + 1] - s->offsets[i]));
}

/* The sum and the number of floored pairs. 0, or 1 where there is nothing to compute from. */
static int
both(const tl_evaluation *e, double *sum, double *floored)
{
	struct sets gold = { 0 }, predicted = { 0 };
	bool *in_gold = calloc((size_t)e->n_docs + 1, 1), *in_predicted = calloc((size_t)e->n_docs + 1, 1);
	const tl_statistics *t = e->train;
	bool any = false;
	int bad = !t || !in_gold || !in_predicted || collect(e, true, &gold) || collect(e, false, &predicted);

	*sum = *floored = 0;
	for (int64_t d = 0; d < e->n_docs && !any; d++)
		any = tl_gold_count(e, d) > 0;
	for (int64_t i = 0; i < e->n_labels && !bad; i++) {
		if (gold.offsets[i + 1] == gold.offsets[i] || t->co_offsets[i + 1] == t->co_offsets[i])
			continue;
		mark(&gold, i, in_gold, true);
		mark(&predicted, i, in_predicted, true);
		for (int64_t c = t->co_offsets[i]; c < t->co_offsets[i + 1]; c++) {
			double g = conditional(&gold, i, t->co_index[c], in_gold), q;
			if (!(g > 0))
				continue;
			q = conditional(&predicted, i, t->co_index[c], in_predicted);
			*floored += q < least;
			*sum += g * log(g / fmax(q, least));
		}
		mark(&gold, i, in_gold, false);
		mark(&predicted, i, in_predicted, false);
	}
	free(gold.offsets);
	free(gold.document);
	free(predicted.offsets);
	free(predicted.document);
	free(in_gold);
	free(in_predicted);
	return bad || !any;
}

static int
divergence(const tl_evaluation *e, int64_t k, double *value)
{
	double floored;

	(void)k;
	return both(e, value, &floored);
}

static int
floored_pairs(const tl_evaluation *e, int64_t k, double *value)
{
	double sum;

	(void)k;
	return both(e, &sum, value);
}

static const tl_metric rows[] = {
	{ .name = "conditional_kl", .takes_threshold = true, .takes_train = true, .higher_is_better = false, .signature = "conditional_kl|score>%t|pairs of train|floor 1e-6|sum|v1",
	  .doc = "distance of predicted from gold label correlations", .compute = divergence },
	{ .name = "conditional_kl_floored", .takes_threshold = true, .takes_train = true, .higher_is_better = false, .signature = "conditional_kl_floored|score>%t|pairs of train|floor 1e-6|v1",
	  .doc = "label pairs for which conditional_kl used its floor", .compute = floored_pairs },
	{ 0 }
};

const tl_plugin tagloom_plugin = { TL_METRIC, .name = "conditional_kl", .version = "1", .summary = "distance of predicted from gold label correlations", .citation = "LACO, equation 8",
	.metrics = rows };
