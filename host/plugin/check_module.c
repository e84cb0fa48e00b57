/*
 * check_module.c - what is asked of every encoder and label module: right gradients, one document like many, any order, the same bits,
 * its own memory, its own state.
 */
#include "check.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool
fits_itself(const tl_check *c)
{
	return c->candidate->plugin->module->fit != NULL;
}

/* Opens a situation for one variation; prints nothing where the plugin refuses the parameters with a sentence. */
static int
open_variation(tl_check *c, tl_situation *s, const json_t *variation, tl_dtype compute, int threads)
{
	int status = tl_situation_new(s, c, json_object_get(variation, "params"), compute, threads);

	if (status < 0)
		tl_check_fail(c, "%s: %s", tl_json_string(variation, "say", ""), s->error.text);
	else if (status > 0 && !s->error.text[0])
		tl_check_fail(c, "%s: refused without a sentence", tl_json_string(variation, "say", ""));
	return status;
}

/* --- parameters at their bounds --------------------------------------------------------------------------------------------------------------- */
static int
try_value(tl_check *c, const tl_param *row, json_t *value, bool forward)
{
	json_t *params = tl_required_params(c->candidate->plugin, true);
	tl_situation s;
	char *text = json_dumps(value, JSON_ENCODE_ANY);
	int status;

	json_object_set_new(params, row->name, value);
	status = tl_situation_new(&s, c, params, TL_F32, 1);
	if (status < 0)
		tl_check_fail(c, "%s = %s: %s", row->name, text, s.error.text);
	else if (status > 0 && !s.error.status)
		status = tl_check_fail(c, "%s = %s: refused without a sentence", row->name, text);
	else if (!status && forward && tl_situation_forward(&s, 1, true, true, true) < 0 && c->candidate->plugin->kind != TL_KIND_ENCODER) /* a vocabulary of one cannot hold the documents */
		status = tl_check_fail(c, "%s = %s: the build is fine, but a step fails: %s", row->name, text, s.error.text);
	tl_situation_free(&s);
	json_decref(params);
	free(text);
	return status < 0 ? -1 : 0;
}

int
tl_check_parameters(tl_check *c)
{
	const tl_plugin *p = c->candidate->plugin;
	json_t *list = tl_variations(p), *v;
	size_t k;
	int status = 0;

	if (fits_itself(c)) {
		json_decref(list);
		return tl_check_skip(c, "it trains by itself");
	}
	json_array_insert_new(list, 0, json_pack("{s:s, s:o}", "say", "the defaults", "params", tl_required_params(p, false)));
	json_array_foreach(list, k, v) {
		tl_situation s;
		int opened = open_variation(c, &s, v, TL_F32, 1);
		double total = 0;
		if (opened > 0 && k == 0)
			status = tl_check_fail(c, "the defaults are refused: %s", s.error.text);
		else if (opened < 0)
			status = -1;
		else if (!opened && (tl_situation_forward(&s, 1, true, true, true) < 0 || !tl_model_total(s.model, 1, &total, NULL)))
			status = tl_check_fail(c, "%s: a step fails: %s", tl_json_string(v, "say", ""), s.error.text);
		else if (!opened && !isfinite(total))
			status = tl_check_fail(c, "%s: the loss is %g", tl_json_string(v, "say", ""), total);
		tl_situation_free(&s);
		if (status)
			break;
	}
	json_decref(list);
	for (const tl_param *r = p->params; !status && r && r->name; r++) {
		bool bounded = r->min <= r->max && !(r->min == 0 && r->max == 0);
		if (!bounded || (r->type != TL_INT && r->type != TL_REAL))
			continue;
		status = try_value(c, r, r->type == TL_INT ? json_integer((json_int_t)r->min) : json_real(r->min), true);
		if (!status && r->max <= 64) /* larger upper bounds are limits of sense, not of memory */
			status = try_value(c, r, r->type == TL_INT ? json_integer((json_int_t)r->max) : json_real(r->max), true);
	}
	return status;
}

