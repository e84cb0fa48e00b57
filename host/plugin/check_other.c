/*
 * check_other.c - what is asked of a plugin's own operations, of modules that train by themselves, of metrics and of readers; and the
 * table of all tests.
 */
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODULES = 1 << TL_KIND_ENCODER | 1 << TL_KIND_LABEL };
const tl_check_test tl_check_tests[] = {
	{ "parameters at their bounds", MODULES, tl_check_parameters },
	{ "gradients against finite differences", MODULES, tl_check_gradients },
	{ "packed documents against one by one", MODULES, tl_check_packed },
	{ "order of the batch", MODULES, tl_check_order },
	{ "same seed, same bits, one and two threads", MODULES, tl_check_same_bits },
	{ "writes inside its own struct", MODULES, tl_check_bounds },
	{ "floating-point state", MODULES, tl_check_floats },
	{ "state saved and read back", MODULES, tl_check_state },
	{ "descriptors and threads", MODULES, tl_check_leaks },
	{ "operations of its own", MODULES, tl_check_ops },
	{ "fit, score, save and load", MODULES, tl_check_fit },
	{ "values of every metric", 1 << TL_KIND_METRIC, tl_check_metrics },
	{ "missing, empty and foreign data", 1 << TL_KIND_READER, tl_check_reader },
	{ 0 }
};

/* --- operations ------------------------------------------------------------------------------------------------------------------------------------ */
enum { MOST_INPUTS = 6 };
struct op_input { bool real, list; char name[40]; int n_shapes, rank[8]; int64_t dim[8][2]; };
struct op_case { const tl_op *op; int n_in, n_arg; struct op_input in[MOST_INPUTS]; int chosen[MOST_INPUTS]; double arg[8]; double *value[MOST_INPUTS]; };

static const int32_t offsets4[5] = { 0, 2, 3, 3, 5 }, list5[5] = { 0, 2, 1, 0, 3 };

static bool
read_signature(struct op_case *k)
{
	static const int64_t shapes[8][3] = { { 2, 4, 6 }, { 2, 5, 6 }, { 1, 6, 0 }, { 1, 4, 0 }, { 1, 5, 0 }, { 0, 0, 0 }, { 2, 6, 6 }, { 2, 4, 5 } };
	char *copy = tl_strdup(k->op->signature), *save = NULL;
	bool good = true;

	for (char *word = strtok_r(copy, " ", &save); word && good; word = strtok_r(NULL, " ", &save)) {
		char *colon = strchr(word, ':');
		struct op_input *in = &k->in[k->n_in];
		if (!colon) {
			good = false;
		} else if (tl_starts(colon, ":reals") || k->n_in == MOST_INPUTS || k->n_arg == 8) {
			good = false;
		} else if (tl_starts(colon, ":real")) {
			in->real = true;
			in->n_shapes = 8;
			for (int s = 0; s < 8; s++) {
				in->rank[s] = (int)shapes[s][0];
				memcpy(in->dim[s], shapes[s] + 1, sizeof in->dim[s]);
			}
			snprintf(in->name, sizeof in->name, "%.*s", (int)(colon - word), word);
			k->n_in++;
		} else if (tl_starts(colon, ":int")) {
			in->n_shapes = 1;
			in->rank[0] = 1;
			in->dim[0][0] = 5;
			in->list = !strstr(word, "offset");
			k->n_in++;
		} else {
			k->arg[k->n_arg++] = tl_starts(colon, ":x") ? 0.7 : tl_starts(colon, ":n") ? 2 : 0;
		}
	}
	free(copy);
	return good && k->n_in > 0;
}

static tl_tensor *
apply(struct op_case *k, tl_ctx *ctx, tl_tensor **in)
{
	for (int i = 0; i < k->n_in; i++) {
		struct op_input *x = &k->in[i];
		int64_t dim[TL_MAX_RANK] = { x->dim[k->chosen[i]][0], x->dim[k->chosen[i]][1] };
		in[i] = x->real ? tl_variable(ctx, x->rank[k->chosen[i]], dim, k->value[i]) : tl_ints(ctx, 1, dim, x->list ? list5 : offsets4);
	}
	return tl_apply(ctx, k->op, in, k->n_in, k->arg, k->n_arg);
}

