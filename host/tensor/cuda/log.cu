/* log.cu - ln x, element by element. */
#define VALUE(x) logf(x)
#define BY_X(g, x, y) ((g) / (x))
#include "tensor/cuda/unary.h"
TL_CUDA_OP(log)
