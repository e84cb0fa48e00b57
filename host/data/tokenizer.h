/*
 * tokenizer.h - how a tokenizer is made inside: text -> added tokens cut out -> normalised -> added tokens -> pieces -> the model's ids -> template.
 * All steps work on UTF-8 in growing buffers; a text piece is a span of the buffer, or already the id of an added token.
 */
#ifndef HOST_DATA_TOKENIZER_H
#define HOST_DATA_TOKENIZER_H

#include <pthread.h>

#include "data/data.h"
#include "data/unicode.h"

enum { TL_NESTING = 64 }; /* sequences inside sequences that are still read */

typedef struct tl_bytes { unsigned char *at; size_t n, capacity; } tl_bytes;
/* Room for `more` bytes; returns where they go. */
static inline unsigned char *
tl_bytes_room(tl_bytes *b, size_t more)
{
	if (b->n + more >= b->capacity) {
		b->capacity = (b->n + more) * 2 + 64;
		b->at = tl_realloc(b->at, b->capacity);
	}
	return b->at + b->n;
}

typedef struct tl_piece { uint32_t at, n; int32_t id; } tl_piece; /* id -1: text that the model reads */
typedef struct tl_pieces { tl_piece *at; int64_t n, capacity; } tl_pieces;
static inline void
tl_pieces_add(tl_pieces *p, size_t at, size_t n, int32_t id)
{
	p->at = tl_grow(p->at, p->n, &p->capacity, sizeof *p->at);
	p->at[p->n++] = (tl_piece){ (uint32_t)at, (uint32_t)n, id };
}

/* --- regular expressions: the reference's dialect (Ruby's) on PCRE2 ------------------------------------------------------------ */
typedef struct tl_regex tl_regex;
/* literal: the text itself is looked for. NULL after an error, among them constructs whose meaning differs between the dialects. */
tl_regex *tl_regex_new(const char *pattern, size_t n, bool literal, const char *what, tl_error *e);
void tl_regex_free(tl_regex *r);
typedef struct tl_matches { uint32_t (*at)[2]; int64_t n, capacity; } tl_matches;
/* All matches in the text as [start, end), as iterated without overlaps. 0 or -1. */
int tl_regex_all(const tl_regex *r, const unsigned char *s, size_t n, tl_bytes *shadow, tl_matches *out, tl_error *e);

/* --- normalizers ---------------------------------------------------------------------------------------------------------------- */
typedef struct tl_normalizer tl_normalizer;
int tl_normalizer_parse(const json_t *j, const char *what, tl_normalizer **out, tl_error *e); /* null: *out NULL */
typedef struct tl_work { /* scratch of one encoding */
	tl_bytes text, a, b, shadow, word; /* the text as valid UTF-8; buffers that take turns; the regular expressions' copy; a mapped word */
	tl_pieces pieces, other;
	tl_matches matches;
	uint32_t *chars, *more;            /* decoded characters */
	int64_t chars_capacity, more_capacity;
	int32_t *symbols;                  /* the model's own */
	int64_t symbols_capacity;
	tl_ids ids;
	struct tl_cache *cache;
	struct tl_work *next;
} tl_work;
/* Appends the normalised span to `out`. */
int tl_normalize(const tl_normalizer *z, const unsigned char *s, size_t n, tl_work *w, tl_bytes *out, tl_error *e);
void tl_normalizer_free(tl_normalizer *z);

/* --- pre-tokenizers ---------------------------------------------------------------------------------------------------------------- */
typedef struct tl_splitter tl_splitter;
int tl_splitter_parse(const json_t *j, const char *what, tl_splitter **out, tl_error *e);
/* Whether the bytes of the last step are to be mapped to the byte-level alphabet; the model does it word by word. */
bool tl_splitter_maps(const tl_splitter *s);
/* Cuts the pieces of *text; may replace both by the work's other buffers. */
int tl_split_pieces(const tl_splitter *s, tl_work *w, tl_bytes **text, tl_pieces **pieces, tl_error *e);
void tl_splitter_free(tl_splitter *s);
extern const uint16_t tl_byte_letter[256]; /* the byte-level alphabet */
void tl_map_bytes(const unsigned char *s, size_t n, tl_bytes *out);

