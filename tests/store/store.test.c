/* store.test.c - what is written is read back; rows that say the same are made once; views compute what they say; runs whose process is gone are dead. */
#include "make.h"
#include "tap.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static double
number(tl_store *s, const char *sql)
{
	tl_error e = { 0 };
	tl_rows *r = tl_store_query(s, &e, sql, "");
	double v = NAN;

	if (r && tl_rows_next(r, &e) == 1 && !tl_rows_null(r, 0))
		v = tl_rows_real(r, 0);
	if (e.status)
		printf("# %s\n", e.text);
	tl_rows_free(r);
	return v;
}

static void
writing(tl_store *s)
{
	tl_error e = { 0 };
	int64_t x = make_experiment(s, "small", &e);

	ok(!e.status, "an experiment is written%s%s", e.status ? ": " : "", e.text);
	ok(make_experiment(s, "small", &e) == x && !e.status, "the same experiment again gives the same row");
	ok(number(s, "SELECT count(*) FROM experiment") == 1 && number(s, "SELECT count(*) FROM arm") == 2 && number(s, "SELECT count(*) FROM run") == 6
	       && number(s, "SELECT count(*) FROM dataset") == 1 && number(s, "SELECT count(*) FROM label") == 5 && number(s, "SELECT count(*) FROM metric") == 2,
	   "arms, runs, datasets, labels and metrics are not doubled either");
	ok(number(s, "SELECT value FROM param WHERE key = 'corank.gamma' AND arm_id = 1") == 20, "parameters are flattened");
	ok(number(s, "SELECT count(*) FROM param WHERE key = 'model' AND value = 'corank'") == 2 && number(s, "SELECT count(*) FROM param WHERE key = 'corank' AND value = 'label/corank'") == 2
	       && number(s, "SELECT count(*) FROM param WHERE key LIKE '%where%'") == 0, "modules are told by name and plugin, script lines are not parameters");
	ok(number(s, "SELECT count(*) FROM result WHERE split = 'test'") == 18, "results are there once");
	ok(number(s, "SELECT count(*) FROM metric WHERE name = 'p@1'") == 1 && number(s, "SELECT count(*) FROM result WHERE grp = 'head'") == 6, "a group is a column of the result, not another metric");
	json_t *moved = make_config(20, "x.lua:99");
	ok(tl_store_arm(s, x, "full", true, moved, &e) == 1, "a module that moved down a line is the same arm");
	json_decref(moved);
}

#define TEST "WHERE arm = 'full' AND split = 'test' AND metric = 'p@1' AND grp = ''"

