/*
 * regex.c - the regular expressions of tokenizer files, matched by PCRE2.
 *
 * They are written in the reference's dialect (Oniguruma, Ruby syntax). What the two dialects write differently is translated, what
 * cannot be is refused by name. PCRE2's Unicode is older: a character that it takes for another category is matched through a
 * stand-in of the right one, in a copy of the text.
 */
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "data/tokenizer.h"

struct tl_regex {
	pcre2_code *code;
	bool stand_ins, jit;
	char *literal; /* a plain text */
	size_t n;
};

#define CLASS_SET "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{24B6}-\\x{24E9}\\x{1F130}-\\x{1F149}\\x{1F150}-\\x{1F169}\\x{1F170}-\\x{1F189}"

/* Outside of classes the reference also takes the fractions and superscripts of Latin-1 for letters of words. */
#define WORD_SET "\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}" CLASS_SET

struct reading { const char *p; size_t n, i; tl_text out; const char *what; tl_error *e; };

static int
refuse(struct reading *r, const char *construct)
{
	return tl_error_set(r->e, TL_ENVIRONMENT, "%s: the pattern \"%.*s\" has %s at %zu, which is not supported; rewrite it without", r->what, (int)TL_MIN(r->n, 200), r->p, construct, r->i);
}

/* Whether \p{sc:NAME} is known: PCRE2 takes a script's bare name for its extensions too. */
static bool
is_script(const char *name, size_t n)
{
	char text[64];
	int code;
	PCRE2_SIZE at;
	pcre2_code *x;

	if (n < 3 || n > 40 || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") < n)
		return false;
	snprintf(text, sizeof text, "\\p{sc:%.*s}", (int)n, name);
	if ((x = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &code, &at, NULL)))
		pcre2_code_free(x);
	return x != NULL;
}

/* \p{...}, \x{...}; i stays before the last character of it. */
static void
braced(struct reading *r, const char *text)
{
	const char *name = r->p + r->i + 2, *end = r->i + 1 < r->n && r->p[r->i + 1] == '{' ? memchr(r->p + r->i, '}', r->n - r->i) : NULL;

	tl_text_bytes(&r->out, text, 2);
	if (end) {
		bool not = *name == '^';
		tl_text_add(&r->out, not ? "{^" : "{");
		name += not;
		if (text[1] != 'x' && is_script(name, (size_t)(end - name)))
			tl_text_add(&r->out, "sc:");
		tl_text_bytes(&r->out, name, (size_t)(end - name) + 1);
		r->i = (size_t)(end - r->p);
	}
}

