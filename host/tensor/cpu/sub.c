/* sub.c - a - b, element by element, b broadcast over a's leading axes. */
#define VALUE(a, b) ((a) - (b))
#define BY_A(g, a, b) (g)
#define BY_B(g, a, b) (-(g))
#include "tensor/cpu/binary.h"

TL_CPU_OP(sub, 0)
