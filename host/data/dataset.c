/*
 * dataset.c - a dataset from its configuration: options checked, label list, splits, a share of train as valid, pseudo-documents, statistics, hashes.
 *
 * Labels are numbered in the order of the label list (labels.txt). Without one they are numbered as they are first met in train; labels that
 * only valid or test have come after them. `limit` keeps the first documents of train and leaves valid and test whole.
 */
#include "load.h"
#include "base/watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct options {
	const char *path, *name, *augment;
	int64_t max_length, limit, tail_below, keep;
	double valid, a, b;
	bool partial; /* train or test may be missing: for looking at a dataset, not for a run */
};

static bool
missing(const json_t *v)
{
	return !v || json_is_null(v) || json_is_false(v);
}

static int
whole(const json_t *config, const char *key, int64_t least, int64_t *out, tl_error *e)
{
	const json_t *v = json_object_get(config, key);
	double x;

	if (missing(v))
		return 0;
	x = json_number_value(v);
	if (!json_is_number(v) || x != floor(x) || x < (double)least || x > 1e15) {
		char *found = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
		tl_error_set(e, TL_USAGE, "data.%s = %s: wanted a whole number, %lld or more", key, found ? found : "?", (long long)least);
		free(found);
		return -1;
	}
	*out = (int64_t)x;
	return 0;
}

static int
read_propensity(const json_t *config, struct options *o, tl_error *e)
{
	const json_t *v = json_object_get(config, "propensity"), *item;
	const char *key;

	if (missing(v))
		return 0;
	if (!json_is_object(v))
		return tl_error_set(e, TL_USAGE, "data.propensity: wanted a table { A = 0.55, B = 1.5 }");
	json_object_foreach((json_t *)v, key, item) {
		double x = json_number_value(item);
		if (strcmp(key, "A") && strcmp(key, "B"))
			return tl_error_set(e, TL_USAGE, "data.propensity.%s: no such key; it has A and B", key);
		if (!json_is_number(item) || !isfinite(x) || x < 0 || (*key == 'B' && x == 0))
			return tl_error_set(e, TL_USAGE, "data.propensity.%s: wanted a positive number", key);
		*(*key == 'A' ? &o->a : &o->b) = x;
	}
	return 0;
}

static int
read_options(const json_t *config, struct options *o, tl_error *e)
{
	static const char *const known[] = { "path", "name", "reader", "max_length", "valid", "limit", "augment", "tail_below", "keep", "propensity", "where", "partial" };
	const json_t *v;
	const char *key;

	*o = (struct options){ .max_length = 512, .tail_below = 50, .keep = 200, .a = 0.55, .b = 1.5 };
	json_object_foreach((json_t *)config, key, v) {
		bool found = false;
		for (int i = 0; i < TL_COUNT(known); i++)
			found = found || !strcmp(known[i], key);
		if (!found) {
			const char *near = tl_nearest(key, known, TL_COUNT(known) - 2);
			return tl_error_set(e, TL_USAGE, "data.%s: no such key%s%s", key, near ? "; did you mean " : "", near ? near : "");
		}
	}
	o->path = tl_json_string(config, "path", NULL);
	if (!o->path || !*o->path)
		return tl_error_set(e, TL_USAGE, "data.path is missing: wanted the dataset's folder");
	o->name = tl_json_string(config, "name", NULL);
	o->augment = tl_json_string(config, "augment", NULL);
	o->partial = tl_json_bool(config, "partial", false);
	if (!missing(v = json_object_get(config, "augment")) && !o->augment)
		return tl_error_set(e, TL_USAGE, "data.augment: wanted the name of a file of JSON Lines");
	if (!missing(v = json_object_get(config, "valid"))) {
		o->valid = json_number_value(v);
		if (!json_is_number(v) || !(o->valid > 0 && o->valid < 1))
			return tl_error_set(e, TL_USAGE, "data.valid: wanted a share of train between 0 and 1, such as 0.1");
	}
	if (whole(config, "max_length", 1, &o->max_length, e) < 0 || whole(config, "limit", 1, &o->limit, e) < 0 || whole(config, "tail_below", 0, &o->tail_below, e) < 0 ||
	    whole(config, "keep", 1, &o->keep, e) < 0)
		return -1;
	return read_propensity(config, o, e);
}

