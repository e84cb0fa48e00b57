/*
 * normalize.c - normalizers of tokenizer.json: BertNormalizer, Lowercase, NFC, NFD, NFKC, NFKD, StripAccents, Strip, Replace, Prepend, Sequence.
 * A sequence, nested or not, becomes one list of steps; every step reads a span of UTF-8 and appends to a buffer.
 */
#include <stdlib.h>
#include <string.h>

#include "data/tokenizer.h"

enum { BERT, LOWERCASE, NFC, NFD, NFKC, NFKD, STRIP_ACCENTS, STRIP, REPLACE, PREPEND };
static const char *const names[] = { "BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "StripAccents", "Strip", "Replace", "Prepend" };

struct step {
	int type;
	bool clean, cjk, accents, lower; /* BERT; STRIP: clean left, cjk right */
	tl_regex *regex;
	char *content;
	size_t content_n;
	unsigned char ascii[128]; /* BERT: what an ASCII character becomes; 0xFF: nothing */
};
struct tl_normalizer { struct step *step; int64_t n, capacity; };

/* --- reading --------------------------------------------------------------------------------------------------------------- */
static int
parse_bert(struct step *s, const json_t *j, const char *what, tl_error *e)
{
	const json_t *accents = json_object_get(j, "strip_accents");

	if (tl_json_flag(j, "clean_text", true, &s->clean, what, e) < 0 || tl_json_flag(j, "handle_chinese_chars", true, &s->cjk, what, e) < 0 ||
	    tl_json_flag(j, "lowercase", true, &s->lower, what, e) < 0 || tl_json_flag(j, "strip_accents", false, &s->accents, what, e) < 0)
		return -1;
	if (!accents || json_is_null(accents))
		s->accents = s->lower;
	for (unsigned c = 0; c < 128; c++) {
		unsigned f = tl_unicode_flags(c);
		s->ascii[c] = (unsigned char)(s->clean && (f & TL_U_OTHER) ? 0xFF : s->clean && (f & TL_U_SPACE) ? ' ' : s->lower && c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	return 0;
}

static int
parse_replace(struct step *s, const json_t *j, const char *what, tl_error *e)
{
	const json_t *pattern = json_object_get(j, "pattern"), *content = json_object_get(j, "content");
	const json_t *text = json_object_get(pattern, "String"), *regex = json_object_get(pattern, "Regex");

	if ((!json_is_string(text) && !json_is_string(regex)) || !json_is_string(content))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: a Replace normalizer wants \"pattern\": {\"String\" or \"Regex\": text} and \"content\": text", what);
	if (!json_is_string(text))
		text = NULL;
	if (!(s->regex = tl_regex_new(json_string_value(text ? text : regex), json_string_length(text ? text : regex), text != NULL, what, e)))
		return -1;
	s->content = tl_strndup(json_string_value(content), json_string_length(content));
	s->content_n = json_string_length(content);
	return 0;
}

static int
add_step(void *list, int type, const json_t *j, const char *what, tl_error *e)
{
	tl_normalizer *z = list;
	const json_t *v;
	struct step *s;

	z->step = tl_grow(z->step, z->n, &z->capacity, sizeof *z->step);
	s = &z->step[z->n++];
	*s = (struct step){ .type = type };
	switch (s->type) {
	case BERT:
		return parse_bert(s, j, what, e);
	case STRIP:
		return tl_json_flag(j, "strip_left", true, &s->clean, what, e) < 0 || tl_json_flag(j, "strip_right", true, &s->cjk, what, e) < 0 ? -1 : 0;
	case REPLACE:
		return parse_replace(s, j, what, e);
	case PREPEND:
		v = json_object_get(j, "prepend");
		if (!json_is_string(v))
			return tl_error_set(e, TL_ENVIRONMENT, "%s: a Prepend normalizer wants \"prepend\": text", what);
		s->content = tl_strndup(json_string_value(v), json_string_length(v));
		s->content_n = json_string_length(v);
		return 0;
	default:
		return 0;
	}
}

static const tl_step_kinds kinds = { "normalizer", "normalizers", names, TL_COUNT(names), add_step };

int
tl_normalizer_parse(const json_t *j, const char *what, tl_normalizer **out, tl_error *e)
{
	*out = NULL;
	if (!j || json_is_null(j))
		return 0;
	*out = tl_alloc(sizeof **out);
	return tl_json_steps(&kinds, *out, j, what, e);
}

void
tl_normalizer_free(tl_normalizer *z)
{
	if (!z)
		return;
	for (int64_t i = 0; i < z->n; i++) {
		tl_regex_free(z->step[i].regex);
		free(z->step[i].content);
	}
	free(z->step);
	free(z);
}

/* --- canonical order --------------------------------------------------------------------------------------------------------- */

static void
put(tl_bytes *out, uint32_t c)
{
	out->n += (size_t)tl_utf8_put(tl_bytes_room(out, 4), c);
}

static void
put_lower(tl_bytes *out, uint32_t c, bool lower)
{
	uint32_t low[4];
	int n = 1;

	low[0] = c;
	if (lower && (tl_unicode_flags(c) & TL_U_UPPER))
		n = tl_unicode_lowered(c, low);
	for (int i = 0; i < n; i++)
		put(out, low[i]);
}

static int
class_of(uint32_t c)
{
	return tl_unicode_flags(c) & TL_U_CLASS ? tl_unicode_class(c) : 0;
}

/* Stable by class; all have a class other than 0. Short runs by insertion, long (hostile) ones by counting. */
static void
order_marks(uint32_t *c, int64_t n)
{
	int64_t start[257] = { 0 };
	uint32_t *sorted;

	if (n < 2)
		return;
	if (n <= 16) {
		for (int64_t i = 1; i < n; i++) {
			uint32_t x = c[i];
			int k = tl_unicode_class(x);
			int64_t j = i;
			for (; j && tl_unicode_class(c[j - 1]) > k; j--)
				c[j] = c[j - 1];
			c[j] = x;
		}
		return;
	}
	sorted = tl_alloc((size_t)n * sizeof *sorted);
	for (int64_t i = 0; i < n; i++)
		start[tl_unicode_class(c[i]) + 1]++;
	for (int k = 1; k < 257; k++)
		start[k] += start[k - 1];
	for (int64_t i = 0; i < n; i++)
		sorted[start[tl_unicode_class(c[i])]++] = c[i];
	memcpy(c, sorted, (size_t)n * sizeof *c);
	free(sorted);
}

/* --- BertNormalizer: its four parts in one pass ------------------------------------------------------------------------------- */

/* Marks wait until the next character of class 0, to be put in order. */
static void
flush(tl_work *w, int64_t *waiting, bool lower, tl_bytes *out)
{
	order_marks(w->chars, *waiting);
	for (int64_t i = 0; i < *waiting; i++)
		put_lower(out, w->chars[i], lower);
	*waiting = 0;
}

static void
bert_char(const struct step *z, uint32_t c, unsigned f, tl_work *w, int64_t *waiting, tl_bytes *out)
{
	uint32_t parts[TL_U_LONGEST];
	int n = 1;

	parts[0] = c;
	if (z->accents && (f & TL_U_CANONICAL))
		n = tl_unicode_decompose(c, false, parts);
	for (int i = 0; i < n; i++) {
		unsigned p = tl_unicode_flags(parts[i]);
		if (z->accents && (p & TL_U_CLASS)) {
			if (p & TL_U_NONSPACING)
				continue;
			w->chars = tl_grow(w->chars, *waiting, &w->chars_capacity, sizeof *w->chars);
			w->chars[(*waiting)++] = parts[i];
			continue;
		}
		if (*waiting)
			flush(w, waiting, z->lower, out);
		if (!z->accents || !(p & TL_U_NONSPACING))
			put_lower(out, parts[i], z->lower);
	}
}

static void
bert(const struct step *z, const unsigned char *s, size_t n, tl_work *w, tl_bytes *out)
{
	int64_t waiting = 0;

	for (size_t i = 0; i < n;) {
		uint32_t c;
		unsigned f;
		if (s[i] < 0x80) {
			unsigned char *to;
			if (z->ascii[s[i]] == 0xFF) { /* cleaned away before marks are put in order */
				i++;
				continue;
			}
			if (waiting)
				flush(w, &waiting, z->lower, out);
			to = tl_bytes_room(out, n - i);
			do {
				unsigned char x = z->ascii[s[i++]];
				*to = x;
				to += x != 0xFF;
			} while (i < n && s[i] < 0x80);
			out->n = (size_t)(to - out->at);
			continue;
		}
		i += (size_t)tl_utf8_get(s + i, &c);
		f = tl_unicode_flags(c);
		if (z->clean && (f & TL_U_OTHER))
			continue;
		if (z->clean && (f & TL_U_SPACE))
			f = tl_unicode_flags(c = ' ');
		if (z->cjk && (f & TL_U_CJK)) {
			bert_char(z, ' ', 0, w, &waiting, out);
			bert_char(z, c, f, w, &waiting, out);
			bert_char(z, ' ', 0, w, &waiting, out);
			continue;
		}
		bert_char(z, c, f, w, &waiting, out);
	}
	flush(w, &waiting, z->lower, out);
}

/* --- Unicode's normal forms ------------------------------------------------------------------------------------------------------ */

/* Composes c[0 .. n) in place (decomposed and in order); returns the new length. */
static int64_t
compose(uint32_t *c, int64_t n)
{
	int64_t starter = -1, to = 0;
	int last = -1; /* class of the last character kept behind the starter; -1: none */

	for (int64_t i = 0; i < n; i++) {
		int k = class_of(c[i]);
		uint32_t both = 0;
		if (starter >= 0 && (last < k || last == -1) && !(last == 0))
			both = tl_unicode_compose(c[starter], c[i]);
		if (both) {
			c[starter] = both;
			continue;
		}
		if (k == 0) {
			starter = to;
			last = -1;
		} else {
			last = k;
		}
		c[to++] = c[i];
	}
	return to;
}

/* s[0 .. n): one stretch that is closed at both ends. */
static void
form_stretch(const unsigned char *s, size_t n, bool compat, bool composed, tl_work *w, tl_bytes *out)
{
	int64_t k = 0, marks = -1;

	for (size_t i = 0; i < n;) {
		uint32_t c, parts[TL_U_LONGEST];
		int m = 1;
		i += (size_t)tl_utf8_get(s + i, &c);
		parts[0] = c;
		if (tl_unicode_flags(c) & (TL_U_CANONICAL | (compat ? TL_U_COMPAT : 0)))
			m = tl_unicode_decompose(c, compat, parts);
		for (int j = 0; j < m; j++) {
			bool mark = class_of(parts[j]) != 0;
			if (mark && marks < 0)
				marks = k;
			if (!mark && marks >= 0) {
				order_marks(w->chars + marks, k - marks);
				marks = -1;
			}
			w->chars = tl_grow(w->chars, k, &w->chars_capacity, sizeof *w->chars);
			w->chars[k++] = parts[j];
		}
	}
	if (marks >= 0)
		order_marks(w->chars + marks, k - marks);
	if (composed)
		k = compose(w->chars, k);
	for (int64_t i = 0; i < k; i++)
		put(out, w->chars[i]);
}

static void
form(const unsigned char *s, size_t n, bool compat, bool composed, tl_work *w, tl_bytes *out)
{
	unsigned wakes = TL_U_CANONICAL | TL_U_CLASS | (compat ? TL_U_COMPAT : 0) | (composed ? TL_U_ABSORBED : 0);
	size_t from = 0, before = 0, i = 0; /* from: not yet written; before: where the last character starts */

	while (i < n) {
		uint32_t c;
		size_t stop;
		if (s[i] < 0x80) {
			before = i++;
			continue;
		}
		i += (size_t)tl_utf8_get(s + i, &c);
		if (!(tl_unicode_flags(c) & wakes)) {
			before = i - (size_t)(c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
			continue;
		}
		/* The stretch begins with the character before (it may take up what follows) and ends before the next that sleeps. */
		before = TL_MAX(before, from);
		memcpy(tl_bytes_room(out, before - from), s + from, before - from);
		out->n += before - from;
		for (stop = i; i < n; stop = i) {
			i += (size_t)tl_utf8_get(s + i, &c);
			if (!(tl_unicode_flags(c) & wakes))
				break;
		}
		form_stretch(s + before, stop - before, compat, composed, w, out);
		from = before = i = stop;
	}
	if (n > from) {
		memcpy(tl_bytes_room(out, n - from), s + from, n - from);
		out->n += n - from;
	}
}

/* --- the others ------------------------------------------------------------------------------------------------------------------ */

static void
each_char(const struct step *z, const unsigned char *s, size_t n, tl_bytes *out)
{
	for (size_t i = 0; i < n;) {
		uint32_t c;
		unsigned char b = s[i];
		if (b < 0x80) {
			if (z->type == LOWERCASE && b >= 'A' && b <= 'Z')
				b = (unsigned char)(b + 32);
			*tl_bytes_room(out, n - i) = b;
			out->n++;
			i++;
			continue;
		}
		i += (size_t)tl_utf8_get(s + i, &c);
		if (z->type == LOWERCASE)
			put_lower(out, c, true);
		else if (!(tl_unicode_flags(c) & TL_U_MARK))
			put(out, c);
	}
}

static void
strip(const struct step *z, const unsigned char *s, size_t n, tl_bytes *out)
{
	size_t from = 0;
	uint32_t c;

	while (z->clean && from < n) {
		int k = tl_utf8_get(s + from, &c);
		if (!(tl_unicode_flags(c) & TL_U_SPACE))
			break;
		from += (size_t)k;
	}
	while (z->cjk && n > from && (tl_unicode_flags(c = tl_utf8_before(s, n)) & TL_U_SPACE))
		n -= c < 0x80 ? 1 : c < 0x800 ? 2 : 3;
	memcpy(tl_bytes_room(out, n - from), s + from, n - from);
	out->n += n - from;
}

static int
replace(const struct step *z, const unsigned char *s, size_t n, tl_work *w, tl_bytes *out, tl_error *e)
{
	size_t from = 0;

	if (n && tl_regex_all(z->regex, s, n, &w->shadow, &w->matches, e) < 0)
		return -1;
	for (int64_t i = 0; n && i < w->matches.n; i++) {
		size_t start = w->matches.at[i][0], end = w->matches.at[i][1];
		unsigned char *to = tl_bytes_room(out, start - from + z->content_n);
		memcpy(to, s + from, start - from);
		memcpy(to + (start - from), z->content, z->content_n);
		out->n += start - from + z->content_n;
		from = end;
	}
	memcpy(tl_bytes_room(out, n - from), s + from, n - from);
	out->n += n - from;
	return 0;
}

static int
apply(const struct step *z, const unsigned char *s, size_t n, tl_work *w, tl_bytes *out, tl_error *e)
{
	switch (z->type) {
	case BERT:
		bert(z, s, n, w, out);
		return 0;
	case NFC: case NFD: case NFKC: case NFKD:
		form(s, n, z->type == NFKC || z->type == NFKD, z->type == NFC || z->type == NFKC, w, out);
		return 0;
	case STRIP:
		strip(z, s, n, out);
		return 0;
	case REPLACE:
		return replace(z, s, n, w, out, e);
	case PREPEND:
		if (n) {
			memcpy(tl_bytes_room(out, z->content_n + n), z->content, z->content_n);
			memcpy(out->at + out->n + z->content_n, s, n);
			out->n += z->content_n + n;
		}
		return 0;
	default:
		each_char(z, s, n, out);
		return 0;
	}
}

int
tl_normalize(const tl_normalizer *z, const unsigned char *s, size_t n, tl_work *w, tl_bytes *out, tl_error *e)
{
	tl_bytes between[2] = { { 0 }, { 0 } };
	int bad = 0;

	if (!z || !z->n) {
		memcpy(tl_bytes_room(out, n), s, n);
		out->n += n;
		return 0;
	}
	for (int64_t i = 0; i < z->n && !bad; i++) {
		tl_bytes *to = i + 1 == z->n ? out : &between[i & 1];
		if (to != out)
			to->n = 0;
		tl_bytes_room(to, 1);
		bad = apply(&z->step[i], s, n, w, to, e);
		s = to->at;
		n = to->n;
		if (n > (size_t)1 << 31)
			bad = tl_error_set(e, TL_ENVIRONMENT, "a text has more than 2 GiB after normalisation");
	}
	free(between[0].at);
	free(between[1].at);
	return bad;
}
