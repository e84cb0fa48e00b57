/*
 * text_lines.h - the lines of a file, plain or compressed, or of standard input: what `predict` and `data tokenize` are given.
 */
#ifndef HOST_CMD_TEXT_LINES_H
#define HOST_CMD_TEXT_LINES_H

#include "data/load.h"

typedef struct tl_text_lines {
	const char *name;      /* for messages */
	int64_t number;        /* of the line that was read last, from 1 */
	tl_lines *lines;       /* NULL: standard input */
	char *line;
	size_t capacity;
} tl_text_lines;

/* file_or_dash: NULL and "-" are standard input. replaced: as tl_lines_open takes it. 0, -1. */
int tl_text_lines_open(tl_text_lines *in, const char *file_or_dash, int64_t *replaced, tl_error *e);
/* The next line without its end, valid until the next call: 1, 0 at the end, -1. A byte order mark before the first one is left out. */
int tl_text_lines_next(tl_text_lines *in, const char **text, size_t *n, tl_error *e);
void tl_text_lines_close(tl_text_lines *in);

#endif
