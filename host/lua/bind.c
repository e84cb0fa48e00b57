/*
 * bind.c - the functions that prelude.lua is called with. They look things up in the registry and raise errors that begin
 * with the script's line; everything that can be written in Lua is written there.
 */
#include "inside.h"
#include "train/train.h"

#include <stdlib.h>
#include <string.h>

/* Raises "where: sentence", and frees nothing: the caller has no memory of its own left. */
static int
raise(lua_State *L, const char *where, const char *arm, const tl_error *e)
{
	lua_pushfstring(L, "%s: %s%s%s%s", where, arm ? "arm " : "", arm ? arm : "", arm ? ": " : "", e->text);
	return lua_error(L);
}

static int
host_where(lua_State *L)
{
	tl_lua_where(L);
	return 1;
}

/* Called in place of a function of the prelude, so that a tail call from the script keeps the script's frame on the stack. */
static int
entry_call(lua_State *L)
{
	int n = lua_gettop(L);

	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, n, LUA_MULTRET);
	return lua_gettop(L);
}

static int
host_entry(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_settop(L, 1);
	lua_pushcclosure(L, entry_call, 1);
	return 1;
}

static int
host_nearest(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1), *near;
	lua_Integer n = (lua_Integer)lua_rawlen(L, 2);
	const char **names = lua_newuserdatauv(L, (size_t)(n + 1) * sizeof *names, 0);

	for (lua_Integer i = 0; i < n; i++) {
		lua_rawgeti(L, 2, i + 1);
		names[i] = lua_tostring(L, -1); /* the table keeps it */
		lua_pop(L, 1);
	}
	near = tl_nearest(name, names, n);
	if (near)
		lua_pushstring(L, near);
	else
		lua_pushnil(L);
	return 1;
}

static int
host_allow(lua_State *L)
{
	tl_script *s = tl_script_of(L);
	const char *path = luaL_checkstring(L, 1);

	s->allowed = tl_grow(s->allowed, s->n_allowed, &s->room_allowed, sizeof *s->allowed);
	s->allowed[s->n_allowed++] = tl_strdup(path);
	return 0;
}

static const tl_plugin *
plugin_of(lua_State *L, const char *kind, const char *name, const char *where)
{
	tl_script *s = tl_script_of(L);
	const tl_candidate *c;
	tl_error e = { 0 };

	if (!s->registry)
		return NULL;
	c = tl_registry_find(s->registry, kind, name, &e);
	if (!c)
		raise(L, where, NULL, &e);
	return c->plugin;
}

static int
host_find(lua_State *L)
{
	plugin_of(L, luaL_checkstring(L, 1), luaL_checkstring(L, 2), luaL_checkstring(L, 3));
	return 0;
}

static int
host_reader(lua_State *L)
{
	plugin_of(L, "reader", luaL_checkstring(L, 1), luaL_checkstring(L, 2));
	return 0;
}

/* params(kind, plugin, params, instance, where, arm or nil): the resolved parameters as an opaque value. */
static int
host_params(lua_State *L)
{
	const char *where = luaL_checkstring(L, 5), *who = luaL_checkstring(L, 4), *arm = luaL_optstring(L, 6, NULL);
	const tl_plugin *p = plugin_of(L, luaL_checkstring(L, 1), luaL_checkstring(L, 2), where);
	json_t *given = tl_lua_to_json(L, 3), *resolved;
	tl_error e = { 0 };
	int status = 0;

	if (!given) {
		tl_error_set(&e, TL_USAGE, "%s: a parameter is %s", who, tl_script_of(L)->failed);
		return raise(L, where, arm, &e);
	}
	if (json_is_array(given) && !json_array_size(given)) {
		json_decref(given);
		given = json_object();
	}
	resolved = json_object();
	if (p) {
		tl_arena *a = tl_arena_new(1 << 12);
		void *self = tl_arena_zalloc(a, p->self_size ? p->self_size : 1);
		status = tl_params_fill(p, self, given, who, a, resolved, &e);
		tl_arena_free(a);
	} else {
		json_object_update(resolved, given);
	}
	json_decref(given);
	if (status) {
		json_decref(resolved);
		return raise(L, where, arm, &e);
	}
	tl_lua_push_opaque(L, resolved);
	return 1;
}

static const char *const common_names[] = { "lr", "weight_decay", "init_scale" };

static int
host_param_names(lua_State *L)
{
	const tl_plugin *p = plugin_of(L, luaL_checkstring(L, 1), luaL_checkstring(L, 2), "");
	lua_Integer n = 0;

	lua_newtable(L);
	for (const tl_param *row = p ? p->params : NULL; row && row->name; row++) {
		lua_pushstring(L, row->name);
		lua_rawseti(L, -2, ++n);
	}
	for (const tl_loss *row = p ? p->losses : NULL; row && row->part; row++)
		if (row->param) {
			lua_pushstring(L, row->param);
			lua_rawseti(L, -2, ++n);
		}
	for (int64_t i = 0; p && i < TL_COUNT(common_names); i++) {
		lua_pushstring(L, common_names[i]);
		lua_rawseti(L, -2, ++n);
	}
	return 1;
}

