/*
 * model.c - a model is a list of instances over named slots: parameters filled, symbols bound, wiring checked, weights made.
 */
#include "model.h"

#include <stdlib.h>
#include <string.h>

void
tl_model_warn(tl_model *m, const char *format, ...)
{
	char text[1200];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	if (m->warn)
		m->warn(m->warn_arg, text);
	else
		tl_warning("%s", text);
}

static void
warn_from_ctx(void *user, const char *text)
{
	tl_model *m = user;

	if (m->running && !tl_starts(text, m->running->name))
		tl_model_warn(m, "%s: %s", m->running->who, text);
	else
		tl_model_warn(m, "%s", text);
}

/* --- guarded calls ------------------------------------------------------------------------------------------------------------------------ */
void
tl_guard_enter(tl_guarded *g, tl_model_instance *i, const char *callback)
{
	g->model = i->model;
	g->before = i->model->running;
	i->model->running = i;
	g->running = tl_plugin_runs((tl_running){ i->plugin_name, callback });
	tl_float_save(&g->state);
}

static bool
canary_alive(const tl_model_instance *i)
{
	const unsigned char *front = (const unsigned char *)i->room, *back = (const unsigned char *)i->room + TL_CANARY + (i->plugin->self_size + 63) / 64 * 64;

	for (int k = 0; k < TL_CANARY; k++)
		if (front[k] != 0xA5 || back[k] != 0xA5)
			return false;
	for (const unsigned char *s = (const unsigned char *)i->self + i->plugin->self_size; s < back; s++)
		if (*s != 0xA5)
			return false;
	return true;
}

int
tl_guard_leave(tl_guarded *g, tl_model_instance *i, int status)
{
	tl_model *m = g->model;
	tl_error *e = tl_ctx_error(m->ctx);
	char changed[120];

	if (tl_float_restore(&g->state, changed, sizeof changed) && !i->float_told) {
		i->float_told = true;
		tl_model_warn(m, "%s: the plugin %s/%s changed the floating-point state (%s); it was put back", i->who, i->candidate->kind, i->plugin->name, changed);
	}
	if (!canary_alive(i))
		tl_error_set(e, TL_FAILED, "the plugin wrote outside its own struct of %u bytes", i->plugin->self_size);
	if (status < 0)
		tl_error_set(e, TL_FAILED, "the plugin failed without saying why (tl_fail was not called)");
	if (status > 0)
		tl_error_set(e, TL_FAILED, "the plugin returned %d; wanted 0, or the -1 of tl_fail", status);
	m->running = g->before;
	tl_plugin_runs(g->running);
	if (!e->status)
		return 0;
	if (!m->fault) {
		m->fault = i;
		if (!tl_starts(e->text, i->who))
			tl_error_who(e, "%s", i->who);
	}
	return -1;
}

/* --- symbols -------------------------------------------------------------------------------------------------------------------------------- */
static int
model_symbol(const tl_model *m, const char *name, size_t n, double *value)
{
	const json_t *v;
	char key[32];

	if (n == 1) {
		switch (name[0]) {
		case 'L': *value = (double)m->n_labels; return 1;
		case 'B': *value = (double)m->B; return 1;
		case 'T': *value = (double)m->T; return m->T >= 0;
		case 'd': *value = m->d; return m->d >= 0;
		case 'K': *value = m->K; return m->K >= 0;
		case 'V': *value = m->V; return m->V >= 0;
		default: break;
		}
	}
	if (!m->dims || n >= sizeof key)
		return 0;
	memcpy(key, name, n);
	key[n] = 0;
	v = json_object_get(m->dims, key);
	*value = json_number_value(v);
	return json_is_number(v);
}

static int
instance_lookup(void *arg, const char *name, size_t n, double *value)
{
	const tl_model_instance *i = arg;

	if (tl_param_number(i->plugin, i->self, name, n, value) || model_symbol(i->model, name, n, value))
		return 1;
	for (int k = 0; k < i->n_symbols; k++)
		if (strlen(i->symbol[k].name) == n && !memcmp(i->symbol[k].name, name, n)) {
			*value = i->symbol[k].value;
			return 1;
		}
	return 0;
}

tl_symbols
tl_instance_symbols(tl_model_instance *i)
{
	return (tl_symbols){ instance_lookup, i };
}

int
tl_row_holds(tl_model_instance *i, const char *when, bool *holds, tl_error *e)
{
	tl_symbols names = tl_instance_symbols(i);

	return tl_condition(when, i->plugin, i->self, &names, holds, e);
}

