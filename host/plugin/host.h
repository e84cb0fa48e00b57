/*
 * host.h - plugins found, loaded, checked and printed; models built from them.
 */
#ifndef HOST_PLUGIN_H
#define HOST_PLUGIN_H

#include "base/base.h"
#include "base/json.h"
#include "data/data.h"
#include "tagloom/plugin.h"
#include "tensor/core.h"

/* --- registry ------------------------------------------------------------------------------------------------------------ */
typedef struct tl_candidate {
	char *path, *kind, *name;      /* kind: "encoder", "label", "metric", "reader" */
	char *why;                     /* refused or shadowed: one line: file, wanted, got, cure; NULL: loaded */
	bool shadowed;
	const tl_plugin *plugin;       /* NULL where refused */
	char sha256[65];               /* of the file; filled by tl_plugin_hash */
	void *handle;
} tl_candidate;
typedef struct tl_registry tl_registry;
/* Looks in $TAGLOOM_PLUGIN_PATH, beside the program (its installation or build tree), the folder of --prefix, in that order; loads lazily by name. */
tl_registry *tl_registry_new(void);
int tl_registry_scan(tl_registry *r);                                        /* loads every candidate, for list and --why */
int64_t tl_registry_count(const tl_registry *r);
const tl_candidate *tl_registry_at(const tl_registry *r, int64_t i);
/* NULL after an error with the nearest name, or why the file was refused. */
const tl_candidate *tl_registry_find(tl_registry *r, const char *kind, const char *name, tl_error *e);
const tl_candidate *tl_registry_load_file(tl_registry *r, const char *path, tl_error *e);
/* A descriptor made at run time (modules in Lua): p and its texts outlive the registry. where: "script.lua:12". Found before any file. */
const tl_candidate *tl_registry_add(tl_registry *r, const tl_plugin *p, const char *sha256, const char *where, tl_error *e);
/* The metric row behind a name such as "ndcg"; its plugin in *where. */
const tl_metric *tl_registry_metric(tl_registry *r, const char *name, const tl_candidate **where, tl_error *e);
/* What a metric's `finish` is shown of an evaluation: the columns, none of the documents. */
static inline tl_evaluation
tl_columns_of(const tl_evaluation *e)
{
	return (tl_evaluation){ .n_labels = e->n_labels, .thresholds = e->thresholds, .inverse_propensity = e->inverse_propensity, .train = e->train };
}
const char *tl_plugin_hash(const tl_candidate *c, tl_error *e);
void tl_registry_free(tl_registry *r);
int tl_plugin_show(const tl_candidate *c, tl_text *out);                     /* for people */
json_t *tl_plugin_json(const tl_candidate *c);                               /* the same as data: docs, Lua errors */

/* --- expressions ----------------------------------------------------------------------------------------------------------- */
typedef struct tl_symbols { /* what an expression may name; looked up by a function, so that parameters need no copy */
	int (*lookup)(void *arg, const char *name, size_t n, double *value); /* 1 found */
	void *arg;
} tl_symbols;
int tl_expression(const char *text, size_t n, const tl_symbols *s, double *value, tl_error *e);

/* --- parameters -------------------------------------------------------------------------------------------------------------- */
/* Fills self from params (JSON object) and defaults; unknown keys are errors with the nearest name. who: "corank (script.lua:12)".
 * `resolved` (may be NULL) receives every parameter with its value, defaults included: what goes into `param` and the identity. */
int tl_params_fill(const tl_plugin *p, void *self, const json_t *params, const char *who, tl_arena *a, json_t *resolved, tl_error *e);

/* --- models ---------------------------------------------------------------------------------------------------------------------- */
typedef struct tl_model tl_model;
typedef struct tl_model_setup {
	tl_registry *registry;
	const json_t *modules;            /* array: {"kind": "label", "plugin": "corank", "name": "corank", "params": {...}, "where": "script.lua:12"} */
	const char *script_dir;           /* relative `weights` folders are looked for in the working folder, then here */
	tl_dtype compute;
	tl_device *device;                /* NULL: the CPU; stays the caller's */
	tl_pool *pool;
	uint64_t seed;
	int64_t n_labels;
	const tl_statistics *statistics;  /* may be NULL (verify without train_labels) */
	const tl_dataset *dataset;        /* label texts; may be NULL */
	tl_tokenizer *tokenizer;          /* may be NULL; a from-scratch encoder's is trained by the layer above */
	const json_t *dims;               /* verify: {"L": .., "d": ..}; else NULL */
	bool recompute;                   /* what tl_recompute answers */
	bool blank;                       /* all weights stay zero: the caller reads them from a file */
	bool skip_weights;                /* dry run: shapes and counts only */
	bool counting;                    /* with skip_weights: steps are counted, not computed (tl_ctx_count) */
	void (*warn)(void *arg, const char *text);
	void *warn_arg;
} tl_model_setup;
/* Checks parameters, wiring and shapes, creates and initialises (or loads) the weights. */
tl_model *tl_model_new(const tl_model_setup *setup, tl_error *e);
void tl_model_free(tl_model *m);
tl_ctx *tl_model_ctx(tl_model *m);
tl_weights *tl_model_weights(tl_model *m);
json_t *tl_model_resolved(const tl_model *m);          /* array like `modules` with every parameter spelled out; borrowed */
json_t *tl_model_wiring(const tl_model *m);            /* per module: name, plugin, reads and writes with shapes in symbols, weights with counts: dry run, docs */
/* Which encoder the model has, and the tokenizer folder or sizes it asks for, before a model is built. */
int tl_model_encoder_of(tl_registry *r, const json_t *modules, const char *script_dir, char **tokenizer_path /* malloc'd or NULL: train one */, int64_t *vocab, bool *uses_features, tl_error *e);
bool tl_model_fits_itself(const tl_model *m);           /* linear: fit and score instead of forward */
bool tl_model_needs_seed(const tl_model *m);
int tl_model_fit(tl_model *m, const tl_fit *fit);
int tl_model_score(tl_model *m, const tl_features *f, float *scores);

