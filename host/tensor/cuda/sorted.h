/* sorted.h - rows that go to the same place are added up in an order that the index alone decides (sorted.cu). */
#ifndef HOST_TENSOR_CUDA_SORTED_H
#define HOST_TENSOR_CUDA_SORTED_H

#include "tensor/cuda/cuda.h"

/* to[index[i]] += x[i] for i in [0, m): x [m, d], to [rows, d]. An index outside [0, rows) is skipped. */
int tl_add_rows(tl_op_call *c, int64_t m, int64_t d, int64_t rows, const int32_t *index, const float *x, float *to);
int tl_add_rows(tl_op_call *c, int64_t m, int64_t d, int64_t rows, const int32_t *index, const tl_bf16 *x, tl_bf16 *to);

#endif