/* --- gradients ----------------------------------------------------------------------------------------------------------------------------------- */
static int
objective_at(tl_situation *s, double *value)
{
	if (tl_situation_forward(s, 1, true, false, false) < 0)
		return -1;
	return tl_situation_objective(s, value) ? 0 : tl_error_set(&s->error, TL_FAILED, "%s", tl_ctx_error(s->model->ctx)->text);
}

/* (f(x + h v) - f(x - h v)) / 2h, by moving the values themselves. */
static int
slope(tl_situation *s, double *x, const double *v, int64_t n, double h, double *out)
{
	double *kept = tl_alloc((size_t)(n + 1) * sizeof *kept), plus = 0, minus = 0;
	int status;

	memcpy(kept, x, (size_t)n * sizeof *kept);
	for (int64_t i = 0; i < n; i++)
		x[i] = kept[i] + h * v[i];
	status = objective_at(s, &plus);
	for (int64_t i = 0; i < n; i++)
		x[i] = kept[i] - h * v[i];
	if (!status)
		status = objective_at(s, &minus);
	memcpy(x, kept, (size_t)n * sizeof *kept);
	free(kept);
	*out = (plus - minus) / (2 * h);
	return status;
}

struct probe { const char *what; double *x, *gradient; int64_t n; };

static int
hold_gradient(tl_check *c, tl_situation *s, const struct probe *p, const char *say, double scale)
{
	enum { DIRECTIONS = 3 };
	double *v = tl_alloc((size_t)(p->n + 1) * sizeof *v);
	int smooth = 0, status = 0;

	for (int d = 0; d < 2 * DIRECTIONS && smooth < DIRECTIONS && !status && p->n; d++) {
		double computed = 0, one, two, size = 0;
		for (int64_t i = 0; i < p->n; i++) {
			v[i] = tl_random_normal(&s->draw) / sqrt((double)p->n);
			computed += v[i] * p->gradient[i];
			size = fmax(size, fabs(p->gradient[i]));
		}
		if (slope(s, p->x, v, p->n, 1e-5, &one) < 0 || slope(s, p->x, v, p->n, 1e-6, &two) < 0) {
			status = tl_check_fail(c, "%s: %s", say, s->error.text);
			break;
		}
		size = fmax(fmax(fabs(computed), fabs(one)), size);
		if (fabs(one - two) > 1e-4 * size + 1e-8 * scale) /* a kink (max, ReLU, a choice) lies between */
			continue;
		smooth++;
		if (fabs(computed - one) > 1e-5 * size + 1e-8 * scale)
			status = tl_check_fail(c, "%s: the gradient of %s is wrong: computed %.10g, finite differences %.10g", say, p->what, computed, one);
	}
	if (!status && p->n && !smooth)
		status = tl_check_fail(c, "%s: no direction was smooth enough to check the gradient of %s", say, p->what);
	free(v);
	return status;
}

static double *
copy_gradient(tl_situation *s, tl_tensor *x, int64_t n)
{
	double *g = tl_arena_zalloc(s->arena, (size_t)(n + 1) * sizeof *g);
	tl_tensor *t = x ? tl_gradient(s->model->ctx, x) : NULL;

	if (t)
		tl_get_reals(s->model->ctx, t, g);
	return g;
}

