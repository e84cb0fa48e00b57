/* text.c - heap, growing text, names. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

static void *
must(void *p)
{
	if (!p) {
		/* The only place that gives up: no memory for a few bytes means that no sentence could be made either. */
		static const char text[] = "tagloom: out of memory\n";
		fwrite(text, 1, sizeof text - 1, stderr);
		_Exit(TL_ENVIRONMENT);
	}
	return p;
}

void *
tl_alloc(size_t bytes)
{
	return must(calloc(1, bytes ? bytes : 1));
}

void *
tl_realloc(void *p, size_t bytes)
{
	return must(realloc(p, bytes ? bytes : 1));
}

char *
tl_strndup(const char *s, size_t n)
{
	char *copy = tl_alloc(n + 1);

	memcpy(copy, s, n);
	return copy;
}

char *
tl_strdup(const char *s)
{
	return tl_strndup(s, strlen(s));
}

char *
tl_format(const char *format, ...)
{
	va_list ap, again;
	int n;
	char *s;

	va_start(ap, format);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, format, ap);
	s = tl_alloc((size_t)n + 1);
	vsnprintf(s, (size_t)n + 1, format, again);
	va_end(again);
	va_end(ap);
	return s;
}

void *
tl_grow(void *p, int64_t n, int64_t *capacity, size_t item)
{
	if (n < *capacity)
		return p;
	*capacity = *capacity ? *capacity * 2 : 16;
	if (*capacity <= n)
		*capacity = n + 1;
	return tl_realloc(p, (size_t)*capacity * item);
}

void
tl_text_bytes(tl_text *t, const void *bytes, size_t n)
{
	if (t->n + n + 1 > t->capacity) {
		t->capacity = (t->n + n + 1) * 2;
		t->s = tl_realloc(t->s, t->capacity);
	}
	if (n)
		memcpy(t->s + t->n, bytes, n);
	t->n += n;
	t->s[t->n] = 0;
}

void
tl_text_add(tl_text *t, const char *format, ...)
{
	char small[512];
	va_list ap, again;
	int n;

	va_start(ap, format);
	va_copy(again, ap);
	n = vsnprintf(small, sizeof small, format, ap);
	if (n < (int)sizeof small) {
		tl_text_bytes(t, small, (size_t)n);
	} else {
		char *s = tl_alloc((size_t)n + 1);
		vsnprintf(s, (size_t)n + 1, format, again);
		tl_text_bytes(t, s, (size_t)n);
		free(s);
	}
	va_end(again);
	va_end(ap);
}

void
tl_text_free(tl_text *t)
{
	free(t->s);
	*t = (tl_text){ 0 };
}

const char *
tl_number_text(double v, char out[32])
{
	for (int digits = 15; digits <= 17; digits++) { /* trailing zeros are left out, and 17 always do */
		snprintf(out, 32, "%.*g", digits, v);
		if (strtod(out, NULL) == v)
			break;
	}
	return out;
}

bool
tl_streq(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

bool
tl_starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

void
tl_skip_mark(const char **text, size_t *n)
{
	if (*n < 3 || memcmp(*text, "\xef\xbb\xbf", 3))
		return;
	*text += 3;
	*n -= 3;
}

bool
tl_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && !strcmp(s + n - m, suffix);
}

static int
edits(const char *a, const char *b)
{
	enum { LONGEST = 128 };
	int row[LONGEST + 1], n = (int)strnlen(b, LONGEST + 1);

	if (n > LONGEST || strnlen(a, LONGEST + 1) > LONGEST)
		return LONGEST;
	for (int j = 0; j <= n; j++)
		row[j] = j;
	for (int i = 1; a[i - 1]; i++) {
		int corner = row[0]++;
		for (int j = 1; j <= n; j++) {
			int best = corner + (a[i - 1] != b[j - 1]);
			best = TL_MIN(best, TL_MIN(row[j], row[j - 1]) + 1);
			corner = row[j];
			row[j] = best;
		}
	}
	return row[n];
}

const char *
tl_nearest(const char *name, const char *const *candidates, int64_t n)
{
	const char *best = NULL;
	int least = (int)strlen(name) / 3 + 2;

	for (int64_t i = 0; i < n; i++) {
		int d = candidates[i] ? edits(name, candidates[i]) : least;
		if (d < least && d < (int)strlen(candidates[i])) {
			least = d;
			best = candidates[i];
		}
	}
	return best;
}

int64_t
tl_utf8_bad(const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t i = 0;

	while (i < n) {
		unsigned c = s[i];
		size_t more = c < 0x80 ? 0 : c >= 0xC2 && c < 0xE0 ? 1 : (c & 0xF0) == 0xE0 ? 2 : c >= 0xF0 && c < 0xF5 ? 3 : 9;
		if (more == 9 || i + more >= n + (more == 0))
			return (int64_t)i;
		for (size_t k = 1; k <= more; k++)
			if ((s[i + k] & 0xC0) != 0x80)
				return (int64_t)i;
		if ((c == 0xE0 && s[i + 1] < 0xA0) || (c == 0xED && s[i + 1] >= 0xA0) || (c == 0xF0 && s[i + 1] < 0x90) || (c == 0xF4 && s[i + 1] >= 0x90))
			return (int64_t)i;
		i += more + 1;
	}
	return -1;
}
