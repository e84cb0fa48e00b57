/*
 * device.h - a device other than the CPU: one table of functions, filled by a shared object of its own (tagloom-cuda.so, from
 * host/tensor/cuda), which is loaded when a device is asked for and never before. The host only enqueues: all work of a device is done in
 * the order it was given, but for what is sent ahead, and only `download` and `wait` wait for it. Functions return 0, or -1 (NULL) with a sentence in `error`.
 */
#ifndef HOST_TENSOR_DEVICE_H
#define HOST_TENSOR_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tagloom/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { TL_DEVICE_ALIGN = 256 }; /* bytes: every tensor of a device begins at a multiple of it */

/* The optimizer's part of the weights, as on the CPU (host/train): tiles of at most TL_DEVICE_TILE numbers, each of one weight. */
enum { TL_DEVICE_TILE = 16384 };
typedef struct tl_device_tile { int64_t from; int32_t n, weight; } tl_device_tile;
typedef struct tl_device_rate { double rate, decay, l2; } tl_device_rate;
typedef struct tl_device_step { double clip /* 0: none */, factor, beta1, beta2, eps, bias1, correction; } tl_device_step; /* SGD: beta1 is the momentum, bias1 = 1 */
typedef struct tl_device_optimizer tl_device_optimizer;

typedef struct tl_device tl_device;
struct tl_device {
	uint32_t size;                  /* sizeof(tl_device): host and shared object are of one build */
	const char *kind;               /* "cuda", "cuda-emulated" */
	int index;
	char name[128];                 /* "NVIDIA H200" */
	char library[64];               /* "cublasLt 13.0.2": part of a run's identity */
	size_t total;                   /* bytes of memory */
	bool tf32;                      /* products of float in the shorter type (precision = "tf32") */
	bool bf16;                      /* products of what is rounded to bf16, summed up in float (precision = "bf16"); set before weights are laid out */
	bool guarded;                   /* tests: the bytes behind every tensor are looked after */
	void *stream, *ahead;           /* cudaStream_t of all work, and of what is sent ahead of it */
	char error[600];

	int (*memory)(tl_device *d, size_t *unused, size_t *total);
	void *(*alloc)(tl_device *d, size_t bytes);
	void (*release)(tl_device *d, void *p);
	void *(*alloc_host)(tl_device *d, size_t bytes);      /* host memory that copies read and write while the host goes on */
	void (*release_host)(tl_device *d, void *p);
	int (*upload)(tl_device *d, void *to, const void *from, size_t bytes);       /* `from` must stay as it is until the copy is done: alloc_host'd memory */
	/* The same on a second stream, without waiting for the work given before: into memory that no work under way uses. sent: what was sent so far is there for all work
	 * that is given from now on; the event is used for it. */
	int (*send)(tl_device *d, void *to, const void *from, size_t bytes);
	int (*sent)(tl_device *d, void *event);
	int (*download)(tl_device *d, void *to, const void *from, size_t bytes);     /* waits for all work given before */
	int (*fetch)(tl_device *d, void *to, const void *from, size_t bytes);        /* `to` is alloc_host'd and holds the values once an event after it is reached */
	int (*copy)(tl_device *d, void *to, const void *from, size_t bytes);         /* within the device; must not overlap */
	int (*zero)(tl_device *d, void *p, size_t bytes);
	int (*wait)(tl_device *d);
	void *(*event)(tl_device *d);
	void (*event_free)(tl_device *d, void *event);
	int (*record)(tl_device *d, void *event);            /* all work given so far */
	int (*await)(tl_device *d, void *event);             /* the host waits until it is done */
	/* p[i] += x[i] (add) or p[i] = value, of a dtype */
	int (*add)(tl_device *d, tl_dtype dtype, void *p, const void *x, int64_t n);
	int (*fill)(tl_device *d, tl_dtype dtype, void *p, int64_t n, double value);
	int (*blend)(tl_device *d, float *to, const float *from, int64_t n, double momentum); /* to = momentum to + (1 - momentum) from */
	/* bf16: to[i] = from[i], rounded to the nearest. */
	int (*halve)(tl_device *d, void *to, const float *from, int64_t n);
	int (*widen)(tl_device *d, float *to, const void *from, int64_t n);          /* and back */
	/* A weight that products may read. Its bf16 copy is made when the first product asks for it, kept in step by the optimizer, and made again
	 * where something else wrote the weight; end: of every weight that begins in [w, w + n). */
	int (*shadow)(tl_device *d, const float *w, int64_t n);
	void (*shadow_end)(tl_device *d, const float *w, int64_t n);
	tl_device_optimizer *(*optimizer)(tl_device *d, int64_t n, const tl_device_tile *tile, int weights);
	void (*optimizer_free)(tl_device *d, tl_device_optimizer *o);
	/* What differs between weights: rate (lr times its scales), decoupled decay, l2. */
	int (*optimizer_rates)(tl_device *d, tl_device_optimizer *o, const tl_device_rate *rate, int weights);
	/* Clips by the global norm, updates, zeroes the gradients; with a norm that is not finite nothing changes, now and in all steps after.
	 * v NULL: SGD. `report` (alloc_host'd) gets the norm. */
	int (*optimizer_step)(tl_device *d, tl_device_optimizer *o, const tl_device_step *s, float *w, float *g, float *m, float *v, double *report);
	int (*optimizer_sums)(tl_device *d, tl_device_optimizer *o, double *sum);    /* of squares, tile by tile; waits */
	void (*close)(tl_device *d);
	void *inside, *shadows;
};

/* What the shared object exports. kind of failure: -1 and a sentence. */
typedef int (*tl_device_open_fn)(int index, uint32_t size, tl_device **out, char *error, size_t room);
#define TL_DEVICE_OPEN "tl_cuda_open"
/*
 * Kernels of op NAME: `const tl_device_kernels tl_cuda_NAME`. For bf16: `products` has a bit for each input that is only ever a factor of products, which is
 * then rounded once for all who multiply it; `halves` says of a call whether its forward writes the result in bf16 itself (tl_op_half_out); NULL: never.
 */
typedef struct tl_device_kernels { tl_kernel f32; uint32_t products; bool (*halves)(const tl_op_call *c); } tl_device_kernels;

#ifdef __cplusplus
}
#endif
#endif
