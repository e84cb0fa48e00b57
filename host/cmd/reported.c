/*
 * reported.c - a table printed in a paper with our numbers beside it, and in plain words what differs in our set-up.
 *
 * Ours is the test mean of the arm of the printed row (its variant; without one its method, or "full" for the paper's own) on the dataset of
 * the printed name, in the experiment PAPER-TABLE-... (scripts/papers names them so) or, failing that, in one named after the method.
 */
#include "cmd.h"
#include "tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Subsets of test documents are printed as datasets of their own (pubmed-head); delta_X is X minus that of the arm "bert". */
static const char join[] =
	"WITH beside AS (SELECT * FROM (\n"
	"SELECT p.id, p.dataset, p.method, coalesce(p.variant, '') AS variant, p.metric, CASE p.scale WHEN 'percent' THEN p.value / 100 ELSE p.value END AS printed, p.value AS as_printed, p.scale, p.runs, p.note,\n"
	"	CASE WHEN p.metric LIKE 'delta!_%' ESCAPE '!' THEN s.mean - b.mean ELSE s.mean END AS ours, CASE WHEN p.metric NOT LIKE 'delta!_%' ESCAPE '!' THEN s.sd END AS sd, s.n,\n"
	"	s.experiment, s.experiment_id, s.arm, s.arm_id, s.dataset_id, s.signature,\n"
	"	row_number() OVER (PARTITION BY p.id ORDER BY s.mean IS NULL, lower(s.experiment) GLOB ?1 || '-' || ?2 || '-*' OR lower(s.experiment) = ?1 || '-' || ?2 DESC, s.arm_id DESC, s.metric_id) AS place\n"
	"FROM reported p\n"
	"	LEFT JOIN (SELECT * FROM v_summary WHERE split = 'test') s ON s.metric = CASE WHEN p.metric LIKE 'delta!_%' ESCAPE '!' THEN substr(p.metric, 7) WHEN p.metric = 'conditional_kl_test' THEN 'conditional_kl' ELSE p.metric END\n"
	"		AND ((s.dataset = p.dataset AND s.grp = '') OR (s.dataset || '-head' = p.dataset AND s.grp = 'head_docs') OR (s.dataset || '-tail' = p.dataset AND s.grp = 'tail_docs'))\n"
	"		AND (CASE WHEN coalesce(p.variant, '') <> '' THEN s.arm = p.variant ELSE lower(s.arm) = p.method OR (s.arm = 'full' AND p.method = ?1) END)\n"
	"		AND (lower(s.experiment) GLOB ?1 || '-' || ?2 || '-*' OR lower(s.experiment) = ?1 || '-' || ?2\n"
	"			OR ((lower(s.experiment) = p.method OR lower(s.experiment) = ?1 OR lower(s.experiment) GLOB ?1 || '-*') AND lower(s.experiment) NOT GLOB ?1 || '-table*'))\n"
	"	LEFT JOIN v_summary b ON p.metric LIKE 'delta!_%' ESCAPE '!' AND b.experiment_id = s.experiment_id AND b.dataset_id = s.dataset_id AND b.metric_id = s.metric_id AND b.split = 'test' AND b.grp = s.grp AND b.arm = 'bert'\n"
	"WHERE p.paper = ?1 AND p.tbl = ?2) WHERE place = 1) ";

static int
unknown(tl_store *s, const char *paper, const char *table, tl_error *e)
{
	char *tables = tl_store_text(s, e, "SELECT group_concat(tbl, ', ') FROM (SELECT DISTINCT tbl FROM reported WHERE paper = ?1 ORDER BY tbl)", "s", paper);
	char *papers = tl_store_text(s, e, "SELECT group_concat(paper, ', ') FROM (SELECT DISTINCT paper FROM reported ORDER BY paper)", "");

	if (tables)
		tl_error_set(e, TL_USAGE, "--reported %s/%s: wanted one of %s/{%s}", paper, table, paper, tables);
	else
		tl_error_set(e, TL_USAGE, "--reported %s: no such paper; there is %s", paper, papers ? papers : "none in this database");
	free(tables);
	free(papers);
	return -1;
}

