/*
 * vector.h - a reference vector read from its file: one computation and its expected values. Shared by the files verify*.c.
 */
#ifndef HOST_PLUGIN_VECTOR_H
#define HOST_PLUGIN_VECTOR_H

#include "model.h"

typedef struct tl_vector {
	const char *path;
	tl_safetensors *file;
	tl_arena *arena;
	json_t *modules, *dims, *labels, *draws;
	bool is_double;                      /* a floating tensor of the file is F64 */
	double rtol, atol;
	int64_t n_labels, n_documents, n_tokens;
	int32_t *label_offsets, *label_index, *token_offsets;
	tl_statistics statistics;
	bool has_statistics;
	tl_injection in;
} tl_vector;
/* Checks everything that the computation will rely on. 0, or -1 with the sentence. */
int tl_vector_read(tl_vector *v, const char *path, tl_error *e);
void tl_vector_close(tl_vector *v);
bool tl_vector_is_integer(const tl_st_entry *x);
bool tl_vector_expected(const char *name);   /* out., loss., grad., state_after. */
double *tl_vector_reals(tl_vector *v, const tl_st_entry *x, tl_error *e);   /* in the arena */
int32_t *tl_vector_ints(tl_vector *v, const tl_st_entry *x, tl_error *e);

#endif