static int
only_model_lookup(void *arg, const char *name, size_t n, double *value)
{
	return model_symbol(arg, name, n, value);
}

tl_model_instance *
tl_model_instance_named(tl_model *m, const char *name)
{
	for (int k = 0; k < m->n; k++)
		if (!strcmp(m->instance[k].name, name))
			return &m->instance[k];
	return NULL;
}

/* --- building --------------------------------------------------------------------------------------------------------------------------------- */
static int
find_module(tl_model *m, tl_registry *r, tl_model_instance *i, const json_t *module, tl_error *e)
{
	const char *plugin = tl_json_string(module, "plugin", NULL), *kind = tl_json_string(module, "kind", NULL), *where = tl_json_string(module, "where", NULL), *slash;
	const json_t *params = json_object_get(module, "params");
	const char *name = tl_json_string(module, "name", tl_json_string(params, "name", NULL));
	char *k;
	size_t room;

	if (!plugin)
		return tl_error_set(e, TL_USAGE, "module %d: \"plugin\" is missing", i->at + 1);
	slash = strchr(plugin, '/');
	k = slash ? tl_strndup(plugin, (size_t)(slash - plugin)) : tl_strdup(kind ? kind : "label");
	if (slash)
		plugin = slash + 1;
	i->name = tl_arena_strdup(m->arena, name ? name : plugin);
	i->who = where ? tl_arena_format(m->arena, "%s (%s)", i->name, where) : i->name;
	i->candidate = tl_registry_find(r, k, plugin, e);
	free(k);
	if (!i->candidate)
		return tl_error_who(e, "%s", where ? where : i->name);
	i->plugin = i->candidate->plugin;
	i->plugin_name = tl_arena_format(m->arena, "%s/%s", i->candidate->kind, i->plugin->name);
	if (i->plugin->kind != TL_KIND_ENCODER && i->plugin->kind != TL_KIND_LABEL)
		return tl_error_set(e, TL_USAGE, "%s: a %s is no part of a model", i->who, i->candidate->kind);
	if (!strcmp(i->name, "total") || !i->name[0] || strlen(i->name) > 100)
		return tl_error_set(e, TL_USAGE, "%s: the name \"%.120s\" is %s; give it another one", i->who, i->name, !strcmp(i->name, "total") ? "that of the sum of all losses" : i->name[0] ? "too long" : "empty");
	for (int other = 0; other < i->at; other++)
		if (!strcmp(m->instance[other].name, i->name))
			return tl_error_set(e, TL_USAGE, "%s: two modules are called %s; give one of them another name = \"...\"", i->who, i->name);
	room = (i->plugin->self_size + 63) / 64 * 64;
	i->room = tl_arena_alloc(m->arena, room + 2 * TL_CANARY);
	memset(i->room, 0xA5, room + 2 * TL_CANARY);
	i->self = memset(i->room + TL_CANARY, 0, i->plugin->self_size);
	if (i->plugin->kind == TL_KIND_ENCODER && m->encoder)
		return tl_error_set(e, TL_USAGE, "%s: the model has two encoders, %s and %s; a model has one", i->who, m->encoder->name, i->name);
	if (i->plugin->kind == TL_KIND_ENCODER)
		m->encoder = i;
	return 0;
}

static int
call_check(tl_model_instance *i, tl_error *e)
{
	tl_guarded g;
	int status;

	if (!i->plugin->module->check)
		return 0;
	tl_guard_enter(&g, i, "check");
	tl_ctx_instance(i->model->ctx, i->name);
	status = i->plugin->module->check(i->model->ctx, i->self);
	if (tl_guard_leave(&g, i, status) < 0)
		return tl_error_set(e, TL_USAGE, "%s", tl_ctx_error(i->model->ctx)->text);
	return 0;
}

static int
fill(tl_model *m, tl_model_instance *i, const json_t *module, tl_error *e)
{
	tl_symbols names = { only_model_lookup, m };
	json_t *resolved = json_object();

	json_object_set_new(i->params, "params", resolved);
	if (tl_params_fill_with(i->plugin, i->self, json_object_get(module, "params"), i->who, &names, m->arena, resolved, e) < 0)
		return -1;
	i->params = resolved;
	return 0;
}

static double
encoder_number(const tl_model_instance *i, const char *name)
{
	double v;

	return tl_param_number(i->plugin, i->self, name, strlen(name), &v) ? v : -1;
}

