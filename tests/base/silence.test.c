/* Time in which a process waits for a core is not silence; time in which it sleeps or computes is. */
#include "base/silence.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

enum { SPINS, STARVES, SLEEPS, KINDS };

static pid_t
start(int kind, const cpu_set_t *one_core)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sched_setaffinity(0, sizeof *one_core, one_core);
	if (kind == STARVES)
		nice(19);
	if (kind == SLEEPS)
		pause();
	for (volatile unsigned long i = 0;; i++)
		;
}

int
main(void)
{
	const double bound = 1.5;
	cpu_set_t allowed, one_core;
	pid_t pid[KINDS];
	tl_silence silence[KINDS], quick = tl_heard();
	bool silent[KINDS] = { false };

	if (access("/proc/self/schedstat", R_OK)) {
		skip("waiting for a core", "this kernel does not count it");
		return done();
	}
	sched_getaffinity(0, sizeof allowed, &allowed);
	CPU_ZERO(&one_core);
	for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one_core); i++)
		if (CPU_ISSET(i, &allowed))
			CPU_SET(i, &one_core);
	ok(!tl_silent(&quick, getpid(), 1000), "a process that was just heard");
	for (int k = 0; k < KINDS; k++) {
		pid[k] = start(k, &one_core);
		silence[k] = tl_heard();
	}
	while (!silent[SPINS] || !silent[SLEEPS]) {
		for (int k = 0; k < KINDS; k++)
			silent[k] |= tl_silent(&silence[k], pid[k], bound);
		usleep(20000);
	}
	ok(silent[SPINS], "a process that computes without a word is silent at last");
	ok(silent[SLEEPS], "and one that sleeps");
	ok(!silent[STARVES], "one that had hardly a turn beside them is not");
	silence[SLEEPS] = tl_heard();
	ok(!tl_silent(&silence[SLEEPS], pid[SLEEPS], bound), "what is heard is not silent any more");
	for (int k = 0; k < KINDS; k++) {
		kill(pid[k], SIGKILL);
		waitpid(pid[k], NULL, 0);
	}
	return done();
}