static int
gradients_of(tl_check *c, tl_situation *s, const char *say)
{
	tl_weights *w = tl_model_weights(s->model);
	int n = 0, status = 0;
	struct probe *list = tl_arena_zalloc(s->arena, (size_t)(tl_weights_count(w) + s->in.n_slots + 1) * sizeof *list);
	double value;
	tl_tensor *objective;

	tl_weights_zero_gradients(w, s->pool);
	if (tl_situation_forward(s, 1, true, false, true) < 0)
		return tl_check_fail(c, "%s: %s", say, s->error.text);
	objective = tl_situation_objective(s, &value);
	if (!objective || (tl_wants_gradient(objective) && tl_backward(s->model->ctx, objective) < 0))
		return tl_check_fail(c, "%s: %s", say, tl_ctx_error(s->model->ctx)->text);
	for (int k = 0; k < s->in.n_slots; k++) {
		tl_injected *x = &s->in.slot[k];
		int64_t count = 1;
		for (int a = 0; a < x->rank; a++)
			count *= x->dim[a];
		if (x->reals)
			list[n++] = (struct probe){ x->name, (double *)(uintptr_t)x->reals, copy_gradient(s, x->tensor, count), count };
	}
	for (int k = 0; k < tl_weights_count(w); k++) {
		tl_weight_info *info = tl_weights_at(w, k);
		if (info->trainable)
			list[n++] = (struct probe){ info->name, tl_data_mut(info->tensor), copy_gradient(s, info->tensor, info->count), info->count };
	}
	for (int k = 0; k < n && !status; k++)
		status = hold_gradient(c, s, &list[k], say, 1 + fabs(value));
	return status;
}

int
tl_check_gradients(tl_check *c)
{
	json_t *list = tl_variations(c->candidate->plugin), *v;
	size_t k;
	int status = 0;

	if (fits_itself(c)) {
		json_decref(list);
		return tl_check_skip(c, "it trains by itself");
	}
	json_array_foreach(list, k, v) {
		tl_situation s;
		int opened = open_variation(c, &s, v, TL_F64, 1);
		if (opened < 0)
			status = -1;
		else if (!opened)
			status = gradients_of(c, &s, tl_json_string(v, "say", ""));
		tl_situation_free(&s);
		if (status)
			break;
	}
	json_decref(list);
	return status;
}

/* --- one document like many, in any order ------------------------------------------------------------------------------------------------------- */
static int
outputs_of(tl_check *c, tl_situation *s, tl_written **out)
{
	if (tl_situation_forward(s, 1, false, false, false) < 0)
		return tl_check_fail(c, "%s", s->error.text);
	return tl_situation_outputs(s, out);
}

/* Rows of document `d` in an output: [first, first + count). */
static void
rows_of(const tl_situation *s, const tl_written *w, int d, int64_t *first, int64_t *count)
{
	*first = w->axis == 'B' ? d : s->offsets[d];
	*count = w->axis == 'B' ? 1 : s->offsets[d + 1] - s->offsets[d];
}

static int
same_rows(tl_check *c, const tl_situation *a, const tl_written *x, int da, const tl_situation *b, const tl_written *y, int db, const char *how)
{
	int64_t first, count, other, others;

	rows_of(a, x, da, &first, &count);
	rows_of(b, y, db, &other, &others);
	if (x->axis == 'T' && (x->rows != a->n_tokens || y->rows != b->n_tokens))
		return 0; /* rows of something else than the documents' tokens */
	if (count != others || x->width != y->width || other + others > y->rows)
		return tl_check_fail(c, "%s: the slot %s has another shape", how, x->slot);
	for (int64_t i = 0; i < count * x->width; i++) {
		double p = x->value[first * x->width + i], q = y->value[other * y->width + i];
		if (!(fabs(p - q) <= 1e-9 * fmax(1, fabs(p))))
			return tl_check_fail(c, "%s: the slot %s differs for document %d: %.12g among %d documents, %.12g %s; predictions must not depend on the other documents", how, x->slot, da, p,
			                     (int)a->n_documents, q, b->n_documents == 1 ? "alone" : "in another order");
	}
	return 0;
}

static int
compare_selection(tl_check *c, tl_situation *all, const tl_written *x, int n, int count, const int *documents, const char *how)
{
	tl_situation some;
	tl_written *y = NULL;
	int m = 0, status = tl_situation_select(&some, all, count, documents);

	if (status)
		status = tl_check_fail(c, "%s: %s", how, some.error.text);
	else if ((m = outputs_of(c, &some, &y)) < 0)
		status = -1;
	else if (m != n)
		status = tl_check_fail(c, "%s: %d outputs where there were %d", how, m, n);
	for (int k = 0; k < n && !status; k++)
		for (int d = 0; d < count && !status && x[k].axis != 'L' && y[k].axis != 'L'; d++)
			status = same_rows(c, all, &x[k], documents[d], &some, &y[k], d, how);
	if (m > 0)
		tl_written_free(y, m);
	tl_situation_free(&some);
	return status;
}

