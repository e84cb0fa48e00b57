/* open.test.c - what is opened, upgraded, refused; merging. */
#include "make.h"
#include "tap.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void
shell(const char *path, const char *sql)
{
	char *error = NULL;
	sqlite3 *db;

	sqlite3_open(path, &db);
	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		printf("# %s: %s\n", path, error);
	sqlite3_free(error);
	sqlite3_close(db);
}

static int64_t
count(tl_store *s, const char *sql)
{
	tl_error e = { 0 };
	int64_t n = tl_store_int(s, &e, -1, sql, "");

	if (e.status)
		printf("# %s\n", e.text);
	return n;
}

static void
put_file(const char *path, const void *bytes, size_t n)
{
	FILE *f = fopen(path, "wb");

	fwrite(bytes, 1, n, f);
	fclose(f);
}

/* Opening is refused with these words, for reading and for writing, and the file stays as it was. */
static void
refused(const char *path, const char *words, const char *what)
{
	char *before, *after, hex[2][65];
	size_t n[2];
	bool readable = !tl_read_file(path, &before, &n[0], NULL);

	for (int read_only = 0; read_only < 2; read_only++) {
		tl_error e = { 0 };
		tl_store *s = tl_store_open(path, read_only, &e);
		ok(!s && e.status == TL_ENVIRONMENT, "%s is refused for %s", what, read_only ? "reading" : "writing");
		says(e.text, words, "... and told why");
		tl_store_close(s);
	}
	if (!readable)
		return;
	tl_read_file(path, &after, &n[1], NULL);
	tl_sha_of(before, n[0], hex[0]);
	tl_sha_of(after, n[1], hex[1]);
	ok(!strcmp(hex[0], hex[1]), "... and left as it was");
	free(before);
	free(after);
}

static void
refusals(void)
{
	tl_error e = { 0 };
	tl_store *s;

	put_file("notes.txt", "These are notes of mine, not a database.\n", 41);
	refused("notes.txt", "is not a SQLite database", "a text file");
	mkdir("folder.db", 0777);
	refused("folder.db", "is a folder", "a folder");
	shell("browser.db", "PRAGMA application_id = 77; CREATE TABLE bookmarks (x)");
	refused("browser.db", "of another program (application id 77, wanted 1953261421; tables: bookmarks)", "another program's database");
	shell("plain.db", "CREATE TABLE run (id INTEGER PRIMARY KEY, what TEXT)");
	refused("plain.db", "tables: run", "a database with a table of the same name");
	s = tl_store_open("newer.db", false, &e);
	tl_store_run(s, &e, "UPDATE meta SET value = '9' WHERE key = 'schema_version'", "");
	tl_store_close(s);
	refused("newer.db", "has schema version 9, and this tagloom", "a newer database");
	shell("newer.db", "UPDATE meta SET value = 'x2' WHERE key = 'schema_version'");
	refused("newer.db", "schema version cannot be told (found x2)", "a version that is no number");
	shell("newer.db", "DROP TABLE meta");
	refused("newer.db", "cannot be told (found nothing in meta", "a database without meta");
	put_file("torn.db", "SQLite format 3\0 and then nothing that a database has", 53);
	refused("torn.db", "torn.db", "a torn file");
	e = (tl_error){ 0 };
	ok(!tl_store_open("nowhere.db", true, &e) && access("nowhere.db", F_OK), "reading makes no file");
	says(e.text, "tagloom run SCRIPT.lua", "... and tells what would");
	put_file("empty.db", "", 0);
	e = (tl_error){ 0 };
	ok(!tl_store_open("empty.db", true, &e) && e.status == TL_ENVIRONMENT, "an empty file holds nothing to read");
	e = (tl_error){ 0 };
	s = tl_store_open("empty.db", false, &e);
	ok(s != NULL, "but can be filled%s", e.text);
	tl_store_close(s);
	e = (tl_error){ 0 };
	s = tl_store_open("/proc/here.db", false, &e);
	ok(!s && e.status == TL_ENVIRONMENT, "a folder that cannot be written gets a sentence: %s", e.text);
}

