/*
 * bpe.c - byte-pair encoding: a word's characters are joined pair by pair, the pair that was learnt first before the others,
 * the leftmost before the others of the same kind.
 */
#include <stdlib.h>
#include <string.h>

#include "data/tokenizer.h"

struct merge { uint64_t pair; int32_t rank, id; };
struct bpe {
	const tl_vocab *vocab;
	struct merge *slot;     /* open addressing by pair; rank -1: empty */
	uint64_t mask;
	char *prefix, *suffix;  /* of every character but the first; of the last */
	size_t prefix_n, suffix_n;
	int32_t unk;            /* -1: unknown characters vanish */
	bool fuse, whole, maps, fallback;
	int32_t byte_id[256];   /* of the byte-level letters, where neither prefix nor suffix is */
	int32_t fallback_id[256];
};

static const struct merge *
find(const struct bpe *m, int32_t a, int32_t b)
{
	uint64_t pair = (uint64_t)(uint32_t)a << 32 | (uint32_t)b, h = pair * 0x9E3779B97F4A7C15u;

	for (h ^= h >> 29;; h++) {
		const struct merge *x = m->slot + (h & m->mask);
		if (x->rank < 0)
			return NULL;
		if (x->pair == pair)
			return x;
	}
}

static void
learn(struct bpe *m, int32_t a, int32_t b, int32_t rank, int32_t id)
{
	uint64_t pair = (uint64_t)(uint32_t)a << 32 | (uint32_t)b, h = pair * 0x9E3779B97F4A7C15u;

	for (h ^= h >> 29; m->slot[h & m->mask].rank >= 0 && m->slot[h & m->mask].pair != pair; h++)
		;
	m->slot[h & m->mask] = (struct merge){ pair, rank, id };
}

/* "a b" or ["a", "b"] */
static int
halves(const json_t *j, const char **a, size_t *na, const char **b, size_t *nb)
{
	if (json_is_string(j)) {
		const char *s = json_string_value(j), *blank = memchr(s, ' ', json_string_length(j)), *end = s + json_string_length(j);
		if (!blank || memchr(blank + 1, ' ', (size_t)(end - blank - 1)))
			return -1;
		*a = s;
		*na = (size_t)(blank - s);
		*b = blank + 1;
		*nb = (size_t)(end - *b);
		return 0;
	}
	if (json_array_size(j) != 2 || !json_is_string(json_array_get(j, 0)) || !json_is_string(json_array_get(j, 1)))
		return -1;
	*a = json_string_value(json_array_get(j, 0));
	*na = json_string_length(json_array_get(j, 0));
	*b = json_string_value(json_array_get(j, 1));
	*nb = json_string_length(json_array_get(j, 1));
	return 0;
}

static int
parse_merges(struct bpe *m, const json_t *list, const char *what, tl_error *e)
{
	size_t n = json_array_size(list), slots = 16, rank = 0;
	tl_bytes both = { 0 };
	int bad = 0;

	if (!json_is_array(list))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the BPE model's \"merges\" is %s; wanted a list", what, tl_json_kind(list));
	while (slots < 2 * n + 2)
		slots *= 2;
	m->mask = slots - 1;
	m->slot = tl_alloc(slots * sizeof *m->slot);
	for (size_t i = 0; i < slots; i++)
		m->slot[i].rank = -1;
	for (size_t i = 0; i < n && !bad; i++) {
		const json_t *j = json_array_get(list, i);
		const char *a = NULL, *b = NULL;
		size_t na = 0, nb = 0;
		int32_t ia, ib, id = -1;
		if (json_is_string(j) && tl_starts(json_string_value(j), "#version"))
			continue;
		if (halves(j, &a, &na, &b, &nb) < 0 || nb < m->prefix_n) {
			bad = tl_error_set(e, TL_ENVIRONMENT, "%s: merge %zu is not two tokens; wanted \"a b\" or [\"a\", \"b\"]", what, i + 1);
			break;
		}
		ia = tl_vocab_find(m->vocab, a, na);
		ib = tl_vocab_find(m->vocab, b, nb);
		both.n = 0;
		memcpy(tl_bytes_room(&both, na + nb), a, na);
		memcpy(both.at + na, b + m->prefix_n, nb - m->prefix_n);
		if (ia >= 0 && ib >= 0)
			id = tl_vocab_find(m->vocab, both.at, na + nb - m->prefix_n);
		if (id < 0)
			bad = tl_error_set(e, TL_ENVIRONMENT, "%s: merge %zu needs the token \"%.*s\", which is not in the vocabulary", what, i + 1,
				(int)TL_MIN(ia < 0 ? na : ib < 0 ? nb : na + nb - m->prefix_n, 60), ia < 0 ? a : ib < 0 ? b : (const char *)both.at);
		else
			learn(m, ia, ib, (int32_t)rank++, id);
	}
	free(both.at);
	return bad;
}