static void
views(tl_store *s)
{
	ok(number(s, "SELECT n FROM v_summary " TEST) == 3, "v_summary counts runs");
	ok(fabs(number(s, "SELECT mean FROM v_summary " TEST) - 0.82) < 1e-15, "v_summary: mean");
	ok(fabs(number(s, "SELECT sd FROM v_summary " TEST) - 0.02) < 1e-15, "v_summary: sample sd");
	ok(number(s, "SELECT min FROM v_summary " TEST) == 0.80 && number(s, "SELECT max FROM v_summary " TEST) == 0.84, "v_summary: min and max");
	ok(number(s, "SELECT count(*) FROM v_summary WHERE split = 'valid'") == 2 && fabs(number(s, "SELECT max(mean) FROM v_summary WHERE split = 'valid'") - 0.82) < 1e-12,
	   "v_summary takes validation rows at the best epoch");
	ok(number(s, "SELECT count(*) FROM v_run") == 6, "v_run has a row per arm and run");
	ok(fabs(number(s, "SELECT delta FROM v_compare WHERE split = 'test' AND metric = 'p@1' AND grp = ''") + 0.05 / 3) < 1e-15, "v_compare: delta to the baseline");
	ok(number(s, "SELECT wins FROM v_compare WHERE split = 'test' AND metric = 'p@1' AND grp = ''") == 1
	       && number(s, "SELECT losses FROM v_compare WHERE split = 'test' AND metric = 'p@1' AND grp = ''") == 2, "v_compare: wins and losses over seeds");
	ok(number(s, "SELECT wins FROM v_compare WHERE split = 'test' AND metric = 'hamming_loss'") == 1, "v_compare: where less is better, less wins");
	ok(fabs(number(s, "SELECT head - overall FROM v_tail WHERE arm = 'full' AND metric = 'p@1'") - 0.05) < 1e-12, "v_tail puts the groups side by side");
	ok(number(s, "SELECT count(*) FROM v_value WHERE arm = 'full' AND split = 'test'") == 9, "v_value has a row per run and metric");
	/* Large, nearly equal values: a formula with squares of them would lose every digit of the sd. */
	tl_error e = { 0 };
	static const double value[3] = { 1e6 + 0.1, 1e6 + 0.2, 1e6 + 0.3 };
	for (int i = 0; i < 3; i++) {
		tl_store_result(s, i + 1, "test", 2, "coverage_error", "c", false, "", true, value[i], 10, 0, &e);
		tl_store_result(s, i + 1, "test", 2, "constant", "c", false, "", true, 0.1, 10, 0, &e);
		tl_store_result(s, i + 1, "test", 2, "undefined", "u", false, "", false, 0, 0, 10, &e);
	}
	ok(fabs(number(s, "SELECT sd FROM v_summary WHERE arm = 'full' AND metric = 'coverage_error'") - 0.1) < 1e-9, "v_summary: the sd of large values keeps its digits");
	ok(number(s, "SELECT sd FROM v_summary WHERE arm = 'full' AND metric = 'constant'") == 0, "v_summary: equal values have no sd at all");
	ok(number(s, "SELECT n FROM v_summary WHERE arm = 'full' AND metric = 'undefined'") == 0 && isnan(number(s, "SELECT mean FROM v_summary WHERE metric = 'undefined' LIMIT 1")),
	   "v_summary: undefined values count for nothing");
}

static void
newest_run_counts(tl_store *s)
{
	tl_error e = { 0 };
	char *status = NULL;
	int64_t run = tl_store_run_for(s, 1, 1, 1, "another-build", "cpu", 1, &status, &e);

	free(status);
	tl_store_result(s, run, "test", 5, "p@1", "p@1|v1", true, "", true, 0.9, 10, 0, &e);
	json_t *summary = json_pack("{s:i}", "best_epoch", 5);
	tl_store_run_end(s, run, "done", NULL, NULL, summary, &e);
	json_decref(summary);
	ok(number(s, "SELECT n FROM v_summary " TEST) == 3 && fabs(number(s, "SELECT max FROM v_summary " TEST) - 0.9) < 1e-12, "of two finished runs of one arm and seed the newer counts");
	tl_store_run(s, &e, "DELETE FROM run WHERE id = ?1", "i", run);
	ok(number(s, "SELECT count(*) FROM result WHERE run_id NOT IN (SELECT id FROM run)") == 0, "a deleted run takes its rows with it");
}

