/* lines.c - a file as lines of UTF-8, decompressed by its ending (.gz .xz .zst, or as it is). */
#include "load.h"
#include "unicode.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { IN = 1 << 17, OUT = 1 << 18 };
static const size_t longest_line = (size_t)1 << 30;
static const uint64_t xz_memory = (uint64_t)1 << 30;

typedef enum packing { PLAIN, GZ, XZ, ZST } packing;

struct tl_lines {
	char *path;
	int fd;
	packing packing;
	int64_t *replaced;
	int64_t number;
	bool file_end, stream_end, any;     /* input read to its end; the stream is closed; anything came out of it */
	unsigned char in[IN];
	size_t in_at, in_end;
	z_stream z;
	lzma_stream x;
	ZSTD_DStream *s;
	char *buffer;                       /* decompressed bytes [from, to) are waiting */
	size_t from, to, capacity;
	tl_text fixed;
};

static int
refuse(tl_lines *l, tl_error *e, const char *what)
{
	return tl_error_set(e, TL_ENVIRONMENT, "%s: %s, after line %lld", l->path, what, (long long)l->number);
}

/* Fills `in` when it is empty. */
static int
more_input(tl_lines *l, tl_error *e)
{
	ssize_t n;

	if (l->in_at < l->in_end || l->file_end)
		return 0;
	do
		n = read(l->fd, l->in, IN);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: cannot be read: %s", l->path, strerror(errno));
	l->in_at = 0;
	l->in_end = (size_t)n;
	l->file_end = n == 0;
	return 0;
}

static const char cut_off[] = "the compressed data ends in the middle (the file was cut off)";

static int
unpack_gz(tl_lines *l, char *out, size_t room, size_t *made, tl_error *e)
{
	int status;

	if (l->stream_end && l->in_at == l->in_end && l->file_end)
		return 0;
	if (l->stream_end) { /* another member follows the last one */
		inflateReset(&l->z);
		l->stream_end = false;
	}
	l->z.next_in = l->in + l->in_at;
	l->z.avail_in = (unsigned)(l->in_end - l->in_at);
	l->z.next_out = (unsigned char *)out;
	l->z.avail_out = (unsigned)room;
	status = inflate(&l->z, Z_NO_FLUSH);
	l->any = l->any || l->z.avail_in < l->in_end - l->in_at;
	l->in_at = l->in_end - l->z.avail_in;
	*made = room - l->z.avail_out;
	if (status == Z_STREAM_END)
		l->stream_end = true;
	else if (status == Z_BUF_ERROR && !*made && l->file_end)
		return refuse(l, e, l->any ? cut_off : "an empty file is no gzip archive");
	else if (status != Z_OK && status != Z_BUF_ERROR)
		return refuse(l, e, "the gzip data is damaged");
	return 0;
}

static int
unpack_xz(tl_lines *l, char *out, size_t room, size_t *made, tl_error *e)
{
	lzma_ret status;

	l->x.next_in = l->in + l->in_at;
	l->x.avail_in = l->in_end - l->in_at;
	l->x.next_out = (unsigned char *)out;
	l->x.avail_out = room;
	status = lzma_code(&l->x, l->file_end ? LZMA_FINISH : LZMA_RUN);
	l->in_at = l->in_end - l->x.avail_in;
	*made = room - l->x.avail_out;
	if (status == LZMA_STREAM_END)
		l->stream_end = true;
	else if (status == LZMA_MEMLIMIT_ERROR)
		return refuse(l, e, "the xz data wants more than 1 GiB to be unpacked");
	else if (status == LZMA_FORMAT_ERROR)
		return refuse(l, e, "this is no xz archive");
	else if (status == LZMA_BUF_ERROR && l->file_end)
		return refuse(l, e, cut_off);
	else if (status != LZMA_OK && status != LZMA_BUF_ERROR)
		return refuse(l, e, "the xz data is damaged");
	return 0;
}

