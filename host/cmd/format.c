/* format.c - grids of cells as text, Markdown, LaTeX (booktabs), CSV (RFC 4180) and JSON (a list of objects). */
#include "format.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

int
tl_output_named(const char *name, tl_output *out, tl_error *e)
{
	static const char *const names[] = { "text", "md", "latex", "csv", "json" };
	const char *near;

	for (int i = 0; i < 5; i++) {
		if (!strcmp(name, names[i])) {
			*out = (tl_output)i;
			return 0;
		}
	}
	near = tl_nearest(name, names, 5);
	return tl_error_set(e, TL_USAGE, "--format %s: wanted text, md, latex, csv or json%s%s", name, near ? "; did you mean " : "", near ? near : "");
}

int
tl_width(const char *s)
{
	int n = 0;

	for (utf8proc_int32_t c; s && *s;) {
		utf8proc_ssize_t step = utf8proc_iterate((const utf8proc_uint8_t *)s, -1, &c);
		if (step < 1) {
			step = 1;
			n++;
		} else {
			n += utf8proc_charwidth(c);
		}
		s += step;
	}
	return n;
}

bool
tl_may_colour(FILE *f)
{
	const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(fileno(f)) && !(no && *no) && !(terminal && !strcmp(terminal, "dumb"));
}

int
tl_terminal_columns(FILE *f)
{
	struct winsize w;

	if (isatty(fileno(f)) && !ioctl(fileno(f), TIOCGWINSZ, &w) && w.ws_col >= 40)
		return w.ws_col;
	return 80;
}

int
tl_terminal_bound(FILE *f)
{
	return isatty(fileno(f)) ? tl_terminal_columns(f) : INT_MAX;
}

void
tl_fold(FILE *f, const char *s, int columns, int indent)
{
	for (int column = 0; *s;) {
		size_t blanks = strspn(s, " "), n = strcspn(s + blanks, " ");
		char *word = tl_strndup(s + blanks, n);
		int width = tl_width(word);

		if (column && width > columns - column - (int)blanks) {
			fprintf(f, "\n%*s", indent, "");
			column = indent;
		} else {
			fprintf(f, "%*s", (int)blanks, "");
			column += (int)blanks;
		}
		fputs(word, f);
		column += width;
		free(word);
		s += blanks + n;
	}
	putc('\n', f);
}

/* --- building ------------------------------------------------------------------------------------------------------------- */
tl_grid *
tl_grid_new(int64_t columns, const char *const *head)
{
	tl_grid *g = tl_alloc(sizeof *g);

	g->columns = columns;
	g->head = tl_alloc((size_t)columns * sizeof *g->head);
	g->right = tl_alloc((size_t)columns * sizeof *g->right);
	for (int64_t j = 0; j < columns; j++) {
		g->right[j] = head[j][0] == '>';
		g->head[j] = tl_strdup(head[j] + g->right[j]);
	}
	return g;
}

tl_cell *
tl_grid_row(tl_grid *g)
{
	tl_cell *row;

	g->cell = tl_grow(g->cell, g->rows, &g->capacity, (size_t)TL_MAX(g->columns, 1) * sizeof *g->cell);
	row = g->cell + g->rows++ * g->columns;
	memset(row, 0, (size_t)g->columns * sizeof *row);
	for (int64_t j = 0; j < g->columns; j++)
		row[j].type = 'n';
	return row;
}

void
tl_cell_text(tl_cell *c, const char *format, ...)
{
	char small[256];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(small, sizeof small, format, ap);
	va_end(ap);
	if (n < (int)sizeof small) {
		c->text = tl_strndup(small, (size_t)n);
	} else {
		va_start(ap, format);
		c->text = tl_alloc((size_t)n + 1);
		vsnprintf(c->text, (size_t)n + 1, format, ap);
		va_end(ap);
	}
	c->type = 's';
}

void
tl_cell_string(tl_cell *c, const char *s)
{
	c->text = s ? tl_strdup(s) : NULL;
	c->type = s ? 's' : 'n';
}

