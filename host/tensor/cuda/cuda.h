/*
 * cuda.h - what every CUDA kernel file includes. host/tensor/cuda/NAME.cu computes op NAME on a device; its shape rule is that of
 * host/tensor/cpu/NAME.c. How such a file is written:
 *
 * - `template <class T> static int forward(tl_op_call *c)` and `backward`, then TL_CUDA_OP(NAME), or TL_CUDA_OP_NO_GRAD(NAME) for an op
 *   without backward. T is the type of reals in memory: tl_get and tl_set read and write it, numbers between are float. T is float today;
 *   precision = "bf16" is a matter of products (half.cu), and an op whose forward multiplies inputs as they are names them in TL_CUDA_PRODUCTS. They only enqueue: no allocation, no waiting, nothing read back. They return 0, or -1 after tl_op_refuse.
 * - Every gradient: `=` where grad_fresh[i], else `+=` (tl_add_to does both), whatever the CPU's flags say. grad_in[i] is NULL where none
 *   is wanted. A fresh gradient must be written entirely, also where there is nothing to add (empty segments, unused rows).
 * - Same bits on every run: no floating-point atomics (no atomics at all), every sum in an order that shapes alone decide. Sums over rows:
 *   tl_column_sums, tl_sum_all, or one thread (warp, block) for each result.
 * - Kernels are static: two files may name theirs alike, and the linker would take one for both.
 * - Launches only through TL_LAUNCH(kernel, grid, block, shared bytes, c, arguments...); a grid without blocks launches nothing. Blocks are
 *   whole warps (a multiple of 32 threads, at most 1024); grid.y and grid.z at most 65535, so large counts go to grid.x; shared memory at most
 *   163 KB in all, and what is dynamic comes from TL_SHARED(type, name). Every thread of a block reaches every barrier: no return before one.
 *   Shuffles take the whole warp (mask 0xffffffff).
 * - Element by element: tl_each(c, n, [=] __device__ (int64_t i) { ... }). Row by row with a warp for each: tl_each_row. With rows that may be long:
 *   tl_each_team (team.h). Sums over many elements in double: parts.h. Rows added up by index: sorted.h. The k best: select.h.
 * - Data that shapes do not show is checked as on the CPU: tl_check_offsets(c, i, total) and tl_check_index(c, i, low, high) look at the host's
 *   copy, tl_op_ints(c, i) gives it (NULL where the device computed the integers). A kernel never trusts an index: one outside its range
 *   sets *tl_device_flag(ctx) to the op's place among the rows (TL_ROW_name) + 1 and is skipped. Offsets always come from the host.
 * - tl_scratch(c->ctx, bytes) is device memory until the op returns; tl_upload(c->ctx, host, bytes) puts host bytes there, which
 *   lie in tl_host_scratch(c->ctx, bytes): a kernel's host side calls no malloc.
 * - Nothing here but CUDA C++ that tests/cuda/emulate can compile with g++: no inline PTX but in mma.h, no cooperative groups, no <cub>.
 */
#ifndef HOST_TENSOR_CUDA_H
#define HOST_TENSOR_CUDA_H

#include <cuda_runtime.h>
#include <cuda_bf16.h>
#include <stdint.h>
#include <stdio.h>

#include "base/philox.h"
#include "tensor/kernel.h"

typedef __nv_bfloat16 tl_bf16;

enum {
#define TL_OP(name, params, inputs, args, signature, doc) TL_ROW_##name,
#include "tagloom/ops.def"
#undef TL_OP
	TL_ROWS
};

/* --- a file's end --- */
#define TL_CUDA_KERNELS(name, ...) extern "C" TL_API const tl_device_kernels tl_cuda_##name; const tl_device_kernels tl_cuda_##name = { __VA_ARGS__ };
#define TL_CUDA_OP(name) TL_CUDA_KERNELS(name, { forward<float>, backward<float> }, 0, NULL)
#define TL_CUDA_OP_NO_GRAD(name) TL_CUDA_KERNELS(name, { forward<float>, NULL }, 0, NULL)
/* inputs: a bit for each that forward and backward read as factors of products only; halves(c): does this forward write to tl_op_half_out? */
#define TL_CUDA_PRODUCTS(name, inputs, halves) TL_CUDA_KERNELS(name, { forward<float>, backward<float> }, inputs, halves)

