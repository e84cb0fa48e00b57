/* exp.cu - e^x, element by element. */
#define VALUE(x) expf(x)
#define BY_X(g, x, y) ((g) * (y))
#include "tensor/cuda/unary.h"
TL_CUDA_OP(exp)
