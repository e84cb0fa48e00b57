/* unicode.c - the sets of characters as pages of flags, and utf8proc corrected to what the reference library does. */
#include "data/unicode.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "base/base.h"

enum { PAGES = 0x1100, HANGUL = 0xAC00, HANGUL_N = 11172, LEAD = 0x1100, VOWEL = 0x1161, TAIL = 0x11A7 };

const uint16_t *tl_unicode_page[PAGES];
static uint16_t *own_pages; /* behind each other; equal neighbours share one */
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Pairs that compose, open addressing. */
enum { PAIR_SLOTS = 4096 };
static struct { uint32_t a, b, c; } pair[PAIR_SLOTS];

static const uint32_t *
find3(const uint32_t *table, int n, uint32_t c)
{
	for (int i = 0; i < n && table[i] <= c; i += 2 + (int)table[i + 1])
		if (table[i] == c)
			return table + i;
	return NULL;
}

static uint32_t *
pair_slot(uint32_t a, uint32_t b)
{
	uint32_t h = (a * 0x9E3779B1u ^ b * 0x85EBCA6Bu) >> 7 & (PAIR_SLOTS - 1);

	while (pair[h].a && (pair[h].a != a || pair[h].b != b))
		h = (h + 1) & (PAIR_SLOTS - 1);
	pair[h].a = a;
	pair[h].b = b;
	return &pair[h].c;
}

static int
from_library(uint32_t c, bool compat, uint32_t *out)
{
	utf8proc_int32_t buffer[64];
	int last = 0;
	utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)c, buffer, 64, UTF8PROC_DECOMPOSE | (compat ? UTF8PROC_COMPAT : 0), &last);

	if (n < 1 || n > TL_U_LONGEST)
		return (void)(out[0] = c), 1;
	for (utf8proc_ssize_t i = 0; i < n; i++)
		out[i] = (uint32_t)buffer[i];
	return (int)n;
}

/* Primary composites: what decomposes into two or more and is not excluded. The pair is (the composite of all but the last, the last). */
static void
learn_pairs(void)
{
	static uint32_t list[2048];
	int n = 0;

	for (uint32_t c = 0xC0; c < 0x30000; c++) {
		uint32_t d[TL_U_LONGEST];
		int k;
		if (c == 0x3400)
			c = 0xA000;
		if (c == HANGUL)
			c = 0xF900;
		if (!(tl_unicode_flags(c) & TL_U_CANONICAL) || utf8proc_get_property((utf8proc_int32_t)c)->comp_exclusion)
			continue;
		k = tl_unicode_decompose(c, false, d);
		if (k < 2 || tl_unicode_class(d[0]) || n == TL_COUNT(list))
			continue;
		if (k == 2) {
			uint32_t *slot = pair_slot(d[0], d[1]);
			*slot = *slot ? *slot : c; /* a later one with the same parts is another name of the first */
			continue;
		}
		/* Three or four: remembered until the shorter composites are known. */
		list[n++] = c;
	}
	for (int length = 3; length <= 4; length++)
		for (int i = 0; i < n; i++) {
			uint32_t d[TL_U_LONGEST], head;
			int k = tl_unicode_decompose(list[i], false, d);
			if (k != length)
				continue;
			head = d[0];
			for (int j = 1; j < k - 1 && head; j++)
				head = tl_unicode_compose(head, d[j]);
			if (head) {
				uint32_t *slot = pair_slot(head, d[k - 1]);
				*slot = *slot ? *slot : list[i];
			}
		}
}

static unsigned
derived(uint32_t c)
{
	uint32_t d[TL_U_LONGEST], k[TL_U_LONGEST], low[4];
	unsigned f = 0;
	int nd, nk;

	nd = tl_unicode_decompose(c, false, d);
	nk = tl_unicode_decompose(c, true, k);
	if (nd > 1 || d[0] != c)
		f |= TL_U_CANONICAL;
	if (nd != nk || memcmp(d, k, (size_t)nd * sizeof *d) != 0)
		f |= TL_U_COMPAT;
	if (tl_unicode_class(c))
		f |= TL_U_CLASS;
	if (tl_unicode_lowered(c, low) > 1 || low[0] != c)
		f |= TL_U_UPPER;
	return f;
}

