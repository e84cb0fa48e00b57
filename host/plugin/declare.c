/*
 * declare.c - is a declaration sound? Everything that can be wrong with the rows is told when the plugin is loaded, with the row's name
 * and the cure, and not when a run is an hour old.
 */
#include "inside.h"

#include <string.h>

enum { MOST_ROWS = 1000, LONGEST_TEXT = 1 << 16 };

struct looking {
	const tl_plugin *p;
	bool own;       /* strings and rows must lie in a loaded file */
	tl_error *e;
};

static int
wrong(struct looking *k, const char *what, const char *row, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	tl_error_vset(k->e, TL_ENVIRONMENT, format, ap);
	va_end(ap);
	return row ? tl_error_who(k->e, "%s %.60s", what, row) : tl_error_who(k->e, "%s", what);
}

static bool
text_there(struct looking *k, const char *s)
{
	if (!k->own)
		return s != NULL;
	for (size_t i = 0; i < LONGEST_TEXT; i++) {
		if ((!i || (uintptr_t)(s + i) % 4096 == 0) && !tl_readable(s + i, 1))
			return false;
		if (!s[i])
			return true;
	}
	return false;
}

/* A name or text of a row: NULL is welcome where `may_lack` says so. */
static int
text_of(struct looking *k, const char *what, const char *row, const char *field, const char *s, bool may_lack)
{
	if (!s && may_lack)
		return 0;
	if (s && text_there(k, s))
		return 0;
	return wrong(k, what, row, "wanted %s to be a text, got %s", field, s ? "a pointer into nowhere; does the array end with a row of zeros?" : "nothing");
}

/* The number of rows of an array that ends with zeros; -1 after an error. */
static int64_t
rows_of(struct looking *k, const char *what, const void *rows, size_t size)
{
	const char *at = rows;

	if (!rows)
		return 0;
	for (int64_t n = 0; n < MOST_ROWS; n++, at += size) {
		const char *name;
		if (k->own && !tl_readable(at, size))
			return wrong(k, what, NULL, "wanted rows that end with a row of zeros, got none within the file's memory; add { 0 } as the last row");
		name = *(const char *const *)at;
		if (!name)
			return n;
		if (!text_there(k, name))
			return wrong(k, what, NULL, "wanted rows that end with a row of zeros, got a row %lld that is none; add { 0 } as the last row", (long long)n + 1);
	}
	return wrong(k, what, NULL, "wanted rows that end with a row of zeros, got more than %d; add { 0 } as the last row", MOST_ROWS);
}

static int
inside_self(struct looking *k, const char *what, const char *row, size_t at, size_t size)
{
	if (at <= k->p->self_size && size <= k->p->self_size - at)
		return 0;
	return wrong(k, what, row, "wanted its field inside the plugin's struct of %u bytes, got bytes %zu to %zu; use offsetof of the struct named in the header macro",
	             k->p->self_size, at, at + size);
}

static bool
good_name(const char *s)
{
	return s[0] && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(s);
}

static int
condition_of(struct looking *k, const char *what, const char *row, const char *when)
{
	tl_error e = { 0 };

	if (!when)
		return 0;
	if (text_of(k, what, row, "when", when, true) < 0)
		return -1;
	return tl_condition_check(when, k->p, &e) < 0 ? wrong(k, what, row, "when: %s", e.text) : 0;
}

static int
shape_of(struct looking *k, const char *what, const char *row, const char *shape)
{
	tl_error e = { 0 };
	tl_shape_text t;

	if (text_of(k, what, row, "shape", shape, false) < 0)
		return -1;
	if (tl_shape_split(shape, &t, &e) < 0)
		return wrong(k, what, row, "%s", e.text);
	for (int i = 0; i < t.n; i++)
		for (int a = 0; a < t.alternative[i].rank; a++)
			if (tl_expression_check(t.alternative[i].axis[a].s, t.alternative[i].axis[a].n, &e) < 0)
				return wrong(k, what, row, "shape: %s", e.text);
	return 0;
}

