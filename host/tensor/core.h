/*
 * core.h - the host's side of tensors: contexts (one step's arena, tape, streams), weights, backward.
 * Plugins see include/tagloom/tensor.h only.
 */
#ifndef HOST_TENSOR_CORE_H
#define HOST_TENSOR_CORE_H

#include "base/base.h"
#include "base/threads.h"
#include "tagloom/tensor.h"

/* --- contexts --------------------------------------------------------------------------------------------------------- */
/* compute: TL_F32, or TL_F64 for checks. user: what the layer above attaches (the model); read back by tl_ctx_user. */
tl_ctx *tl_ctx_new(tl_dtype compute, tl_pool *pool, void *user);
/* Devices: "cuda", "cuda:1". The shared object is loaded by the first call. The context computes there from now on (F32; before its first step). */
typedef struct tl_device tl_device;
tl_device *tl_device_open(const char *what, tl_error *e);
void tl_device_close(tl_device *d);
void tl_ctx_on(tl_ctx *ctx, tl_device *d);
tl_device *tl_ctx_device(const tl_ctx *ctx);    /* NULL: the CPU */
void tl_ctx_free(tl_ctx *ctx);
void *tl_ctx_user(const tl_ctx *ctx);
tl_dtype tl_ctx_compute(const tl_ctx *ctx);
tl_error *tl_ctx_error(tl_ctx *ctx);            /* the first error; cleared by the caller (status = 0) to go on */
tl_pool *tl_ctx_pool(tl_ctx *ctx);
tl_arena *tl_ctx_arena(tl_ctx *ctx);            /* the step's arena */
size_t tl_ctx_peak_bytes(const tl_ctx *ctx);
void tl_ctx_set_warn(tl_ctx *ctx, void (*warn)(void *user, const char *text)); /* where tl_warn goes; default: tl_warning once per text */
/* Starts a step: forgets all tensors of the last one, sets the streams. training: dropout on, tape recorded. */
void tl_ctx_begin(tl_ctx *ctx, uint64_t seed, int64_t step, bool training, bool record);
/* Counting: from now on no kernel runs; what they would have to do is added up, and the arena's peak is the memory that a step takes. Weights need no data. */
typedef struct tl_operations {
	double products;   /* multiplications and additions of matrix products, attention and convolutions */
	double functions;  /* values of e^x and the like */
	double bytes;      /* read and written by all other operations */
} tl_operations;
void tl_ctx_count(tl_ctx *ctx, bool on);
bool tl_ctx_counting(const tl_ctx *ctx);
tl_operations tl_ctx_operations(const tl_ctx *ctx);
/* Of one call of an op. */
tl_operations tl_op_operations(const tl_ctx *ctx, const tl_op *op, const tl_op_call *c, bool backward);
/* Called before (done: false) and after every kernel that runs on the CPU; NULL: not any more. For measurements. */
typedef void tl_watch(void *arg, const tl_op *op, const tl_op_call *c, bool backward, bool done);
void tl_ctx_watch(tl_ctx *ctx, tl_watch *watch, void *arg);
bool tl_ctx_training(const tl_ctx *ctx);        /* what tl_ctx_begin was told */
int64_t tl_ctx_step(const tl_ctx *ctx);
uint64_t tl_ctx_seed(const tl_ctx *ctx);
/* The instance whose forward runs (keys its streams). Resets the purpose to "forward", every ordinal to 0. NULL: none. */
void tl_ctx_instance(tl_ctx *ctx, const char *instance);
const char *tl_ctx_instance_name(const tl_ctx *ctx);
/* For calls within a forward that have streams of their own: the instance, purpose and ordinal now (in the step's arena), and back to them. */
void *tl_ctx_stream_save(tl_ctx *ctx);
void tl_ctx_stream_restore(tl_ctx *ctx, const void *saved);
bool tl_ctx_dropout(tl_ctx *ctx, bool on);      /* dropout from now on; returns what was */
/* Hash of (seed, instance, purpose, ordinal) that keys Philox; for initial weights: purpose "init", instance and weight name. */
uint64_t tl_stream_key(uint64_t seed, const char *instance, const char *purpose, uint64_t ordinal);
/* Differentiates a scalar. Gradients of weights are added to their gradient buffers; those of variables (tl_variable) are kept until the
 * step ends; those of other tensors are used again as soon as nothing needs them, unless tl_keep_gradient was called before. */
