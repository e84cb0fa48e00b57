/* split.c - documents come in from a reader or an augmentation file and become the arrays of a split, with its hash. */
#include "load.h"
#include "base/watch.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *const tl_split_names[TL_SPLITS] = { "train", "valid", "test" };

static int
by_number(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

static int
stopped(const tl_loader *l)
{
	if (l->stopped || (l->e && l->e->status))
		return -1;
	tl_watch_beat(); /* whatever the reader asks for: it lives */
	return 0;
}

static int64_t
add_label(tl_loader *l, const char *key, const char *name, const char *description)
{
	tl_names *t = &l->labels;
	char *kept = tl_strings_add(&l->kept, key, strlen(key));

	l->name = tl_grow(l->name, t->n, &l->name_capacity, sizeof *l->name);
	l->description = tl_grow(l->description, t->n, &l->description_capacity, sizeof *l->description);
	l->name[t->n] = name && *name ? tl_strings_add(&l->kept, name, strlen(name)) : kept;
	l->description[t->n] = description && *description ? tl_strings_add(&l->kept, description, strlen(description)) : l->name[t->n];
	return tl_names_add(t, kept);
}

static int
sink_label(void *arg, const char *key, const char *name, const char *description)
{
	tl_loader *l = arg;

	if (stopped(l))
		return -1;
	if (!*key)
		return tl_error_set(l->e, TL_ENVIRONMENT, "%s: label %lld of the label list has an empty key", l->d->path, (long long)l->labels.n + 1);
	if (tl_names_find(&l->labels, key) >= 0)
		return tl_error_set(l->e, TL_ENVIRONMENT, "%s: the label list names \"%s\" twice, as labels %lld and %lld", l->d->path, key, (long long)tl_names_find(&l->labels, key) + 1,
		                    (long long)l->labels.n + 1);
	add_label(l, key, name, description);
	return 0;
}

/* Appends the labels of one document, ascending and distinct. */
static int
add_labels(tl_loader *l, tl_building *b, int split, const char *const *labels, int64_t n, const char *where)
{
	int64_t from = b->n_labels, to;

	for (int64_t i = 0; i < n; i++) {
		int64_t number = tl_names_find(&l->labels, labels[i]);
		if (!labels[i][0])
			return tl_error_set(l->e, TL_ENVIRONMENT, "%s: label %lld of the document is empty", where, (long long)i + 1);
		if (number < 0 && l->mended)
			l->mended->labels += l->listed;
		else if (number < 0 && l->listed && split == TL_TRAIN) {
			const char *near = tl_nearest(labels[i], l->labels.name, l->listed_n);
			return tl_error_set(l->e, TL_ENVIRONMENT, "%s: the label \"%s\" is not in the label list (%lld labels); %s%s%sadd it there or correct the document", where, labels[i],
			                    (long long)l->listed_n, near ? "did you mean \"" : "", near ? near : "", near ? "\"? Else " : "");
		}
		if (number < 0)
			number = add_label(l, labels[i], NULL, NULL);
		b->s.labels = tl_grow(b->s.labels, b->n_labels, &b->label_capacity, sizeof *b->s.labels);
		b->s.labels[b->n_labels++] = (int32_t)number;
	}
	if (n)
		qsort(b->s.labels + from, (size_t)(b->n_labels - from), sizeof *b->s.labels, by_number);
	to = from;
	for (int64_t i = from; i < b->n_labels; i++)
		if (i == from || b->s.labels[i] != b->s.labels[to - 1])
			b->s.labels[to++] = b->s.labels[i];
	b->n_labels = to;
	return 0;
}

struct cell { int32_t at; float value; };

static int
by_place(const void *a, const void *b)
{
	return by_number(&((const struct cell *)a)->at, &((const struct cell *)b)->at);
}

static int
add_features(tl_loader *l, tl_building *b, int64_t n, const int32_t *feature, const float *value, const char *where)
{
	int64_t need = b->n_features + n, old = b->feature_capacity;
	struct cell *row = tl_alloc((size_t)(n + 1) * sizeof *row);
	int bad = 0;

	for (int64_t i = 0; i < n; i++)
		row[i] = (struct cell){ feature[i], value[i] };
	qsort(row, (size_t)n, sizeof *row, by_place);
	if (need > old) {
		b->feature_capacity = TL_MAX(need, old * 2);
		b->feature = tl_realloc(b->feature, (size_t)b->feature_capacity * sizeof *b->feature);
		b->value = tl_realloc(b->value, (size_t)b->feature_capacity * sizeof *b->value);
	}
	for (int64_t i = 0; i < n && !bad; i++) {
		if (row[i].at < 0)
			bad = tl_error_set(l->e, TL_ENVIRONMENT, "%s: the feature number %d is negative", where, (int)row[i].at);
		else if (i && row[i].at == row[i - 1].at)
			bad = tl_error_set(l->e, TL_ENVIRONMENT, "%s: the feature %d is given twice", where, (int)row[i].at);
		b->feature[b->n_features + i] = row[i].at;
		b->value[b->n_features + i] = row[i].value;
	}
	if (n)
		l->features_width = TL_MAX(l->features_width, (int64_t)row[n - 1].at + 1);
	free(row);
	b->n_features += n;
	return bad;
}

/* Room for document n in every array, and one more offset. */
static void
grow_building(tl_building *b)
{
	int64_t n = b->s.n;

	if (n + 1 < b->capacity)
		return;
	b->capacity = b->capacity ? b->capacity * 2 : 1024;
	b->s.id = tl_realloc(b->s.id, (size_t)b->capacity * sizeof *b->s.id);
	b->s.text = tl_realloc(b->s.text, (size_t)b->capacity * sizeof *b->s.text);
	b->s.text_length = tl_realloc(b->s.text_length, (size_t)b->capacity * sizeof *b->s.text_length);
	b->s.label_offsets = tl_realloc(b->s.label_offsets, (size_t)b->capacity * sizeof *b->s.label_offsets);
	b->s.pseudo = tl_realloc(b->s.pseudo, (size_t)b->capacity * sizeof *b->s.pseudo);
	b->where = tl_realloc(b->where, (size_t)b->capacity * sizeof *b->where);
	b->feature_offsets = tl_realloc(b->feature_offsets, (size_t)b->capacity * sizeof *b->feature_offsets);
}

int
tl_loader_document(tl_loader *l, int split, const char *id, const char *text, size_t n, const char *const *labels, int64_t n_labels, bool pseudo, const char *where)
{
	tl_building *b = &l->part[split];
	const char *colon = where ? strrchr(where, ':') : NULL;
	char number[40], *another = NULL;
	int64_t twin, i = b->s.n;

	if (!id || !*id) { /* a document without an id is known by its line */
		snprintf(number, sizeof number, "%s", colon && colon[1] ? colon + 1 : "");
		if (!*number)
			snprintf(number, sizeof number, "%lld", (long long)i + 1);
		id = number;
	}
	if (n > UINT32_MAX)
		return tl_error_set(l->e, TL_ENVIRONMENT, "%s: the text has %zu bytes; at most 4 GiB are possible", where, n);
	twin = tl_names_find(&b->ids, id);
	if (twin >= 0 && l->mended) {
		another = tl_format("%s#%s", id, colon ? colon + 1 : "2");
		id = tl_strings_add(&l->passing, another, strlen(another));
		free(another);
		l->mended->ids++;
		twin = tl_names_find(&b->ids, id);
	}
	if (twin >= 0)
		return tl_error_set(l->e, TL_ENVIRONMENT, "%s: the id \"%s\" was already given to %s; ids are unique within a split", where, id, b->where[twin]);
	grow_building(b);
	if (!i)
		b->s.label_offsets[0] = b->feature_offsets[0] = 0;
	b->where[i] = tl_strings_add(&l->passing, where ? where : "", where ? strlen(where) : 0);
	b->s.id[i] = tl_strings_add(&l->kept, id, strlen(id));
	b->s.text[i] = tl_strings_add(&l->kept, text ? text : "", n);
	b->s.text_length[i] = (uint32_t)n;
	b->s.pseudo[i] = pseudo;
	if (add_labels(l, b, split, labels, n_labels, b->where[i]) < 0)
		return -1;
	if (!b->without_labels && b->n_labels == b->s.label_offsets[i])
		b->first_without_labels = b->where[i];
	b->without_labels += b->n_labels == b->s.label_offsets[i];
	b->s.label_offsets[i + 1] = b->n_labels;
	b->feature_offsets[i + 1] = b->n_features;
	tl_names_add(&b->ids, b->s.id[i]);
	b->s.n++;
	return 0;
}

static int
sink_document(void *arg, const char *id, const char *text, size_t length, const char *const *labels, int64_t n_labels, int64_t n_features, const int32_t *feature, const float *value, bool pseudo,
              const char *where)
{
	tl_loader *l = arg;
	tl_building *b = &l->part[l->now];

	if (stopped(l))
		return -1;
	if (l->now == TL_TRAIN && l->limit && b->s.n >= l->limit) {
		l->stopped = true;
		return -1;
	}
	if (tl_loader_document(l, l->now, id, text, text ? length : 0, labels, n_labels, pseudo, where) < 0)
		return -1;
	if (n_features && add_features(l, b, n_features, feature, value, b->where[b->s.n - 1]) < 0)
		return -1;
	b->has_features = b->has_features || n_features || feature;
	b->feature_offsets[b->s.n] = b->n_features;
	if (!length && !feature) {
		if (!b->without_text++)
			b->first_without_text = b->where[b->s.n - 1];
	}
	return 0;
}

/* Opens a file and remembers it: a cached copy holds as long as the same files are there with the same bytes. */
tl_lines *
tl_loader_open(tl_loader *l, const char *path)
{
	tl_lines *lines = tl_lines_open(path, l->mended ? &l->mended->bytes : NULL, l->e);
	struct stat st = { 0 };
	struct tl_file *f;

	for (int64_t i = 0; i < l->n_files; i++)
		if (!strcmp(l->file[i].asked, path))
			return lines;
	l->file = tl_grow(l->file, l->n_files, &l->file_capacity, sizeof *l->file);
	f = &l->file[l->n_files++];
	*f = (struct tl_file){ .asked = tl_strdup(path), .found = lines ? tl_strdup(tl_lines_path(lines)) : NULL };
	if (lines && stat(f->found, &st) == 0) {
		f->size = st.st_size;
		f->seconds = st.st_mtim.tv_sec;
		f->nanoseconds = st.st_mtim.tv_nsec;
	}
	return lines;
}

static void *
sink_open(void *arg, const char *path)
{
	tl_loader *l = arg;

	return stopped(l) ? NULL : tl_loader_open(l, path);
}

static int
sink_line(void *arg, void *file, const char **text, size_t *length, int64_t *number)
{
	tl_loader *l = arg;

	return stopped(l) ? -1 : tl_lines_next(file, text, length, number, l->e);
}

static void
sink_close(void *arg, void *file)
{
	(void)arg;
	tl_lines_close(file);
}

static int TL_PRINTF(2, 3)
sink_fail(void *arg, const char *format, ...)
{
	tl_loader *l = arg;
	va_list ap;

	if (l->stopped)
		return -1;
	va_start(ap, format);
	tl_error_vset(l->e, TL_ENVIRONMENT, format, ap);
	va_end(ap);
	return -1;
}

void
tl_loader_sink(tl_loader *l, tl_sink *out)
{
	*out = (tl_sink){ .arg = l, .label = sink_label, .document = sink_document, .open = sink_open, .line = sink_line, .close = sink_close, .fail = sink_fail };
}

struct pick { uint64_t order; int64_t at; };

static int
by_order(const void *a, const void *b)
{
	const struct pick *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

/* Document i of `from` moves (with its strings, which stay where they are) behind the last one of `to`. */
static void
move_document(tl_building *to, const tl_building *from, int64_t i)
{
	int64_t at = to->s.n;

	grow_building(to);
	if (!at)
		to->s.label_offsets[0] = to->feature_offsets[0] = 0;
	to->s.id[at] = from->s.id[i];
	to->s.text[at] = from->s.text[i];
	to->s.text_length[at] = from->s.text_length[i];
	to->s.pseudo[at] = from->s.pseudo[i];
	to->where[at] = from->where[i];
	for (int64_t k = from->s.label_offsets[i]; k < from->s.label_offsets[i + 1]; k++) {
		to->s.labels = tl_grow(to->s.labels, to->n_labels, &to->label_capacity, sizeof *to->s.labels);
		to->s.labels[to->n_labels++] = from->s.labels[k];
	}
	for (int64_t k = from->feature_offsets[i]; k < from->feature_offsets[i + 1]; k++) {
		if (to->n_features == to->feature_capacity) {
			to->feature_capacity = TL_MAX(1024, to->feature_capacity * 2);
			to->feature = tl_realloc(to->feature, (size_t)to->feature_capacity * sizeof *to->feature);
			to->value = tl_realloc(to->value, (size_t)to->feature_capacity * sizeof *to->value);
		}
		to->feature[to->n_features] = from->feature[k];
		to->value[to->n_features++] = from->value[k];
	}
	to->s.label_offsets[at + 1] = to->n_labels;
	to->feature_offsets[at + 1] = to->n_features;
	tl_names_add(&to->ids, to->s.id[at]);
	to->s.n++;
}

static void
building_free(tl_building *b)
{
	free(b->s.id);
	free(b->s.text);
	free(b->s.text_length);
	free(b->s.label_offsets);
	free(b->s.labels);
	free(b->s.pseudo);
	free(b->where);
	free(b->feature_offsets);
	free(b->feature);
	free(b->value);
	tl_names_free(&b->ids);
	*b = (tl_building){ 0 };
}

/* The documents are ordered by a hash of their ids, and the first `share` of them become valid: the same ones for every run seed,
 * and nearly the same ones when documents are added. Both parts keep the order of the file. */
int
tl_split_share(tl_loader *l, double share)
{
	tl_building all = l->part[TL_TRAIN], *train = &l->part[TL_TRAIN], *valid = &l->part[TL_VALID];
	int64_t n = all.s.n, take = (int64_t)(share * (double)n + 0.5);
	struct pick *pick;
	bool *taken;

	if (take < 1 || take >= n)
		return tl_error_set(l->e, TL_USAGE, "data.valid = %g: of %lld training documents it takes %lld; both train and valid need at least one", share, (long long)n, (long long)take);
	pick = tl_alloc((size_t)n * sizeof *pick);
	taken = tl_alloc((size_t)n);
	for (int64_t i = 0; i < n; i++)
		pick[i] = (struct pick){ tl_hash64(all.s.id[i], strlen(all.s.id[i]), 0x76616c6964), i };
	qsort(pick, (size_t)n, sizeof *pick, by_order);
	for (int64_t i = 0; i < take; i++)
		taken[pick[i].at] = true;
	*train = (tl_building){ .has_features = all.has_features, .without_text = all.without_text, .without_labels = all.without_labels, .first_without_text = all.first_without_text,
		.first_without_labels = all.first_without_labels, .s.present = true };
	*valid = (tl_building){ .has_features = all.has_features, .s.present = true };
	for (int64_t i = 0; i < n; i++)
		move_document(taken[i] ? valid : train, &all, i);
	building_free(&all);
	free(pick);
	free(taken);
	return 0;
}

static void
hash_number(tl_sha *h, uint64_t v)
{
	unsigned char byte[8];

	for (int i = 0; i < 8; i++)
		byte[i] = (unsigned char)(v >> 8 * i);
	tl_sha_add(h, byte, 8);
}

static void
hash_text(tl_sha *h, const char *s, size_t n)
{
	hash_number(h, n);
	tl_sha_add(h, s, n);
}

static void
hash_split(tl_split *s, const tl_names *labels)
{
	tl_sha *h = tl_sha_new();

	hash_number(h, (uint64_t)s->n);
	for (int64_t i = 0; i < s->n; i++) {
		hash_text(h, s->id[i], strlen(s->id[i]));
		hash_text(h, s->text[i], s->text_length[i]);
		hash_number(h, (uint64_t)(s->label_offsets[i + 1] - s->label_offsets[i]));
		for (int64_t k = s->label_offsets[i]; k < s->label_offsets[i + 1]; k++)
			hash_text(h, labels->name[s->labels[k]], strlen(labels->name[s->labels[k]]));
		hash_number(h, s->pseudo[i]);
		if (!s->features.n)
			continue;
		hash_number(h, (uint64_t)(s->features.offsets[i + 1] - s->features.offsets[i]));
		for (int64_t k = s->features.offsets[i]; k < s->features.offsets[i + 1]; k++) {
			uint32_t bits;
			memcpy(&bits, &s->features.value[k], 4);
			hash_number(h, (uint64_t)(uint32_t)s->features.index[k] << 32 | bits);
		}
	}
	tl_sha_end(h, s->sha256);
}

void
tl_split_finish(tl_loader *l, int split)
{
	tl_building *b = &l->part[split];
	tl_split *s = &l->d->split[split];

	*s = b->s;
	if (!s->label_offsets)
		s->label_offsets = tl_alloc(sizeof *s->label_offsets);
	if (!s->labels)
		s->labels = tl_alloc(sizeof *s->labels);
	if (b->has_features) {
		s->features = (tl_features){ s->n, l->features_width, b->feature_offsets, b->feature, b->value };
		b->feature_offsets = NULL;
		b->feature = NULL;
		b->value = NULL;
	}
	b->s = (tl_split){ 0 };
	if (s->present)
		hash_split(s, &l->labels);
}

void
tl_loader_free(tl_loader *l)
{
	for (int i = 0; i < TL_SPLITS; i++)
		building_free(&l->part[i]);
	tl_names_free(&l->labels);
	for (int64_t i = 0; i < l->n_files; i++) {
		free(l->file[i].asked);
		free(l->file[i].found);
	}
	free(l->file);
	free(l->name);
	free(l->description);
	tl_arena_free(l->passing.arena);
}
