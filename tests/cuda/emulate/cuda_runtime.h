/*
 * cuda_runtime.h - stands in for CUDA's header, so that the sources of host/tensor/cuda are compiled by g++ and run on the CPU (tests).
 * A block's threads are fibers of one thread; blocks run one after the other. What a device would not forgive ends the program with a
 * sentence: a barrier that not every thread reaches, a launch beyond the limits, memory written outside a tensor, device memory that
 * the host touches (with TAGLOOM_EMULATE_PROTECT=1). TAGLOOM_EMULATE_ORDER=0, 1, ... : in which order blocks and threads run; TAGLOOM_EMULATE_MEMORY: bytes there are.
 * TAGLOOM_EMULATE_STREAMS: work is done when it is given; =late: that of all streams but the first only when an event or the host waits for it; =ahead: that of the
 * first stream only then (of kernels whose arguments are values: they are evaluated when the kernel runs, so whole runs know late alone). Between them lies what a device may do,
 * so an event that is missing gives other numbers under one of them; =lost: late, and no stream waits for an event.
 */
#ifndef TESTS_EMULATE_CUDA_RUNTIME_H
#define TESTS_EMULATE_CUDA_RUNTIME_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __shared__ static      /* blocks run one after the other, so one copy is enough */
#define __align__(n) __attribute__((aligned(n)))
#define __restrict__ __restrict

struct uint3 { unsigned x, y, z; };
struct dim3 {
	unsigned x, y, z;
	dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
struct __align__(8) float2 { float x, y; };
struct __align__(16) float4 { float x, y, z, w; };
struct __align__(8) int2 { int x, y; };
struct __align__(16) int4 { int x, y, z, w; };
struct __align__(16) uint4 { unsigned x, y, z, w; };
struct __align__(8) uint2 { unsigned x, y; };
static inline float2 make_float2(float x, float y) { return float2{ x, y }; }
static inline float4 make_float4(float x, float y, float z, float w) { return float4{ x, y, z, w }; }
static inline uint2 make_uint2(unsigned x, unsigned y) { return uint2{ x, y }; }

#define TL_EMULATE extern "C" __attribute__((visibility("hidden")))
extern __attribute__((visibility("hidden"))) struct uint3 threadIdx, blockIdx;
extern __attribute__((visibility("hidden"))) struct dim3 blockDim, gridDim;
static const int warpSize = 32;

/* --- what a kernel says --- */
TL_EMULATE void tl_emulate_barrier(const char *file, int line, int *count, int *all, int *any, int predicate);
TL_EMULATE uint64_t tl_emulate_lane(const char *file, int line, unsigned mask, uint64_t value, int from);
TL_EMULATE unsigned tl_emulate_ballot(const char *file, int line, unsigned mask, int predicate);
TL_EMULATE void *tl_emulate_shared(void);
/* What a warp does as one (mma.h): each lane gives its part and gets its part of the result. */
TL_EMULATE void tl_emulate_matrices(const char *file, int line, unsigned to[4], const void *row, bool turned);
TL_EMULATE void tl_emulate_mma(const char *file, int line, float c[4], const unsigned a[4], unsigned b0, unsigned b1);
#define __syncthreads() tl_emulate_barrier(__FILE__, __LINE__, NULL, NULL, NULL, 0)
static inline int
tl_emulate_barrier_or(const char *file, int line, int predicate)
{
	int any;

	tl_emulate_barrier(file, line, NULL, NULL, &any, predicate);
	return any;
}
#define __syncthreads_or(p) tl_emulate_barrier_or(__FILE__, __LINE__, p)
#define __syncwarp(...) ((void)tl_emulate_ballot(__FILE__, __LINE__, 0xffffffffu, 0))
template <class T> static inline T
tl_emulate_shuffle(const char *file, int line, unsigned mask, T value, int from)
{
	uint64_t bits = 0;

	static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
	memcpy(&bits, &value, sizeof value);
	bits = tl_emulate_lane(file, line, mask, bits, from);
	memcpy(&value, &bits, sizeof value);
	return value;
}
#define tl_emulated_lane (int)((threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) & 31)
#define __shfl_sync(mask, v, lane) tl_emulate_shuffle(__FILE__, __LINE__, mask, v, (lane) & 31)
#define __shfl_xor_sync(mask, v, bits) tl_emulate_shuffle(__FILE__, __LINE__, mask, v, tl_emulated_lane ^ (bits))
#define __shfl_down_sync(mask, v, by) tl_emulate_shuffle(__FILE__, __LINE__, mask, v, tl_emulated_lane + (by) > 31 ? tl_emulated_lane : tl_emulated_lane + (int)(by))
#define __shfl_up_sync(mask, v, by) tl_emulate_shuffle(__FILE__, __LINE__, mask, v, tl_emulated_lane < (int)(by) ? tl_emulated_lane : tl_emulated_lane - (int)(by))
#define __ballot_sync(mask, p) tl_emulate_ballot(__FILE__, __LINE__, mask, p)
#define __any_sync(mask, p) (tl_emulate_ballot(__FILE__, __LINE__, mask, p) != 0)
#define __all_sync(mask, p) (tl_emulate_ballot(__FILE__, __LINE__, mask, p) == 0xffffffffu)
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
static inline float rsqrtf(float x) { return 1 / sqrtf(x); }
static inline double rsqrt(double x) { return 1 / sqrt(x); }
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((uint64_t)a * b >> 32); }
static inline int __float_as_int(float f) { int i; memcpy(&i, &f, 4); return i; }
static inline unsigned __float_as_uint(float f) { unsigned i; memcpy(&i, &f, 4); return i; }
static inline float __int_as_float(int i) { float f; memcpy(&f, &i, 4); return f; }
static inline float __uint_as_float(unsigned i) { float f; memcpy(&f, &i, 4); return f; }
template <class T> static inline T __ldg(const T *p) { return *p; }
static inline int min(int a, int b) { return a < b ? a : b; }
static inline int max(int a, int b) { return a > b ? a : b; }
static inline unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
static inline int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max(int64_t a, int64_t b) { return a > b ? a : b; }
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }

