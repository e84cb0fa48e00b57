/* sink.h - a reader's sink over one block of memory: every file that the reader opens holds the fuzzer's bytes. */
#ifndef TESTS_FUZZ_SINK_H
#define TESTS_FUZZ_SINK_H

#include <stdlib.h>
#include <string.h>

#include "tagloom/plugin.h"

struct memory { const char *at; size_t n; int64_t documents; };
struct memory_file { const char *at, *end; int64_t line; char *copy; };

static int memory_label(void *arg, const char *key, const char *name, const char *description) { (void)arg; (void)name; (void)description; return key && strlen(key) > 1000000 ? -1 : 0; }

static int
memory_document(void *arg, const char *id, const char *text, size_t length, const char *const *labels, int64_t n, int64_t n_features, const int32_t *feature, const float *value, bool pseudo, const char *where)
{
	struct memory *m = arg;
	volatile size_t touched = 0; /* every byte that the reader promises is read */

	(void)pseudo;
	for (size_t i = 0; text && i < length; i++)
		touched += (unsigned char)text[i];
	for (int64_t i = 0; i < n; i++)
		touched += strlen(labels[i]);
	for (int64_t i = 0; i < n_features; i++)
		touched += (size_t)feature[i] + (size_t)(value[i] > 0);
	touched += id ? strlen(id) : 0;
	touched += where ? strlen(where) : 0;
	return ++m->documents > 100000 ? -1 : 0;
}

static void *
memory_open(void *arg, const char *path)
{
	struct memory *m = arg;
	struct memory_file *f = calloc(1, sizeof *f);

	(void)path;
	f->at = m->at;
	f->end = m->at + m->n;
	return f;
}

static int
memory_line(void *arg, void *file, const char **text, size_t *length, int64_t *number)
{
	struct memory_file *f = file;
	const char *end;

	(void)arg;
	if (f->at >= f->end)
		return 0;
	end = memchr(f->at, '\n', (size_t)(f->end - f->at));
	if (!end)
		end = f->end;
	free(f->copy); /* a block of the line's own size: reading past it is seen */
	f->copy = malloc((size_t)(end - f->at) + 1);
	memcpy(f->copy, f->at, (size_t)(end - f->at));
	f->copy[end - f->at] = 0;
	*text = f->copy;
	*length = (size_t)(end - f->at);
	*number = ++f->line;
	f->at = end + 1;
	return 1;
}

static void memory_close(void *arg, void *file) { struct memory_file *f = file; (void)arg; free(f->copy); free(f); }
__attribute__((format(printf, 2, 3))) static int memory_fail(void *arg, const char *format, ...) { (void)arg; (void)format; return -1; }

static void
read_memory(const tl_reader *reader, const uint8_t *data, size_t n)
{
	struct memory m = { (const char *)data, n, 0 };
	tl_sink sink = { .arg = &m, .label = memory_label, .document = memory_document, .open = memory_open, .line = memory_line, .close = memory_close, .fail = memory_fail };

	reader->labels(&sink, "memory");
	reader->split(&sink, "memory", "train");
	m.documents = 0;
	reader->split(&sink, "memory", "test");
}

#endif
