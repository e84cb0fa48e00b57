/*
 * panels.h - float products for `linear` on CPUs with AVX-512. The right factor is packed once into panels that all tiles share, so that a
 * tile gets its bias and activation while it is in the cache at no cost for small tiles, and products over tokens (gradients of weights) run
 * as fast as the others. Elsewhere, and for all other products, tl_gemm serves.
 */
#ifndef HOST_TENSOR_PANELS_H
#define HOST_TENSOR_PANELS_H

#include <stdbool.h>
#include <stdint.h>

enum { TL_STRIP_COLUMNS = 32 };

/* Packs strip s (columns 32 s ...) of op(B) [k, n] into to [k, 32]; missing columns are zero. */
void tl_panel_pack(int tb, const float *b, int64_t ldb, int64_t n, int64_t k, int64_t strip, float *to);
/* C [m, n] = (or +=) op(A) B: `packed` points to the first strip of C's columns, strips lie k * 32 apart. One thread. */
void tl_panel_tile(int ta, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *packed, bool add, float *c, int64_t ldc);

#endif