/* --- launches --- */
static inline bool
tl_none(dim3 g)
{
	return !g.x || !g.y || !g.z;
}
/* Blocks for n things, `each` of them in a block. */
static inline unsigned
tl_grid(int64_t n, int64_t each)
{
	return (unsigned)((n + each - 1) / each);
}
#ifdef TL_EMULATED
#define TL_LAUNCH_(kernel, grid, block, shared, c, ...) tl_emulate_start((cudaStream_t)tl_device_stream((c)->ctx), #kernel, grid, block, shared, kernel, __VA_ARGS__)
#define TL_SHARED(type, name) type *name = (type *)tl_emulate_shared()
#else
template <class K> static inline void
tl_allow_shared(K kernel, size_t bytes)
{
	if (bytes > 48 << 10)
		cudaFuncSetAttribute((const void *)kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes);
}
#define TL_LAUNCH_(kernel, grid, block, shared, c, ...) do { \
		tl_allow_shared(kernel, shared); \
		(kernel)<<<grid, block, shared, (cudaStream_t)tl_device_stream((c)->ctx)>>>(__VA_ARGS__); \
	} while (0)
#define TL_SHARED(type, name) extern __shared__ __align__(16) unsigned char tl_shared_bytes[]; type *name = (type *)tl_shared_bytes
#endif
/* kernel: with its template arguments, in parentheses where there is more than one. */
#define TL_LAUNCH(kernel, grid, block, shared, c, ...) do { \
		dim3 grid_ = (grid), block_ = (block); \
		size_t shared_ = (size_t)(shared); \
		if (!tl_none(grid_)) \
			TL_LAUNCH_(kernel, grid_, block_, shared_, c, __VA_ARGS__); \
	} while (0)
/* The end of a forward or backward: 0, or -1 where a launch was refused. */
static inline int
tl_launched(tl_op_call *c)
{
	cudaError_t e = cudaGetLastError();

	return e == cudaSuccess ? 0 : tl_op_refuse(c, "the device refused a launch: %s", cudaGetErrorString(e));
}