/* --- vocabularies --------------------------------------------------------------------------------------------------------------------- */
typedef struct tl_vocab {
	int64_t n, slots;
	struct tl_vocab_slot { uint64_t hash; uint32_t at, length; int32_t id; } *slot; /* id -1: empty */
	char *letters;
	size_t letters_n, letters_capacity;
	uint32_t longest;
	int32_t highest;
} tl_vocab;
enum { TL_ID_MOST = 1 << 28 };
#define TL_HASH_START 0xcbf29ce484222325u
static inline uint64_t
tl_hash_byte(uint64_t h, unsigned char c)
{
	return (h ^ c) * 0x100000001b3u;
}
static inline uint64_t
tl_hash_bytes(uint64_t h, const void *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = tl_hash_byte(h, ((const unsigned char *)s)[i]);
	return h;
}
void tl_vocab_add(tl_vocab *v, const void *s, size_t n, int32_t id); /* a later entry of the same text replaces the id */
int32_t tl_vocab_find(const tl_vocab *v, const void *s, size_t n);    /* -1 */
/* The word is first[0 .. n_first) followed by s, whose hash after that beginning is known. */
int32_t tl_vocab_find_hashed(const tl_vocab *v, uint64_t hash, const void *first, size_t n_first, const void *s, size_t n);
int tl_vocab_parse(tl_vocab *v, const json_t *j, const char *what, tl_error *e);
void tl_vocab_free(tl_vocab *v);

/* --- models: ids of one word, appended to w->ids ------------------------------------------------------------------------------------------ */
typedef struct tl_model_kind {
	const char *name;
	void (*free)(void *m);
	void (*word)(const void *m, const unsigned char *s, size_t n, tl_work *w);
} tl_model_kind;
void *tl_wordpiece_parse(const json_t *j, const tl_vocab *v, const char *what, tl_error *e);
void *tl_bpe_parse(const json_t *j, const tl_vocab *v, bool maps, const char *what, tl_error *e);
extern const tl_model_kind tl_wordpiece, tl_bpe; /* bpe of a mapped word is given the bytes themselves */

/* Ids of one text piece, remembered per scratch: most words of a text have been seen before. */
void tl_word_ids(const tl_tokenizer *t, const unsigned char *s, size_t n, tl_work *w);
void tl_cache_free(struct tl_cache *c);

/* --- added tokens --------------------------------------------------------------------------------------------------------------------------- */
typedef struct tl_added { char *content; size_t length; int32_t id; bool special, single_word, lstrip, rstrip, normalized; } tl_added;
typedef struct tl_trie tl_trie; /* the contents of several added tokens, the longest that begins at a place wins */
int tl_trie_new(tl_trie **out, const tl_added *added, int64_t n, bool normalized, const tl_normalizer *z, const char *what, tl_error *e);
void tl_trie_cut(const tl_trie *t, const tl_added *added, const unsigned char *s, size_t from, size_t n, tl_pieces *out);
void tl_trie_free(tl_trie *t);

/* --- the tokenizer ---------------------------------------------------------------------------------------------------------------------------- */
struct tl_tokenizer {
	char *text;                 /* the tokenizer.json that it was made from */
	size_t text_n;
	bool maps;                  /* the model reads bytes of the byte-level alphabet */
	tl_vocab vocab;
	tl_added *added;
	int64_t n_added;
	tl_trie *raw, *normalized;
	tl_normalizer *normalizer;
	tl_splitter *splitter;
	const tl_model_kind *kind;
	void *model;
	int32_t *before, *after;    /* template: special tokens around the text */
	int64_t n_before, n_after;
	int64_t size;
	pthread_mutex_t lock;
	tl_work *idle;              /* scratch that waits for the next encoding */
};
/* A folder's vocab.txt or vocab.json + merges.txt as the tokenizer.json that stands for them; malloc'd. */
char *tl_tokenizer_folder(const char *path, tl_error *e);
const char *tl_json_kind(const json_t *j); /* "a string": for messages */
/* Reads an optional true or false. 0, or -1 with a sentence. */
int tl_json_flag(const json_t *j, const char *key, bool fallback, bool *out, const char *what, tl_error *e);
/* Normalizers and pre-tokenizers: one step, or a Sequence of them, nested or not. */
typedef struct tl_step_kinds {
	const char *word, *list;         /* "normalizer"; the key of a Sequence's steps */
	const char *const *names;        /* [n] of the types; a step's type is its place */
	int n;
	int (*add)(void *list, int type, const json_t *j, const char *what, tl_error *e);
} tl_step_kinds;
/* Calls k->add for every step in order. 0, or -1 with a sentence. */
int tl_json_steps(const tl_step_kinds *k, void *list, const json_t *j, const char *what, tl_error *e);

#endif
