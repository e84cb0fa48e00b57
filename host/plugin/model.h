/*
 * model.h - the inside of a model: instances over named slots. Shared by the files that build, run and check models.
 */
#ifndef HOST_PLUGIN_MODEL_H
#define HOST_PLUGIN_MODEL_H

#include "inside.h"

enum { TL_CANARY = 64 };                       /* guard bytes before and behind a plugin's struct */
/* Axes that only a batch knows have these sizes while a model is built: no real axis is as large. */
#define TL_PROBE_B 1000000007LL
#define TL_PROBE_T 2147483659LL

typedef struct tl_slot_value {
	char *name;
	int kind;                                  /* tl_slot_kind */
	int writer;                                /* index of the instance that wrote it last while the model was built; -1: the batch */
	int rank;
	int64_t dim[TL_MAX_RANK];                  /* as written last while the model was built */
	bool there;                                /* written so far in this step */
	bool unwanted;                             /* its writer was told in this step that nobody reads it (tl_logits) */
	tl_tensor *tensor;
	tl_list list;
	const tl_input *input;
	const tl_features *features;
} tl_slot_value;

typedef struct tl_slot_use {                   /* one row of reads or writes of an instance */
	const tl_slot *row;
	char *name;                                /* resolved: "@from" is "doc" */
	int slot;                                  /* index into model->slot; -1: optional and not there */
	int writer;                                /* reads: who has written the slot by then; -1: the batch */
	char *shape;                               /* in words, for wiring: "[B, 54]" */
} tl_slot_use;

typedef struct tl_bound_weight {
	const tl_weight *row;
	int index;                                 /* in tl_weights */
	int64_t element;                           /* position in a repeated row's array; -1: not repeated */
	int rank;
	int64_t dim[TL_MAX_RANK], count;
	char *name;                                /* without the instance */
} tl_bound_weight;

typedef struct tl_bound_loss {
	const tl_loss *row;
	char *name;                                /* "guide.feature" */
	double weight;
	tl_tensor *scalar;                         /* of this step */
} tl_bound_loss;

typedef struct tl_bound_state {
	const tl_state *row;
	int64_t width;
} tl_bound_state;

typedef struct tl_free_symbol { char name[32]; double value; } tl_free_symbol;

typedef struct tl_model_instance {
	tl_model *model;
	int at;                                    /* position in the model */
	const tl_candidate *candidate;
	const tl_plugin *plugin;
	char *name, *who, *plugin_name;            /* who: "corank (script.lua:12)"; plugin_name: "label/corank" */
	char *room;                                /* canary, self, canary */
	void *self;
	json_t *params;                            /* resolved; owned by model->resolved */
	int n_reads, n_writes, n_weights, n_losses, n_states, n_symbols;
	tl_slot_use *read, *write;
	tl_bound_weight *weight;
	tl_bound_loss *loss;
	tl_bound_state *state;
	tl_free_symbol symbol[24];
	bool fitted, float_told;
} tl_model_instance;

struct tl_encoder_copy {
	tl_model_instance *encoder;
	tl_weights *weights;
	void *self;                                /* a copy of the encoder's struct whose weight fields point into `weights` */
	struct tl_encoder_copy *next;
};

/* --- what verify and check put in place of a batch ------------------------------------------------------------------------------ */
typedef struct tl_injected {
	const char *name;                          /* "hidden", "layers", "label_sequence" */
	int rank;
	int64_t dim[TL_MAX_RANK];
	const double *reals;
	const int32_t *ints;                       /* instead of reals */
	const int32_t *offsets;                    /* calls: packed by them; NULL: rows of documents */
	int64_t n_offsets;
	tl_tensor *tensor;                         /* of this step: carries the gradient */
	bool used;
} tl_injected;

typedef struct tl_injection {
	int n_slots, n_calls;
	tl_injected *slot, *call;
	int64_t n_documents, n_tokens;             /* B and T; n_tokens -1: unknown */
	const int32_t *offsets, *ids, *segments, *positions; /* ids NULL: only the bounds are known */
	const json_t *draws;                       /* by instance */
	const int32_t *label_token_offsets, *label_token_ids;
	const char *const *label_names;            /* [L] or NULL */
	unsigned want;                             /* outputs of the encoder that nobody in the model reads */
	bool slot_gradients;
} tl_injection;

struct tl_text_cache;

struct tl_model {
	const tl_registry *registry;
	tl_ctx *ctx;
	tl_weights *weights;
	tl_arena *arena;                           /* lives as long as the model */
	uint64_t seed;
	tl_dtype compute;
	int64_t n_labels;
	const tl_statistics *statistics;
	const tl_dataset *dataset;
	const tl_tokenizer *tokenizer;
	char *script_dir;
	json_t *dims, *resolved;
	bool skip_weights, recompute, blank;
	void (*warn)(void *arg, const char *text);
	void *warn_arg;

