/* file.c - whole files, paths, clocks, the log. */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool quiet;

void
tl_log_quiet(bool q)
{
	quiet = q;
}

void
tl_note(const char *format, ...)
{
	va_list ap;

	if (quiet)
		return;
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void
tl_warning(const char *format, ...)
{
	va_list ap;

	fputs("tagloom: warning: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

int
tl_read_file(const char *path, char **bytes, size_t *n, tl_error *e)
{
	tl_text t = { 0 };
	char buffer[65536];
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return tl_error_set(e, TL_ENVIRONMENT, "%s: cannot be opened: %s", path, strerror(errno));
	while ((got = read(fd, buffer, sizeof buffer)) > 0 || (got < 0 && errno == EINTR))
		if (got > 0)
			tl_text_bytes(&t, buffer, (size_t)got);
	if (got < 0)
		tl_error_set(e, TL_ENVIRONMENT, "%s: cannot be read: %s", path, strerror(errno));
	close(fd);
	if (got < 0) {
		tl_text_free(&t);
		return -1;
	}
	tl_text_bytes(&t, "", 0);
	*bytes = t.s;
	*n = t.n;
	return 0;
}

int
tl_write_file(const char *path, const void *bytes, size_t n, tl_error *e)
{
	char *temporary = tl_format("%s.%ld.tmp", path, (long)getpid());
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), bad = fd < 0;
	const char *at = bytes;

	while (!bad && n) {
		ssize_t wrote = write(fd, at, n);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0) {
			bad = 1;
			break;
		}
		at += wrote;
		n -= (size_t)wrote;
	}
	bad = bad || fsync(fd) < 0;
	if (fd >= 0 && close(fd) < 0)
		bad = 1;
	bad = bad || rename(temporary, path) < 0;
	if (bad) {
		tl_error_set(e, TL_ENVIRONMENT, "%s: cannot be written: %s; what was there before is untouched", path, strerror(errno));
		unlink(temporary);
	}
	free(temporary);
	return bad ? -1 : 0;
}

int
tl_make_dirs(const char *path, tl_error *e)
{
	char *copy = tl_strdup(path);
	int bad = 0;

	for (char *s = copy + 1; !bad; s++) {
		char c = *s;
		if (c != '/' && c)
			continue;
		*s = 0;
		if (mkdir(copy, 0777) < 0 && errno != EEXIST)
			bad = tl_error_set(e, TL_ENVIRONMENT, "%s: the folder cannot be made: %s", copy, strerror(errno));
		*s = c;
		if (!c)
			break;
	}
	free(copy);
	return bad;
}

bool
tl_exists(const char *path)
{
	struct stat st;

	return !stat(path, &st);
}

char *
tl_path_join(const char *a, const char *b)
{
	if (b[0] == '/' || !a[0])
		return tl_strdup(b);
	return tl_format(tl_ends(a, "/") ? "%s%s" : "%s/%s", a, b);
}

double
tl_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

const char *
tl_embedded_text(const char *path)
{
	for (const struct tl_embedded *x = tl_embedded; x->path; x++)
		if (!strcmp(x->path, path))
			return x->text;
	return NULL;
}
