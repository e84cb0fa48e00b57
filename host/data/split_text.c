/*
 * split_text.c - pre-tokenizers of tokenizer.json: BertPreTokenizer, ByteLevel, Whitespace, WhitespaceSplit, Punctuation, Split, Digits,
 * CharDelimiterSplit, Sequence. Each step cuts the pieces that the one before it left.
 */
#include <stdlib.h>
#include <string.h>

#include "data/tokenizer.h"

enum { BERT, BYTE_LEVEL, WHITESPACE, WHITESPACE_SPLIT, PUNCTUATION, SPLIT, DIGITS, DELIMITER };
static const char *const names[] = { "BertPreTokenizer", "ByteLevel", "Whitespace", "WhitespaceSplit", "Punctuation", "Split", "Digits", "CharDelimiterSplit" };
enum { REMOVED, ISOLATED, WITH_PREVIOUS, WITH_NEXT, CONTIGUOUS };
static const char *const behaviors[] = { "Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous" };

struct step {
	int type, behavior;
	bool prefix_space, pattern, invert;
	uint32_t delimiter;
	tl_regex *regex;
};
struct tl_splitter { struct step *step; int64_t n, capacity; };

const uint16_t tl_byte_letter[256] = {
#define ROW(b) b, b + 1, b + 2, b + 3, b + 4, b + 5, b + 6, b + 7, b + 8, b + 9, b + 10, b + 11, b + 12, b + 13, b + 14, b + 15
	ROW(0x100), ROW(0x110),
	0x120, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x2B, 0x2C, 0x2D, 0x2E, 0x2F,
	ROW(0x30), ROW(0x40), ROW(0x50), ROW(0x60),
	0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x7B, 0x7C, 0x7D, 0x7E, 0x121,
	ROW(0x122), ROW(0x132),
	0x142, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xAB, 0xAC, 0x143, 0xAE, 0xAF,
	ROW(0xB0), ROW(0xC0), ROW(0xD0), ROW(0xE0), ROW(0xF0)
#undef ROW
};

void
tl_map_bytes(const unsigned char *s, size_t n, tl_bytes *out)
{
	unsigned char *to = tl_bytes_room(out, 2 * n + 1);

	for (size_t i = 0; i < n; i++)
		to += tl_utf8_put(to, tl_byte_letter[s[i]]);
	out->n = (size_t)(to - out->at);
}

/* --- reading ------------------------------------------------------------------------------------------------------------------ */

static int
parse_behavior(struct step *s, const json_t *j, int fallback, const char *what, tl_error *e)
{
	const char *name = tl_json_string(j, "behavior", NULL);

	s->behavior = fallback;
	if (!name && fallback >= 0)
		return 0;
	for (s->behavior = 0; name && s->behavior < TL_COUNT(behaviors); s->behavior++)
		if (!strcmp(name, behaviors[s->behavior]))
			return 0;
	return tl_error_set(e, TL_ENVIRONMENT, "%s: a pre-tokenizer's \"behavior\" is %s%.40s; wanted Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous", what,
		name ? "" : "missing", name ? name : "");
}

static int
parse_split(struct step *s, const json_t *j, const char *what, tl_error *e)
{
	const json_t *pattern = json_object_get(j, "pattern");
	const json_t *text = json_object_get(pattern, "String"), *regex = json_object_get(pattern, "Regex");

	if (!json_is_string(text) && !json_is_string(regex))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: a Split pre-tokenizer wants \"pattern\": {\"String\" or \"Regex\": text}", what);
	if (!json_is_string(text))
		text = NULL;
	s->regex = tl_regex_new(json_string_value(text ? text : regex), json_string_length(text ? text : regex), text != NULL, what, e);
	return !s->regex || parse_behavior(s, j, -1, what, e) < 0 || tl_json_flag(j, "invert", false, &s->invert, what, e) < 0 ? -1 : 0;
}