/* sum(out * fixed numbers) */
static tl_tensor *
reduced(tl_ctx *ctx, tl_tensor *out)
{
	int64_t dim[TL_MAX_RANK], n = out ? tl_count(out) : 0;
	double *f = tl_scratch(ctx, (size_t)(n + 1) * sizeof *f);

	if (!out || !f)
		return NULL;
	for (int a = 0; a < tl_rank(out); a++)
		dim[a] = tl_dim(out, a);
	for (int64_t i = 0; i < n; i++)
		f[i] = sin(1.7 * (double)i + 0.3);
	return tl_sum(ctx, tl_mul(ctx, out, tl_reals(ctx, tl_rank(out), dim, f)));
}

static int
op_value(struct op_case *k, tl_ctx *ctx, double *v)
{
	tl_tensor *in[MOST_INPUTS];

	tl_ctx_begin(ctx, 1, 1, false, false);
	return tl_get_reals(ctx, reduced(ctx, apply(k, ctx, in)), v);
}

static int
hold_op(tl_check *c, struct op_case *k, tl_ctx *ctx)
{
	double *gradient[MOST_INPUTS] = { NULL };
	tl_tensor *in[MOST_INPUTS], *total;
	int status = 0;

	tl_ctx_begin(ctx, 1, 1, false, true);
	total = reduced(ctx, apply(k, ctx, in));
	if (!total || tl_backward(ctx, total) < 0)
		return tl_check_fail(c, "op %s: %s", k->op->name, tl_ctx_error(ctx)->text);
	for (int i = 0; i < k->n_in; i++) {
		tl_tensor *g = k->in[i].real ? tl_gradient(ctx, in[i]) : NULL;
		if (!k->in[i].real)
			continue;
		gradient[i] = tl_alloc(40 * sizeof(double));
		if (g)
			tl_get_reals(ctx, g, gradient[i]);
	}
	for (int i = 0; i < k->n_in && !status; i++) {
		int64_t n = 1;
		if (!k->in[i].real)
			continue;
		for (int a = 0; a < k->in[i].rank[k->chosen[i]]; a++)
			n *= k->in[i].dim[k->chosen[i]][a];
		for (int64_t j = 0; j < n && !status; j++) {
			double kept = k->value[i][j], plus, minus, closer, h = 1e-5;
			k->value[i][j] = kept + h;
			op_value(k, ctx, &plus);
			k->value[i][j] = kept - h;
			op_value(k, ctx, &minus);
			k->value[i][j] = kept + h / 10;
			op_value(k, ctx, &closer);
			k->value[i][j] = kept - h / 10;
			double near;
			op_value(k, ctx, &near);
			k->value[i][j] = kept;
			plus = (plus - minus) / (2 * h);
			closer = (closer - near) / (h / 5);
			if (fabs(plus - closer) <= 1e-4 * fmax(1, fabs(plus)) && fabs(plus - gradient[i][j]) > 1e-5 * fmax(1, fabs(plus)))
				status = tl_check_fail(c, "op %s: the gradient of %s at %lld is wrong: computed %.10g, finite differences %.10g", k->op->name, k->in[i].name, (long long)j, gradient[i][j], plus);
		}
	}
	for (int i = 0; i < k->n_in; i++)
		free(gradient[i]);
	return status;
}

/* Shapes that the op's own rule accepts are found by trying. */
static int
find_shapes(struct op_case *k, tl_ctx *ctx)
{
	for (;;) {
		tl_tensor *in[MOST_INPUTS];
		int i = 0;
		bool fine;
		tl_ctx_begin(ctx, 1, 1, false, false);
		fine = apply(k, ctx, in) != NULL;
		tl_ctx_error(ctx)->status = 0;
		if (fine)
			return 0;
		while (i < k->n_in && ++k->chosen[i] == k->in[i].n_shapes)
			k->chosen[i++] = 0;
		if (i == k->n_in)
			return -1;
	}
}