/* --- numbers in memory --- */
/* Bytes that a kernel read and wrote by other ways than tl_get and tl_set; counted where it is emulated. */
__device__ static inline void
tl_moved(int64_t read, int64_t written)
{
#ifdef TL_EMULATED
	tl_emulated.read += read, tl_emulated.written += written;
#else
	(void)read, (void)written;
#endif
}
__device__ static inline float tl_get(const float *p, int64_t i) { tl_moved(4, 0); return p[i]; }
__device__ static inline float tl_get(const tl_bf16 *p, int64_t i) { tl_moved(2, 0); return __bfloat162float(p[i]); }
__device__ static inline void tl_set(float *p, int64_t i, float v) { tl_moved(0, 4); p[i] = v; }
__device__ static inline void tl_set(tl_bf16 *p, int64_t i, float v) { tl_moved(0, 2); p[i] = __float2bfloat16(v); }
/* Four numbers from i on, i a multiple of 4, p the beginning of a tensor or of scratch memory of n numbers; beyond the end: 0. */
typedef struct tl_four { float x[4]; } tl_four;
__device__ static inline tl_four
tl_whole_four(const float *p)
{
	float4 at = *(const float4 *)p;

	tl_moved(16, 0);
	return tl_four{ { at.x, at.y, at.z, at.w } };
}
__device__ static inline tl_four
tl_whole_four(const tl_bf16 *p)
{
	uint2 at = *(const uint2 *)p;

	tl_moved(8, 0);
	return tl_four{ { __uint_as_float(at.x << 16), __uint_as_float(at.x & 0xffff0000u), __uint_as_float(at.y << 16), __uint_as_float(at.y & 0xffff0000u) } };
}
__device__ static inline void
tl_set_whole_four(float *p, tl_four v)
{
	*(float4 *)p = make_float4(v.x[0], v.x[1], v.x[2], v.x[3]);
	tl_moved(0, 16);
}
/* Two numbers side by side in memory, a first. */
__device__ static inline unsigned
tl_two_bf16(float a, float b)
{
	return __bfloat16_as_ushort(__float2bfloat16(a)) | (unsigned)__bfloat16_as_ushort(__float2bfloat16(b)) << 16;
}
__device__ static inline void
tl_set_whole_four(tl_bf16 *p, tl_four v)
{
	*(uint2 *)p = make_uint2(tl_two_bf16(v.x[0], v.x[1]), tl_two_bf16(v.x[2], v.x[3]));
	tl_moved(0, 8);
}
template <class T> __device__ static inline tl_four
tl_load_four(const T *p, int64_t i, int64_t n)
{
	tl_four v = { { 0, 0, 0, 0 } };

	if (i + 4 <= n)
		return tl_whole_four(p + i);
	for (int k = 0; k < 4 && i + k < n; k++)
		v.x[k] = tl_get(p, i + k);
	return v;
}
template <class T> __device__ static inline void
tl_store_four(T *p, int64_t i, int64_t n, tl_four v)
{
	if (i + 4 <= n)
		tl_set_whole_four(p + i, v);
	for (int k = 0; i + 4 > n && k < 4 && i + k < n; k++)
		tl_set(p, i + k, v.x[k]);
}
template <class T> __device__ static inline void
tl_add_to(T *p, int64_t i, float v, bool fresh)
{
	tl_set(p, i, fresh ? v : tl_get(p, i) + v);
}

/* --- element by element, row by row --- */
enum { TL_THREADS = 256, TL_MOST_BLOCKS = 65535 };
static inline dim3
tl_grid_some(int64_t blocks)
{
	return dim3(blocks < (int64_t)TL_MOST_BLOCKS ? (unsigned)blocks : (unsigned)TL_MOST_BLOCKS);
}

template <class F> static __global__ void
tl_each_kernel(int64_t n, F f)
{
	for (int64_t i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x; i < n; i += (int64_t)gridDim.x * blockDim.x)
		f(i);
}
/* f(i) for i in [0, n), each by one thread. */
template <class F> static inline int
tl_each(tl_op_call *c, int64_t n, F f)
{
	int64_t blocks = (n + TL_THREADS - 1) / TL_THREADS;

	TL_LAUNCH(tl_each_kernel<F>, tl_grid_some(blocks), dim3(TL_THREADS), 0, c, n, f);
	return tl_launched(c);
}

template <class F> static __global__ void
tl_each_row_kernel(int64_t n, F f)
{
	for (int64_t row = blockIdx.x * (int64_t)(blockDim.x / 32) + threadIdx.x / 32; row < n; row += (int64_t)gridDim.x * (blockDim.x / 32))
		f(row, (int)(threadIdx.x % 32));
}
/* f(row, lane) for rows [0, n), each by the 32 lanes of one warp; all lanes of a warp are there, and __syncthreads is not allowed in f. */
template <class F> static inline int
tl_each_row(tl_op_call *c, int64_t n, F f)
{
	int64_t blocks = (n + TL_THREADS / 32 - 1) / (TL_THREADS / 32);

	TL_LAUNCH(tl_each_row_kernel<F>, tl_grid_some(blocks), dim3(TL_THREADS), 0, c, n, f);
	return tl_launched(c);
}

