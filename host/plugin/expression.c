/*
 * expression.c - the small language of declarations: shapes such as "L*2 min(n,K)*d", conditions such as "variant == paper && !link".
 * One recursive descent over the text serves both; a condition may also compare words.
 */
#include "inside.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

struct parser {
	const char *text, *at, *end;
	const tl_symbols *symbols;
	const tl_plugin *plugin;   /* conditions: parameters are looked up here */
	const void *self;          /* NULL: only the syntax and the names are checked */
	bool condition, checking, any_name, failed;
	int depth;
	tl_error *e;
};

struct value {
	double number;
	const char *word;          /* a choice or string parameter's value, or a word to compare with */
	size_t n_word;
	const tl_param *row;       /* the parameter that it is */
	bool is_word, unknown;     /* unknown: a bare word that is no name */
};

static struct value comparison(struct parser *p);
static struct value either(struct parser *p);

static struct value
fail(struct parser *p, const char *what)
{
	if (!p->failed)
		tl_error_set(p->e, TL_USAGE, "\"%.*s\": %s at letter %d", (int)TL_MIN(p->end - p->text, 200), p->text, what, (int)(p->at - p->text) + 1);
	p->failed = true;
	return (struct value){ 0 };
}

static void
blanks(struct parser *p)
{
	while (p->condition && p->at < p->end && (*p->at == ' ' || *p->at == '\t'))
		p->at++;
}

static bool
take(struct parser *p, const char *sign)
{
	size_t n = strlen(sign);

	blanks(p);
	if ((size_t)(p->end - p->at) < n || strncmp(p->at, sign, n))
		return false;
	p->at += n;
	return true;
}

static bool
letter(char c)
{
	return isalpha((unsigned char)c) || c == '_' || c == '#';
}

static struct value
named(struct parser *p, const char *name, size_t n)
{
	struct value v = { 0 };

	if (p->plugin && (v.row = tl_param_find(p->plugin, name, n))) {
		if (v.row->type == TL_CHOICE || v.row->type == TL_STRING || v.row->type == TL_JSON) {
			v.is_word = true;
			if (p->self)
				v.word = tl_param_word(p->self, v.row, &v.n_word);
			return v;
		}
		if (!p->self || tl_param_number(p->plugin, p->self, name, n, &v.number))
			return v;
	}
	v.row = NULL;
	if (p->symbols && p->symbols->lookup(p->symbols->arg, name, n, &v.number))
		return v;
	if (p->any_name)
		return v;
	if (p->condition) { /* a word to compare with, or a name that is none: told when it is used */
		v.is_word = v.unknown = true;
		v.word = name;
		v.n_word = n;
		return v;
	}
	p->at = name;
	tl_error_set(p->e, TL_USAGE, "\"%.*s\": nothing binds %.*s; wanted a parameter of the plugin or one of L, d, K, B, T, V, or a name that a shape read before holds",
	             (int)TL_MIN(p->end - p->text, 200), p->text, (int)n, name);
	p->failed = true;
	return v;
}

static struct value
atom(struct parser *p)
{
	struct value v = { 0 }, w;
	const char *start;

	blanks(p);
	if (++p->depth > 60)
		return fail(p, "nested too deeply");
	start = p->at;
	if (p->at >= p->end) {
		v = fail(p, "something is missing");
	} else if (take(p, "(")) {
		v = p->condition ? either(p) : comparison(p);
		if (!p->failed && !take(p, ")"))
			fail(p, "wanted )");
	} else if (take(p, "-")) {
		v = atom(p);
		v.number = -v.number;
	} else if (isdigit((unsigned char)*p->at) || *p->at == '.') {
		while (p->at < p->end && (isdigit((unsigned char)*p->at) || *p->at == '.'))
			p->at++;
		if (p->at - start > 20 || sscanf(start, "%lf", &v.number) != 1)
			v = fail(p, "not a number");
	} else if (letter(*p->at)) {
		while (p->at < p->end && (letter(*p->at) || isdigit((unsigned char)*p->at)))
			p->at++;
		if (p->at < p->end && *p->at == '(' && p->at - start == 3 && (!strncmp(start, "min", 3) || !strncmp(start, "max", 3))) {
			p->at++;
			v = comparison(p);
			if (!p->failed && !take(p, ","))
				fail(p, "wanted a comma");
			w = comparison(p);
			if (!p->failed && !take(p, ")"))
				fail(p, "wanted )");
			v.number = start[1] == 'i' ? fmin(v.number, w.number) : fmax(v.number, w.number);
			v.row = NULL;
		} else {
			v = named(p, start, (size_t)(p->at - start));
		}
	} else {
		v = fail(p, "wanted a name or a number");
	}
	p->depth--;
	return v;
}

