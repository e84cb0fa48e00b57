/*
 * tagloom/plugin.h - the plugin boundary.
 *
 * A plugin is a shared object that exports one read-only object, `const tl_plugin tagloom_plugin`, and runs no code when it is
 * loaded. It declares its parameters, weights, state, slots and losses as rows; the host allocates and fills the plugin's
 * struct, creates the weights, checks the wiring and prints all of it (`tagloom plugins show`). What is left is `forward`.
 *
 *   struct my { double dropout; tl_tensor *doc, *logits, *weight, *bias; };
 *   static int forward(tl_ctx *ctx, void *self) { ... my->logits = tl_linear(ctx, my->doc, my->weight, my->bias, TL_NONE); ... }
 *   const tl_plugin tagloom_plugin = { TL_LABEL(struct my), .name = "my", .params = params, ... };
 *
 * Expressions. A shape is a list of expressions separated by blanks, one per axis: numbers, symbols (L labels, d encoder width,
 * K encoder layers, B documents, T tokens, V vocabulary, and free symbols such as m, bound by the first shape that holds them), the
 * plugin's numeric parameters (a list counts as its length), the operators + - * / and min(a, b), max(a, b), without blanks inside one. "L*2 min(n,K)*d" has two axes.
 * Alternatives are separated by "|": "L d | B L d". "" is a scalar. A condition (`when`) compares parameters and joins comparisons:
 * "hidden > 0", "variant == paper && !link", "position". NULL: always.
 */
#ifndef TAGLOOM_PLUGIN_H
#define TAGLOOM_PLUGIN_H

#include "batch.h"
#include "tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TL_MAGIC 0x6d6f6c67u /* "glom" */
#define TL_ABI_MAJOR 1       /* must match the host's */
#define TL_ABI_MINOR 0       /* may be older than the host's */

typedef enum tl_kind { TL_KIND_ENCODER = 1, TL_KIND_LABEL = 2, TL_KIND_METRIC = 3, TL_KIND_READER = 4 } tl_kind;

/* --- parameters: the struct field is the parameter ------------------------------------------------------------------ */
typedef enum tl_param_type {
	TL_INT = 1,  /* int64_t */
	TL_REAL,     /* double */
	TL_FLAG,     /* bool; Lua true or false */
	TL_CHOICE,   /* int: index into `choices` */
	TL_STRING,   /* const char *; NULL where not given and without default */
	TL_INTS,     /* tl_int_list; Lua { 3, 4, 5 }, default "3 4 5" */
	TL_JSON      /* const char *: any Lua table, as JSON text */
} tl_param_type;

typedef struct tl_int_list { int64_t n; const int64_t *at; } tl_int_list;

typedef struct tl_param {
	const char *name;
	int type;
	size_t at;           /* offsetof the field */
	const char *value;   /* default, as text; NULL: none (required, unless `optional`). Of a TL_INT or TL_REAL it may be an expression: "d" */
	double min, max;     /* inclusive range of TL_INT and TL_REAL; min > max or both 0: unbounded */
	const char *choices; /* TL_CHOICE: "relu|tanh|gelu" */
	const char *doc;     /* one line */
	bool optional;       /* may be missing: numbers stay 0, strings NULL */
	size_t given_at;     /* offset of a bool that the host sets where another value than the default was given; 0: not wanted */
} tl_param;

#define TL_P_INT(S, field, def, lo, hi, text)    { .name = #field, .type = TL_INT, .at = offsetof(S, field), .value = def, .min = lo, .max = hi, .doc = text }
#define TL_P_REAL(S, field, def, lo, hi, text)   { .name = #field, .type = TL_REAL, .at = offsetof(S, field), .value = def, .min = lo, .max = hi, .doc = text }
#define TL_P_FLAG(S, field, def, text)           { .name = #field, .type = TL_FLAG, .at = offsetof(S, field), .value = def, .doc = text }
#define TL_P_CHOICE(S, field, def, list, text)   { .name = #field, .type = TL_CHOICE, .at = offsetof(S, field), .value = def, .choices = list, .doc = text }
#define TL_P_STRING(S, field, def, text)         { .name = #field, .type = TL_STRING, .at = offsetof(S, field), .value = def, .doc = text, .optional = (def) == NULL }
#define TL_P_INTS(S, field, def, text)           { .name = #field, .type = TL_INTS, .at = offsetof(S, field), .value = def, .doc = text }

/* The host adds to every module: name, lr, weight_decay, init_scale, and the weight of each loss row. */

