/*
 * trainer.c - a WordPiece vocabulary from texts: [PAD] [UNK] [CLS] [SEP] [MASK], the characters (alone, and inside a word with ## before
 * them), then what comes of joining the most frequent pair of neighbours within words, again and again.
 *
 * Ties go by the tokens' own numbers, and characters are numbered by code point, so the same words give the same vocabulary in any order.
 */
#include <stdlib.h>
#include <string.h>

#include "data/tokenizer.h"

enum { SPECIALS = 5, ALPHABET = 1000, LONGEST = 100 /* characters of a word that is learnt from */, LEAST = 2 /* times that a pair must occur */ };
static const char *const specials[SPECIALS] = { "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]" };
static const char frame[] = "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[],\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":true,"
	"\"strip_accents\":null,\"lowercase\":true},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"[CLS]\","
	"\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"SpecialToken\":{\"id\":\"[SEP]\",\"type_id\":0}}],\"pair\":[{\"SpecialToken\":{\"id\":\"[CLS]\",\"type_id\":0}},{\"Sequence\":{\"id\":"
	"\"A\",\"type_id\":0}},{\"SpecialToken\":{\"id\":\"[SEP]\",\"type_id\":0}},{\"Sequence\":{\"id\":\"B\",\"type_id\":1}},{\"SpecialToken\":{\"id\":\"[SEP]\",\"type_id\":1}}],\"special_tokens\":{\"[CLS]\":"
	"{\"id\":\"[CLS]\",\"ids\":[2],\"tokens\":[\"[CLS]\"]},\"[SEP]\":{\"id\":\"[SEP]\",\"ids\":[3],\"tokens\":[\"[SEP]\"]}}},\"decoder\":{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true},"
	"\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,\"vocab\":{}}}";

struct word { int64_t count; int32_t at, n; };             /* its symbols: at .. at + n - 1 */
struct pair { int32_t a, b; int64_t count; int32_t *word; int64_t n, capacity; bool touched; };
struct queued { int64_t count; int32_t pair; };

struct trainer {
	tl_vocab words;                                        /* the distinct words; ids count up */
	int64_t *count;
	int64_t count_capacity;
	struct word *word;
	int64_t n_words;
	int32_t *symbol;
	int64_t n_symbols, symbol_capacity;
	tl_vocab tokens;
	char **text;                                           /* [tokens.n] */
	int64_t text_capacity;
	struct pair *pair;
	int64_t n_pairs, pair_capacity;
	int32_t *slot;                                         /* number of the pair + 1, by its hash */
	int64_t slots;
	int32_t *touched;                                      /* pairs that occur anew since the last look */
	int64_t n_touched, touched_capacity;
	struct queued *heap;
	int64_t n_heap, heap_capacity;
};

/* --- words ------------------------------------------------------------------------------------------------------------------ */

static int
count_words(struct trainer *t, const tl_tokenizer *how, const char *const *texts, const uint32_t *lengths, int64_t n, tl_error *e)
{
	tl_work w = { 0 };
	int bad = 0;

	for (int64_t i = 0; i < n && !bad; i++) {
		tl_bytes *text = &w.a;
		tl_pieces *pieces = &w.pieces;
		size_t length = lengths[i];
		if (tl_utf8_valid((const unsigned char *)texts[i], length) != length)
			continue; /* readers let none through */
		w.a.n = w.pieces.n = 0;
		bad = tl_normalize(how->normalizer, (const unsigned char *)texts[i], length, &w, &w.a, e);
		if (bad || !w.a.n)
			continue;
		tl_pieces_add(&w.pieces, 0, w.a.n, -1);
		bad = tl_split_pieces(how->splitter, &w, &text, &pieces, e);
		for (int64_t k = 0; k < pieces->n; k++) {
			const tl_piece *p = &pieces->at[k];
			int32_t id = tl_vocab_find(&t->words, text->at + p->at, p->n);
			if (id < 0) {
				id = (int32_t)t->words.n;
				tl_vocab_add(&t->words, text->at + p->at, p->n, id);
				t->count = tl_grow(t->count, id, &t->count_capacity, sizeof *t->count);
				t->count[id] = 0;
			}
			t->count[id]++;
		}
	}
	free(w.a.at);
	free(w.b.at);
	free(w.pieces.at);
	free(w.other.at);
	free(w.chars);
	return bad;
}