static int
add_step(void *list, int type, const json_t *j, const char *what, tl_error *e)
{
	tl_splitter *z = list;
	const char *text;
	struct step *s;
	bool each;

	z->step = tl_grow(z->step, z->n, &z->capacity, sizeof *z->step);
	s = &z->step[z->n++];
	*s = (struct step){ .type = type };
	switch (s->type) {
	case BYTE_LEVEL:
		return tl_json_flag(j, "add_prefix_space", true, &s->prefix_space, what, e) < 0 || tl_json_flag(j, "use_regex", true, &s->pattern, what, e) < 0 ? -1 : 0;
	case PUNCTUATION:
		return parse_behavior(s, j, ISOLATED, what, e);
	case DIGITS:
		s->behavior = tl_json_flag(j, "individual_digits", false, &each, what, e) < 0 ? -1 : each ? ISOLATED : CONTIGUOUS;
		return s->behavior < 0 ? -1 : 0;
	case SPLIT:
		return parse_split(s, j, what, e);
	case DELIMITER:
		text = tl_json_string(j, "delimiter", "");
		if (!text[0] || text[tl_utf8_get((const unsigned char *)text, &s->delimiter)])
			return tl_error_set(e, TL_ENVIRONMENT, "%s: a CharDelimiterSplit pre-tokenizer wants \"delimiter\": one character", what);
		return 0;
	default:
		return 0;
	}
}

static const tl_step_kinds kinds = { "pre-tokenizer", "pretokenizers", names, TL_COUNT(names), add_step };

int
tl_splitter_parse(const json_t *j, const char *what, tl_splitter **out, tl_error *e)
{
	*out = NULL;
	if (!j || json_is_null(j))
		return 0;
	*out = tl_alloc(sizeof **out);
	return tl_json_steps(&kinds, *out, j, what, e);
}

void
tl_splitter_free(tl_splitter *s)
{
	if (!s)
		return;
	for (int64_t i = 0; i < s->n; i++)
		tl_regex_free(s->step[i].regex);
	free(s->step);
	free(s);
}

bool
tl_splitter_maps(const tl_splitter *s)
{
	return s && s->n && s->step[s->n - 1].type == BYTE_LEVEL;
}

/* --- cutting -------------------------------------------------------------------------------------------------------------------- */

/* What is found in a piece comes part by part, matches and what lies between them; the behaviour says what becomes of it. */
struct cutter { tl_pieces *out; int64_t first; int behavior; bool before; };

static void
part(struct cutter *c, size_t from, size_t to, bool match)
{
	bool joins = c->out->n > c->first;

	switch (c->behavior) {
	case REMOVED:
		if (!match)
			tl_pieces_add(c->out, from, to - from, -1);
		return;
	case WITH_PREVIOUS:
		joins = joins && match && !c->before;
		break;
	case WITH_NEXT:
		joins = joins && !match && c->before;
		break;
	case CONTIGUOUS:
		joins = joins && match == c->before;
		break;
	default:
		joins = false;
	}
	c->before = match;
	if (joins)
		c->out->at[c->out->n - 1].n = (uint32_t)to - c->out->at[c->out->n - 1].at;
	else
		tl_pieces_add(c->out, from, to - from, -1);
}

/* Pieces without text are dropped, but only once all parts were seen. */
static void
finish(struct cutter *c)
{
	int64_t k = c->first;

	for (int64_t i = c->first; i < c->out->n; i++)
		if (c->out->at[i].n)
			c->out->at[k++] = c->out->at[i];
	c->out->n = k;
}

/* Every character of the set is a match of its own. */
static void
cut_chars(const struct step *z, unsigned set, const unsigned char *s, size_t from, size_t n, tl_pieces *out)
{
	struct cutter c = { out, out->n, z->type == PUNCTUATION || z->type == DIGITS ? z->behavior : REMOVED, false };
	size_t start = from, end = from + n;

	for (size_t i = from; i < end;) {
		uint32_t x;
		size_t k = (size_t)tl_utf8_get(s + i, &x);
		if (set ? tl_unicode_flags(x) & set : x == z->delimiter) {
			if (start < i)
				part(&c, start, i, false);
			part(&c, i, i + k, true);
			start = i + k;
		}
		i += k;
	}
	if (start < end)
		part(&c, start, end, false);
}

