/*
 * kept.c - the cached copy of a dataset: what a reader read, decompressed and parsed, in one file that every run maps.
 *
 * The copy names each file that was opened, with the SHA-256 of its bytes, and each that was looked for in vain. It is used only while all of
 * that is still so and its own bytes have their hash; otherwise the dataset is read again and the copy replaced. No cache folder, a full
 * disk, a damaged copy: the dataset is read, as if there were no cache.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load.h"

static const char magic[8] = "TLDATA01";

struct part { int64_t present, n, id_bytes, text_bytes, labels, has_features, width, features; char sha256[72]; };
struct header { char magic[8]; int64_t meta_bytes, n_labels, label_bytes; struct part part[TL_SPLITS]; char payload[64]; };

char *
tl_kept_path(const tl_reader *reader, const char *path, const char *options)
{
	union { int (*call)(tl_sink *, const char *, const char *); void *address; } of = { .call = reader->split };
	Dl_info where;
	char plugin[65], key[65], *what, *full = realpath(path, NULL), *dir = tl_cache_dir(), *out = NULL;
	tl_error ignored = { 0 };

	/* Another build of the reader may read the same files otherwise. */
	if (full && dir && dladdr(of.address, &where) && where.dli_fname && tl_sha_file(where.dli_fname, plugin, &ignored) == 0) {
		what = tl_format("%.8s %s %s %s", magic, plugin, full, options);
		tl_sha_of(what, strlen(what), key);
		out = tl_format("%s/dataset-%s", dir, key);
		free(what);
	}
	free(full);
	free(dir);
	return out;
}

/* --- writing --------------------------------------------------------------------------------------------------------------------- */
static size_t
rounded(size_t n)
{
	return (n + 7) / 8 * 8;
}

static void
add(char **at, const void *bytes, size_t n)
{
	if (n)
		memcpy(*at, bytes, n);
	*at += rounded(n);
}

static size_t
part_bytes(const struct part *p)
{
	size_t n = (size_t)p->n;

	if (!p->present)
		return 0;
	return rounded((size_t)p->id_bytes) + rounded((size_t)p->text_bytes) + rounded(n * 4) + (n + 1) * 8 + rounded((size_t)p->labels * 4) + rounded(n) +
	       (p->has_features ? (n + 1) * 8 + 2 * rounded((size_t)p->features * 4) : 0);
}

static struct part
describe(const tl_split *s)
{
	struct part p = { .present = s->present, .n = s->n, .has_features = s->features.n > 0 };

	if (!p.present)
		return p;
	p.labels = s->label_offsets[s->n];
	p.width = s->features.width;
	p.features = p.has_features ? s->features.offsets[s->n] : 0;
	memcpy(p.sha256, s->sha256, sizeof s->sha256);
	for (int64_t i = 0; i < s->n; i++) {
		p.id_bytes += (int64_t)strlen(s->id[i]) + 1;
		p.text_bytes += (int64_t)s->text_length[i] + 1;
	}
	return p;
}

static void
add_part(char **at, const tl_split *s, const struct part *p)
{
	char *text = *at;
	size_t n = (size_t)s->n;

	if (!p->present)
		return;
	for (int64_t i = 0; i < s->n; i++)
		text = stpcpy(text, s->id[i]) + 1;
	text = *at += rounded((size_t)p->id_bytes);
	for (int64_t i = 0; i < s->n; i++) {
		memcpy(text, s->text[i], (size_t)s->text_length[i] + 1);
		text += s->text_length[i] + 1;
	}
	*at += rounded((size_t)p->text_bytes);
	add(at, s->text_length, n * 4);
	add(at, s->label_offsets, (n + 1) * 8);
	add(at, s->labels, (size_t)p->labels * 4);
	add(at, s->pseudo, n);
	if (!p->has_features)
		return;
	add(at, s->features.offsets, (n + 1) * 8);
	add(at, s->features.index, (size_t)p->features * 4);
	add(at, s->features.value, (size_t)p->features * 4);
}

/* The files with their hashes, and the warnings; NULL where a file has changed since it was opened. */
static char *
meta_text(const tl_loader *l)
{
	json_t *files = json_array(), *v;
	char hex[65], *text = NULL;
	bool good = true;

	for (int64_t i = 0; i < l->n_files && good; i++) {
		const struct tl_file *f = &l->file[i];
		tl_error ignored = { 0 };
		struct stat st;
		if (f->found)
			good = tl_sha_file(f->found, hex, &ignored) == 0 && stat(f->found, &st) == 0 && st.st_size == f->size && st.st_mtim.tv_sec == f->seconds && st.st_mtim.tv_nsec == f->nanoseconds;
		json_array_append_new(files, f->found ? json_pack("{s:s, s:s, s:s}", "asked", f->asked, "found", f->found, "sha256", hex) : json_pack("{s:s}", "asked", f->asked));
	}
	v = json_pack("{s:o, s:O}", "files", files, "warnings", l->d->warnings);
	if (good)
		text = json_dumps(v, JSON_COMPACT);
	json_decref(v);
	return text;
}

