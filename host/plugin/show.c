/*
 * show.c - a declaration printed for people and as data. The manual, the Lua reference and error messages all read the same rows.
 */
#include "inside.h"

#include <string.h>

static const char *const type_words[] = { "", "integer", "number", "true or false", "choice", "text", "list of integers", "table" };
static const char *const init_words[] = { "Xavier-uniform", "zeros", "ones", "N(0, 0.02)", "orthogonal", "copy" };
static const char *const state_words[] = { "", "numbers", "integers", "lists of integers", "copy of the encoder" };
static const char *const slot_words[] = { "tensor", "list", "input", "integers", "features" };

static void
range_text(const tl_param *r, char *out, size_t n)
{
	out[0] = 0;
	if ((r->type != TL_INT && r->type != TL_REAL) || r->min > r->max || (r->min == 0 && r->max == 0))
		return;
	if (r->max >= 1e300)
		snprintf(out, n, ", at least %g", r->min);
	else if (r->min <= -1e300)
		snprintf(out, n, ", at most %g", r->max);
	else
		snprintf(out, n, ", %g to %g", r->min, r->max);
}

static void
show_params(const tl_plugin *p, tl_text *out)
{
	char range[80];

	for (const tl_param *r = p->params; r && r->name; r++) {
		if (r == p->params)
			tl_text_add(out, "\nparameters\n");
		range_text(r, range, sizeof range);
		tl_text_add(out, "  %-18s %s%s%s%s\n  %-18s %s\n", r->name, r->type == TL_CHOICE ? r->choices : type_words[r->type], range, r->value ? ", default " : r->optional ? ", may be missing" : ", required",
		            r->value ? r->value : "", "", r->doc);
	}
	for (const tl_loss *l = p->losses; l && l->part; l++)
		if (!tl_param_find(p, l->param, strlen(l->param)))
			tl_text_add(out, "  %-18s number, default %s\n  %-18s weight of the loss%s%s\n", l->param, l->value ? l->value : "1", "", l->part[0] ? " " : "", l->part);
	if (p->module)
		tl_text_add(out, "%s  also name, lr, weight_decay, init_scale, as every module\n", p->params || p->losses ? "" : "\nparameters\n");
}

static void
show_slots(const char *title, const tl_slot *rows, tl_text *out)
{
	for (const tl_slot *r = rows; r && r->name; r++) {
		if (r == rows)
			tl_text_add(out, "\n%s\n", title);
		tl_text_add(out, "  %-18s %s%s%s%s%s%s", r->name, r->kind == TL_SLOT_TENSOR ? "" : slot_words[r->kind], r->shape ? " [" : "", r->shape ? r->shape : "", r->shape ? "]" : "",
		            r->when ? ", when " : "", r->when ? r->when : "");
		tl_text_add(out, "%s%s%s\n", r->optional ? ", where there is one" : "", r->doc ? ": " : "", r->doc ? r->doc : "");
	}
}

int
tl_plugin_show(const tl_candidate *c, tl_text *out)
{
	const tl_plugin *p = c->plugin;

	if (!p) {
		tl_text_add(out, "%s\n", c->why ? c->why : c->path);
		return -1;
	}
	tl_text_add(out, "%s/%s %s: %s\n", c->kind, p->name, p->version, p->summary);
	if (p->citation)
		tl_text_add(out, "\npaper\n  %s\n", p->citation);
	if (p->differs)
		tl_text_add(out, "\ndiffers from the paper\n  %s\n", p->differs);
	show_params(p, out);
	show_slots("reads", p->reads, out);
	show_slots("writes", p->writes, out);
	for (const tl_weight *r = p->weights; r && r->name; r++) {
		if (r == p->weights)
			tl_text_add(out, "\nweights\n");
		tl_text_add(out, "  %-34s [%s], %s%s%s%s%s%s%s%s%s%s\n", r->name, r->shape, init_words[r->init], r->of ? " of " : "", r->of ? r->of : "", r->repeat ? ", # over " : "", r->repeat ? r->repeat : "",
		            r->when ? ", when " : "", r->when ? r->when : "", r->flags & TL_FROZEN ? ", never trained" : "", r->doc ? ": " : "", r->doc ? r->doc : "");
	}
	for (const tl_state *r = p->states; r && r->name; r++)
		tl_text_add(out, "%s  %-18s %s [%s]%s%s%s%s\n", r == p->states ? "\nstate\n" : "", r->name, state_words[r->kind], r->shape ? r->shape : "", r->when ? ", when " : "", r->when ? r->when : "",
		            r->doc ? ": " : "", r->doc ? r->doc : "");
	for (const tl_loss *r = p->losses; r && r->part; r++)
		tl_text_add(out, "%s  %-18s times %s%s%s\n", r == p->losses ? "\nlosses\n" : "", r->part[0] ? r->part : "(its own name)", r->param, r->when ? ", when " : "", r->when ? r->when : "");
	for (const tl_metric *m = p->metrics; m && m->name; m++)
		tl_text_add(out, "%s  %-18s %s\n  %-18s %s\n", m == p->metrics ? "\nmetrics\n" : "", m->name, m->signature, "", m->doc);
	tl_text_add(out, "\nfile\n  %s\n  ABI %d.%d\n", c->path, p->abi_major, p->abi_minor);
	return 0;
}

