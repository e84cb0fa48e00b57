/*
 * watch.c - an alarm looks whether there was a sign of life. What the process has waited for a core (silence.h) does not count here, either, nor does
 * a time in which it was stopped: then the alarm comes late.
 */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE = 60, LATE = 1 };

/* The clock, and for how long the process had waited for a core until then. */
struct moment { double clock, waited; };

void (*tl_watch_failed)(const char *sentence);
/* heard: the last sign of life; set: when the alarm was set, to come so many seconds later. */
static struct { char *volatile sentence; volatile struct moment heard, set; volatile int bound, seconds; struct sigaction before; } watched;
static atomic_bool alive;

int
tl_patience(void)
{
	const char *text = getenv("TAGLOOM_PATIENCE");
	long wanted = text ? strtol(text, NULL, 10) : 0;

	return (int)(wanted > 0 && wanted < 1000000 ? wanted : PATIENCE);
}

/* Seconds that the first thread has waited for a core, the second number of its schedstat; read as a signal handler may. */
static double
waited(void)
{
	int fd = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC);
	char text[128] = "", *p;
	double nanoseconds = 0;

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof text - 1) > 0)
		for (p = text + strcspn(text, " "); *p && *++p >= '0' && *p <= '9';)
			nanoseconds = nanoseconds * 10 + (*p - '0');
	close(fd);
	return nanoseconds * 1e-9;
}

static struct moment
now(void)
{
	return (struct moment){ tl_seconds(), waited() };
}

static double
between(struct moment a, struct moment b)
{
	return b.clock - a.clock - TL_MAX(0, b.waited - a.waited);
}

static void
set_alarm(struct moment at, double seconds)
{
	watched.set = at;
	watched.seconds = (int)TL_MAX(1, seconds);
	alarm((unsigned)watched.seconds);
}

static void
on_alarm(int sig)
{
	int kept = errno;
	struct moment at = now();
	double silent;

	(void)sig;
	if (!watched.sentence) {
		errno = kept;
		return;
	}
	if (atomic_exchange(&alive, false) || between(watched.set, at) > watched.seconds + LATE)
		watched.heard = at;
	silent = between(watched.heard, at);
	if (silent >= watched.bound)
		tl_watch_failed(watched.sentence);
	set_alarm(at, watched.bound - silent);
	errno = kept;
}

void
tl_watch_begin(const char *format, ...)
{
	struct sigaction a = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	char text[1500];
	va_list ap;

	if (!tl_watch_failed || watched.sentence)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	watched.bound = tl_patience();
	watched.sentence = tl_format("%s\n", text);
	atomic_store(&alive, false);
	watched.heard = now();
	sigaction(SIGALRM, &a, &watched.before);
	set_alarm(watched.heard, watched.bound);
}

void
tl_watch_beat(void)
{
	atomic_store_explicit(&alive, true, memory_order_relaxed);
}

void
tl_watch_end(void)
{
	char *sentence = watched.sentence;

	if (!sentence)
		return;
	watched.sentence = NULL; /* first: an alarm that comes now must not set another one, for which nobody would be there */
	alarm(0);
	sigaction(SIGALRM, &watched.before, NULL);
	free(sentence);
}
