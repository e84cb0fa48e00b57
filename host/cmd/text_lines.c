/* text_lines.c - lines of a file or of standard input. */
#include "text_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
tl_text_lines_open(tl_text_lines *in, const char *file_or_dash, int64_t *replaced, tl_error *e)
{
	bool standard = !file_or_dash || !strcmp(file_or_dash, "-");

	*in = (tl_text_lines){ .name = standard ? "standard input" : file_or_dash };
	if (standard || (in->lines = tl_lines_open(file_or_dash, replaced, e)))
		return 0;
	return tl_error_set(e, TL_ENVIRONMENT, "%s: there is no such file", file_or_dash);
}

int
tl_text_lines_next(tl_text_lines *in, const char **text, size_t *n, tl_error *e)
{
	ssize_t got;

	if (in->lines)
		return tl_lines_next(in->lines, text, n, &in->number, e);
	errno = 0;
	if ((got = getline(&in->line, &in->capacity, stdin)) < 0)
		return errno && ferror(stdin) ? tl_error_set(e, TL_ENVIRONMENT, "standard input cannot be read: %s", strerror(errno)) : 0;
	*text = in->line;
	*n = (size_t)got - (got && in->line[got - 1] == '\n');
	if (!in->number++)
		tl_skip_mark(text, n);
	return 1;
}

void
tl_text_lines_close(tl_text_lines *in)
{
	if (in->lines)
		tl_lines_close(in->lines);
	free(in->line);
	*in = (tl_text_lines){ 0 };
}
