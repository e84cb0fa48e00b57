/*
 * describe.c - a model in words and numbers for dry runs, and what it asks for before it is built.
 */
#include "model.h"

#include <stdlib.h>
#include <string.h>

static json_t *
uses_json(const tl_model *m, const tl_slot_use *use, int n)
{
	json_t *list = json_array();

	for (int k = 0; k < n; k++) {
		json_t *v = json_pack("{s:s}", "slot", use[k].name);
		const tl_slot_value *s = use[k].slot >= 0 ? &m->slot[use[k].slot] : NULL;
		json_object_set_new(v, "shape", use[k].shape ? json_string(use[k].shape) : json_null());
		if (use[k].row && use[k].row->shape)
			json_object_set_new(v, "declared", json_string(use[k].row->shape));
		json_object_set_new(v, "present", json_boolean(s != NULL));
		if (s && strcmp(s->name, use[k].name))
			json_object_set_new(v, "is", json_string(s->name)); /* doc is pooled */
		json_array_append_new(list, v);
	}
	return list;
}

static json_t *
weights_json(tl_model *m, const tl_model_instance *i, int64_t *total, int64_t *trained)
{
	json_t *list = json_array();

	for (int k = 0; k < i->n_weights; k++) {
		const tl_bound_weight *b = &i->weight[k];
		const tl_weight_info *w = tl_weights_at(m->weights, b->index);
		char *shape = tl_shape_words(m, b->rank, b->dim);
		json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:b}", "name", w->name, "shape", shape, "count", (json_int_t)b->count, "trainable", (int)w->trainable));
		free(shape);
		*total += b->count;
		if (w->trainable)
			*trained += b->count;
	}
	return list;
}

/* Does a module before the encoder put vectors of its own that are trained into its input? */
static bool
trains_input(const tl_model *m, const tl_model_instance *encoder)
{
	int at = tl_find_slot(m, "input"), writer = at >= 0 ? m->slot[at].writer : -1;

	for (int k = 0; writer >= 0 && writer < encoder->at && k < m->instance[writer].n_weights; k++)
		if (tl_weights_at(m->weights, m->instance[writer].weight[k].index)->trainable)
			return true;
	return false;
}

/* What the encoder does not compute, line by line. */
static json_t *
left_out_json(tl_model *m, const tl_model_instance *i)
{
	json_t *list = json_array();
	char text[2000] = "";

	if (i == m->encoder && i->plugin->module->left_out && m->want)
		i->plugin->module->left_out(m->ctx, i->self, m->want | (trains_input(m, i) ? TL_WANT_GRADIENT : 0), text, sizeof text);
	if (i == m->encoder && !m->want)
		snprintf(text, sizeof text, "no module reads its outputs: documents are not encoded\n");
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
		json_array_append_new(list, json_stringn(line, (size_t)(end - line)));
	return list;
}

/* Outputs of a frozen encoder that are computed once: name -> numbers of a token or document; null where none are. */
static json_t *
kept_json(const tl_model *m, const tl_model_instance *i)
{
	json_t *outputs = json_object(), *v;
	tl_fixed fixed;

	if (i == m->encoder && tl_model_fixed(m, &fixed) && strcmp(fixed.cache, "none"))
		for (int k = 0; k < TL_FIXED_OUTPUTS; k++)
			if (fixed.width[k])
				json_object_set_new(outputs, tl_fixed_names[k], json_integer(fixed.width[k]));
	v = json_object_size(outputs) ? json_pack("{s:s, s:O}", "cache", fixed.cache, "outputs", outputs) : json_null();
	json_decref(outputs);
	return v;
}