/* --- an encoder that is frozen as a whole (fixed.c): its outputs are the document's, whatever the step --- */
enum { TL_FIXED_HIDDEN = 0, TL_FIXED_LAYERS, TL_FIXED_CLS, TL_FIXED_POOLED, TL_FIXED_OUTPUTS };
extern const char *const tl_fixed_names[TL_FIXED_OUTPUTS];
typedef struct tl_fixed {
	int64_t width[TL_FIXED_OUTPUTS];    /* numbers of a token (hidden, layers) or document (cls, pooled); 0: nobody reads the output */
	const char *cache;                  /* the encoder's parameter `cache`: "auto", "none", "f32", "bf16" */
	const char *why_not;                /* a frozen encoder whose outputs are not the document's alone: a sentence. Else NULL */
} tl_fixed;
/* Is the encoder frozen as a whole (freeze = "all") and given the documents as they are? Then it encodes every document by itself, without dropout: the same
 * bits in every batch. */
bool tl_model_fixed(const tl_model *m, tl_fixed *out);
void tl_model_unfix(tl_model *m);                      /* its steps compute the encoder from now on: for counting what that costs */
/* Hash of what decides these outputs besides tokens: plugin, parameters, weights, who reads what. */
int tl_model_fixed_key(tl_model *m, char hex[65], tl_error *e);
typedef struct tl_documents tl_documents;
/* Outputs of a batch in the model's compute type: [T, width] or [n, width]; layers: K blocks [tokens, d] per document. NULL: not wanted. */
int tl_model_encode_fixed(tl_model *m, const tl_documents *batch, void *const out[TL_FIXED_OUTPUTS]);
typedef struct tl_kept { /* the same of a whole split, kept in a file */
	int64_t n;
	const int64_t *offsets;             /* [n + 1] tokens before each document */
	const void *output[TL_FIXED_OUTPUTS];
	bool half;                          /* bf16, else f32 */
} tl_kept;

struct tl_documents { /* one batch, host memory, packed */
	int32_t n;
	const int32_t *offsets, *ids;       /* [n + 1], [T] */
	const int32_t *label_offsets, *labels; /* [n + 1]; empty lists in prediction */
	tl_features features;               /* n = 0: none */
	const tl_kept *kept;                /* NULL, or what a frozen encoder made of the split ... */
	const int32_t *document;            /* [n] ... of which these are the documents */
};
typedef struct tl_outcome {
	double total;                       /* weighted sum; NaN is reported by the caller with the part that was first not finite */
	int n_parts;
	const char *const *part;            /* "classifier", "guide.feature" */
	const double *value;                /* unweighted; NULL where the device sends them to `into` */
	const double *weight;               /* of each part in the total */
	float *into;                        /* set by the caller: on a device the values go there (room for all parts, alloc_host'd), and the total is left to the caller. NULL: they are waited for */
	tl_tensor *logits;                  /* [B, L]; NULL in training where only the loss was needed, and in evaluation where `best` is there */
	tl_tensor *best;                    /* [2, B, keep] as linear_best gives them, or NULL */
} tl_outcome;
/* In evaluations from now on the best `keep` labels of each document will do, where the model can find them without all logits; 0: all logits. */
void tl_model_keep(tl_model *m, int64_t keep);
/* One pass. training: losses, tape, gradients added to the weights' buffers scaled by `scale` (1/accumulate). */
int tl_model_step(tl_model *m, const tl_documents *batch, int64_t step, bool training, double scale, tl_outcome *out);
int tl_model_loss_parts(const tl_model *m);             /* at most so many values come out of a step */
int tl_model_after_step(tl_model *m);
int tl_model_before_eval(tl_model *m);
/* After a failure: the plugin whose function failed, "label/corank"; NULL: none. Lives as long as the model. */
const char *tl_model_fault(const tl_model *m);
/* The plugin whose function runs in this process now, or NULL; may be read by a signal handler after a crash. */
extern const char *volatile tl_plugin_running;
/* Shared memory into which a child process copies that name and the callback's, so that its parent can tell after a crash, a hang or an
 * exit; NULL: none. The byte at TL_PAGE_CALLS changes with every call, so that the parent sees progress. */
enum { TL_PAGE_CALLS = 64, TL_PAGE_CALLBACK, TL_PAGE_BYTES = TL_PAGE_CALLBACK + 31 };
extern char *tl_plugin_page;
/* State rows and self-fitted models as one block of bytes, for checkpoints. */
int tl_model_save_state(tl_model *m, tl_text *bytes);
int64_t tl_model_state_bytes(const tl_model *m); /* the most that state rows of a known size and copies of the encoder come to */
int tl_model_load_state(tl_model *m, const void *bytes, size_t n);

/* --- reference vectors (.safetensors; the JSON kinds are checked by the layer above, which has the metrics) ------------------------ */
typedef struct tl_verify_options { bool single /* compute in float32 */, perturb /* change one input first */; int threads; const char *device; /* NULL: the CPU; else in float32 there */ } tl_verify_options;
/* Prints one line "ok - FILE: TENSOR: ..." or "not ok - ..." per expected tensor; counts the latter in *failed. Returns the number of lines, -1 where the
 * file cannot be read as a vector. */
int tl_verify_vector(const char *path, tl_registry *r, FILE *out, const tl_verify_options *o, int *failed, tl_error *e);

#endif
