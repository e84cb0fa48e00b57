/* kill.test.c - kill -9 at 100 seeded random moments: the file stays readable, nothing committed is lost, and the status tells the truth at the next open. */
#include "make.h"
#include "tap.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KILLS = 100 };

static volatile int64_t *told; /* shared: what the child knows to be committed: finished runs, their results, the current run */

/* Writes runs until it is killed. */
static void
write_runs(int round)
{
	tl_error e = { 0 };
	tl_store *s = tl_store_open("kill.db", false, &e);
	const char *ids[10] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j" };
	int64_t offsets[11], x, arm, dataset;
	json_t *d = make_dataset("d", "same", 16), *config = make_config(1, NULL);
	float many[160] = { 0 };
	int32_t golds[10];

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* it would write for ever */
	for (int i = 0; i <= 10; i++)
		offsets[i] = i;
	for (int i = 0; i < 10; i++)
		golds[i] = 3;
	x = tl_store_experiment(s, &(tl_experiment_row){ .name = "kill", .script_sha256 = "s" }, &e);
	arm = tl_store_arm(s, x, "arm", true, config, &e);
	dataset = tl_store_dataset(s, d, &e);
	for (int n = 0; !e.status; n++) {
		char *identity = tl_format("round-%d-run-%d", round, n), *status = NULL;
		int64_t run = tl_store_run_for(s, arm, dataset, n, identity, "cpu", 1, &status, &e);
		tl_store_run_start(s, run, getpid(), &e);
		told[2] = run;
		for (int epoch = 0; epoch < 3; epoch++) {
			for (int step = 0; step < 20; step++)
				tl_store_curve(s, run, 20 * epoch + step, "loss", 1, &e);
			tl_store_begin(s, &e);
			for (int m = 0; m < 10; m++) {
				char name[16];
				snprintf(name, sizeof name, "p@%d", m + 1);
				tl_store_result(s, run, "valid", epoch, name, "v1", true, "", true, 0.5, 1, 0, &e);
			}
			tl_store_commit(s, &e);
			tl_store_heartbeat(s, run, &e);
		}
		tl_store_predictions(s, run, "test", ids, &(tl_scores){ 10, 16, 16, many, NULL, offsets, golds }, &e);
		tl_store_run_end(s, run, "done", NULL, NULL, NULL, &e);
		if (!e.status)
			told[0]++;
		free(identity);
		free(status);
	}
	fprintf(stderr, "# child: %s\n", e.text);
	_exit(3);
}

/* Until the child has worked for so long: by its processor's time, so that a busy machine kills at the same places as an idle one. */
static void
let_work(pid_t child, double seconds)
{
	struct timespec t = { 0 };
	clockid_t clock;

	for (double start = tl_seconds(); tl_seconds() - start < 20 && !clock_getcpuclockid(child, &clock) && !clock_gettime(clock, &t) && (double)t.tv_sec + (double)t.tv_nsec / 1e9 < seconds;)
		usleep(100);
}

int
main(void)
{
	uint64_t random = 20260101;
	int broken = 0, untrue = 0, lost = 0, half = 0, died = 0, was_running = 0;
	int64_t finished = 0;
	double start = tl_seconds();

	told = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int round = 0; round < KILLS; round++) {
		tl_error e = { 0 };
		char *whole;
		tl_store *s;
		int status;
		pid_t child = fork();
		if (!child)
			write_runs(round);
		random = random * 6364136223846793005u + 1442695040888963407u;
		let_work(child, (double)((random >> 33) % 30000) / 1e6); /* 0 to 30 ms: during creation, between and within transactions */
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		died += !WIFSIGNALED(status);
		finished = told[0];
		if (round % 25 == 0) { /* before anybody reaps: the run that was going on says so */
			s = tl_store_open("kill.db", true, &e);
			tl_store_close(s);
			e = (tl_error){ 0 };
		}
		s = tl_store_open("kill.db", false, &e);
		if (!s) {
			printf("# %s\n", e.text);
			broken++;
			continue;
		}
		whole = round % 10 == 9 || round == 0 ? tl_store_text(s, &e, "PRAGMA integrity_check", "") : tl_store_text(s, &e, "PRAGMA quick_check", "");
		broken += !whole || strcmp(whole, "ok");
		free(whole);
		untrue += tl_store_int(s, &e, -1, "SELECT count(*) FROM run WHERE status NOT IN ('done', 'dead', 'queued')", "") != 0;
		was_running += tl_store_int(s, &e, 0, "SELECT count(*) FROM run WHERE id = ?1 AND status = 'dead'", "i", (int64_t)told[2]) > 0;
		/* One more may be committed than the child could tell. */
		int64_t done_now = tl_store_int(s, &e, 0, "SELECT count(*) FROM run WHERE status = 'done'", "");
		lost += done_now < finished || done_now > finished + 1;
		told[0] = done_now;
		half += tl_store_int(s, &e, -1, "SELECT count(*) FROM run r WHERE status = 'done' AND ((SELECT count(*) FROM result x WHERE x.split = 'valid' AND x.run_id = r.id) <> 30 "
		                                "OR (SELECT count(*) FROM prediction p WHERE p.run_id = r.id) <> 10 OR (SELECT count(*) FROM curve c WHERE c.run_id = r.id) <> 60)", "") != 0;
		broken += e.status != 0;
		tl_store_close(s);
	}
	ok(!died, "every child was killed while it wrote");
	ok(!broken, "after each of %d kills the file is readable and whole (%.1f s)", KILLS, tl_seconds() - start);
	ok(!lost && finished > 20, "no finished run is lost (%lld finished)", (long long)finished);
	ok(!half, "a run that says done has all its results, curves and scores");
	ok(!untrue && was_running > 20, "no run says running whose process is gone (%d were going on)", was_running);
	return done();
}
