/*
 * script.c - an experiment script becomes data. The script runs in a state of its own with bounded memory and instructions;
 * what it returns is checked by experiments.lua and converted to JSON here.
 */
#include "inside.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

tl_script *
tl_script_of(lua_State *L)
{
	return *(tl_script **)lua_getextraspace(L);
}

const char *
tl_lua_where(lua_State *L)
{
	lua_Debug ar;

	for (int level = 0; lua_getstack(L, level, &ar); level++) {
		if (lua_getinfo(L, "Sl", &ar) && ar.source[0] == '@')
			return lua_pushfstring(L, "%s:%d", ar.source + 1, ar.currentline);
	}
	return lua_pushstring(L, tl_script_of(L)->name);
}

static void *
bounded_alloc(void *ud, void *p, size_t old, size_t n)
{
	tl_script *s = ud;
	void *q;

	if (!p)
		old = 0;
	if (!n) {
		s->memory -= old;
		free(p);
		return NULL;
	}
	if (n > old && s->memory + (n - old) > s->memory_limit)
		return NULL;
	q = realloc(p, n);
	if (q)
		s->memory += n - old;
	return q;
}

/* Once the budget is spent every further instruction raises, so that pcall cannot keep a script alive. */
static void
count_hook(lua_State *L, lua_Debug *ar)
{
	tl_script *s = tl_script_of(L);

	(void)ar;
	if (!s->spent && !s->late) {
		s->budget -= TL_LUA_HOOK_EVERY;
		if (s->budget > 0)
			return;
		s->spent = true;
	}
	tl_lua_interrupt(L);
	tl_lua_where(L);
	if (s->late)
		lua_pushfstring(L, "%s: the script did not end after %I s of computing; run with --trust where it needs more", lua_tostring(L, -1), (LUAI_UACINT)s->seconds);
	else
		lua_pushfstring(L, "%s: the script did not end after %I instructions; run with --trust where it needs more", lua_tostring(L, -1), (LUAI_UACINT)TL_LUA_BUDGET);
	lua_error(L);
}

void
tl_lua_interrupt(lua_State *L)
{
	lua_sethook(L, count_hook, LUA_MASKCOUNT, 1);
}

void
tl_lua_arm(lua_State *L)
{
	tl_script *s = tl_script_of(L);

	s->budget = TL_LUA_BUDGET;
	s->spent = false;
	if (!s->trust)
		lua_sethook(L, count_hook, LUA_MASKCOUNT, TL_LUA_HOOK_EVERY);
}

typedef struct load_call { tl_script *s; const char *text; size_t n; } load_call;

/* Everything that may raise, in protected mode. Argument: a load_call. */
static int
protected_load(lua_State *L)
{
	load_call *call = lua_touserdata(L, 1);
	tl_script *s = call->s;
	enum { GLOBALS = 2, LOADED, TL, FINISH };

	lua_settop(L, 0);
	lua_pushnil(L);
	tl_lua_open(L);                       /* globals, loaded */
	if (!tl_lua_embedded(L, "host/lua/prelude.lua"))
		return luaL_error(L, "the prelude is missing in this build");
	lua_pushvalue(L, GLOBALS);
	lua_setfield(L, LUA_REGISTRYINDEX, TL_LUA_GLOBALS);
	lua_pushvalue(L, GLOBALS);
	lua_setupvalue(L, -2, 1);
	tl_lua_host(L);
	lua_call(L, 1, 2);                    /* tl, finish */
	lua_pushvalue(L, TL);
	lua_setfield(L, LOADED, "tagloom");
	tl_skip_mark(&call->text, &call->n);
	if (call->n && *call->text == LUA_SIGNATURE[0])
		return luaL_error(L, "%s: bytecode is not read; give the script's text", s->name);
	while (call->n && *call->text == '#') { /* a first line for the shell; its newline stays, so that lines keep their numbers */
		const char *end = memchr(call->text, '\n', call->n);
		call->n -= end ? (size_t)(end - call->text) : call->n;
		call->text = end ? end : "";
	}
	lua_pushfstring(L, "@%s", s->name);
	if (luaL_loadbufferx(L, call->text, call->n, lua_tostring(L, -1), "t"))
		return lua_error(L);
	lua_pushvalue(L, GLOBALS);
	lua_setupvalue(L, -2, 1);
	tl_lua_arm(L);
	lua_call(L, 0, 1);
	lua_pushvalue(L, FINISH);
	lua_insert(L, -2);
	lua_call(L, 1, 2);
	s->callbacks = luaL_ref(L, LUA_REGISTRYINDEX);
	s->experiments = tl_lua_to_json(L, -1);
	if (!s->experiments)
		return luaL_error(L, "%s: an experiment holds %s", s->name, s->failed);
	return 0;
}

static int
message_handler(lua_State *L)
{
	if (!lua_isstring(L, 1) && luaL_callmeta(L, 1, "__tostring"))
		return 1;
	if (!lua_isstring(L, 1))
		lua_pushfstring(L, "an error that is a %s", luaL_typename(L, 1));
	return 1;
}

