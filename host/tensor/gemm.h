/* gemm.h - the matrix products' inside. */
#ifndef HOST_TENSOR_GEMM_H
#define HOST_TENSOR_GEMM_H

#include "core.h"

void *tl_gemm_memory(size_t bytes); /* this thread's packing buffer, 64-byte aligned; stays until the thread ends */
#define TL_OWN(name, T) void name(int ta, int tb, int64_t m, int64_t n, int64_t k, T alpha, const T *a, int64_t lda, const T *b, int64_t ldb, T beta, T *c, int64_t ldc)
TL_OWN(tl_own_f32_plain, float);
TL_OWN(tl_own_f64_plain, double);
TL_OWN(tl_own_f32_avx2, float);
TL_OWN(tl_own_f64_avx2, double);
TL_OWN(tl_own_f32_avx512, float);
TL_OWN(tl_own_f64_avx512, double);

#endif
