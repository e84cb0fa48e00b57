/* div.c - a / b, element by element, b broadcast over a's leading axes. */
#define VALUE(a, b) ((a) / (b))
#define BY_A(g, a, b) ((g) / (b))
#define BY_B(g, a, b) (-(g) * (a) / ((b) * (b)))
#include "tensor/cpu/binary.h"

TL_CPU_OP(div, 0)