static int
unpack_zst(tl_lines *l, char *out, size_t room, size_t *made, tl_error *e)
{
	ZSTD_inBuffer in = { l->in, l->in_end, l->in_at };
	ZSTD_outBuffer o = { out, room, 0 };
	size_t status;

	if (l->in_at == l->in_end && l->file_end && l->stream_end)
		return 0;
	status = ZSTD_decompressStream(l->s, &o, &in);
	*made = o.pos;
	if (ZSTD_isError(status)) {
		char text[200];
		snprintf(text, sizeof text, "the zstd data is damaged (%s)", ZSTD_getErrorName(status));
		return refuse(l, e, text);
	}
	if (l->file_end && l->in_at == l->in_end && !o.pos && status)
		return refuse(l, e, l->any ? cut_off : "an empty file is no zstd archive");
	l->any = true;
	l->in_at = in.pos;
	l->stream_end = status == 0;
	return 0;
}

/* Decompresses more behind `to`. 1: something came, 0: the end, -1. */
static int
fill(tl_lines *l, tl_error *e)
{
	size_t made = 0;

	if (l->from) {
		memmove(l->buffer, l->buffer + l->from, l->to - l->from);
		l->to -= l->from;
		l->from = 0;
	}
	if (l->to > longest_line)
		return tl_error_set(e, TL_ENVIRONMENT, "%s:%lld: the line is longer than 1 GiB", l->path, (long long)l->number + 1);
	if (l->capacity - l->to < OUT + 1) { /* one more, for the 0 behind the last line */
		l->capacity = TL_MAX(l->capacity * 2, l->to + OUT + 1);
		l->buffer = tl_realloc(l->buffer, l->capacity);
	}
	while (!made) {
		char *out = l->buffer + l->to;
		size_t room = l->capacity - l->to - 1;
		int bad = 0;

		if (more_input(l, e) < 0)
			return -1;
		if (l->packing == PLAIN) {
			made = TL_MIN(room, l->in_end - l->in_at);
			memcpy(out, l->in + l->in_at, made);
			l->in_at += made;
			if (!made)
				return 0;
			break;
		}
		if (l->stream_end && l->file_end && l->in_at == l->in_end)
			return 0;
		if (l->packing == XZ && l->stream_end)
			return 0;
		if (l->packing == GZ)
			bad = unpack_gz(l, out, room, &made, e);
		else if (l->packing == XZ)
			bad = unpack_xz(l, out, room, &made, e);
		else
			bad = unpack_zst(l, out, room, &made, e);
		if (bad)
			return -1;
	}
	l->to += made;
	return 1;
}

static int
start(tl_lines *l, tl_error *e)
{
	if (l->packing == GZ && inflateInit2(&l->z, 15 + 16) != Z_OK)
		return refuse(l, e, "zlib could not be started");
	if (l->packing == XZ && lzma_stream_decoder(&l->x, xz_memory, LZMA_CONCATENATED) != LZMA_OK)
		return refuse(l, e, "liblzma could not be started");
	if (l->packing == ZST && !(l->s = ZSTD_createDStream()))
		return refuse(l, e, "libzstd could not be started");
	return 0;
}

static packing
packing_of(const char *path)
{
	return tl_ends(path, ".gz") ? GZ : tl_ends(path, ".xz") ? XZ : tl_ends(path, ".zst") ? ZST : PLAIN;
}