/* Cuts a good database to pieces: opening and reading it may fail, never crash. */
static void
truncated(void)
{
	tl_error e = { 0 };
	tl_store *s = tl_store_open("whole.db", false, &e);
	char *bytes;
	size_t n;
	int refusals = 0, crashes = 0;

	make_experiment(s, "x", &e);
	tl_store_close(s);
	tl_read_file("whole.db", &bytes, &n, &e);
	for (size_t cut = 100; cut < n; cut += n / 23 + 7) {
		int status;
		put_file("cut.db", bytes, cut);
		pid_t child = fork();
		if (!child) {
			tl_error here = { 0 };
			tl_store *t = tl_store_open("cut.db", true, &here);
			int64_t rows = t ? tl_store_int(t, &here, 0, "SELECT sum(length(CAST(value AS TEXT))) + (SELECT count(*) FROM v_compare) FROM v_value", "") : 0;
			tl_store_close(t);
			_exit(here.status ? 1 : rows < 0);
		}
		waitpid(child, &status, 0);
		crashes += !WIFEXITED(status);
		refusals += WIFEXITED(status) && WEXITSTATUS(status) == 1;
		unlink("cut.db");
		unlink("cut.db-wal");
		unlink("cut.db-shm");
	}
	ok(!crashes && refusals > 0, "a truncated database is told, never a crash (%d refused)", refusals);
	free(bytes);
}

static void
upgrade(void)
{
	char *path = tl_format("%s/tests/store/schema-1.sql", getenv("SRC") ? getenv("SRC") : "../.."), *sql;
	tl_error e = { 0 };
	tl_store *s, *fresh;
	size_t n;

	if (tl_read_file(path, &sql, &n, &e)) {
		ok(false, "%s", e.text);
		return;
	}
	shell("old.db", sql);
	shell("old.db", "PRAGMA journal_mode = WAL;"
	                "INSERT INTO experiment (id, name, script_sha256) VALUES (1, 'old', 's'); INSERT INTO dataset (id, name, sha256, n_labels) VALUES (1, 'd', 'h', 3);"
	                "INSERT INTO arm (id, experiment_id, name, is_baseline, config_sha256) VALUES (1, 1, 'full', 1, 'c'), (2, 1, 'less', 0, 'd');"
	                "INSERT INTO run (id, dataset_id, seed, identity, status, best_epoch) VALUES (1, 1, 1, 'i1', 'done', 3), (2, 1, 1, 'i2', 'done', 2);"
	                "INSERT INTO arm_run VALUES (1, 1), (2, 2); INSERT INTO metric (id, name, signature) VALUES (1, 'p@1', 'v1');"
	                "INSERT INTO result (run_id, split, epoch, metric_id, value, n_docs) VALUES (1, 'test', 3, 1, 0.25, 4), (2, 'test', 2, 1, 0.5, 4), (1, 'valid', 3, 1, 0.75, 4);"
	                "INSERT INTO prediction (run_id, split, doc_id, logits, gold) VALUES (1, 'test', 'x', x'0000803f0000004000004040', x'01000000');"
	                "CREATE VIEW mine AS SELECT count(*) AS n FROM result; CREATE TABLE my_notes (t TEXT); INSERT INTO my_notes VALUES ('kept');");
	s = tl_store_open("old.db", true, &e);
	ok(s && !e.status, "a database of version 1 is upgraded even when it is opened for reading%s", e.text);
	if (!s)
		return;
	ok(count(s, "SELECT value FROM meta WHERE key = 'schema_version'") == 4 && count(s, "SELECT value FROM meta WHERE key = 'upgraded_from'") == 1, "it says so");
	ok(count(s, "SELECT count(*) FROM run") == 2 && count(s, "SELECT count(*) FROM result") == 3 && count(s, "SELECT 100 * value FROM result WHERE split = 'valid'") == 75
	       && count(s, "SELECT length(logits) FROM prediction") == 12 && count(s, "SELECT count(*) FROM my_notes") == 1, "every row is kept, a table of the user's own too");
	ok(count(s, "SELECT n FROM mine") == 3, "a view of the user's own still works");
	ok(count(s, "SELECT 100 * delta FROM v_compare WHERE split = 'test'") == 25 && count(s, "SELECT count(*) FROM v_run") == 2, "and the new views read the old rows");
	tl_store_close(s);
	fresh = tl_store_open("fresh.db", false, &e);
	s = tl_store_open("old.db", false, &e);
	tl_store_run(fresh, &e, "ATTACH 'old.db' AS old", "");
	ok(count(fresh, "SELECT count(*) FROM main.sqlite_master m WHERE name NOT LIKE 'sqlite_%' AND name NOT IN (SELECT name FROM old.sqlite_master)") == 0
	       && count(fresh, "SELECT count(*) FROM main.sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND NOT EXISTS "
	                       "(SELECT 1 FROM old.sqlite_master o JOIN pragma_table_info(o.name, 'old') d WHERE o.name = m.name AND d.name = c.name AND d.pk = c.pk)") == 0,
	   "an upgraded database has every table, column, key, index and view of a fresh one");
	tl_store_close(s);
	tl_store_close(fresh);
	shell("fresh.db", "UPDATE meta SET value = '1' WHERE key = 'schema_version'");
	e = (tl_error){ 0 };
	s = tl_store_open("fresh.db", false, &e);
	ok(s && count(s, "SELECT value FROM meta WHERE key = 'schema_version'") == 4, "columns that are there already do not stop an upgrade%s", e.text);
	tl_store_close(s);
	free(sql);
	free(path);
}