void
tl_cell_int(tl_cell *c, int64_t v)
{
	c->text = tl_format("%lld", (long long)v);
	c->number = (double)v;
	c->type = 'i';
}

void
tl_cell_real(tl_cell *c, double v, int decimals)
{
	if (isnan(v))
		return;
	c->text = decimals < 0 ? tl_format("%.15g", v) : tl_format("%.*f", decimals, v);
	c->number = v;
	c->type = 'd';
}

void
tl_grid_free(tl_grid *g)
{
	if (!g)
		return;
	for (int64_t i = 0; i < g->rows * g->columns; i++)
		free(g->cell[i].text);
	for (int64_t j = 0; j < g->columns; j++)
		free(g->head[j]);
	free(g->cell);
	free(g->head);
	free(g->right);
	free(g->title);
	free(g);
}

/* --- one value in each language ---------------------------------------------------------------------------------------------- */
void
tl_json_put(FILE *f, const char *s)
{
	if (!s) {
		fputs("null", f);
		return;
	}
	putc('"', f);
	while (*s) {
		utf8proc_int32_t point;
		utf8proc_ssize_t step = utf8proc_iterate((const utf8proc_uint8_t *)s, -1, &point);
		unsigned char c = (unsigned char)*s;
		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", f);
		else if (c == '\t')
			fputs("\\t", f);
		else if (c < 32)
			fprintf(f, "\\u%04x", c);
		else if (step < 1)
			fputs("\\ufffd", f);
		else
			fwrite(s, 1, (size_t)step, f);
		s += step < 1 ? 1 : step;
	}
	putc('"', f);
}

void
tl_json_put_number(FILE *f, double v)
{
	char text[32];

	fputs(isfinite(v) ? tl_number_text(v, text) : "null", f);
}

void
tl_csv_put(FILE *f, const char *s)
{
	if (!s)
		return;
	if (!strpbrk(s, ",\"\r\n") && *s != ' ') {
		fputs(s, f);
		return;
	}
	putc('"', f);
	for (; *s; s++) {
		if (*s == '"')
			putc('"', f);
		putc(*s, f);
	}
	putc('"', f);
}

void
tl_latex_put(FILE *f, const char *s)
{
	for (; s && *s; s++) {
		if (strchr("&%$#_{}", *s))
			fprintf(f, "\\%c", *s);
		else if (*s == '\\')
			fputs("\\textbackslash{}", f);
		else if (*s == '~')
			fputs("\\textasciitilde{}", f);
		else if (*s == '^')
			fputs("\\textasciicircum{}", f);
		else if (*s == '<' || *s == '>' || *s == '|') /* other characters in TeX's old fonts */
			fprintf(f, "$%c$", *s);
		else if (!strncmp(s, "±", 2))
			fputs("$\\pm$", f), s++;
		else if (!strncmp(s, "–", 3))
			fputs("--", f), s += 2;
		else if (!strncmp(s, "−", 3))
			fputs("$-$", f), s += 2;
		else if (!strncmp(s, "·", 2))
			fputs("$\\cdot$", f), s++;
		else if (*s == '\n' || *s == '\r')
			putc(' ', f);
		else
			putc(*s, f);
	}
}

void
tl_md_put(FILE *f, const char *s)
{
	for (; s && *s; s++) {
		if (*s == '|' || *s == '*' || *s == '\\' || *s == '`' || *s == '<')
			fprintf(f, "\\%c", *s);
		else if (*s == '\n' || *s == '\r')
			putc(' ', f);
		else
			putc(*s, f);
	}
}

/* --- text ------------------------------------------------------------------------------------------------------------------------- */
/* Bytes of s that take at most `width` columns. */
static size_t
bytes_within(const char *s, int width)
{
	size_t n = 0;
	utf8proc_int32_t c;

	while (s[n]) {
		utf8proc_ssize_t step = utf8proc_iterate((const utf8proc_uint8_t *)s + n, -1, &c);
		width -= step < 1 ? 1 : utf8proc_charwidth(c);
		if (width < 0)
			break;
		n += step < 1 ? 1 : (size_t)step;
	}
	return n;
}

