/* memory.h - where the tensors of a step lie: in the step's arena, or in one block of a device (device.c). */
#ifndef HOST_TENSOR_MEMORY_H
#define HOST_TENSOR_MEMORY_H

#include "tensor/core.h"
#include "tensor/device.h"

typedef struct tl_space tl_space;
typedef struct tl_space_mark { void *block; size_t in_block, used; int64_t guards; } tl_space_mark;
tl_space *tl_space_new(tl_device *d, bool host);
void *tl_space_alloc(tl_space *s, size_t bytes);   /* NULL: the device's error says why */
int tl_space_reset(tl_space *s);
tl_space_mark tl_space_here(const tl_space *s);
int tl_space_back(tl_space *s, tl_space_mark mark);
size_t tl_space_peak(const tl_space *s);
void tl_space_free(tl_space *s);

/* The memory of a step, wherever the context computes. Those that return int record a sentence in the context. */
typedef struct tl_step_mark { tl_arena_mark host; tl_space_mark device; } tl_step_mark;
void tl_step_begin(tl_ctx *ctx);
tl_step_mark tl_step_here(const tl_ctx *ctx);
void tl_step_back(tl_ctx *ctx, tl_step_mark mark);
void *tl_step_room(tl_ctx *ctx, size_t bytes);                               /* the same; where the context counts, only counted: nothing may be read or written */
void *tl_step_alloc(tl_ctx *ctx, size_t bytes);                              /* of tensors; NULL after recording an error */
int tl_step_zero(tl_ctx *ctx, void *p, size_t bytes);
int tl_step_copy(tl_ctx *ctx, void *to, const void *from, size_t bytes);     /* between tensors; may overlap on the CPU only */
void *tl_step_send(tl_ctx *ctx, const void *host, size_t bytes);             /* to a device, ahead of the work that is under way: where it will be. The host's bytes may change at once */
int tl_step_sent(tl_ctx *ctx);                                               /* before work that reads what was sent is given */
int tl_step_get(tl_ctx *ctx, void *host, const void *from, size_t bytes);    /* waits */
int tl_step_add(tl_ctx *ctx, tl_dtype dtype, void *p, const void *x, int64_t n);
int tl_step_fill(tl_ctx *ctx, tl_dtype dtype, void *p, int64_t n, double value);
void tl_ctx_off(tl_ctx *ctx);

/* Kernels of an op in the loaded device; NULL: none. */
const tl_device_kernels *tl_device_kernels_of(const char *op);
void tl_ops_of_device(void);                       /* the rows of ops.def get the kernels of the device that was just loaded */
const char *tl_op_name_at(int64_t row);

#endif
