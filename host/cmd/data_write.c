/* data_write.c - documents chosen from a dataset, written as a dataset of the default format. */
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "data/load.h"
#include "datasets.h"

struct pick { uint64_t order; int64_t at; };

static int
by_order(const void *a, const void *b)
{
	const struct pick *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

static int
by_place(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

tl_chosen
tl_choose_documents(const tl_split *s, int64_t limit, int64_t sample, uint64_t seed)
{
	int64_t n = limit > 0 ? TL_MIN(limit, s->n) : s->n;
	tl_chosen c = { n, tl_alloc((size_t)(s->n + 1) * sizeof *c.document) };
	struct pick *pick;

	for (int64_t i = 0; i < n; i++)
		c.document[i] = i;
	if (sample < 0 || sample >= n)
		return c;
	pick = tl_alloc((size_t)(n + 1) * sizeof *pick);
	for (int64_t i = 0; i < n; i++)
		pick[i] = (struct pick){ tl_hash64(s->id[i], strlen(s->id[i]), seed * 0x9e3779b97f4a7c15u), i };
	qsort(pick, (size_t)n, sizeof *pick, by_order);
	for (int64_t i = 0; i < sample; i++)
		c.document[i] = pick[i].at;
	qsort(c.document, (size_t)sample, sizeof *c.document, by_place);
	c.n = sample;
	free(pick);
	return c;
}

static int
add_json(tl_text *t, const tl_dataset *d, const tl_split *s, int64_t i, tl_error *e)
{
	json_t *labels = json_array(), *v;
	char *line;

	for (int64_t k = s->label_offsets[i]; k < s->label_offsets[i + 1]; k++)
		json_array_append_new(labels, json_string(d->label_key[s->labels[k]]));
	v = json_pack("{s:s, s:o, s:o}", "id", s->id[i], "text", json_stringn(s->text[i], s->text_length[i]), "labels", labels);
	if (v && s->pseudo[i])
		json_object_set_new(v, "pseudo", json_true());
	line = v ? json_dumps(v, 0) : NULL;
	if (line)
		tl_text_add(t, "%s\n", line);
	else
		tl_error_set(e, TL_ENVIRONMENT, "document \"%s\" cannot be written as JSON", s->id[i]);
	free(line);
	json_decref(v);
	return line ? 0 : -1;
}

/* The shortest text that reads back as the same float. */
static void
add_value(tl_text *t, float v)
{
	char text[40];

	for (int digits = 6; digits <= 9; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, (double)v);
		if (strtof(text, NULL) == v)
			break;
	}
	tl_text_add(t, "%s", text);
}

static int
add_svmlight(tl_text *t, const tl_dataset *d, const tl_split *s, int64_t i, tl_error *e)
{
	for (int64_t k = s->label_offsets[i]; k < s->label_offsets[i + 1]; k++) {
		const char *key = d->label_key[s->labels[k]];
		if (key[strcspn(key, " \t,:#")])
			return tl_error_set(e, TL_ENVIRONMENT, "the label \"%s\" cannot be written as svmlight: it holds a blank or one of , : #", key);
		tl_text_add(t, "%s%s", k > s->label_offsets[i] ? "," : "", key);
	}
	for (int64_t k = s->features.offsets[i]; k < s->features.offsets[i + 1]; k++) {
		tl_text_add(t, " %d:", (int)s->features.index[k]);
		add_value(t, s->features.value[k]);
	}
	tl_text_add(t, "\n");
	return 0;
}

static bool
pack_gz(const tl_text *t, char *out, size_t *n)
{
	z_stream z = { 0 };
	int status;

	if (t->n > UINT32_MAX || deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	z.next_in = (unsigned char *)t->s;
	z.avail_in = (unsigned)t->n;
	z.next_out = (unsigned char *)out;
	z.avail_out = (unsigned)TL_MIN(*n, (size_t)UINT32_MAX);
	status = deflate(&z, Z_FINISH);
	*n = z.total_out;
	deflateEnd(&z);
	return status == Z_STREAM_END;
}

/* The file DIR/NAME[.PACKING] with the text. */
static int
write_packed(const char *dir, const char *name, const tl_text *t, const char *packing, bool force, tl_error *e)
{
	bool plain = !strcmp(packing, "none"), good = true;
	char *path = tl_format("%s/%s%s%s", dir, name, plain ? "" : ".", plain ? "" : packing);
	size_t n = plain ? t->n : lzma_stream_buffer_bound(t->n) + ZSTD_compressBound(t->n) + compressBound(t->n) + 100;
	char *out = plain ? t->s : tl_alloc(n);
	int bad = 0;

	if (!strcmp(packing, "gz")) {
		good = pack_gz(t, out, &n);
	} else if (!strcmp(packing, "xz")) {
		size_t used = 0;
		good = lzma_easy_buffer_encode(6 | LZMA_PRESET_EXTREME, LZMA_CHECK_CRC64, NULL, (uint8_t *)t->s, t->n, (uint8_t *)out, &used, n) == LZMA_OK;
		n = used;
	} else if (!strcmp(packing, "zst")) {
		n = ZSTD_compress(out, n, t->s, t->n, 19);
		good = !ZSTD_isError(n);
	}
	if (!good)
		bad = tl_error_set(e, TL_ENVIRONMENT, "%s: could not be compressed", path);
	else if (!force && tl_exists(path))
		bad = tl_error_set(e, TL_USAGE, "%s is there already; choose another folder, or give --force to replace it", path);
	else
		bad = tl_write_file(path, out ? out : "", n, e);
	if (!plain)
		free(out);
	free(path);
	return bad;
}

int
tl_dataset_write(const tl_dataset *d, const tl_chosen *chosen, const char *dir, const char *packing, bool force, tl_error *e)
{
	static const char *const packings[] = { "none", "gz", "xz", "zst" };
	tl_text lines = { 0 };
	bool known = false;
	int bad;

	for (int i = 0; i < TL_COUNT(packings); i++)
		known = known || !strcmp(packing, packings[i]);
	if (!known)
		return tl_error_set(e, TL_USAGE, "--compress %s: wanted none, gz, xz or zst", packing);
	tl_text_add(&lines, "%s", "");
	bad = tl_dataset_label_lines(d, &lines, e) || tl_make_dirs(dir, e) < 0;
	for (int s = 0; s < TL_SPLITS && !bad; s++) {
		const tl_split *p = &d->split[s];
		tl_text t = { 0 };
		char name[64];
		if (!p->present || !chosen[s].n)
			continue;
		for (int64_t i = 0; i < chosen[s].n && !bad; i++)
			bad = p->features.n ? add_svmlight(&t, d, p, chosen[s].document[i], e) : add_json(&t, d, p, chosen[s].document[i], e);
		snprintf(name, sizeof name, "%s.%s", tl_split_names[s], p->features.n ? "svm" : "jsonl");
		if (!bad)
			bad = write_packed(dir, name, &t, packing, force, e);
		tl_text_free(&t);
	}
	if (!bad)
		bad = write_packed(dir, "labels.txt", &lines, "none", force, e);
	tl_text_free(&lines);
	return bad ? -1 : 0;
}

/* --- distinct texts --------------------------------------------------------------------------------------------------------------- */
uint64_t
tl_text_print(const char *text, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u;
	bool blank = true;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == ' ' || (c >= '\t' && c <= '\r')) {
			blank = true;
			continue;
		}
		if (blank && h != 0xcbf29ce484222325u)
			h = (h ^ ' ') * 0x100000001b3u;
		blank = false;
		h = (h ^ (c >= 'A' && c <= 'Z' ? c + 32u : c)) * 0x100000001b3u;
	}
	return h ? h : 1;
}

static int64_t
place(const tl_prints *t, uint64_t print)
{
	uint64_t i = print * 0x9e3779b97f4a7c15u >> 20;

	while (t->slot[i & (uint64_t)(t->slots - 1)] && t->slot[i & (uint64_t)(t->slots - 1)] != print)
		i++;
	return (int64_t)(i & (uint64_t)(t->slots - 1));
}

bool
tl_prints_add(tl_prints *t, uint64_t print)
{
	int64_t at;

	if ((t->n + 1) * 2 > t->slots) {
		tl_prints old = *t;
		t->slots = old.slots ? old.slots * 2 : 1024;
		t->slot = tl_alloc((size_t)t->slots * sizeof *t->slot);
		for (int64_t i = 0; i < old.slots; i++)
			if (old.slot[i])
				t->slot[place(t, old.slot[i])] = old.slot[i];
		free(old.slot);
	}
	at = place(t, print);
	if (t->slot[at])
		return false;
	t->slot[at] = print;
	t->n++;
	return true;
}

bool
tl_prints_has(const tl_prints *t, uint64_t print)
{
	return t->slots && t->slot[place(t, print)];
}

void
tl_prints_free(tl_prints *t)
{
	free(t->slot);
	*t = (tl_prints){ 0 };
}
