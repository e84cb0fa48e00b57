/*
 * inside.h - what the files of this folder share: expressions over a plugin's parameters, descriptors, the floating-point guard.
 */
#ifndef HOST_PLUGIN_INSIDE_H
#define HOST_PLUGIN_INSIDE_H

#include "plugin/host.h"

/* --- expressions (expression.c) --------------------------------------------------------------------------------------------- */
/* A condition over the plugin's parameters (self is filled) and numeric symbols. NULL holds always. */
int tl_condition(const char *text, const tl_plugin *p, const void *self, const tl_symbols *symbols, bool *holds, tl_error *e);
/* Syntax, names and choice words of a condition; syntax of a shape. free_names: any name is welcome (they are bound later). */
int tl_condition_check(const char *text, const tl_plugin *p, tl_error *e);
int tl_expression_check(const char *text, size_t n, tl_error *e);

enum { TL_MAX_ALTERNATIVES = 4 };
typedef struct tl_shape_text {
	int n;                                                /* alternatives */
	struct tl_axis_list {
		int rank;
		struct { const char *s; size_t n; } axis[TL_MAX_RANK];
	} alternative[TL_MAX_ALTERNATIVES];
} tl_shape_text;
int tl_shape_split(const char *text, tl_shape_text *out, tl_error *e);
bool tl_is_name(const char *s, size_t n);                 /* one bare name: what unification can bind */

/* --- who runs (running.c) ----------------------------------------------------------------------------------------------------- */
typedef struct tl_running { const char *plugin, *callback; } tl_running; /* NULL: none */
tl_running tl_plugin_runs(tl_running now);                /* what ran before */
/* Around the loading of a file: where no other process watches this one, a constructor that hangs, crashes or exits ends it with a sentence. */
void tl_loading_begins(const tl_candidate *c);
void tl_loading_ends(void);

/* --- parameters (params.c) ---------------------------------------------------------------------------------------------------- */
const tl_param *tl_param_find(const tl_plugin *p, const char *name, size_t n);
/* The value of a numeric parameter (a flag is 0 or 1, a list its length); 1 found. */
int tl_param_number(const tl_plugin *p, const void *self, const char *name, size_t n, double *value);
/* The word of a choice or string parameter with its length, or NULL. */
const char *tl_param_word(const void *self, const tl_param *row, size_t *n);
/* As tl_params_fill, with symbols for defaults that are expressions ("d"). */
int tl_params_fill_with(const tl_plugin *p, void *self, const json_t *params, const char *who, const tl_symbols *symbols, tl_arena *a, json_t *resolved, tl_error *e);
/* Does the default fit its row? */
int tl_param_check(const tl_param *row, tl_error *e);
int tl_choice_index(const char *choices, const char *word, size_t n); /* -1: none */
bool tl_param_reserved(const char *name);                 /* a name that the host adds to every module */
int64_t tl_param_rows(const tl_plugin *p);

/* --- loading (loader.c, declare.c) --------------------------------------------------------------------------------------------- */
/* Fills c->plugin and c->handle, or c->why. c->path, c->name (of the file) and maybe c->kind are set. */
void tl_plugin_load(tl_candidate *c);
/* Is the declaration sound? own: rows and strings must lie inside a loaded file; false for descriptors made at run time. */
int tl_plugin_declared(const tl_plugin *p, bool own, tl_error *e);
bool tl_readable(const void *at, size_t n);               /* inside a segment of a loaded file */
const char *tl_kind_name(uint32_t kind);                  /* NULL: unknown */
extern const char *const tl_kind_names[];                 /* by tl_kind - 1, ends with NULL */
extern const char *const tl_kind_folders[];

/* --- floating-point state (guard.c) -------------------------------------------------------------------------------------------- */
typedef struct tl_float_state { uint64_t control, more; } tl_float_state;
void tl_float_save(tl_float_state *s);
/* Puts the state back; true where it had been changed. what: NULL, or room for words such as "flush-to-zero set". */
bool tl_float_restore(const tl_float_state *s, char *what, size_t n);

#endif
