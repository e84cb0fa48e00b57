/*
 * clock.c - how long a script may compute. Instructions are counted (script.c); but one call of a library function, such as the match of a
 * pathological pattern, can take years without a single one. So after some seconds of computing the next instruction raises, and
 * where none comes within a few seconds more, the caller is told, who alone may end the process.
 */
#include "inside.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

enum { SECONDS = 20, MORE = 4 };

static tl_script *volatile timed;

static void
on_time(int sig)
{
	tl_script *s = timed;
	int kept = errno;

	(void)sig;
	if (s && !s->late) {
		s->late = true;
		tl_lua_interrupt(s->L); /* may be done from a signal handler, says Lua */
	} else if (s && s->stuck) {
		s->stuck(s->stuck_text);
	}
	errno = kept;
}

void
tl_lua_clock_start(tl_script *s, int seconds)
{
	int64_t most = seconds > 0 ? seconds : SECONDS;
	struct itimerval t = { .it_value = { .tv_sec = most }, .it_interval = { .tv_sec = TL_MIN(MORE, most) } };
	struct sigaction a = { .sa_handler = on_time, .sa_flags = SA_RESTART };

	if (s->trust)
		return;
	s->stuck_text = tl_format("%s: the script computed for %lld s, the last of them in one call of a library function that does not return (a pattern that has to be tried in too many ways?)\n", s->name,
	                          (long long)(t.it_value.tv_sec + t.it_interval.tv_sec));
	s->seconds = most;
	timed = s;
	sigaction(SIGPROF, &a, NULL);
	setitimer(ITIMER_PROF, &t, NULL);
}

void
tl_lua_clock_stop(tl_script *s)
{
	struct itimerval none = { .it_value = { 0 } };

	if (timed != s)
		return;
	setitimer(ITIMER_PROF, &none, NULL);
	timed = NULL;
	s->late = false;
}