static double
number_of(struct parser *p, const struct value *v)
{
	if (v->is_word && !p->failed) {
		if (v->unknown) {
			tl_error_set(p->e, TL_USAGE, "\"%.*s\": %.*s is no parameter of the plugin", (int)TL_MIN(p->end - p->text, 200), p->text, (int)v->n_word, v->word);
			p->failed = true;
		} else {
			fail(p, "a word where a number is wanted, before");
		}
	}
	return v->number;
}

static struct value
product(struct parser *p)
{
	struct value v = atom(p), w;

	while (!p->failed) {
		bool times = take(p, "*");
		if (!times && !take(p, "/"))
			break;
		w = atom(p);
		number_of(p, &v);
		number_of(p, &w);
		if (!times && w.number == 0 && !p->checking)
			return fail(p, "division by zero before");
		v.number = times ? v.number * w.number : w.number == 0 ? 0 : v.number / w.number;
		v.row = NULL;
	}
	return v;
}

/* Sums; the name is that of the level that a bracket of a shape may hold. */
static struct value
comparison(struct parser *p)
{
	struct value v = product(p), w;

	while (!p->failed) {
		bool plus = take(p, "+");
		if (!plus && !take(p, "-"))
			break;
		w = product(p);
		number_of(p, &v);
		number_of(p, &w);
		v.number += plus ? w.number : -w.number;
		v.row = NULL;
	}
	return v;
}

static bool
same_words(struct parser *p, const struct value *a, const struct value *b)
{
	const struct value *parameter = a->row ? a : b, *word = a->row ? b : a;

	if (!a->is_word || !b->is_word) {
		fail(p, "a word is compared with a number, before");
		return false;
	}
	if (!parameter->row) {
		number_of(p, a);
		return false;
	}
	if (word->unknown && parameter->row->type == TL_CHOICE && tl_choice_index(parameter->row->choices, word->word, word->n_word) < 0) {
		tl_error_set(p->e, TL_USAGE, "\"%.*s\": %.*s is none of %s's choices %s", (int)TL_MIN(p->end - p->text, 200), p->text, (int)word->n_word, word->word,
		             parameter->row->name, parameter->row->choices);
		p->failed = true;
	}
	return a->n_word == b->n_word && a->word && b->word && !memcmp(a->word, b->word, a->n_word);
}

static struct value
compared(struct parser *p)
{
	static const char *const signs[] = { "==", "!=", "<=", ">=", "<", ">", NULL };
	struct value v, w, out = { 0 };
	int sign;

	blanks(p);
	if (p->at < p->end && *p->at == '!' && take(p, "!")) {
		if (++p->depth > 60)
			return fail(p, "nested too deeply");
		v = compared(p);
		p->depth--;
		out.number = !v.number;
		return out;
	}
	v = comparison(p);
	for (sign = 0; signs[sign] && !take(p, signs[sign]); sign++)
		continue;
	if (p->failed)
		return out;
	if (!signs[sign]) { /* alone: true where it is given, set, or not zero */
		if (v.unknown)
			number_of(p, &v);
		out.number = v.is_word ? v.word != NULL : v.number != 0;
		return out;
	}
	w = comparison(p);
	if (p->failed)
		return out;
	if ((v.is_word || w.is_word) && sign < 2) {
		out.number = same_words(p, &v, &w) == (sign == 0);
		return out;
	}
	number_of(p, &v);
	number_of(p, &w);
	switch (sign) {
	case 0: out.number = v.number == w.number; break;
	case 1: out.number = v.number != w.number; break;
	case 2: out.number = v.number <= w.number; break;
	case 3: out.number = v.number >= w.number; break;
	case 4: out.number = v.number < w.number; break;
	default: out.number = v.number > w.number; break;
	}
	return out;
}

