/*
 * params.c - the struct field is the parameter: values from JSON or defaults into the plugin's struct.
 */
#include "inside.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const reserved[] = { "name", "lr", "weight_decay", "init_scale", NULL };

bool
tl_param_reserved(const char *name)
{
	for (int i = 0; reserved[i]; i++)
		if (!strcmp(reserved[i], name))
			return true;
	return false;
}

int64_t
tl_param_rows(const tl_plugin *p)
{
	int64_t n = 0;

	while (p->params && p->params[n].name)
		n++;
	return n;
}

const tl_param *
tl_param_find(const tl_plugin *p, const char *name, size_t n)
{
	for (const tl_param *row = p->params; row && row->name; row++)
		if (strlen(row->name) == n && !memcmp(row->name, name, n))
			return row;
	return NULL;
}

static void *
field(const void *self, const tl_param *row)
{
	return (char *)(uintptr_t)self + row->at;
}

int
tl_param_number(const tl_plugin *p, const void *self, const char *name, size_t n, double *value)
{
	const tl_param *row = tl_param_find(p, name, n);

	if (!row || !self)
		return 0;
	switch (row->type) {
	case TL_INT: *value = (double)*(int64_t *)field(self, row); return 1;
	case TL_REAL: *value = *(double *)field(self, row); return 1;
	case TL_FLAG: *value = *(bool *)field(self, row); return 1;
	case TL_INTS: *value = (double)((tl_int_list *)field(self, row))->n; return 1;
	default: return 0;
	}
}

int
tl_choice_index(const char *choices, const char *word, size_t n)
{
	int i = 0;

	for (const char *s = choices; s; i++) {
		const char *bar = strchr(s, '|');
		size_t length = bar ? (size_t)(bar - s) : strlen(s);
		if (length == n && !memcmp(s, word, n))
			return i;
		s = bar ? bar + 1 : NULL;
	}
	return -1;
}

static const char *
choice_at(const char *choices, int index, size_t *n)
{
	const char *s = choices, *bar;

	while (index-- > 0) {
		bar = strchr(s, '|');
		if (!bar)
			return NULL;
		s = bar + 1;
	}
	bar = strchr(s, '|');
	*n = bar ? (size_t)(bar - s) : strlen(s);
	return s;
}

const char *
tl_param_word(const void *self, const tl_param *row, size_t *n)
{
	const char *s;

	if (row->type == TL_CHOICE)
		return choice_at(row->choices, *(int *)field(self, row), n);
	s = *(const char **)field(self, row);
	*n = s ? strlen(s) : 0;
	return s;
}

/* --- one value ----------------------------------------------------------------------------------------------------------------- */
static int
out_of_range(const tl_param *row, double v)
{
	return row->min <= row->max && !(row->min == 0 && row->max == 0) && !(v >= row->min && v <= row->max);
}

static int
range_error(const tl_param *row, double v, tl_error *e)
{
	return tl_error_set(e, TL_USAGE, "%s = %.10g is out of range: wanted %.10g to %.10g", row->name, v, row->min, row->max);
}

static void
describe(const json_t *v, char *text, size_t n)
{
	char *s = v ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

	snprintf(text, n, "%.60s%s", s ? s : "nothing", s && strlen(s) > 60 ? "..." : "");
	free(s);
}

static int
wrong_type(const tl_param *row, const char *wanted, const json_t *v, tl_error *e)
{
	char got[80];

	describe(v, got, sizeof got);
	return tl_error_set(e, TL_USAGE, "%s: wanted %s, got %s", row->name, wanted, got);
}

static int
put_int(void *at, const tl_param *row, const json_t *v, tl_error *e)
{
	double x = json_number_value(v);
	int64_t whole;

	if (!json_is_number(v) || (json_is_real(v) && x != floor(x)))
		return wrong_type(row, "a whole number", v, e);
	if (out_of_range(row, x))
		return range_error(row, x, e);
	if (json_is_real(v) && fabs(x) > 9e15)
		return wrong_type(row, "a whole number between -9e15 and 9e15", v, e);
	whole = json_is_integer(v) ? (int64_t)json_integer_value(v) : (int64_t)x;
	*(int64_t *)at = whole;
	return 0;
}

