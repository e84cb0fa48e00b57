/*
 * sandbox.c - libraries of a script, the files it may read, and require. Reading is allowed under the script's folder and
 * under the data paths that it names, after symbolic links are followed; every Lua file read is kept as a source.
 */
#include "inside.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LARGEST_SCRIPT = 16 << 20, LARGEST_KEPT = 1 << 20 };

static bool
under(const char *path, const char *root)
{
	size_t n = strlen(root);

	if (!n || strncmp(path, root, n))
		return false;
	return root[n - 1] == '/' || !path[n] || path[n] == '/';
}

/* Real path of a regular file that may be read, in out; false and a sentence otherwise. lua_only: the script's folder alone. */
static bool
resolve(tl_script *s, const char *path, bool lua_only, char out[PATH_MAX], char *why, size_t n)
{
	char *tries[2] = { tl_strdup(path), tl_path_join(s->dir, path) }, root[PATH_MAX];
	struct stat st;
	bool found = false, good = false;

	snprintf(why, n, "%s: no such file", path);
	for (int i = 0; i < 2 && !good; i++) {
		if (!realpath(tries[i], out) || stat(out, &st))
			continue;
		if (!found)
			snprintf(why, n, "%s: not under the script's folder%s; run with --trust where the script needs it", path, lua_only ? "" : " or a data path");
		found = true;
		good = s->trust || under(out, s->root);
		for (int64_t k = 0; k < s->n_allowed && !good && !lua_only; k++) {
			char *in_dir = tl_path_join(s->dir, s->allowed[k]);
			good = (realpath(s->allowed[k], root) && under(out, root)) || (realpath(in_dir, root) && under(out, root));
			free(in_dir);
		}
		if (good && !S_ISREG(st.st_mode)) {
			snprintf(why, n, "%s: not an ordinary file", path);
			free(tries[0]);
			free(tries[1]);
			return false;
		}
	}
	free(tries[0]);
	free(tries[1]);
	return good;
}

/* Key of a real path among the sources: relative to the script's folder, or NULL where it lies elsewhere. */
static const char *
source_key(const tl_script *s, const char *real)
{
	size_t n = strlen(s->root);

	if (!under(real, s->root))
		return NULL;
	real += n;
	return *real == '/' ? real + 1 : real;
}

/* "./lib/../x.lua" -> "x.lua": how a path of the script is looked up among the sources of the database. malloc'd. */
static char *
plain_path(const char *path)
{
	char *out = tl_strdup(path), *w = out;

	for (const char *p = path; *p;) {
		const char *end = strchrnul(p, '/');
		size_t n = (size_t)(end - p);
		if (n == 2 && !strncmp(p, "..", 2)) {
			while (w > out && *--w != '/')
				;
		} else if (n && !(n == 1 && *p == '.')) {
			if (w > out)
				*w++ = '/';
			memmove(w, p, n);
			w += n;
		}
		p = *end ? end + 1 : end;
	}
	*w = 0;
	return out;
}

/* The text that the database holds of it, with its key (malloc'd), or NULL. */
static const char *
given_source(const tl_script *s, const char *path, char **key)
{
	const char *const folder[] = { "", s->dir, s->root };

	for (int i = 0; s->given && i < 3; i++) {
		const char *text;
		if (i && !under(path, folder[i]))
			continue;
		*key = plain_path(path + strlen(folder[i]));
		if ((text = json_string_value(json_object_get(s->given, *key))))
			return text;
		free(*key);
	}
	*key = NULL;
	return NULL;
}

/*
 * Once the script has run a file would be read that no database holds, and a run could not be reproduced: on_epoch, whose runs know all sources,
 * may read those again; a module's forward, whose runs know what it reaches through local variables, reads none. A sentence, or NULL; pushed.
 */
static const char *
late(lua_State *L, const char *path, bool given)
{
	const tl_script *s = tl_script_of(L);

	if (!s->loaded || s->trust || (given && s->in_epoch))
		return NULL;
	if (s->in_epoch)
		return lua_pushfstring(L, "%s: on_epoch reads what the script has read before; the database does not hold this, so the run could not be reproduced: read it at the top of the script, or run with --trust", path);
	return lua_pushfstring(L, "%s: a module's forward reads no files, for what they hold decides its numbers: read it at the top of the script, into a local variable that forward uses, or run with --trust", path);
}

static void
keep_source(tl_script *s, const char *key, const char *text, size_t n)
{
	json_t *v = s->loaded || memchr(text, 0, n) ? NULL : json_stringn(text, n); /* what is no text the database does not keep */

	if (v)
		json_object_set_new(s->sources, key, v);
}

