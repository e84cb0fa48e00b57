/* Metrics by name from stored logits: names and refusals, all scores against the best ones, rows for paired tests, tuned thresholds, order where the sigmoid saturates. */
#include <math.h>

#include "tap.h"
#include "train/train.h"

enum { N = 300, L = 40 };
static tl_registry *registry;
static float logit[N * L], *best;
static int32_t *best_label, gold[N * L];
static int64_t gold_offsets[N + 1];
static tl_arena *arena;
static tl_statistics train;

static uint32_t
draw(void)
{
	static uint64_t s = 88172645463325252u;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return (uint32_t)(s >> 16);
}

/* Rare and frequent labels, ties in the scores, every tenth document without labels. */
static void
make(void)
{
	tl_error e = { 0 };

	for (int d = 0; d < N; d++) {
		gold_offsets[d + 1] = gold_offsets[d];
		for (int l = 0; l < L; l++) {
			bool on = d % 10 && draw() % (uint32_t)(2 + l / 2) == 0;
			logit[d * L + l] = (float)((int)(draw() % 64) - 40 + (on ? 24 : 0)) / 8;
			if (on)
				gold[gold_offsets[d + 1]++] = l;
		}
	}
	arena = tl_arena_new(0);
	tl_statistics_of(&train, gold_offsets, gold, NULL, N, L, arena, &e);
}

static tl_scores
all_scores(void)
{
	return (tl_scores){ N, L, L, logit, NULL, gold_offsets, gold };
}

/* The best `keep`, ties by the lower index. */
static tl_scores
best_scores(int keep)
{
	best = realloc(best, sizeof *best * N * (size_t)keep);
	best_label = realloc(best_label, sizeof *best_label * N * (size_t)keep);
	for (int d = 0; d < N; d++) {
		bool taken[L] = { false };
		for (int r = 0; r < keep; r++) {
			int at = -1;
			for (int l = 0; l < L; l++)
				if (!taken[l] && (at < 0 || logit[d * L + l] > logit[d * L + at]))
					at = l;
			taken[at] = true;
			best[d * keep + r] = logit[d * L + at];
			best_label[d * keep + r] = at;
		}
	}
	return (tl_scores){ N, L, keep, best, best_label, gold_offsets, gold };
}

static bool
compute(const char *text, const tl_scores *s, const tl_scores *valid, tl_metric_value *v, tl_error *e)
{
	tl_metric_request q;
	int bad;

	*e = (tl_error){ 0 };
	if (tl_metric_parse(&q, registry, text, e) < 0)
		return false;
	bad = tl_metrics_compute(s, valid, &train, 0.55, 1.5, 1, &q, v, e);
	tl_metric_request_free(&q);
	return !bad;
}