int tl_backward(tl_ctx *ctx, tl_tensor *total);
/* Gradient of a tensor of this step after tl_backward, as a tensor of the same shape; NULL where none reached it. */
tl_tensor *tl_gradient(tl_ctx *ctx, const tl_tensor *x);
void tl_keep_gradient(tl_tensor *x);
/* A tensor of this step that wants a gradient, with given values (slots of reference vectors, gradient checks). */
tl_tensor *tl_variable(tl_ctx *ctx, int rank, const int64_t *dims, const double *host);
/* Scalar loss assembled by the host: sum of weight_i * scalar_i (n = 0: a zero). */
/* On a device: n scalars into alloc_host'd memory, where they are once an event after it is reached. */
int tl_fetch_scalars(tl_ctx *ctx, int n, tl_tensor *const *part, float *into);
tl_tensor *tl_weighted_total(tl_ctx *ctx, int n, tl_tensor *const *scalar, const double *weight);
/* A constant from floats; F32 only. */
tl_tensor *tl_floats(tl_ctx *ctx, int rank, const int64_t *dims, const float *host);
/* Host memory of a tensor of the CPU or of a weight; for the host's hot paths. Tensors of a step on a device are read by tl_get_reals. */
const void *tl_data(const tl_tensor *x);
void *tl_data_mut(tl_tensor *x);
/* to = momentum to + (1 - momentum) from, two real tensors of one size, on a device. */
int tl_device_blend(tl_ctx *ctx, tl_tensor *to, const tl_tensor *from, double momentum);

/* The rows of ops.def in their order, as descriptors for tl_apply. */
int64_t tl_op_count(void);
const tl_op *tl_op_row(tl_ctx *ctx, int64_t i);

/* --- weights: persistent tensors, values and gradients each in one contiguous buffer ---------------------------------- */
typedef struct tl_weights tl_weights;
typedef struct tl_weight_info {
	const char *name;        /* "corank.query.weight" */
	tl_tensor *tensor;
	int64_t offset, count;   /* into the buffers, elements; offsets are multiples of 16 */
	bool trainable, decay;
	double lr_scale;         /* on train.lr (instance's lr, layer decay) ... */
	double lr;               /* ... or the instance's own lr; < 0: none */
	double weight_decay;     /* < 0: train's */
	tl_weights *owner;
} tl_weight_info;
tl_weights *tl_weights_new(tl_dtype dtype);
/* Declares one weight; tensors are usable (data pointers set) after tl_weights_finish. Returns its index, -1 on a duplicate name. */
int tl_weights_add(tl_weights *w, const char *name, int rank, const int64_t *dims, bool trainable, tl_error *e);
int tl_weights_finish(tl_weights *w, tl_error *e);
int tl_weights_count(const tl_weights *w);
tl_weight_info *tl_weights_at(tl_weights *w, int i);
int tl_weights_find(const tl_weights *w, const char *name); /* -1: none */
/* Values and gradients then lie on the device too; before tl_weights_finish. Host and device are held in step: values that the host asks for
 * are fetched where the device has changed them, and what the host may have changed is sent before an op reads it. */
