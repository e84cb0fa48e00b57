/* value.c - Lua values as JSON and back. Integers stay integers; what JSON cannot hold is told, not bent. */
#include "inside.h"

#include <math.h>
#include <string.h>

static const char opaque_name[] = "tagloom.json", list_name[] = "tagloom.list";
enum { DEEPEST = 60 };

static int
opaque_gc(lua_State *L)
{
	json_t **at = luaL_checkudata(L, 1, opaque_name);

	json_decref(*at);
	*at = NULL;
	return 0;
}

void
tl_lua_value_open(lua_State *L)
{
	luaL_newmetatable(L, opaque_name);
	lua_pushcfunction(L, opaque_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
	luaL_newmetatable(L, list_name);
	lua_pop(L, 1);
}

void
tl_lua_push_opaque(lua_State *L, json_t *v)
{
	json_t **at = lua_newuserdatauv(L, sizeof *at, 0);

	*at = v;
	luaL_setmetatable(L, opaque_name);
}

void
tl_lua_mark_list(lua_State *L, int index)
{
	lua_pushvalue(L, index);
	luaL_setmetatable(L, list_name);
	lua_pop(L, 1);
}

static bool
marked_list(lua_State *L, int index)
{
	bool is;

	if (!lua_getmetatable(L, index))
		return false;
	luaL_getmetatable(L, list_name);
	is = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return is;
}

static json_t *convert(lua_State *L, int index, int depth);

static json_t *
fail(lua_State *L, const char *what)
{
	tl_script_of(L)->failed = what;
	return NULL;
}

static json_t *
convert_list(lua_State *L, int index, lua_Integer n, int depth)
{
	json_t *array = json_array();

	for (lua_Integer i = 1; i <= n; i++) {
		json_t *item;
		lua_rawgeti(L, index, i);
		item = convert(L, lua_gettop(L), depth + 1);
		lua_pop(L, 1);
		if (!item) {
			json_decref(array);
			return NULL;
		}
		json_array_append_new(array, item);
	}
	return array;
}

static json_t *
convert_table(lua_State *L, int index, int depth)
{
	lua_Integer n = (lua_Integer)lua_rawlen(L, index);
	json_t *object;

	if (n > 0 || marked_list(L, index)) {
		lua_Integer count = 0;
		for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
			count++;
		return count == n ? convert_list(L, index, n, depth) : fail(L, "a table with both numbered and named values, or with holes");
	}
	object = json_object();
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		json_t *item;
		if (lua_type(L, -2) != LUA_TSTRING) {
			json_decref(object);
			return fail(L, "a table key that is neither a name nor a place in a list");
		}
		item = convert(L, lua_gettop(L), depth + 1);
		if (!item || json_object_set_new(object, lua_tostring(L, -2), item)) {
			json_decref(object);
			return item ? fail(L, "a key that is not UTF-8") : NULL;
		}
	}
	return object;
}

static json_t *
convert(lua_State *L, int index, int depth)
{
	json_t **opaque;
	const char *s;
	size_t n;
	json_t *v;

	if (depth > DEEPEST || !lua_checkstack(L, 8))
		return fail(L, "a table that lies in itself, or is too deep");
	switch (lua_type(L, index)) {
	case LUA_TNIL:
		return json_null();
	case LUA_TBOOLEAN:
		return json_boolean(lua_toboolean(L, index));
	case LUA_TNUMBER:
		if (lua_isinteger(L, index))
			return json_integer(lua_tointeger(L, index));
		if (!isfinite(lua_tonumber(L, index)))
			return fail(L, "a number that is not finite");
		return json_real(lua_tonumber(L, index));
	case LUA_TSTRING:
		s = lua_tolstring(L, index, &n);
		v = json_stringn(s, n);
		return v ? v : fail(L, "a text that is not UTF-8");
	case LUA_TTABLE:
		return convert_table(L, index, depth);
	case LUA_TUSERDATA:
		opaque = luaL_testudata(L, index, opaque_name);
		if (opaque && *opaque)
			return json_incref(*opaque);
		return fail(L, "a value that is no data");
	default:
		return fail(L, lua_type(L, index) == LUA_TFUNCTION ? "a function" : "a value that is no data");
	}
}

json_t *
tl_lua_to_json(lua_State *L, int index)
{
	tl_script_of(L)->failed = NULL;
	return convert(L, lua_absindex(L, index), 0);
}

void
tl_lua_push_json(lua_State *L, const json_t *v)
{
	const char *key;
	json_t *item;
	size_t i;

	luaL_checkstack(L, 8, "JSON");
	switch (v ? json_typeof(v) : JSON_NULL) {
	case JSON_OBJECT:
		lua_newtable(L);
		json_object_foreach((json_t *)v, key, item) {
			tl_lua_push_json(L, item);
			lua_setfield(L, -2, key);
		}
		break;
	case JSON_ARRAY:
		lua_newtable(L);
		json_array_foreach(v, i, item) {
			tl_lua_push_json(L, item);
			lua_rawseti(L, -2, (lua_Integer)i + 1);
		}
		break;
	case JSON_STRING:
		lua_pushlstring(L, json_string_value(v), json_string_length(v));
		break;
	case JSON_INTEGER:
		lua_pushinteger(L, json_integer_value(v));
		break;
	case JSON_REAL:
		lua_pushnumber(L, json_real_value(v));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		lua_pushboolean(L, json_is_true(v));
		break;
	default:
		lua_pushnil(L);
	}
}