static int
run_protected(lua_State *L, int arguments, int results, tl_error *e)
{
	int base = lua_gettop(L) - arguments, status;

	lua_pushcfunction(L, message_handler);
	lua_insert(L, base);
	status = lua_pcall(L, arguments, results, base);
	lua_remove(L, base);
	if (!status)
		return 0;
	if (status == LUA_ERRMEM)
		tl_error_set(e, TL_USAGE, "%s: the script wants more than %zu MiB of memory; run with --trust where it needs more", tl_script_of(L)->name, TL_LUA_MEMORY >> 20);
	else
		tl_error_set(e, TL_USAGE, "%s", lua_tostring(L, -1) ? lua_tostring(L, -1) : "an error without words");
	lua_pop(L, 1);
	return -1;
}

static void
set_paths(tl_script *s, const char *path)
{
	const char *slash = strrchr(path, '/');
	char real[PATH_MAX];

	s->path = tl_strdup(path);
	s->dir = slash ? tl_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : tl_strdup(".");
	s->root = tl_strdup(realpath(s->dir, real) ? real : "");
	s->name = tl_strdup(strlen(path) <= 40 ? path : slash ? slash + 1 : path);
}

tl_script *
tl_script_load(const char *path, const tl_script_options *o, tl_error *e)
{
	tl_script *s = tl_alloc(sizeof *s);
	load_call call = { s, o->text, o->text ? strlen(o->text) : 0 };
	char *text = NULL;
	const char *slash = strrchr(path, '/');
	int bad;

	s->callbacks = LUA_NOREF;
	s->stuck = o->stuck;
	s->define = o->define;
	s->n_define = o->n_define;
	s->trust = o->trust;
	s->registry = o->registry;
	s->given = json_incref((json_t *)(uintptr_t)o->sources); /* callbacks read them, too */
	s->sources = json_object();
	s->memory_limit = o->trust ? SIZE_MAX / 2 : TL_LUA_MEMORY;
	set_paths(s, path);
	if (!o->text) {
		tl_error why = { 0 };
		if (tl_read_file(path, &text, &call.n, &why)) {
			tl_error_set(e, TL_USAGE, "%s", why.text);
			goto bad;
		}
		call.text = text;
	}
	if (tl_utf8_bad(call.text, call.n) >= 0) {
		tl_error_set(e, TL_USAGE, "%s: not a script: byte %lld is not UTF-8", s->name, (long long)tl_utf8_bad(call.text, call.n));
		goto bad;
	}
	json_object_set_new(s->sources, slash ? slash + 1 : path, json_stringn(call.text, call.n));
	s->L = lua_newstate(bounded_alloc, s);
	if (!s->L) {
		tl_error_set(e, TL_ENVIRONMENT, "no memory for a Lua state");
		goto bad;
	}
	*(tl_script **)lua_getextraspace(s->L) = s;
	lua_pushcfunction(s->L, protected_load);
	lua_pushlightuserdata(s->L, &call);
	tl_lua_clock_start(s, o->seconds);
	bad = run_protected(s->L, 1, 0, e);
	tl_lua_clock_stop(s);
	if (bad)
		goto bad;
	s->define = NULL; /* belongs to the caller */
	s->loaded = true;
	if (!s->trust) { /* what callbacks may read */
		json_decref((json_t *)(uintptr_t)s->given);
		s->given = json_incref(s->sources);
	}
	free(text);
	return s;
bad:
	free(text);
	tl_script_free(s);
	return NULL;
}

const json_t *
tl_script_experiments(const tl_script *s)
{
	return s->experiments;
}

const json_t *
tl_script_sources(const tl_script *s)
{
	return s->sources;
}

typedef struct epoch_call { tl_script *s; const char *experiment; const json_t *run, *metrics; int answer; } epoch_call;

static int
protected_epoch(lua_State *L)
{
	epoch_call *call = lua_touserdata(L, 1);

	lua_settop(L, 0);
	lua_rawgeti(L, LUA_REGISTRYINDEX, call->s->callbacks);
	lua_getfield(L, -1, call->experiment);
	if (lua_isnil(L, -1))
		return 0;
	tl_lua_push_json(L, call->run);
	tl_lua_push_json(L, call->metrics);
	lua_call(L, 2, 1);
	if (lua_isnil(L, -1))
		return 0;
	if (lua_type(L, -1) != LUA_TSTRING || strcmp(lua_tostring(L, -1), "stop"))
		return luaL_error(L, "%s: on_epoch returned %s; wanted nothing or \"stop\"", call->s->name, luaL_tolstring(L, -1, NULL));
	call->answer = 1;
	return 0;
}

int
tl_script_on_epoch(tl_script *s, const char *experiment, const json_t *run, const json_t *metrics, tl_error *e)
{
	epoch_call call = { s, experiment, run, metrics, 0 };
	int bad;

	if (s->callbacks == LUA_NOREF)
		return 0;
	tl_lua_arm(s->L);
	lua_pushcfunction(s->L, protected_epoch);
	lua_pushlightuserdata(s->L, &call);
	s->in_epoch = true;
	bad = run_protected(s->L, 1, 0, e);
	s->in_epoch = false;
	return bad ? -1 : call.answer;
}

void
tl_script_free(tl_script *s)
{
	if (!s)
		return;
	if (s->L)
		lua_close(s->L);
	for (int64_t i = 0; i < s->n_allowed; i++)
		free(s->allowed[i]);
	free(s->allowed);
	json_decref(s->experiments);
	json_decref(s->sources);
	json_decref((json_t *)(uintptr_t)s->given);
	free(s->stuck_text);
	free(s->path);
	free(s->dir);
	free(s->root);
	free(s->name);
	free(s);
}
