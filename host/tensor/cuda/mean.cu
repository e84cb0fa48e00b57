/* mean.cu - mean of all elements, a scalar; 0 for none. */
#define FACTOR(n) (n ? 1 / (float)n : 0)
#include "tensor/cuda/sums.h"
TL_CUDA_OP(mean)
