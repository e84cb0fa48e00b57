/*
 * tfidf.c - TF-IDF rows as scikit-learn's TfidfVectorizer makes them by default: lower case, words of two or more word characters, raw counts times
 * ln((1 + n) / (1 + df)) + 1, rows of length 1. Fitted on the training split; the features are the words in the order of their code points.
 */
#include "data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

struct word { char *text; uint32_t length; uint32_t hash; int64_t documents; int64_t last; int32_t index; };

struct tl_tfidf {
	struct word *word;     /* in the order of their first appearance */
	int64_t n, capacity;
	int32_t *table;        /* open addressing: index into word, -1 free */
	int64_t table_size;    /* a power of two */
	tl_arena *arena;
	double *idf;           /* by word[].index */
	int64_t documents;
};

/* --- words of a text ------------------------------------------------------------------------------------------------------------ */
/* Python's \w: letters, numbers, underscore; marks are not. */
static bool
is_word(int32_t c)
{
	if (c < 128)
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
	switch (utf8proc_category(c)) {
	case UTF8PROC_CATEGORY_LU: case UTF8PROC_CATEGORY_LL: case UTF8PROC_CATEGORY_LT: case UTF8PROC_CATEGORY_LM: case UTF8PROC_CATEGORY_LO:
	case UTF8PROC_CATEGORY_ND: case UTF8PROC_CATEGORY_NL: case UTF8PROC_CATEGORY_NO:
		return true;
	default:
		return false;
	}
}

/* Has upper or lower case (Unicode's Cased): capitals, small letters, and what only looks like them. */
static bool
is_cased(int32_t c)
{
	static const int32_t more[][2] = { { 0xAA, 0xAA }, { 0xBA, 0xBA }, { 0x2B0, 0x2B8 }, { 0x2C0, 0x2C1 }, { 0x2E0, 0x2E4 }, { 0x345, 0x345 }, { 0x37A, 0x37A }, { 0x1D2C, 0x1D6A }, { 0x1D78, 0x1D78 }, { 0x1D9B, 0x1DBF },
		{ 0x2071, 0x2071 }, { 0x207F, 0x207F }, { 0x2090, 0x209C }, { 0x2160, 0x217F }, { 0x24B6, 0x24E9 }, { 0x2C7C, 0x2C7D }, { 0xA69C, 0xA69D }, { 0xA770, 0xA770 }, { 0xA7F8, 0xA7F9 }, { 0xAB5C, 0xAB5F },
		{ 0x10780, 0x10780 }, { 0x10783, 0x10785 }, { 0x10787, 0x107B0 }, { 0x107B2, 0x107BA }, { 0x1E030, 0x1E06D }, { 0x1F130, 0x1F149 }, { 0x1F150, 0x1F169 }, { 0x1F170, 0x1F189 } };

	switch (utf8proc_category(c)) {
	case UTF8PROC_CATEGORY_LU: case UTF8PROC_CATEGORY_LL: case UTF8PROC_CATEGORY_LT:
		return true;
	default:
		for (int i = 0; i < TL_COUNT(more) && more[i][0] <= c; i++)
			if (c <= more[i][1])
				return true;
		return false;
	}
}

/* Passed over where the case of neighbours is looked for (Case_Ignorable): marks, format characters, modifiers, punctuation inside words. */
static bool
is_passed_over(int32_t c)
{
	static const int32_t inside[] = { '\'', '.', ':', 0xB7, 0x387, 0x55F, 0x5F4, 0x2018, 0x2019, 0x2024, 0x2027, 0xFE13, 0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A };

	switch (utf8proc_category(c)) {
	case UTF8PROC_CATEGORY_MN: case UTF8PROC_CATEGORY_ME: case UTF8PROC_CATEGORY_CF: case UTF8PROC_CATEGORY_LM: case UTF8PROC_CATEGORY_SK:
		return true;
	default:
		for (int i = 0; i < TL_COUNT(inside); i++)
			if (inside[i] == c)
				return true;
		return false;
	}
}

struct scan { const unsigned char *s, *end; bool cased; /* the last character that is not passed over has case */ };