static void
scores(tl_store *s)
{
	static const float logit[6] = { 1.5f, -2.25f, 0.1f, 1e-30f, 3e38f, -0.0f };
	static const int32_t gold[2] = { 0, 2 }, label[6] = { 2, 0, 1, 1, 2, 0 };
	static const int64_t offsets[3] = { 0, 2, 2 };
	static const char *const ids[2] = { "doc \"a\"", "b" };
	tl_scores dense = { 2, 3, 3, logit, NULL, offsets, gold }, best = { 2, 3, 3, logit, label, offsets, gold };
	tl_stored_scores back;
	tl_error e = { 0 };

	tl_store_run(s, &e, "UPDATE dataset SET n_labels = 3", "");
	ok(tl_store_predictions(s, 1, "test", ids, &dense, &e) == 0 && tl_store_predictions(s, 1, "test", ids, &dense, &e) == 0 && number(s, "SELECT count(*) FROM prediction") == 2,
	   "scores are stored, and replaced when they are stored again");
	ok(tl_store_scores(s, 1, "test", &back, &e) == 0 && back.scores.n == 2 && back.scores.keep == 3 && !back.scores.label && !memcmp(back.logit, logit, sizeof logit) && back.gold_offsets[1] == 2
	       && back.gold_offsets[2] == 2 && back.gold[1] == 2 && !strcmp(back.id[0], ids[0]), "they come back to the bit, in order");
	tl_stored_scores_free(&back);
	char *text = tl_store_text(s, &e, "SELECT logits || gold || coalesce(labels, '-') FROM v_prediction WHERE run_id = 1 AND doc_id = 'b'", "");
	ok(text && !strcmp(text, "[1e-30,3.00000001e+38,-0][]-"), "v_prediction decodes them (%s)", text ? text : e.text);
	free(text);
	ok(tl_store_predictions(s, 2, "test", ids, &best, &e) == 0 && tl_store_scores(s, 2, "test", &back, &e) == 0 && back.scores.label && !memcmp(back.label, label, sizeof label),
	   "the best labels are stored with their numbers");
	tl_stored_scores_free(&back);
	ok(tl_store_scores(s, 3, "test", &back, &e) == 1 && !e.status, "a run without scores is no error");
	tl_store_run(s, &e, "UPDATE prediction SET gold = x'05000000' WHERE run_id = 2 AND doc_id = 'b'", "");
	ok(tl_store_scores(s, 2, "test", &back, &e) < 0, "a label that the dataset does not have is told");
	says(e.text, "document 'b' has the label 5, the dataset has 3", "... with the document");
	e = (tl_error){ 0 };
	tl_store_run(s, &e, "UPDATE prediction SET logits = x'00' WHERE run_id = 1 AND doc_id = 'b'", "");
	ok(tl_store_scores(s, 1, "test", &back, &e) < 0 && e.status, "a blob of another size is told");
}

static void
statistics(tl_store *s)
{
	static const int64_t count[3] = { 4, 7, 4 }, offsets[4] = { 0, 1, 3, 4 };
	static const int32_t index[4] = { 1, 0, 2, 1 }, co[4] = { 3, 3, 2, 2 };
	tl_statistics st = { .n_documents = 10, .n_labels = 3, .count = count, .co_offsets = offsets, .co_index = index, .co_count = co };
	tl_stored_statistics back;
	tl_error e = { 0 };

	ok(tl_store_statistics_of(s, 1, &back, &e) == 0 && !back.st, "without stored statistics there are none");
	tl_arena_free(back.arena);
	ok(tl_store_statistics(s, 1, &st, 0.5, 0.4, &e) == 0 && tl_store_statistics_of(s, 1, &back, &e) == 0 && back.st, "statistics of the training split are stored%s", e.text);
	if (back.st)
		ok(back.st->n_documents == 10 && back.propensity_b == 0.4 && !memcmp(back.st->count, count, sizeof count) && back.st->by_frequency[0] == 1 && back.st->by_frequency[1] == 0
		       && back.st->frequency_rank[2] == 2 && !memcmp(back.st->co_offsets, offsets, sizeof offsets) && !memcmp(back.st->co_index, index, sizeof index)
		       && !memcmp(back.st->co_count, co, sizeof co), "and come back whole: counts, order with ties by index, co-occurrence in both directions");
	tl_arena_free(back.arena);
}

static char *
status_of(tl_store *s, int64_t run)
{
	return tl_store_text(s, NULL, "SELECT status FROM run WHERE id = ?1", "i", run);
}