int
tl_check_ops(tl_check *c)
{
	const tl_op *const *ops = c->candidate->plugin->ops;
	tl_stream draw = { .key = c->seed };
	tl_pool *pool;
	tl_ctx *ctx;
	int status = 0, held = 0;

	if (!ops || !ops[0])
		return tl_check_skip(c, "it brings no operation");
	pool = tl_pool_new(1);
	ctx = tl_ctx_new(TL_F64, pool, NULL);
	for (int o = 0; ops[o] && !status; o++) {
		struct op_case *k = tl_alloc(sizeof *k);
		k->op = ops[o];
		if (read_signature(k)) {
			for (int i = 0; i < k->n_in; i++) {
				k->value[i] = tl_alloc(40 * sizeof(double));
				for (int j = 0; j < 40; j++)
					k->value[i][j] = tl_random_normal(&draw);
			}
			if (find_shapes(k, ctx) == 0) {
				status = hold_op(c, k, ctx);
				held++;
			}
			for (int i = 0; i < k->n_in; i++)
				free(k->value[i]);
		}
		free(k);
	}
	tl_ctx_free(ctx);
	tl_pool_free(pool);
	if (!status && !held)
		return tl_check_skip(c, "no shapes were found that its operations accept; the module's own gradients cover them");
	return status;
}

/* --- modules that train by themselves ------------------------------------------------------------------------------------------------------------------ */
enum { ROWS = 60, COLUMNS = 30, EACH = 5, CLASSES = 6 };
struct sparse { int64_t offsets[ROWS + 1]; int32_t index[ROWS * EACH]; float value[ROWS * EACH]; int32_t label_offsets[ROWS + 1], labels[ROWS * 2]; };

static void
draw_sparse(struct sparse *x, uint64_t seed)
{
	tl_stream s = { .key = seed };

	memset(x, 0, sizeof *x);
	for (int i = 0; i < ROWS; i++) {
		int n = (int)tl_random_below(&s, 3), at = x->label_offsets[i];
		int32_t first = (int32_t)tl_random_below(&s, CLASSES - 1);
		for (int k = 0; k < n; k++)
			x->labels[at++] = first + k;
		x->label_offsets[i + 1] = at;
		for (int k = 0; k < EACH; k++) {
			x->index[i * EACH + k] = (int32_t)(k * (COLUMNS / EACH) + (k == 0 && n ? first : (int)tl_random_below(&s, COLUMNS / EACH)));
			x->value[i * EACH + k] = (float)(0.1 + tl_random_unit(&s));
		}
		x->offsets[i + 1] = (i + 1) * EACH;
	}
}

static int
fitted_scores(tl_check *c, const struct sparse *x, const tl_text *state, float *scores, tl_text *saved)
{
	const tl_candidate *k = c->candidate;
	char *plugin = tl_format("%s/%s", k->kind, k->name);
	json_t *modules = json_pack("[{s:s, s:o}]", "plugin", plugin, "params", tl_required_params(k->plugin, false));
	tl_features f = { ROWS, COLUMNS, x->offsets, x->index, x->value };
	tl_lists y = { ROWS, x->label_offsets, x->labels };
	tl_pool *pool = tl_pool_new(1);
	tl_error e = { 0 };
	tl_model *m = tl_model_new(&(tl_model_setup){ .registry = c->registry, .modules = modules, .compute = TL_F32, .pool = pool, .seed = c->seed, .n_labels = CLASSES }, &e);
	int status = m ? 0 : tl_check_fail(c, "%s", e.text);

	if (!status && state)
		status = tl_model_load_state(m, state->s, state->n);
	else if (!status)
		status = tl_model_fit(m, &(tl_fit){ .features = &f, .labels = &y, .n_labels = CLASSES, .seed = c->seed });
	if (!status)
		status = tl_model_score(m, &f, scores);
	if (!status && saved)
		status = tl_model_save_state(m, saved);
	if (status && m)
		tl_check_fail(c, "%s", tl_ctx_error(tl_model_ctx(m))->text);
	tl_model_free(m);
	tl_pool_free(pool);
	json_decref(modules);
	free(plugin);
	return status;
}