/* A capital sigma ends a word: after a cased character, before none. */
static bool
is_final(const struct scan *x)
{
	const unsigned char *s = x->s;
	int32_t c;

	while (x->cased && s < x->end) {
		utf8proc_ssize_t n = utf8proc_iterate(s, x->end - s, &c);
		if (n <= 0)
			return true;
		if (!is_passed_over(c))
			return !is_cased(c);
		s += n;
	}
	return x->cased;
}

/* The next code point in lower case; -1 at the end. Invalid bytes come as U+FFFD. A second code point, where lowering makes two, in *more (else 0). */
static int32_t
next_lower(struct scan *x, int32_t *more)
{
	int32_t c;
	utf8proc_ssize_t n;

	*more = 0;
	if (x->s >= x->end)
		return -1;
	if (*x->s < 128) {
		c = *x->s++;
		if (c != '\'' && c != '.' && c != ':' && c != '^' && c != '`')
			x->cased = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		return c >= 'A' && c <= 'Z' ? c + 32 : c;
	}
	n = utf8proc_iterate(x->s, x->end - x->s, &c);
	if (n <= 0) {
		x->s++;
		x->cased = false;
		return 0xFFFD;
	}
	x->s += n;
	if (c == 0x3A3) {
		c = is_final(x) ? 0x3C2 : 0x3C3;
		x->cased = true;
		return c;
	}
	if (!is_passed_over(c))
		x->cased = is_cased(c);
	if (c == 0x130) { /* capital I with dot: i and a combining dot */
		*more = 0x307;
		return 'i';
	}
	return utf8proc_tolower(c);
}

typedef int (*word_fn)(void *arg, const char *text, size_t n);

/* Calls fn for every word of two or more word characters, lower case. */
static void
each_word(const char *text, size_t n, tl_text *room, word_fn fn, void *arg)
{
	struct scan x = { (const unsigned char *)text, (const unsigned char *)text + n, false };
	int64_t letters = 0;
	int32_t c, more = 0;

	room->n = 0;
	do {
		c = more ? more : next_lower(&x, &more);
		if (c == 0x307 && more)
			more = 0;
		if (c >= 0 && is_word(c)) {
			unsigned char bytes[4];
			utf8proc_ssize_t k = utf8proc_encode_char(c, bytes);
			tl_text_bytes(room, bytes, (size_t)k);
			letters++;
			continue;
		}
		if (letters > 1)
			fn(arg, room->s, room->n);
		room->n = 0;
		letters = 0;
	} while (c >= 0);
}

/* --- the table of words ----------------------------------------------------------------------------------------------------------- */
static uint32_t
hash_of(const char *s, size_t n)
{
	uint64_t h = 0x9E3779B97F4A7C15u ^ n;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * 0x100000001B3u;
	return (uint32_t)(h ^ h >> 32);
}

static struct word *
find(const tl_tfidf *t, const char *text, size_t n, uint32_t hash, int64_t *place)
{
	int64_t at = (int64_t)hash & (t->table_size - 1);

	for (;; at = (at + 1) & (t->table_size - 1)) {
		struct word *w;
		if (t->table[at] < 0) {
			*place = at;
			return NULL;
		}
		w = &t->word[t->table[at]];
		if (w->hash == hash && w->length == n && !memcmp(w->text, text, n))
			return w;
	}
}

static void
rehash(tl_tfidf *t, int64_t size)
{
	t->table = tl_realloc(t->table, (size_t)size * sizeof *t->table);
	t->table_size = size;
	memset(t->table, 0xff, (size_t)size * sizeof *t->table);
	for (int64_t i = 0; i < t->n; i++) {
		int64_t place;
		find(t, t->word[i].text, t->word[i].length, t->word[i].hash, &place);
		t->table[place] = (int32_t)i;
	}
}

struct fitting { tl_tfidf *t; int64_t document; };

