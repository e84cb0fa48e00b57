/*
 * tagloom/batch.h - what a module may know about the step's documents, their labels and the training split's statistics.
 */
#ifndef TAGLOOM_BATCH_H
#define TAGLOOM_BATCH_H

#include "tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sorted label lists of B documents: those of document i are index[offsets[i]] .. index[offsets[i+1]-1]. */
typedef struct tl_lists {
	int32_t n;
	const int32_t *offsets; /* [n + 1] host */
	const int32_t *index;   /* host */
} tl_lists;

/* Packed token sequences. Host arrays and tensors hold the same values. */
typedef struct tl_input {
	int32_t n;                    /* sequences: B documents, or whatever was encoded */
	int64_t tokens;               /* T */
	const int32_t *host_ids, *host_segments, *host_positions; /* [T] */
	const int32_t *host_offsets;  /* [n + 1] */
	tl_tensor *ids, *segments, *positions; /* i32 [T] */
	tl_tensor *offsets;           /* i32 [n + 1] */
	tl_tensor *vectors;           /* [R, d], or NULL: rows that replace word embeddings ... */
	tl_tensor *vector_at;         /* i32 [R]: ... at these positions of the T tokens */
	const int32_t *host_split;    /* NULL, or [n]: tokens of each sequence that belong to the document (cls..first sep); the `joint_labels`
	                                 tokens after them are label positions, the rest (one more separator) belongs to neither */
	int32_t joint_labels;         /* 0, or L: label positions per sequence */
} tl_input;

/* The batch's label lists on the host, and as i32 tensors. In prediction the lists are empty. */
TL_API const tl_lists *tl_labels(tl_ctx *ctx);
TL_API tl_tensor *tl_label_offsets(tl_ctx *ctx); /* i32 [B + 1] */
TL_API tl_tensor *tl_label_index(tl_ctx *ctx);   /* i32 [sum |Y|] */
TL_API bool tl_training(const tl_ctx *ctx);      /* false during evaluation and prediction: modules add no losses then */
TL_API int64_t tl_step(const tl_ctx *ctx);
TL_API bool tl_recompute(const tl_ctx *ctx);     /* train.recompute = "layer": an encoder puts each of its layers into a tl_segment */
TL_API int64_t tl_n_labels(const tl_ctx *ctx);   /* L */
TL_API int64_t tl_n_documents(const tl_ctx *ctx); /* B of this batch */

/* A packed input built by a module. Arrays are copied. segments or positions NULL: 0, and 0 .. n-1. */
TL_API tl_input *tl_make_input(tl_ctx *ctx, int32_t n, const int32_t *offsets, const int32_t *ids, const int32_t *segments, const int32_t *positions);
/* Id of a special token ("mask", "cls", "sep", "unk", "pad") in the run's tokenizer, -1 without it. */
TL_API int32_t tl_token_id(tl_ctx *ctx, const char *role);
/* A label's text: "key", "name" or "description" (the name where there is none). NULL beyond L. */
TL_API const char *tl_label_text(tl_ctx *ctx, int64_t label, const char *which);
/* The text's token ids with (special = 1) or without special tokens, cached for the run; returns the number, -1 after an error. */
TL_API int64_t tl_tokenize(tl_ctx *ctx, const char *text, int special, const int32_t **ids);

/* Statistics of the training split's label lists (pseudo-documents left out unless the dataset says otherwise). */
typedef struct tl_statistics {
	int64_t n_documents, n_labels;
	const int64_t *count;           /* [L] documents with the label */
	const int32_t *by_frequency;    /* [L] labels, most frequent first, ties by the lower index */
	const int32_t *frequency_rank;  /* [L] inverse of by_frequency */
	const int64_t *co_offsets;      /* [L + 1] co-occurrence, CSR, both directions, diagonal 0, ascending index */
	const int32_t *co_index;
	const int32_t *co_count;
} tl_statistics;
TL_API const tl_statistics *tl_train_statistics(tl_ctx *ctx);

/* Injected draws of a reference vector for the running instance: JSON text, or NULL. */
TL_API const char *tl_draws(tl_ctx *ctx);
/* The same as lists of integers: the draws themselves (key NULL) or what an object holds under `key`. 1 given, 0 none, -1 after an error. */
TL_API int tl_draw_lists(tl_ctx *ctx, const char *key, tl_lists *out);

/* Value of a symbol of the model as far as it is known ("L", "d", "K", "V", and "positions": the most tokens of a sequence that its encoder takes), -1 where it is
 * not: for checks at build time. */
TL_API int64_t tl_symbol(tl_ctx *ctx, const char *name);
/* The encoder's table of word embeddings [V, d]; NULL after an error where the encoder has none. */
TL_API tl_tensor *tl_word_embeddings(tl_ctx *ctx);
/* Word pieces of all label names without special tokens: label l's are ids[offsets[l]] .. ids[offsets[l+1]-1]. 0, or -1 after an error. */
TL_API int tl_label_tokens(tl_ctx *ctx, const int32_t **offsets, const int32_t **ids);

/* --- calling the encoder ------------------------------------------------------------------------------------------- */
enum {
	TL_WANT_HIDDEN = 1, TL_WANT_LAYERS = 2, TL_WANT_CLS = 4, TL_WANT_POOLED = 8,
	TL_WANT_GRADIENT = 16 /* for left_out alone: the input holds vectors that are trained, so that gradients pass through the encoder even where it is frozen */
};
typedef struct tl_encoder_copy tl_encoder_copy; /* a copy of the encoder's weights: a state row of kind TL_STATE_ENCODER */

typedef struct tl_encode_call {
	const char *name;          /* keys the random stream, and in.call.NAME of a reference vector */
	const tl_input *input;     /* token sequences; or NULL and then: */
	const char *const *texts;  /* texts to tokenise, with special tokens, cut to max_length tokens */
	int32_t n_texts, max_length;
	tl_encoder_copy *copy;     /* NULL: the model's own weights */
	unsigned want;
	bool gradient;
	bool dropout;              /* in training; false: this call runs without */
} tl_encode_call;

typedef struct tl_encoded {
	tl_tensor *offsets;        /* i32 [n + 1] */
	const int32_t *host_offsets;
	int32_t n;
	int n_layers;              /* TL_WANT_LAYERS: outputs of the blocks, first layer first; the last equals hidden */
	tl_tensor *const *layers;
	tl_tensor *hidden;         /* [T', d] */
	tl_tensor *cls;            /* [n, d] */
	tl_tensor *pooled;         /* [n, d] */
} tl_encoded;
/* Encodes sequences with the model's encoder. 0, or -1 after recording an error. */
TL_API int tl_encode(tl_ctx *ctx, const tl_encode_call *call, tl_encoded *out);
/* copy = momentum * copy + (1 - momentum) * encoder, for after_step. */
TL_API int tl_copy_blend(tl_ctx *ctx, tl_encoder_copy *copy, double momentum);
/* to = momentum * to + (1 - momentum) * from, for untrained weights; outside the tape. */
TL_API int tl_blend(tl_ctx *ctx, tl_tensor *to, const tl_tensor *from, double momentum);

#ifdef __cplusplus
}
#endif
#endif
