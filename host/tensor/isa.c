/* isa.c - plain C, AVX2 or AVX-512: what this machine has, and no more than TAGLOOM_ISA allows. */
#include "isa.h"

#include <pthread.h>
#include <stdlib.h>

#include "core.h"

static const char *const names[] = { "plain", "avx2", "avx512" };
static int found, level;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
detect(void)
{
	const char *want = getenv("TAGLOOM_ISA");

#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		found = TL_ISA_AVX2;
	if (found && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
		found = TL_ISA_AVX512;
#endif
	level = found;
	if (!want || !*want)
		return;
	for (int i = 0; i < (int)TL_COUNT(names); i++)
		if (tl_streq(want, names[i])) {
			level = TL_MIN(i, found);
			if (i > found)
				tl_warning("TAGLOOM_ISA=%s: this CPU has no more than %s, which is used", want, names[found]);
			return;
		}
	tl_warning("TAGLOOM_ISA=%s: wanted plain, avx2 or avx512; %s is used", want, names[level]);
}

int
tl_isa_level(void)
{
	pthread_once(&once, detect);
	return level;
}

int
tl_isa_lower(int wanted)
{
	pthread_once(&once, detect);
	return level = TL_MIN(wanted, found);
}

const char *
tl_isa(void)
{
	return names[tl_isa_level()];
}