static void
put_padded(FILE *f, const char *s, int width, bool right, bool bold, bool last)
{
	int space = width - tl_width(s);
	size_t n = space < 0 ? bytes_within(s, width - 1) : s ? strlen(s) : 0;

	if (right)
		fprintf(f, "%*s", TL_MAX(space, 0), "");
	if (bold)
		fputs("\033[1m", f);
	for (size_t i = 0; i < n; i++) /* a cell is one line */
		putc(s[i] == '\n' || s[i] == '\r' || s[i] == '\t' ? ' ' : s[i], f);
	if (space < 0)
		fputs("…", f);
	if (bold)
		fputs("\033[0m", f);
	if (!right && !last)
		fprintf(f, "%*s", TL_MAX(space, 0), "");
}

/* Row i (-1: the heads), its columns [from, to) behind the fixed ones. */
static void
text_row(const tl_grid *g, int64_t i, const int *width, int64_t from, int64_t to, bool colour, FILE *f)
{
	int64_t end = to; /* nothing but blanks follows: left out */

	while (i >= 0 && end > g->fixed && (!g->cell[i * g->columns + end - 1].text || !*g->cell[i * g->columns + end - 1].text))
		end--;
	for (int64_t j = 0; j < end; j++) {
		const tl_cell *c = i < 0 ? NULL : g->cell + i * g->columns + j;
		if (j >= g->fixed && j < from)
			continue;
		put_padded(f, c ? c->text : g->head[j], width[j], g->right[j], colour && (!c || c->bold), j + 1 == end);
		if (j + 1 < end)
			fputs("  ", f);
	}
	putc('\n', f);
}

/* The widest of the first n columns of names give way until a row fits; numbers are never cut. */
static void
narrow(const tl_grid *g, int *width, int64_t n, int columns)
{
	enum { LEAST = 4 };
	int64_t used = -2, widest = 0;

	for (int64_t j = 0; j < n; j++)
		used += width[j] + 2;
	for (; used > columns && widest >= 0; used--) {
		widest = -1;
		for (int64_t j = 0; j < n; j++)
			if (!g->right[j] && width[j] > LEAST && (widest < 0 || width[j] > width[widest]))
				widest = j;
		if (widest >= 0)
			width[widest]--;
	}
}

/* Rows that are too wide for a terminal: the last column goes below. */
static void
with_sentences(const tl_grid *g, int *width, int columns, bool colour, FILE *f)
{
	int64_t last = g->columns - 1;

	narrow(g, width, last, columns);
	for (int64_t i = -1; i < g->rows; i++) {
		const char *sentence = i < 0 ? NULL : g->cell[i * g->columns + last].text;
		text_row(g, i, width, 0, last, colour, f);
		if (sentence && *sentence) {
			char *line = tl_format("    %s", sentence);
			tl_fold(f, line, columns, 4);
			free(line);
		}
	}
}

/* Columns that do not fit beside each other go below, the fixed ones in front again. */
static void
as_text(const tl_grid *g, FILE *f)
{
	int *width = tl_alloc((size_t)(g->columns + 1) * sizeof *width), columns = tl_terminal_columns(f), lead = 0, wide = -2;
	bool colour = tl_may_colour(f), many = false;

	for (int64_t j = 0; j < g->columns; j++) {
		width[j] = tl_width(g->head[j]);
		for (int64_t i = 0; i < g->rows; i++) {
			int w = tl_width(g->cell[i * g->columns + j].text);
			width[j] = TL_MAX(width[j], w);
		}
		lead += j < g->fixed ? width[j] + 2 : 0;
		wide += width[j] + 2;
	}
	if (g->sentences && wide > tl_terminal_bound(f)) {
		with_sentences(g, width, columns, colour, f);
		free(width);
		return;
	}
	if (g->title)
		fprintf(f, "%s\n", g->title);
	for (int64_t from = g->fixed, to; from < g->columns || !many; from = to, many = true) {
		int used = lead;
		for (to = from; to < g->columns && (to == from || !g->fixed || used + width[to] <= columns); to++)
			used += width[to] + 2;
		if (many)
			putc('\n', f);
		for (int64_t i = -1; i < g->rows; i++)
			text_row(g, i, width, from, to, colour, f);
	}
	free(width);
}

