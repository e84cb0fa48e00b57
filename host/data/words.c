/* words.c - the memory of words: ids of a piece by its bytes. What it remembers never changes a result. */
#include <stdlib.h>
#include <string.h>

#include "data/tokenizer.h"

enum { SLOTS = 1 << 16, FULL = SLOTS / 2, SHORT = 15, LONGEST = 96, POOL = 1 << 20 };

/* A short word's bytes are lo and hi themselves; a longer one's lo is a hash and its bytes lie in the pool of letters. */
struct entry { uint64_t lo, hi; uint32_t letters; int32_t n; int32_t ids[2]; /* or ids[0]: where in the pool of ids */ };
struct tl_cache {
	struct entry *slot;
	int64_t used;
	unsigned char *letters;
	uint32_t letters_n;
	int32_t *ids;
	uint32_t ids_n;
};

static uint64_t
eight(const unsigned char *s)
{
	uint64_t x;

	memcpy(&x, s, 8);
	return x;
}

static uint64_t
up_to_eight(const unsigned char *s, size_t n)
{
	uint32_t a, b;

	if (n == 8)
		return eight(s);
	if (n >= 4) {
		memcpy(&a, s, 4);
		memcpy(&b, s + n - 4, 4);
		return a | (uint64_t)b << 8 * (n - 4);
	}
	return n ? s[0] | (uint64_t)s[n / 2] << 8 * (n / 2) | (uint64_t)s[n - 1] << 8 * (n - 1) : 0;
}

static void
key(const unsigned char *s, size_t n, uint64_t *lo, uint64_t *hi)
{
	if (n <= SHORT) {
		*lo = up_to_eight(s, TL_MIN(n, 8));
		*hi = (n > 8 ? eight(s + n - 8) >> 8 * (16 - n) : 0) | (uint64_t)n << 56;
		return;
	}
	*lo = 0;
	for (size_t i = 0; i + 8 <= n; i += 8)
		*lo = (*lo ^ eight(s + i)) * 0x9E3779B97F4A7C15u ^ *lo >> 31;
	*lo = (*lo ^ eight(s + n - 8)) * 0x9E3779B97F4A7C15u;
	*hi = (uint64_t)0xFF << 56 | n;
}

static struct tl_cache *
cache_of(tl_work *w)
{
	struct tl_cache *c = w->cache;

	if (!c) {
		c = w->cache = tl_alloc(sizeof *c);
		c->slot = tl_alloc(SLOTS * sizeof *c->slot);
		c->letters = tl_alloc(POOL);
		c->ids = tl_alloc(POOL * sizeof *c->ids / 4);
	}
	return c;
}

void
tl_cache_free(struct tl_cache *c)
{
	if (!c)
		return;
	free(c->slot);
	free(c->letters);
	free(c->ids);
	free(c);
}

static void
ask(const tl_tokenizer *t, const unsigned char *s, size_t n, tl_work *w)
{
	if (t->maps && t->kind != &tl_bpe) {
		w->word.n = 0;
		tl_map_bytes(s, n, &w->word);
		t->kind->word(t->model, w->word.at, w->word.n, w);
	} else {
		t->kind->word(t->model, s, n, w);
	}
}

static int32_t *
append(tl_work *w, int64_t n)
{
	if (w->ids.n + n > w->ids.capacity) {
		w->ids.capacity = (w->ids.n + n) * 2 + 256;
		w->ids.at = tl_realloc(w->ids.at, (size_t)w->ids.capacity * sizeof *w->ids.at);
	}
	w->ids.n += n;
	return w->ids.at + w->ids.n - n;
}

void
tl_word_ids(const tl_tokenizer *t, const unsigned char *s, size_t n, tl_work *w)
{
	struct tl_cache *c = cache_of(w);
	struct entry *x;
	uint64_t lo, hi, h;
	int64_t began = w->ids.n, count;

	if (n > LONGEST) {
		ask(t, s, n, w);
		return;
	}
	key(s, n, &lo, &hi);
	h = (lo ^ hi * 0xC2B2AE3D27D4EB4Fu) * 0x9E3779B97F4A7C15u;
	for (h ^= h >> 32;; h++) {
		x = c->slot + (h & (SLOTS - 1));
		if (!x->hi)
			break;
		if (x->lo == lo && x->hi == hi && (n <= SHORT || !memcmp(c->letters + x->letters, s, n))) {
			int32_t *to = append(w, x->n);
			if (x->n <= 2)
				for (int i = 0; i < x->n; i++)
					to[i] = x->ids[i];
			else
				memcpy(to, c->ids + x->ids[0], (size_t)x->n * sizeof *to);
			return;
		}
	}
	ask(t, s, n, w);
	count = w->ids.n - began;
	if (c->used >= FULL || c->letters_n + n > POOL || c->ids_n + (size_t)count > POOL / 4) {
		memset(c->slot, 0, SLOTS * sizeof *c->slot);
		c->used = c->letters_n = c->ids_n = 0;
		if (count > POOL / 4)
			return;
		for (h = (lo ^ hi * 0xC2B2AE3D27D4EB4Fu) * 0x9E3779B97F4A7C15u, h ^= h >> 32, x = c->slot + (h & (SLOTS - 1)); x->hi; h++)
			x = c->slot + (h & (SLOTS - 1));
	}
	*x = (struct entry){ lo, hi, c->letters_n, (int32_t)count, { 0, 0 } };
	c->used++;
	if (n > SHORT) {
		memcpy(c->letters + c->letters_n, s, n);
		c->letters_n += (uint32_t)n;
	}
	if (count <= 2) {
		for (int64_t i = 0; i < count; i++)
			x->ids[i] = w->ids.at[began + i];
	} else {
		x->ids[0] = (int32_t)c->ids_n;
		memcpy(c->ids + c->ids_n, w->ids.at + began, (size_t)count * sizeof *c->ids);
		c->ids_n += (uint32_t)count;
	}
}