/* Text of a Lua file by the path a script wrote: pushed as a string, its key for messages after it. False: the sentence is pushed. */
static bool
push_source(lua_State *L, const char *path)
{
	tl_script *s = tl_script_of(L);
	char real[PATH_MAX], why[PATH_MAX + 200], *text = NULL, *known;
	const char *given = given_source(s, path, &known), *key;
	tl_error e = { 0 };
	struct stat st;
	size_t n;

	if (late(L, path, given)) {
		free(known);
		return false;
	}
	if (given) {
		keep_source(s, known, given, strlen(given));
		lua_pushstring(L, given);
		lua_pushstring(L, known);
		free(known);
		return true;
	}
	if (!resolve(s, path, true, real, why, sizeof why)) {
		lua_pushstring(L, why);
		return false;
	}
	if (!stat(real, &st) && st.st_size > LARGEST_SCRIPT) {
		lua_pushfstring(L, "%s: too large for a Lua file", path);
		return false;
	}
	if (tl_read_file(real, &text, &n, &e)) {
		lua_pushstring(L, e.text);
		return false;
	}
	key = source_key(s, real);
	keep_source(s, key ? key : real, text, n);
	lua_pushlstring(L, text, n);
	lua_pushstring(L, key ? key : real);
	free(text);
	return true;
}

/* Compiles text (at -2) under its name (at -1) with the globals of scripts; leaves the function or the message. */
static int
compile(lua_State *L)
{
	size_t n;
	const char *text = lua_tolstring(L, -2, &n), *name = lua_tostring(L, -1);
	int status;

	tl_skip_mark(&text, &n);
	if (n && *text == '#') { /* a first line for the shell */
		while (n && *text != '\n')
			text++, n--;
	}
	lua_pushfstring(L, "@%s", name);
	status = luaL_loadbufferx(L, text, n, lua_tostring(L, -1), "t");
	if (!status) {
		lua_getfield(L, LUA_REGISTRYINDEX, TL_LUA_GLOBALS);
		lua_setupvalue(L, -2, 1);
	}
	return status;
}

/* loadfile(path, environment) */
static int
sandbox_loadfile(lua_State *L)
{
	if (!push_source(L, luaL_checkstring(L, 1))) {
		lua_pushnil(L);
		lua_insert(L, -2);
		return 2;
	}
	if (compile(L)) {
		lua_pushnil(L);
		lua_insert(L, -2);
		return 2;
	}
	if (!lua_isnoneornil(L, 2)) {
		lua_pushvalue(L, 2);
		lua_setupvalue(L, -2, 1);
	}
	return 1;
}

static int
close_file(lua_State *L)
{
	luaL_Stream *p = luaL_checkudata(L, 1, LUA_FILEHANDLE);
	int status = fclose(p->f);

	return luaL_fileresult(L, status == 0, NULL);
}

static int
sandbox_open(lua_State *L)
{
	tl_script *s = tl_script_of(L);
	char real[PATH_MAX], why[PATH_MAX + 200], *text = NULL, *known;
	const char *path = luaL_checkstring(L, 1), *given = given_source(s, path, &known), *key;
	luaL_Stream *p;
	size_t n;

	if (late(L, path, given)) {
		free(known);
		lua_pushnil(L);
		lua_insert(L, -2);
		lua_pushboolean(L, true);
		return 3;
	}
	if (!given && !resolve(s, path, false, real, why, sizeof why)) {
		lua_pushnil(L);
		lua_pushstring(L, why);
		return 2;
	}
	p = lua_newuserdatauv(L, sizeof *p, 0);
	p->closef = NULL;
	luaL_setmetatable(L, LUA_FILEHANDLE);
	if (given) {
		keep_source(s, known, given, strlen(given));
		free(known);
		p->f = tmpfile();
		if (p->f && (fputs(given, p->f) < 0 || fseek(p->f, 0, SEEK_SET))) { /* no room: half a text would be read */
			fclose(p->f);
			p->f = NULL;
			errno = EIO;
		}
	} else {
		struct stat st;
		p->f = fopen(real, "rbe");
		key = source_key(s, real);
		/* Small texts beside the script belong to what it says: `reproduce` reads them from the database. */
		if (p->f && key && !fstat(fileno(p->f), &st) && st.st_size <= LARGEST_KEPT && !tl_read_file(real, &text, &n, NULL)) {
			keep_source(s, key, text, n);
			free(text);
		}
	}
	if (!p->f)
		return luaL_fileresult(L, 0, path);
	p->closef = close_file;
	return 1;
}

