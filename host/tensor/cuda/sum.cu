/* sum.cu - sum of all elements, a scalar; 0 for none. */
#define FACTOR(n) 1
#include "tensor/cuda/sums.h"
TL_CUDA_OP(sum)