struct letter { uint32_t c; int64_t count; };

static int
by_count(const void *a, const void *b)
{
	const struct letter *x = a, *y = b;

	return x->count != y->count ? (x->count > y->count ? -1 : 1) : x->c < y->c ? -1 : x->c > y->c;
}

static int
by_point(const void *a, const void *b)
{
	uint32_t x = ((const struct letter *)a)->c, y = ((const struct letter *)b)->c;

	return x < y ? -1 : x > y;
}

static int32_t
token(struct trainer *t, const char *s, size_t n)
{
	int32_t id = tl_vocab_find(&t->tokens, s, n);

	if (id >= 0)
		return id;
	id = (int32_t)t->tokens.n;
	tl_vocab_add(&t->tokens, s, n, id);
	t->text = tl_grow(t->text, id, &t->text_capacity, sizeof *t->text);
	t->text[id] = tl_strndup(s, n);
	return id;
}

/* The characters that the vocabulary holds, most frequent first where there are too many; numbered by code point. */
static void
alphabet(struct trainer *t, int64_t most)
{
	int64_t *count = tl_alloc((TL_U_LAST + 1) * sizeof *count), n = 0;
	struct letter *list;

	for (int64_t i = 0; i < t->words.slots; i++) {
		const struct tl_vocab_slot *x = &t->words.slot[i];
		for (uint32_t k = 0, c; x->id >= 0 && k < x->length;) {
			k += (uint32_t)tl_utf8_get((const unsigned char *)t->words.letters + x->at + k, &c);
			n += !count[c];
			count[c] += t->count[x->id];
		}
	}
	list = tl_alloc((size_t)(n + 1) * sizeof *list);
	n = 0;
	for (uint32_t c = 0; c <= TL_U_LAST; c++)
		if (count[c])
			list[n++] = (struct letter){ c, count[c] };
	free(count);
	qsort(list, (size_t)n, sizeof *list, by_count);
	n = TL_MIN(n, TL_MIN(most / 2, ALPHABET));
	qsort(list, (size_t)n, sizeof *list, by_point);
	for (int inside = 0; inside < 2; inside++)
		for (int64_t i = 0; i < n; i++) {
			char text[8] = "##";
			int k = tl_utf8_put((unsigned char *)text + 2 * inside, list[i].c);
			token(t, text, (size_t)(k + 2 * inside));
		}
	free(list);
}

static int
by_letters(const void *a, const void *b, void *letters)
{
	const struct tl_vocab_slot *x = a, *y = b;
	int c = memcmp((char *)letters + x->at, (char *)letters + y->at, TL_MIN(x->length, y->length));

	return c ? c : x->length < y->length ? -1 : x->length > y->length;
}

/* Words as symbols. Those with a character outside the alphabet teach nothing. */
static void
spell(struct trainer *t)
{
	struct tl_vocab_slot *sorted = tl_alloc((size_t)(t->words.n + 1) * sizeof *sorted);
	int64_t n = 0;

	for (int64_t i = 0; i < t->words.slots; i++)
		if (t->words.slot[i].id >= 0)
			sorted[n++] = t->words.slot[i];
	qsort_r(sorted, (size_t)n, sizeof *sorted, by_letters, t->words.letters);
	t->word = tl_alloc((size_t)(n + 1) * sizeof *t->word);
	for (int64_t i = 0; i < n; i++) {
		const unsigned char *s = (const unsigned char *)t->words.letters + sorted[i].at;
		int64_t at = t->n_symbols;
		bool known = true;
		for (uint32_t k = 0, c; known && k < sorted[i].length;) {
			char text[8] = "##";
			uint32_t size = (uint32_t)tl_utf8_get(s + k, &c);
			int32_t id;
			memcpy(text + (k ? 2 : 0), s + k, size);
			id = tl_vocab_find(&t->tokens, text, size + (k ? 2 : 0));
			known = id >= 0 && t->n_symbols - at < LONGEST;
			t->symbol = tl_grow(t->symbol, t->n_symbols, &t->symbol_capacity, sizeof *t->symbol);
			t->symbol[t->n_symbols++] = id;
			k += size;
		}
		if (!known || t->n_symbols - at < 2)
			t->n_symbols = at;
		else
			t->word[t->n_words++] = (struct word){ t->count[sorted[i].id], (int32_t)at, (int32_t)(t->n_symbols - at) };
	}
	free(sorted);
}

