/*
 * unicode.h - what the tokenizers ask of Unicode: UTF-8, sets of characters, decomposition, composition, lower case.
 *
 * The sets and the differences from utf8proc are those of the reference library (unicode_tables.c), whose own tables come from
 * several Unicode versions; ids only agree where the characters are taken for the same things.
 */
#ifndef HOST_DATA_UNICODE_H
#define HOST_DATA_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TL_U_OTHER = 1,        /* removed by cleaning */
	TL_U_PUNCTUATION = 2,
	TL_U_NONSPACING = 4,   /* Mn */
	TL_U_MARK = 8,         /* M */
	TL_U_SPACE = 16,
	TL_U_NUMERIC = 32,     /* N */
	TL_U_WORD = 64,        /* \w of the word splitter */
	TL_U_LETTER = 128,     /* \p{L} of regular expressions */
	TL_U_NUMBER = 256,     /* \p{N} of regular expressions */
	TL_U_REGEX_WORD = 512, /* \w of regular expressions */
	TL_U_CJK = 1024,
	/* found from utf8proc and the tables: */
	TL_U_CANONICAL = 2048, /* has a canonical decomposition */
	TL_U_COMPAT = 4096,    /* has a compatibility decomposition that is another */
	TL_U_CLASS = 8192,     /* has a combining class other than 0 */
	TL_U_UPPER = 16384,    /* lower-casing changes it */
	TL_U_ABSORBED = 32768  /* may be the second of a composition */
};
#define TL_U_LAST 0x10FFFF
#define TL_U_LONGEST 20 /* characters of the longest decomposition */

extern const uint32_t tl_unicode_runs[], tl_unicode_nfd[], tl_unicode_nfkd[], tl_unicode_lower[], tl_unicode_ccc[], tl_unicode_stand_in[];
extern const int tl_unicode_runs_n, tl_unicode_nfd_n, tl_unicode_nfkd_n, tl_unicode_lower_n, tl_unicode_ccc_n, tl_unicode_stand_in_n;

extern const uint16_t *tl_unicode_page[]; /* by character >> 8; filled by tl_unicode_ready */
void tl_unicode_ready(void);              /* once per process, before anything else here; thread-safe */
static inline unsigned
tl_unicode_flags(uint32_t c)
{
	return tl_unicode_page[c >> 8][c & 255];
}

/* One character of valid UTF-8; returns its bytes. */
static inline int
tl_utf8_get(const unsigned char *s, uint32_t *c)
{
	if (s[0] < 0x80)
		return (void)(*c = s[0]), 1;
	if (s[0] < 0xE0)
		return (void)(*c = (s[0] & 31u) << 6 | (s[1] & 63u)), 2;
	if (s[0] < 0xF0)
		return (void)(*c = (s[0] & 15u) << 12 | (s[1] & 63u) << 6 | (s[2] & 63u)), 3;
	return (void)(*c = (s[0] & 7u) << 18 | (s[1] & 63u) << 12 | (s[2] & 63u) << 6 | (s[3] & 63u)), 4;
}
static inline int
tl_utf8_put(unsigned char *s, uint32_t c)
{
	if (c < 0x80)
		return (void)(s[0] = (unsigned char)c), 1;
	if (c < 0x800)
		return (void)(s[0] = (unsigned char)(0xC0 | c >> 6)), (void)(s[1] = (unsigned char)(0x80 | (c & 63))), 2;
	if (c < 0x10000)
		return (void)(s[0] = (unsigned char)(0xE0 | c >> 12)), (void)(s[1] = (unsigned char)(0x80 | (c >> 6 & 63))), (void)(s[2] = (unsigned char)(0x80 | (c & 63))), 3;
	s[0] = (unsigned char)(0xF0 | c >> 18);
	s[1] = (unsigned char)(0x80 | (c >> 12 & 63));
	s[2] = (unsigned char)(0x80 | (c >> 6 & 63));
	s[3] = (unsigned char)(0x80 | (c & 63));
	return 4;
}
/* The character that ends before s[at] of valid UTF-8, at > 0. */
static inline uint32_t
tl_utf8_before(const unsigned char *s, size_t at)
{
	uint32_t c;

	do
		at--;
	while (at && (s[at] & 0xC0) == 0x80);
	tl_utf8_get(s + at, &c);
	return c;
}
/* Length of the valid beginning of s; n where all of it is UTF-8. */
size_t tl_utf8_valid(const unsigned char *s, size_t n);
/* Bytes of the ill-formed part that begins at s and becomes one U+FFFD (maximal subpart, as Python's errors="replace"). */
size_t tl_utf8_ill(const unsigned char *s, size_t n);

int tl_unicode_decompose(uint32_t c, bool compat, uint32_t out[TL_U_LONGEST]); /* full, unordered within itself only where the standard is */
int tl_unicode_class(uint32_t c);
int tl_unicode_lowered(uint32_t c, uint32_t out[4]);
uint32_t tl_unicode_compose(uint32_t a, uint32_t b); /* 0: they do not compose */

#endif
