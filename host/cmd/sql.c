/* sql.c - any query on the results database. Reading only, unless writing is asked for. */
#include "cmd.h"
#include "format.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

static const tl_option options[] = {
	{ "--db", "FILE", "results database (default $TAGLOOM_DB, else results/tagloom.db)" },
	{ "--file", "F.sql", "the statements of a file, or of a query that is there (best-arms); - is standard input" },
	{ "--format", "FORMAT", "text (default), md, latex, csv or json" },
	{ "--write", NULL, "allow statements that change the database" },
	{ 0 }
};

static void
put_value(tl_rows *r, int j, tl_cell *c)
{
	const unsigned char *bytes;
	size_t n;

	switch (tl_rows_type(r, j)) {
	case 'i': tl_cell_int(c, tl_rows_int(r, j)); break;
	case 'd': tl_cell_real(c, tl_rows_real(r, j), -1); break;
	case 's': tl_cell_string(c, tl_rows_text(r, j)); break;
	case 'b': {
		tl_text t = { 0 };
		bytes = tl_rows_blob(r, j, &n);
		tl_text_add(&t, "x'");
		for (size_t i = 0; i < n && i < 32; i++)
			tl_text_add(&t, "%02x", bytes[i]);
		tl_text_add(&t, n > 32 ? "...' (%zu bytes)" : "'", n);
		tl_cell_string(c, t.s);
		tl_text_free(&t);
		break;
	}
	default: break;
	}
}

/* Runs one statement; writes its rows where it has columns. */
static int
show(tl_rows *r, tl_output as, bool first, tl_error *e)
{
	int n = tl_rows_columns(r), got;
	tl_grid *g = NULL;

	if (n) {
		const char **head = tl_alloc((size_t)n * sizeof *head);
		for (int j = 0; j < n; j++)
			head[j] = tl_rows_name(r, j);
		g = tl_grid_new(n, head);
		for (int j = 0; j < n; j++) { /* a name is a name, whatever it starts with */
			free(g->head[j]);
			g->head[j] = tl_strdup(head[j]);
			g->right[j] = false;
		}
		free(head);
	}
	while ((got = tl_rows_next(r, e)) == 1) {
		tl_cell *row = g ? tl_grid_row(g) : NULL;
		for (int j = 0; j < n; j++) {
			put_value(r, j, row + j);
			if (g->rows == 1)
				g->right[j] = row[j].type == 'i' || row[j].type == 'd';
		}
	}
	if (!got && g) {
		if (!first)
			putchar('\n');
		tl_grid_write(g, as, stdout);
	}
	tl_grid_free(g);
	return got;
}

/* The text of a file, or of the query of that name that the program carries. */
static int
read_named(const char *name, char **sql, tl_error *e)
{
	char *path = tl_format("results/queries/%s%s", name, tl_ends(name, ".sql") ? "" : ".sql"), *plain;
	const char *text = tl_embedded_text(path), *names[256], *near;
	tl_text list = { 0 };
	int64_t k = 0;
	size_t n;

	free(path);
	if (text && !tl_exists(name)) {
		*sql = tl_strdup(text);
		return 0;
	}
	if (tl_exists(name) || strchr(name, '/'))
		return tl_read_file(name, sql, &n, e);
	for (const struct tl_embedded *x = tl_embedded; x->path && k < TL_COUNT(names); x++)
		if (tl_starts(x->path, "results/queries/")) {
			plain = tl_strndup(x->path + 16, strlen(x->path + 16) - 4);
			tl_text_add(&list, "%s%s", k ? ", " : "", plain);
			names[k++] = plain;
		}
	near = tl_nearest(name, names, k);
	tl_error_set(e, TL_ENVIRONMENT, "--file %s: no such file, and no query of that name%s%s; there are %s", name, near ? "; did you mean " : "", near ? near : "", list.s ? list.s : "none");
	while (k)
		free((char *)(uintptr_t)names[--k]);
	tl_text_free(&list);
	return -1;
}

static int
read_statements(const tl_args *a, char **sql, tl_error *e)
{
	const char *file = tl_arg_value(a, "--file", NULL);
	tl_text t = { 0 };
	char buffer[4096];
	size_t n;

	if ((file != NULL) == (a->n > 0))
		return tl_error_set(e, TL_USAGE, "wanted either a query or --file F.sql");
	if (!file) {
		*sql = tl_strdup(a->operand[0]);
		return 0;
	}
	if (strcmp(file, "-"))
		return read_named(file, sql, e);
	while ((n = fread(buffer, 1, sizeof buffer, stdin)) > 0)
		tl_text_bytes(&t, buffer, n);
	tl_text_bytes(&t, "", 0);
	*sql = t.s;
	return 0;
}

static int
run(const tl_args *a, tl_error *e)
{
	bool first = true, write = tl_arg_flag(a, "--write");
	char *sql = NULL;
	const char *at;
	tl_output as;
	tl_store *s;
	int bad;

	if (tl_output_named(tl_arg_value(a, "--format", "text"), &as, e) || read_statements(a, &sql, e))
		return -1;
	s = tl_store_open(tl_db_path(a), !write, e);
	bad = !s;
	for (at = sql; !bad && *at;) {
		tl_rows *r = tl_store_query_part(s, e, at, &at);
		if (!r)
			break;
		bad = show(r, as, first, e);
		first = false;
		tl_rows_free(r);
	}
	tl_store_close(s);
	free(sql);
	return e->status ? -1 : 0;
}

const tl_verb tl_verb_sql = {
	.name = "sql",
	.synopsis = "QUERY | --file F.sql [--db FILE] [--format FORMAT] [--write]",
	.summary = "query the results database",
	.description = "Runs SQL statements and prints their rows. The views v_run, v_value, v_summary, v_compare, v_tail, v_prediction and v_reported\n"
	               "answer most questions; docs/database.md has an example for each and for every table. The function\n"
	               "tl_decode(blob, 'f32' | 'i32') turns stored scores and labels into JSON lists. --file NAME runs one of the\n"
	               "queries of results/queries, which the program carries: best-arms, hardest-documents, settings-that-differ, slowest-runs ...",
	.options = options,
	.least = 0,
	.most = 1,
	.run = run,
};