/* --- pairs -------------------------------------------------------------------------------------------------------------------- */

static int64_t
slot_of(const struct trainer *t, int32_t a, int32_t b)
{
	uint64_t h = ((uint64_t)(uint32_t)a << 32 | (uint32_t)b) * 0x9E3779B97F4A7C15u;

	for (h ^= h >> 32;; h++) {
		int64_t i = (int64_t)(h & (uint64_t)(t->slots - 1));
		if (!t->slot[i] || (t->pair[t->slot[i] - 1].a == a && t->pair[t->slot[i] - 1].b == b))
			return i;
	}
}

static struct pair *
pair_of(struct trainer *t, int32_t a, int32_t b)
{
	int64_t i;

	if (t->n_pairs * 2 >= t->slots) {
		t->slots = t->slots ? t->slots * 2 : 1 << 16;
		free(t->slot);
		t->slot = tl_alloc((size_t)t->slots * sizeof *t->slot);
		for (int64_t k = 0; k < t->n_pairs; k++)
			t->slot[slot_of(t, t->pair[k].a, t->pair[k].b)] = (int32_t)k + 1;
	}
	i = slot_of(t, a, b);
	if (!t->slot[i]) {
		t->pair = tl_grow(t->pair, t->n_pairs, &t->pair_capacity, sizeof *t->pair);
		t->pair[t->n_pairs] = (struct pair){ .a = a, .b = b };
		t->slot[i] = (int32_t)++t->n_pairs;
	}
	return &t->pair[t->slot[i] - 1];
}

static void
occurs(struct trainer *t, int32_t a, int32_t b, int32_t word)
{
	struct pair *p = pair_of(t, a, b);

	p->count += t->word[word].count;
	if (!p->touched) {
		p->touched = true;
		t->touched = tl_grow(t->touched, t->n_touched, &t->touched_capacity, sizeof *t->touched);
		t->touched[t->n_touched++] = (int32_t)(p - t->pair);
	}
	if (p->n && p->word[p->n - 1] == word)
		return;
	p->word = tl_grow(p->word, p->n, &p->capacity, sizeof *p->word);
	p->word[p->n++] = word;
}

static bool
sooner(const struct trainer *t, struct queued x, struct queued y)
{
	const struct pair *p = &t->pair[x.pair], *q = &t->pair[y.pair];

	return x.count != y.count ? x.count > y.count : p->a != q->a ? p->a < q->a : p->b < q->b;
}

static void
queue(struct trainer *t, int32_t pair)
{
	struct queued x = { t->pair[pair].count, pair };
	int64_t i = t->n_heap;

	if (x.count < LEAST)
		return;
	t->heap = tl_grow(t->heap, t->n_heap++, &t->heap_capacity, sizeof *t->heap);
	for (; i && sooner(t, x, t->heap[(i - 1) / 2]); i = (i - 1) / 2)
		t->heap[i] = t->heap[(i - 1) / 2];
	t->heap[i] = x;
}

static struct queued
unqueue(struct trainer *t)
{
	struct queued top = t->heap[0], x = t->heap[--t->n_heap];
	int64_t i = 0, child;

	for (; (child = 2 * i + 1) < t->n_heap; i = child) {
		child += child + 1 < t->n_heap && sooner(t, t->heap[child + 1], t->heap[child]);
		if (!sooner(t, t->heap[child], x))
			break;
		t->heap[i] = t->heap[child];
	}
	t->heap[i] = x;
	return top;
}

/* Joins a and b in one word: its pairs are taken away, then counted anew. */
static void
join_in(struct trainer *t, int32_t number, int32_t a, int32_t b, int32_t to)
{
	struct word *w = &t->word[number];
	int32_t *s = t->symbol + w->at, n = w->n, k = 0, first = 0;

	while (first + 1 < n && (s[first] != a || s[first + 1] != b))
		first++;
	if (first + 1 >= n)
		return; /* another pair took these symbols */
	for (int32_t i = 0; i + 1 < n; i++)
		pair_of(t, s[i], s[i + 1])->count -= w->count;
	for (int32_t i = 0; i < n; i++) {
		bool here = i + 1 < n && s[i] == a && s[i + 1] == b;
		s[k++] = here ? to : s[i];
		i += here;
	}
	w->n = k;
	for (int32_t i = 0; i + 1 < k; i++) {
		if (s[i] == to || s[i + 1] == to)
			occurs(t, s[i], s[i + 1], number);
		else
			pair_of(t, s[i], s[i + 1])->count += w->count;
	}
}