/* Beside it, then renamed over; not synced, for a copy that a crash has torn does not have its hash. */
static bool
put_file(const char *path, const char *bytes, size_t n)
{
	char *temporary = tl_format("%s.%ld.tmp", path, (long)getpid());
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	bool good = fd >= 0;

	while (good && n) {
		ssize_t wrote = write(fd, bytes, n);
		if (wrote < 0 && errno == EINTR)
			continue;
		good = wrote > 0;
		bytes += good ? wrote : 0;
		n -= good ? (size_t)wrote : 0;
	}
	if (fd >= 0 && close(fd) < 0)
		good = false;
	good = good && rename(temporary, path) == 0;
	if (!good)
		unlink(temporary);
	free(temporary);
	return good;
}

void
tl_kept_save(const tl_loader *l, const char *kept)
{
	const tl_dataset *d = l->d;
	struct header h = { .n_labels = d->n_labels };
	char *meta = meta_text(l), *block, *at, *dir;
	size_t size = sizeof h;

	if (!meta)
		return;
	memcpy(h.magic, magic, sizeof magic);
	h.meta_bytes = (int64_t)strlen(meta) + 1;
	for (int64_t i = 0; i < d->n_labels; i++)
		h.label_bytes += (int64_t)(strlen(d->label_key[i]) + strlen(d->label_name[i]) + strlen(d->label_description[i])) + 3;
	size += rounded((size_t)h.meta_bytes) + rounded((size_t)h.label_bytes);
	for (int s = 0; s < TL_SPLITS; s++) {
		h.part[s] = describe(&d->split[s]);
		size += part_bytes(&h.part[s]);
	}
	block = tl_alloc(size);
	at = block + sizeof h;
	add(&at, meta, (size_t)h.meta_bytes);
	for (int64_t i = 0; i < d->n_labels; i++)
		at = stpcpy(stpcpy(stpcpy(at, d->label_key[i]) + 1, d->label_name[i]) + 1, d->label_description[i]) + 1;
	at += rounded((size_t)h.label_bytes) - (size_t)h.label_bytes;
	for (int s = 0; s < TL_SPLITS; s++)
		add_part(&at, &d->split[s], &h.part[s]);
	memcpy(block, &h, sizeof h);
	{
		char hex[65];
		tl_sha_of(block, size, hex); /* with the hash itself still zero */
		memcpy(((struct header *)(void *)block)->payload, hex, 64);
	}
	if (put_file(kept, block, size) && (dir = tl_cache_dir())) {
		tl_cache_evict(dir);
		free(dir);
	}
	free(block);
	free(meta);
}

/* --- reading ----------------------------------------------------------------------------------------------------------------------- */
static bool
same_files(const json_t *files)
{
	const json_t *f;
	size_t i;

	json_array_foreach((json_t *)files, i, f) {
		static const char *const endings[] = { "", ".gz", ".xz", ".zst" };
		const char *asked = tl_json_string(f, "asked", ""), *found = tl_json_string(f, "found", NULL);
		char hex[65];
		tl_error ignored = { 0 };
		for (int k = 0; k < TL_COUNT(endings); k++) { /* the same file has to be the first that is there */
			char *path = tl_format("%s%s", asked, endings[k]);
			bool there = tl_exists(path), wanted = found && !strcmp(path, found);
			free(path);
			if (there != wanted)
				return false;
			if (wanted)
				break;
		}
		if (found && (tl_sha_file(found, hex, &ignored) < 0 || strcmp(hex, tl_json_string(f, "sha256", ""))))
			return false;
	}
	return json_is_array(files);
}