/* --- weights --------------------------------------------------------------------------------------------------------- */
typedef enum tl_init { TL_INIT_XAVIER = 0, TL_INIT_ZEROS, TL_INIT_ONES, TL_INIT_NORMAL /* N(0, 0.02) */, TL_INIT_ORTHOGONAL,
                       TL_INIT_COPY /* of the weight `of` */ } tl_init;
enum { TL_FROZEN = 1 /* never trained */, TL_NO_DECAY = 2 /* biases (rank 1) never decay anyway */ };

typedef struct tl_weight {
	const char *name;    /* "weight", "0.bias"; with `repeat`, '#' stands for the element: "encoder.layer.#.output.dense.bias" */
	size_t at;           /* offsetof a tl_tensor * field, or with `repeat` of a tl_tensor ** field (the host allocates the array) */
	const char *shape;   /* e.g. "L m"; with `repeat`, '#' is the element's value */
	int init;            /* tl_init */
	const char *when;    /* condition; the field stays NULL (element and array) where it does not hold */
	const char *repeat;  /* an integer parameter or symbol n: # = 0 .. n-1; a TL_INTS parameter: # = each of its values */
	const char *of;      /* TL_INIT_COPY: the weight copied */
	unsigned flags;
	const char *doc;
} tl_weight;

/* --- state that is not trained: saved in checkpoints, left out of `export` ------------------------------------------------ */
typedef enum tl_state_kind { TL_STATE_REAL = 1, /* double array */ TL_STATE_INT, /* int64_t array */
                             TL_STATE_RAGGED, /* int lists */ TL_STATE_ENCODER /* copy of the encoder's weights */ } tl_state_kind;
typedef struct tl_state_block { /* the field of TL_STATE_REAL, _INT and _RAGGED: host memory, rows of `width`; grow with tl_state_resize */
	int64_t rows, width;
	double *real;         /* [rows, width] */
	int64_t *ints;        /* [rows, width] */
	int64_t *offsets;     /* ragged: [rows + 1] into ints */
} tl_state_block;
typedef struct tl_state {
	const char *name;
	int kind;
	size_t at;            /* offsetof a tl_state_block, or a tl_encoder_copy * field */
	const char *shape;    /* "queue dim": at most that; rows may be fewer */
	const char *when;
	const char *doc;
} tl_state;
TL_API int tl_state_resize(tl_ctx *ctx, tl_state_block *block, int64_t rows, int64_t items /* ragged: ints in all; else ignored */); /* keeps contents */

/* --- slots ----------------------------------------------------------------------------------------------------------- */
typedef struct tl_list { int n; tl_tensor **item; } tl_list;
typedef enum tl_slot_kind { TL_SLOT_TENSOR = 0 /* tl_tensor * */, TL_SLOT_LIST /* tl_list: every item of this shape */,
                            TL_SLOT_INPUT /* const tl_input * */, TL_SLOT_INT /* tl_tensor *, i32 */, TL_SLOT_FEATURES /* const tl_features * */ } tl_slot_kind;
typedef struct tl_slot {
	const char *name;    /* "hidden"; "@from": the slot that the string parameter `from` names; "INSTANCE.labels" starts with the instance's name: "~.labels" */
	size_t at;           /* the host sets the field before forward (reads), takes it after forward (writes) */
	const char *shape;   /* "T d", "B m", "L d | B L d" */
	int kind;
	const char *when;
	const char *doc;
	bool optional;       /* reads: NULL where nothing wrote it */
} tl_slot;

/* --- losses ------------------------------------------------------------------------------------------------------------ */
typedef struct tl_loss {
	const char *part;    /* "": loss.INSTANCE; "feature": loss.INSTANCE.feature */
	const char *param;   /* the parameter that weights it: "weight", "weight_feature" */
	const char *value;   /* its default: "1" */
	const char *when;
} tl_loss;
/* Adds a scalar to the total, unweighted; the host multiplies with the declared weight and logs it. Ignored outside training. */
TL_API int tl_add_loss(tl_ctx *ctx, const char *part, tl_tensor *scalar);

/* The last layer of a classifier, x wT + b: what slot `slot` [B, L] needs of it in this step. NULL where nobody needs all logits: in training where no module
 * behind reads them (the loss comes from tl_linear_bce), in an evaluation that keeps only the best labels of a document (they are found and handed
 * over). The slot's field may then stay NULL. Otherwise the logits. */
TL_API tl_tensor *tl_logits(tl_ctx *ctx, const char *slot, tl_tensor *x, tl_tensor *w, tl_tensor *b);

