/* log.c - ln x, element by element. */
#ifdef TL_DOUBLE
#define LOG log
#else
#define LOG logf
#endif
#define VALUES(n, x, y) logarithms(n, x, y)
#define BY_X(g, x, y) ((g) / (x))
#include "tensor/cpu/cpu.h"

static void
logarithms(int64_t n, const REAL *x, REAL *y)
{
	for (int64_t i = 0; i < n; i++)
		y[i] = LOG(x[i]);
}

#include "tensor/cpu/unary.h"

TL_CPU_OP(log, 0)