static int
count_word(void *arg, const char *text, size_t n)
{
	struct fitting *f = arg;
	tl_tfidf *t = f->t;
	uint32_t hash = hash_of(text, n);
	int64_t place;
	struct word *w = find(t, text, n, hash, &place);

	if (!w) {
		t->word = tl_grow(t->word, t->n, &t->capacity, sizeof *t->word);
		w = &t->word[t->n];
		*w = (struct word){ .text = tl_arena_alloc(t->arena, n), .length = (uint32_t)n, .hash = hash, .last = -1 };
		memcpy(w->text, text, n);
		t->table[place] = (int32_t)t->n++;
		if (t->n * 2 > t->table_size)
			rehash(t, t->table_size * 2);
		w = &t->word[t->n - 1];
	}
	if (w->last != f->document) {
		w->last = f->document;
		w->documents++;
	}
	return 0;
}

static const struct word *sorting; /* qsort has no argument for it; used from one thread at a time, in tl_tfidf_fit alone */

static int
by_text(const void *a, const void *b)
{
	const struct word *x = &sorting[*(const int32_t *)a], *y = &sorting[*(const int32_t *)b];
	int c = memcmp(x->text, y->text, TL_MIN(x->length, y->length));

	return c ? c : x->length < y->length ? -1 : x->length > y->length;
}

tl_tfidf *
tl_tfidf_fit(const tl_split *train, tl_error *e)
{
	tl_tfidf *t = tl_alloc(sizeof *t);
	struct fitting f = { t, 0 };
	tl_text room = { 0 };
	int32_t *order;

	t->arena = tl_arena_new(1 << 20);
	rehash(t, 1 << 16);
	for (f.document = 0; f.document < train->n; f.document++)
		each_word(train->text[f.document], train->text_length[f.document], &room, count_word, &f);
	tl_text_free(&room);
	t->documents = train->n;
	if (!t->n) {
		tl_error_set(e, TL_USAGE, "the training texts hold no word of two letters or more; TF-IDF has nothing to count");
		tl_tfidf_free(t);
		return NULL;
	}
	order = tl_alloc((size_t)t->n * sizeof *order);
	t->idf = tl_alloc((size_t)t->n * sizeof *t->idf);
	for (int64_t i = 0; i < t->n; i++)
		order[i] = (int32_t)i;
	sorting = t->word;
	qsort(order, (size_t)t->n, sizeof *order, by_text);
	for (int64_t i = 0; i < t->n; i++) {
		t->word[order[i]].index = (int32_t)i;
		t->idf[i] = log((1 + (double)t->documents) / (1 + (double)t->word[order[i]].documents)) + 1;
	}
	free(order);
	return t;
}

/* --- rows ------------------------------------------------------------------------------------------------------------------------------ */
struct row { const tl_tfidf *t; int32_t *index; int64_t n, capacity; };

static int
note_word(void *arg, const char *text, size_t n)
{
	struct row *r = arg;
	int64_t place;
	const struct word *w = find(r->t, text, n, hash_of(text, n), &place);

	if (w) {
		r->index = tl_grow(r->index, r->n, &r->capacity, sizeof *r->index);
		r->index[r->n++] = w->index;
	}
	return 0;
}

static int
ascending(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return x < y ? -1 : x > y;
}

int
tl_tfidf_apply(const tl_tfidf *t, const tl_split *split, tl_features *out, tl_error *e)
{
	struct row r = { .t = t };
	tl_text room = { 0 };
	int64_t *offsets = tl_alloc((size_t)(split->n + 1) * sizeof *offsets), n = 0, index_capacity = 0, value_capacity = 0;
	int32_t *index = NULL;
	float *value = NULL;

	(void)e;
	for (int64_t d = 0; d < split->n; d++) {
		double norm = 0;
		int64_t from = n;
		r.n = 0;
		each_word(split->text[d], split->text_length[d], &room, note_word, &r);
		if (r.n)
			qsort(r.index, (size_t)r.n, sizeof *r.index, ascending);
		for (int64_t i = 0, k; i < r.n; i = k) {
			double x;
			for (k = i; k < r.n && r.index[k] == r.index[i]; k++)
				;
			x = (double)(k - i) * t->idf[r.index[i]];
			index = tl_grow(index, n, &index_capacity, sizeof *index);
			value = tl_grow(value, n, &value_capacity, sizeof *value);
			index[n] = r.index[i];
			value[n++] = (float)x;
			norm += x * x;
		}
		norm = sqrt(norm);
		for (int64_t i = from; i < n; i++)
			value[i] = (float)((double)value[i] / norm);
		offsets[d + 1] = n;
	}
	tl_text_free(&room);
	free(r.index);
	*out = (tl_features){ split->n, t->n, offsets, index, value };
	return 0;
}

