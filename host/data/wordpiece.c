/* wordpiece.c - the longest token that begins the rest of a word, again and again; a word that cannot be covered is unknown. */
#include <stdlib.h>
#include <string.h>

#include "data/tokenizer.h"

struct wordpiece {
	const tl_vocab *vocab;
	char *prefix;          /* of every token but a word's first */
	size_t prefix_n;
	uint64_t prefix_hash;
	int64_t longest;       /* characters; a longer word is unknown */
	int32_t unk;
};

void *
tl_wordpiece_parse(const json_t *j, const tl_vocab *v, const char *what, tl_error *e)
{
	const json_t *unk = json_object_get(j, "unk_token"), *prefix = json_object_get(j, "continuing_subword_prefix"), *most = json_object_get(j, "max_input_chars_per_word");
	struct wordpiece *m;
	int32_t id;

	if (!json_is_string(unk) || !json_is_string(prefix))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the WordPiece model's \"%s\" is %s; wanted a text", what, json_is_string(unk) ? "continuing_subword_prefix" : "unk_token",
			tl_json_kind(json_is_string(unk) ? prefix : unk)), NULL;
	if (!json_is_integer(most) || json_integer_value(most) < 0)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the WordPiece model's \"max_input_chars_per_word\" is %s; wanted a number from 0", what, json_is_integer(most) ? "negative" : tl_json_kind(most)), NULL;
	if ((id = tl_vocab_find(v, json_string_value(unk), json_string_length(unk))) < 0)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the unknown token \"%.60s\" is not in the vocabulary; add it there", what, json_string_value(unk)), NULL;
	m = tl_alloc(sizeof *m);
	m->vocab = v;
	m->prefix = tl_strndup(json_string_value(prefix), json_string_length(prefix));
	m->prefix_n = json_string_length(prefix);
	m->prefix_hash = tl_hash_bytes(TL_HASH_START, m->prefix, m->prefix_n);
	m->longest = json_integer_value(most);
	m->unk = id;
	return m;
}

static void
free_model(void *p)
{
	struct wordpiece *m = p;

	free(m->prefix);
	free(m);
}

/* Longest token that begins s[0 .. n); its bytes in *length. The hashes of all beginnings come from one pass. */
static int32_t
longest(const struct wordpiece *m, const unsigned char *s, size_t n, bool first, size_t *length)
{
	enum { AT_ONCE = 256 };
	uint64_t hash[AT_ONCE], h = first ? TL_HASH_START : m->prefix_hash;
	size_t prefix_n = first ? 0 : m->prefix_n, most = TL_MIN(n, m->vocab->longest);

	for (size_t i = 0; i < most; i++) {
		h = tl_hash_byte(h, s[i]);
		if (i < AT_ONCE)
			hash[i] = h;
	}
	for (size_t k = most; k > 0; k--) {
		int32_t id;
		if (k < n && (s[k] & 0xC0) == 0x80) /* not between two characters */
			continue;
		if (k > AT_ONCE)
			h = tl_hash_bytes(first ? TL_HASH_START : m->prefix_hash, s, k);
		if ((id = tl_vocab_find_hashed(m->vocab, k > AT_ONCE ? h : hash[k - 1], m->prefix, prefix_n, s, k)) >= 0) {
			*length = k;
			return id;
		}
	}
	return -1;
}

static void
word(const void *p, const unsigned char *s, size_t n, tl_work *w)
{
	const struct wordpiece *m = p;
	int64_t chars = 0, began = w->ids.n;

	for (size_t i = 0; i < n && chars <= m->longest; i++)
		chars += (s[i] & 0xC0) != 0x80;
	for (size_t at = 0; at < n;) {
		size_t k = 0;
		int32_t id = chars > m->longest ? -1 : longest(m, s + at, n - at, at == 0, &k);
		w->ids.at = tl_grow(w->ids.at, w->ids.n, &w->ids.capacity, sizeof *w->ids.at);
		if (id < 0) {
			w->ids.n = began;
			w->ids.at[w->ids.n++] = m->unk;
			return;
		}
		w->ids.at[w->ids.n++] = id;
		at += k;
	}
}

const tl_model_kind tl_wordpiece = { "WordPiece", free_model, word };