int
tl_check_fit(tl_check *c)
{
	static float first[ROWS * CLASSES], again[ROWS * CLASSES], loaded[ROWS * CLASSES];
	static struct sparse x;
	tl_text state = { 0 };
	int status = 0;

	if (!c->candidate->plugin->module->fit)
		return tl_check_skip(c, "it does not train by itself");
	draw_sparse(&x, c->seed);
	if (fitted_scores(c, &x, NULL, first, &state) < 0 || fitted_scores(c, &x, NULL, again, NULL) < 0 || fitted_scores(c, &x, &state, loaded, NULL) < 0)
		status = -1;
	for (int i = 0; i < ROWS * CLASSES && !status; i++)
		if (!isfinite(first[i]))
			status = tl_check_fail(c, "the score of document %d, label %d is %g", i / CLASSES, i % CLASSES, (double)first[i]);
	if (!status && memcmp(first, again, sizeof first))
		status = tl_check_fail(c, "two fits with one seed give different scores");
	if (!status && memcmp(first, loaded, sizeof first))
		status = tl_check_fail(c, "the model that was saved and loaded gives other scores");
	tl_text_free(&state);
	return status;
}

/* --- metrics -------------------------------------------------------------------------------------------------------------------------------------------- */
enum { DOCS = 40, LABELS = 12 };
struct world { tl_evaluation e; double scores[DOCS * LABELS], top_score[DOCS * LABELS], thresholds[LABELS], inverse[LABELS]; float logits[DOCS * LABELS]; int32_t top[DOCS * LABELS], gold[DOCS * LABELS];
               int64_t gold_offsets[DOCS + 1]; };

/* order: documents in this order, so that permutations can be compared. */
static void
draw_world(struct world *w, uint64_t seed, int64_t docs, int64_t labels, bool backwards, const tl_statistics *train)
{
	memset(w, 0, sizeof *w);
	for (int64_t i = 0; i < docs; i++) {
		int64_t d = backwards ? docs - 1 - i : i, at = w->gold_offsets[i];
		tl_stream s = { .key = seed + (uint64_t)d };
		for (int32_t l = 0; l < labels; l++) {
			double z = tl_random_normal(&s);
			if (d % 7 != 6 && tl_random_below(&s, 4) == 0)
				w->gold[at++] = l;
			w->logits[i * labels + l] = (float)z;
			w->scores[i * labels + l] = 1 / (1 + exp(-(double)(float)z));
		}
		w->gold_offsets[i + 1] = at;
		for (int32_t l = 0; l < labels; l++) {
			int64_t r = l;
			for (; r > 0 && w->top_score[i * labels + r - 1] < w->scores[i * labels + l]; r--) {
				w->top[i * labels + r] = w->top[i * labels + r - 1];
				w->top_score[i * labels + r] = w->top_score[i * labels + r - 1];
			}
			w->top[i * labels + r] = l;
			w->top_score[i * labels + r] = w->scores[i * labels + l];
		}
	}
	for (int64_t l = 0; l < labels; l++) {
		w->thresholds[l] = 0.5;
		w->inverse[l] = 1 + 0.3 * (double)l;
	}
	w->e = (tl_evaluation){ .n_docs = docs, .n_labels = labels, .scores = w->scores, .keep = labels, .top = w->top, .top_score = w->top_score, .gold_offsets = w->gold_offsets, .gold = w->gold,
		.thresholds = w->thresholds, .inverse_propensity = w->inverse, .train = train, .logits = w->logits };
}

/* 0, 1 undefined, -1 failed. */
static int
metric_value(tl_check *c, const tl_metric *m, const tl_evaluation *e, int64_t k, double *value)
{
	tl_evaluation columns = tl_columns_of(e);
	int64_t width, evaluated = 0;
	double *sums;
	int got;

	*value = 0;
	if (!m->add)
		return m->compute(e, k, value);
	width = m->width(e->n_labels);
	if (width < 1 || width > 1000000)
		return tl_check_fail(c, "%s: width(%lld) is %lld", m->name, (long long)e->n_labels, (long long)width);
	sums = tl_alloc((size_t)(width + 2) * sizeof *sums);
	sums[0] = sums[width + 1] = 12345;
	for (int64_t d = 0; d < e->n_docs; d++) {
		if (e->gold_offsets[d] == e->gold_offsets[d + 1])
			continue;
		m->add(e, d, k, sums + 1);
		evaluated++;
	}
	got = sums[0] != 12345 || sums[width + 1] != 12345 ? tl_check_fail(c, "%s: add writes outside its %lld sums", m->name, (long long)width) : m->finish(&columns, k, evaluated, sums + 1, value);
	free(sums);
	return got;
}