/* --- modules: encoders and label modules --------------------------------------------------------------------------------- */
typedef struct tl_features { /* sparse rows [n, F], CSR */
	int64_t n, width;
	const int64_t *offsets;
	const int32_t *index;
	const float *value;
} tl_features;

typedef struct tl_fit { /* for plugins that train by themselves */
	const tl_features *features;
	const tl_lists *labels;
	int64_t n_labels;
	uint64_t seed;
	const char *cache;
} tl_fit;

typedef struct tl_module {
	uint32_t size;       /* sizeof(tl_module) */
	/* After parameters are filled and before shapes are evaluated: checks across parameters, derived fields. 0, or -1 after tl_fail. */
	int (*check)(tl_ctx *ctx, void *self);
	/* One step. Reads its fields, writes its written slots' fields, adds losses. 0, or -1 after an error. */
	int (*forward)(tl_ctx *ctx, void *self);
	/* Encoders instead of forward: encodes `input`, fills what `want` asks for. */
	int (*encode)(tl_ctx *ctx, void *self, const tl_input *input, unsigned want, tl_encoded *out);
	int (*after_step)(tl_ctx *ctx, void *self);   /* after the optimizer's step */
	int (*before_eval)(tl_ctx *ctx, void *self);  /* before an evaluation */
	/* Instead of forward: fit on the training split, then score [n, L] row-major decision values. The model is the plugin's own
	 * memory, made by fit, written and read through save and load as one block of bytes (free() by the host), released by drop. */
	int (*fit)(tl_ctx *ctx, void *self, const tl_fit *data);
	int (*score)(tl_ctx *ctx, void *self, const tl_features *features, float *scores);
	int (*save)(tl_ctx *ctx, void *self, void **bytes, size_t *size);
	int (*load)(tl_ctx *ctx, void *self, const void *bytes, size_t size);
	void (*drop)(void *self);
	/* Encoders: symbols read from a checkpoint's config.json (text), before shapes are evaluated; fills self. */
	int (*configure)(tl_ctx *ctx, void *self, const char *config_json);
	bool needs_seed;     /* fit only: false where the numbers do not depend on the seed (the arm runs once) */
	/* Encoders: tokens of the longest sequence that encode takes; NULL: any. Told before anything starts where documents may be longer. */
	int64_t (*longest)(tl_ctx *ctx, void *self);
	/* Encoders: what encode leaves out where the outputs `want` are read, for dry runs: sentences that end with a line feed, at most `size` bytes. 0. */
	int (*left_out)(tl_ctx *ctx, void *self, unsigned want, char *text, size_t size);
} tl_module;

TL_API void *tl_closure(tl_ctx *ctx); /* of the running instance's plugin */
TL_API const char *tl_instance(const tl_ctx *ctx); /* name of the running instance */

/* --- metrics ----------------------------------------------------------------------------------------------------------- */
typedef struct tl_evaluation {
	int64_t n_docs, n_labels;        /* documents evaluated (those without labels included), columns */
	const double *scores;            /* [n_docs, n_labels] probabilities; NULL where only the best `keep` are there */
	int64_t keep;                    /* columns of top */
	const int32_t *top;              /* [n_docs, keep] best labels first, ties by the lower index; -1 where a list is shorter */
	const double *top_score;         /* [n_docs, keep] */
	const int64_t *gold_offsets;     /* [n_docs + 1] */
	const int32_t *gold;             /* ascending */
	const double *thresholds;        /* [n_labels] predicted where score > threshold, strictly */
	const double *inverse_propensity; /* [n_labels] 1/p */
	const tl_statistics *train;      /* of the training split, restricted to these columns; may be NULL */
	const float *logits;             /* [n_docs, n_labels] what scores were made of, or NULL: ranking compares these, so that the order holds where
	                                    the probabilities saturate (tagloom/metric.h) */
} tl_evaluation;

typedef struct tl_metric {
	const char *name;          /* "p", "ndcg", "micro_f1" */
	bool takes_k, takes_threshold, takes_propensity, takes_train, needs_all_scores, higher_is_better;
	const char *signature;     /* "ndcg@%k|log2|min(k,|Y|)|ties:index|v1"; %k, %t (threshold) and %a (A and B of the propensities) are filled in */
	const char *doc;
	/* A metric that is a function of sums over documents: width(L) accumulators, what one document adds to them (documents without labels
	 * are never passed), and the value from the sums. Paired tests shuffle documents through this form. */
	int64_t (*width)(int64_t n_labels);
	void (*add)(const tl_evaluation *e, int64_t document, int64_t k, double *sums);
	int (*finish)(const tl_evaluation *e, int64_t k, int64_t n_evaluated, const double *sums, double *value); /* 0, or 1: undefined (null); e has the columns, no documents */
	/* Any other metric: from all documents at once (add is NULL). Skips documents without labels itself. 0, or 1: undefined. */
	int (*compute)(const tl_evaluation *e, int64_t k, double *value);
} tl_metric;