/* --- what the host says --- */
typedef enum cudaError { cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaErrorMemoryAllocation = 2, cudaErrorInvalidDevice = 101, cudaErrorNoDevice = 100, cudaErrorLaunchFailure = 719, cudaErrorNotReady = 600 } cudaError_t;
typedef struct CUstream_st *cudaStream_t;
typedef struct CUevent_st *cudaEvent_t;
enum cudaMemcpyKind { cudaMemcpyHostToHost, cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice, cudaMemcpyDefault };
enum { cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2, cudaHostAllocDefault = 0 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum cudaDeviceAttr { cudaDevAttrComputeCapabilityMajor = 75, cudaDevAttrComputeCapabilityMinor = 76, cudaDevAttrMultiProcessorCount = 16 };
typedef struct cudaDeviceProp { char name[256]; size_t totalGlobalMem; int major, minor, multiProcessorCount; } cudaDeviceProp;
TL_EMULATE cudaError_t cudaGetDeviceCount(int *n);
TL_EMULATE cudaError_t cudaSetDevice(int i);
TL_EMULATE cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int i);
TL_EMULATE cudaError_t cudaRuntimeGetVersion(int *v);
TL_EMULATE cudaError_t cudaDriverGetVersion(int *v);
TL_EMULATE cudaError_t cudaMemGetInfo(size_t *free, size_t *total);
TL_EMULATE cudaError_t tl_emulate_malloc(void **p, size_t bytes);
TL_EMULATE cudaError_t tl_emulate_malloc_host(void **p, size_t bytes);
template <class T> static inline cudaError_t cudaMalloc(T **p, size_t bytes) { return tl_emulate_malloc((void **)p, bytes); }
template <class T> static inline cudaError_t cudaMallocHost(T **p, size_t bytes) { return tl_emulate_malloc_host((void **)p, bytes); }
TL_EMULATE cudaError_t cudaFree(void *p);
TL_EMULATE cudaError_t cudaFreeHost(void *p);
TL_EMULATE cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t n, cudaMemcpyKind kind, cudaStream_t s);
TL_EMULATE cudaError_t cudaMemsetAsync(void *to, int value, size_t n, cudaStream_t s);
TL_EMULATE cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned flags);
TL_EMULATE cudaError_t cudaStreamDestroy(cudaStream_t s);
TL_EMULATE cudaError_t cudaStreamSynchronize(cudaStream_t s);
TL_EMULATE cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned flags);
TL_EMULATE cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned flags);
TL_EMULATE cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s);
TL_EMULATE cudaError_t cudaEventSynchronize(cudaEvent_t e);
TL_EMULATE cudaError_t cudaEventDestroy(cudaEvent_t e);
TL_EMULATE cudaError_t cudaGetLastError(void);
TL_EMULATE const char *cudaGetErrorString(cudaError_t e);
template <class F> static inline cudaError_t cudaFuncSetAttribute(F, cudaFuncAttribute, int) { return cudaSuccess; }

/* What was asked of the device so far, for tests: found by dlsym. read, written: bytes of tensors that kernels moved; product_*: operands and results of the
 * library's products, each once. */
typedef struct tl_emulated_counts { int64_t launches, products, fills, copies, bytes_up, bytes_down, bytes_within, allocations, waits, read, written, product_read, product_written; } tl_emulated_counts;
extern "C" __attribute__((visibility("default"))) tl_emulated_counts tl_emulated;

/* --- launches --- */
TL_EMULATE void tl_emulate_check(const char *what, dim3 grid, dim3 block, size_t shared);
TL_EMULATE void tl_emulate_launch(const char *what, dim3 grid, dim3 block, size_t shared, void (*run)(void *arg), void *arg);
/* run(arg) in the order of the stream; it frees arg. */
TL_EMULATE void tl_emulate_give(cudaStream_t s, void (*run)(void *arg), void *arg);
template <class F> static void
tl_emulate_given(void *f)
{
	(*(F *)f)();
	delete (F *)f;
}
template <class F> static inline void
tl_emulate_on(cudaStream_t s, F f)
{
	tl_emulate_give(s, tl_emulate_given<F>, new F(f));
}
/* Device memory may be touched between enter and leave only (kernels, copies, products). */
TL_EMULATE void tl_emulate_enter(void);
TL_EMULATE void tl_emulate_leave(void);
template <class F> static void
tl_emulate_call(void *f)
{
	(*(F *)f)();
}
template <class T> struct tl_emulate_as { typedef T type; };
/* The arguments are taken now, as a launch takes them, whenever the kernel runs. */
template <class... P> static inline void
tl_emulate_start(cudaStream_t s, const char *what, dim3 grid, dim3 block, size_t shared, void (*kernel)(P...), typename tl_emulate_as<P>::type... given)
{
	tl_emulate_check(what, grid, block, shared);
	tl_emulate_on(s, [=] {
		auto call = [=] { kernel(given...); };
		tl_emulate_launch(what, grid, block, shared, tl_emulate_call<decltype(call)>, &call);
	});
}

#endif
