/* crowd.test.c - 64 processes start at once on a file that does not exist, while readers look at it again and again. */
#include "make.h"
#include "tap.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WRITERS = 64, READERS = 2, RUNS = 3, RESULTS = 20, CURVES = 100 };

static volatile int *gate; /* shared: processes that wait, and the sign to go */

static int
writer(int me)
{
	tl_error e = { 0 };
	json_t *d, *config;
	tl_store *s;

	__sync_fetch_and_add(&gate[0], 1);
	while (!gate[1])
		usleep(100);
	s = tl_store_open("crowd.db", false, &e);
	if (!s)
		return fprintf(stderr, "# writer %d: %s\n", me, e.text) ? 1 : 1;
	d = make_dataset("shared", "same", 4);
	config = make_config(me, NULL);
	int64_t x = tl_store_experiment(s, &(tl_experiment_row){ .name = "crowd", .script_sha256 = "s" }, &e);
	int64_t arm = tl_store_arm(s, x, "arm", false, config, &e), dataset = tl_store_dataset(s, d, &e);
	for (int r = 0; r < RUNS; r++) {
		char *identity = tl_format("writer-%d-run-%d", me, r), *status = NULL;
		int64_t run = tl_store_run_for(s, arm, dataset, r, identity, "cpu", 1, &status, &e);
		tl_store_run_start(s, run, getpid(), &e);
		for (int i = 0; i < CURVES; i++)
			tl_store_curve(s, run, i, "loss", i, &e);
		tl_store_begin(s, &e);
		for (int i = 0; i < RESULTS; i++)
			tl_store_result(s, run, "valid", i, "p@1", "v1", true, "", true, me + i / 100., 1, 0, &e);
		tl_store_commit(s, &e);
		tl_store_run_end(s, run, "done", NULL, NULL, NULL, &e);
		free(identity);
		free(status);
	}
	tl_store_close(s);
	json_decref(d);
	json_decref(config);
	return e.status ? fprintf(stderr, "# writer %d: %s\n", me, e.text), 2 : 0;
}

/* Never sees half a run: a finished one has all its results. */
static int
reader(void)
{
	int64_t last = 0, seen = 0;

	while (!gate[2]) {
		tl_error e = { 0 };
		tl_store *s = tl_store_open("crowd.db", true, &e);
		int64_t half, now;
		if (!s) {
			if (!strstr(e.text, "there is no database"))
				return fprintf(stderr, "# reader: %s\n", e.text) ? 1 : 1;
			continue;
		}
		half = tl_store_int(s, &e, 0, "SELECT count(*) FROM run r WHERE status = 'done' AND (SELECT count(*) FROM result x WHERE x.split = 'valid' AND x.run_id = r.id) <> 20", "");
		now = tl_store_int(s, &e, 0, "SELECT count(*) FROM run WHERE status = 'done'", "");
		tl_store_close(s);
		if (e.status || half || now < last)
			return fprintf(stderr, "# reader: %lld half, %lld after %lld: %s\n", (long long)half, (long long)now, (long long)last, e.text), 2;
		last = now;
		seen++;
	}
	return seen > 0 ? 0 : 3;
}

int
main(void)
{
	pid_t child[WRITERS + READERS];
	int bad[2] = { 0, 0 };
	double start;
	tl_error e = { 0 };

	gate = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < WRITERS + READERS; i++) {
		child[i] = fork();
		if (!child[i])
			_exit(i < WRITERS ? writer(i) : reader());
	}
	while (gate[0] < WRITERS)
		usleep(1000);
	start = tl_seconds();
	gate[1] = 1;
	for (int i = 0; i < WRITERS + READERS; i++) {
		int status;
		if (i == WRITERS)
			gate[2] = 1;
		waitpid(child[i], &status, 0);
		bad[i >= WRITERS] += !WIFEXITED(status) || WEXITSTATUS(status);
	}
	ok(!bad[0], "64 processes that start at once on a file that is not there all write their runs (%.1f s)", tl_seconds() - start);
	ok(!bad[1], "readers that look again and again see whole runs only");
	tl_store *s = tl_store_open("crowd.db", false, &e);
	ok(tl_store_int(s, &e, 0, "SELECT count(*) FROM run WHERE status = 'done'", "") == WRITERS * RUNS, "no run is lost");
	ok(tl_store_int(s, &e, 0, "SELECT count(*) FROM result", "") == WRITERS * RUNS * RESULTS && tl_store_int(s, &e, 0, "SELECT count(*) FROM curve", "") == WRITERS * RUNS * CURVES, "no result and no curve is lost");
	ok(tl_store_int(s, &e, 0, "SELECT count(*) FROM experiment", "") == 1 && tl_store_int(s, &e, 0, "SELECT count(*) FROM dataset", "") == 1 && tl_store_int(s, &e, 0, "SELECT count(*) FROM arm", "") == WRITERS
	       && tl_store_int(s, &e, 0, "SELECT count(*) FROM metric", "") == 1 && tl_store_int(s, &e, 0, "SELECT count(*) FROM label", "") == 4, "what they share is there once");
	char *whole = tl_store_text(s, &e, "PRAGMA integrity_check", "");
	ok(whole && !strcmp(whole, "ok"), "the file is whole");
	free(whole);
	tl_store_close(s);
	return done();
}
