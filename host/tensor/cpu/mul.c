/* mul.c - a * b, element by element, b broadcast over a's leading axes. */
#define VALUE(a, b) ((a) * (b))
#define BY_A(g, a, b) ((g) * (b))
#define BY_B(g, a, b) ((g) * (a))
#include "tensor/cpu/binary.h"

TL_CPU_OP(mul, 0)
