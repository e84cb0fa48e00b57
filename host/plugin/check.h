/*
 * check.h - conformance of any plugin: the tests behind `tagloom check`. Each runs in a process of its own (host/cmd/check.c), on a
 * situation that is drawn from the seed.
 */
#ifndef HOST_PLUGIN_CHECK_H
#define HOST_PLUGIN_CHECK_H

#include "model.h"

enum { TL_CHECK_GOOD = 0, TL_CHECK_FAILED = -1, TL_CHECK_SKIPPED = 1 };

typedef struct tl_check {
	tl_registry *registry;
	const tl_candidate *candidate;
	uint64_t seed;
	tl_text why;                         /* of a failure, or of what was left out */
	tl_text warnings;
	bool float_told;
} tl_check;

typedef struct tl_check_test {
	const char *name;                    /* "gradients" */
	unsigned kinds;                      /* bits 1 << tl_kind */
	int (*run)(tl_check *c);
} tl_check_test;
extern const tl_check_test tl_check_tests[]; /* ends with zeros */

/* --- a drawn situation: documents, labels, slots, an encoder to be called (situation.c) ------------------------------------------ */
typedef struct tl_situation {
	tl_check *c;
	tl_arena *arena;
	tl_stream draw;
	json_t *params, *modules, *dims;
	int64_t n_labels, n_documents, n_tokens, width, n_layers, n_vocab;
	int32_t *label_offsets, *label_index, *offsets, *ids;
	tl_statistics statistics;
	tl_tokenizer *tokenizer;
	tl_injection in;
	char *slot_axis;                     /* per given slot: 'B' rows of documents, 'T' of tokens, 'L' neither */
	bool needs_encoder, missing;
	tl_dtype compute;
	int threads;
	tl_pool *pool;
	tl_model *model;
	tl_model_instance *instance;         /* the module under test */
	tl_text state;                       /* as it was before the first step */
	tl_error error;
} tl_situation;
/* params: of the module under test, beside the defaults; borrowed. 0, 1 where the plugin refuses these parameters with a sentence, -1 after a failure. */
int tl_situation_new(tl_situation *s, tl_check *c, const json_t *params, tl_dtype compute, int threads);
void tl_situation_free(tl_situation *s);
/* The same situation with some of its documents only, in the given order. */
int tl_situation_select(tl_situation *s, const tl_situation *from, int n, const int *documents);
int tl_situation_forward(tl_situation *s, int64_t step, bool training, bool dropout, bool record);
/* total + sum(outputs * fixed random numbers): reaches everything that the module writes. Tensor for the gradient, or just the number. */
tl_tensor *tl_situation_objective(tl_situation *s, double *value);
/* Values of the written slots one after the other; names and rows per document for messages. malloc'd. */
typedef struct tl_written { const char *slot; char axis; int64_t rows, width; double *value; } tl_written;
int tl_situation_outputs(tl_situation *s, tl_written **out);
void tl_written_free(tl_written *w, int n);
/* Parameters that have no default, with a value in their range; small: large sizes made small, so that finite differences end. */
json_t *tl_required_params(const tl_plugin *p, bool small);
int tl_check_fail(tl_check *c, const char *format, ...) TL_PRINTF(2, 3);
int tl_check_skip(tl_check *c, const char *format, ...) TL_PRINTF(2, 3);
/* The variations of the parameters that are tried: defaults, every other choice, every flag turned; a JSON list of {"say": text, "params": object}. */
json_t *tl_variations(const tl_plugin *p);

int tl_check_parameters(tl_check *c);
int tl_check_gradients(tl_check *c);
int tl_check_packed(tl_check *c);
int tl_check_order(tl_check *c);
int tl_check_same_bits(tl_check *c);
int tl_check_bounds(tl_check *c);
int tl_check_floats(tl_check *c);
int tl_check_state(tl_check *c);
int tl_check_leaks(tl_check *c);
int tl_check_ops(tl_check *c);
int tl_check_fit(tl_check *c);
int tl_check_metrics(tl_check *c);
int tl_check_reader(tl_check *c);

#endif