static void
reaping(tl_store *s)
{
	tl_error e = { 0 };
	char *status = NULL;
	int64_t run = tl_store_run_for(s, 1, 1, 77, "identity-of-the-living", "cpu", 1, &status, &e), gone;
	pid_t child = fork();

	free(status);
	if (!child) {
		pause();
		_exit(0);
	}
	tl_store_run_start(s, run, child, &e);
	ok(tl_store_reap(s, &e) == 0 && tl_store_run_alive(s, run) == 1, "a run whose process is there is left alone");
	ok(tl_store_run_claim(s, run, getpid(), &e) == 0, "and nobody else can claim it");
	kill(child, SIGKILL);
	while (tl_store_run_alive(s, run) == 1) /* killed, not yet waited for: a zombie is gone too */
		usleep(1000);
	ok(tl_store_reap(s, &e) == 1 && !strcmp(status = status_of(s, run), "dead"), "after kill -9 it is dead, even while its parent has not looked");
	waitpid(child, NULL, 0);
	free(status);
	ok(tl_store_run_claim(s, run, getpid(), &e) == 1 && !strcmp(status = status_of(s, run), "running"), "then it can be claimed again");
	free(status);
	/* The number of this very process, but of one that started at another time: the number was used again. */
	tl_store_run(s, &e, "UPDATE run SET pid_start = pid_start - 1 WHERE id = ?1", "i", run);
	ok(tl_store_reap(s, &e) == 1 && !strcmp(status = status_of(s, run), "dead"), "a process number that was used again does not lie");
	free(status);
	tl_store_run_start(s, run, getpid(), &e);
	tl_store_run(s, &e, "UPDATE run SET host = 'elsewhere' WHERE id = ?1", "i", run);
	ok(tl_store_reap(s, &e) == 0 && tl_store_run_alive(s, run) < 0, "a run on another host is not judged");
	tl_store_run(s, &e, "UPDATE run SET heartbeat_at = '2001-01-01T00:00:00Z' WHERE id = ?1", "i", run);
	ok(tl_store_reap(s, &e) == 1, "unless it has been silent for long");
	tl_store_run_end(s, run, "killed", "stopped by its parent", NULL, NULL, &e);
	ok(!strcmp(status = status_of(s, run), "killed"), "what the parent knows better, it records");
	free(status);
	gone = tl_store_find_run(s, "identity-of", &e);
	ok(gone < 0, "runs are not found by words");
	e = (tl_error){ 0 };
	ok(tl_store_find_run(s, "1", &e) == 1 && tl_store_find_run(s, "999", &e) < 0, "runs are found by number");
	says(e.text, "tagloom runs", "an unknown one gets the cure");
}

static void
curves(tl_store *s)
{
	tl_error e = { 0 };
	double start = tl_seconds();

	for (int step = 0; step < 20000; step++)
		tl_store_curve(s, 1, step, "loss.classifier", step == 7 ? NAN : 1. / (1 + step), &e);
	ok(!e.status && number(s, "SELECT count(*) FROM curve") == 20000 && number(s, "SELECT count(*) FROM curve WHERE value IS NULL") == 1, "curves are gathered and all there (%.0f ms for 20,000)",
	   1e3 * (tl_seconds() - start));
}

int
main(void)
{
	tl_error e = { 0 };
	tl_store *s = tl_store_open("new/folder/a.db", false, &e);

	ok(s && !e.status, "a database is made, its folders too%s%s", e.status ? ": " : "", e.text);
	if (!s)
		return done();
	writing(s);
	views(s);
	newest_run_counts(s);
	scores(s);
	statistics(s);
	reaping(s);
	curves(s);
	ok(number(s, "SELECT count(*) FROM reported") > 1000 && number(s, "SELECT printed FROM v_reported WHERE paper = 'labelcorank' AND tbl = 'table2' AND method = 'xml-cnn' AND metric = 'p@1'") == 0.8656,
	   "the papers' numbers are in it");
	tl_store_close(s);
	return done();
}