static int
check_selections(tl_check *c, bool alone)
{
	json_t *params = tl_required_params(c->candidate->plugin, true);
	tl_situation all;
	tl_written *x = NULL;
	int n = -1, status;

	if (fits_itself(c)) {
		json_decref(params);
		return tl_check_skip(c, "it trains by itself");
	}
	status = tl_situation_new(&all, c, params, TL_F64, 1);
	json_decref(params);
	if (status)
		status = tl_check_fail(c, "%s", all.error.text);
	else if ((n = outputs_of(c, &all, &x)) < 0)
		status = -1;
	for (int d = 0; alone && d < (int)all.n_documents && !status; d++)
		status = compare_selection(c, &all, x, n, 1, &d, "packed against one by one");
	if (!alone && !status) {
		int order[16];
		for (int d = 0; d < (int)all.n_documents; d++)
			order[d] = (int)all.n_documents - 1 - d;
		status = compare_selection(c, &all, x, n, (int)all.n_documents, order, "batch order");
	}
	if (n > 0)
		tl_written_free(x, n);
	tl_situation_free(&all);
	return status;
}

int
tl_check_packed(tl_check *c)
{
	return check_selections(c, true);
}

int
tl_check_order(tl_check *c)
{
	return check_selections(c, false);
}

/* --- the same bits -------------------------------------------------------------------------------------------------------------------------------- */
/* Total, gradients and outputs of two training steps with dropout, as one block of bytes. */
static int
bits_of(tl_check *c, int threads, tl_text *out)
{
	json_t *params = tl_required_params(c->candidate->plugin, true);
	tl_situation s;
	int status = tl_situation_new(&s, c, params, TL_F32, threads);

	json_decref(params);
	if (status)
		status = tl_check_fail(c, "%s", s.error.text);
	for (int64_t step = 1; step <= 2 && !status; step++) {
		tl_weights *w = tl_model_weights(s.model);
		tl_written *x;
		tl_tensor *total;
		double value = 0;
		int n;
		tl_weights_zero_gradients(w, s.pool);
		if (tl_situation_forward(&s, step, true, true, true) < 0 || !(total = tl_situation_objective(&s, &value)) || (tl_wants_gradient(total) && tl_backward(s.model->ctx, total) < 0)) {
			status = tl_check_fail(c, "%s", s.error.status ? s.error.text : tl_ctx_error(s.model->ctx)->text);
			break;
		}
		tl_text_bytes(out, &value, sizeof value);
		tl_text_bytes(out, tl_weights_gradients(w), (size_t)tl_weights_size(w) * sizeof(float));
		n = tl_situation_outputs(&s, &x);
		for (int k = 0; k < n; k++)
			tl_text_bytes(out, x[k].value, (size_t)(x[k].rows * x[k].width) * sizeof(double));
		tl_written_free(x, n);
		if (tl_model_after_step(s.model) < 0)
			status = tl_check_fail(c, "after_step: %s", tl_ctx_error(s.model->ctx)->text);
	}
	tl_situation_free(&s);
	return status;
}

int
tl_check_same_bits(tl_check *c)
{
	tl_text first = { 0 }, again = { 0 }, threads = { 0 };
	int status;

	if (fits_itself(c))
		return tl_check_skip(c, "it trains by itself");
	status = bits_of(c, 1, &first) < 0 || bits_of(c, 1, &again) < 0 || bits_of(c, 2, &threads) < 0 ? -1 : 0;
	if (!status && (first.n != again.n || memcmp(first.s, again.s, first.n)))
		status = tl_check_fail(c, "two runs with one seed give different bits; draw random numbers with tl_stream_for or tl_dropout only");
	if (!status && (first.n != threads.n || memcmp(first.s, threads.s, first.n)))
		status = tl_check_fail(c, "one and two threads give different bits; the cut of tl_parallel must depend on shapes alone");
	tl_text_free(&first);
	tl_text_free(&again);
	tl_text_free(&threads);
	return status;
}

