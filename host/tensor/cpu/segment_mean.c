/* segment_mean.c - x [T, ...] packed -> [B, ...]: means of each segment's rows; 0 for an empty one. */
#define MEAN 1
#include "tensor/cpu/segment_sum.h"

TL_CPU_OP(segment_mean, 0)
