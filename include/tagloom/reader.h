/*
 * tagloom/reader.h - what most readers need besides the sink: files of the dataset's folder, and labels.txt.
 */
#ifndef TAGLOOM_READER_H
#define TAGLOOM_READER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

/* A file of the dataset being read. `where` names the line for messages: "train.jsonl:17". */
typedef struct tl_source { tl_sink *sink; void *file; char path[4096]; const char *text; size_t length; int64_t number; char where[4200]; } tl_source;

/* Opens FOLDER/NAME (or its .gz, .xz, .zst). 1 open, 0 there is no such file, -1 an error was recorded. */
static inline int
tl_source_open(tl_source *s, tl_sink *sink, const char *folder, const char *name)
{
	memset(s, 0, sizeof *s);
	s->sink = sink;
	if (snprintf(s->path, sizeof s->path, "%s/%s", folder, name) >= (int)sizeof s->path)
		return sink->fail(sink->arg, "%s: the path is too long", folder);
	s->file = sink->open(sink->arg, s->path);
	return s->file != NULL;
}

/* 1 a line, 0 the end, -1 an error. */
static inline int
tl_source_line(tl_source *s)
{
	int got = s->sink->line(s->sink->arg, s->file, &s->text, &s->length, &s->number);

	if (got > 0)
		snprintf(s->where, sizeof s->where, "%s:%lld", s->path, (long long)s->number);
	return got;
}

static inline void
tl_source_close(tl_source *s)
{
	if (s->file)
		s->sink->close(s->sink->arg, s->file);
	s->file = NULL;
}

/* labels.txt: key [TAB name [TAB description]] a line; empty lines are passed over. 0, 1 where there is no such file, -1. */
static inline int
tl_read_label_list(tl_sink *sink, const char *folder, const char *name)
{
	tl_source s;
	int got = tl_source_open(&s, sink, folder, name), bad = 0;
	char line[65536];

	if (got <= 0)
		return got < 0 ? -1 : 1;
	while (!bad && (got = tl_source_line(&s)) > 0) {
		char *tab, *second = NULL;
		if (!s.length)
			continue;
		if (s.length >= sizeof line) {
			bad = sink->fail(sink->arg, "%s: the line has %zu bytes; a label may have %zu", s.where, s.length, sizeof line - 1);
			break;
		}
		memcpy(line, s.text, s.length);
		line[s.length] = 0;
		if ((tab = strchr(line, '\t'))) {
			*tab++ = 0;
			if ((second = strchr(tab, '\t')))
				*second++ = 0;
		}
		bad = sink->label(sink->arg, line, tab, second);
	}
	tl_source_close(&s);
	return bad || got < 0 ? -1 : 0;
}

/* A line cut into words; grows, free it with tl_words_free. */
typedef struct tl_words { char *bytes; size_t room; const char **at; int64_t n, capacity; } tl_words;

static inline void
tl_words_free(tl_words *w)
{
	free(w->bytes);
	free(w->at);
	memset(w, 0, sizeof *w);
}

/* Cuts at any of the separators; blanks around words and empty words are dropped. -1 without memory. */
static inline int
tl_words_split(tl_words *w, const char *text, size_t n, const char *separators)
{
	if (n + 1 > w->room) {
		char *more = (char *)realloc(w->bytes, (n + 1) * 2);
		if (!more)
			return -1;
		w->bytes = more;
		w->room = (n + 1) * 2;
	}
	memcpy(w->bytes, text, n);
	w->bytes[n] = 0;
	w->n = 0;
	for (char *s = w->bytes; *s;) {
		char *end;
		s += strspn(s, separators);
		s += strspn(s, " \t");
		if (!*s || strchr(separators, *s))
			continue;
		if (w->n == w->capacity) {
			int64_t capacity = w->capacity ? w->capacity * 2 : 32;
			const char **more = (const char **)realloc(w->at, (size_t)capacity * sizeof *more);
			if (!more)
				return -1;
			w->at = more;
			w->capacity = capacity;
		}
		w->at[w->n++] = s;
		end = s += strcspn(s, separators);
		while (end[-1] == ' ' || end[-1] == '\t')
			end--;
		if (*s)
			s++;
		*end = 0;
	}
	return 0;
}

#endif