void tl_weights_on(tl_weights *w, tl_device *d);
tl_device *tl_weights_device(const tl_weights *w); /* NULL: the CPU */
void *tl_weights_values(tl_weights *w);          /* the host's: contiguous, tl_weights_size elements of the dtype; may be written until the next op */
void *tl_weights_gradients(tl_weights *w);       /* the host's; on a device a copy, to be read at once */
/* The device's own, current; NULL after an error (sentence in the device). changed: the caller's work will change the values there. */
void *tl_weights_there(tl_weights *w, bool changed);
void *tl_weights_gradients_there(tl_weights *w);
int64_t tl_weights_size(const tl_weights *w);
tl_dtype tl_weights_dtype(const tl_weights *w);
void tl_weights_zero_gradients(tl_weights *w, tl_pool *pool);
void tl_weights_hash(const tl_weights *w, char hex[65]);
tl_weights *tl_weights_clone(const tl_weights *w, const char *prefix); /* values of all weights whose name starts with prefix; untrained */
void tl_weights_free(tl_weights *w);
/* Initialisers: always drawn on the CPU in float64 from stream (seed, instance, "init", hash(name)), then rounded; the same values with any number of threads, pool may be NULL. */
void tl_init_uniform(tl_pool *pool, tl_tensor *x, uint64_t key, double limit);
void tl_init_normal(tl_pool *pool, tl_tensor *x, uint64_t key, double sd);
void tl_init_fill(tl_tensor *x, double value);
int tl_init_orthogonal(tl_tensor *x, uint64_t key, double gain, tl_error *e);
int tl_set_reals(tl_tensor *x, const double *host); /* all values of a weight */

/* --- matrix products ------------------------------------------------------------------------------------------------- */
/* C [m, n] (ldc) = alpha op(A) op(B) + beta C, row-major, cut into tiles by shape over the pool. float: oneDNN, double: ours. */
void tl_gemm_f32(tl_pool *p, int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
void tl_gemm_f64(tl_pool *p, int ta, int tb, int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda, const double *b, int64_t ldb, double beta, double *c, int64_t ldc);
/* Single-threaded, for use inside a tile. */
void tl_gemm1_f32(int ta, int tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
void tl_gemm1_f64(int ta, int tb, int64_t m, int64_t n, int64_t k, double alpha, const double *a, int64_t lda, const double *b, int64_t ldb, double beta, double *c, int64_t ldc);
const char *tl_isa(void);                        /* "avx512", "avx2", "plain": what runs now (TAGLOOM_ISA can lower it) */
const char *tl_gemm_library(void);               /* "oneDNN 2.6.3" or "own": part of a run's identity */

/* --- safetensors ------------------------------------------------------------------------------------------------------ */
typedef struct tl_safetensors tl_safetensors;
typedef struct tl_st_entry { const char *name; const char *dtype; int rank; int64_t dim[8]; const void *data; size_t bytes; int64_t count; } tl_st_entry;
/* Maps a file; refuses offsets outside the file, overlaps, sizes that do not fit the dtype, 2^63 shapes, duplicate names - each with a sentence. */
tl_safetensors *tl_st_open(const char *path, tl_error *e);
tl_safetensors *tl_st_parse(const void *bytes, size_t n, const char *what, tl_error *e); /* bytes stay the caller's */
int tl_st_count(const tl_safetensors *s);
const tl_st_entry *tl_st_at(const tl_safetensors *s, int i);
const tl_st_entry *tl_st_find(const tl_safetensors *s, const char *name);
const char *tl_st_metadata(const tl_safetensors *s, const char *key);
int tl_st_reals(const tl_st_entry *entry, double *out, tl_error *e);   /* F64, F32, F16, BF16 */
int tl_st_floats(const tl_st_entry *entry, float *out, tl_error *e);
int tl_st_ints(const tl_st_entry *entry, int64_t *out, tl_error *e);   /* I64, I32, U8 ... */
void tl_st_close(tl_safetensors *s);
typedef struct tl_st_out { const char *name; const char *dtype; int rank; int64_t dim[8]; const void *data; size_t bytes; } tl_st_out;
/* metadata: pairs key, value, ... ending with NULL; may be NULL. Atomic. */
int tl_st_write(const char *path, int n, const tl_st_out *tensors, const char *const *metadata, tl_error *e);

#endif