/* --- rows --------------------------------------------------------------------------------------------------------------------------- */
static int
params(struct looking *k)
{
	static const size_t size[] = { 0, sizeof(int64_t), sizeof(double), sizeof(bool), sizeof(int), sizeof(char *), sizeof(tl_int_list), sizeof(char *) };
	int64_t n = rows_of(k, "parameters", k->p->params, sizeof(tl_param));

	for (int64_t i = 0; i < n; i++) {
		const tl_param *r = &k->p->params[i];
		tl_error e = { 0 };
		if (!good_name(r->name))
			return wrong(k, "parameter", r->name, "wanted a name of letters, digits and _");
		if (tl_param_reserved(r->name))
			return wrong(k, "parameter", r->name, "the host adds this name to every module; call it something else");
		for (int64_t j = 0; j < i; j++)
			if (!strcmp(k->p->params[j].name, r->name))
				return wrong(k, "parameter", r->name, "declared twice (rows %lld and %lld)", (long long)j + 1, (long long)i + 1);
		if (r->type < TL_INT || r->type > TL_JSON)
			return wrong(k, "parameter", r->name, "wanted a type from TL_INT to TL_JSON, got %d", r->type);
		if (inside_self(k, "parameter", r->name, r->at, size[r->type]) < 0 || inside_self(k, "parameter", r->name, r->given_at, r->given_at ? sizeof(bool) : 0) < 0 ||
		    text_of(k, "parameter", r->name, "value", r->value, true) < 0 || text_of(k, "parameter", r->name, "doc", r->doc, false) < 0 ||
		    text_of(k, "parameter", r->name, "choices", r->choices, r->type != TL_CHOICE) < 0)
			return -1;
		if (r->type == TL_CHOICE && !r->value)
			return wrong(k, "parameter", r->name, "wanted a default among %s, got none", r->choices);
		if (r->value && tl_param_check(r, &e) < 0)
			return wrong(k, "parameter", r->name, "default: %s", e.text);
	}
	return n < 0 ? -1 : 0;
}

static int
weights(struct looking *k)
{
	int64_t n = rows_of(k, "weights", k->p->weights, sizeof(tl_weight));

	for (int64_t i = 0; i < n; i++) {
		const tl_weight *r = &k->p->weights[i];
		const tl_param *param = r->repeat && text_there(k, r->repeat) ? tl_param_find(k->p, r->repeat, strlen(r->repeat)) : NULL;
		bool copied = false;
		for (int64_t j = 0; j < i; j++)
			if (!strcmp(k->p->weights[j].name, r->name) && tl_streq(k->p->weights[j].when, r->when))
				return wrong(k, "weight", r->name, "declared twice (rows %lld and %lld)", (long long)j + 1, (long long)i + 1);
		if (inside_self(k, "weight", r->name, r->at, sizeof(void *)) < 0 || shape_of(k, "weight", r->name, r->shape) < 0 ||
		    condition_of(k, "weight", r->name, r->when) < 0 || text_of(k, "weight", r->name, "repeat", r->repeat, true) < 0 ||
		    text_of(k, "weight", r->name, "of", r->of, r->init != TL_INIT_COPY) < 0 || text_of(k, "weight", r->name, "doc", r->doc, true) < 0)
			return -1;
		if (r->init < TL_INIT_XAVIER || r->init > TL_INIT_COPY)
			return wrong(k, "weight", r->name, "wanted an initialiser from TL_INIT_XAVIER to TL_INIT_COPY, got %d", r->init);
		if (strchr(r->shape, '|'))
			return wrong(k, "weight", r->name, "wanted one shape, got alternatives \"%s\"", r->shape);
		if (!r->repeat != !strchr(r->name, '#'))
			return wrong(k, "weight", r->name, r->repeat ? "repeats, but its name has no # for the element" : "its name has a #, but it does not say what it repeats over");
		if (param && param->type != TL_INT && param->type != TL_INTS)
			return wrong(k, "weight", r->name, "repeat: %s is no integer parameter", r->repeat);
		if (r->repeat && !param && !(strlen(r->repeat) == 1 && strchr("LdKV", r->repeat[0])))
			return wrong(k, "weight", r->name, "repeat: %s is neither an integer parameter nor one of L, d, K, V", r->repeat);
		for (int64_t j = 0; r->init == TL_INIT_COPY && j < n; j++)
			copied = copied || (j != i && !strcmp(k->p->weights[j].name, r->of));
		if (r->init == TL_INIT_COPY && !copied)
			return wrong(k, "weight", r->name, "copies %s, which is no other weight of the plugin", r->of);
	}
	return n < 0 ? -1 : 0;
}

