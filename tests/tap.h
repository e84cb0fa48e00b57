/* tap.h - a test file prints one line per check (Test Anything Protocol) and the plan at its end. */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_n, tap_failed;

__attribute__((format(printf, 2, 3), unused)) static bool
ok(bool good, const char *format, ...)
{
	va_list ap;

	printf("%sok %d - ", good ? "" : "not ", ++tap_n);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	tap_failed += !good;
	return good;
}

/* The sentence holds the words; prints it where it does not. */
__attribute__((unused)) static bool
says(const char *sentence, const char *words, const char *what)
{
	bool good = sentence && strstr(sentence, words);

	ok(good, "%s", what);
	if (!good)
		printf("# said:   %s\n# wanted: ...%s...\n", sentence ? sentence : "(nothing)", words);
	return good;
}

__attribute__((unused)) static void
skip(const char *what, const char *reason)
{
	printf("ok %d - %s # SKIP %s\n", ++tap_n, what, reason);
}

__attribute__((unused)) static int
done(void)
{
	printf("1..%d\n", tap_n);
	return tap_failed != 0;
}

#endif