/* A query on `beside`, the rows of one printed table with ours; ?1 is the paper, ?2 the table. */
static tl_rows *
query_beside(tl_store *s, const char *sql, const char *paper, const char *table, tl_error *e)
{
	char *all = tl_format("%s%s", join, sql);
	tl_rows *r = tl_store_query(s, e, all, "ss", paper, table);

	free(all);
	return r;
}

static int
print_rows(tl_rows *r, tl_output as, tl_error *e)
{
	const char *head[32];
	tl_grid *g;
	int n, got;

	if (!r)
		return -1;
	n = TL_MIN(tl_rows_columns(r), 32);
	for (int j = 0; j < n; j++)
		head[j] = tl_rows_name(r, j);
	g = tl_grid_new(n, head);
	while ((got = tl_rows_next(r, e)) == 1) {
		tl_cell *c = tl_grid_row(g);
		for (int j = 0; j < n; j++) {
			if (tl_rows_type(r, j) == 'd')
				tl_cell_real(c + j, tl_rows_real(r, j), -1);
			else if (tl_rows_type(r, j) == 'i')
				tl_cell_int(c + j, tl_rows_int(r, j));
			else
				tl_cell_string(c + j, tl_rows_text(r, j));
		}
	}
	tl_rows_free(r);
	if (!got)
		tl_grid_write(g, as, stdout);
	tl_grid_free(g);
	return got;
}

static int
decimals(double v)
{
	return fabs(v) < 10 ? 4 : 1;
}

/* Rows of the paper's table that we have a number for are one line a metric; a row without one is one line with its printed numbers alone. */
static int
print_beside(tl_store *s, const char *paper, const char *table, tl_output as, tl_error *e)
{
	static const char *const head[] = { "dataset", "row", "metric", ">printed", ">n", ">ours", ">difference" };
	tl_rows *r = query_beside(s, "SELECT dataset, method || CASE variant WHEN '' THEN '' ELSE ' ' || variant END, metric, printed, n, ours, sd FROM beside ORDER BY id", paper, table, e);
	tl_grid *g;
	int got;

	if (!r)
		return -1;
	g = tl_grid_new(7, head);
	while ((got = tl_rows_next(r, e)) == 1) {
		tl_cell *c = tl_grid_row(g);
		double printed = tl_rows_real(r, 3), ours = tl_rows_null(r, 5) ? NAN : tl_rows_real(r, 5);
		for (int j = 0; j < 3; j++)
			tl_cell_string(c + j, tl_rows_text(r, j));
		tl_cell_text(c + 3, "%.*f", decimals(printed), printed);
		if (isnan(ours))
			continue;
		char *text = tl_tab_text_of((tl_tab_stats) { (int)tl_rows_int(r, 4), ours, tl_rows_null(r, 6) ? NAN : tl_rows_real(r, 6), ours, ours }, decimals(printed));
		tl_cell_int(c + 4, tl_rows_int(r, 4));
		tl_cell_string(c + 5, text);
		tl_cell_text(c + 6, "%+.*f", decimals(printed), ours - printed);
		free(text);
	}
	tl_rows_free(r);
	g->title = tl_format("%s · %s · printed, and ours (test split, mean ± sd over n seeds)", paper, table);
	if (!got)
		tl_grid_write(g, as, stdout);
	tl_grid_free(g);
	return got;
}

/* --- what differs ------------------------------------------------------------------------------------------------------------------ */
/* One line of results/reported/setup.csv: paper,dataset,key,printed (no quotes). False at the end. */
static bool
setup_line(const char **at, char part[4][128])
{
	const char *p = *at;

	if (!*p)
		return false;
	for (int i = 0; i < 4; i++) {
		size_t n = strcspn(p, i < 3 ? ",\n" : "\n");
		snprintf(part[i], 128, "%.*s", (int)TL_MIN(n, 127), p);
		p += n;
		p += i < 3 && *p == ',';
	}
	*at = p + (*p == '\n');
	return true;
}

