/* datasets.h - what the files of the verb `data` share. */
#ifndef HOST_CMD_DATASETS_H
#define HOST_CMD_DATASETS_H

#include "cmd.h"
#include "data/data.h"
#include "plugin/host.h"

/* Documents of a split that are to be written, in order. */
typedef struct tl_chosen { int64_t n; int64_t *document; } tl_chosen;
/* The first `limit` of them (0: all), or `sample` ones (< 0: no sample) drawn by their ids and the seed; in the order of the file. */
tl_chosen tl_choose_documents(const tl_split *s, int64_t limit, int64_t sample, uint64_t seed);
/* Writes the chosen documents [TL_SPLITS] as JSON Lines (bags of words: svmlight) with labels.txt. packing: "none", "gz", "xz" or "zst". */
int tl_dataset_write(const tl_dataset *d, const tl_chosen *chosen, const char *dir, const char *packing, bool force, tl_error *e);

/* A text's number in a table of distinct texts; case and blanks do not count. */
uint64_t tl_text_print(const char *text, size_t n);
typedef struct tl_prints { uint64_t *slot; int64_t slots, n; } tl_prints;
bool tl_prints_add(tl_prints *t, uint64_t print); /* false: it was there */
bool tl_prints_has(const tl_prints *t, uint64_t print);
void tl_prints_free(tl_prints *t);

int tl_data_stats(const tl_dataset *d, const char *format, tl_error *e);
int tl_data_tokenize(const char *tokenizer, const char *file_or_dash, tl_error *e);

#endif