static void
queue_touched(struct trainer *t)
{
	for (int64_t i = 0; i < t->n_touched; i++) {
		t->pair[t->touched[i]].touched = false;
		queue(t, t->touched[i]);
	}
	t->n_touched = 0;
}

static void
learn(struct trainer *t, int64_t size)
{
	for (int32_t i = 0; i < t->n_words; i++)
		for (int32_t k = 0; k + 1 < t->word[i].n; k++)
			occurs(t, t->symbol[t->word[i].at + k], t->symbol[t->word[i].at + k + 1], i);
	queue_touched(t);
	while (t->n_heap && t->tokens.n < size) {
		struct queued top = unqueue(t);
		struct pair p = t->pair[top.pair];
		int32_t to;
		char *joined;
		if (p.count != top.count) { /* it has changed since: back into the queue with what it is now */
			queue(t, top.pair);
			continue;
		}
		joined = tl_format("%s%s", t->text[p.a], t->text[p.b] + 2);
		to = token(t, joined, strlen(joined));
		free(joined);
		for (int64_t i = 0; i < p.n; i++)
			join_in(t, p.word[i], p.a, p.b, to);
		t->pair[top.pair].count = 0;
		free(t->pair[top.pair].word);
		t->pair[top.pair].word = NULL;
		t->pair[top.pair].n = t->pair[top.pair].capacity = 0;
		queue_touched(t);
	}
}

/* --- the tokenizer ---------------------------------------------------------------------------------------------------------------- */

static void
trainer_free(struct trainer *t)
{
	for (int64_t i = 0; i < t->tokens.n; i++)
		free(t->text[i]);
	for (int64_t i = 0; i < t->n_pairs; i++)
		free(t->pair[i].word);
	free(t->text);
	free(t->pair);
	free(t->slot);
	free(t->heap);
	free(t->touched);
	free(t->count);
	free(t->word);
	free(t->symbol);
	tl_vocab_free(&t->words);
	tl_vocab_free(&t->tokens);
}

/* The frame with this vocabulary. */
static char *
as_json(const struct trainer *t)
{
	json_t *j = json_loads(frame, 0, NULL), *vocab = json_object_get(json_object_get(j, "model"), "vocab"), *added = json_object_get(j, "added_tokens");
	char *text;

	for (int64_t i = 0; i < t->tokens.n; i++)
		json_object_set_new(vocab, t->text[i], json_integer(i));
	for (int i = 0; i < SPECIALS; i++)
		json_array_append_new(added, json_pack("{si ss sb sb sb sb sb}", "id", i, "content", specials[i], "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0, "special", 1));
	text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	return text;
}

tl_tokenizer *
tl_tokenizer_train(const char *const *texts, const uint32_t *lengths, int64_t n, int64_t vocab_size, tl_error *e)
{
	struct trainer t = { .words = { .highest = -1 }, .tokens = { .highest = -1 } };
	tl_tokenizer *how, *out = NULL;
	char *text;

	if (vocab_size < SPECIALS + 2 || vocab_size >= TL_ID_MOST)
		return tl_error_set(e, TL_USAGE, "a vocabulary of %lld tokens cannot be trained; wanted %d to %d", (long long)vocab_size, SPECIALS + 2, TL_ID_MOST - 1), NULL;
	for (int i = 0; i < SPECIALS; i++)
		token(&t, specials[i], strlen(specials[i]));
	text = as_json(&t);
	how = tl_tokenizer_parse(text, strlen(text), "the trained vocabulary", e);
	free(text);
	if (how && !count_words(&t, how, texts, lengths, n, e)) {
		alphabet(&t, vocab_size - SPECIALS);
		spell(&t);
		learn(&t, vocab_size);
		text = as_json(&t);
		out = tl_tokenizer_parse(text, strlen(text), "the trained vocabulary", e);
		free(text);
	}
	tl_tokenizer_free(how);
	trainer_free(&t);
	return out;
}
