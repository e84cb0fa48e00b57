/* names.c - packed strings, and a table from a name to its number. */
#include "load.h"

#include <stdlib.h>
#include <string.h>

char *
tl_strings_add(tl_strings *s, const char *bytes, size_t n)
{
	enum { CHUNK = 1 << 20 };
	char *copy;

	if (n + 1 > s->left) {
		size_t size = TL_MAX(n + 1, (size_t)CHUNK);
		char *fresh = tl_arena_alloc(s->arena, size);
		if (n + 1 > CHUNK / 4) { /* a long text gets its own block; the open chunk stays open */
			memcpy(fresh, bytes, n);
			fresh[n] = 0;
			return fresh;
		}
		s->at = fresh;
		s->left = size;
	}
	copy = s->at;
	if (n)
		memcpy(copy, bytes, n);
	copy[n] = 0;
	s->at += n + 1;
	s->left -= n + 1;
	return copy;
}

uint64_t
tl_hash64(const void *bytes, size_t n, uint64_t seed)
{
	const unsigned char *s = bytes;
	uint64_t h = seed ^ 0xcbf29ce484222325u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ s[i]) * 0x100000001b3u;
	/* FNV's low bits alone are weak; mix once so that any of them can pick a slot or order documents. */
	h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
	h = (h ^ h >> 27) * 0x94d049bb133111ebu;
	return h ^ h >> 31;
}

int64_t
tl_names_find(const tl_names *t, const char *name)
{
	uint64_t h;

	if (!t->slots)
		return -1;
	h = tl_hash64(name, strlen(name), 0);
	for (uint64_t i = h;; i++) {
		int64_t at = t->slot[i & (uint64_t)(t->slots - 1)] - 1;
		if (at < 0)
			return -1;
		if (t->hash[at] == h && !strcmp(t->name[at], name))
			return at;
	}
}

static void
put(tl_names *t, int64_t number)
{
	uint64_t i = t->hash[number];

	while (t->slot[i & (uint64_t)(t->slots - 1)])
		i++;
	t->slot[i & (uint64_t)(t->slots - 1)] = number + 1;
}

int64_t
tl_names_add(tl_names *t, const char *name)
{
	if (t->n == t->capacity) {
		t->capacity = t->capacity ? t->capacity * 2 : 64;
		t->name = tl_realloc(t->name, (size_t)t->capacity * sizeof *t->name);
		t->hash = tl_realloc(t->hash, (size_t)t->capacity * sizeof *t->hash);
	}
	t->name[t->n] = name;
	t->hash[t->n] = tl_hash64(name, strlen(name), 0);
	if ((t->n + 1) * 2 > t->slots) {
		t->slots = t->slots ? t->slots * 2 : 128;
		free(t->slot);
		t->slot = tl_alloc((size_t)t->slots * sizeof *t->slot);
		for (int64_t i = 0; i < t->n; i++)
			put(t, i);
	}
	put(t, t->n);
	return t->n++;
}

void
tl_names_free(tl_names *t)
{
	free(t->name);
	free(t->hash);
	free(t->slot);
	*t = (tl_names){ 0 };
}
