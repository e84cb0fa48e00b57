/* store.test.c - what is written is read back; rows that say the same are made once; views compute what they say. */
#include "make.h"
#include "tap.h"

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
	ok(number(s, "SELECT count(*) FROM param WHERE key = 'corank.gamma' AND value = '20.0'") == 1 || number(s, "SELECT count(*) FROM param WHERE key = 'corank.gamma' AND value = '20'") == 1,
	   "parameters are flattened");
	ok(number(s, "SELECT count(*) FROM param WHERE key = 'model' AND value = 'corank'") == 2 && number(s, "SELECT count(*) FROM param WHERE key = 'corank' AND value = 'label/corank'") == 2
	       && number(s, "SELECT count(*) FROM param WHERE key LIKE '%where%'") == 0, "modules are told by name and plugin, script lines are not parameters");
	ok(number(s, "SELECT count(*) FROM result WHERE split = 'test'") == 18, "results are there once");
}

static void
views(tl_store *s)
{
	ok(number(s, "SELECT n FROM v_summary WHERE arm = 'full' AND split = 'test' AND metric = 'p@1' AND grp = ''") == 3, "v_summary counts runs");
	ok(fabs(number(s, "SELECT mean FROM v_summary WHERE arm = 'full' AND split = 'test' AND metric = 'p@1' AND grp = ''") - 0.82) < 1e-15, "v_summary: mean");
	ok(fabs(number(s, "SELECT sd FROM v_summary WHERE arm = 'full' AND split = 'test' AND metric = 'p@1' AND grp = ''") - 0.02) < 1e-15, "v_summary: sample sd");
	ok(number(s, "SELECT min FROM v_summary WHERE arm = 'full' AND split = 'test' AND metric = 'p@1' AND grp = ''") == 0.80
	       && number(s, "SELECT max FROM v_summary WHERE arm = 'full' AND split = 'test' AND metric = 'p@1' AND grp = ''") == 0.84, "v_summary: min and max");
	ok(number(s, "SELECT count(*) FROM v_summary WHERE split = 'valid'") == 2 && fabs(number(s, "SELECT max(mean) FROM v_summary WHERE split = 'valid'") - 0.82) < 1e-12,
	   "v_summary takes validation rows at the best epoch");
	ok(number(s, "SELECT count(*) FROM v_run") == 6, "v_run has a row per arm and run");
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
	tl_store_close(s);
	return done();
}