static int
sandbox_say(lua_State *L)
{
	tl_note("%s", luaL_checkstring(L, 1));
	return 0;
}

static bool
good_module_name(const char *name)
{
	if (!*name || *name == '.' || strstr(name, "..") || tl_ends(name, "."))
		return false;
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")] == 0;
}

static bool
source_there(tl_script *s, const char *path)
{
	char real[PATH_MAX], why[PATH_MAX + 200], *in_dir;
	bool there;

	there = s->given && json_object_get(s->given, path);
	if (there || (s->given && !s->loaded))
		return there;
	in_dir = tl_path_join(s->dir, path);
	there = tl_exists(in_dir) && resolve(s, in_dir, true, real, why, sizeof why);
	free(in_dir);
	return there;
}

/* require(name): "tagloom", or a Lua file under the script's folder. Upvalues: table of what is loaded, trusted require or nil. */
static int
sandbox_require(lua_State *L)
{
	tl_script *s = tl_script_of(L);
	const char *name = luaL_checkstring(L, 1);
	char *slashes, *path = NULL;
	int status;

	lua_settop(L, 1);
	lua_getfield(L, lua_upvalueindex(1), name);
	if (!lua_isnil(L, -1)) {
		if (lua_islightuserdata(L, -1))
			return luaL_error(L, "require \"%s\": the module requires itself", name);
		return 1;
	}
	lua_pop(L, 1);
	slashes = tl_strdup(name);
	for (char *p = slashes; *p; p++)
		if (*p == '.')
			*p = '/';
	for (int i = 0; i < 2 && !path && good_module_name(name); i++) {
		path = tl_format("%s%s", slashes, i ? "/init.lua" : ".lua");
		if (!source_there(s, path)) {
			free(path);
			path = NULL;
		}
	}
	free(slashes);
	if (!path && s->trust && !lua_isnil(L, lua_upvalueindex(2))) {
		lua_pushvalue(L, lua_upvalueindex(2));
		lua_pushvalue(L, 1);
		lua_call(L, 1, 1);
		return 1;
	}
	if (!path)
		return luaL_error(L, "require \"%s\": no such Lua file under the script's folder (\"tagloom\" is the only other module; C modules need --trust)", name);
	if (s->given) {
		lua_pushstring(L, path);
	} else {
		char *in_dir = tl_path_join(s->dir, path);
		lua_pushstring(L, in_dir);
		free(in_dir);
	}
	free(path);
	if (!push_source(L, lua_tostring(L, -1)))
		return luaL_error(L, "require \"%s\": %s", name, lua_tostring(L, -1));
	status = compile(L);
	if (status)
		return lua_error(L);
	lua_pushlightuserdata(L, s);
	lua_setfield(L, lua_upvalueindex(1), name);
	lua_pushvalue(L, 1);
	lua_call(L, 1, 1);
	if (lua_isnil(L, -1)) {
		lua_pop(L, 1);
		lua_pushboolean(L, 1);
	}
	lua_pushvalue(L, -1);
	lua_setfield(L, lua_upvalueindex(1), name);
	return 1;
}

bool
tl_lua_embedded(lua_State *L, const char *path)
{
	const char *text = tl_embedded_text(path);
	int status;

	if (!text)
		return false;
	lua_pushfstring(L, "=tagloom/%s", strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
	status = luaL_loadbufferx(L, text, strlen(text), lua_tostring(L, -1), "t");
	lua_remove(L, -2);
	if (status)
		lua_error(L);
	return true;
}

/* Leaves on the stack: the globals of scripts, the table of required modules. */
void
tl_lua_open(lua_State *L)
{
	static const luaL_Reg functions[] = { { "loadfile", sandbox_loadfile }, { "open", sandbox_open }, { "say", sandbox_say }, { NULL, NULL } };
	tl_script *s = tl_script_of(L);

	luaL_openlibs(L);
	tl_lua_value_open(L);
	tl_lua_tensor_open(L);
	tl_lua_embedded(L, "host/lua/sandbox.lua");
	lua_pushglobaltable(L);
	luaL_newlib(L, functions);
	lua_pushboolean(L, s->trust);
	lua_call(L, 3, 1);
	lua_newtable(L);
	lua_pushvalue(L, -1);
	lua_getglobal(L, "require");
	lua_pushcclosure(L, sandbox_require, 2);
	lua_setfield(L, -3, "require");
}
