/* segment_mean.cu - x [T, ...] packed -> [B, ...]: means of each segment's rows; 0 for an empty one. */
#define MEAN 1
#include "tensor/cuda/segment_sum.h"
TL_CUDA_OP(segment_mean)
