/* schedule.c - how the learning rate goes over the steps. */
#include <math.h>

#include "loop.h"

double
tl_schedule_factor(int schedule, double warmup, int64_t s, int64_t steps)
{
	/* rint: halves go to the even number, as in the toolkits that people compare with. */
	int64_t warm = warmup > 0 ? TL_MAX((int64_t)1, (int64_t)rint(warmup * (double)steps)) : 0;
	double left;

	if (s < warm)
		return (double)(s + 1) / (double)warm;
	if (schedule == TL_CONSTANT)
		return 1;
	if (s >= steps)
		return 0;
	left = (double)(steps - s) / (double)(steps - warm);
	return schedule == TL_COSINE ? 0.5 * (1 - cos(left * 3.14159265358979323846)) : left;
}