static int
host_param_type(lua_State *L)
{
	static const char *const types[] = { "", "int", "real", "flag", "choice", "string", "ints", "json" };
	const tl_plugin *p = plugin_of(L, luaL_checkstring(L, 1), luaL_checkstring(L, 2), "");
	const char *name = luaL_checkstring(L, 3);

	for (const tl_param *row = p ? p->params : NULL; row && row->name; row++)
		if (!strcmp(row->name, name) && row->type > 0 && row->type < TL_COUNT(types)) {
			lua_pushstring(L, types[row->type]);
			return 1;
		}
	return 0;
}

/* train(table, where, who or nil): refuses unknown keys and bad values. */
static int
host_train(lua_State *L)
{
	const char *where = luaL_checkstring(L, 2), *arm = luaL_optstring(L, 3, NULL);
	json_t *train = tl_lua_to_json(L, 1);
	tl_error e = { 0 };
	int status = 0;

	if (!train) {
		tl_error_set(&e, TL_USAGE, "train: a value is %s", tl_script_of(L)->failed);
	} else if (tl_script_of(L)->registry) {
		if (json_is_array(train) && !json_array_size(train)) {
			json_decref(train);
			train = json_object();
		}
		status = tl_train_defaults(train, true, &e);
	}
	json_decref(train);
	if (status || e.status)
		return raise(L, where, arm, &e);
	return 0;
}

static int
host_train_names(lua_State *L)
{
	json_t *train = json_object(), *v;
	const char *key;
	lua_Integer n = 0;
	tl_error e = { 0 };

	if (tl_script_of(L)->registry)
		tl_train_defaults(train, true, &e);
	lua_newtable(L);
	json_object_foreach(train, key, v) {
		lua_pushstring(L, key);
		lua_rawseti(L, -2, ++n);
	}
	json_decref(train);
	return 1;
}

static int
host_metric(lua_State *L)
{
	tl_script *s = tl_script_of(L);
	tl_metric_request q = { 0 };
	tl_error e = { 0 };
	const char *where = luaL_checkstring(L, 2);

	if (!s->registry)
		return 0;
	if (tl_metric_parse(&q, s->registry, luaL_checkstring(L, 1), &e))
		return raise(L, where, NULL, &e);
	tl_metric_request_free(&q);
	return 0;
}

static int
host_list(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	tl_lua_mark_list(L, 1);
	return 1;
}

static int
host_chunk(lua_State *L)
{
	if (!tl_lua_embedded(L, luaL_checkstring(L, 1))) {
		lua_pushnil(L);
		return 1;
	}
	lua_getfield(L, LUA_REGISTRYINDEX, TL_LUA_GLOBALS);
	lua_setupvalue(L, -2, 1);
	return 1;
}

static int
host_recipes(lua_State *L)
{
	static const char folder[] = "scripts/recipes/";
	lua_Integer n = 0;

	lua_newtable(L);
	for (const struct tl_embedded *x = tl_embedded; x->path; x++)
		if (tl_starts(x->path, folder) && tl_ends(x->path, ".lua")) {
			lua_pushlstring(L, x->path + sizeof folder - 1, strlen(x->path) - (sizeof folder - 1) - 4);
			lua_rawseti(L, -2, ++n);
		}
	return 1;
}

/* source(chunk name): the text of a Lua file that was read, or nil. */
static int
host_source(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1), *slash;
	const json_t *text;

	name += *name == '@' || *name == '=';
	text = json_object_get(tl_script_of(L)->sources, name);
	if (!text && (slash = strrchr(name, '/')))
		text = json_object_get(tl_script_of(L)->sources, slash + 1);
	lua_pushstring(L, json_string_value(text));
	return 1;
}

void
tl_lua_host(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "where", host_where }, { "entry", host_entry }, { "nearest", host_nearest }, { "allow", host_allow }, { "find", host_find }, { "reader", host_reader },
		{ "params", host_params }, { "param_names", host_param_names }, { "param_type", host_param_type }, { "train", host_train }, { "train_names", host_train_names },
		{ "metric", host_metric }, { "list", host_list }, { "chunk", host_chunk }, { "recipes", host_recipes }, { "ops", tl_lua_ops }, { "declare", tl_lua_declare },
		{ "function_lines", tl_lua_function_lines }, { "source", host_source }, { NULL, NULL } };
	tl_script *s = tl_script_of(L);

	luaL_newlib(L, functions);
	lua_createtable(L, s->n_define, 0);
	for (int i = 0; i < s->n_define; i++) {
		lua_pushstring(L, s->define[i]);
		lua_rawseti(L, -2, i + 1);
	}
	lua_setfield(L, -2, "define");
	lua_pushstring(L, s->name);
	lua_setfield(L, -2, "script_name");
}