/* What a checkpoint's config decided stands in place of the parameter's default. */
static void
tell_configured(tl_model_instance *i, const void *before)
{
	for (const tl_param *row = i->plugin->params; row && row->name; row++) {
		const char *now = (const char *)i->self + row->at;
		size_t size = row->type == TL_FLAG ? sizeof(bool) : row->type == TL_CHOICE ? sizeof(int) : sizeof(double), n;
		if (row->type == TL_STRING || row->type == TL_JSON || row->type == TL_INTS || !memcmp((const char *)before + row->at, now, size))
			continue;
		if (row->type == TL_CHOICE) {
			const char *word = tl_param_word(i->self, row, &n);
			json_object_set_new(i->params, row->name, json_stringn(word, n));
		} else if (row->type == TL_FLAG) {
			json_object_set_new(i->params, row->name, json_boolean(*(const bool *)now));
		} else {
			json_object_set_new(i->params, row->name, row->type == TL_INT ? json_integer(*(const int64_t *)(const void *)now) : json_real(*(const double *)(const void *)now));
		}
	}
}

static int
configure_encoder(tl_model *m, tl_model_instance *i, const json_t *module, tl_error *e)
{
	const tl_param *row = tl_param_find(i->plugin, "weights", 7);
	void *before = tl_alloc(i->plugin->self_size + 1);
	const char *folder = NULL;
	int status = fill(m, i, module, e);

	if (!status) {
		memcpy(before, i->self, i->plugin->self_size);
		folder = row && row->type == TL_STRING ? *(const char **)((char *)i->self + row->at) : NULL;
	}
	if (!status && folder) {
		char *path = tl_weights_folder(folder, m->script_dir), *config = tl_checkpoint_config(path, e);
		tl_guarded g;
		status = config ? 0 : tl_error_who(e, "%s", i->who);
		if (!status && !i->plugin->module->configure)
			status = tl_error_set(e, TL_USAGE, "%s: weights are given, but the encoder %s reads no checkpoints", i->who, i->plugin->name);
		if (!status) {
			tl_guard_enter(&g, i, "configure");
			status = i->plugin->module->configure(m->ctx, i->self, config);
			if (tl_guard_leave(&g, i, status) < 0)
				status = tl_error_set(e, TL_ENVIRONMENT, "%s: %s", path, tl_ctx_error(m->ctx)->text);
		}
		free(path);
		free(config);
	}
	if (!status)
		status = call_check(i, e);
	if (!status) {
		tell_configured(i, before);
		m->d = encoder_number(i, "dim");
		m->K = encoder_number(i, "layers");
		m->V = encoder_number(i, "vocab");
	}
	free(before);
	return status;
}

static int
bind_losses(tl_model *m, tl_model_instance *i, tl_error *e)
{
	int n = 0;

	while (i->plugin->losses && i->plugin->losses[n].part)
		n++;
	i->loss = tl_arena_zalloc(m->arena, (size_t)(n + 1) * sizeof *i->loss);
	for (int k = 0; k < n; k++) {
		const tl_loss *row = &i->plugin->losses[k];
		tl_bound_loss *l = &i->loss[i->n_losses];
		bool holds;
		if (tl_row_holds(i, row->when, &holds, e) < 0)
			return tl_error_who(e, "%s: loss %s", i->who, row->param);
		if (!holds)
			continue;
		l->row = row;
		l->name = row->part[0] ? tl_arena_format(m->arena, "%s.%s", i->name, row->part) : i->name;
		l->weight = tl_json_number(i->params, row->param, 1);
		i->n_losses++;
	}
	return 0;
}

static int
bind_states(tl_model *m, tl_model_instance *i, tl_error *e)
{
	int n = 0;

	while (i->plugin->states && i->plugin->states[n].name)
		n++;
	i->state = tl_arena_zalloc(m->arena, (size_t)(n + 1) * sizeof *i->state);
	for (int k = 0; k < n; k++) {
		const tl_state *row = &i->plugin->states[k];
		tl_bound_state *s = &i->state[i->n_states];
		int64_t dim[TL_MAX_RANK];
		int rank = 0;
		bool holds;
		if (tl_row_holds(i, row->when, &holds, e) < 0)
			return tl_error_who(e, "%s: state %s", i->who, row->name);
		if (!holds)
			continue;
		s->row = row;
		s->width = 1;
		if (row->kind != TL_STATE_RAGGED && row->kind != TL_STATE_ENCODER && row->shape) {
			if (tl_evaluate_shape(i, row->shape, 0, 0, &rank, dim, e) < 0)
				return tl_error_who(e, "%s: state %s [%s]", i->who, row->name, row->shape);
			for (int a = 1; a < rank; a++)
				s->width *= dim[a];
		}
		if (row->kind == TL_STATE_ENCODER) {
			if (!m->encoder && !m->injection)
				return tl_error_set(e, TL_USAGE, "%s keeps a copy of the encoder, and the model has none; put one before it", i->who);
			if (!m->skip_weights && m->encoder)
				*(tl_encoder_copy **)((char *)i->self + row->at) = tl_copy_encoder(m);
		} else {
			((tl_state_block *)((char *)i->self + row->at))->width = s->width;
		}
		i->n_states++;
	}
	return 0;
}