/* \... outside or inside a class; i is behind the backslash. */
static int
escape(struct reading *r, bool in_class)
{
	char c = r->p[r->i], text[4] = { '\\', c, 0 };

	switch (c) {
	case 'w':
		if (in_class)
			tl_text_add(&r->out, "%s", CLASS_SET);
		else
			tl_text_add(&r->out, "[%s]", WORD_SET);
		break;
	case 'W':
		if (in_class)
			return refuse(r, "\\W inside a class");
		tl_text_add(&r->out, "[^%s]", WORD_SET);
		break;
	case 'b':
	case 'B':
		if (in_class && c == 'b')
			tl_text_add(&r->out, "\\x08");
		else if (in_class)
			return refuse(r, "\\B inside a class");
		else
			tl_text_add(&r->out, c == 'b' ? "(?:(?<=[%s])(?![%s])|(?<![%s])(?=[%s]))" : "(?:(?<=[%s])(?=[%s])|(?<![%s])(?![%s]))", WORD_SET, WORD_SET, WORD_SET, WORD_SET);
		break;
	case 'h':
		tl_text_add(&r->out, in_class ? "0-9a-fA-F" : "[0-9a-fA-F]");
		break;
	case 'v':
		tl_text_add(&r->out, "\\x0b");
		break;
	case 'u':
		if (r->n - r->i < 5 || strspn(r->p + r->i + 1, "0123456789abcdefABCDEF") < 4)
			return refuse(r, "\\u without four digits");
		tl_text_add(&r->out, "\\x{%.4s}", r->p + r->i + 1);
		r->i += 4;
		break;
	case 'x':
		if (r->n - r->i > 2 && r->p[r->i + 1] >= '8' && r->p[r->i + 1] != '{')
			return refuse(r, "a single byte (\\x80 and above)");
		braced(r, text);
		break;
	case 'p':
	case 'P':
		if (r->n - r->i < 3 || r->p[r->i + 1] != '{')
			return refuse(r, "\\p without {...}");
		braced(r, text);
		break;
	default:
		/* Letters with one meaning in both dialects, and everything that is no letter. */
		if (((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) && !strchr(in_class ? "dDsStnrfae" : "dDsStnrfaeAzZGRX", c)) {
			char name[24];
			snprintf(name, sizeof name, "\\%c", c);
			return refuse(r, name);
		}
		tl_text_bytes(&r->out, text, 2);
	}
	r->i++;
	return 0;
}

static int
class(struct reading *r)
{
	bool first = true;

	tl_text_bytes(&r->out, "[", 1);
	r->i++;
	if (r->i < r->n && r->p[r->i] == '^') {
		tl_text_bytes(&r->out, "^", 1);
		r->i++;
	}
	for (; r->i < r->n; first = false) {
		char c = r->p[r->i];
		if (c == ']' && !first) {
			tl_text_bytes(&r->out, "]", 1);
			r->i++;
			return 0;
		}
		if (c == ']')
			return refuse(r, "] as the first of a class");
		if (c == '[')
			return refuse(r, "[ inside a class");
		if (c == '&' && r->i + 1 < r->n && r->p[r->i + 1] == '&')
			return refuse(r, "&& inside a class");
		if (c == '\\' && r->i + 1 < r->n) {
			r->i++;
			if (escape(r, true) < 0)
				return -1;
			continue;
		}
		tl_text_bytes(&r->out, &c, 1);
		r->i++;
	}
	return refuse(r, "a class without its end");
}

/* (?flags) and (?flags: ; "m" is what PCRE2 calls "s". */
static int
group(struct reading *r)
{
	size_t k = r->i + 2;
	bool ends = false;

	if (r->i + 2 >= r->n || r->p[r->i + 1] != '?' || strchr(":=!>#<", r->p[r->i + 2])) {
		if (r->i + 1 < r->n && r->p[r->i + 1] == '*')
			return refuse(r, "(*");
		tl_text_bytes(&r->out, "(", 1);
		r->i++;
		return 0;
	}
	tl_text_add(&r->out, "(?");
	for (; k < r->n && !ends; k++) {
		char c = r->p[k], to = c == 'm' ? 's' : c;
		if (!strchr("im-:)", c))
			return refuse(r, "an unknown group (?...");
		ends = c == ':' || c == ')';
		tl_text_bytes(&r->out, &to, 1);
	}
	r->i = k;
	return 0;
}

static int
quantifier(struct reading *r)
{
	size_t k = r->i + 1 + strspn(r->p + r->i + 1, "0123456789,");

	if (k >= r->n || r->p[k] != '}' || k == r->i + 1) {
		tl_text_add(&r->out, "\\{");
		r->i++;
		return 0;
	}
	if (k + 1 < r->n && r->p[k + 1] == '+')
		return refuse(r, "+ behind {...}");
	tl_text_add(&r->out, r->p[r->i + 1] == ',' ? "{0%.*s" : "{%.*s", (int)(k - r->i), r->p + r->i + 1);
	r->i = k + 1;
	return 0;
}

static int
translate(struct reading *r)
{
	tl_text_bytes(&r->out, "", 0);
	while (r->i < r->n) {
		char c = r->p[r->i];
		int bad = 0;
		if (c == '\\' && r->i + 1 < r->n) {
			r->i++;
			bad = escape(r, false);
		} else if (c == '[') {
			bad = class(r);
		} else if (c == '(') {
			bad = group(r);
		} else if (c == '{') {
			bad = quantifier(r);
		} else {
			tl_text_bytes(&r->out, &c, 1);
			r->i++;
		}
		if (bad)
			return -1;
	}
	return 0;
}

tl_regex *
tl_regex_new(const char *pattern, size_t n, bool literal, const char *what, tl_error *e)
{
	struct reading r = { .p = pattern, .n = n, .what = what, .e = e };
	pcre2_compile_context *context;
	tl_regex *x = tl_alloc(sizeof *x);
	int code = 0;
	PCRE2_SIZE at = 0;

	if (literal && n) { /* nothing at all matches everywhere, as the empty expression does */
		x->literal = tl_strndup(pattern, n);
		x->n = n;
		return x;
	}
	if (n > 65536)
		tl_error_set(e, TL_ENVIRONMENT, "%s: the pattern has %zu bytes; 65536 is the most", what, n);
	if (n > 65536 || translate(&r) < 0) {
		tl_text_free(&r.out);
		free(x);
		return NULL;
	}
	context = pcre2_compile_context_create(NULL);
	pcre2_set_newline(context, PCRE2_NEWLINE_LF);
	pcre2_set_parens_nest_limit(context, 200);
	x->code = pcre2_compile((PCRE2_SPTR)r.out.s, r.out.n, PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &code, &at, context);
	pcre2_compile_context_free(context);
	if (!x->code) {
		PCRE2_UCHAR message[200] = "";
		pcre2_get_error_message(code, message, sizeof message);
		tl_error_set(e, TL_ENVIRONMENT, "%s: the pattern \"%.*s\" cannot be used: %s", what, (int)TL_MIN(n, 200), pattern, (const char *)message);
		tl_text_free(&r.out);
		free(x);
		return NULL;
	}
	x->jit = pcre2_jit_compile(x->code, PCRE2_JIT_COMPLETE) == 0;
	x->stand_ins = strchr(r.out.s, '\\') || strstr(r.out.s, "(?");
	tl_text_free(&r.out);
	return x;
}

void
tl_regex_free(tl_regex *r)
{
	if (!r)
		return;
	if (r->code)
		pcre2_code_free(r->code);
	free(r->literal);
	free(r);
}

static uint32_t
stand_in(uint32_t c)
{
	int low = 0, high = tl_unicode_stand_in_n / 3;

	while (low < high) {
		int mid = (low + high) / 2;
		const uint32_t *t = tl_unicode_stand_in + 3 * mid;
		if (c < t[0])
			high = mid;
		else if (c > t[1])
			low = mid + 1;
		else
			return t[2];
	}
	return c;
}

/* The text as PCRE2 is to see it: itself, or a copy with stand-ins (each as long as what it stands for). */
static const unsigned char *
seen(const unsigned char *s, size_t n, tl_bytes *shadow)
{
	unsigned char *copy = NULL;

	for (size_t i = 0; i < n;) {
		uint32_t c, to;
		int k;
		if (s[i] < 0xE0) { /* those of two bytes agree */
			i += 1 + (s[i] >= 0xC0);
			continue;
		}
		k = tl_utf8_get(s + i, &c);
		if ((to = stand_in(c)) != c) {
			if (!copy) {
				shadow->n = 0;
				copy = memcpy(tl_bytes_room(shadow, n), s, n);
			}
			tl_utf8_put(copy + i, to);
		}
		i += (size_t)k;
	}
	return copy ? copy : s;
}

static void
add(tl_matches *m, size_t from, size_t to)
{
	m->at = tl_grow(m->at, m->n, &m->capacity, sizeof *m->at);
	m->at[m->n][0] = (uint32_t)from;
	m->at[m->n++][1] = (uint32_t)to;
}

int
tl_regex_all(const tl_regex *r, const unsigned char *s, size_t n, tl_bytes *shadow, tl_matches *out, tl_error *e)
{
	pcre2_match_data *data;
	size_t from = 0, last = SIZE_MAX;
	int bad = 0;

	out->n = 0;
	if (r->literal) {
		for (const unsigned char *at; r->n && from + r->n <= n && (at = memmem(s + from, n - from, r->literal, r->n)); from = (size_t)(at - s) + r->n)
			add(out, (size_t)(at - s), (size_t)(at - s) + r->n);
		return 0;
	}
	if (r->stand_ins)
		s = seen(s, n, shadow);
	data = pcre2_match_data_create(1, NULL);
	while (from <= n) {
		int got = r->jit ? pcre2_jit_match(r->code, s, n, from, PCRE2_NO_UTF_CHECK, data, NULL) : PCRE2_ERROR_JIT_STACKLIMIT;
		const PCRE2_SIZE *v = pcre2_get_ovector_pointer(data);
		if (got == PCRE2_ERROR_JIT_STACKLIMIT)
			got = pcre2_match(r->code, s, n, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, NULL);
		if (got == PCRE2_ERROR_NOMATCH)
			break;
		if (got < 0) {
			PCRE2_UCHAR message[200] = "";
			pcre2_get_error_message(got, message, sizeof message);
			bad = tl_error_set(e, TL_ENVIRONMENT, "the tokenizer's pattern could not be matched: %s", (const char *)message);
			break;
		}
		if (v[0] == v[1] && v[1] == last) { /* an empty match right behind the last one does not count */
			uint32_t c;
			from = v[1] < n ? v[1] + (size_t)tl_utf8_get(s + v[1], &c) : n + 1;
			continue;
		}
		add(out, v[0], v[1]);
		from = last = v[1];
	}
	pcre2_match_data_free(data);
	return bad;
}