static int
cut_regex(const struct step *z, const unsigned char *s, size_t from, size_t n, tl_work *w, tl_pieces *out, tl_error *e)
{
	struct cutter c = { out, out->n, z->behavior, false };
	size_t last = from;

	if (tl_regex_all(z->regex, s + from, n, &w->shadow, &w->matches, e) < 0)
		return -1;
	for (int64_t i = 0; i < w->matches.n; i++) {
		size_t start = from + w->matches.at[i][0], end = from + w->matches.at[i][1];
		if (last != start)
			part(&c, last, start, z->invert);
		part(&c, start, end, !z->invert);
		last = end;
	}
	if (last != from + n)
		part(&c, last, from + n, z->invert);
	finish(&c);
	return 0;
}

/* Blanks go, every punctuation character is a piece. */
static void
cut_bert(const unsigned char *s, size_t from, size_t n, tl_pieces *out)
{
	size_t start = from, end = from + n;

	for (size_t i = from; i < end;) {
		uint32_t x;
		size_t k = (size_t)tl_utf8_get(s + i, &x);
		unsigned f = tl_unicode_flags(x) & (TL_U_SPACE | TL_U_PUNCTUATION);
		if (f) {
			if (start < i)
				tl_pieces_add(out, start, i - start, -1);
			if (f & TL_U_PUNCTUATION)
				tl_pieces_add(out, i, k, -1);
			start = i + k;
		}
		i += k;
	}
	if (start < end)
		tl_pieces_add(out, start, end - start, -1);
}

/* \w+|[^\w\s]+ */
static void
cut_words(const unsigned char *s, size_t from, size_t n, tl_pieces *out)
{
	size_t start = from, end = from + n;
	int now = 0; /* 0 blanks, 1 word, 2 neither */

	for (size_t i = from; i < end;) {
		uint32_t x;
		size_t k = (size_t)tl_utf8_get(s + i, &x);
		unsigned f = tl_unicode_flags(x);
		int kind = f & TL_U_WORD ? 1 : f & TL_U_SPACE ? 0 : 2;
		if (kind != now) {
			if (now)
				tl_pieces_add(out, start, i - start, -1);
			start = i;
			now = kind;
		}
		i += k;
	}
	if (now)
		tl_pieces_add(out, start, end - start, -1);
}

/* The end of "'s", "'t", "'re", ... at i, or i. */
static size_t
contraction(const unsigned char *s, size_t i, size_t end)
{
	unsigned char a = i + 1 < end ? s[i + 1] : 0, b = i + 2 < end ? s[i + 2] : 0;

	if (a == 's' || a == 't' || a == 'm' || a == 'd')
		return i + 2;
	if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
		return i + 3;
	return i;
}

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ ; every character belongs to one match. */
static void
cut_gpt2(const unsigned char *s, size_t from, size_t n, tl_pieces *out)
{
	enum { LNS = TL_U_LETTER | TL_U_NUMBER | TL_U_SPACE };
	size_t end = from + n;

	for (size_t i = from; i < end;) {
		size_t start = i, k, last;
		uint32_t x;
		unsigned kind;
		if (s[i] == '\'' && (k = contraction(s, i, end)) > i) {
			tl_pieces_add(out, i, k - i, -1);
			i = k;
			continue;
		}
		if (s[i] == ' ' && i + 1 < end) {
			tl_utf8_get(s + i + 1, &x);
			i += !(tl_unicode_flags(x) & TL_U_SPACE);
		}
		k = (size_t)tl_utf8_get(s + i, &x);
		kind = tl_unicode_flags(x) & LNS;
		last = i;
		i += k;
		while (i < end) {
			k = (size_t)tl_utf8_get(s + i, &x);
			if ((tl_unicode_flags(x) & LNS) != kind)
				break;
			last = i;
			i += k;
		}
		/* Blanks before something else leave their last one to it. */
		if (kind == TL_U_SPACE && i < end && last > start)
			i = last;
		tl_pieces_add(out, start, i - start, -1);
	}
}

