/*
 * step.c - one pass of a batch through the modules: slots in, forward, slots out, losses, total, gradients.
 */
#include "model.h"

#include <stdlib.h>
#include <string.h>

/* --- slots ------------------------------------------------------------------------------------------------------------------------------- */
static tl_slot_value *
slot_there(tl_model *m, const char *name)
{
	int at = tl_find_slot(m, name);

	if (at < 0)
		return NULL;
	m->slot[at].there = true;
	return &m->slot[at];
}

/* What was given in place of modules: tensors of a reference vector or of a check. */
static int
place_injected(tl_model *m)
{
	tl_injection *in = m->injection;

	for (int k = 0; k < in->n_slots; k++)
		in->slot[k].tensor = NULL;
	for (int k = 0; k < in->n_calls; k++)
		in->call[k].tensor = NULL;
	for (int k = 0; k < in->n_slots; k++) {
		tl_slot_value *s = slot_there(m, in->slot[k].name);
		tl_tensor *x = tl_injected_tensor(m, &in->slot[k], in->slot_gradients);
		if (!x)
			return -1;
		s->tensor = x;
		if (s->kind != TL_SLOT_LIST)
			continue;
		s->list.n = (int)tl_dim(x, 0); /* [K, T, d]: first layer first */
		s->list.item = tl_scratch(m->ctx, (size_t)(s->list.n + 1) * sizeof *s->list.item);
		for (int l = 0; s->list.item && l < s->list.n; l++)
			s->list.item[l] = tl_reshape(m->ctx, tl_slice(m->ctx, x, 0, l, l + 1), 2, tl_dim(x, 1), tl_dim(x, 2), 0, 0);
	}
	if (in->n_tokens >= 0) {
		tl_slot_value *s = slot_there(m, "input");
		s->input = tl_input_of(m->ctx, (int32_t)in->n_documents, in->offsets, in->ids, in->segments, in->positions);
		if (!s->input)
			return -1;
	}
	return tl_status(m->ctx);
}

static int
place_batch(tl_model *m, const tl_documents *d)
{
	tl_slot_value *s;

	if (d->offsets && (s = slot_there(m, "input"))) {
		s->input = tl_input_of(m->ctx, d->n, d->offsets, d->ids, NULL, NULL);
		if (!s->input)
			return -1;
		m->T = d->offsets[d->n];
	}
	if (d->features.offsets && (s = slot_there(m, "features")))
		s->features = &d->features;
	return 0;
}

static int
value_dims(const tl_slot_value *s, int *rank, int64_t *dim)
{
	const tl_tensor *x = s->kind == TL_SLOT_LIST ? s->list.n ? s->list.item[0] : NULL : s->tensor;

	if (!x)
		return -1;
	*rank = tl_rank(x);
	for (int a = 0; a < *rank; a++)
		dim[a] = tl_dim(x, a);
	return 0;
}

static int
unfit(tl_model *m, const char *verb, const tl_slot_use *use, int rank, const int64_t *dim, const char *why)
{
	char *got = tl_shape_words(m, rank, dim);

	tl_fail(m->ctx, "%s the slot %s as [%s], but it is %s: %s", verb, use->name, use->row->shape, got, why);
	free(got);
	return -1;
}

/* Fills the fields that the instance reads, and binds its free symbols to this batch's sizes. */
static int
hand_in(tl_model *m, tl_model_instance *i)
{
	i->n_symbols = 0;
	for (int k = 0; k < i->n_reads; k++) {
		const tl_slot_use *use = &i->read[k];
		tl_slot_value *s = use->slot >= 0 ? &m->slot[use->slot] : NULL;
		char *field = (char *)i->self + use->row->at;
		tl_error why = { 0 };
		int rank;
		int64_t dim[TL_MAX_RANK];
		if (s && !s->there && !use->row->optional)
			return tl_fail(m->ctx, "reads the slot %s, which nothing has written in this step", use->name);
		if (!s || !s->there) {
			memset(field, 0, use->row->kind == TL_SLOT_LIST ? sizeof(tl_list) : sizeof(void *));
			continue;
		}
		switch (use->row->kind) {
		case TL_SLOT_INPUT: *(const tl_input **)field = s->input; continue;
		case TL_SLOT_FEATURES: *(const tl_features **)field = s->features; continue;
		case TL_SLOT_LIST: *(tl_list *)field = s->list; break;
		default: *(tl_tensor **)field = s->tensor; break;
		}
		if (value_dims(s, &rank, dim) < 0)
			return tl_fail(m->ctx, "reads the slot %s, which is empty", use->name);
		if (tl_unify(i, use->row->shape, rank, dim, &why) < 0)
			return unfit(m, "reads", use, rank, dim, why.text);
	}
	return 0;
}