static void
names(void)
{
	static const struct { const char *text, *canonical, *signature; } good[] = {
		{ "ndcg@5", "ndcg@5", "ndcg@5|log2|min(k,|Y|)|ties:index|v1" },
		{ "p@05", "p@5", "p@5|" },
		{ "micro_f1", "micro_f1", "micro_f1|score>0.5|" },
		{ "micro_f1:threshold=0.50", "micro_f1", "score>0.5|" },
		{ "micro_f1:group=tail:threshold=0.3", "micro_f1:threshold=0.3:group=tail", "score>0.3|" },
		{ "macro_f1:threshold=label_f1", "macro_f1:threshold=label_f1", "score>tuned on valid for label_f1|" },
		{ "psp@1:group=q4.3", "psp@1:group=q4.3", "psp@1|1/p(A,B)|" },
	};
	static const struct { const char *text, *words; } bad[] = {
		{ "ndgc@5", "ndgc: no such metric; did you mean ndcg" },
		{ "ndcg", "ndcg wants a k, such as ndcg@5" },
		{ "p@0", "k is \"0\"" },
		{ "p@", "k is \"\"" },
		{ "p@-3", "k is \"-3\"" },
		{ "p@99999999999999999999", "wanted a whole number" },
		{ "lrap@5", "lrap takes no k" },
		{ "p@1:threshold=0.5", "p has no threshold" },
		{ "micro_f1:threshold=1.5", "wanted micro_f1, label_f1 or a number from 0 to 1" },
		{ "micro_f1:threshold=nan", "wanted micro_f1, label_f1 or a number from 0 to 1" },
		{ "micro_f1:treshold=0.5", "\"treshold=0.5\" is not understood" },
		{ "p@1:group=tial", "group=tial: no such group; did you mean tail" },
		{ "p@1:group=", "group= wants" },
		{ "p@1:group=q4.4", "no such group" },
		{ "p@1:group=q0.0", "no such group" },
		{ "micro_f1:threshold=0.3:threshold=micro_f1", "threshold= is there twice" },
		{ "p@1:group=head:group=tail", "group= is there twice" },
		{ "p@1:", "is not understood" },
		{ "", "no such metric" },
	};

	for (int i = 0; i < TL_COUNT(good); i++) {
		tl_metric_request q;
		tl_error e = { 0 };
		int got = tl_metric_parse(&q, registry, good[i].text, &e);
		ok(!got && tl_streq(q.text, good[i].canonical) && strstr(q.signature, good[i].signature), "%s is %s %s", good[i].text, good[i].canonical, e.text);
		if (!got)
			tl_metric_request_free(&q);
	}
	{
		tl_metric_request q;
		tl_error e = { 0 };
		tl_metric_parse(&q, registry, "psndcg@3", &e);
		tl_metric_bind(&q, 0.5, 0.4);
		tl_metric_bind(&q, 0.6, 2.6);
		ok(tl_streq(q.signature, "psndcg@3|1/p(A=0.6,B=2.6)|log2|min(k,|Y|)|ratio of means to the best attainable|ties:index|v1"), "the signature says which propensities: %s", q.signature);
		tl_metric_request_free(&q);
	}
	for (int i = 0; i < TL_COUNT(bad); i++) {
		tl_metric_request q;
		tl_error e = { 0 };
		ok(tl_metric_parse(&q, registry, bad[i].text, &e) < 0, "\"%s\" is refused", bad[i].text);
		says(e.text, bad[i].words, "with a sentence");
	}
}

/* A list that is long enough gives the same bits; one that is not is refused by name. */
static void
lists(void)
{
	static const char *const same[] = { "p@5", "r@3", "f1@5", "ndcg@5", "psp@3", "psndcg@5", "psp_raw@1", "micro_f1", "macro_f1", "macro_f1_avg", "macro_p", "macro_r", "example_f1",
		"subset_accuracy", "hamming_loss", "label_combinations", "conditional_kl", "conditional_kl_floored", "micro_p:threshold=0.4:group=q4.0", "macro_r:group=head", "p@5:group=tail_docs",
		"ndcg@1:group=head_docs", "p@50" };
	static const struct { const char *text, *words; } refused[] = {
		{ "p@5", "p@5: of document 2 only 4 of the 5 labels wanted" },
		{ "micro_f1:threshold=0.01", "more labels above the threshold 0.01 than the best 4" },
		{ "lrap", "lrap needs the scores of all labels" },
		{ "map", "map needs the scores of all labels" },
		{ "coverage_error:group=tail", "needs the scores of all labels" },
		{ "p@1:group=head", "labels wanted are among the best 4" },
		{ "micro_f1:threshold=micro_f1", "tuning needs the scores of all labels" },
	};
	tl_metric_value a, b;
	tl_error e;
	tl_scores all = all_scores(), some = best_scores(L);

	for (int i = 0; i < TL_COUNT(same); i++) {
		bool good = compute(same[i], &all, NULL, &a, &e) && compute(same[i], &some, NULL, &b, &e);
		/* Sums run over labels in another order only where they are whole numbers. */
		ok(good && a.value == b.value && a.defined && b.defined && a.n_docs == b.n_docs && a.n_skipped == b.n_skipped, "%s = %.6f from all scores and from a list %s", same[i], a.value, e.text);
	}
	some = best_scores(4);
	for (int i = 0; i < TL_COUNT(refused); i++) {
		ok(!compute(refused[i].text, &some, &some, &b, &e), "%s from the best 4 is refused", refused[i].text);
		says(e.text, refused[i].words, "by name");
	}
	ok(compute("p@3", &all, NULL, &a, &e) && compute("p@3", &some, NULL, &b, &e) && a.value == b.value, "p@3 needs no more than 4");
}