static int
check_fit(tl_model *m, tl_error *e)
{
	for (int k = 0; k < m->n; k++)
		if (m->instance[k].plugin->module->fit && m->n > 1)
			return tl_error_set(e, TL_USAGE, "%s trains by itself and stands alone; take %s out of the model", m->instance[k].who, m->instance[k ? 0 : 1].name);
	return 0;
}

/* An encoder reads tokens of texts; a reader may have brought bags of words alone. */
static int
check_texts(const tl_model *m, tl_error *e)
{
	const tl_split *s = m->dataset ? &m->dataset->split[TL_TRAIN] : NULL;
	bool any = !s || !m->encoder || m->injection || !s->features.n;

	for (int64_t i = 0; !any && i < s->n; i++)
		any = s->text_length[i] > 0;
	return any ? 0 : tl_error_set(e, TL_USAGE, "%s reads texts, and the dataset %s has features only; tl.label.linear reads those", m->encoder->who, m->dataset->name);
}

/*
 * As many tokens as a document may have must fit the encoder: the data set's max_length, and where a module joins labels to the document as many more, up to that
 * module's own max_length.
 */
static int
check_longest(tl_model *m, tl_error *e)
{
	const tl_model_instance *i = m->encoder;
	int at = tl_find_slot(m, "input"), writer = at >= 0 ? m->slot[at].writer : -1;
	double given = m->dataset ? (double)m->dataset->max_length : 0, joined;
	const char *whose = "tl.dataset";
	int64_t most;

	if (!i || m->injection || !i->plugin->module->longest || given <= 0)
		return 0;
	if (writer >= 0 && writer < i->at) {
		const tl_model_instance *w = &m->instance[writer];
		given += (double)m->n_labels + 1;
		if (tl_param_number(w->plugin, w->self, "max_length", 10, &joined) && joined < given) {
			given = joined;
			whose = w->who;
		}
	}
	most = i->plugin->module->longest(m->ctx, i->self);
	if (given <= (double)most)
		return 0;
	return tl_error_set(e, TL_USAGE, "%s: max_length lets sequences have %.0f tokens, but %s has positions for %lld; set max_length to that or less", whose, given, i->who, (long long)most);
}

static int
build(tl_model *m, const tl_model_setup *setup, tl_error *e)
{
	size_t n = json_array_size(setup->modules);

	if (!n)
		return tl_error_set(e, TL_USAGE, "the model has no modules");
	m->instance = tl_arena_zalloc(m->arena, n * sizeof *m->instance);
	for (size_t k = 0; k < n; k++) {
		json_t *module = json_array_get(setup->modules, k), *out;
		tl_model_instance *i = &m->instance[k];
		i->model = m;
		i->at = (int)k;
		m->n = (int)k + 1;
		if (find_module(m, setup->registry, i, module, e) < 0)
			return -1;
		out = json_pack("{s:s, s:s, s:s}", "kind", i->candidate->kind, "plugin", i->plugin->name, "name", i->name);
		if (json_object_get(module, "where"))
			json_object_set(out, "where", json_object_get(module, "where"));
		json_array_append_new(m->resolved, out);
		i->params = out;
	}
	if (m->encoder && configure_encoder(m, m->encoder, json_array_get(setup->modules, (size_t)m->encoder->at), e) < 0)
		return -1;
	for (int k = 0; k < m->n; k++) {
		tl_model_instance *i = &m->instance[k];
		if (i != m->encoder && (fill(m, i, json_array_get(setup->modules, (size_t)k), e) < 0 || call_check(i, e) < 0))
			return -1;
	}
	if (check_fit(m, e) < 0 || tl_wire(m, e) < 0 || check_texts(m, e) < 0 || check_longest(m, e) < 0 || tl_create_weights(m, e) < 0)
		return -1;
	for (int k = 0; k < m->n; k++)
		if (bind_losses(m, &m->instance[k], e) < 0 || bind_states(m, &m->instance[k], e) < 0)
			return -1;
	if (m->tokenizer && m->V >= 0 && (double)tl_tokenizer_size(m->tokenizer) > m->V && tl_checkpoint_of(m->encoder))
		return tl_error_set(e, TL_USAGE, "%s has a vocabulary of %.0f, but the tokenizer makes ids up to %lld: %s holds the tokenizer of another model", m->encoder->who, m->V,
		                    (long long)tl_tokenizer_size(m->tokenizer) - 1, tl_checkpoint_of(m->encoder));
	if (m->tokenizer && m->V >= 0 && (double)tl_tokenizer_size(m->tokenizer) > m->V)
		return tl_error_set(e, TL_USAGE, "%s has a vocabulary of %.0f, but the tokenizer makes ids up to %lld; vocab = %lld fits it", m->encoder->who, m->V,
		                    (long long)tl_tokenizer_size(m->tokenizer) - 1, (long long)tl_tokenizer_size(m->tokenizer));
	return 0;
}