/* The path as it is, or below script_dir. Malloc'd; NULL: neither exists. */
static char *
find_path(const char *path, const char *script_dir, const char *third)
{
	char *p;

	if (tl_exists(path) || strstr(path, "://"))
		return tl_strdup(path);
	for (int i = 0; i < 2; i++) {
		const char *dir = i ? third : script_dir;
		if (!dir)
			continue;
		p = tl_path_join(dir, path);
		if (tl_exists(p))
			return p;
		free(p);
	}
	return NULL;
}

static void TL_PRINTF(2, 3)
warn(tl_dataset *d, const char *format, ...)
{
	char text[1500];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	json_array_append_new(d->warnings, json_string(text));
}

static void
watch_reader(const tl_loader *l, const char *what)
{
	tl_watch_begin("%s: the reader hangs: while it reads %s nothing has come from it for %d s (TAGLOOM_PATIENCE sets how long is too long)", l->d->path, what, tl_patience());
}

/* Reads the label list and the three splits. */
static int
read_all(tl_loader *l, const tl_reader *reader, const struct options *o)
{
	tl_sink sink;
	int got;

	tl_loader_sink(l, &sink);
	watch_reader(l, "the label list");
	got = reader->labels ? reader->labels(&sink, l->d->path) : 1;
	tl_watch_end();
	if (got < 0 || l->e->status)
		return tl_error_set(l->e, TL_ENVIRONMENT, "%s: the reader gave up on the label list without saying why", l->d->path);
	l->listed = got == 0;
	l->listed_n = l->labels.n;
	if (l->listed && !l->listed_n)
		return tl_error_set(l->e, TL_ENVIRONMENT, "%s: the label list is empty", l->d->path);
	for (int s = 0; s < TL_SPLITS; s++) {
		tl_building *b = &l->part[s];
		l->now = s;
		l->stopped = false;
		watch_reader(l, tl_split_names[s]);
		got = reader->split(&sink, l->d->path, tl_split_names[s]);
		tl_watch_end();
		if ((got < 0 && !l->stopped) || l->e->status)
			return tl_error_set(l->e, TL_ENVIRONMENT, "%s: the reader gave up on the %s split without saying why", l->d->path, tl_split_names[s]);
		b->s.present = got != 1;
		if (b->s.present && !b->s.n)
			return tl_error_set(l->e, TL_ENVIRONMENT, "%s: the %s split has no documents; %s", l->d->path, tl_split_names[s],
			                    s == TL_VALID ? "remove the empty file, or fill it" : "a run needs at least one");
		if (!b->s.present && s != TL_VALID && !o->partial)
			return tl_error_set(l->e, TL_ENVIRONMENT, "%s: there is no %s split; a dataset is a folder with train, valid (optional), test and labels.txt in its reader's format", l->d->path,
			                    tl_split_names[s]);
	}
	if (!l->part[TL_TRAIN].s.present && !l->part[TL_VALID].s.present && !l->part[TL_TEST].s.present)
		return tl_error_set(l->e, TL_ENVIRONMENT, "%s: there is no split of a dataset; wanted a folder with train, valid or test in its reader's format", l->d->path);
	return 0;
}

/* Names what is odd but allowed. */
static void
warn_documents(tl_loader *l)
{
	for (int s = 0; s < TL_SPLITS; s++) {
		tl_building *b = &l->part[s];
		if (b->without_text)
			warn(l->d, "%s: %lld of %lld documents have no text, the first is %s", tl_split_names[s], (long long)b->without_text, (long long)b->s.n, b->first_without_text);
		if (b->without_labels)
			warn(l->d, "%s: %lld of %lld documents have no labels, the first is %s; metrics skip them", tl_split_names[s], (long long)b->without_labels, (long long)b->s.n,
			     b->first_without_labels);
	}
}

static void
warn_labels(tl_dataset *d)
{
	bool *outside = tl_alloc((size_t)(d->n_labels + 1));
	int64_t n = 0, shown = 0;
	tl_text t = { 0 };

	for (int s = TL_VALID; s < TL_SPLITS; s++)
		for (int64_t k = 0; d->split[s].present && k < d->split[s].label_offsets[d->split[s].n]; k++)
			outside[d->split[s].labels[k]] = true;
	for (int64_t i = 0; i < d->n_labels; i++) {
		if (!outside[i] || d->statistics.count[i])
			continue;
		if (n++ < 10) {
			tl_text_add(&t, "%s%s", shown ? ", " : "", d->label_key[i]);
			shown++;
		}
	}
	if (n > shown)
		tl_text_add(&t, " and %lld more", (long long)(n - shown));
	if (n)
		warn(d, "%lld label%s occur%s only outside train (kept, without a training document): %s", (long long)n, n > 1 ? "s" : "", n > 1 ? "" : "s", t.s);
	tl_text_free(&t);
	free(outside);
}