static int
parse_text(const json_t *j, const char *key, char **out, size_t *n, const char *what, tl_error *e)
{
	const json_t *v = json_object_get(j, key);

	*n = 0;
	if (!v || json_is_null(v))
		return 0;
	if (!json_is_string(v))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the BPE model's \"%s\" is %s; wanted a text or null", what, key, tl_json_kind(v));
	*n = json_string_length(v);
	*out = tl_strndup(json_string_value(v), *n);
	return 0;
}

static void
free_model(void *p)
{
	struct bpe *m = p;

	free(m->slot);
	free(m->prefix);
	free(m->suffix);
	free(m);
}

static int
parse(struct bpe *m, const json_t *j, const char *what, tl_error *e)
{
	const json_t *dropout = json_object_get(j, "dropout");
	char *unk = NULL;
	size_t unk_n = 0;
	int bad;

	if (dropout && !json_is_null(dropout) && (!json_is_number(dropout) || json_number_value(dropout) != 0))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the BPE model has dropout, which would give other ids every time; set \"dropout\" to null", what);
	if (tl_json_flag(j, "fuse_unk", false, &m->fuse, what, e) < 0 || tl_json_flag(j, "byte_fallback", false, &m->fallback, what, e) < 0 ||
	    tl_json_flag(j, "ignore_merges", false, &m->whole, what, e) < 0 || parse_text(j, "continuing_subword_prefix", &m->prefix, &m->prefix_n, what, e) < 0 ||
	    parse_text(j, "end_of_word_suffix", &m->suffix, &m->suffix_n, what, e) < 0)
		return -1;
	bad = parse_text(j, "unk_token", &unk, &unk_n, what, e);
	if (!bad && unk && (m->unk = tl_vocab_find(m->vocab, unk, unk_n)) < 0)
		bad = tl_error_set(e, TL_ENVIRONMENT, "%s: the unknown token \"%.60s\" is not in the vocabulary; add it there, or set \"unk_token\" to null", what, unk);
	free(unk);
	return bad || parse_merges(m, json_object_get(j, "merges"), what, e) < 0 ? -1 : 0;
}

void *
tl_bpe_parse(const json_t *j, const tl_vocab *v, bool maps, const char *what, tl_error *e)
{
	struct bpe *m = tl_alloc(sizeof *m);

	m->vocab = v;
	m->maps = maps;
	m->unk = -1;
	if (parse(m, j, what, e) < 0) {
		free_model(m);
		return NULL;
	}
	for (int b = 0; b < 256; b++) {
		unsigned char letter[4];
		char name[8];
		m->byte_id[b] = tl_vocab_find(v, letter, (size_t)tl_utf8_put(letter, tl_byte_letter[b]));
		snprintf(name, sizeof name, "<0x%02X>", b);
		m->fallback_id[b] = tl_vocab_find(v, name, 6);
	}
	return m;
}

/* --- a word ------------------------------------------------------------------------------------------------------------------- */

static void
symbol(tl_work *w, int64_t *n, int32_t id)
{
	w->symbols = tl_grow(w->symbols, *n, &w->symbols_capacity, sizeof *w->symbols);
	w->symbols[(*n)++] = id;
}

/* One character that may be unknown; *unk: an unknown one waits to be written. */
static void
one(const struct bpe *m, const unsigned char *s, size_t n, bool first, bool last, bool *unk, tl_work *w, int64_t *k)
{
	unsigned char text[256];
	size_t size = 0;
	int32_t id = -1;

	if ((first ? 0 : m->prefix_n) + n + (last ? m->suffix_n : 0) <= sizeof text) {
		if (!first && m->prefix_n)
			memcpy(text, m->prefix, size = m->prefix_n);
		memcpy(text + size, s, n);
		size += n;
		if (last && m->suffix_n) {
			memcpy(text + size, m->suffix, m->suffix_n);
			size += m->suffix_n;
		}
		id = tl_vocab_find(m->vocab, text, size);
	}
	if (id >= 0) {
		if (*unk)
			symbol(w, k, m->unk);
		*unk = false;
		symbol(w, k, id);
		return;
	}
	if (m->fallback) {
		bool all = true;
		for (size_t i = 0; i < size; i++)
			all = all && m->fallback_id[text[i]] >= 0;
		if (all && size) {
			for (size_t i = 0; i < size; i++)
				symbol(w, k, m->fallback_id[text[i]]);
			return;
		}
	}
	if (m->unk < 0)
		return;
	if (*unk && !m->fuse)
		symbol(w, k, m->unk);
	*unk = true;
}

/* The next pair to join, by looking at all. rank[i]: of the pair (i, next), or INT32_MAX. */
static void
join_few(const struct bpe *m, int32_t *id, int64_t *n)
{
	enum { MOST = 64 };
	int32_t rank[MOST], to[MOST];
	int64_t k = *n;

	for (int64_t i = 0; i < k; i++) {
		const struct merge *x = i + 1 < k ? find(m, id[i], id[i + 1]) : NULL;
		rank[i] = x ? x->rank : INT32_MAX;
		to[i] = x ? x->id : 0;
	}
	for (;;) {
		int64_t best = -1;
		int32_t least = INT32_MAX;
		for (int64_t i = 0; i + 1 < k; i++)
			if (rank[i] < least) {
				least = rank[i];
				best = i;
			}
		if (best < 0)
			break;
		id[best] = to[best];
		for (int64_t i = best + 1; i + 1 < k; i++) {
			id[i] = id[i + 1];
			rank[i] = rank[i + 1];
			to[i] = to[i + 1];
		}
		k--;
		for (int64_t i = best - (best > 0); i <= best && i + 1 < k; i++) {
			const struct merge *x = find(m, id[i], id[i + 1]);
			rank[i] = x ? x->rank : INT32_MAX;
			to[i] = x ? x->id : 0;
		}
	}
	*n = k;
}

