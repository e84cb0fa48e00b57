/* vocab.c - token texts and their ids: open addressing over a pool of letters. */
#include <stdlib.h>
#include <string.h>

#include "data/tokenizer.h"

static void
place(struct tl_vocab_slot *slots, int64_t n, struct tl_vocab_slot s)
{
	uint64_t mask = (uint64_t)n - 1, h = s.hash ^ s.hash >> 32;

	while (slots[h & mask].id >= 0)
		h++;
	slots[h & mask] = s;
}

static void
widen(tl_vocab *v)
{
	int64_t n = v->slots ? v->slots * 2 : 1024;
	struct tl_vocab_slot *slot = tl_alloc((size_t)n * sizeof *slot);

	for (int64_t i = 0; i < n; i++)
		slot[i].id = -1;
	for (int64_t i = 0; i < v->slots; i++)
		if (v->slot[i].id >= 0)
			place(slot, n, v->slot[i]);
	free(v->slot);
	v->slot = slot;
	v->slots = n;
}

static struct tl_vocab_slot *
look(const tl_vocab *v, uint64_t hash, const void *first, size_t n_first, const void *s, size_t n)
{
	uint64_t mask = (uint64_t)v->slots - 1, h = hash ^ hash >> 32;

	if (!v->slots)
		return NULL;
	for (;; h++) {
		struct tl_vocab_slot *x = v->slot + (h & mask);
		if (x->id < 0)
			return NULL;
		if (x->hash == hash && x->length == n_first + n && !memcmp(v->letters + x->at, first, n_first) && !memcmp(v->letters + x->at + n_first, s, n))
			return x;
	}
}

void
tl_vocab_add(tl_vocab *v, const void *s, size_t n, int32_t id)
{
	struct tl_vocab_slot *x, fresh;
	uint64_t hash = tl_hash_bytes(TL_HASH_START, s, n);

	v->highest = TL_MAX(v->highest, id);
	if ((x = look(v, hash, "", 0, s, n))) {
		x->id = id;
		return;
	}
	if (v->n * 2 >= v->slots)
		widen(v);
	if (v->letters_n + n + 1 > v->letters_capacity) {
		v->letters_capacity = (v->letters_n + n) * 2 + 64;
		v->letters = tl_realloc(v->letters, v->letters_capacity);
	}
	fresh = (struct tl_vocab_slot){ hash, (uint32_t)v->letters_n, (uint32_t)n, id };
	if (n)
		memcpy(v->letters + v->letters_n, s, n);
	v->letters_n += n;
	v->longest = TL_MAX(v->longest, (uint32_t)n);
	place(v->slot, v->slots, fresh);
	v->n++;
}

int32_t
tl_vocab_find_hashed(const tl_vocab *v, uint64_t hash, const void *first, size_t n_first, const void *s, size_t n)
{
	const struct tl_vocab_slot *x = look(v, hash, first, n_first, s, n);

	return x ? x->id : -1;
}

int32_t
tl_vocab_find(const tl_vocab *v, const void *s, size_t n)
{
	return tl_vocab_find_hashed(v, tl_hash_bytes(TL_HASH_START, s, n), "", 0, s, n);
}

static int
by_id(const void *a, const void *b)
{
	const struct tl_vocab_slot *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

int
tl_vocab_parse(tl_vocab *v, const json_t *j, const char *what, tl_error *e)
{
	const char *key;
	size_t key_n;
	json_t *item;
	struct tl_vocab_slot *sorted;
	int bad = 0;

	*v = (tl_vocab){ .highest = -1 };
	if (!json_is_object(j))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: \"vocab\" is %s; wanted an object of token texts and ids", what, tl_json_kind(j));
	json_object_keylen_foreach((json_t *)j, key, key_n, item) {
		json_int_t id = json_integer_value(item);
		if (!json_is_integer(item) || id < 0 || id >= TL_ID_MOST)
			return tl_error_set(e, TL_ENVIRONMENT, "%s: the vocabulary's token \"%.60s\" has %s as its id; wanted an integer from 0 to %d", what, key,
				json_is_integer(item) ? "a number out of range" : tl_json_kind(item), TL_ID_MOST - 1);
		tl_vocab_add(v, key, key_n, (int32_t)id);
	}
	if (!v->n)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the vocabulary is empty", what);
	sorted = tl_alloc((size_t)v->slots * sizeof *sorted);
	memcpy(sorted, v->slot, (size_t)v->slots * sizeof *sorted);
	qsort(sorted, (size_t)v->slots, sizeof *sorted, by_id);
	for (int64_t i = 1; i < v->slots && !bad; i++)
		if (sorted[i].id >= 0 && sorted[i].id == sorted[i - 1].id)
			bad = tl_error_set(e, TL_ENVIRONMENT, "%s: the tokens \"%.*s\" and \"%.*s\" have the same id %d; ids must be distinct", what, (int)TL_MIN(sorted[i - 1].length, 60),
				v->letters + sorted[i - 1].at, (int)TL_MIN(sorted[i].length, 60), v->letters + sorted[i].at, sorted[i].id);
	free(sorted);
	return bad;
}

void
tl_vocab_free(tl_vocab *v)
{
	free(v->slot);
	free(v->letters);
	*v = (tl_vocab){ .highest = -1 };
}