	int n;
	tl_model_instance *instance;
	tl_model_instance *encoder;                /* NULL: none */
	double d, K, V;                            /* -1: nothing binds it */
	int64_t B, T;                              /* of the batch, or the probes */
	int n_slots, slot_capacity;
	tl_slot_value *slot;
	unsigned want;                             /* what the encoder's readers need */
	tl_encoder_copy *copies;
	struct tl_lone *lone;                      /* one per thread: contexts that encode documents by themselves */

	/* the step */
	tl_injection *injection;
	tl_model_instance *running, *fault;
	bool unfixed;                              /* tl_model_unfix was called */
	const tl_documents *documents;
	bool training;
	int64_t keep;                              /* evaluation: best labels of a document that are wanted in place of all logits; 0: all */
	tl_tensor *best;                           /* [2, B, keep] of this step, NULL: none were given */
	int64_t step;
	tl_lists labels;
	tl_tensor *label_offsets, *label_index;
	struct tl_text_cache *texts;
	int32_t *label_token_offsets, *label_token_ids;
	int n_parts;
	const char **part;
	double *value, *part_weight;
};

/* --- model.c ---------------------------------------------------------------------------------------------------------------------- */
tl_model *tl_model_build(const tl_model_setup *setup, tl_injection *injection, tl_error *e);
/* Every name that an expression of this instance may hold. */
tl_symbols tl_instance_symbols(tl_model_instance *i);
int tl_row_holds(tl_model_instance *i, const char *when, bool *holds, tl_error *e);
tl_model_instance *tl_model_instance_named(tl_model *m, const char *name);
/* Around every call of a plugin's function: floating-point state, guard bytes, who is running. */
typedef struct tl_guarded { tl_model *model; tl_model_instance *before; tl_float_state state; tl_running running; } tl_guarded;
void tl_guard_enter(tl_guarded *g, tl_model_instance *i, const char *callback);
int tl_guard_leave(tl_guarded *g, tl_model_instance *i, int status);
void tl_model_warn(tl_model *m, const char *format, ...) TL_PRINTF(2, 3);

/* --- wiring.c --------------------------------------------------------------------------------------------------------------------- */
int tl_wire(tl_model *m, tl_error *e);
int tl_find_slot(const tl_model *m, const char *name);
/* Binds free symbols of `shape` so that it fits the dimensions; 0, or -1 with the reason. */
int tl_unify(tl_model_instance *i, const char *shape, int rank, const int64_t *dim, tl_error *e);
/* The dimensions of a shape's first alternative whose names are all bound. */
int tl_evaluate_shape(tl_model_instance *i, const char *shape, char hash, double element, int *rank, int64_t *dim, tl_error *e);
char *tl_shape_words(const tl_model *m, int rank, const int64_t *dim); /* "[B, 54]", malloc'd */

/* --- weights.c, pretrained.c ------------------------------------------------------------------------------------------------------ */
int tl_declare_weights(tl_model *m, tl_model_instance *i, tl_error *e);
int tl_create_weights(tl_model *m, tl_error *e);
void tl_point_weights(tl_model_instance *i, tl_weights *from, void *self, tl_arena *a, bool by_name);
char *tl_weights_folder(const char *folder, const char *script_dir);  /* malloc'd path of the folder that exists; else the folder as written */
char *tl_checkpoint_config(const char *folder, tl_error *e);          /* config.json's text with the pooling; malloc'd */
bool tl_fresh_allowed(const char *name);                             /* may be missing in a checkpoint */
const char *tl_checkpoint_of(const tl_model_instance *i); /* an encoder's folder of pretrained weights, or NULL */
int tl_load_checkpoint(tl_model *m, tl_model_instance *encoder, const char *folder, tl_error *e);
int tl_freeze(tl_model *m, tl_model_instance *encoder, tl_error *e);

/* --- step.c, encode.c, state.c, batch.c ------------------------------------------------------------------------------------------- */
typedef struct tl_pass { const tl_documents *documents; int64_t step; bool training, dropout, record; } tl_pass;
/* Begins a step and runs every module; what is left to the caller is the total and its gradient. */
int tl_model_forward(tl_model *m, const tl_pass *pass);
/* The weighted sum of the losses so far times scale, as a tensor of the step, and on the host; fills m->part, m->part_weight and m->value. On a device `into` (may be NULL) gets the values instead. */
tl_tensor *tl_model_total(tl_model *m, double scale, double *host, float *into);
int tl_run_encoder(tl_model *m, tl_model_instance *encoder);
/* Outputs of a frozen encoder for the step's documents: kept ones, or computed now. */
int tl_fixed_outputs(tl_model *m, const tl_input *in, tl_encoded *out);
void tl_lone_free(tl_model *m);
tl_tensor *tl_injected_tensor(tl_model *m, tl_injected *x, bool gradient);
tl_encoder_copy *tl_copy_encoder(tl_model *m);
void tl_copies_free(tl_model *m);
void tl_texts_free(tl_model *m);
tl_input *tl_input_of(tl_ctx *ctx, int32_t n, const int32_t *offsets, const int32_t *ids, const int32_t *segments, const int32_t *positions);

#endif