static int
hold_metric(tl_check *c, const tl_metric *m, int64_t k, const tl_statistics *train)
{
	struct world *w = tl_alloc(sizeof *w);
	double value, other;
	int got, status = 0;

	draw_world(w, c->seed, DOCS, LABELS, false, train);
	got = metric_value(c, m, &w->e, k, &value);
	if (got == 0 && !isfinite(value))
		status = tl_check_fail(c, "%s: the value is %g", m->name, value);
	if (got >= 0 && !status) {
		draw_world(w, c->seed, DOCS, LABELS, true, train);
		if (metric_value(c, m, &w->e, k, &other) != got || (got == 0 && fabs(other - value) > 1e-9 * fmax(1, fabs(value))))
			status = tl_check_fail(c, "%s: %.12g for the documents in one order, %.12g in another", m->name, value, other);
	}
	if (got >= 0 && !status) {
		draw_world(w, c->seed, 1, LABELS, false, train);
		got = metric_value(c, m, &w->e, k, &value);
		if (got == 0 && !isfinite(value))
			status = tl_check_fail(c, "%s: the value for one document is %g", m->name, value);
	}
	free(w);
	return status || got < 0 ? -1 : 0;
}

int
tl_check_metrics(tl_check *c)
{
	static const int64_t offsets[4] = { 0, 3, 5, 8 };
	static const int32_t labels[8] = { 0, 1, 5, 2, 3, 0, 1, 11 };
	tl_arena *a = tl_arena_new(0);
	tl_statistics train;
	tl_error e = { 0 };
	int status = tl_statistics_of(&train, offsets, labels, NULL, 3, LABELS, a, &e);

	for (const tl_metric *m = c->candidate->plugin->metrics; !status && m->name; m++) {
		static const int64_t ks[] = { 1, 3, 5, LABELS };
		for (int k = 0; k < (m->takes_k ? TL_COUNT(ks) : 1) && !status; k++)
			status = hold_metric(c, m, m->takes_k ? ks[k] : 0, &train);
	}
	tl_arena_free(a);
	return status;
}

/* --- readers --------------------------------------------------------------------------------------------------------------------------------------------- */
static int
open_with(tl_check *c, const char *path, const char *what)
{
	json_t *config = json_pack("{s:s}", "path", path);
	tl_error e = { 0 };
	tl_dataset *d = tl_dataset_open(config, NULL, c->candidate->plugin->reader, &e);
	int status = 0;

	if (!d && !e.text[0])
		status = tl_check_fail(c, "%s: refused without a sentence", what);
	if (d && !strcmp(what, "a folder that is not there"))
		status = tl_check_fail(c, "%s was read as a dataset", what);
	tl_dataset_free(d);
	json_decref(config);
	return status;
}

int
tl_check_reader(tl_check *c)
{
	static const char *const names[] = { "train", "train.jsonl", "train.txt", "train.svm", "train.csv", "train.tsv", "text_train", "label_train", "trn_X_Y.txt", "test", "test.jsonl", "test.txt", "test.csv", "labels.txt" };
	const char *tmp = getenv("TMPDIR");
	char *folder = tl_format("%s/tagloom-check-XXXXXX", tmp && *tmp ? tmp : "/tmp"), *path = NULL, bytes[4096];
	tl_stream s = { .key = c->seed };
	int status;

	if (!mkdtemp(folder)) {
		free(folder);
		return tl_check_skip(c, "no temporary folder could be made");
	}
	path = tl_format("%s/none", folder);
	status = open_with(c, path, "a folder that is not there");
	free(path);
	if (!status)
		status = open_with(c, folder, "an empty folder");
	for (int round = 0; round < 3 && !status; round++) {
		for (int k = 0; k < TL_COUNT(names); k++) {
			size_t n = round == 0 ? 0 : sizeof bytes;
			for (size_t i = 0; i < n; i++)
				bytes[i] = round == 1 ? (char)tl_random_u32(&s) : "0:1, \t\n\"{}[]x9-"[tl_random_below(&s, 15)];
			path = tl_path_join(folder, names[k]);
			tl_write_file(path, bytes, n, NULL);
			free(path);
		}
		status = open_with(c, folder, round == 0 ? "empty files" : round == 1 ? "random bytes" : "scrambled lines");
	}
	for (int k = 0; k < TL_COUNT(names); k++) {
		path = tl_path_join(folder, names[k]);
		unlink(path);
		free(path);
	}
	rmdir(folder);
	free(folder);
	return status;
}
