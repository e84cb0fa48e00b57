/* segment_sum.c - x [T, ...] packed -> [B, ...]: sums of each segment's rows; 0 for an empty one. */
#define MEAN 0
#include "tensor/cpu/segment_sum.h"

TL_CPU_OP(segment_sum, 0)
