/*
 * frozen.c - outputs of a frozen encoder, computed once per document and kept: one file per (encoder, who reads what, texts, tokenizer, length, type) in the
 * cache folder, mapped by every run that needs it.
 *
 * File: header, then for each output that is read [T, width] or [n, width] in f32 or bf16. Its name is the hash of what decides the numbers; its header holds the hash
 * of the rest, so that a damaged file is made anew and never believed. Written beside and renamed, under a lock: of runs that start together one computes.
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 64 }; /* documents between two signs of life */
static const char magic[8] = "TLFROZE1";
struct header { char magic[8]; int64_t n, tokens, width[TL_FIXED_OUTPUTS]; char payload[64]; char padding[8]; }; /* 128 bytes */

/* --- sizes --------------------------------------------------------------------------------------------------------------------------- */
struct plan { tl_fixed fixed; bool half, made; char encoder[65]; int64_t bytes, documents; double began; };

static int64_t
output_bytes(const struct plan *p, int output, int64_t n, int64_t tokens)
{
	int64_t rows = output == TL_FIXED_HIDDEN || output == TL_FIXED_LAYERS ? tokens : n;

	return (rows * p->fixed.width[output] * (p->half ? 2 : 4) + 63) / 64 * 64;
}

static size_t
file_bytes(const struct plan *p, int64_t n, int64_t tokens)
{
	int64_t sum = sizeof(struct header);

	for (int k = 0; k < TL_FIXED_OUTPUTS; k++)
		sum += output_bytes(p, k, n, tokens);
	return (size_t)sum;
}

/* Tokens before each document as a batch has them: a document without any has a filler. */
static int64_t *
offsets_of(const tl_tokens *t)
{
	int64_t *o = tl_alloc((size_t)(t->n + 1) * sizeof *o);

	for (int64_t i = 0; i < t->n; i++)
		o[i + 1] = o[i] + TL_MAX((int64_t)1, t->offsets[i + 1] - t->offsets[i]);
	return o;
}

static void
point(tl_kept_split *k, const struct plan *p, int64_t n, char *block, size_t size, bool mapped)
{
	char *at = block + sizeof(struct header);

	k->kept = (tl_kept){ .n = n, .offsets = k->offsets, .half = p->half };
	for (int o = 0; o < TL_FIXED_OUTPUTS; o++) {
		k->kept.output[o] = p->fixed.width[o] ? at : NULL;
		at += output_bytes(p, o, n, k->offsets[n]);
	}
	k->block = block;
	k->size = size;
	k->mapped = mapped;
}

void
tl_kept_split_free(tl_kept_split *k)
{
	if (k->mapped)
		munmap(k->block, k->size);
	else
		free(k->block);
	free(k->offsets);
	*k = (tl_kept_split){ 0 };
}

/* --- files ---------------------------------------------------------------------------------------------------------------------------- */
static bool
believable(const char *block, const struct plan *p, int64_t n, int64_t tokens, size_t size)
{
	const struct header *h = (const struct header *)(const void *)block;
	char hex[65];

	if (memcmp(h->magic, magic, sizeof magic) || h->n != n || h->tokens != tokens || memcmp(h->width, p->fixed.width, sizeof h->width))
		return false;
	tl_sha_of(block + sizeof *h, size - sizeof *h, hex);
	return !memcmp(hex, h->payload, 64);
}

static bool
map_file(tl_kept_split *k, const struct plan *p, int64_t n, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t size = file_bytes(p, n, k->offsets[n]);
	struct stat st;
	void *map = MAP_FAILED;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && (size_t)st.st_size == size)
		map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED)
		futimens(fd, NULL); /* its last use, for the bound */
	close(fd);
	if (map == MAP_FAILED)
		return false;
	if (!believable(map, p, n, k->offsets[n], size)) {
		munmap(map, size);
		return false;
	}
	point(k, p, n, map, size, true);
	return true;
}

static char *
path_of(tl_run *run, const struct plan *p, int split, const char *dir)
{
	char tokenizer[65], hex[65], *text, *path, *where = NULL;

	tl_tokenizer_hash(run->tokenizer, tokenizer);
	if (run->device)
		where = tl_format("%s %s %s %s", run->device->kind, run->device->name, run->device->library, tl_json_string(run->train, "precision", "f32"));
	text = tl_format("%d %s %s %s %s %s %lld %d %s", TL_NUMERIC_VERSION, where ? where : tl_isa(), where ? "" : tl_gemm_library(), p->encoder, run->d->split[split].sha256, tokenizer, (long long)run->d->max_length,
	                 (int)run->feed[split].filler, p->half ? "bf16" : "f32");
	tl_sha_of(text, strlen(text), hex);
	path = tl_format("%s/frozen-%s", dir, hex);
	free(where);
	free(text);
	return path;
}