tl_lines *
tl_lines_open(const char *path, int64_t *replaced, tl_error *e)
{
	static const char *const endings[] = { "", ".gz", ".xz", ".zst" };
	struct stat st;
	tl_lines *l;
	char *found = NULL;

	for (int i = 0; i < TL_COUNT(endings) && !found; i++) {
		found = tl_format("%s%s", path, endings[i]);
		if (stat(found, &st) < 0 && (errno == ENOENT || errno == ENOTDIR)) {
			free(found);
			found = NULL;
		}
	}
	if (!found)
		return NULL;
	l = tl_alloc(sizeof *l);
	l->path = found;
	l->replaced = replaced;
	l->packing = packing_of(found);
	l->x = (lzma_stream)LZMA_STREAM_INIT;
	l->fd = open(found, O_RDONLY | O_CLOEXEC);
	if (l->fd < 0 || fstat(l->fd, &st) < 0)
		tl_error_set(e, TL_ENVIRONMENT, "%s: cannot be opened: %s", found, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		tl_error_set(e, TL_ENVIRONMENT, "%s: is a folder; wanted a file", found);
	else if (start(l, e) == 0)
		return l;
	tl_lines_close(l);
	return NULL;
}

/* Puts U+FFFD in the place of every ill-formed part (maximal subparts, as Python's errors="replace"). */
static void
mend(tl_lines *l, const char **text, size_t *n)
{
	const char *s = *text;
	size_t left = *n;
	int64_t bad;

	l->fixed.n = 0;
	while ((bad = tl_utf8_bad(s, left)) >= 0) {
		size_t ill = tl_utf8_ill((const unsigned char *)s + bad, left - (size_t)bad);
		tl_text_bytes(&l->fixed, s, (size_t)bad);
		tl_text_bytes(&l->fixed, "\xef\xbf\xbd", 3);
		s += (size_t)bad + ill;
		left -= (size_t)bad + ill;
		++*l->replaced;
	}
	tl_text_bytes(&l->fixed, s, left);
	*text = l->fixed.s;
	*n = l->fixed.n;
}

int
tl_lines_next(tl_lines *l, const char **text, size_t *n, int64_t *number, tl_error *e)
{
	size_t seen = 0, length;
	char *end = NULL;
	int64_t bad;

	while (!(end = l->to - l->from > seen ? memchr(l->buffer + l->from + seen, '\n', l->to - l->from - seen) : NULL)) {
		int got;
		seen = l->to - l->from;
		got = fill(l, e);
		if (got < 0)
			return -1;
		if (!got)
			break;
	}
	if (!end && l->from == l->to)
		return 0;
	l->number++;
	*text = l->buffer + l->from;
	length = end ? (size_t)(end - *text) : l->to - l->from;
	l->from += length + (end ? 1 : 0);
	if (length && (*text)[length - 1] == '\r')
		length--;
	if (l->number == 1)
		tl_skip_mark(text, &length);
	l->buffer[*text - l->buffer + (ptrdiff_t)length] = 0; /* over the line's end: handy for strtod and the like */
	*n = length;
	*number = l->number;
	if ((bad = tl_utf8_bad(*text, length)) < 0)
		return 1;
	if (l->number == 1 && length > 1 && (!memcmp(*text, "\xff\xfe", 2) || !memcmp(*text, "\xfe\xff", 2)))
		return tl_error_set(e, TL_ENVIRONMENT, "%s: the file is UTF-16 by its first bytes; save it as UTF-8, such as with `iconv -f UTF-16 -t UTF-8`", l->path);
	if (l->replaced) {
		mend(l, text, n);
		return 1;
	}
	return tl_error_set(e, TL_ENVIRONMENT, "%s:%lld:%lld: byte 0x%02x is not valid UTF-8 here; save the file as UTF-8, or let `tagloom data clean` replace what is not", l->path, (long long)l->number,
	                    (long long)bad + 1, (unsigned char)(*text)[bad]);
}

const char *
tl_lines_path(const tl_lines *l)
{
	return l->path;
}

void
tl_lines_close(tl_lines *l)
{
	if (!l)
		return;
	if (l->packing == GZ)
		inflateEnd(&l->z);
	lzma_end(&l->x);
	ZSTD_freeDStream(l->s);
	if (l->fd >= 0)
		close(l->fd);
	tl_text_free(&l->fixed);
	free(l->buffer);
	free(l->path);
	free(l);
}
