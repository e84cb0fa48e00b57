/*
 * guard.c - the floating-point control word survives plugins. A library linked with -ffast-math sets flush-to-zero for the whole
 * process when it is loaded; a plugin may change the rounding. Both would change every number that is computed afterwards.
 */
#include "inside.h"

#include <string.h>

#if defined(__x86_64__)
enum { STATUS_FLAGS = 0x3F, FLUSH = 0x8000, DENORMALS = 0x40, ROUNDING = 0x6000 };

static uint64_t
read_mxcsr(void)
{
	uint32_t v;

	__asm__ volatile("stmxcsr %0" : "=m"(v));
	return v & ~(uint32_t)STATUS_FLAGS;
}

static uint64_t
read_x87(void)
{
	uint16_t v;

	__asm__ volatile("fnstcw %0" : "=m"(v));
	return v;
}

void
tl_float_save(tl_float_state *s)
{
	s->control = read_mxcsr();
	s->more = read_x87();
}

bool
tl_float_restore(const tl_float_state *s, char *what, size_t n)
{
	uint64_t mxcsr = read_mxcsr(), x87 = read_x87(), changed = mxcsr ^ s->control;

	if (!changed && x87 == s->more)
		return false;
	if (what)
		snprintf(what, n, "%s%s%s%s%s", changed & FLUSH ? ", flush-to-zero" : "", changed & DENORMALS ? ", denormals-are-zero" : "",
		         changed & ROUNDING ? ", the rounding mode" : "", changed & ~(uint64_t)(FLUSH | DENORMALS | ROUNDING) ? ", exception masks" : "",
		         x87 != s->more ? ", the x87 control word" : "");
	if (what && n > 2)
		memmove(what, what + 2, strlen(what) - 1);
	if (changed) {
		uint32_t v = (uint32_t)s->control;
		__asm__ volatile("ldmxcsr %0" : : "m"(v));
	}
	if (x87 != s->more) {
		uint16_t v = (uint16_t)s->more;
		__asm__ volatile("fldcw %0" : : "m"(v));
	}
	return true;
}
#elif defined(__aarch64__)
static uint64_t
read_fpcr(void)
{
	uint64_t v;

	__asm__ volatile("mrs %0, fpcr" : "=r"(v));
	return v;
}

void
tl_float_save(tl_float_state *s)
{
	s->control = read_fpcr();
	s->more = 0;
}

bool
tl_float_restore(const tl_float_state *s, char *what, size_t n)
{
	if (read_fpcr() == s->control)
		return false;
	if (what)
		snprintf(what, n, "the floating-point control register");
	__asm__ volatile("msr fpcr, %0" : : "r"(s->control));
	return true;
}
#else
#include <fenv.h>

void
tl_float_save(tl_float_state *s)
{
	s->control = (uint64_t)fegetround();
	s->more = 0;
}

bool
tl_float_restore(const tl_float_state *s, char *what, size_t n)
{
	if ((uint64_t)fegetround() == s->control)
		return false;
	if (what)
		snprintf(what, n, "the rounding mode");
	fesetround((int)s->control);
	return true;
}
#endif
