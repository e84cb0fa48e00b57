/* gemm.h - the matrix products' inside. */
#ifndef HOST_TENSOR_GEMM_H
#define HOST_TENSOR_GEMM_H

#include "core.h"

/* Called when rows i .. i+m-1, columns j .. j+n-1 of the result are complete and in the cache, by the thread that computed them. */
typedef void tl_gemm_after(void *arg, int64_t i, int64_t j, int64_t m, int64_t n);

enum { TL_GEMM_TILE, TL_GEMM_SHARED, TL_GEMM_BUFFERS };
/* This thread's buffers, 64-byte aligned: of one tile, and of what all tiles of a product read. They stay until the thread ends. */
void *tl_gemm_memory(int which, size_t bytes);

/* The blocked product of gemm_own.h over the pool (NULL: this thread alone); after may be NULL. */
#define TL_OWN(name, T) \
	void name(tl_pool *pool, int ta, int tb, int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t lda, const T *b, int64_t ldb, T beta, T *c, int64_t ldc, \
	          tl_gemm_after *after, void *arg)
TL_OWN(tl_own_f32_plain, float);
TL_OWN(tl_own_f64_plain, double);
TL_OWN(tl_own_f32_avx2, float);
TL_OWN(tl_own_f64_avx2, double);
TL_OWN(tl_own_f32_avx512, float);
TL_OWN(tl_own_f64_avx512, double);

/* tl_gemm_f32 and tl_gemm_f64 with something to be done to each finished part of the result. */
TL_OWN(tl_gemm_after_f32, float);
TL_OWN(tl_gemm_after_f64, double);

/*
 * Small products by one thread, for kernels that make many of them: the right factor is packed by the caller, the left one read where it lies.
 * pack: alpha op(B) [k, n] into ceil(n / strip) strips [k, strip], missing columns zero; strip is at most 32.
 * product: C [m, n] = (or +=) A B, with element (i, p) of A at a[i * row + p * step], where row or step is 1.
 */
#define TL_SMALL(T) { \
	int strip; \
	void (*pack)(int tb, T alpha, const T *b, int64_t ldb, int64_t n, int64_t k, T *to); \
	void (*product)(int64_t m, int64_t n, int64_t k, const T *a, int64_t row, int64_t step, const T *packed, bool add, T *c, int64_t ldc); \
}
struct tl_small_f32 TL_SMALL(float);
struct tl_small_f64 TL_SMALL(double);
extern const struct tl_small_f32 tl_small_f32_plain, tl_small_f32_avx2, tl_small_f32_avx512;
extern const struct tl_small_f64 tl_small_f64_plain, tl_small_f64_avx2, tl_small_f64_avx512;
const struct tl_small_f32 *tl_small_of_f32(void);
const struct tl_small_f64 *tl_small_of_f64(void);

#endif
