/*
 * tagloom/tensor.h - tensors and operations, as plugins and the host see them.
 *
 * A tensor is opaque: a plugin never touches its data, so the same plugin runs in float, in double (gradient checks) and on
 * a GPU. Tensors made during a step live until the step ends; nobody frees them. Everything is contiguous, row-major.
 *
 * Errors: an operation that cannot be done records one sentence in the context (the first one is kept) and returns NULL;
 * an operation that is given NULL for a required input returns NULL at once. A forward function can therefore be written
 * straight through and return tl_status(ctx) at its end.
 *
 * Packed sequences: tokens of all documents in one [T, d] tensor, with an i32 tensor `offsets` [B+1]. There is no padding.
 */
#ifndef TAGLOOM_TENSOR_H
#define TAGLOOM_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TL_API __attribute__((visibility("default")))
#define TL_MAX_RANK 4

typedef struct tl_tensor tl_tensor;
typedef struct tl_ctx tl_ctx;

typedef enum tl_dtype { TL_F32 = 0, TL_F64 = 1, TL_BF16 = 2, TL_I32 = 3 } tl_dtype;
typedef enum tl_activation { TL_NONE = 0, TL_RELU = 1, TL_GELU = 2, TL_TANH = 3, TL_SIGMOID = 4 } tl_activation; /* gelu: erf form */
typedef enum tl_reduction { TL_MEAN = 0, TL_SUM_LABELS = 1, TL_SUM = 2 } tl_reduction; /* over B and L; over L then mean over B; over both */