/* The rows' sum gives the value; so does any other choice of rows that has the same sum. */
static void
rows(void)
{
	static const char *const with[] = { "p@5", "ndcg@5", "psp@3", "psndcg@3", "psp_raw@3", "micro_f1", "macro_f1", "macro_f1_avg:group=tail", "example_f1", "subset_accuracy", "hamming_loss", "lrap",
		"coverage_error", "ranking_loss", "r@5:group=q3.1", "f1@1:group=tail_docs", "micro_r:threshold=micro_f1" };
	static const char *const without[] = { "map", "label_combinations", "conditional_kl", "conditional_kl_floored" };
	tl_scores s = all_scores();
	tl_error e = { 0 };
	tl_metric_rows r;
	tl_metric_request q;
	tl_metric_value v;

	for (int i = 0; i < TL_COUNT(with); i++) {
		double *sum, value = NAN;
		int64_t there = 0;
		bool sound = true;
		int status;
		if (tl_metric_parse(&q, registry, with[i], &e) < 0 || !compute(with[i], &s, &s, &v, &e)) {
			ok(false, "%s: %s", with[i], e.text);
			continue;
		}
		status = tl_metrics_rows(&r, &s, &s, &train, 0.55, 1.5, &q, &e);
		sum = calloc((size_t)r.rows.width + 1, sizeof *sum);
		for (int64_t d = 0; !status && d < s.n; d++) {
			for (int64_t w = r.rows.offset[d]; w < r.rows.offset[d + 1]; w++)
				sum[r.rows.index[w]] += r.rows.value[w];
			there += r.present[d];
			sound = sound && (r.present[d] ? d % 10 != 0 : r.rows.offset[d] == r.rows.offset[d + 1]);
		}
		if (!status)
			value = tl_metric_rows_value(&r, sum, there);
		ok(!status && sound && r.rows.n == s.n && there == v.n_docs && r.n_present == there && value == v.value, "%s: %d rows of %d give %.6f", with[i], (int)there, (int)r.rows.width, value);
		free(sum);
		tl_metric_rows_free(&r);
		tl_metric_request_free(&q);
	}
	for (int i = 0; i < TL_COUNT(without); i++) {
		tl_metric_parse(&q, registry, without[i], &e);
		ok(tl_metrics_rows(&r, &s, NULL, &train, 0.55, 1.5, &q, &e) == 1 && !r.rows.offset, "%s has no such form", without[i]);
		tl_metric_request_free(&q);
	}
}

static double
micro_f1_at(const double *threshold, double one)
{
	int64_t both = 0, predicted = 0, wanted = gold_offsets[N];

	for (int d = 0; d < N; d++)
		for (int l = 0; gold_offsets[d] < gold_offsets[d + 1] && l < L; l++) {
			bool hit = 1 / (1 + exp(-(double)logit[d * L + l])) > (threshold ? threshold[l] : one);
			predicted += hit;
			for (int64_t i = gold_offsets[d]; hit && i < gold_offsets[d + 1]; i++)
				both += gold[i] == l;
		}
	return 2.0 * (double)both / (double)(predicted + wanted);
}

static void
thresholds(void)
{
	tl_scores s = all_scores();
	tl_metric_value v;
	tl_error e;
	double global, f1, per_label[L], better = 0;

	tl_tune_thresholds(&s, &global, &f1, per_label);
	for (int i = 1; i < 2000; i++)
		better = fmax(better, micro_f1_at(NULL, i / 2000.0));
	ok(f1 >= better && f1 == micro_f1_at(NULL, global), "no threshold of a grid beats the tuned one: %.6f, %.6f at %.6f", better, f1, global);
	ok(compute("micro_f1:threshold=micro_f1", &s, &s, &v, &e) && v.value == f1, "micro_f1:threshold=micro_f1 uses it %s", e.text);
	ok(compute("micro_f1:threshold=label_f1", &s, &s, &v, &e) && v.value == micro_f1_at(per_label, 0) && v.value > f1, "per-label thresholds %.6f", v.value);
	ok(!compute("micro_f1:threshold=label_f1", &s, NULL, &v, &e), "without a validation split a tuned threshold is refused");
	says(e.text, "tuned on the validation split, and there is none", "with a sentence");
}

