/* predict.c - tagloom predict: labels and scores of new texts as JSON Lines. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "text_lines.h"
#include "trained.h"

enum { CHUNK = 256 };

struct predictor {
	tl_trained *t;
	const tl_dataset *d;
	int64_t top;
	double threshold;
	bool all;
	int64_t n, line;
	json_t *id[CHUNK];
	char *text[CHUNK];
};

struct ranked { float logit; int32_t label; };

static int
best_first(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return x->logit != y->logit ? (x->logit < y->logit) - (x->logit > y->logit) : x->label - y->label;
}

static double
probability(float logit)
{
	return logit >= 0 ? 1 / (1 + exp(-(double)logit)) : exp((double)logit) / (1 + exp((double)logit));
}

/* {"id", "labels": best first, "scores": {label: probability}} */
static void
print_one(const struct predictor *p, const json_t *id, const float *logit, struct ranked *r)
{
	int64_t L = p->d->n_labels;
	json_t *labels = json_array(), *scores = json_object(), *line;
	char *text;

	for (int64_t l = 0; l < L; l++)
		r[l] = (struct ranked){ logit[l], (int32_t)l };
	qsort(r, (size_t)L, sizeof *r, best_first);
	for (int64_t k = 0; k < L; k++) {
		const char *key = p->d->label_key[r[k].label];
		double score = probability(r[k].logit);
		bool chosen = p->top > 0 ? k < p->top : score > p->threshold;
		if (chosen)
			json_array_append_new(labels, json_string(key));
		if (chosen || p->all)
			json_object_set_new(scores, key, json_real(score));
	}
	line = json_pack("{sO so so}", "id", id, "labels", labels, "scores", scores);
	text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(9));
	puts(text);
	free(text);
	json_decref(line);
}

static int
flush(struct predictor *p, tl_error *e)
{
	float *logit = NULL;
	int64_t L = 0;
	struct ranked *r = tl_alloc((size_t)(p->d->n_labels + 1) * sizeof *r);
	int status = p->n ? tl_trained_scores(p->t, (const char *const *)p->text, p->n, &logit, &L, e) : 0;

	for (int64_t i = 0; i < p->n; i++) {
		if (!status)
			print_one(p, p->id[i], logit + i * L, r);
		json_decref(p->id[i]);
		free(p->text[i]);
	}
	p->n = 0;
	free(logit);
	free(r);
	return status;
}

static int
take_line(struct predictor *p, const char *line, size_t n, const char *path, tl_error *e)
{
	char where[300];
	json_t *v, *text, *id;

	snprintf(where, sizeof where, "%s:%lld", path, (long long)p->line);
	if (!(v = tl_json_parse(line, n, where, e)))
		return -1;
	text = json_object_get(v, "text");
	id = json_object_get(v, "id");
	if (!json_is_string(text)) {
		json_decref(v);
		return tl_error_set(e, TL_ENVIRONMENT, "%s: wanted an object {\"id\": ..., \"text\": \"...\"}; there is no string \"text\"", where);
	}
	p->id[p->n] = id ? json_incref(id) : json_integer(p->line);
	p->text[p->n++] = tl_strdup(json_string_value(text));
	json_decref(v);
	return p->n == CHUNK ? flush(p, e) : 0;
}

static int
predict(struct predictor *p, const char *path, tl_error *e)
{
	tl_text_lines in;
	const char *line;
	size_t n;
	int status = tl_text_lines_open(&in, path, NULL, e), got = !status;

	while (!status && (got = tl_text_lines_next(&in, &line, &n, e)) > 0) {
		while (n > 0 && strchr("\r\n \t", line[n - 1]))
			n--;
		p->line = in.number;
		if (n > 0)
			status = take_line(p, line, n, in.name, e);
	}
	/* What came before a bad line is still answered. */
	if (flush(p, status || got < 0 ? NULL : e) < 0 || got < 0)
		status = -1;
	tl_text_lines_close(&in);
	return status;
}

static int
run(const tl_args *a, tl_error *e)
{
	struct predictor p = { .threshold = 0.5, .top = tl_arg_int(a, "--top", 0, e), .all = tl_arg_flag(a, "--all") };
	const char *input = tl_arg_value(a, "--input", NULL), *threshold = tl_arg_value(a, "--threshold", NULL);
	tl_used u;
	char *end;
	int status = -1;

	if (threshold) {
		p.threshold = strtod(threshold, &end);
		if (!*threshold || *end || !(p.threshold >= 0 && p.threshold <= 1))
			tl_error_set(e, TL_USAGE, "--threshold %s: wanted a number from 0 to 1", threshold);
		if (tl_arg_value(a, "--top", NULL))
			tl_error_set(e, TL_USAGE, "--top and --threshold are two ways to choose labels; give one");
	}
	if (tl_arg_value(a, "--top", NULL) && p.top < 1)
		tl_error_set(e, TL_USAGE, "--top %s: wanted a number from 1", tl_arg_value(a, "--top", ""));
	if (!input)
		tl_error_set(e, TL_USAGE, "--input FILE is missing; - reads standard input");
	if (e->status)
		return -1;
	if (!tl_used_open(&u, a, e)) {
		p.t = u.trained;
		p.d = tl_trained_dataset(p.t);
		status = predict(&p, input, e);
	}
	tl_used_free(&u);
	return status;
}

static const tl_option options[] = {
	{ "--run", "RUN", "number or identity of a run that is done" },
	{ "--input", "FILE", "JSON Lines {\"id\", \"text\"}, plain or compressed; - for standard input" },
	{ "--db", "FILE", "the results database" },
	{ "--threshold", "P", "labels with a probability above P (0.5)" },
	{ "--top", "K", "the K best labels instead" },
	{ "--all", NULL, "scores of all labels, not of the chosen ones only" },
	{ "--threads", "N", "worker threads (1)" },
	{ 0 }
};

const tl_verb tl_verb_predict = {
	.name = "predict",
	.synopsis = "--run RUN --input FILE|- [--db FILE] [--top K | --threshold P] [--all] [--threads N]",
	.summary = "labels and scores of new texts as JSON Lines",
	.description = "Reads {\"id\": ..., \"text\": \"...\"} a line and prints {\"id\", \"labels\", \"scores\"} a line in the same order: the labels whose\n"
	               "probability is above the threshold, best first, and their probabilities. Uses the weights that the run kept.",
	.options = options,
	.least = 0, .most = 0,
	.run = run,
};