static int
states(struct looking *k)
{
	int64_t n = rows_of(k, "states", k->p->states, sizeof(tl_state));

	for (int64_t i = 0; i < n; i++) {
		const tl_state *r = &k->p->states[i];
		if (r->kind < TL_STATE_REAL || r->kind > TL_STATE_ENCODER)
			return wrong(k, "state", r->name, "wanted a kind from TL_STATE_REAL to TL_STATE_ENCODER, got %d", r->kind);
		for (int64_t j = 0; j < i; j++)
			if (!strcmp(k->p->states[j].name, r->name))
				return wrong(k, "state", r->name, "declared twice");
		if (inside_self(k, "state", r->name, r->at, r->kind == TL_STATE_ENCODER ? sizeof(void *) : sizeof(tl_state_block)) < 0 ||
		    condition_of(k, "state", r->name, r->when) < 0 || (r->shape && shape_of(k, "state", r->name, r->shape) < 0))
			return -1;
	}
	return n < 0 ? -1 : 0;
}

static int
slots(struct looking *k, const char *what, const tl_slot *rows, bool encoder)
{
	static const size_t size[] = { sizeof(void *), sizeof(tl_list), sizeof(void *), sizeof(void *), sizeof(void *) };
	int64_t n = rows_of(k, what, rows, sizeof(tl_slot));

	for (int64_t i = 0; i < n; i++) {
		const tl_slot *r = &rows[i];
		const tl_param *param = r->name[0] == '@' ? tl_param_find(k->p, r->name + 1, strlen(r->name + 1)) : NULL;
		bool shaped = r->kind != TL_SLOT_INPUT && r->kind != TL_SLOT_FEATURES;
		if (r->kind < TL_SLOT_TENSOR || r->kind > TL_SLOT_FEATURES)
			return wrong(k, what, r->name, "wanted a kind from TL_SLOT_TENSOR to TL_SLOT_FEATURES, got %d", r->kind);
		if (r->name[0] == '@' && (!param || param->type != TL_STRING))
			return wrong(k, what, r->name, "names no text parameter of the plugin");
		if (r->name[0] == '~' && (r->name[1] != '.' || !r->name[2]))
			return wrong(k, what, r->name, "wanted ~.NAME for a slot under the instance's name");
		for (int64_t j = 0; j < i; j++)
			if (!strcmp(rows[j].name, r->name) && tl_streq(rows[j].when, r->when))
				return wrong(k, what, r->name, "declared twice (rows %lld and %lld)", (long long)j + 1, (long long)i + 1);
		if ((!encoder && inside_self(k, what, r->name, r->at, size[r->kind]) < 0) || condition_of(k, what, r->name, r->when) < 0 ||
		    ((shaped || r->shape) && shape_of(k, what, r->name, r->shape) < 0) || text_of(k, what, r->name, "doc", r->doc, true) < 0)
			return -1;
	}
	return n < 0 ? -1 : 0;
}

static int
losses(struct looking *k)
{
	int64_t n = rows_of(k, "losses", k->p->losses, sizeof(tl_loss));

	for (int64_t i = 0; i < n; i++) {
		const tl_loss *r = &k->p->losses[i];
		const tl_param *row;
		const char *part = r->part[0] ? r->part : "\"\"";
		if (!strcmp(r->part, "total"))
			return wrong(k, "loss", r->part, "this name is the sum of all losses; call it something else");
		if (r->part[0] && !good_name(r->part))
			return wrong(k, "loss", part, "wanted a name of letters, digits and _");
		for (int64_t j = 0; j < i; j++)
			if (!strcmp(k->p->losses[j].part, r->part))
				return wrong(k, "loss", part, "declared twice");
		if (text_of(k, "loss", part, "param", r->param, false) < 0 || text_of(k, "loss", part, "value", r->value, true) < 0 || condition_of(k, "loss", part, r->when) < 0)
			return -1;
		row = tl_param_find(k->p, r->param, strlen(r->param));
		if (!good_name(r->param) || tl_param_reserved(r->param))
			return wrong(k, "loss", part, "its weight's parameter may not be called %s", r->param);
		if (row && row->type != TL_REAL)
			return wrong(k, "loss", part, "its weight %s is a parameter that is no TL_REAL", r->param);
	}
	return n < 0 ? -1 : 0;
}

