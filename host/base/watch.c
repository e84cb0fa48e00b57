/* watch.c - an alarm looks whether there was a sign of life; what the process has waited for a core (silence.h) does not count here, either. */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE = 60 };

void (*tl_watch_failed)(const char *sentence);
static struct { char *volatile sentence; volatile double since, waited; volatile int bound; struct sigaction before; } watched;
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

static void
hear(void)
{
	watched.since = tl_seconds();
	watched.waited = waited();
}

static void
on_alarm(int sig)
{
	int kept = errno;
	double silent;

	(void)sig;
	if (atomic_exchange(&alive, false))
		hear();
	silent = tl_seconds() - watched.since - TL_MAX(0, waited() - watched.waited);
	if (silent >= watched.bound && watched.sentence)
		tl_watch_failed(watched.sentence);
	alarm((unsigned)TL_MAX(1, watched.bound - silent));
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
	hear();
	sigaction(SIGALRM, &a, &watched.before);
	alarm((unsigned)watched.bound);
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
	alarm(0);
	sigaction(SIGALRM, &watched.before, NULL);
	watched.sentence = NULL;
	free(sentence);
}
