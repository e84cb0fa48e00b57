/*
 * data.h - datasets, label statistics, tokenizers, cached token ids.
 * Readers are plugins; the layer above hands in their function tables (tl_reader).
 */
#ifndef HOST_DATA_H
#define HOST_DATA_H

#include "base/base.h"
#include "base/json.h"
#include "tagloom/plugin.h"

/* --- datasets ---------------------------------------------------------------------------------------------------------- */
enum { TL_TRAIN = 0, TL_VALID = 1, TL_TEST = 2, TL_SPLITS = 3 };
extern const char *const tl_split_names[TL_SPLITS];

typedef struct tl_split {
	bool present;
	int64_t n;                       /* documents */
	const char **id;                 /* [n] */
	const char **text;               /* [n], "" where only features are given */
	uint32_t *text_length;           /* [n] bytes */
	int64_t *label_offsets;          /* [n + 1] */
	int32_t *labels;                 /* ascending, distinct */
	bool *pseudo;                    /* [n] from `augment` */
	tl_features features;            /* n = 0 where the reader gives none */
	char sha256[65];                 /* of ids, texts, labels, features in order */
} tl_split;

typedef struct tl_dataset {
	char *name, *path;
	int64_t n_labels;
	const char **label_key, **label_name, **label_description; /* [n_labels] */
	tl_split split[TL_SPLITS];
	tl_statistics statistics;        /* of train, pseudo-documents left out */
	double propensity_a, propensity_b;
	int64_t keep;                    /* top lists stored per document where N*L > 10^7 */
	int64_t max_length;
	char sha256[65];                 /* of everything that decides numbers: splits, labels, options */
	json_t *warnings;                /* array of sentences: labels only outside train, ... */
	tl_arena *arena;                 /* owns the strings, unless they are in the map */
	void *map;                       /* of the cached copy, or NULL */
	size_t map_size;
} tl_dataset;
/* config: the keys of tl.dataset. script_dir: what relative paths are relative to, tried after the working folder. The share `valid` is chosen by
 * the documents' ids alone, the same one for every run seed. "partial": true allows train or test to be missing (for looking at data, not for runs). */
tl_dataset *tl_dataset_open(const json_t *config, const char *script_dir, const tl_reader *reader, tl_error *e);
/* The same, for `data clean`: what is an error otherwise is put right and counted. */
typedef struct tl_mended {
	int64_t bytes;                   /* that were no valid UTF-8: now U+FFFD */
	int64_t ids;                     /* repeated ones: now ID#LINE */
	int64_t labels;                  /* that the label list did not have: now at its end */
} tl_mended;
tl_dataset *tl_dataset_open_mending(const json_t *config, const char *script_dir, const tl_reader *reader, tl_mended *mended, tl_error *e);
void tl_dataset_free(tl_dataset *d);
/* Its labels.txt: key [TAB name [TAB description]] a line. Tabs and line ends of names and descriptions become blanks; a key that holds one is an error. */
int tl_dataset_label_lines(const tl_dataset *d, tl_text *out, tl_error *e);

/* --- label statistics (methods.md, fine print) --------------------------------------------------------------------------- */
/* Sparse; memory O(pairs). lists: n documents over n_labels labels. include: NULL or [n] flags. The result lives in the arena. */
int tl_statistics_of(tl_statistics *s, const int64_t *offsets, const int32_t *labels, const bool *leave_out, int64_t n, int64_t n_labels, tl_arena *a, tl_error *e);
double tl_conditional(const tl_statistics *s, int64_t i, int64_t j); /* count[i][j] / count[i] */
void tl_propensities(const tl_statistics *s, double a, double b, double *c, double *inverse /* [L] 1/p */);
int64_t tl_head_size(int64_t n_labels);                               /* (L + 9) / 10 */
void tl_quantile_group(int64_t n_labels, int64_t groups, int64_t g, int64_t *from_rank, int64_t *to_rank); /* [from, to) */

/* --- tokenizers -------------------------------------------------------------------------------------------------------------- */
typedef struct tl_tokenizer tl_tokenizer;
/* From a folder (tokenizer.json, or vocab.txt [+ tokenizer_config.json], or vocab.json + merges.txt) or a tokenizer.json file. */
tl_tokenizer *tl_tokenizer_load(const char *path, tl_error *e);
tl_tokenizer *tl_tokenizer_parse(const char *json, size_t n, const char *what, tl_error *e); /* tokenizer.json's bytes */
/* A WordPiece vocabulary (BERT normalisation, lower case) trained on texts; the same texts and size give the same vocabulary. */
tl_tokenizer *tl_tokenizer_train(const char *const *texts, const uint32_t *lengths, int64_t n, int64_t vocab_size, tl_error *e);
char *tl_tokenizer_json(const tl_tokenizer *t);                       /* as a tokenizer.json; malloc'd */
void tl_tokenizer_hash(const tl_tokenizer *t, char hex[65]);
int64_t tl_tokenizer_size(const tl_tokenizer *t);                     /* ids are below it */
int32_t tl_tokenizer_special(const tl_tokenizer *t, const char *role); /* "mask", "cls" (or <s>), "sep" (or </s>), "unk", "pad"; -1 */
typedef struct tl_ids { int32_t *at; int64_t n, capacity; } tl_ids;   /* zero-initialise; free(at) */
/* Appends the ids of one text. special: with the template's special tokens. max_length > 0: cut so that all fits, special tokens kept.
 * Any bytes are accepted: invalid UTF-8 becomes U+FFFD. Thread-safe. Returns the number appended, or -1. */
int64_t tl_tokenizer_encode(const tl_tokenizer *t, const char *text, size_t n, bool special, int64_t max_length, tl_ids *out, tl_error *e);
void tl_tokenizer_free(tl_tokenizer *t);

/* --- cached token ids ---------------------------------------------------------------------------------------------------------- */
typedef struct tl_tokens { int64_t n; const int64_t *offsets; const int32_t *ids; void *map; size_t map_size; } tl_tokens;
/* Ids of every text, from the cache ($TAGLOOM_CACHE, bounded; else $XDG_CACHE_HOME/tagloom) or made now on `threads` threads and stored there. */
int tl_tokens_open(tl_tokens *out, const tl_split *split, const tl_tokenizer *t, int64_t max_length, int threads, tl_error *e);
void tl_tokens_close(tl_tokens *t);
char *tl_cache_dir(void);                                             /* malloc'd; NULL: none usable */
int64_t tl_cache_bound(void);                                         /* bytes: $TAGLOOM_CACHE_BYTES, else 4 GiB */
void tl_cache_evict(const char *dir);                                 /* the files unused for longest, where the folder is over its bound */

/* --- TF-IDF (scikit-learn's defaults: \b\w\w+\b, lower case, smooth idf, l2 rows), fitted on train ---------------------------------- */
typedef struct tl_tfidf tl_tfidf;
tl_tfidf *tl_tfidf_fit(const tl_split *train, tl_error *e);
int tl_tfidf_apply(const tl_tfidf *t, const tl_split *split, tl_features *out, tl_error *e); /* malloc'd arrays */
int64_t tl_tfidf_width(const tl_tfidf *t);
int tl_tfidf_save(const tl_tfidf *t, tl_text *bytes, tl_error *e);     /* vocabulary and idf as one block, kept with a trained run */
tl_tfidf *tl_tfidf_load(const void *bytes, size_t n, const char *what, tl_error *e);
void tl_tfidf_free(tl_tfidf *t);
void tl_features_free(tl_features *f);

#endif