tl_model *
tl_model_build(const tl_model_setup *setup, tl_injection *injection, tl_error *e)
{
	tl_model *m = tl_alloc(sizeof *m);

	m->registry = setup->registry;
	m->arena = tl_arena_new(1 << 16);
	m->ctx = tl_ctx_new(setup->compute, setup->pool, m);
	if (setup->device)
		tl_ctx_on(m->ctx, setup->device);
	tl_ctx_set_warn(m->ctx, warn_from_ctx);
	m->weights = tl_weights_new(setup->compute);
	tl_weights_on(m->weights, setup->device);
	m->seed = setup->seed;
	m->compute = setup->compute;
	m->n_labels = setup->n_labels;
	m->statistics = setup->statistics;
	m->dataset = setup->dataset;
	m->tokenizer = setup->tokenizer;
	m->script_dir = setup->script_dir ? tl_strdup(setup->script_dir) : NULL;
	m->dims = setup->dims ? json_deep_copy(setup->dims) : NULL;
	m->resolved = json_array();
	m->skip_weights = setup->skip_weights;
	tl_ctx_count(m->ctx, setup->counting);
	m->recompute = setup->recompute;
	m->blank = setup->blank;
	m->warn = setup->warn;
	m->warn_arg = setup->warn_arg;
	m->injection = injection;
	m->d = tl_json_number(m->dims, "d", -1);
	m->K = tl_json_number(m->dims, "K", -1);
	m->V = tl_json_number(m->dims, "V", -1);
	m->B = injection ? injection->n_documents : TL_PROBE_B;
	m->T = injection ? injection->n_tokens : TL_PROBE_T;
	tl_ctx_begin(m->ctx, m->seed, 0, false, false);
	if (build(m, setup, e) < 0) {
		tl_model_free(m);
		return NULL;
	}
	return m;
}

tl_model *
tl_model_new(const tl_model_setup *setup, tl_error *e)
{
	return tl_model_build(setup, NULL, e);
}

static void
free_states(tl_model_instance *i)
{
	for (int s = 0; s < i->n_states; s++) {
		tl_state_block *block = (tl_state_block *)((char *)i->self + i->state[s].row->at);
		if (i->state[s].row->kind == TL_STATE_ENCODER)
			continue;
		free(block->real);
		free(block->ints);
		free(block->offsets);
	}
}

void
tl_model_free(tl_model *m)
{
	if (!m)
		return;
	for (int k = 0; k < m->n; k++) {
		tl_model_instance *i = &m->instance[k];
		if (i->fitted && i->plugin->module->drop)
			i->plugin->module->drop(i->self);
		if (i->state)
			free_states(i);
		free(i->weight);
	}
	tl_copies_free(m);
	tl_lone_free(m);
	tl_texts_free(m);
	tl_ctx_free(m->ctx);
	tl_weights_free(m->weights);
	json_decref(m->dims);
	json_decref(m->resolved);
	free(m->script_dir);
	free(m->slot);
	free(m->part);
	free(m->value);
	free(m->part_weight);
	free(m->label_token_offsets);
	free(m->label_token_ids);
	tl_arena_free(m->arena);
	free(m);
}

tl_ctx *
tl_model_ctx(tl_model *m)
{
	return m->ctx;
}

tl_weights *
tl_model_weights(tl_model *m)
{
	return m->weights;
}

json_t *
tl_model_resolved(const tl_model *m)
{
	return m->resolved;
}

const char *
tl_model_fault(const tl_model *m)
{
	return m->fault ? m->fault->plugin_name : NULL;
}