static bool
read_field(const tl_model_instance *i, size_t at)
{
	for (int k = 0; k < i->n_reads; k++)
		if (i->read[k].row->at == at)
			return true;
	return false;
}

static void
clear_written(tl_model_instance *i)
{
	for (int k = 0; k < i->n_writes; k++)
		if (!read_field(i, i->write[k].row->at))
			memset((char *)i->self + i->write[k].row->at, 0, i->write[k].row->kind == TL_SLOT_LIST ? sizeof(tl_list) : sizeof(void *));
}

/* Takes what the instance wrote, and holds it against the shape that it declared. */
static int
take_out(tl_model *m, tl_model_instance *i)
{
	for (int k = 0; k < i->n_writes; k++) {
		const tl_slot_use *use = &i->write[k];
		tl_slot_value *s = &m->slot[use->slot];
		const char *field = (const char *)i->self + use->row->at;
		tl_error why = { 0 };
		int rank;
		int64_t dim[TL_MAX_RANK];
		s->kind = use->row->kind;
		s->there = true;
		if (use->row->kind == TL_SLOT_INPUT || use->row->kind == TL_SLOT_FEATURES) {
			if (!*(const void *const *)field)
				return tl_fail(m->ctx, "declares that it writes the slot %s, but left its field empty", use->name);
			if (use->row->kind == TL_SLOT_INPUT)
				s->input = *(const tl_input *const *)field;
			else
				s->features = *(const tl_features *const *)field;
			continue;
		}
		if (use->row->kind == TL_SLOT_LIST)
			s->list = *(const tl_list *)field;
		else
			s->tensor = *(tl_tensor *const *)field;
		if (s->unwanted && !s->tensor) {
			s->there = false;
			continue;
		}
		if (value_dims(s, &rank, dim) < 0)
			return tl_fail(m->ctx, "declares that it writes the slot %s, but left its field empty", use->name);
		if ((use->row->kind == TL_SLOT_INT) != (s->kind == TL_SLOT_INT && tl_dtype_of(s->tensor) == TL_I32))
			return tl_fail(m->ctx, "declares the slot %s as integers, but wrote real numbers", use->name);
		if (use->row->kind != TL_SLOT_INT && tl_dtype_of(s->kind == TL_SLOT_LIST ? s->list.item[0] : s->tensor) == TL_I32)
			return tl_fail(m->ctx, "declares the slot %s as real numbers, but wrote integers", use->name);
		if (tl_unify(i, use->row->shape, rank, dim, &why) < 0)
			return unfit(m, "declares", use, rank, dim, why.text);
	}
	return 0;
}

/* --- modules ------------------------------------------------------------------------------------------------------------------------------- */
static int
run_instance(tl_model *m, tl_model_instance *i)
{
	tl_guarded g;
	int status;

	if (i->plugin->kind == TL_KIND_ENCODER)
		return tl_run_encoder(m, i);
	if (!i->plugin->module->forward)
		return tl_fail(m->ctx, "%s trains by itself: it has no forward", i->who);
	tl_guard_enter(&g, i, "forward");
	tl_ctx_instance(m->ctx, i->name);
	status = hand_in(m, i);
	if (!status) {
		clear_written(i);
		status = i->plugin->module->forward(m->ctx, i->self);
	}
	if (!status && !tl_status(m->ctx))
		status = take_out(m, i);
	return tl_guard_leave(&g, i, status);
}

int
tl_model_forward(tl_model *m, const tl_pass *pass)
{
	tl_ctx_begin(m->ctx, m->seed, pass->step, pass->dropout, pass->record);
	m->documents = pass->documents;
	m->training = pass->training;
	m->step = pass->step;
	m->fault = NULL;
	m->label_offsets = m->label_index = NULL;
	m->labels = (tl_lists){ pass->documents->n, pass->documents->label_offsets, pass->documents->labels };
	m->B = pass->documents->n;
	m->best = NULL;
	for (int k = 0; k < m->n_slots; k++)
		m->slot[k].there = m->slot[k].unwanted = false;
	for (int k = 0; k < m->n; k++)
		for (int l = 0; l < m->instance[k].n_losses; l++)
			m->instance[k].loss[l].scalar = NULL;
	if ((m->injection ? place_injected(m) : place_batch(m, pass->documents)) < 0)
		return -1;
	for (int k = 0; k < m->n; k++)
		if (run_instance(m, &m->instance[k]) < 0)
			return -1;
	return tl_status(m->ctx);
}