/* --- the others ------------------------------------------------------------------------------------------------------------------- */
static void
as_md(const tl_grid *g, FILE *f)
{
	if (g->title)
		fprintf(f, "**%s**\n\n", g->title);
	for (int64_t j = 0; j < g->columns; j++) {
		fputs("| ", f);
		tl_md_put(f, g->head[j]);
		putc(' ', f);
	}
	fputs("|\n", f);
	for (int64_t j = 0; j < g->columns; j++)
		fputs(g->right[j] ? "|---:" : "|---", f);
	fputs("|\n", f);
	for (int64_t i = 0; i < g->rows; i++) {
		for (int64_t j = 0; j < g->columns; j++) {
			const tl_cell *c = g->cell + i * g->columns + j;
			fputs(c->bold ? "| **" : "| ", f);
			tl_md_put(f, c->text);
			fputs(c->bold ? "** " : " ", f);
		}
		fputs("|\n", f);
	}
}

static void
as_latex(const tl_grid *g, FILE *f)
{
	fputs("% needs \\usepackage{booktabs}\n", f);
	if (g->title) {
		fputs("% ", f);
		tl_latex_put(f, g->title);
		putc('\n', f);
	}
	fputs("\\begin{tabular}{", f);
	for (int64_t j = 0; j < g->columns; j++)
		putc(g->right[j] ? 'r' : 'l', f);
	fputs("}\n\\toprule\n", f);
	for (int64_t i = -1; i < g->rows; i++) {
		for (int64_t j = 0; j < g->columns; j++) {
			const tl_cell *c = i < 0 ? NULL : g->cell + i * g->columns + j;
			const char *text = c ? c->text : g->head[j];
			fputs(j ? " & " : text && (*text == '[' || *text == '*') ? "{}" : "", f); /* a line's end takes these for its own */
			fputs(c && c->bold ? "\\textbf{" : "", f);
			tl_latex_put(f, text);
			fputs(c && c->bold ? "}" : "", f);
		}
		fputs(" \\\\\n", f);
		if (i < 0)
			fputs("\\midrule\n", f);
	}
	fputs("\\bottomrule\n\\end{tabular}\n", f);
}

static void
as_csv(const tl_grid *g, FILE *f)
{
	char text[32];

	for (int64_t i = -1; i < g->rows; i++) {
		for (int64_t j = 0; j < g->columns; j++) {
			const tl_cell *c = i < 0 ? NULL : g->cell + i * g->columns + j;
			if (j)
				putc(',', f);
			if (c && c->type == 'd')
				fputs(tl_number_text(c->number, text), f);
			else
				tl_csv_put(f, c ? c->text : g->head[j]);
		}
		putc('\n', f);
	}
}

static void
as_json(const tl_grid *g, FILE *f)
{
	putc('[', f);
	for (int64_t i = 0; i < g->rows; i++) {
		fputs(i ? ",\n {" : "\n {", f);
		for (int64_t j = 0; j < g->columns; j++) {
			const tl_cell *c = g->cell + i * g->columns + j;
			fputs(j ? ", " : "", f);
			tl_json_put(f, g->head[j]);
			fputs(": ", f);
			if (c->type == 'd')
				tl_json_put_number(f, c->number);
			else if (c->type == 'i')
				fputs(c->text, f);
			else
				tl_json_put(f, c->type == 's' ? c->text : NULL);
		}
		putc('}', f);
	}
	fputs(g->rows ? "\n]\n" : "]\n", f);
}

void
tl_grid_write(const tl_grid *g, tl_output as, FILE *f)
{
	switch (as) {
	case TL_AS_TEXT: as_text(g, f); break;
	case TL_AS_MD: as_md(g, f); break;
	case TL_AS_LATEX: as_latex(g, f); break;
	case TL_AS_CSV: as_csv(g, f); break;
	case TL_AS_JSON: as_json(g, f); break;
	}
}