/* Sizes that fit the file, and bytes that have their hash. */
static bool
believable(const char *block, size_t size)
{
	struct header h;
	size_t sum = sizeof h;
	tl_sha *sha;
	char hex[65];

	if (size < sizeof h)
		return false;
	memcpy(&h, block, sizeof h);
	if (memcmp(h.magic, magic, sizeof magic) || h.meta_bytes < 1 || h.label_bytes < 0 || h.n_labels < 0 || (size_t)h.meta_bytes > size || (size_t)h.label_bytes > size)
		return false;
	sum += rounded((size_t)h.meta_bytes) + rounded((size_t)h.label_bytes);
	for (int s = 0; s < TL_SPLITS; s++) {
		const struct part *p = &h.part[s];
		int64_t most = (int64_t)size;
		if (p->n < 0 || p->n > most || p->id_bytes < 0 || p->id_bytes > most || p->text_bytes < 0 || p->text_bytes > most || p->labels < 0 || p->labels > most || p->features < 0 || p->features > most)
			return false;
		sum += part_bytes(p);
	}
	if (sum != size)
		return false;
	sha = tl_sha_new();
	{
		char payload[64];
		memcpy(payload, h.payload, 64);
		memset(h.payload, 0, 64);
		tl_sha_add(sha, &h, sizeof h);
		tl_sha_add(sha, block + sizeof h, size - sizeof h);
		tl_sha_end(sha, hex);
		return !memcmp(payload, hex, 64);
	}
}

static void *
copied(const char **at, size_t n)
{
	void *p = tl_alloc(n);

	if (n)
		memcpy(p, *at, n);
	*at += rounded(n);
	return p;
}

/* Strings stay in the map; the arrays, which the dataset frees, are copied. */
static void
take_part(tl_split *s, const struct part *p, const char **at)
{
	size_t n = (size_t)p->n;
	const char *text = *at;

	s->present = p->present;
	s->n = p->n;
	s->id = tl_alloc((n + 1) * sizeof *s->id);
	s->text = tl_alloc((n + 1) * sizeof *s->text);
	if (!p->present) {
		s->label_offsets = tl_alloc(sizeof *s->label_offsets);
		s->labels = tl_alloc(sizeof *s->labels);
		return;
	}
	memcpy(s->sha256, p->sha256, sizeof s->sha256);
	for (size_t i = 0; i < n; i++) {
		s->id[i] = text;
		text += strlen(text) + 1;
	}
	text = *at += rounded((size_t)p->id_bytes);
	*at += rounded((size_t)p->text_bytes);
	s->text_length = copied(at, n * 4);
	for (size_t i = 0; i < n; i++) {
		s->text[i] = text;
		text += s->text_length[i] + 1;
	}
	s->label_offsets = copied(at, (n + 1) * 8);
	s->labels = copied(at, (size_t)p->labels * 4);
	s->pseudo = copied(at, n);
	if (!p->has_features)
		return;
	s->features.n = p->n;
	s->features.width = p->width;
	s->features.offsets = copied(at, (n + 1) * 8);
	s->features.index = copied(at, (size_t)p->features * 4);
	s->features.value = copied(at, (size_t)p->features * 4);
}

static void
take_all(tl_dataset *d, const char *block)
{
	const struct header *h = (const struct header *)(const void *)block;
	const char *at = block + sizeof *h + rounded((size_t)h->meta_bytes), *text = at;
	size_t bytes = (size_t)(h->n_labels + 1) * sizeof *d->label_key;

	d->n_labels = h->n_labels;
	d->label_key = tl_arena_alloc(d->arena, bytes);
	d->label_name = tl_arena_alloc(d->arena, bytes);
	d->label_description = tl_arena_alloc(d->arena, bytes);
	for (int64_t i = 0; i < h->n_labels; i++) {
		const char **field[] = { d->label_key, d->label_name, d->label_description };
		for (int k = 0; k < 3; k++) {
			field[k][i] = text;
			text += strlen(text) + 1;
		}
	}
	at += rounded((size_t)h->label_bytes);
	for (int s = 0; s < TL_SPLITS; s++)
		take_part(&d->split[s], &h->part[s], &at);
}

bool
tl_kept_load(tl_dataset *d, const char *kept)
{
	int fd = open(kept, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *map;
	json_t *meta = NULL;
	tl_error ignored = { 0 };
	bool good;

	if (fd < 0)
		return false;
	map = fstat(fd, &st) == 0 && st.st_size > 0 ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
	if (map != MAP_FAILED)
		futimens(fd, NULL); /* its last use, for the bound */
	close(fd);
	if (map == MAP_FAILED)
		return false;
	good = believable(map, (size_t)st.st_size);
	if (good)
		meta = tl_json_parse(map + sizeof(struct header), strlen(map + sizeof(struct header)), "cache", &ignored);
	good = good && meta && same_files(json_object_get(meta, "files")) && json_is_array(json_object_get(meta, "warnings"));
	if (good) {
		json_array_extend(d->warnings, json_object_get(meta, "warnings"));
		d->map = map;
		d->map_size = (size_t)st.st_size;
		take_all(d, map);
		madvise(map, (size_t)st.st_size, MADV_DONTNEED); /* the check has read all of it; from here on only what is used is there */
	} else {
		munmap(map, (size_t)st.st_size);
	}
	json_decref(meta);
	return good;
}
