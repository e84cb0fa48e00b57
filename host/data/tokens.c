/*
 * tokens.c - token ids of a split, made once and kept: one file per (texts, tokenizer, length) in the cache folder, mapped by every run that needs it.
 *
 * File: header, offsets int64 [n + 1], ids int32 [T]. Its name is the hash of what decides the ids; its header holds the hash of the rest, so that a damaged
 * file is made anew and never believed. Written beside and renamed: many processes may make the same file at once.
 */
#include "data.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/threads.h"

enum { CHUNK = 256 };
static const int64_t usual_bound = (int64_t)4 << 30; /* bytes */

struct header { char magic[8]; int64_t n, total; char payload[64]; char padding[40]; }; /* 128 bytes: what follows is aligned */
static const char magic[8] = "TLTOKEN1";

char *
tl_cache_dir(void)
{
	const char *named = getenv("TAGLOOM_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char *dir = named && *named ? tl_strdup(named) : xdg && *xdg ? tl_path_join(xdg, "tagloom") : home && *home ? tl_path_join(home, ".cache/tagloom") : NULL;
	tl_error ignored = { 0 };

	if (dir && (tl_make_dirs(dir, &ignored) < 0 || access(dir, W_OK | X_OK) < 0)) {
		free(dir);
		dir = NULL;
	}
	return dir;
}

int64_t
tl_cache_bound(void)
{
	const char *text = getenv("TAGLOOM_CACHE_BYTES");
	long long n = text ? strtoll(text, NULL, 10) : 0;

	return n > 0 ? n : usual_bound;
}

/* --- making ------------------------------------------------------------------------------------------------------------------------ */
struct job {
	const tl_split *split;
	const tl_tokenizer *tokenizer;
	int64_t max_length;
	tl_ids *ids;          /* [chunks] */
	int64_t *length;      /* [n] */
	tl_error *error;      /* [chunks] */
};

static void
encode_chunk(void *arg, int64_t chunk)
{
	struct job *job = arg;
	int64_t from = chunk * CHUNK, to = TL_MIN(from + CHUNK, job->split->n);

	for (int64_t i = from; i < to; i++) {
		job->length[i] = tl_tokenizer_encode(job->tokenizer, job->split->text[i], job->split->text_length[i], true, job->max_length, &job->ids[chunk], &job->error[chunk]);
		if (job->length[i] < 0)
			return;
	}
}

/* The whole file as one block: header, offsets, ids. */
static char *
make(const tl_split *split, const tl_tokenizer *t, int64_t max_length, int threads, size_t *size, tl_error *e)
{
	int64_t chunks = (split->n + CHUNK - 1) / CHUNK, total = 0, at = 0, *offsets;
	struct job job = { split, t, max_length, tl_alloc((size_t)chunks * sizeof(tl_ids)), tl_alloc((size_t)split->n * sizeof(int64_t)), tl_alloc((size_t)chunks * sizeof(tl_error)) };
	tl_pool *pool = tl_pool_new(threads < 1 ? 1 : threads);
	struct header *h;
	char *block = NULL;
	bool bad = false;

	tl_pool_run(pool, chunks, encode_chunk, &job);
	tl_pool_free(pool);
	for (int64_t c = 0; c < chunks; c++) {
		if (job.error[c].status && !bad) {
			tl_error_set(e, job.error[c].status, "%s", job.error[c].text);
			bad = true;
		}
		total += job.ids[c].n;
	}
	if (!bad) {
		*size = sizeof *h + (size_t)(split->n + 1) * sizeof(int64_t) + (size_t)total * sizeof(int32_t);
		block = tl_alloc(*size);
		h = (struct header *)block;
		offsets = (int64_t *)(block + sizeof *h);
		for (int64_t i = 0; i < split->n; i++)
			offsets[i + 1] = offsets[i] + job.length[i];
		for (int64_t c = 0; c < chunks; c++) {
			memcpy((int32_t *)(offsets + split->n + 1) + at, job.ids[c].at, (size_t)job.ids[c].n * sizeof(int32_t));
			at += job.ids[c].n;
		}
		memcpy(h->magic, magic, sizeof magic);
		h->n = split->n;
		h->total = total;
		{
			char hex[65];
			tl_sha_of(block + sizeof *h, *size - sizeof *h, hex);
			memcpy(h->payload, hex, 64);
		}
	}
	for (int64_t c = 0; c < chunks; c++)
		free(job.ids[c].at);
	free(job.ids);
	free(job.length);
	free(job.error);
	return block;
}

/* --- the cache --------------------------------------------------------------------------------------------------------------------- */
static bool
believable(const char *block, size_t size, int64_t n)
{
	const struct header *h = (const struct header *)block;
	const int64_t *offsets = (const int64_t *)(block + sizeof *h);
	char hex[65];

	if (size < sizeof *h || memcmp(h->magic, magic, sizeof magic) || h->n != n || h->total < 0 || h->total > (int64_t)(size / sizeof(int32_t)) ||
	    size != sizeof *h + (size_t)(n + 1) * sizeof(int64_t) + (size_t)h->total * sizeof(int32_t))
		return false;
	tl_sha_of(block + sizeof *h, size - sizeof *h, hex);
	return !memcmp(hex, h->payload, 64) && offsets[0] == 0 && offsets[n] == h->total;
}

static void
point(tl_tokens *out, char *block, size_t size, bool mapped)
{
	const struct header *h = (const struct header *)block;

	out->n = h->n;
	out->offsets = (const int64_t *)(block + sizeof *h);
	out->ids = (const int32_t *)(out->offsets + h->n + 1);
	out->map = block;
	out->map_size = mapped ? size : 0; /* 0: a block of the heap */
}

/* 1 mapped, 0 not there or not believable. */
static int
map_file(tl_tokens *out, const char *path, int64_t n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *map;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(struct header)) {
		close(fd);
		return 0;
	}
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED)
		futimens(fd, NULL); /* its last use, for the bound */
	close(fd);
	if (map == MAP_FAILED)
		return 0;
	if (!believable(map, (size_t)st.st_size, n)) {
		munmap(map, (size_t)st.st_size);
		return 0;
	}
	madvise(map, (size_t)st.st_size, MADV_DONTNEED); /* the check has read all of it; from here on only what is used is there */
	point(out, map, (size_t)st.st_size, true);
	return 1;
}