static void
fill(void)
{
	static const uint16_t other[256]; /* a page of zeros, shared by whatever is unassigned */
	uint16_t now[256];
	int own = 0, run = 0;

	own_pages = tl_alloc((size_t)PAGES * 256 * sizeof *own_pages);
	for (uint32_t p = 0; p < PAGES; p++) {
		bool blank = true;
		for (uint32_t c = p << 8; c < (p + 1) << 8; c++) {
			unsigned f;
			while (run + 1 < tl_unicode_runs_n && (tl_unicode_runs[run + 1] & 0x1FFFFF) <= c)
				run++;
			f = tl_unicode_runs[run] >> 21;
			/* Planes 3 to 16 and the long stretches of ideographs hold nothing that changes. */
			if (c < 0x30000 && !(c >= 0x3400 && c < 0xA000) && !(c >= 0x20000 && c < 0x2F800) && !(c >= 0xD800 && c < 0xF900))
				f |= derived(c);
			now[c & 255] = (uint16_t)f;
			blank = blank && !f;
		}
		if (blank) {
			tl_unicode_page[p] = other;
			continue;
		}
		if (p && tl_unicode_page[p - 1] != other && !memcmp(tl_unicode_page[p - 1], now, sizeof now)) {
			tl_unicode_page[p] = tl_unicode_page[p - 1];
			continue;
		}
		tl_unicode_page[p] = memcpy(own_pages + (size_t)own++ * 256, now, sizeof now);
	}
	learn_pairs();
	for (int i = 0; i < PAIR_SLOTS; i++)
		if (pair[i].a)
			own_pages[tl_unicode_page[pair[i].b >> 8] - own_pages + (pair[i].b & 255)] |= TL_U_ABSORBED;
	for (uint32_t c = VOWEL; c < TAIL + 28; c++)
		own_pages[tl_unicode_page[c >> 8] - own_pages + (c & 255)] |= TL_U_ABSORBED;
}

void
tl_unicode_ready(void)
{
	pthread_once(&once, fill);
}

int
tl_unicode_decompose(uint32_t c, bool compat, uint32_t out[TL_U_LONGEST])
{
	const uint32_t *own = find3(compat ? tl_unicode_nfkd : tl_unicode_nfd, compat ? tl_unicode_nfkd_n : tl_unicode_nfd_n, c);

	if (own) {
		memcpy(out, own + 2, own[1] * sizeof *out);
		return (int)own[1];
	}
	return from_library(c, compat, out);
}

int
tl_unicode_class(uint32_t c)
{
	for (int i = 0; i < tl_unicode_ccc_n && tl_unicode_ccc[i] <= c; i += 2)
		if (tl_unicode_ccc[i] == c)
			return (int)tl_unicode_ccc[i + 1];
	return utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
}

int
tl_unicode_lowered(uint32_t c, uint32_t out[4])
{
	const uint32_t *own = find3(tl_unicode_lower, tl_unicode_lower_n, c);

	if (own) {
		memcpy(out, own + 2, own[1] * sizeof *out);
		return (int)own[1];
	}
	out[0] = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
	return 1;
}

uint32_t
tl_unicode_compose(uint32_t a, uint32_t b)
{
	uint32_t h;

	if (a >= LEAD && a < LEAD + 19 && b >= VOWEL && b < VOWEL + 21)
		return HANGUL + ((a - LEAD) * 21 + (b - VOWEL)) * 28;
	if (a >= HANGUL && a < HANGUL + HANGUL_N && (a - HANGUL) % 28 == 0 && b > TAIL && b < TAIL + 28)
		return a + (b - TAIL);
	h = (a * 0x9E3779B1u ^ b * 0x85EBCA6Bu) >> 7 & (PAIR_SLOTS - 1);
	for (; pair[h].a; h = (h + 1) & (PAIR_SLOTS - 1))
		if (pair[h].a == a && pair[h].b == b)
			return pair[h].c;
	return 0;
}

/* 1-4: bytes of the well-formed character at s; 0 and the length of the ill-formed part in *ill. */
static size_t
one(const unsigned char *s, size_t n, size_t *ill)
{
	unsigned c = s[0], low = 0x80, high = 0xBF;
	size_t more = c < 0x80 ? 0 : c >= 0xC2 && c < 0xE0 ? 1 : (c & 0xF0) == 0xE0 ? 2 : c >= 0xF0 && c < 0xF5 ? 3 : 9;

	*ill = 1;
	if (more == 9)
		return 0;
	low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : low;
	high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : high;
	for (size_t k = 1; k <= more; k++, low = 0x80, high = 0xBF) {
		if (k >= n || s[k] < low || s[k] > high)
			return 0;
		*ill = k + 1;
	}
	return more + 1;
}

size_t
tl_utf8_valid(const unsigned char *s, size_t n)
{
	size_t i = 0, ill;

	while (i < n) {
		uint64_t eight;
		size_t k;
		while (i + 8 <= n && (memcpy(&eight, s + i, 8), !(eight & 0x8080808080808080u)))
			i += 8;
		if (i == n)
			break;
		if (!(k = one(s + i, n - i, &ill)))
			return i;
		i += k;
	}
	return n;
}

size_t
tl_utf8_ill(const unsigned char *s, size_t n)
{
	size_t ill;

	one(s, n, &ill);
	return ill;
}