/* --- among the threads of a warp or block; every thread gets the result; the order is fixed --- */
template <class S> __device__ static inline S
tl_warp_sum(S v)
{
	for (int by = 16; by; by >>= 1)
		v += __shfl_xor_sync(0xffffffffu, v, by);
	return v;
}
__device__ static inline float
tl_larger(float a, float b) /* a NaN stays one */
{
	return a > b || a != a ? a : b;
}
__device__ static inline float
tl_warp_max(float v)
{
	for (int by = 16; by; by >>= 1)
		v = tl_larger(v, __shfl_xor_sync(0xffffffffu, v, by));
	return v;
}
/* The larger value, of equals the lower index. */
typedef struct tl_best { float value; int index; } tl_best;
__device__ static inline tl_best
tl_better(tl_best a, tl_best b)
{
	return b.value > a.value || (b.value == a.value && b.index < a.index) ? b : a;
}
__device__ static inline tl_best
tl_warp_best(tl_best v)
{
	for (int by = 16; by; by >>= 1) {
		tl_best other = { __shfl_xor_sync(0xffffffffu, v.value, by), __shfl_xor_sync(0xffffffffu, v.index, by) };
		v = tl_better(v, other);
	}
	return v;
}
/* Of all threads of a block of one dimension. `part` is shared memory of 33 numbers that nothing else uses between. */
template <class S> __device__ static inline S
tl_block_sum(S v, S *part)
{
	int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;

	v = tl_warp_sum(v);
	if (!lane)
		part[warp] = v;
	__syncthreads();
	v = 0;
	for (int i = 0; i < warps; i++)
		v += part[i];
	__syncthreads();
	return v;
}
__device__ static inline float
tl_block_max(float v, float *part)
{
	int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;

	v = tl_warp_max(v);
	if (!lane)
		part[warp] = v;
	__syncthreads();
	v = part[0];
	for (int i = 1; i < warps; i++)
		v = tl_larger(v, part[i]);
	__syncthreads();
	return v;
}