static json_t *
text_or_null(const char *s)
{
	return s ? json_string(s) : json_null();
}

static json_t *
param_json(const tl_param *r)
{
	json_t *v = json_pack("{s:s, s:s, s:b, s:s}", "name", r->name, "type", type_words[r->type], "optional", (int)r->optional, "doc", r->doc ? r->doc : "");

	json_object_set_new(v, "default", text_or_null(r->value));
	if (r->choices)
		json_object_set_new(v, "choices", json_string(r->choices));
	if (r->min <= r->max && !(r->min == 0 && r->max == 0)) {
		json_object_set_new(v, "min", json_real(r->min));
		json_object_set_new(v, "max", json_real(r->max));
	}
	return v;
}

static json_t *
slots_json(const tl_slot *rows)
{
	json_t *list = json_array();

	for (const tl_slot *r = rows; r && r->name; r++) {
		json_t *v = json_pack("{s:s, s:s, s:b}", "name", r->name, "kind", slot_words[r->kind], "optional", (int)r->optional);
		json_object_set_new(v, "shape", text_or_null(r->shape));
		json_object_set_new(v, "when", text_or_null(r->when));
		json_object_set_new(v, "doc", text_or_null(r->doc));
		json_array_append_new(list, v);
	}
	return list;
}

json_t *
tl_plugin_json(const tl_candidate *c)
{
	const tl_plugin *p = c->plugin;
	json_t *v, *list;

	if (!p)
		return json_pack("{s:s, s:s}", "path", c->path, "refused", c->why ? c->why : "");
	v = json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", c->kind, "name", p->name, "version", p->version, "summary", p->summary, "path", c->path);
	json_object_set_new(v, "citation", text_or_null(p->citation));
	json_object_set_new(v, "differs", text_or_null(p->differs));
	json_object_set_new(v, "abi", json_sprintf("%d.%d", p->abi_major, p->abi_minor));
	json_object_set_new(v, "params", list = json_array());
	for (const tl_param *r = p->params; r && r->name; r++)
		json_array_append_new(list, param_json(r));
	json_object_set_new(v, "reads", slots_json(p->reads));
	json_object_set_new(v, "writes", slots_json(p->writes));
	json_object_set_new(v, "weights", list = json_array());
	for (const tl_weight *r = p->weights; r && r->name; r++) {
		json_t *w = json_pack("{s:s, s:s, s:s}", "name", r->name, "shape", r->shape, "init", init_words[r->init]);
		json_object_set_new(w, "when", text_or_null(r->when));
		json_object_set_new(w, "repeat", text_or_null(r->repeat));
		json_object_set_new(w, "doc", text_or_null(r->doc));
		json_array_append_new(list, w);
	}
	json_object_set_new(v, "losses", list = json_array());
	for (const tl_loss *r = p->losses; r && r->part; r++) {
		json_t *w = json_pack("{s:s, s:s, s:s}", "part", r->part, "param", r->param, "default", r->value ? r->value : "1");
		json_object_set_new(w, "when", text_or_null(r->when));
		json_array_append_new(list, w);
	}
	json_object_set_new(v, "states", list = json_array());
	for (const tl_state *r = p->states; r && r->name; r++) {
		json_t *w = json_pack("{s:s, s:s}", "name", r->name, "kind", state_words[r->kind]);
		json_object_set_new(w, "shape", text_or_null(r->shape));
		json_array_append_new(list, w);
	}
	json_object_set_new(v, "metrics", list = json_array());
	for (const tl_metric *m = p->metrics; m && m->name; m++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b, s:b}", "name", m->name, "signature", m->signature, "doc", m->doc, "takes_k", (int)m->takes_k, "higher_is_better", (int)m->higher_is_better));
	return v;
}