/* What the data are, not how a run reads them (max_length, keep): arms that differ in that share a table. */
static void
hash_dataset(tl_dataset *d)
{
	json_t *v = json_pack("{s:f, s:f, s:s, s:s, s:s}", "A", d->propensity_a, "B", d->propensity_b, "train",
	                      d->split[0].sha256, "valid", d->split[1].sha256, "test", d->split[2].sha256);
	char *options = tl_json_canonical(v);
	tl_sha *h = tl_sha_new();

	tl_sha_add(h, options, strlen(options) + 1);
	for (int64_t i = 0; i < d->n_labels; i++) {
		tl_sha_add(h, d->label_key[i], strlen(d->label_key[i]) + 1);
		tl_sha_add(h, d->label_name[i], strlen(d->label_name[i]) + 1);
		tl_sha_add(h, d->label_description[i], strlen(d->label_description[i]) + 1);
	}
	tl_sha_end(h, d->sha256);
	free(options);
	json_decref(v);
}

/* Everything after the reader that depends on what it read: shares, pseudo-documents, finished arrays, label texts. */
static int
assemble(tl_loader *l, const struct options *o, const char *script_dir)
{
	tl_dataset *d = l->d;
	int64_t kept = 0, dropped = 0;

	if (o->valid > 0 && l->part[TL_VALID].s.present)
		return tl_error_set(l->e, TL_USAGE, "data.valid = %g: %s has a validation split of its own (%lld documents); leave data.valid out", o->valid, d->path, (long long)l->part[TL_VALID].s.n);
	warn_documents(l);
	if (o->valid > 0 && tl_split_share(l, o->valid) < 0)
		return -1;
	if (o->augment) {
		char *path = find_path(o->augment, script_dir, d->path);
		int bad = tl_augment_read(l, path ? path : o->augment, o->tail_below, &kept, &dropped);
		free(path);
		if (bad)
			return -1;
		if (dropped)
			warn(d, "augment: %lld of %lld pseudo-documents left out: each of their labels has %lld training documents or more", (long long)dropped, (long long)(kept + dropped),
			     (long long)o->tail_below);
	}
	if (!l->labels.n && !o->partial)
		return tl_error_set(l->e, TL_ENVIRONMENT, "%s: no document has a label, and there is no label list", d->path);
	for (int s = 0; s < TL_SPLITS; s++)
		tl_split_finish(l, s);
	d->n_labels = l->labels.n;
	d->label_key = tl_arena_alloc(d->arena, (size_t)d->n_labels * sizeof *d->label_key);
	d->label_name = tl_arena_alloc(d->arena, (size_t)d->n_labels * sizeof *d->label_name);
	d->label_description = tl_arena_alloc(d->arena, (size_t)d->n_labels * sizeof *d->label_description);
	for (int64_t i = 0; i < d->n_labels; i++) {
		d->label_key[i] = l->labels.name[i];
		d->label_name[i] = l->name[i];
		d->label_description[i] = l->description[i];
	}
	return 0;
}

/* What follows from the documents, read now or cached. */
static int
complete(tl_dataset *d, tl_error *e)
{
	if (tl_statistics_of(&d->statistics, d->split[0].label_offsets, d->split[0].labels, d->split[0].pseudo, d->split[0].n, d->n_labels, d->arena, e) < 0)
		return -1;
	warn_labels(d);
	hash_dataset(d);
	return 0;
}

/* Reads the dataset, or takes the cached copy. A copy is made of whole datasets only, and never while something is being mended. */
static int
load(tl_loader *l, const tl_reader *reader, const struct options *o, const char *script_dir)
{
	char *options = tl_format("%.17g %lld %s %lld", o->valid, (long long)o->limit, o->augment ? o->augment : "", o->augment ? (long long)o->tail_below : 0);
	char *kept = l->mended || o->partial ? NULL : tl_kept_path(reader, l->d->path, options);
	int bad = 0;

	if (!kept || !tl_kept_load(l->d, kept)) {
		bad = read_all(l, reader, o) < 0 || assemble(l, o, script_dir) < 0;
		if (!bad && kept)
			tl_kept_save(l, kept);
	}
	free(kept);
	free(options);
	return bad || complete(l->d, l->e) < 0 ? -1 : 0;
}