struct cached { char *path; int64_t bytes; struct timespec used; };

static int
older(const void *a, const void *b)
{
	const struct cached *x = a, *y = b;

	if (x->used.tv_sec != y->used.tv_sec)
		return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
	return x->used.tv_nsec < y->used.tv_nsec ? -1 : x->used.tv_nsec > y->used.tv_nsec;
}

/* Keeps the folder under its bound, by what was unused for longest: a file that a running process has mapped stays readable to it after the unlink. */
void
tl_cache_evict(const char *dir)
{
	DIR *d = opendir(dir);
	int64_t most = tl_cache_bound();
	struct cached *file = NULL;
	int64_t n = 0, capacity = 0, total = 0;
	struct dirent *x;

	while (d && (x = readdir(d))) {
		struct stat st;
		char *path;
		if (!tl_starts(x->d_name, "tokens-") && !tl_starts(x->d_name, "dataset-") && !tl_starts(x->d_name, "wordpiece-") && !tl_starts(x->d_name, "frozen-"))
			continue;
		path = tl_path_join(dir, x->d_name);
		if (stat(path, &st) < 0) {
			free(path);
			continue;
		}
		file = tl_grow(file, n, &capacity, sizeof *file);
		file[n++] = (struct cached){ path, st.st_size, st.st_mtim };
		total += st.st_size;
	}
	if (d)
		closedir(d);
	if (n)
		qsort(file, (size_t)n, sizeof *file, older);
	for (int64_t i = 0; i < n; i++) {
		if (total > most && i + 1 < n) {
			unlink(file[i].path);
			total -= file[i].bytes;
		}
		free(file[i].path);
	}
	free(file);
}

int
tl_tokens_open(tl_tokens *out, const tl_split *split, const tl_tokenizer *t, int64_t max_length, int threads, tl_error *e)
{
	char tokenizer[65], key[65], *what, *dir = tl_cache_dir(), *path = NULL, *block;
	tl_error ignored = { 0 };
	size_t size;
	int status = 0;

	memset(out, 0, sizeof *out);
	tl_tokenizer_hash(t, tokenizer);
	what = tl_format("%s %s %lld special", split->sha256, tokenizer, (long long)max_length);
	tl_sha_of(what, strlen(what), key);
	free(what);
	if (dir)
		path = tl_format("%s/tokens-%s", dir, key);
	if (!path || !map_file(out, path, split->n)) {
		block = make(split, t, max_length, threads, &size, e);
		if (!block) {
			status = -1;
		} else if (path && tl_write_file(path, block, size, &ignored) == 0 && map_file(out, path, split->n)) {
			free(block);
			tl_cache_evict(dir);
		} else {
			point(out, block, size, false); /* no cache to write to: this process keeps its own */
		}
	}
	free(path);
	free(dir);
	return status;
}

void
tl_tokens_close(tl_tokens *t)
{
	if (t->map_size)
		munmap(t->map, t->map_size);
	else
		free(t->map);
	memset(t, 0, sizeof *t);
}