/* --- logits of many labels ------------------------------------------------------------------------------------------------------------------ */
/* Does a module behind the running one read the slot? Reference vectors and checks may look at every slot. */
static bool
is_read(const tl_model *m, int slot)
{
	if (m->injection)
		return true;
	for (int k = m->running->at + 1; k < m->n; k++)
		for (int r = 0; r < m->instance[k].n_reads; r++)
			if (m->instance[k].read[r].slot == slot)
				return true;
	return false;
}

tl_tensor *
tl_logits(tl_ctx *ctx, const char *slot, tl_tensor *x, tl_tensor *w, tl_tensor *b)
{
	tl_model *m = tl_ctx_user(ctx);
	int at = m && m->running && slot ? tl_find_slot(m, slot) : -1;
	bool evaluated = slot && !strcmp(slot, "logits");

	if (at < 0 || is_read(m, at) || (!m->training && evaluated && !m->keep))
		return tl_linear(ctx, x, w, b, TL_NONE);
	if (!m->training && evaluated)
		m->best = tl_linear_best(ctx, x, w, b, TL_MIN(m->keep, tl_dim(w, 0)));
	m->slot[at].unwanted = true;
	return NULL;
}

void
tl_model_keep(tl_model *m, int64_t keep)
{
	m->keep = keep;
}

/* --- losses --------------------------------------------------------------------------------------------------------------------------------- */
int
tl_add_loss(tl_ctx *ctx, const char *part, tl_tensor *scalar)
{
	tl_model *m = tl_ctx_user(ctx);
	tl_model_instance *i = m ? m->running : NULL;
	const char *names[64], *near;
	int n = 0;

	if (!scalar || tl_status(ctx))
		return tl_status(ctx) ? -1 : tl_fail(ctx, "the loss \"%s\" is NULL", part ? part : "");
	if (!m || !m->training)
		return 0;
	if (!i)
		return tl_fail(ctx, "a loss can be added inside forward only");
	part = part ? part : "";
	if (tl_count(scalar) != 1)
		return tl_fail(ctx, "the loss \"%s\" has %lld numbers; wanted a scalar", part, (long long)tl_count(scalar));
	for (int k = 0; k < i->n_losses; k++) {
		if (!strcmp(i->loss[k].row->part, part)) {
			if (i->loss[k].scalar)
				return tl_fail(ctx, "the loss \"%s\" was added twice in one step", part);
			i->loss[k].scalar = tl_rank(scalar) ? tl_reshape(ctx, scalar, 0, 0, 0, 0, 0) : scalar;
			return tl_status(ctx);
		}
		if (n < 64)
			names[n++] = i->loss[k].row->part;
	}
	near = tl_nearest(part, names, n);
	return tl_fail(ctx, "adds the loss \"%s\", which it does not declare%s%s%s", part, near ? "; did you mean " : ", or not with these parameters", near ? near : "", near ? "?" : "");
}

int
tl_model_loss_parts(const tl_model *m)
{
	int parts = 0;

	for (int k = 0; k < m->n; k++)
		parts += m->instance[k].n_losses;
	return parts;
}

tl_tensor *
tl_model_total(tl_model *m, double scale, double *host, float *into)
{
	int parts = tl_model_loss_parts(m), n = 0;
	tl_tensor **scalar = tl_scratch(m->ctx, (size_t)(parts + 1) * sizeof *scalar);
	double *weight = tl_scratch(m->ctx, (size_t)(parts + 1) * sizeof *weight);

	*host = 0;
	m->part = tl_realloc(m->part, (size_t)(parts + 1) * sizeof *m->part);
	m->value = tl_realloc(m->value, (size_t)(parts + 1) * sizeof *m->value);
	m->part_weight = tl_realloc(m->part_weight, (size_t)(parts + 1) * sizeof *m->part_weight);
	for (int k = 0; k < m->n; k++) {
		for (int l = 0; l < m->instance[k].n_losses; l++) {
			const tl_bound_loss *loss = &m->instance[k].loss[l];
			if (!loss->scalar)
				continue;
			scalar[n] = loss->scalar;
			weight[n] = loss->weight * scale;
			m->part[n] = loss->name;
			m->part_weight[n] = loss->weight;
			if (!into && tl_get_reals(m->ctx, loss->scalar, &m->value[n]) < 0)
				return NULL;
			*host += into ? 0 : loss->weight * m->value[n];
			n++;
		}
	}
	m->n_parts = n;
	if (into && n && tl_fetch_scalars(m->ctx, n, scalar, into) < 0)
		return NULL;
	return tl_weighted_total(m->ctx, n, scalar, weight);
}