/* Status of the context: 0, or -1 once an error was recorded. */
TL_API int tl_status(const tl_ctx *ctx);
/* Records an error sentence (what, found, wanted, cure) unless one is recorded already. Always returns -1. */
TL_API int tl_fail(tl_ctx *ctx, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A warning: logged once per run and text, stored in the table `message`. */
TL_API void tl_warn(tl_ctx *ctx, const char *format, ...) __attribute__((format(printf, 2, 3)));

TL_API int tl_rank(const tl_tensor *x);                /* number of axes; a scalar has 0 */
TL_API int64_t tl_dim(const tl_tensor *x, int axis);   /* negative axes count from the end; 1 beyond the rank */
TL_API int64_t tl_count(const tl_tensor *x);           /* number of elements */
TL_API tl_dtype tl_dtype_of(const tl_tensor *x);
TL_API bool tl_wants_gradient(const tl_tensor *x);

/* Constants (no gradient), copied from host memory. Real ones get the context's compute type. dims has `rank` entries. */
TL_API tl_tensor *tl_ints(tl_ctx *ctx, int rank, const int64_t *dims, const int32_t *host);
TL_API tl_tensor *tl_reals(tl_ctx *ctx, int rank, const int64_t *dims, const double *host);
TL_API tl_tensor *tl_fill(tl_ctx *ctx, int rank, const int64_t *dims, double value);
/* Copies a tensor's values to the host (waits for the device). For metrics, state and tests, not for the hot path. */
TL_API int tl_get_ints(tl_ctx *ctx, const tl_tensor *x, int32_t *host);
TL_API int tl_get_reals(tl_ctx *ctx, const tl_tensor *x, double *host);

/* The same values without a gradient. */
TL_API tl_tensor *tl_detach(tl_ctx *ctx, tl_tensor *x);
/* Between push and pop nothing is recorded on the tape. */
TL_API void tl_no_grad_push(tl_ctx *ctx);
TL_API void tl_no_grad_pop(tl_ctx *ctx);
/* A segment that is recomputed in the backward pass instead of being kept; its random streams replay.
 * fn receives n_in inputs and returns one output. `arg` must stay valid until the step ends. */
typedef tl_tensor *(*tl_segment_fn)(tl_ctx *ctx, tl_tensor *const *in, int n_in, void *arg);
TL_API tl_tensor *tl_segment(tl_ctx *ctx, tl_segment_fn fn, tl_tensor *const *in, int n_in, void *arg);
/* fn's result. Everything else that fn made is given up: where nothing is recorded (evaluation, no_grad) at once, so that depth costs no memory; otherwise
 * as far as no backward pass reads it, or its op can make it again cheaply (tl_op_call.again). */
TL_API tl_tensor *tl_scoped(tl_ctx *ctx, tl_segment_fn fn, tl_tensor *const *in, int n_in, void *arg);

/* --- named random streams -----------------------------------------------------------------------------------------
 * Philox4x32-10. key = hash(seed, instance, purpose, ordinal), counter = (step, element). Random ops take the current
 * purpose ("forward" at the start of every forward) and count their ordinal within it, so that removing a module or
 * renumbering another purpose never moves a mask. */
TL_API bool tl_dropping(const tl_ctx *ctx); /* is dropout on? */
TL_API void tl_purpose(tl_ctx *ctx, const char *purpose); /* copied; resets the ordinal of that purpose to 0 */
typedef struct tl_stream { uint64_t key, step, next; } tl_stream;
/* A host stream of the running instance for draws (negative labels, views). Same seed, instance, purpose, step: same numbers. */
TL_API tl_stream tl_stream_for(tl_ctx *ctx, const char *purpose);
TL_API uint32_t tl_random_u32(tl_stream *s);
TL_API double tl_random_unit(tl_stream *s);              /* [0, 1), 53 bits */
TL_API uint32_t tl_random_below(tl_stream *s, uint32_t n); /* unbiased; n = 0 gives 0 */
TL_API double tl_random_normal(tl_stream *s);
/* The generator itself: one block of four words. */
TL_API void tl_philox(uint64_t key, uint64_t step, uint64_t counter, uint32_t out[4]);

/* --- operations of the core: one line each in ops.def --------------------------------------------------------------- */
#define TL_STRIP(...) __VA_ARGS__
#define TL_OP(name, params, inputs, args, signature, doc) TL_API tl_tensor *tl_##name(tl_ctx *ctx, TL_STRIP params);
#include "ops.def"
#undef TL_OP

/* --- an operation of a plugin's own: the same descriptor as a row of ops.def ----------------------------------------- */
typedef struct tl_view {
	void *data; /* NULL: an optional input that was not given */
	tl_dtype dtype;
	int rank;
	int64_t dim[TL_MAX_RANK];
	int64_t count; /* product of dim; 1 for a scalar */
} tl_view;

#define TL_OP_MAX_SAVED 4
typedef struct tl_op_call {
	tl_ctx *ctx;
	int n_in;
	const tl_view *in;
	int n_arg;
	const double *arg;               /* numbers after the tensors, in the order of the signature; integers are exact below 2^53 */
	tl_view out;                     /* the shape rule sets dtype, rank, dim */
	int n_saved;
	tl_view saved[TL_OP_MAX_SAVED];  /* the shape rule sets dtype, rank, dim of what the backward needs; the host allocates */
	uint64_t key, step;              /* random stream of this call (the same in forward and backward) */
	bool training;                   /* false: dropout is off */
	bool backward_follows;           /* forward only: false where nothing will be differentiated (saved may be left unfilled) */
	const void *grad_out;            /* backward: gradient of the loss by out, same dtype and shape */
	void *const *grad_in;            /* backward: one per input; NULL where none is wanted. Add to it (+=) unless fresh. */
	const bool *grad_fresh;          /* backward, ops with TL_OP_FRESH: true where grad_in is uninitialised and must be written (=) */
	bool again;                      /* The shape rule sets it where forward can make out again from what it saved, cheaply and to the bit, so that out need not be kept
	                                    (saved may change thereby); forward: that alone is wanted now; backward: that was done. */
} tl_op_call;

enum { TL_OP_NO_GRAD = 1,    /* never differentiated (top-k, sorting) */
       TL_OP_FRESH = 2,      /* the backward looks at grad_fresh; otherwise the host zero-fills before */
       TL_OP_RANDOM = 4,     /* uses key and step */
       TL_OP_VIEW = 8,       /* out shares in[0]'s data and gradient (reshape); forward and backward are NULL */
       TL_OP_BLIND = 16 };   /* the backward reads no real number of in and out (which may be NULL then), only shapes, integers and what was saved */

typedef struct tl_kernel {
	int (*forward)(tl_op_call *c);   /* 0, or -1 after tl_fail(c->ctx, ...) */
	int (*backward)(tl_op_call *c);
} tl_kernel;

typedef struct tl_op {
	uint32_t size;                   /* sizeof(tl_op) */
	uint32_t flags;
	const char *name;
	const char *signature;           /* as in ops.def */
	int (*shape)(tl_op_call *c);     /* refuses wrong shapes with a sentence; only reads shapes and args, never data */
	tl_kernel f32, f64, cuda;        /* cuda may be empty: then the op is refused on a GPU by name */
} tl_op;

/* Runs a plugin's op and records it on the tape. op must be static. */
TL_API tl_tensor *tl_apply(tl_ctx *ctx, const tl_op *op, tl_tensor *const *in, int n_in, const double *arg, int n_arg);
/* For kernels: runs fn(arg, i) for i in [0, n) on the worker threads and waits. The cut into n must depend on shapes alone. */
TL_API void tl_parallel(tl_ctx *ctx, int64_t n, void (*fn)(void *arg, int64_t i), void *arg);
/* For kernels: scratch memory of the step, 64-byte aligned, uninitialised; NULL after recording an error. Not from inside tl_parallel. */
TL_API void *tl_scratch(tl_ctx *ctx, size_t bytes);
/* For CUDA kernels, whose views hold device pointers and to whom tl_scratch gives device memory: the cudaStream_t to work on (kernels never wait) ... */
TL_API void *tl_device_stream(tl_ctx *ctx);
/* ... a copy of host bytes in scratch memory of the device, there for all work enqueued after; the bytes may be changed at once ... */
TL_API void *tl_upload(tl_ctx *ctx, const void *host, size_t bytes);
/* ... and the host's copy of an integer input; NULL where the device computed it. On the CPU: the input's data. */
TL_API const int32_t *tl_op_ints(const tl_op_call *c, int input);

#ifdef __cplusplus
}
#endif
#endif
