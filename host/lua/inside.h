/* inside.h - what the files of this folder share. */
#ifndef HOST_LUA_INSIDE_H
#define HOST_LUA_INSIDE_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "lua/script.h"

struct tl_script {
	lua_State *L;
	char *path, *dir, *root;      /* as given; its folder; the folder's real path ("" where there is none) */
	char *name;                   /* of the chunk, for messages */
	char **allowed;               /* data paths, as the script wrote them */
	int64_t n_allowed, room_allowed;
	const char *const *define;
	int n_define;
	bool trust;
	tl_registry *registry;
	const json_t *given;          /* sources of the database instead of files, or, once it has run, what it has read; NULL */
	bool loaded, in_epoch;        /* the script has run; on_epoch runs */
	json_t *experiments, *sources;
	size_t memory, memory_limit;  /* bytes */
	int64_t budget;               /* instructions left of this call */
	bool spent;
	volatile bool late;           /* it has computed for `seconds` */
	int64_t seconds;
	void (*stuck)(const char *sentence);
	char *stuck_text;
	int callbacks;                /* registry reference: experiment -> on_epoch */
	const char *failed;           /* to_json: what could not be converted */
};

enum { TL_LUA_HOOK_EVERY = 1000000 };
#define TL_LUA_GLOBALS "tagloom.globals" /* in Lua's registry: what scripts see */
#define TL_LUA_BUDGET 200000000LL      /* instructions of one call into a script: some seconds */
#define TL_LUA_MEMORY ((size_t)1 << 30)

tl_script *tl_script_of(lua_State *L);
/* Libraries, and what of them a script may see; the globals of L. */
void tl_lua_open(lua_State *L);
/* The table of functions that prelude.lua is called with is pushed. */
void tl_lua_host(lua_State *L);
/* "script.lua:12" of the nearest caller that is a user's file. Pushed. */
const char *tl_lua_where(lua_State *L);
/* Loads an embedded Lua text as a function and pushes it; false (nothing pushed) where there is none. */
bool tl_lua_embedded(lua_State *L, const char *path);
void tl_lua_arm(lua_State *L); /* a fresh budget for a call */
void tl_lua_interrupt(lua_State *L); /* the next instruction raises */
/* Bounds the time of computing from here on: see clock.c. */
void tl_lua_clock_start(tl_script *s, int seconds);
void tl_lua_clock_stop(tl_script *s);

/* Value at index as JSON. NULL: s->failed says why. */
json_t *tl_lua_to_json(lua_State *L, int index);
void tl_lua_push_json(lua_State *L, const json_t *v);
/* A JSON value that passes through Lua unseen; takes the reference. */
void tl_lua_push_opaque(lua_State *L, json_t *v);
void tl_lua_mark_list(lua_State *L, int index); /* an empty table that is a list */
void tl_lua_value_open(lua_State *L);

/* What the forward of a module in Lua works with (tensor.c): its metatables; tl.ops pushed; a tensor pushed (nil for none), and read; self's methods given to the table on top. */
void tl_lua_tensor_open(lua_State *L);
int tl_lua_ops(lua_State *L);
void tl_lua_push_tensor(lua_State *L, tl_tensor *x);
tl_tensor *tl_lua_tensor_at(lua_State *L, int i);
void tl_lua_self_methods(lua_State *L);
/* A call of forward begins in ctx: tensors of earlier ones are gone. Returns the context of the call around it, which `end` takes. */
tl_ctx *tl_lua_turn_begin(tl_ctx *ctx);
void tl_lua_turn_end(tl_ctx *outer);

/* Modules written in Lua (module.c): the two functions that module.lua declares them with. */
int tl_lua_declare(lua_State *L);
int tl_lua_function_lines(lua_State *L);

#endif