/* What we had for `key`: a number of the dataset, or a parameter of the arm; malloc'd, NULL where there is nothing of that name. */
static char *
our_value(tl_store *s, const char *key, int64_t arm, int64_t dataset, tl_error *e)
{
	if (!strncmp(key, "n_", 2)) {
		char *sql = tl_format("SELECT %s FROM dataset WHERE id = ?1", key), *v = tl_store_text(s, e, sql, "i", dataset);
		free(sql);
		return v;
	}
	if (tl_streq(key, "encoder"))
		return tl_store_text(s, e,
		                     "SELECT coalesce((SELECT CASE WHEN value <> '' THEN value END FROM param WHERE arm_id = ?1 AND key = 'transformer.weights'),"
		                     " (SELECT 'a transformer from scratch, dim ' || value || ', ' || (SELECT value FROM param WHERE arm_id = ?1 AND key = 'transformer.layers') || ' layers' FROM param WHERE arm_id = ?1 AND key = 'transformer.dim'),"
		                     " (SELECT substr(key, 1, instr(key, '.') - 1) || ' from scratch, dim ' || value FROM param WHERE arm_id = ?1 AND key IN ('cnn.dim', 'bow.dim')), 'none')",
		                     "i", arm);
	return tl_store_text(s, e, "SELECT value FROM param WHERE arm_id = ?1 AND key = ?2", "is", arm, key);
}

/* Is the encoder's folder named as the paper names it? Numbers are compared as numbers. */
static bool
same_value(const char *key, const char *printed, const char *ours)
{
	const char *base = strrchr(ours, '/');
	char *end;

	if (tl_streq(key, "encoder"))
		return tl_streq(base ? base + 1 : ours, printed);
	double a = strtod(printed, &end);
	return *end ? tl_streq(printed, ours) : a == strtod(ours, NULL);
}

static int
tell_differences(tl_store *s, const char *paper, const char *dataset, const char *experiment, int64_t arm, int64_t id, tl_error *e)
{
	const char *at = tl_embedded_text("results/reported/setup.csv");
	char part[4][128], *keep = NULL;
	int64_t told = 0, test;

	printf("\nwhat differs: %s on %s\n", experiment, dataset);
	while (at && setup_line(&at, part)) {
		if (strcmp(part[0], paper) || (strcmp(part[1], "all") && strcmp(part[1], dataset)))
			continue;
		char *ours = our_value(s, part[2], arm, id, e);
		if (ours && !same_value(part[2], part[3], ours)) {
			printf("  %-16s printed %s; ours %s\n", part[2], part[3], ours);
			told++;
		}
		free(ours);
	}
	keep = tl_store_text(s, e, "SELECT group_concat(DISTINCT status || ' ' || n) FROM (SELECT r.status, count(*) AS n FROM arm a JOIN arm_run ar ON ar.arm_id = a.id JOIN run r ON r.id = ar.run_id"
	                     " WHERE a.experiment_id = (SELECT experiment_id FROM arm WHERE id = ?1) AND r.status <> 'done' GROUP BY r.status)", "i", arm);
	test = tl_store_int(s, e, 0, "SELECT n_valid FROM dataset WHERE id = ?1", "i", id);
	printf("  %-16s ours: %s\n", "epoch tested", test ? "chosen on the validation split" : "the last (there is no validation split)");
	if (keep)
		printf("  %-16s %s\n", "runs not done", keep);
	if (!told)
		printf("  %-16s nothing else of what the paper prints; what it does not print (see the script's opening comment) is ours\n", "");
	free(keep);
	return e->status ? -1 : 0;
}

