/* segment_sum.cu - x [T, ...] packed -> [B, ...]: sums of each segment's rows; 0 for an empty one. */
#define MEAN 0
#include "tensor/cuda/segment_sum.h"
TL_CUDA_OP(segment_sum)
