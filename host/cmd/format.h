/* format.h - grids of cells written as text, Markdown, LaTeX, CSV or JSON. */
#ifndef HOST_CMD_FORMAT_H
#define HOST_CMD_FORMAT_H

#include "base/base.h"

typedef enum tl_output { TL_AS_TEXT = 0, TL_AS_MD, TL_AS_LATEX, TL_AS_CSV, TL_AS_JSON } tl_output;
/* --format NAME; what: "text|md|latex|csv|json" for the sentence. */
int tl_output_named(const char *name, tl_output *out, tl_error *e);

typedef struct tl_cell {
	char *text;        /* what people read; NULL: an empty cell */
	double number;     /* of type 'd' and 'i' */
	char type;         /* s text, d real, i integer, n nothing: CSV and JSON keep them apart */
	bool bold;
} tl_cell;
typedef struct tl_grid {
	int64_t columns, rows, capacity;
	char **head;       /* [columns] */
	bool *right;       /* [columns] aligned to the right */
	tl_cell *cell;     /* [rows, columns] */
	char *title;       /* may be NULL */
	bool sentences;    /* text: the last column holds sentences; where a terminal has no room for the rows they go below, and names are cut */
	int fixed;         /* text: leading columns that are repeated where the others are broken into several blocks */
} tl_grid;
tl_grid *tl_grid_new(int64_t columns, const char *const *head); /* heads starting with '>' are aligned to the right */
tl_cell *tl_grid_row(tl_grid *g);                               /* a new row of empty cells; valid until the next one */
void tl_cell_text(tl_cell *c, const char *format, ...) TL_PRINTF(2, 3);
void tl_cell_string(tl_cell *c, const char *s);                 /* NULL: an empty cell */
void tl_cell_int(tl_cell *c, int64_t v);
void tl_cell_real(tl_cell *c, double v, int decimals);          /* NaN: an empty cell; decimals < 0: as many as there are */
void tl_grid_write(const tl_grid *g, tl_output as, FILE *f);
void tl_grid_free(tl_grid *g);

/* Columns of a terminal that a text takes. */
int tl_width(const char *s);
bool tl_may_colour(FILE *f);   /* a terminal, and NO_COLOR is not set */
int tl_terminal_columns(FILE *f); /* 80 where it is none */
int tl_terminal_bound(FILE *f);   /* the same, but what goes elsewhere is not bounded: INT_MAX */
/* A line, broken at blanks before it is wider than `columns`; what follows begins in column `indent`. */
void tl_fold(FILE *f, const char *s, int columns, int indent);
void tl_json_put(FILE *f, const char *s);          /* a JSON string; NULL: null */
void tl_json_put_number(FILE *f, double v);        /* as few digits as tell it; NaN: null */
void tl_csv_put(FILE *f, const char *s);
void tl_latex_put(FILE *f, const char *s);
void tl_md_put(FILE *f, const char *s);

#endif
