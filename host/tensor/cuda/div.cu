/* div.cu - a / b; b as in add. */
#define VALUE(a, b) ((a) / (b))
#define BY_A(g, a, b) ((g) / (b))
#define BY_B(g, a, b) (-(g) * (a) / ((b) * (b)))
#include "tensor/cuda/binary.h"
TL_CUDA_OP(div)