/* --- memory, floating point, state, leaks ------------------------------------------------------------------------------------------------------------ */
/* Two steps, their hooks, an evaluation. */
static int
walk(tl_check *c, tl_situation *s)
{
	for (int64_t step = 1; step <= 2; step++) {
		tl_tensor *total;
		double value;
		if (tl_situation_forward(s, step, true, true, true) < 0)
			return tl_check_fail(c, "%s", s->error.text);
		total = tl_model_total(s->model, 1, &value, NULL);
		if (!total || (tl_wants_gradient(total) && tl_backward(s->model->ctx, total) < 0) || tl_model_after_step(s->model) < 0)
			return tl_check_fail(c, "%s", tl_ctx_error(s->model->ctx)->text);
	}
	if (tl_model_before_eval(s->model) < 0)
		return tl_check_fail(c, "before_eval: %s", tl_ctx_error(s->model->ctx)->text);
	if (tl_situation_forward(s, 3, false, false, false) < 0)
		return tl_check_fail(c, "in evaluation: %s", s->error.text);
	return 0;
}

static int
walked(tl_check *c, tl_situation *s)
{
	json_t *params = tl_required_params(c->candidate->plugin, true);
	int status = tl_situation_new(s, c, params, TL_F32, 1);

	json_decref(params);
	return status ? tl_check_fail(c, "%s", s->error.text) : walk(c, s);
}

int
tl_check_bounds(tl_check *c)
{
	tl_situation s;
	int status;

	if (fits_itself(c))
		return tl_check_skip(c, "it trains by itself");
	status = walked(c, &s); /* the guard bytes around the struct are looked at after every call */
	tl_situation_free(&s);
	return status;
}

int
tl_check_floats(tl_check *c)
{
	tl_situation s;
	int status;

	if (fits_itself(c))
		return tl_check_skip(c, "it trains by itself");
	c->float_told = false;
	status = walked(c, &s);
	tl_situation_free(&s);
	return !status && c->float_told ? tl_check_fail(c, "a function changes the floating-point state: %s", c->warnings.s) : status;
}

int
tl_check_state(tl_check *c)
{
	const tl_plugin *p = c->candidate->plugin;
	tl_text first = { 0 }, again = { 0 };
	tl_situation s;
	int status;

	if (fits_itself(c))
		return tl_check_skip(c, "it trains by itself");
	if (!p->states || !p->states->name)
		return tl_check_skip(c, "it declares no state");
	status = walked(c, &s);
	if (!status && (tl_model_save_state(s.model, &first) < 0 || tl_model_load_state(s.model, first.s, first.n) < 0 || tl_model_save_state(s.model, &again) < 0))
		status = tl_check_fail(c, "%s", tl_ctx_error(s.model->ctx)->text);
	if (!status && (first.n != again.n || memcmp(first.s, again.s, first.n)))
		status = tl_check_fail(c, "the state that was saved is not the state that was read back");
	tl_text_free(&first);
	tl_text_free(&again);
	tl_situation_free(&s);
	return status;
}

static int
entries(const char *folder)
{
	DIR *d = opendir(folder);
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

int
tl_check_leaks(tl_check *c)
{
	int files, threads, status = 0;

	if (fits_itself(c))
		return tl_check_skip(c, "it trains by itself");
	files = entries("/proc/self/fd");
	threads = entries("/proc/self/task");
	for (int k = 0; k < 2 && !status; k++) {
		tl_situation s;
		status = walked(c, &s);
		tl_situation_free(&s);
	}
	if (!status && entries("/proc/self/fd") > files)
		status = tl_check_fail(c, "%d file descriptors stay open", entries("/proc/self/fd") - files);
	if (!status && entries("/proc/self/task") > threads)
		status = tl_check_fail(c, "%d threads stay behind", entries("/proc/self/task") - threads);
	return status;
}