int64_t
tl_tfidf_width(const tl_tfidf *t)
{
	return t->n;
}

/* --- kept with a trained run: "tltfidf1", documents, words; then by index: documents with the word, length, letters -------------------------- */
static const char magic[8] = "tltfidf1";

int
tl_tfidf_save(const tl_tfidf *t, tl_text *bytes, tl_error *e)
{
	const struct word **by_index = tl_alloc((size_t)t->n * sizeof *by_index);

	(void)e;
	for (int64_t i = 0; i < t->n; i++)
		by_index[t->word[i].index] = &t->word[i];
	tl_text_bytes(bytes, magic, sizeof magic);
	tl_text_bytes(bytes, &t->documents, sizeof t->documents);
	tl_text_bytes(bytes, &t->n, sizeof t->n);
	for (int64_t i = 0; i < t->n; i++) {
		tl_text_bytes(bytes, &by_index[i]->documents, sizeof by_index[i]->documents);
		tl_text_bytes(bytes, &by_index[i]->length, sizeof by_index[i]->length);
		tl_text_bytes(bytes, by_index[i]->text, by_index[i]->length);
	}
	free(by_index);
	return 0;
}

static bool
take(const char **at, const char *end, void *to, size_t n)
{
	if ((size_t)(end - *at) < n)
		return false;
	memcpy(to, *at, n);
	*at += n;
	return true;
}

/* One word, which must not be there yet. */
static bool
load_word(tl_tfidf *t, const char **at, const char *end, int64_t i)
{
	struct word w = { .last = -1, .index = (int32_t)i };
	int64_t place;

	if (!take(at, end, &w.documents, sizeof w.documents) || !take(at, end, &w.length, sizeof w.length) || w.documents < 1 || w.documents > t->documents || (size_t)(end - *at) < w.length)
		return false;
	w.text = tl_arena_alloc(t->arena, w.length);
	take(at, end, w.text, w.length);
	w.hash = hash_of(w.text, w.length);
	if (find(t, w.text, w.length, w.hash, &place))
		return false;
	t->word = tl_grow(t->word, t->n, &t->capacity, sizeof *t->word);
	t->word[t->n] = w;
	t->table[place] = (int32_t)t->n++;
	if (t->n * 2 > t->table_size)
		rehash(t, t->table_size * 2);
	t->idf[i] = log((1 + (double)t->documents) / (1 + (double)w.documents)) + 1;
	return true;
}

tl_tfidf *
tl_tfidf_load(const void *bytes, size_t n, const char *what, tl_error *e)
{
	const char *at = bytes, *end = at + n;
	char head[8];
	int64_t words = 0;
	tl_tfidf *t = tl_alloc(sizeof *t);
	bool good;

	t->arena = tl_arena_new(1 << 20);
	rehash(t, 1 << 16);
	good = take(&at, end, head, sizeof head) && !memcmp(head, magic, sizeof head) && take(&at, end, &t->documents, sizeof t->documents) && take(&at, end, &words, sizeof words) &&
	       words > 0 && words <= (end - at) / 12 && words < INT32_MAX;
	if (good)
		t->idf = tl_alloc((size_t)words * sizeof *t->idf);
	for (int64_t i = 0; good && i < words; i++)
		good = load_word(t, &at, end, i);
	if (good && at == end)
		return t;
	tl_error_set(e, TL_ENVIRONMENT, "%s: this is no TF-IDF vocabulary as a trained run keeps it; the file is damaged", what);
	tl_tfidf_free(t);
	return NULL;
}

void
tl_tfidf_free(tl_tfidf *t)
{
	if (!t)
		return;
	free(t->word);
	free(t->table);
	free(t->idf);
	tl_arena_free(t->arena);
	free(t);
}

void
tl_features_free(tl_features *f)
{
	free((void *)f->offsets);
	free((void *)f->index);
	free((void *)f->value);
	*f = (tl_features){ 0 };
}