/* --- functions ------------------------------------------------------------------------------------------------------------------------ */
static int
module(struct looking *k)
{
	const tl_module *m = k->p->module;

	if (!m || (k->own && !tl_readable(m, sizeof *m)))
		return wrong(k, "module", NULL, "wanted a tl_module, got %s; set .module", m ? "a pointer into nowhere" : "none");
	if (k->p->kind == TL_KIND_ENCODER && !m->encode)
		return wrong(k, "module", NULL, "wanted the function encode of an encoder, got none");
	if (k->p->kind == TL_KIND_LABEL && !m->forward && !m->fit)
		return wrong(k, "module", NULL, "wanted the function forward (or fit and score), got none");
	if (m->fit && (!m->score || !m->save || !m->load || !m->drop))
		return wrong(k, "module", NULL, "wanted score, save, load and drop beside fit, got %s%s%s%snone", m->score ? "score, " : "", m->save ? "save, " : "", m->load ? "load, " : "", m->drop ? "drop, " : "");
	return 0;
}

static int
metrics(struct looking *k)
{
	int64_t n = rows_of(k, "metrics", k->p->metrics, sizeof(tl_metric));

	if (n == 0)
		return wrong(k, "metrics", NULL, "wanted at least one row, got none; set .metrics");
	for (int64_t i = 0; i < n; i++) {
		const tl_metric *r = &k->p->metrics[i];
		for (int64_t j = 0; j < i; j++)
			if (!strcmp(k->p->metrics[j].name, r->name))
				return wrong(k, "metric", r->name, "declared twice");
		if (text_of(k, "metric", r->name, "signature", r->signature, false) < 0 || text_of(k, "metric", r->name, "doc", r->doc, false) < 0)
			return -1;
		if (r->add ? !r->width || !r->finish || r->compute : !r->compute)
			return wrong(k, "metric", r->name, r->add ? "wanted width and finish beside add, and no compute" : "wanted compute, or width, add and finish");
		if (r->takes_k && !strstr(r->signature, "%k"))
			return wrong(k, "metric", r->name, "takes k, but its signature \"%s\" has no %%k; two metrics would share a column", r->signature);
	}
	return n < 0 ? -1 : 0;
}

static int
ops(struct looking *k)
{
	if (!k->p->ops)
		return 0;
	for (int i = 0; i < MOST_ROWS; i++) {
		const tl_op *op;
		if (k->own && !tl_readable(&k->p->ops[i], sizeof *k->p->ops))
			break;
		op = k->p->ops[i];
		if (!op)
			return 0;
		if (k->own && !tl_readable(op, sizeof *op))
			break;
		if (!op->name || !op->signature || !op->shape || op->size > sizeof *op)
			return wrong(k, "op", op->name, "wanted name, signature, shape and size = sizeof(tl_op)");
	}
	return wrong(k, "ops", NULL, "wanted a list that ends with NULL");
}

int
tl_plugin_declared(const tl_plugin *p, bool own, tl_error *e)
{
	struct looking k = { p, own, e };

	if (!tl_kind_name(p->kind))
		return wrong(&k, "kind", NULL, "wanted 1 (encoder), 2 (label), 3 (metric) or 4 (reader), got %u", p->kind);
	if (text_of(&k, "plugin", NULL, "name", p->name, false) < 0 || text_of(&k, "plugin", NULL, "version", p->version, false) < 0 ||
	    text_of(&k, "plugin", NULL, "summary", p->summary, false) < 0 || text_of(&k, "plugin", NULL, "citation", p->citation, true) < 0 ||
	    text_of(&k, "plugin", NULL, "differs", p->differs, true) < 0)
		return -1;
	if (!good_name(p->name) || !strcmp(p->name, "total"))
		return wrong(&k, "plugin", p->name, !strcmp(p->name, "total") ? "total is the name of the sum of all losses; call it something else" : "wanted a name of letters, digits and _");
	if (p->self_size > 1u << 24)
		return wrong(&k, "plugin", p->name, "wanted a struct of at most 16 MiB, got %u bytes", p->self_size);
	if (params(&k) < 0)
		return -1;
	if (p->kind == TL_KIND_METRIC)
		return metrics(&k);
	if (p->kind == TL_KIND_READER) {
		if (!p->reader || (own && !tl_readable(p->reader, sizeof *p->reader)) || !p->reader->labels || !p->reader->split)
			return wrong(&k, "reader", NULL, "wanted the functions labels and split, got %s", p->reader ? "one or none" : "no tl_reader; set .reader");
		return 0;
	}
	if (weights(&k) < 0 || states(&k) < 0 || slots(&k, "reads", p->reads, p->kind == TL_KIND_ENCODER) < 0 ||
	    slots(&k, "writes", p->writes, p->kind == TL_KIND_ENCODER) < 0 || losses(&k) < 0 || module(&k) < 0)
		return -1;
	return ops(&k);
}