/* --- readers ----------------------------------------------------------------------------------------------------------- */
typedef struct tl_sink { /* the host's side: each returns 0, or -1 to stop (an error was recorded) */
	void *arg;
	int (*label)(void *arg, const char *key, const char *name, const char *description);
	/* labels: n_labels keys; text may be NULL where features are given. where: "train.jsonl:17", for messages */
	int (*document)(void *arg, const char *id, const char *text, size_t text_length, const char *const *labels, int64_t n_labels,
	                int64_t n_features, const int32_t *feature, const float *value, bool pseudo, const char *where);
	/* A file opened for reading lines: path, or where that does not exist path.gz, path.xz or path.zst, decompressed. */
	void *(*open)(void *arg, const char *path);                       /* NULL where there is none (not an error) or it cannot be read (an error) */
	int (*line)(void *arg, void *file, const char **text, size_t *length, int64_t *number); /* 1 a line (valid until the next call, a 0 behind it), 0 end, -1 error */
	void (*close)(void *arg, void *file);
	int (*fail)(void *arg, const char *format, ...) __attribute__((format(printf, 2, 3))); /* records a sentence; returns -1 */
} tl_sink;

typedef struct tl_reader {
	uint32_t size;
	/* Label list of the dataset at path, in order (sink->label); 0, 1 where the format has none (then labels are numbered as seen in train), -1. */
	int (*labels)(tl_sink *sink, const char *path);
	/* Documents of "train", "valid" or "test"; 0, 1 where the split does not exist, -1. */
	int (*split)(tl_sink *sink, const char *path, const char *split);
} tl_reader;

/* --- the exported object ---------------------------------------------------------------------------------------------- */
typedef struct tl_plugin {
	uint32_t magic;
	uint16_t abi_major, abi_minor;
	/* Sizes of what crosses, compared field by field (a plugin's may be smaller: structs grow at their end). */
	uint32_t size_plugin, size_param, size_weight, size_state, size_slot, size_loss, size_module, size_metric, size_reader, size_op;
	uint32_t kind;
	uint32_t self_size;          /* bytes of the plugin's struct; the host allocates and zeroes one per instance */
	const char *name, *version, *summary;
	const char *citation;        /* paper and equations, or NULL */
	const char *differs;         /* what differs from the paper, or NULL */
	const tl_param *params;      /* each ends with a row of zeros; NULL: none */
	const tl_weight *weights;
	const tl_state *states;
	const tl_slot *reads, *writes;
	const tl_loss *losses;
	const tl_module *module;     /* encoders and label modules */
	const tl_metric *metrics;    /* metric plugins: rows, ending with zeros */
	const tl_reader *reader;
	const tl_op *const *ops;     /* ops of the plugin's own that `tagloom check` is to hold, ending with NULL; may be NULL */
	void *closure;               /* descriptors made at run time (modules in Lua): what tl_closure returns in their functions; else NULL */
} tl_plugin;

#define TL_HEADER(k, self) .magic = TL_MAGIC, .abi_major = TL_ABI_MAJOR, .abi_minor = TL_ABI_MINOR, .size_plugin = sizeof(tl_plugin), \
	.size_param = sizeof(tl_param), .size_weight = sizeof(tl_weight), .size_state = sizeof(tl_state), .size_slot = sizeof(tl_slot), \
	.size_loss = sizeof(tl_loss), .size_module = sizeof(tl_module), .size_metric = sizeof(tl_metric), .size_reader = sizeof(tl_reader), \
	.size_op = sizeof(tl_op), .kind = k, .self_size = self
#define TL_ENCODER(S) TL_HEADER(TL_KIND_ENCODER, sizeof(S))
#define TL_LABEL(S) TL_HEADER(TL_KIND_LABEL, sizeof(S))
#define TL_METRIC TL_HEADER(TL_KIND_METRIC, 0)
#define TL_READER TL_HEADER(TL_KIND_READER, 0)

extern TL_API const tl_plugin tagloom_plugin;

#ifdef __cplusplus
}
#endif
#endif
