/*
 * cmd.h - one file per verb. host/cmd/NAME.c defines `const tl_verb tl_verb_NAME`; the table is made from the folder, and
 * --help, the man page and shell completion are printed from the same rows.
 */
#ifndef HOST_CMD_H
#define HOST_CMD_H

#include "base/base.h"

typedef struct tl_option {
	const char *name;      /* "--db" */
	const char *value;     /* "FILE", or NULL for a flag */
	const char *doc;       /* one line */
	char letter;           /* 'o' for -o, or 0 */
	bool many;             /* may be repeated with other values */
} tl_option;

typedef struct tl_args {
	const char *verb;
	int n;                       /* operands */
	char **operand;
	int n_given;
	struct { const tl_option *option; const char *value; } *given;
} tl_args;
const char *tl_arg_value(const tl_args *a, const char *name, const char *fallback); /* the one given */
bool tl_arg_flag(const tl_args *a, const char *name);
int64_t tl_arg_int(const tl_args *a, const char *name, int64_t fallback, tl_error *e);

typedef struct tl_verb {
	const char *name;
	const char *synopsis;        /* "SCRIPT.lua [--db FILE] [-D key=value]..." after the name */
	const char *summary;         /* one line */
	const char *description;     /* paragraphs for --help and the manual */
	const tl_option *options;    /* ends with zeros */
	int least, most;             /* operands; most -1: any */
	/* Returns the exit status; a sentence in e is printed by main as "tagloom VERB: ...". */
	int (*run)(const tl_args *a, tl_error *e);
	bool hidden;                 /* the child process of `run` */
} tl_verb;

/* In a signal handler, where no transaction is under way, so that there is nothing to lose: says the sentence and ends the process. */
void tl_end_now(int status, const char *sentence);
const char *tl_db_path(const tl_args *a); /* --db, else $TAGLOOM_DB, else results/tagloom.db */

#endif
