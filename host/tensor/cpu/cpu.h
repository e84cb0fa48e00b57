/*
 * cpu.h - what every CPU kernel file includes. Each host/tensor/cpu/NAME.c holds the shape rule, forward and backward of op
 * NAME in plain C and ends with TL_CPU_OP(NAME, flags). The build compiles it twice: REAL = float, and with -DTL_DOUBLE REAL = double,
 * so that the gradient check in double tests the very same lines.
 */
#ifndef HOST_TENSOR_CPU_H
#define HOST_TENSOR_CPU_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/core.h"
#include "tensor/kernel.h"
#include "tensor/cpu/rows.h"

#ifdef TL_DOUBLE
typedef double REAL;
#define TL_REAL_DTYPE TL_F64
#define TL_SUFFIX(name) name##_f64
#define GEMM tl_gemm_f64
#define GEMM1 tl_gemm1_f64
#else
typedef float REAL;
#define TL_REAL_DTYPE TL_F32
#define TL_SUFFIX(name) name##_f32
#define GEMM tl_gemm_f32
#define GEMM1 tl_gemm1_f32
#endif

/* One built-in op of one type, found by the dispatch table of ops.c under tl_cpu_NAME_f32 / tl_cpu_NAME_f64. */
typedef struct tl_cpu_op { unsigned flags; int (*shape)(tl_op_call *c); tl_kernel kernel; } tl_cpu_op;
#define TL_CPU_NAME2(name, suffix) tl_cpu_##name##suffix
#ifdef TL_DOUBLE
#define TL_CPU_OP(name, flag) const tl_cpu_op tl_cpu_##name##_f64 = { flag, shape, { forward, backward } };
#else
#define TL_CPU_OP(name, flag) const tl_cpu_op tl_cpu_##name##_f32 = { flag, shape, { forward, backward } };
#endif

/* Shape rule helpers; each records a sentence naming the op, the input, what was found and what was wanted, and returns -1. */
int tl_shape_rank(tl_op_call *c, int input, int least, int most);              /* rank of in[input] within bounds */
int tl_shape_same(tl_op_call *c, int a, int b);                                /* equal shapes */
int tl_shape_dim(tl_op_call *c, int input, int axis, int64_t wanted, const char *why);
int tl_shape_tail(tl_op_call *c, int input, int of);                           /* in[input] has the shape of in[of]'s last axes, or is a scalar */
int tl_shape_ints(tl_op_call *c, int input);                                   /* i32 */
int tl_shape_out(tl_op_call *c, tl_dtype dtype, int rank, const int64_t *dims);
int tl_shape_like(tl_op_call *c, int input);                                   /* out has in[input]'s shape and type */
int tl_shape_save(tl_op_call *c, tl_dtype dtype, int rank, const int64_t *dims); /* one more saved buffer */

/* --- loops that several kernels share (common.c), cut by shape alone --- */
/* to[d] += (or = where fresh) the sums over n rows of g [n, d], times m [n, d] where that is not NULL. */
void TL_SUFFIX(tl_column_sums)(tl_ctx *ctx, int64_t n, int64_t d, const REAL *g, const REAL *m, REAL *to, bool fresh);
/* Sum of n numbers, accumulated in double by fixed tiles. */
double TL_SUFFIX(tl_sum_all)(tl_ctx *ctx, int64_t n, const REAL *x);
/* fn(arg, from, to) over [0, n) in blocks of `block` on the worker threads. */
void tl_blocks(tl_ctx *ctx, int64_t n, int64_t block, void (*fn)(void *arg, int64_t from, int64_t to), void *arg);
/* y = act(x), and gx (+)= g act'(x) where y = act(x); x may be NULL except for gelu. One thread. More such loops: INNER()->... of rows.h */
void TL_SUFFIX(tl_act_forward)(int act, int64_t n, const REAL *x, REAL *y);
void TL_SUFFIX(tl_act_backward)(int act, int64_t n, const REAL *x, const REAL *y, const REAL *g, REAL *gx, bool fresh);
#define INNER() TL_SUFFIX(tl_rows_of)()
typedef struct TL_SUFFIX(tl_rows) ROW_TABLE;
/* Threshold and factor of a dropout rate; the rate is in [0, 1). */
int tl_shape_rate(tl_op_call *c, double p);
static inline uint32_t
tl_drop_threshold(double p)
{
	return (uint32_t)lrint(p * 65536);
}
int tl_shape_act(tl_op_call *c, double act);       /* refuses what is no tl_activation */

#endif
