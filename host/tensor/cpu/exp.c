/* exp.c - e^x, element by element. */
#define VALUES(n, x, y) INNER()->exp(n, x, y)
#define BY_X(g, x, y) ((g) * (y))
#include "tensor/cpu/unary.h"

TL_CPU_OP(exp, 0)
