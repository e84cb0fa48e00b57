/* exp.c - e^x, element by element. */
#ifdef TL_DOUBLE
#define VALUE(x) exp(x)
#else
#define VALUE(x) expf(x)
#endif
#define BY_X(g, x, y) ((g) * (y))
#include "tensor/cpu/unary.h"

TL_CPU_OP(exp, 0)