/* Of the runs that want the same file one makes it, the others wait. The descriptor, -1 where nothing can be locked, -2 after an error, -3 interrupted. */
static int
lock(tl_run *run, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		bool stop = tl_run_interrupted(run);
		if (errno != EWOULDBLOCK || stop || tl_run_beat(run, false) < 0) {
			close(fd);
			return stop ? -3 : errno == EWOULDBLOCK ? -2 : -1;
		}
		usleep(50000);
	}
	return fd;
}

/* --- computing ------------------------------------------------------------------------------------------------------------------------ */
/* To the nearest bf16, ties to even. */
static uint16_t
halved(float x)
{
	uint32_t bits;

	memcpy(&bits, &x, sizeof bits);
	if ((bits & 0x7FFFFFFF) > 0x7F800000)
		return (uint16_t)(bits >> 16 | 0x40); /* not a number stays one */
	return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

static void
store(const struct plan *p, tl_dtype compute, void *to, int64_t at, const void *from, int64_t n)
{
	for (int64_t i = 0; i < n; i++) {
		float x = compute == TL_F64 ? (float)((const double *)from)[i] : ((const float *)from)[i];
		if (p->half)
			((uint16_t *)to)[at + i] = halved(x);
		else
			((float *)to)[at + i] = x;
	}
}

/* Fills the block of a split. 0, -1, or TL_INTERRUPTED. */
static int
compute(tl_run *run, const struct plan *p, int split, tl_kept_split *k)
{
	size_t item = run->plan.compute == TL_F64 ? 8 : 4;
	int64_t n = run->feed[split].n;
	int32_t document[CHUNK];
	int status = 0;

	for (int64_t from = 0; from < n && !status; from += CHUNK) {
		int64_t to = TL_MIN(from + CHUNK, n), rows[TL_FIXED_OUTPUTS], first[TL_FIXED_OUTPUTS];
		void *out[TL_FIXED_OUTPUTS] = { 0 };
		const tl_documents *batch;
		for (int64_t i = from; i < to; i++)
			document[i - from] = (int32_t)i;
		batch = tl_pack(&run->packer, &run->feed[split], document, to - from, false);
		for (int o = 0; o < TL_FIXED_OUTPUTS; o++) {
			bool by_token = o == TL_FIXED_HIDDEN || o == TL_FIXED_LAYERS;
			first[o] = by_token ? k->offsets[from] : from;
			rows[o] = (by_token ? k->offsets[to] : to) - first[o];
			if (p->fixed.width[o])
				out[o] = tl_alloc((size_t)(rows[o] * p->fixed.width[o] + 1) * item);
		}
		if (tl_model_encode_fixed(run->m, batch, out) < 0)
			status = tl_run_blame(run);
		for (int o = 0; o < TL_FIXED_OUTPUTS; o++) {
			if (out[o] && !status)
				store(p, run->plan.compute, (void *)(uintptr_t)k->kept.output[o], first[o] * p->fixed.width[o], out[o], rows[o] * p->fixed.width[o]);
			free(out[o]);
		}
		if (!status && tl_run_beat(run, false) < 0)
			status = -1;
		if (!status && tl_run_interrupted(run))
			status = TL_INTERRUPTED;
	}
	return status;
}

static void
seal(const struct plan *p, tl_kept_split *k)
{
	struct header *h = k->block;
	char hex[65];

	memcpy(h->magic, magic, sizeof magic);
	h->n = k->kept.n;
	h->tokens = k->offsets[k->kept.n];
	memcpy(h->width, p->fixed.width, sizeof h->width);
	tl_sha_of((char *)k->block + sizeof *h, k->size - sizeof *h, hex);
	memcpy(h->payload, hex, 64);
}

/* Into a file beside `path`, mapped; where that cannot be, into memory of this process. path NULL: there is no cache. */
static int
make(tl_run *run, const struct plan *p, int split, tl_kept_split *k, const char *path)
{
	char *beside = path ? tl_format("%s.%ld", path, (long)getpid()) : NULL;
	int64_t n = run->feed[split].n;
	size_t size = file_bytes(p, n, k->offsets[n]);
	int fd = beside ? open(beside, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1, status;
	void *map = MAP_FAILED;

	if (fd >= 0 && (errno = posix_fallocate(fd, 0, (off_t)size)) == 0)
		map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	point(k, p, n, map == MAP_FAILED ? tl_alloc(size) : map, size, map != MAP_FAILED);
	if (map == MAP_FAILED)
		tl_run_say(run, "warning", "outputs of the frozen encoder cannot be kept in the cache (%s); this run has its own", path ? strerror(errno) : "no folder can be written; set TAGLOOM_CACHE");
	if (!(status = compute(run, p, split, k)) && map != MAP_FAILED) {
		seal(p, k);
		if (rename(beside, path) == 0)
			mprotect(k->block, k->size, PROT_READ);
	}
	if (beside && (status || map == MAP_FAILED))
		unlink(beside);
	free(beside);
	return status;
}

static void
say_outputs(tl_run *run, struct plan *p, const char *how)
{
	tl_text t = { 0 };

	for (int o = 0; o < TL_FIXED_OUTPUTS; o++)
		if (p->fixed.width[o])
			tl_text_add(&t, "%s%s", t.n ? ", " : "", tl_fixed_names[o]);
	tl_run_say(run, "note", "outputs of the frozen encoder (%s of %lld documents in %s, %.1f MiB): %s", t.s, (long long)p->documents, p->half ? "bf16" : "f32", (double)p->bytes / 1048576, how);
	tl_text_free(&t);
	p->began = tl_seconds();
}

/* From the cache, or made now. */
static int
open_split(tl_run *run, struct plan *p, int split)
{
	tl_kept_split *k = &run->kept[split];
	int64_t n = run->feed[split].n;
	char *dir = tl_cache_dir(), *path = dir ? path_of(run, p, split, dir) : NULL, *locked = path ? tl_format("%s/lock-%s", dir, path + strlen(dir) + 1) : NULL;
	int fd = -1, status = 0;

	k->offsets = offsets_of(run->feed[split].tokens);
	if (!path || !map_file(k, p, n, path)) {
		if (path)
			fd = lock(run, locked);
		if (fd < -1) {
			status = fd == -3 ? TL_INTERRUPTED : -1;
		} else if (fd < 0 || !map_file(k, p, n, path)) {
			if (!p->made)
				say_outputs(run, p, "computed once and kept");
			p->made = true;
			status = make(run, p, split, k, path);
		}
		if (fd >= 0) {
			unlink(locked);
			close(fd);
		}
		if (dir && p->made)
			tl_cache_evict(dir);
	}
	if (!status)
		run->feed[split].kept = &k->kept;
	free(locked);
	free(path);
	free(dir);
	return status;
}

/* --- whether, and how ------------------------------------------------------------------------------------------------------------------- */
/* 1: they are kept, 0: not, -1: they do not fit, and it was asked for. */
static int
weigh(const tl_run *run, struct plan *p)
{
	int64_t bound = tl_cache_bound();
	bool chosen = strcmp(p->fixed.cache, "auto") != 0;

	if (!strcmp(p->fixed.cache, "none") || (!chosen && run->plan.compute == TL_F64))
		return 0;
	p->half = !strcmp(p->fixed.cache, "bf16");
	for (int s = 0; s < TL_SPLITS; s++) {
		const tl_tokens *t = run->feed[s].tokens;
		int64_t tokens = 0;
		for (int64_t i = 0; t && i < t->n; i++)
			tokens += TL_MAX((int64_t)1, t->offsets[i + 1] - t->offsets[i]);
		p->bytes += t ? (int64_t)file_bytes(p, t->n, tokens) : 0;
		p->documents += t ? t->n : 0;
	}
	return p->bytes <= (chosen ? bound : bound / 2) ? 1 : chosen ? -1 : 0;
}

bool
tl_run_keeps(const tl_run *run, const tl_model *m)
{
	bool elsewhere = run->o->device && strcmp(run->o->device, "cpu"); /* the model that is asked is counted on the CPU */
	struct plan p = { 0 };

	return tl_model_fixed(m, &p.fixed) && !(elsewhere && !strcmp(p.fixed.cache, "auto")) && weigh(run, &p) > 0;
}

/* 1: they are kept, 0: not, -1 an error. */
static int
decide(tl_run *run, struct plan *p)
{
	int64_t bound = tl_cache_bound();
	int kept = weigh(run, p);

	if (kept < 0)
		return tl_error_set(run->e, TL_USAGE, "cache = \"%s\": the frozen encoder's outputs take %.0f MiB, and the cache is bounded to %.0f MiB; set TAGLOOM_CACHE_BYTES to more, or cache = \"none\"", p->fixed.cache,
		                    (double)p->bytes / 1048576, (double)bound / 1048576);
	if (!kept && p->bytes)
		tl_run_say(run, "note", "outputs of the frozen encoder would take %.0f MiB, more than half of the cache's %.0f MiB: they are computed in every step; cache = \"bf16\" halves them, TAGLOOM_CACHE_BYTES raises the bound",
		           (double)p->bytes / 1048576, (double)bound / 1048576);
	return kept;
}

int
tl_run_frozen(tl_run *run)
{
	struct plan p = { 0 };
	int status;

	if (!tl_model_fixed(run->m, &p.fixed)) {
		if (p.fixed.why_not)
			tl_run_say(run, "note", "%s", p.fixed.why_not);
		return 0;
	}
	if ((status = decide(run, &p)) <= 0)
		return status;
	if (tl_model_fixed_key(run->m, p.encoder, run->e) < 0)
		return -1;
	for (int s = 0; s < TL_SPLITS; s++)
		if (run->feed[s].tokens && (status = open_split(run, &p, s)))
			return status;
	if (p.made)
		tl_run_say(run, "note", "outputs of the frozen encoder: computed in %.1f s", tl_seconds() - p.began);
	else
		say_outputs(run, &p, "from the cache");
	return 0;
}