static int
put_choice(void *at, const tl_param *row, const json_t *v, tl_error *e)
{
	const char *word = json_string_value(v), *near, *list[64];
	int index = word ? tl_choice_index(row->choices, word, strlen(word)) : -1, n = 0;
	char *copy, *save;

	if (index >= 0) {
		*(int *)at = index;
		return 0;
	}
	if (!word)
		return wrong_type(row, row->choices, v, e);
	copy = tl_strdup(row->choices);
	for (char *s = strtok_r(copy, "|", &save); s && n < 64; s = strtok_r(NULL, "|", &save))
		list[n++] = s;
	near = tl_nearest(word, list, n);
	tl_error_set(e, TL_USAGE, "%s = \"%.60s\": wanted one of %s%s%s%s", row->name, word, row->choices, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	free(copy);
	return -1;
}

static int
put_ints(void *at, const tl_param *row, const json_t *v, tl_arena *a, tl_error *e)
{
	size_t n = json_array_size(v);
	int64_t *list;

	if (!json_is_array(v) && !(json_is_object(v) && json_object_size(v) == 0)) /* an empty Lua table has no kind */
		return wrong_type(row, "a list of whole numbers", v, e);
	list = tl_arena_alloc(a, (n + 1) * sizeof *list);
	for (size_t i = 0; i < n; i++)
		if (put_int(&list[i], row, json_array_get(v, i), e) < 0)
			return -1;
	*(tl_int_list *)at = (tl_int_list){ (int64_t)n, list };
	return 0;
}

static int
put(void *self, const tl_param *row, const json_t *v, tl_arena *a, tl_error *e)
{
	void *at = field(self, row);
	char *s;

	switch (row->type) {
	case TL_INT: return put_int(at, row, v, e);
	case TL_REAL:
		if (!json_is_number(v))
			return wrong_type(row, "a number", v, e);
		if (out_of_range(row, json_number_value(v)))
			return range_error(row, json_number_value(v), e);
		*(double *)at = json_number_value(v);
		return 0;
	case TL_FLAG:
		if (!json_is_boolean(v))
			return wrong_type(row, "true or false", v, e);
		*(bool *)at = json_is_true(v);
		return 0;
	case TL_CHOICE: return put_choice(at, row, v, e);
	case TL_STRING:
		if (json_is_number(v)) { /* freeze = 2 beside freeze = "all" */
			s = tl_json_canonical(v);
			*(const char **)at = tl_arena_strdup(a, s);
			free(s);
			return 0;
		}
		if (!json_is_string(v))
			return wrong_type(row, "a text", v, e);
		if (strlen(json_string_value(v)) != json_string_length(v))
			return tl_error_set(e, TL_USAGE, "%s: the text holds a zero byte", row->name);
		*(const char **)at = tl_arena_strdup(a, json_string_value(v));
		return 0;
	case TL_INTS: return put_ints(at, row, v, a, e);
	case TL_JSON:
		s = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
		*(const char **)at = tl_arena_strdup(a, s ? s : "null");
		free(s);
		return 0;
	default: return tl_error_set(e, TL_USAGE, "%s: unknown parameter type %d", row->name, row->type);
	}
}

/* --- defaults ------------------------------------------------------------------------------------------------------------------- */
/* The default as JSON; NULL where it is none or is an expression. *bad: it fits neither. */
static json_t *
default_json(const tl_param *row, bool *expression, bool *bad)
{
	const char *s = row->value;
	char *end;
	json_t *list;

	*expression = *bad = false;
	if (!s)
		return NULL;
	errno = 0;
	switch (row->type) {
	case TL_INT: {
		long long v = strtoll(s, &end, 10);
		if (*s && !*end && !errno)
			return json_integer(v);
		*expression = true;
		return NULL;
	}
	case TL_REAL: {
		double v = strtod(s, &end);
		if (*s && !*end && isfinite(v))
			return json_real(v);
		*expression = true;
		return NULL;
	}
	case TL_FLAG:
		*bad = strcmp(s, "true") && strcmp(s, "false");
		return *bad ? NULL : json_boolean(!strcmp(s, "true"));
	case TL_INTS:
		list = json_array();
		while (*s) {
			long long v = strtoll(s, &end, 10);
			if (end == s || errno || (*end && *end != ' ' && *end != ',')) {
				*bad = true;
				break;
			}
			json_array_append_new(list, json_integer(v));
			for (s = end; *s == ' ' || *s == ','; s++)
				continue;
		}
		return list;
	case TL_JSON:
		list = json_loads(s, JSON_DECODE_ANY, NULL);
		*bad = !list;
		return list;
	default:
		return json_string(s);
	}
}

int
tl_param_check(const tl_param *row, tl_error *e)
{
	bool expression, bad;
	union { int64_t i; double x; bool b; int c; const char *s; tl_int_list l; } room = { 0 };
	json_t *v = default_json(row, &expression, &bad);
	tl_param at_zero = *row;
	tl_arena *a;
	int status;

	if (bad || (expression && tl_expression_check(row->value, strlen(row->value), NULL) < 0)) {
		json_decref(v);
		return tl_error_set(e, TL_USAGE, "\"%.60s\" does not fit its type", row->value);
	}
	if (!v)
		return 0;
	a = tl_arena_new(0);
	at_zero.at = 0;
	status = put(&room, &at_zero, v, a, e);
	tl_arena_free(a);
	json_decref(v);
	return status;
}

/* --- all of them ------------------------------------------------------------------------------------------------------------------ */
static int
unknown_key(const tl_plugin *p, const char *key, tl_error *e)
{
	const char *names[256], *near;
	tl_text all = { 0 };
	int n = 0;

	for (const tl_param *row = p->params; row && row->name && n < 200; row++)
		names[n++] = row->name;
	for (const tl_loss *l = p->losses; l && l->part && n < 240; l++)
		names[n++] = l->param;
	for (int i = 0; reserved[i]; i++)
		names[n++] = reserved[i];
	near = tl_nearest(key, names, n);
	for (int i = 0; i < n && !near && all.n < 300; i++)
		tl_text_add(&all, "%s%s", i ? ", " : "", names[i]);
	tl_error_set(e, TL_USAGE, near ? "%.60s: no such parameter; did you mean %s?" : "%.60s: no such parameter; there are %s", key, near ? near : all.s);
	tl_text_free(&all);
	return -1;
}

static int
host_number(const json_t *params, const char *key, double fallback, double least, bool above, json_t *resolved, tl_error *e)
{
	const json_t *v = params ? json_object_get(params, key) : NULL;
	double x = fallback;

	if (v && !json_is_null(v)) {
		tl_param row = { .name = key };
		if (!json_is_number(v))
			return wrong_type(&row, "a number", v, e);
		x = json_number_value(v);
		if (x < least || (above && x <= least))
			return tl_error_set(e, TL_USAGE, "%s = %.10g: wanted a number %s %.10g", key, x, above ? "above" : "of at least", least);
	}
	if (resolved && !isnan(x))
		json_object_set_new(resolved, key, json_real(x));
	return 0;
}

/* What the host adds to every module: name, lr, weight_decay, init_scale, and the weight of each loss row. */
static int
host_params(const tl_plugin *p, const json_t *params, json_t *resolved, tl_error *e)
{
	const json_t *name = params ? json_object_get(params, "name") : NULL;

	if (name && (!json_is_string(name) || !json_string_value(name)[0] || strspn(json_string_value(name), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != json_string_length(name))) {
		tl_param row = { .name = "name" };
		return wrong_type(&row, "letters, digits, _ and -", name, e);
	}
	if (host_number(params, "lr", NAN, 0, false, resolved, e) < 0 || host_number(params, "weight_decay", NAN, 0, false, resolved, e) < 0 ||
	    host_number(params, "init_scale", 1, 0, true, resolved, e) < 0)
		return -1;
	for (const tl_loss *l = p->losses; l && l->part; l++)
		if (!tl_param_find(p, l->param, strlen(l->param)) && (!resolved || !json_object_get(resolved, l->param)) &&
		    host_number(params, l->param, l->value ? strtod(l->value, NULL) : 1, -INFINITY, false, resolved, e) < 0)
			return -1;
	return 0;
}

static bool
known_key(const tl_plugin *p, const char *key)
{
	if (tl_param_find(p, key, strlen(key)) || tl_param_reserved(key))
		return true;
	for (const tl_loss *l = p->losses; l && l->part; l++)
		if (!strcmp(l->param, key))
			return true;
	return false;
}

static int
scope_lookup(void *arg, const char *name, size_t n, double *value)
{
	const void *const *scope = arg;
	const tl_symbols *more = scope[2];

	return tl_param_number(scope[0], scope[1], name, n, value) || (more && more->lookup(more->arg, name, n, value));
}

static int
one_param(const tl_plugin *p, void *self, const tl_param *row, const json_t *params, const tl_symbols *symbols, tl_arena *a, json_t *resolved, tl_error *e)
{
	json_t *given = params ? json_object_get(params, row->name) : NULL, *v;
	bool expression, bad;

	if (json_is_null(given))
		given = NULL;
	v = default_json(row, &expression, &bad);
	/* A default written out is not a choice: a configuration that was resolved and is read again means the same. */
	if (row->given_at && given)
		*(bool *)((char *)self + row->given_at) = !v || !(json_equal(v, given) || (json_is_number(v) && json_is_number(given) && json_number_value(v) == json_number_value(given)));
	if (given) {
		json_decref(v);
		v = json_incref(given);
	} else if (expression && symbols) {
		const void *scope[] = { p, self, symbols };
		tl_symbols names = { scope_lookup, (void *)scope };
		double x;
		if (tl_expression(row->value, strlen(row->value), &names, &x, e) < 0)
			return tl_error_who(e, "%s: default", row->name);
		v = row->type == TL_INT ? json_integer((json_int_t)x) : json_real(x);
	} else if (expression) {
		if (resolved)
			json_object_set_new(resolved, row->name, json_string(row->value));
		return 0;
	}
	if (!v) {
		if (!row->optional && !(row->type == TL_STRING && row->value))
			return tl_error_set(e, TL_USAGE, "%s is missing: %s", row->name, row->doc ? row->doc : "it has no default");
		return 0;
	}
	if (put(self, row, v, a, e) < 0) {
		/* A default expression that was resolved elsewhere comes back as its text. */
		if (!(expression && json_is_string(v) && !strcmp(json_string_value(v), row->value)) || !e) {
			json_decref(v);
			return -1;
		}
		json_decref(v);
		e->status = 0;
		return one_param(p, self, row, NULL, symbols, a, resolved, e);
	}
	if (resolved)
		json_object_set(resolved, row->name, v);
	json_decref(v);
	return 0;
}

int
tl_params_fill_with(const tl_plugin *p, void *self, const json_t *params, const char *who, const tl_symbols *symbols, tl_arena *a, json_t *resolved, tl_error *e)
{
	const char *key;
	json_t *v;

	if (params && !json_is_object(params) && !(json_is_array(params) && !json_array_size(params)))
		return tl_error_set(e, TL_USAGE, "%s: params: wanted an object", who);
	if (params && json_is_object(params)) {
		json_object_foreach((json_t *)params, key, v) {
			if (!known_key(p, key)) {
				unknown_key(p, key, e);
				return tl_error_who(e, "%s", who);
			}
		}
	}
	for (const tl_param *row = p->params; row && row->name; row++)
		if (one_param(p, self, row, params, symbols, a, resolved, e) < 0)
			return tl_error_who(e, "%s", who);
	if (host_params(p, params, resolved, e) < 0)
		return tl_error_who(e, "%s", who);
	return 0;
}

int
tl_params_fill(const tl_plugin *p, void *self, const json_t *params, const char *who, tl_arena *a, json_t *resolved, tl_error *e)
{
	return tl_params_fill_with(p, self, params, who, NULL, a, resolved, e);
}
