/* log.c - ln x, element by element. */
#ifdef TL_DOUBLE
#define VALUE(x) log(x)
#else
#define VALUE(x) logf(x)
#endif
#define BY_X(g, x, y) ((g) / (x))
#include "tensor/cpu/unary.h"

TL_CPU_OP(log, 0)
