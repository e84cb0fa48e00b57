/*
 * script.h - experiment scripts: the one Lua binding. A script becomes data (JSON); nothing else of the host sees Lua.
 */
#ifndef HOST_LUA_SCRIPT_H
#define HOST_LUA_SCRIPT_H

#include "base/base.h"
#include "base/json.h"
#include "plugin/host.h"

typedef struct tl_script tl_script;
typedef struct tl_script_options {
	const char *const *define;      /* "key=value" of -D */
	int n_define;
	bool trust;                     /* os.execute, io.popen, C modules */
	tl_registry *registry;          /* parameters and names are checked against it */
	const char *text;               /* reproduce: the script's text from the database instead of the file; may be NULL */
	const json_t *sources;          /* reproduce: {path: text} of every Lua file that was read; may be NULL */
	int seconds;                    /* of computing that the script may take to load; 0: 20 */
	/* Called in a signal handler with a sentence and a newline, where the script hangs inside one call of a library function: what never returns
	 * can only be ended with its process. NULL: it hangs. */
	void (*stuck)(const char *sentence);
} tl_script_options;
/* Loads and runs a script; errors carry script line and nearest name. */
tl_script *tl_script_load(const char *path, const tl_script_options *o, tl_error *e);
/* Array of experiments:
 * { "name", "baseline": arm name, "seeds": [..], "metrics": [..], "line", "on_epoch": has it one?, "seeds_asked": does the script read -D seeds itself?,
 *   "arms": [ { "name", "is_baseline", "datasets": [..], "config": { "data": {..}, "model": [..], "train": {..}, "metrics": [..] } } ] }
 * one entry of "arms" per arm and dataset; config lacks "seed". Borrowed. */
const json_t *tl_script_experiments(const tl_script *s);
const json_t *tl_script_sources(const tl_script *s);  /* {path: text} of every Lua file read. Borrowed. */
/* Calls the experiment's on_epoch(run, metrics) where there is one: 1 stop, 0 go on, -1 an error in it. */
int tl_script_on_epoch(tl_script *s, const char *experiment, const json_t *run, const json_t *metrics, tl_error *e);
void tl_script_free(tl_script *s);

#endif
