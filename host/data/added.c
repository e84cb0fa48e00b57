/* added.c - added tokens: cut out of the text wherever they stand, the longest that begins at a place first. */
#include <stdlib.h>
#include <string.h>

#include "data/tokenizer.h"

struct node { int32_t child, sibling, added; unsigned char byte; };
struct tl_trie {
	struct node *node; /* 0 is the root */
	int64_t n, capacity;
	int32_t first[256]; /* the root's children */
};

static int32_t
child_of(const tl_trie *t, int32_t at, unsigned char byte)
{
	int32_t i = t->node[at].child;

	while (i && t->node[i].byte != byte)
		i = t->node[i].sibling;
	return i;
}

static int32_t
grow(tl_trie *t, int32_t parent, unsigned char byte)
{
	t->node = tl_grow(t->node, t->n, &t->capacity, sizeof *t->node);
	t->node[t->n] = (struct node){ 0, parent >= 0 ? t->node[parent].child : 0, -1, byte };
	if (parent >= 0)
		t->node[parent].child = (int32_t)t->n;
	return (int32_t)t->n++;
}

static int
insert(tl_trie *t, const unsigned char *s, size_t n, const tl_added *added, int64_t number, const char *what, tl_error *e)
{
	int32_t at = 0;

	if (!n)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: nothing is left of the added token \"%.60s\" after normalisation, so it could be anywhere; set its \"normalized\" to false", what, added[number].content);
	for (size_t i = 0; i < n; i++) {
		int32_t next = child_of(t, at, s[i]);
		at = next ? next : grow(t, at, s[i]);
	}
	if (t->node[at].added >= 0)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the added tokens \"%.60s\" and \"%.60s\" are the same text after normalisation; remove one", what, added[t->node[at].added].content,
			added[number].content);
	t->node[at].added = (int32_t)number;
	return 0;
}

int
tl_trie_new(tl_trie **out, const tl_added *added, int64_t n, bool normalized, const tl_normalizer *z, const char *what, tl_error *e)
{
	tl_work w = { 0 };
	tl_bytes text = { 0 };
	int bad = 0;

	*out = NULL;
	for (int64_t i = 0; i < n && !bad; i++) {
		if (added[i].normalized != normalized || !added[i].length)
			continue;
		if (!*out) {
			*out = tl_alloc(sizeof **out);
			grow(*out, -1, 0);
		}
		text.n = 0;
		bad = tl_normalize(normalized ? z : NULL, (const unsigned char *)added[i].content, added[i].length, &w, &text, e);
		bad = bad || insert(*out, text.at, text.n, added, i, what, e) < 0 ? -1 : 0;
	}
	for (int32_t c = *out ? (*out)->node[0].child : 0; c; c = (*out)->node[c].sibling)
		(*out)->first[(*out)->node[c].byte] = c;
	free(text.at);
	free(w.shadow.at);
	free(w.matches.at);
	free(w.chars);
	return bad;
}

void
tl_trie_free(tl_trie *t)
{
	if (t)
		free(t->node);
	free(t);
}

/* The longest token that begins at s[i]: its number, or -1. */
static int32_t
longest(const tl_trie *t, const unsigned char *s, size_t i, size_t end, size_t *stop)
{
	int32_t best = -1, at = t->first[s[i]];

	while (at) {
		i++;
		if (t->node[at].added >= 0) {
			best = t->node[at].added;
			*stop = i;
		}
		at = i < end ? child_of(t, at, s[i]) : 0;
	}
	return best;
}

static bool
is(const unsigned char *s, size_t at, unsigned set)
{
	uint32_t c;

	tl_utf8_get(s + at, &c);
	return tl_unicode_flags(c) & set;
}

static size_t
blanks_before(const unsigned char *s, size_t from, size_t at)
{
	while (at > from) {
		uint32_t c = tl_utf8_before(s, at);
		if (!(tl_unicode_flags(c) & TL_U_SPACE))
			break;
		at -= c < 0x80 ? 1 : c < 0x800 ? 2 : 3;
	}
	return at;
}

static size_t
blanks_behind(const unsigned char *s, size_t at, size_t end)
{
	while (at < end && is(s, at, TL_U_SPACE)) {
		uint32_t c;
		at += (size_t)tl_utf8_get(s + at, &c);
	}
	return at;
}

void
tl_trie_cut(const tl_trie *t, const tl_added *added, const unsigned char *s, size_t from, size_t n, tl_pieces *out)
{
	size_t end = from + n, written = from, i = from;

	while (t && i < end) {
		size_t start = i, stop = i;
		const tl_added *x;
		int32_t number;
		if (!t->first[s[i]] || (number = longest(t, s, i, end, &stop)) < 0) {
			i++;
			continue;
		}
		i = stop;
		x = &added[number];
		if (x->single_word && ((start > from && (tl_unicode_flags(tl_utf8_before(s, start)) & TL_U_WORD)) || (stop < end && is(s, stop, TL_U_WORD))))
			continue;
		if (x->lstrip)
			start = TL_MAX(blanks_before(s, from, start), written);
		if (x->rstrip)
			stop = blanks_behind(s, stop, end);
		if (written < start)
			tl_pieces_add(out, written, start - written, -1);
		if (start < stop) /* else all of it was taken with the blanks of the one before */
			tl_pieces_add(out, start, stop - start, x->id);
		written = stop;
	}
	if (written != end)
		tl_pieces_add(out, written, end - written, -1);
}