static void
edges(void)
{
	static const float steep[] = { 40, 60, 50, 20, 30, 30 };
	static const int64_t offsets[] = { 0, 1, 2 };
	static const int32_t labels[] = { 1, 1 };
	tl_scores s = { 2, 3, 3, steep, NULL, offsets, labels }, none = { 0, 3, 3, steep, NULL, offsets, labels };
	tl_statistics kept = train;
	tl_metric_value v;
	tl_error e = { 0 };

	tl_statistics_of(&train, offsets, labels, NULL, 2, 3, arena, &e);
	ok(compute("p@1", &s, NULL, &v, &e) && v.value == 1, "ranking compares logits: 60 is above 40 though both probabilities are 1, and of two 30 the lower index comes first");
	ok(compute("coverage_error", &s, NULL, &v, &e) && v.value == 1.5, "so do the ranking metrics");
	ok(compute("p@1", &none, NULL, &v, &e) && !v.defined && v.n_docs == 0, "no documents: undefined");
	ok(compute("macro_f1:group=q4.0", &s, NULL, &v, &e) && !v.defined && v.n_docs == 0 && v.n_skipped == 2, "a group without columns: undefined");
	train = kept;
	s = all_scores();
	ok(!compute("p@1", &none, NULL, &v, &e), "statistics of other labels are refused");
	says(e.text, "3 labels and the training statistics 40", "with a sentence");
}

static void
speed(void)
{
	static const char *const texts[] = { "p@1", "p@3", "p@5", "ndcg@3", "ndcg@5", "psp@1", "micro_f1", "macro_f1", "example_f1", "map", "lrap", "ranking_loss", "micro_f1:threshold=micro_f1",
		"p@5:group=tail", "macro_f1:group=tail" };
	enum { DOCS = 10000, LABELS = 54 };
	float *x = malloc(sizeof *x * DOCS * LABELS);
	int32_t *y = malloc(sizeof *y * DOCS * LABELS);
	int64_t *offsets = calloc(DOCS + 1, sizeof *offsets);
	tl_metric_request q[TL_COUNT(texts)];
	tl_metric_value v[TL_COUNT(texts)];
	tl_error e = { 0 };
	tl_statistics t;
	tl_scores s;
	double start;
	int bad = 0;

	for (int d = 0; d < DOCS; d++) {
		offsets[d + 1] = offsets[d];
		for (int l = 0; l < LABELS; l++) {
			x[d * LABELS + l] = (float)(draw() % 100000) / 10000 - 5;
			if (draw() % 20 == 0)
				y[offsets[d + 1]++] = l;
		}
	}
	s = (tl_scores){ DOCS, LABELS, LABELS, x, NULL, offsets, y };
	tl_statistics_of(&t, offsets, y, NULL, DOCS, LABELS, arena, &e);
	for (int i = 0; i < TL_COUNT(texts); i++)
		bad |= tl_metric_parse(&q[i], registry, texts[i], &e);
	start = tl_seconds();
	bad |= tl_metrics_compute(&s, &s, &t, 0.55, 1.5, TL_COUNT(texts), q, v, &e);
	start = tl_seconds() - start;
	ok(!bad, "%d metrics of 10000 documents with 54 labels (%.2f s)", (int)TL_COUNT(texts), start);
	for (int i = 0; i < TL_COUNT(texts); i++)
		tl_metric_request_free(&q[i]);
	free(x);
	free(y);
	free(offsets);
}

int
main(void)
{
	char *plugins = tl_format("%s/build/plugins", getenv("BUILD") ? getenv("BUILD") : ".");

	setenv("TAGLOOM_PLUGIN_PATH", plugins, 1);
	free(plugins);
	registry = tl_registry_new();
	make();
	names();
	lists();
	rows();
	thresholds();
	edges();
	speed();
	free(best);
	free(best_label);
	tl_arena_free(arena);
	tl_registry_free(registry);
	return done();
}