static int
tell(tl_store *s, const char *paper, const char *table, tl_error *e)
{
	tl_rows *r = query_beside(s, "SELECT CASE WHEN dataset LIKE '%-head' OR dataset LIKE '%-tail' THEN substr(dataset, 1, length(dataset) - 5) ELSE dataset END AS d, experiment, min(arm_id), dataset_id, arm FROM beside"
	                            " WHERE experiment IS NOT NULL GROUP BY d, experiment, dataset_id", paper, table, e);
	int got = -1, bad = 0, any = 0;

	while (r && !bad && (got = tl_rows_next(r, e)) == 1) {
		bad = tell_differences(s, paper, tl_rows_text(r, 0), tl_rows_text(r, 1), tl_rows_int(r, 2), tl_rows_int(r, 3), e);
		any = 1;
	}
	tl_rows_free(r);
	if (bad || got < 0)
		return -1;
	if (!any)
		printf("\nours: no result on data of these names yet\n");
	r = query_beside(s, "SELECT DISTINCT e.name, d.name, d.n_train FROM experiment e JOIN arm a ON a.experiment_id = e.id JOIN arm_run ar ON ar.arm_id = a.id JOIN run r ON r.id = ar.run_id JOIN dataset d ON d.id = r.dataset_id"
	                   " WHERE lower(e.name) GLOB ?1 || '-' || ?2 || '-*' AND r.status = 'done' AND d.name NOT IN (SELECT dataset FROM beside) AND d.name || '-head' NOT IN (SELECT dataset FROM beside)"
	                   " AND d.name || '-tail' NOT IN (SELECT dataset FROM beside)", paper, table, e);
	while (r && (got = tl_rows_next(r, e)) == 1)
		printf("not compared: %s on %s (%lld training documents): other data than the paper's; 'tagloom table --experiment %s' has its numbers\n", tl_rows_text(r, 0), tl_rows_text(r, 1),
		       (long long)tl_rows_int(r, 2), tl_rows_text(r, 0));
	tl_rows_free(r);
	if (got < 0 || e->status)
		return -1;
	r = query_beside(s, "SELECT dataset || ' ' || method || CASE variant WHEN '' THEN '' ELSE ' ' || variant END AS who, group_concat(DISTINCT metric), note FROM beside WHERE note <> '' GROUP BY who, note ORDER BY min(id)", paper, table, e);
	for (any = 0; r && (got = tl_rows_next(r, e)) == 1; any = 1)
		printf("%s%s %s: %s\n", any ? "" : "\nnotes on what is printed\n", tl_rows_text(r, 0), tl_rows_text(r, 1), tl_rows_text(r, 2));
	tl_rows_free(r);
	return e->status ? -1 : 0;
}

int
tl_reported_write(tl_store *s, const char *what, tl_output as, tl_error *e)
{
	char *paper = tl_strdup(what), *slash = strchr(paper, '/');
	const char *table = slash ? slash + 1 : "";
	int bad = 0;

	if (slash)
		*slash = 0;
	if (!tl_store_int(s, e, 0, slash ? "SELECT count(*) FROM reported WHERE paper = ?1 AND tbl = ?2" : "SELECT count(*) FROM reported WHERE paper = ?1", slash ? "ss" : "s", paper, table)) {
		bad = unknown(s, paper, table, e);
	} else if (!slash) {
		bad = print_rows(tl_store_query(s, e, "SELECT paper, tbl, count(*) AS numbers, count(DISTINCT method || coalesce(' ' || variant, '')) AS methods, group_concat(DISTINCT dataset) AS datasets FROM reported WHERE paper = ?1 GROUP BY tbl", "s", paper), as, e);
	} else if (as == TL_AS_CSV || as == TL_AS_JSON) {
		bad = print_rows(query_beside(s, "SELECT dataset, method, variant, metric, printed, as_printed, scale, runs, ours, sd, n, ours - printed AS difference, experiment, arm, signature, note FROM beside ORDER BY id", paper, table, e), as, e);
	} else {
		bad = print_beside(s, paper, table, as, e) || (as == TL_AS_TEXT && tell(s, paper, table, e));
	}
	free(paper);
	return bad || e->status ? -1 : 0;
}