static struct value
both(struct parser *p)
{
	struct value v = compared(p), w;

	while (!p->failed && take(p, "&&")) {
		w = compared(p);
		v = (struct value){ .number = v.number != 0 && w.number != 0 };
	}
	return v;
}

static struct value
either(struct parser *p)
{
	struct value v = both(p), w;

	while (!p->failed && take(p, "||")) {
		w = both(p);
		v = (struct value){ .number = v.number != 0 || w.number != 0 };
	}
	return v;
}

int
tl_expression(const char *text, size_t n, const tl_symbols *s, double *value, tl_error *e)
{
	struct parser p = { .text = text, .at = text, .end = text + n, .symbols = s, .e = e };
	struct value v = comparison(&p);

	if (!p.failed && p.at < p.end)
		fail(&p, "not understood");
	if (!p.failed && !isfinite(v.number))
		fail(&p, "the value is not finite");
	*value = v.number;
	return p.failed ? -1 : 0;
}

int
tl_expression_check(const char *text, size_t n, tl_error *e)
{
	struct parser p = { .text = text, .at = text, .end = text + n, .checking = true, .any_name = true, .e = e };

	comparison(&p);
	if (!p.failed && p.at < p.end)
		fail(&p, "not understood");
	return p.failed ? -1 : 0;
}

int
tl_condition(const char *text, const tl_plugin *plugin, const void *self, const tl_symbols *symbols, bool *holds, tl_error *e)
{
	struct parser p = { .text = text, .at = text, .plugin = plugin, .self = self, .symbols = symbols, .condition = true, .e = e };
	struct value v;

	*holds = true;
	if (!text)
		return 0;
	p.end = text + strlen(text);
	v = either(&p);
	blanks(&p);
	if (!p.failed && p.at < p.end)
		fail(&p, "not understood");
	*holds = v.number != 0;
	return p.failed ? -1 : 0;
}

static int
known_symbol(void *arg, const char *name, size_t n, double *value)
{
	(void)arg;
	*value = 1;
	return n == 1 && strchr("LdKBTV", name[0]) != NULL;
}

int
tl_condition_check(const char *text, const tl_plugin *plugin, tl_error *e)
{
	tl_symbols known = { known_symbol, NULL };
	struct parser p = { .text = text, .at = text, .plugin = plugin, .symbols = &known, .condition = true, .checking = true, .e = e };

	if (!text)
		return 0;
	p.end = text + strlen(text);
	either(&p);
	blanks(&p);
	if (!p.failed && p.at < p.end)
		fail(&p, "not understood");
	return p.failed ? -1 : 0;
}

bool
tl_is_name(const char *s, size_t n)
{
	if (!n || !letter(s[0]) || memchr(s, '#', n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!letter(s[i]) && !isdigit((unsigned char)s[i]))
			return false;
	return true;
}

int
tl_shape_split(const char *text, tl_shape_text *out, tl_error *e)
{
	const char *s = text;
	struct tl_axis_list *a;

	memset(out, 0, sizeof *out);
	for (;;) {
		if (out->n == TL_MAX_ALTERNATIVES)
			return tl_error_set(e, TL_USAGE, "shape \"%s\": more than %d alternatives", text, TL_MAX_ALTERNATIVES);
		a = &out->alternative[out->n++];
		for (;;) {
			const char *start;
			while (*s == ' ')
				s++;
			if (!*s || *s == '|')
				break;
			start = s;
			while (*s && *s != ' ' && *s != '|')
				s++;
			if (a->rank == TL_MAX_RANK)
				return tl_error_set(e, TL_USAGE, "shape \"%s\": more than %d axes", text, TL_MAX_RANK);
			a->axis[a->rank].s = start;
			a->axis[a->rank++].n = (size_t)(s - start);
		}
		if (!*s++)
			return 0;
	}
}