/* What another user, who may only read, gets. */
static void
read_by_another(void)
{
	tl_error e = { 0 };
	tl_store *s = tl_store_open("ro/a.db", false, &e);
	int status;
	pid_t child;

	make_experiment(s, "x", &e);
	tl_store_close(s);
	chmod("ro/a.db", 0444);
	chmod("ro", 0555);
	child = fork();
	if (!child) {
		tl_error here = { 0 }, again = { 0 };
		if (getuid() == 0 && (chdir("ro") || setgid(65534) || setuid(65534)))
			_exit(9);
		if (getuid() != 65534 && chdir("ro"))
			_exit(9);
		s = tl_store_open("a.db", true, &here);
		if (!s || tl_store_int(s, &here, 0, "SELECT count(*) FROM v_value", "") < 18)
			_exit(fprintf(stderr, "# %s\n", here.text) ? 1 : 1);
		if (tl_store_run(s, &again, "DELETE FROM run", "") == 0 || !strstr(again.text, "for reading only"))
			_exit(fprintf(stderr, "# %s\n", again.text) ? 2 : 2);
		tl_store_close(s);
		here = (tl_error){ 0 };
		s = tl_store_open("a.db", false, &here);
		_exit(s ? 3 : strstr(here.text, "cannot be written") ? 0 : 4);
	}
	waitpid(child, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a file in a folder that one may only read is read, not written (%d)", WEXITSTATUS(status));
	chmod("ro", 0755);
	chmod("ro/a.db", 0644);
	/* A writer that has not folded its journal in: the newest rows are in a.db-wal. */
	s = tl_store_open("ro/a.db", false, &e);
	tl_store_run(s, &e, "INSERT INTO message (text) VALUES ('new')", "");
	shell("ro/a.db", "SELECT 1");
	char *bytes;
	size_t n;
	mkdir("copy", 0777);
	tl_read_file("ro/a.db", &bytes, &n, &e);
	put_file("copy/a.db", bytes, n);
	free(bytes);
	tl_read_file("ro/a.db-wal", &bytes, &n, &e);
	put_file("copy/a.db-wal", bytes, n);
	free(bytes);
	tl_store_close(s);
	chmod("copy/a.db", 0444);
	chmod("copy/a.db-wal", 0444);
	chmod("copy", 0555);
	child = fork();
	if (!child) {
		tl_error here = { 0 };
		if (chdir("copy") || (getuid() == 0 && (setgid(65534) || setuid(65534))))
			_exit(9);
		s = tl_store_open("a.db", true, &here);
		if (s) /* some SQLite versions read the journal with an index of their own: then it must be whole */
			_exit(tl_store_int(s, &here, 0, "SELECT count(*) FROM message WHERE text = 'new'", "") == 1 ? 0 : 5);
		_exit(strstr(here.text, "a.db-wal") ? 0 : 6);
	}
	waitpid(child, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "rows that are still in the journal are read or told of, never left out (%d)", WEXITSTATUS(status));
	chmod("copy", 0755);
}

/* Another user has to reach the files: they cannot lie below this test's own private folder. */
static void
as_reader(void)
{
	char place[] = "/tmp/tagloom-reader-XXXXXX", here[4096], *remove;

	if (!getcwd(here, sizeof here) || !mkdtemp(place) || chmod(place, 0755) || chdir(place)) {
		ok(false, "a folder for another user under /tmp");
		return;
	}
	read_by_another();
	remove = tl_format("rm -rf %s", place);
	ok(!chdir(here) && !system(remove), "which is removed again");
	free(remove);
}

static void
merging(void)
{
	tl_error e = { 0 };
	int64_t added = 0, replaced = 0;
	tl_store *a = tl_store_open("m/a.db", false, &e), *b = tl_store_open("m/b.db", false, &e), *into;
	char *status = NULL;
	json_t *d = make_dataset("other", "d2", 4), *config = make_config(5, NULL);
	static const float logit[5] = { 1, 2, 3, 4, 5 };
	static const int32_t gold[1] = { 3 };

	make_experiment(a, "shared", &e);
	make_experiment(b, "shared", &e);
	tl_store_prediction(a, 2, "test", "doc", 5, NULL, logit, 1, gold, &e);
	int64_t x = tl_store_experiment(b, &(tl_experiment_row){ .name = "only b", .script_sha256 = "s2" }, &e);
	int64_t arm = tl_store_arm(b, x, "full", true, config, &e), run = make_run(b, arm, tl_store_dataset(b, d, &e), 4, 0.5, &e);
	tl_store_prediction(b, run, "test", "doc", 5, NULL, logit, 1, gold, &e);
	tl_store_message(b, run, "warning", "a label only outside train", &e);
	tl_store_plugin(b, run, "label", "corank", "1.0", "1.0", "x.so", "abc", &e);
	/* Unfinished in a, finished in b. */
	int64_t half = tl_store_run_for(a, 1, 1, 9, "half", "cpu", 1, &status, &e);
	free(status);
	tl_store_run_end(a, half, "failed", "NaN", NULL, NULL, &e);
	tl_store_result(a, half, "valid", 1, "p@1", "p@1|v1", true, "", true, 0.1, 1, 0, &e);
	int64_t whole = tl_store_run_for(b, 1, 1, 9, "half", "cpu", 1, &status, &e);
	free(status);
	tl_store_result(b, whole, "test", 3, "p@1", "p@1|v1", true, "", true, 0.6, 1, 0, &e);
	tl_store_run_end(b, whole, "done", NULL, NULL, NULL, &e);
	into = tl_store_open("m/into.db", false, &e);
	ok(tl_store_merge(into, "m/a.db", &added, &replaced, &e) == 0 && added == 7 && replaced == 0, "a database in use is merged into an empty one%s", e.text);
	added = 0;
	ok(tl_store_merge(into, "m/b.db", &added, &replaced, &e) == 0 && added == 1 && replaced == 1, "another one adds what is new and finishes what was not%s", e.text);
	ok(count(into, "SELECT count(*) FROM run") == 8 && count(into, "SELECT count(*) FROM experiment") == 2 && count(into, "SELECT count(*) FROM arm") == 3
	       && count(into, "SELECT count(*) FROM dataset") == 2 && count(into, "SELECT count(*) FROM metric") == 2 && count(into, "SELECT count(*) FROM prediction") == 2
	       && count(into, "SELECT count(*) FROM label") == 9, "shared rows are there once");
	ok(count(into, "SELECT count(*) FROM run WHERE identity = 'half' AND status = 'done'") == 1 && count(into, "SELECT count(*) FROM result r JOIN run q ON q.id = r.run_id AND q.identity = 'half'") == 1,
	   "the unfinished attempt's numbers are gone with it");
	ok(count(into, "SELECT count(*) FROM v_value v JOIN v_run r ON r.run_id = v.run_id AND r.arm_id = v.arm_id WHERE v.experiment = 'only b' AND v.dataset = 'other' AND v.seed = 4") == 4,
	   "rows hang together as they did");
	int64_t rows = count(into, "SELECT (SELECT count(*) FROM result) + (SELECT count(*) FROM message) * 1000 + (SELECT count(*) FROM run_plugin) * 10000 + (SELECT count(*) FROM arm_run) * 100000");
	added = replaced = 0;
	ok(tl_store_merge(into, "m/a.db", &added, &replaced, &e) == 0 && tl_store_merge(into, "m/b.db", &added, &replaced, &e) == 0 && !added && !replaced
	       && rows == count(into, "SELECT (SELECT count(*) FROM result) + (SELECT count(*) FROM message) * 1000 + (SELECT count(*) FROM run_plugin) * 10000 + (SELECT count(*) FROM arm_run) * 100000")
	       && rows % 1000000 > 0, "merging again changes nothing");
	ok(count(into, "SELECT count(*) FROM reported") == count(a, "SELECT count(*) FROM reported"), "nor are the papers' numbers doubled");
	ok(tl_store_merge(into, "m/into.db", NULL, NULL, &e) < 0, "a file is not merged into itself");
	says(e.text, "one file", "... and told so");
	e = (tl_error){ 0 };
	ok(tl_store_merge(into, "browser.db", NULL, NULL, &e) < 0 && count(into, "SELECT count(*) FROM run") == 8, "a foreign source is refused, nothing is changed");
	tl_store_close(into);
	tl_store_close(a);
	tl_store_close(b);
	json_decref(d);
	json_decref(config);
}

int
main(void)
{
	refusals();
	truncated();
	upgrade();
	as_reader();
	merging();
	return done();
}
