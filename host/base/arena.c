/* arena.c - blocks that are filled from the front and forgotten together. */
#include "base.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64, HUGE_PAGE = 1 << 21 };

struct block {
	struct block *next;
	size_t size, used;
	char *data; /* aligned; behind the header in the same allocation */
};

struct tl_arena {
	struct block *first, *now;
	size_t next_size, used, peak;
};

static struct block *
block_new(size_t size)
{
	struct block *b = tl_alloc(sizeof *b);

	size_t align = size < 2 * (size_t)HUGE_PAGE ? ALIGN : HUGE_PAGE;

	size = (size + align - 1) / align * align;
	b->data = aligned_alloc(align, size);
	if (!b->data)
		b->data = tl_alloc(SIZE_MAX); /* reports and ends */
	if (align == HUGE_PAGE) /* fewer page faults and misses of the address cache; where the system declines, nothing is lost */
		madvise(b->data, size, MADV_HUGEPAGE);
	b->size = size;
	return b;
}

tl_arena *
tl_arena_new(size_t first_block)
{
	tl_arena *a = tl_alloc(sizeof *a);

	a->next_size = first_block > 4096 ? first_block : 4096;
	return a;
}

void *
tl_arena_alloc(tl_arena *a, size_t bytes)
{
	struct block *b = a->now;
	void *p;

	bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
	while (b && b->used + bytes > b->size && b->next) {
		b = b->next;
		b->used = 0;
	}
	if (!b || b->used + bytes > b->size) {
		size_t size = a->next_size > bytes ? a->next_size : bytes;
		struct block *fresh = block_new(size);
		if (a->next_size < (size_t)1 << 28)
			a->next_size *= 2;
		if (b)
			b->next = fresh;
		else
			a->first = fresh;
		b = fresh;
	}
	a->now = b;
	p = b->data + b->used;
	b->used += bytes;
	a->used += bytes;
	a->peak = TL_MAX(a->peak, a->used);
	return p;
}

void
tl_arena_reserve(tl_arena *a, size_t bytes)
{
	a->used += (bytes + ALIGN - 1) / ALIGN * ALIGN;
	a->peak = TL_MAX(a->peak, a->used);
}

void *
tl_arena_zalloc(tl_arena *a, size_t bytes)
{
	return memset(tl_arena_alloc(a, bytes), 0, bytes);
}

char *
tl_arena_strdup(tl_arena *a, const char *s)
{
	size_t n = strlen(s) + 1;

	return memcpy(tl_arena_alloc(a, n), s, n);
}

char *
tl_arena_format(tl_arena *a, const char *format, ...)
{
	va_list ap, again;
	int n;
	char *s;

	va_start(ap, format);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, format, ap);
	s = tl_arena_alloc(a, (size_t)n + 1);
	vsnprintf(s, (size_t)n + 1, format, again);
	va_end(again);
	va_end(ap);
	return s;
}

void
tl_arena_reset(tl_arena *a)
{
	a->now = a->first;
	if (a->first)
		a->first->used = 0;
	a->used = 0;
}

tl_arena_mark
tl_arena_here(const tl_arena *a)
{
	return (tl_arena_mark){ a->now, a->now ? a->now->used : 0, a->used };
}

void
tl_arena_back(tl_arena *a, tl_arena_mark mark)
{
	a->now = mark.block ? mark.block : a->first;
	if (a->now)
		a->now->used = mark.in_block;
	a->used = mark.used;
}

size_t
tl_arena_used(const tl_arena *a)
{
	return a->used;
}

size_t
tl_arena_peak(const tl_arena *a)
{
	return a->peak;
}

void
tl_arena_free(tl_arena *a)
{
	if (!a)
		return;
	for (struct block *b = a->first, *next; b; b = next) {
		next = b->next;
		free(b->data);
		free(b);
	}
	free(a);
}