/* --- places --- */
/* The segment of n that holds row t: the last one that begins at or before it. n >= 1. */
__device__ static inline int64_t
tl_segment_at(const int32_t *at, int64_t n, int64_t t)
{
	int64_t low = 0, high = n - 1;

	while (low < high) {
		int64_t middle = (low + high + 1) / 2;
		if (at[middle] <= t)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}
/* i / n, by the short division where both fit. */
__device__ static inline int64_t
tl_divide(int64_t i, int64_t n)
{
	return ((uint64_t)i | (uint64_t)n) >> 32 ? i / n : (int64_t)((uint32_t)i / (uint32_t)n);
}

/* --- random numbers: those of the CPU --- */
/* Dropout of a call: elements are numbered as ops.def says. threshold 0: nothing is dropped. */
typedef struct tl_drop { uint64_t key, step; uint32_t threshold; float keep; } tl_drop;
static inline tl_drop
tl_drop_of(const tl_op_call *c, double p)
{
	tl_drop d = { c->key, c->step, 0, 1 };

	if (c->training && p > 0) {
		d.threshold = (uint32_t)lrint(p * 65536);
		d.keep = (float)(1 / (1 - p));
	}
	return d;
}
/* The factor of an element, 0 or 1 / (1 - p), from the words of its block, element / 8. */
__device__ static inline float
tl_drop_of_words(tl_drop d, const uint32_t word[4], uint64_t element)
{
	uint32_t half = (element % 8 / 2 == 0 ? word[0] : element % 8 / 2 == 1 ? word[1] : element % 8 / 2 == 2 ? word[2] : word[3]) >> 16 * (element % 2) & 0xffff;

	return half < d.threshold ? 0 : d.keep;
}
__device__ static inline float
tl_drop_factor(tl_drop d, uint64_t element)
{
	uint32_t word[4];

	if (!d.threshold)
		return d.keep;
	tl_philox_block(d.key, d.step, element / 8, word);
	return tl_drop_of_words(d, word, element);
}
/* The factors of the eight elements of block `block` (8 block .. 8 block + 7): one draw for all of them. */
__device__ static inline void
tl_drop_factors(tl_drop d, uint64_t block, float f[8])
{
	uint32_t word[4] = { 0, 0, 0, 0 };

	if (d.threshold)
		tl_philox_block(d.key, d.step, block, word);
	for (int i = 0; i < 8; i++)
		f[i] = tl_drop_of_words(d, word, (uint64_t)i);
}

/* --- activations (act.h has the formulas) --- */
__device__ static inline float
tl_act(int act, float x)
{
	switch (act) {
	case TL_RELU: return x > 0 || x != x ? x : 0;
	case TL_GELU: return x * 0.5f * erfcf(x * -0.70710678118654752440f);
	case TL_TANH: return tanhf(x);
	case TL_SIGMOID: return 1 / (1 + expf(-x));
	default: return x;
	}
}
/* Derivative: of gelu from x, of the others from y = act(x). */
__device__ static inline float
tl_act_slope(int act, float x, float y)
{
	switch (act) {
	case TL_RELU: return y > 0 ? 1 : 0;
	case TL_GELU: return 0.5f * erfcf(x * -0.70710678118654752440f) + x * 0.39894228040143267794f * expf(-0.5f * x * x);
	case TL_TANH: return 1 - y * y;
	case TL_SIGMOID: return y * (1 - y);
	default: return 1;
	}
}

/* --- loops that several kernels share (common.cu) --- */
/* to[d] += (or = where fresh) the sums over n rows of g [n, d], times m [n, d] where that is not NULL. */
int tl_column_sums(tl_op_call *c, int64_t n, int64_t d, const float *g, const float *m, float *to, bool fresh);
int tl_column_sums(tl_op_call *c, int64_t n, int64_t d, const tl_bf16 *g, const tl_bf16 *m, float *to, bool fresh);
int tl_column_sums(tl_op_call *c, int64_t n, int64_t d, const tl_bf16 *g, const tl_bf16 *m, tl_bf16 *to, bool fresh);
/* to[0] += (or = where fresh) factor * the sum of n numbers. */
int tl_sum_all(tl_op_call *c, int64_t n, const float *x, float factor, float *to, bool fresh);
int tl_sum_all(tl_op_call *c, int64_t n, const tl_bf16 *x, float factor, tl_bf16 *to, bool fresh);
/* Row-major C [m, n] (ldc) = op(A) op(B) + beta C, `batch` times with strides in elements (gemm.cu). bias [n] is added to every row, then
 * relu where act is TL_RELU (no other). */
typedef struct tl_product {
	int ta, tb;
	int64_t m, n, k;
	float alpha, beta;
	const void *a; int64_t lda, stride_a;
	const void *b; int64_t ldb, stride_b;
	void *c; int64_t ldc, stride_c;
	int64_t batch;              /* at least 1 */
	tl_dtype in, out;           /* of A and B; of C */
	bool half_a;                /* A is bf16 already; on a device with precision = "bf16" */
	const void *bias;           /* NULL: none; of C's type */
	bool relu;
} tl_product;
int tl_multiply(tl_op_call *c, const tl_product *p);
/* The same of A [k, m] that is transposed, one batch; and to[m] += (or = where fresh) the sums over A's rows. */
int tl_multiply_summing(tl_op_call *c, const tl_product *p, float *to, bool fresh);
template <class T> struct tl_type;
template <> struct tl_type<float> { static const tl_dtype dtype = TL_F32; };
template <> struct tl_type<tl_bf16> { static const tl_dtype dtype = TL_BF16; };
/* to [m, n] = op(a) op(b), `batch` products of dense matrices that lie one behind the other. */
template <class T> static inline tl_product
tl_dense(int ta, int tb, int64_t m, int64_t n, int64_t k, const T *a, const T *b, T *to, int64_t batch)
{
	tl_product p = {};

	p.ta = ta, p.tb = tb, p.m = m, p.n = n, p.k = k, p.alpha = 1, p.a = a, p.lda = ta ? m : k, p.stride_a = m * k, p.b = b, p.ldb = tb ? k : n, p.stride_b = k * n;
	p.c = to, p.ldc = n, p.stride_c = m * n, p.batch = batch, p.in = p.out = tl_type<T>::dtype;
	return p;
}

#endif