json_t *
tl_model_wiring(const tl_model *model)
{
	tl_model *m = (tl_model *)(uintptr_t)model;
	json_t *all = json_array();

	for (int k = 0; k < m->n; k++) {
		const tl_model_instance *i = &m->instance[k];
		int64_t total = 0, trained = 0;
		json_t *v = json_pack("{s:s, s:s, s:s}", "name", i->name, "plugin", i->plugin_name, "summary", i->plugin->summary), *losses = json_array();
		json_object_set_new(v, "reads", uses_json(m, i->read, i->n_reads));
		json_object_set_new(v, "writes", uses_json(m, i->write, i->n_writes));
		json_object_set_new(v, "weights", weights_json(m, i, &total, &trained));
		json_object_set_new(v, "parameters", json_integer(total));
		json_object_set_new(v, "trained", json_integer(trained));
		for (int l = 0; l < i->n_losses; l++)
			json_array_append_new(losses, json_pack("{s:s, s:f}", "name", i->loss[l].name, "weight", i->loss[l].weight));
		json_object_set_new(v, "losses", losses);
		json_object_set_new(v, "left_out", left_out_json(m, i));
		json_object_set_new(v, "kept", kept_json(m, i));
		json_object_set(v, "params", i->params);
		json_array_append_new(all, v);
	}
	return all;
}

static const char *
module_plugin(const json_t *module, bool *encoder)
{
	const char *plugin = tl_json_string(module, "plugin", ""), *kind = tl_json_string(module, "kind", "label");

	*encoder = tl_starts(plugin, "encoder/") || (!strchr(plugin, '/') && !strcmp(kind, "encoder"));
	return strchr(plugin, '/') ? strchr(plugin, '/') + 1 : plugin;
}

static bool
wants_features(tl_registry *r, const char *name)
{
	const tl_candidate *c = tl_registry_find(r, "label", name, NULL);

	for (const tl_slot *row = c ? c->plugin->reads : NULL; row && row->name; row++)
		if (row->kind == TL_SLOT_FEATURES)
			return true;
	return c && c->plugin->module->fit;
}

static int
encoder_asks(tl_registry *r, const char *name, const json_t *module, const char *script_dir, char **tokenizer_path, int64_t *vocab, tl_error *e)
{
	const tl_candidate *c = tl_registry_find(r, "encoder", name, e);
	const char *who = tl_json_string(module, "where", name), *folder;
	const tl_param *row;
	tl_arena *a;
	double v;
	void *self;
	int status;

	if (!c)
		return tl_error_who(e, "%s", who);
	a = tl_arena_new(0);
	self = tl_arena_zalloc(a, c->plugin->self_size + 64);
	status = tl_params_fill(c->plugin, self, json_object_get(module, "params"), who, a, NULL, e);
	if (!status && tl_param_number(c->plugin, self, "vocab", 5, &v))
		*vocab = (int64_t)v;
	row = tl_param_find(c->plugin, "tokenizer", 9);
	folder = !status && row && row->type == TL_STRING ? *(const char **)((char *)self + row->at) : NULL;
	row = tl_param_find(c->plugin, "weights", 7);
	if (!status && !folder && row && row->type == TL_STRING)
		folder = *(const char **)((char *)self + row->at);
	if (!status && folder) {
		*tokenizer_path = tl_weights_folder(folder, script_dir);
		if (!tl_exists(*tokenizer_path)) {
			status = tl_error_set(e, TL_ENVIRONMENT, "%s: \"%s\": there is no such folder", who, folder);
			free(*tokenizer_path);
			*tokenizer_path = NULL;
		}
	}
	tl_arena_free(a);
	return status;
}

int
tl_model_encoder_of(tl_registry *r, const json_t *modules, const char *script_dir, char **tokenizer_path, int64_t *vocab, bool *uses_features, tl_error *e)
{
	const json_t *module;
	bool encoder, found = false;
	size_t k;

	*tokenizer_path = NULL;
	*vocab = 0;
	*uses_features = false;
	json_array_foreach(modules, k, module) {
		const char *name = module_plugin(module, &encoder);
		if (encoder && !found && encoder_asks(r, name, module, script_dir, tokenizer_path, vocab, e) < 0)
			return -1;
		found = found || encoder;
		if (!encoder && wants_features(r, name))
			*uses_features = true;
	}
	return 0;
}