int
tl_model_step(tl_model *m, const tl_documents *batch, int64_t step, bool training, double scale, tl_outcome *out)
{
	tl_pass pass = { batch, step, training, training, training };
	tl_tensor *total;
	float *into = training && tl_ctx_device(m->ctx) ? out->into : NULL;
	int logits;

	memset(out, 0, sizeof *out);
	if (tl_status(m->ctx) || tl_model_forward(m, &pass) < 0)
		return -1;
	logits = tl_find_slot(m, "logits");
	out->logits = logits >= 0 && m->slot[logits].there ? m->slot[logits].tensor : NULL;
	out->best = m->best;
	if (!training)
		return 0;
	total = tl_model_total(m, scale, &out->total, into);
	out->n_parts = m->n_parts;
	out->part = m->part;
	out->value = into ? NULL : m->value;
	out->weight = m->part_weight;
	out->into = into;
	if (!total)
		return -1;
	return tl_wants_gradient(total) ? tl_backward(m->ctx, total) : tl_status(m->ctx);
}

/* --- hooks ----------------------------------------------------------------------------------------------------------------------------------- */
static int
call_all(tl_model *m, bool after_step)
{
	for (int k = 0; k < m->n; k++) {
		tl_model_instance *i = &m->instance[k];
		int (*fn)(tl_ctx *, void *) = after_step ? i->plugin->module->after_step : i->plugin->module->before_eval;
		tl_guarded g;
		int status;
		if (!fn)
			continue;
		tl_guard_enter(&g, i, after_step ? "after_step" : "before_eval");
		tl_ctx_instance(m->ctx, i->name);
		tl_purpose(m->ctx, after_step ? "after_step" : "before_eval");
		tl_no_grad_push(m->ctx);
		status = fn(m->ctx, i->self);
		tl_no_grad_pop(m->ctx);
		if (tl_guard_leave(&g, i, status) < 0)
			return -1;
	}
	return 0;
}

int
tl_model_after_step(tl_model *m)
{
	return call_all(m, true);
}

int
tl_model_before_eval(tl_model *m)
{
	static const int32_t none[1] = { 0 };

	/* A step of its own, without documents: the last training step's tensors are gone, and dropout is off. */
	tl_ctx_begin(m->ctx, m->seed, m->step, false, false);
	m->training = false;
	m->labels = (tl_lists){ 0, none, none };
	m->label_offsets = m->label_index = NULL;
	m->documents = NULL;
	m->B = 0;
	return call_all(m, false);
}

/* --- modules that train by themselves --------------------------------------------------------------------------------------------------------- */
bool
tl_model_fits_itself(const tl_model *m)
{
	return m->n == 1 && m->instance[0].plugin->module->fit;
}

bool
tl_model_needs_seed(const tl_model *m)
{
	return !tl_model_fits_itself(m) || m->instance[0].plugin->module->needs_seed;
}

int
tl_model_fit(tl_model *m, const tl_fit *fit)
{
	tl_model_instance *i = &m->instance[0];
	tl_guarded g;

	if (!tl_model_fits_itself(m))
		return tl_fail(m->ctx, "the model has no module that trains by itself");
	tl_ctx_begin(m->ctx, m->seed, 0, true, false);
	tl_guard_enter(&g, i, "fit");
	tl_ctx_instance(m->ctx, i->name);
	if (i->fitted)
		i->plugin->module->drop(i->self);
	i->fitted = true;
	return tl_guard_leave(&g, i, i->plugin->module->fit(m->ctx, i->self, fit));
}

int
tl_model_score(tl_model *m, const tl_features *f, float *scores)
{
	tl_model_instance *i = &m->instance[0];
	tl_guarded g;

	if (!tl_model_fits_itself(m) || !i->fitted)
		return tl_fail(m->ctx, "%s: there is no fitted model to score with; fit or load one first", i->who);
	tl_ctx_begin(m->ctx, m->seed, 0, false, false);
	tl_guard_enter(&g, i, "score");
	tl_ctx_instance(m->ctx, i->name);
	return tl_guard_leave(&g, i, i->plugin->module->score(m->ctx, i->self, f, scores));
}