/* The last part of a path, without the slashes at its end. */
static char *
base_name(const char *path)
{
	size_t n = strlen(path), from;

	while (n > 1 && path[n - 1] == '/')
		n--;
	for (from = n; from > 0 && path[from - 1] != '/'; from--)
		;
	return tl_strndup(path + from, n - from);
}

static tl_dataset *
open_dataset(const json_t *config, const char *script_dir, const tl_reader *reader, tl_mended *mended, tl_error *e)
{
	tl_error own = { 0 };
	struct options o;
	tl_loader l = { .e = &own, .mended = mended };
	tl_dataset *d;
	char *path;
	int bad;

	if (read_options(config, &o, &own) < 0) {
		tl_error_set(e, own.status, "%s", own.text);
		return NULL;
	}
	if (!(path = find_path(o.path, script_dir, NULL))) {
		if (script_dir)
			tl_error_set(e, TL_ENVIRONMENT, "data.path = \"%s\": there is no such folder, neither from the working folder nor from the script's, %s", o.path, script_dir);
		else
			tl_error_set(e, TL_ENVIRONMENT, "%s: there is no such folder", o.path);
		return NULL;
	}
	d = tl_alloc(sizeof *d);
	d->path = path;
	d->name = o.name ? tl_strdup(o.name) : base_name(path);
	d->max_length = o.max_length;
	d->keep = o.keep;
	d->propensity_a = o.a;
	d->propensity_b = o.b;
	d->warnings = json_array();
	d->arena = tl_arena_new((size_t)1 << 20);
	l.d = d;
	l.limit = o.limit;
	l.kept.arena = d->arena;
	l.passing.arena = tl_arena_new((size_t)1 << 20);
	bad = load(&l, reader, &o, script_dir);
	tl_loader_free(&l);
	if (!bad)
		return d;
	tl_error_set(e, own.status ? own.status : TL_ENVIRONMENT, "%s", own.text);
	tl_dataset_free(d);
	return NULL;
}

tl_dataset *
tl_dataset_open(const json_t *config, const char *script_dir, const tl_reader *reader, tl_error *e)
{
	return open_dataset(config, script_dir, reader, NULL, e);
}

tl_dataset *
tl_dataset_open_mending(const json_t *config, const char *script_dir, const tl_reader *reader, tl_mended *mended, tl_error *e)
{
	*mended = (tl_mended){ 0 };
	return open_dataset(config, script_dir, reader, mended, e);
}

void
tl_dataset_free(tl_dataset *d)
{
	if (!d)
		return;
	for (int s = 0; s < TL_SPLITS; s++) {
		tl_split *p = &d->split[s];
		free(p->id);
		free(p->text);
		free(p->text_length);
		free(p->label_offsets);
		free(p->labels);
		free(p->pseudo);
		free((void *)p->features.offsets);
		free((void *)p->features.index);
		free((void *)p->features.value);
	}
	json_decref(d->warnings);
	tl_arena_free(d->arena);
	if (d->map)
		munmap(d->map, d->map_size);
	free(d->name);
	free(d->path);
	free(d);
}

static void
add_flat(tl_text *t, const char *s)
{
	for (size_t n; *s; s += n + (s[n] != 0)) {
		n = strcspn(s, "\t\r\n");
		tl_text_add(t, "%.*s%s", (int)n, s, s[n] ? " " : "");
	}
}

int
tl_dataset_label_lines(const tl_dataset *d, tl_text *out, tl_error *e)
{
	for (int64_t i = 0; i < d->n_labels; i++) {
		const char *key = d->label_key[i], *name = d->label_name[i], *text = d->label_description[i];
		bool described = text && strcmp(name, text) != 0;
		if (key[strcspn(key, "\t\r\n")])
			return tl_error_set(e, TL_ENVIRONMENT, "%s: label %lld cannot be written to labels.txt: its key holds a tab or a line end", d->name, (long long)i + 1);
		tl_text_add(out, "%s", key);
		if (described || strcmp(key, name)) {
			tl_text_add(out, "\t");
			add_flat(out, name);
		}
		if (described) {
			tl_text_add(out, "\t");
			add_flat(out, text);
		}
		tl_text_add(out, "\n");
	}
	return 0;
}