static void
sift(uint64_t *heap, int64_t n, uint64_t x)
{
	int64_t i = n;

	for (; i && heap[(i - 1) / 2] > x; i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = x;
}

static uint64_t
least(uint64_t *heap, int64_t *n)
{
	uint64_t top = heap[0], x = heap[--*n];
	int64_t i = 0, child;

	for (; (child = 2 * i + 1) < *n; i = child) {
		child += child + 1 < *n && heap[child + 1] < heap[child];
		if (heap[child] >= x)
			break;
		heap[i] = heap[child];
	}
	heap[i] = x;
	return top;
}

/* The same for long words: a heap of (rank, place); an entry that no longer holds is passed over. */
static void
join_many(const struct bpe *m, int32_t *id, int64_t *n)
{
	int64_t count = *n, size = 0, k = 0;
	uint64_t *heap = tl_alloc((size_t)(3 * count + 8) * sizeof *heap);
	int32_t *next = tl_alloc((size_t)count * 2 * sizeof *next), *before = next + count;
	const struct merge *x;

	for (int64_t i = 0; i < count; i++) {
		next[i] = (int32_t)(i + 1);
		before[i] = (int32_t)(i - 1);
		if (i + 1 < count && (x = find(m, id[i], id[i + 1])))
			sift(heap, size++, (uint64_t)x->rank << 32 | (uint64_t)i);
	}
	while (size) {
		uint64_t top = least(heap, &size);
		int64_t i = (int64_t)(uint32_t)top, r;
		if (id[i] < 0 || (r = next[i]) >= count || !(x = find(m, id[i], id[r])) || (uint64_t)x->rank != top >> 32)
			continue;
		id[i] = x->id;
		id[r] = -1;
		next[i] = next[r];
		if (next[i] < count)
			before[next[i]] = (int32_t)i;
		if (before[i] >= 0 && (x = find(m, id[before[i]], id[i])))
			sift(heap, size++, (uint64_t)x->rank << 32 | (uint64_t)before[i]);
		if (next[i] < count && (x = find(m, id[i], id[next[i]])))
			sift(heap, size++, (uint64_t)x->rank << 32 | (uint64_t)i);
	}
	for (int64_t i = 0; i < count; i++)
		if (id[i] >= 0)
			id[k++] = id[i];
	*n = k;
	free(heap);
	free(next);
}

static void
word(const void *p, const unsigned char *s, size_t n, tl_work *w)
{
	const struct bpe *m = p;
	int64_t k = 0;
	bool unk = false, plain = m->maps && !m->prefix_n && !m->suffix_n;
	size_t i = 0;

	if (m->maps && (m->whole || !plain)) {
		w->word.n = 0;
		tl_map_bytes(s, n, &w->word);
	}
	if (m->whole) {
		int32_t id = m->maps ? tl_vocab_find(m->vocab, w->word.at, w->word.n) : tl_vocab_find(m->vocab, s, n);
		if (id >= 0) {
			w->ids.at = tl_grow(w->ids.at, w->ids.n, &w->ids.capacity, sizeof *w->ids.at);
			w->ids.at[w->ids.n++] = id;
			return;
		}
	}
	if (plain) {
		for (; i < n && m->byte_id[s[i]] >= 0; i++)
			symbol(w, &k, m->byte_id[s[i]]);
		if (i < n) { /* a letter is missing: the general way */
			k = 0;
			w->word.n = 0;
			tl_map_bytes(s, n, &w->word);
			plain = false;
		}
	}
	if (!plain) {
		const unsigned char *t = m->maps ? w->word.at : s;
		size_t length = m->maps ? w->word.n : n;
		for (i = 0; i < length;) {
			uint32_t c;
			size_t size = (size_t)tl_utf8_get(t + i, &c);
			one(m, t + i, size, i == 0, i + size == length, &unk, w, &k);
			i += size;
		}
		if (unk)
			symbol(w, &k, m->unk);
	}
	if (k > 1 && k <= 64)
		join_few(m, w->symbols, &k);
	else if (k > 1)
		join_many(m, w->symbols, &k);
	for (int64_t j = 0; j < k; j++) {
		w->ids.at = tl_grow(w->ids.at, w->ids.n, &w->ids.capacity, sizeof *w->ids.at);
		w->ids.at[w->ids.n++] = w->symbols[j];
	}
}

const tl_model_kind tl_bpe = { "BPE", free_model, word };
