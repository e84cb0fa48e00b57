/* load.h - what the files that load a dataset share: packed strings, names with numbers, lines of compressed files, splits being built. */
#ifndef HOST_DATA_LOAD_H
#define HOST_DATA_LOAD_H

#include "data/data.h"

/* --- strings of one lifetime, packed without the arena's alignment ------------------------------------------------------- */
typedef struct tl_strings { tl_arena *arena; char *at; size_t left; } tl_strings;
char *tl_strings_add(tl_strings *s, const char *bytes, size_t n); /* a copy, terminated */

/* --- names with numbers --------------------------------------------------------------------------------------------------- */
typedef struct tl_names {
	int64_t n, capacity, slots;
	const char **name;      /* [n] borrowed: they must outlive the table */
	uint64_t *hash;         /* [n] */
	int64_t *slot;          /* [slots] number + 1, or 0 */
} tl_names;
int64_t tl_names_find(const tl_names *t, const char *name); /* -1: not there */
int64_t tl_names_add(tl_names *t, const char *name);        /* the caller has looked that it is not there */
void tl_names_free(tl_names *t);
uint64_t tl_hash64(const void *bytes, size_t n, uint64_t seed);

/* --- lines of a file, decompressed by its ending ---------------------------------------------------------------------------- */
typedef struct tl_lines tl_lines;
/* Opens path, or where that does not exist path.gz, path.xz or path.zst. NULL: none of them exists (e untouched) or an error.
 * replaced: NULL: invalid UTF-8 is an error; else it becomes U+FFFD and is counted here. */
tl_lines *tl_lines_open(const char *path, int64_t *replaced, tl_error *e);
int tl_lines_next(tl_lines *l, const char **text, size_t *n, int64_t *number, tl_error *e); /* 1, 0 at the end, -1 */
const char *tl_lines_path(const tl_lines *l);                                              /* the file that was opened */
void tl_lines_close(tl_lines *l);

/* --- a dataset being loaded -------------------------------------------------------------------------------------------------- */
typedef struct tl_building { /* one split; arrays grow, and become the tl_split's */
	tl_split s;
	int64_t capacity, label_capacity, n_labels, feature_capacity, n_features;
	int64_t id_capacity, text_capacity, length_capacity, pseudo_capacity, where_capacity;
	int64_t *feature_offsets;
	int32_t *feature;
	float *value;
	const char **where;             /* [n] for messages; in the loader's own strings */
	tl_names ids;
	bool has_features;
	int64_t without_text, without_labels;
	const char *first_without_text, *first_without_labels;
} tl_building;

typedef struct tl_loader {
	tl_dataset *d;
	tl_error *e;
	tl_strings kept, passing;       /* strings of the dataset; strings needed while loading */
	tl_names labels;
	bool listed;                    /* labels.txt says which labels there are */
	int64_t listed_n;
	const char **name, **description;
	int64_t name_capacity, description_capacity;
	tl_building part[TL_SPLITS];
	int now;                        /* the split being read */
	int64_t limit;                  /* documents of train; 0: all */
	bool stopped;                   /* the limit was reached: the reader was told to stop */
	tl_mended *mended;              /* NULL: what is wrong is an error */
	int64_t features_width;
	struct tl_file { char *asked, *found; int64_t size, seconds, nanoseconds; } *file; /* what was opened, or looked for in vain (found = NULL) */
	int64_t n_files, file_capacity;
} tl_loader;
tl_lines *tl_loader_open(tl_loader *l, const char *path);
void tl_loader_sink(tl_loader *l, tl_sink *out);
int tl_loader_document(tl_loader *l, int split, const char *id, const char *text, size_t n, const char *const *labels, int64_t n_labels, bool pseudo, const char *where);
void tl_loader_free(tl_loader *l);
int tl_split_share(tl_loader *l, double share);       /* moves a seeded share of train into valid */
void tl_split_finish(tl_loader *l, int split);        /* the tl_split of the dataset, with its hash */
/* --- the cached copy of a dataset: what was read, as it was read, for as long as the files are the same ------------------------ */
/* What names the copy: reader, folder and the options that decide which documents there are. malloc'd path; NULL: no cache. */
char *tl_kept_path(const tl_reader *reader, const char *path, const char *options);
bool tl_kept_load(tl_dataset *d, const char *kept); /* false: not there, damaged, or a file has changed since */
void tl_kept_save(const tl_loader *l, const char *kept);
int tl_augment_read(tl_loader *l, const char *path, int64_t tail_below, int64_t *kept, int64_t *dropped);

#endif
