/* reported.c - the papers' printed numbers, which travel with the program, into the table `reported`. */
#include "inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One field of a CSV line (quotes doubled inside quotes) into `out`; returns where the next one starts, NULL at the line's end. */
static const char *
field(const char *p, tl_text *out, bool *last)
{
	out->n = 0;
	tl_text_bytes(out, "", 0);
	if (*p == '"') {
		for (p++; *p && (*p != '"' || p[1] == '"'); p++) {
			tl_text_bytes(out, p, 1);
			p += *p == '"';
		}
		p += *p == '"';
	} else {
		size_t n = strcspn(p, ",\r\n");
		tl_text_bytes(out, p, n);
		p += n;
	}
	*last = *p != ',';
	return *p == ',' ? p + 1 : p;
}

static int
load_line(tl_store *s, const char **at, tl_text value[10], tl_error *e)
{
	const char *p = *at, *v[10];
	bool last = false;
	int n = 0;

	for (; n < 10 && !last; n++) {
		p = field(p, &value[n], &last);
		v[n] = value[n].n ? value[n].s : NULL;
	}
	*at = p + strcspn(p, "\n");
	*at += **at == '\n';
	if (n < 10 || !v[0] || !v[1])
		return n == 1 && !v[0] ? 0 : tl_error_set(e, TL_ENVIRONMENT, "results/reported/reported.csv: a line with %d fields, wanted 10", n);
	return tl_store_run(s, e, "INSERT INTO reported (paper, tbl, dataset, method, variant, metric, value, scale, runs, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	                    "ssssssdsss", v[0], v[1], v[2], v[3], v[4], v[5], v[6] ? strtod(v[6], NULL) : NAN, v[7], v[8], v[9]);
}

int
tl_store_load_reported(tl_store *s, tl_error *e)
{
	const char *csv = tl_embedded_text("results/reported/reported.csv");
	tl_text value[10] = { { 0 } };
	int bad = 0;

	if (!csv)
		return 0; /* nothing is printed anywhere yet */
	csv += strcspn(csv, "\n"); /* the line of names */
	csv += *csv == '\n';
	while (*csv && !bad)
		bad = load_line(s, &csv, value, e);
	for (int i = 0; i < 10; i++)
		tl_text_free(&value[i]);
	return bad;
}