/* Puts a blank before every text piece that does not begin with one. */
static void
prefix_spaces(tl_work *w, tl_bytes **text, tl_pieces *pieces)
{
	tl_bytes *to = *text == &w->a ? &w->b : &w->a;
	bool any = false;

	for (int64_t i = 0; i < pieces->n && !any; i++)
		any = pieces->at[i].id < 0 && (*text)->at[pieces->at[i].at] != ' ';
	if (!any)
		return;
	to->n = 0;
	tl_bytes_room(to, (*text)->n + (size_t)pieces->n);
	for (int64_t i = 0; i < pieces->n; i++) {
		tl_piece *p = &pieces->at[i];
		const unsigned char *s = (*text)->at + p->at;
		size_t at = to->n;
		if (p->id >= 0)
			continue;
		if (*s != ' ')
			*tl_bytes_room(to, 1) = ' ', to->n++;
		memcpy(tl_bytes_room(to, p->n), s, p->n);
		to->n += p->n;
		p->at = (uint32_t)at;
		p->n = (uint32_t)(to->n - at);
	}
	*text = to;
}

static void
map_pieces(tl_work *w, tl_bytes **text, tl_pieces *pieces)
{
	tl_bytes *to = *text == &w->a ? &w->b : &w->a;

	to->n = 0;
	for (int64_t i = 0; i < pieces->n; i++) {
		tl_piece *p = &pieces->at[i];
		size_t at = to->n;
		if (p->id >= 0)
			continue;
		tl_map_bytes((*text)->at + p->at, p->n, to);
		p->at = (uint32_t)at;
		p->n = (uint32_t)(to->n - at);
	}
	*text = to;
}

static int
cut(const struct step *z, const unsigned char *s, const tl_piece *p, tl_work *w, tl_pieces *out, tl_error *e)
{
	switch (z->type) {
	case BERT:
		cut_bert(s, p->at, p->n, out);
		return 0;
	case BYTE_LEVEL:
		cut_gpt2(s, p->at, p->n, out);
		return 0;
	case WHITESPACE:
		cut_words(s, p->at, p->n, out);
		return 0;
	case SPLIT:
		return cut_regex(z, s, p->at, p->n, w, out, e);
	default:
		cut_chars(z, z->type == WHITESPACE_SPLIT ? TL_U_SPACE : z->type == PUNCTUATION ? TL_U_PUNCTUATION : z->type == DIGITS ? TL_U_NUMERIC : 0, s, p->at, p->n, out);
		return 0;
	}
}

int
tl_split_pieces(const tl_splitter *s, tl_work *w, tl_bytes **text, tl_pieces **pieces, tl_error *e)
{
	for (int64_t i = 0; s && i < s->n; i++) {
		const struct step *z = &s->step[i];
		tl_pieces *to = *pieces == &w->pieces ? &w->other : &w->pieces;
		if (z->type == BYTE_LEVEL && z->prefix_space)
			prefix_spaces(w, text, *pieces);
		if (z->type != BYTE_LEVEL || z->pattern) {
			to->n = 0;
			for (int64_t k = 0; k < (*pieces)->n; k++) {
				const tl_piece *p = &(*pieces)->at[k];
				if (p->id >= 0)
					tl_pieces_add(to, 0, 0, p->id);
				else if (cut(z, (*text)->at, p, w, to, e) < 0)
					return -1;
			}
			*pieces = to;
		}
		if (z->type == BYTE_LEVEL && i + 1 < s->n)
			map_pieces(w, text, *pieces);
	}
	return 0;
}
