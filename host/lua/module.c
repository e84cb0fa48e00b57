/*
 * module.c - modules written in Lua: a declaration becomes a plugin's descriptor at run time, whose functions call the script's. What forward works with is in
 * tensor.c.
 */
#include "inside.h"

#include <stdlib.h>
#include <string.h>

#include "tensor/core.h"

enum slot_form { AS_TENSOR, AS_LIST, AS_INPUT };

/* One declared module. All of it lives as long as the registry that knows it, which is as long as the process needs it. */
struct lua_module {
	tl_script *script;
	int forward;                 /* reference into Lua's registry */
	tl_plugin plugin;
	tl_module functions;
	tl_param *params;
	tl_weight *weights;
	tl_slot *reads, *writes;
	tl_loss *losses;
	int n_params, n_weights, n_reads, n_writes;
};

/* --- one forward -------------------------------------------------------------------------------------------------------------------- */
static void
push_param(lua_State *L, const tl_param *p, const char *self)
{
	const void *at = self + p->at;

	switch (p->type) {
	case TL_INT: lua_pushinteger(L, *(const int64_t *)at); break;
	case TL_REAL: lua_pushnumber(L, *(const double *)at); break;
	case TL_FLAG: lua_pushboolean(L, *(const bool *)at); break;
	case TL_CHOICE: {
		const char *s = p->choices;
		for (int i = *(const int *)at; i > 0 && s; i--)
			s = strchr(s, '|') ? strchr(s, '|') + 1 : NULL;
		lua_pushlstring(L, s ? s : "", s ? strcspn(s, "|") : 0);
		break;
	}
	default: lua_pushstring(L, *(const char *const *)at);
	}
}

static void
push_slot(lua_State *L, const tl_slot *row, const char *self)
{
	if (row->kind == TL_SLOT_INPUT) {
		const tl_input *in = *(const tl_input *const *)(const void *)(self + row->at);
		if (!in) {
			lua_pushnil(L);
			return;
		}
		lua_createtable(L, 0, 6);
		tl_lua_push_tensor(L, in->ids);
		lua_setfield(L, -2, "ids");
		tl_lua_push_tensor(L, in->offsets);
		lua_setfield(L, -2, "offsets");
		tl_lua_push_tensor(L, in->segments);
		lua_setfield(L, -2, "segments");
		tl_lua_push_tensor(L, in->positions);
		lua_setfield(L, -2, "positions");
		lua_pushinteger(L, in->n);
		lua_setfield(L, -2, "n");
		lua_createtable(L, in->n, 0);
		for (int32_t i = 0; i < in->n; i++) {
			lua_pushinteger(L, in->host_offsets[i + 1] - in->host_offsets[i]);
			lua_rawseti(L, -2, i + 1);
		}
		lua_setfield(L, -2, "lengths");
	} else if (row->kind == TL_SLOT_LIST) {
		const tl_list *list = (const void *)(self + row->at);
		lua_createtable(L, list->n, 0);
		for (int i = 0; i < list->n; i++) {
			tl_lua_push_tensor(L, list->item[i]);
			lua_rawseti(L, -2, i + 1);
		}
	} else {
		tl_lua_push_tensor(L, *(tl_tensor *const *)(const void *)(self + row->at));
	}
}

struct turn_call { const struct lua_module *module; char *self; tl_ctx *ctx; };

static int
protected_forward(lua_State *L)
{
	struct turn_call *call = lua_touserdata(L, 1);
	const struct lua_module *m = call->module;

	lua_settop(L, 0);
	lua_rawgeti(L, LUA_REGISTRYINDEX, m->forward);
	lua_createtable(L, 0, m->n_params + 6);
	for (int i = 0; i < m->n_params; i++) {
		push_param(L, &m->params[i], call->self);
		lua_setfield(L, -2, m->params[i].name);
	}
	lua_createtable(L, 0, m->n_weights);
	for (int i = 0; i < m->n_weights; i++) {
		tl_lua_push_tensor(L, *(tl_tensor *const *)(void *)(call->self + m->weights[i].at));
		lua_setfield(L, -2, m->weights[i].name);
	}
	lua_setfield(L, -2, "weights");
	lua_pushboolean(L, tl_training(call->ctx));
	lua_setfield(L, -2, "training");
	lua_pushinteger(L, tl_step(call->ctx));
	lua_setfield(L, -2, "step");
	lua_pushinteger(L, tl_n_labels(call->ctx));
	lua_setfield(L, -2, "n_labels");
	lua_pushinteger(L, tl_n_documents(call->ctx));
	lua_setfield(L, -2, "n_documents");
	tl_lua_self_methods(L);
	lua_createtable(L, 0, m->n_reads + m->n_writes);
	for (int i = 0; i < m->n_reads; i++) {
		push_slot(L, &m->reads[i], call->self);
		lua_setfield(L, -2, m->reads[i].name);
	}
	lua_pushvalue(L, -1);
	lua_insert(L, 1); /* the slots, below the function */
	lua_call(L, 2, 0);
	for (int i = 0; i < m->n_writes; i++) {
		lua_getfield(L, 1, m->writes[i].name);
		if (lua_isnil(L, -1))
			return luaL_error(L, "forward did not write the slot %s", m->writes[i].name);
		*(tl_tensor **)(void *)(call->self + m->writes[i].at) = tl_lua_tensor_at(L, -1);
		lua_pop(L, 1);
	}
	return 0;
}

static int
forward(tl_ctx *ctx, void *self)
{
	const struct lua_module *m = tl_closure(ctx);
	struct turn_call call = { m, self, ctx };
	lua_State *L = m->script->L;
	tl_ctx *outer;
	int status;

	tl_lua_arm(L);
	outer = tl_lua_turn_begin(ctx);
	lua_pushcfunction(L, protected_forward);
	lua_pushlightuserdata(L, &call);
	status = lua_pcall(L, 1, 0, 0);
	tl_lua_turn_end(outer);
	if (status) {
		tl_fail(ctx, "%s", lua_tostring(L, -1) ? lua_tostring(L, -1) : "an error without words");
		lua_pop(L, 1);
		return -1;
	}
	return tl_status(ctx);
}

/* --- the declaration ----------------------------------------------------------------------------------------------------------------- */
static char *
string_field(lua_State *L, int index, const char *key)
{
	char *s = NULL;

	lua_getfield(L, index, key);
	if (!lua_isnil(L, -1))
		s = tl_strdup(luaL_tolstring(L, -1, NULL)), lua_pop(L, 1);
	lua_pop(L, 1);
	return s;
}

static double
number_field(lua_State *L, int index, const char *key)
{
	double v;

	lua_getfield(L, index, key);
	v = lua_tonumber(L, -1);
	lua_pop(L, 1);
	return v;
}

static int
list_length(lua_State *L, int index, const char *key)
{
	int n;

	lua_getfield(L, index, key);
	n = (int)luaL_len(L, -1);
	lua_pop(L, 1);
	return n;
}

/* Pushes element i (from 0) of the list under key. */
static void
element(lua_State *L, int index, const char *key, int i)
{
	lua_getfield(L, index, key);
	lua_geti(L, -1, i + 1);
	lua_remove(L, -2);
}

static void
read_slots(lua_State *L, const char *key, tl_slot **rows, int *n, size_t *at)
{
	*n = list_length(L, 1, key);
	*rows = tl_alloc((size_t)(*n + 1) * sizeof **rows);
	for (int i = 0; i < *n; i++) {
		element(L, 1, key, i);
		(*rows)[i] = (tl_slot){ .name = string_field(L, -1, "name"), .at = *at, .shape = string_field(L, -1, "shape"), .kind = (int)number_field(L, -1, "kind"), .when = string_field(L, -1, "when") };
		*at += sizeof(tl_list);
		lua_pop(L, 1);
	}
}

/* A module under the name of another plugin or module would quietly take its place; a line may declare one twice. */
static void
refuse_twin(lua_State *L, const tl_script *s, const char *where, const char *hex)
{
	const tl_candidate *twin;
	tl_error e = { 0 };

	lua_getfield(L, 1, "name");
	twin = s->registry ? tl_registry_find(s->registry, "label", lua_tostring(L, -1), &e) : NULL;
	if (twin && (strcmp(twin->path, where) || strcmp(twin->sha256, hex))) {
		lua_pushfstring(L, "%s: tl.module: name = \"%s\": %s has that name; choose another", where, lua_tostring(L, -1), twin->path);
		lua_error(L);
	}
	lua_pop(L, 1);
}

/* declare(normalised declaration, forward, text that identifies it, where): registers label/NAME. */
int
tl_lua_declare(lua_State *L)
{
	tl_script *s = tl_script_of(L);
	struct lua_module *m;
	size_t n, at = 0;
	const char *text = luaL_checklstring(L, 3, &n), *where = luaL_checkstring(L, 4); /* strings of a script may hold zeros: one of its library does */
	char hex[65];
	tl_error e = { 0 };

	tl_sha_of(text, n, hex);
	refuse_twin(L, s, where, hex);
	m = tl_alloc(sizeof *m);
	m->script = s;
	m->n_params = list_length(L, 1, "params");
	m->params = tl_alloc((size_t)(m->n_params + 1) * sizeof *m->params);
	for (int i = 0; i < m->n_params; i++, at += 16) {
		element(L, 1, "params", i);
		m->params[i] = (tl_param){ .name = string_field(L, -1, "name"), .type = (int)number_field(L, -1, "type"), .at = at, .value = string_field(L, -1, "value"), .min = number_field(L, -1, "min"),
			.max = number_field(L, -1, "max"), .choices = string_field(L, -1, "choices"), .doc = string_field(L, -1, "doc") };
		lua_pop(L, 1);
	}
	m->n_weights = list_length(L, 1, "weights");
	m->weights = tl_alloc((size_t)(m->n_weights + 1) * sizeof *m->weights);
	for (int i = 0; i < m->n_weights; i++, at += 16) {
		element(L, 1, "weights", i);
		m->weights[i] = (tl_weight){ .name = string_field(L, -1, "name"), .at = at, .shape = string_field(L, -1, "shape"), .init = (int)number_field(L, -1, "init"), .when = string_field(L, -1, "when") };
		lua_pop(L, 1);
	}
	read_slots(L, "reads", &m->reads, &m->n_reads, &at);
	read_slots(L, "writes", &m->writes, &m->n_writes, &at);
	m->losses = tl_alloc((size_t)(list_length(L, 1, "losses") + 1) * sizeof *m->losses);
	for (int i = 0; i < list_length(L, 1, "losses"); i++) {
		element(L, 1, "losses", i);
		m->losses[i] = (tl_loss){ .part = string_field(L, -1, "part"), .param = string_field(L, -1, "param"), .value = string_field(L, -1, "value") };
		lua_pop(L, 1);
	}
	m->functions = (tl_module){ .size = sizeof(tl_module), .forward = forward };
	m->plugin = (tl_plugin){ TL_HEADER(TL_KIND_LABEL, (uint32_t)at + 16), .name = string_field(L, 1, "name"), .version = "lua", .summary = string_field(L, 1, "summary"),
		.citation = string_field(L, 1, "citation"), .differs = string_field(L, 1, "differs"), .params = m->params, .weights = m->weights, .reads = m->reads, .writes = m->writes,
		.losses = m->losses, .module = &m->functions, .closure = m };
	lua_pushvalue(L, 2);
	m->forward = luaL_ref(L, LUA_REGISTRYINDEX);
	if (s->registry && !tl_registry_add(s->registry, &m->plugin, hex, where, &e)) {
		lua_pushstring(L, e.text); /* it names the line itself */
		return lua_error(L);
	}
	return 0;
}

/* function_lines(function): source, first and last line, and upvalues of one function; module.lua walks on from them. */
int
tl_lua_function_lines(lua_State *L)
{
	lua_Debug d;
	int n = 0;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_pushvalue(L, 1);
	lua_getinfo(L, ">Su", &d);
	lua_pushstring(L, d.source);
	lua_pushinteger(L, d.linedefined);
	lua_pushinteger(L, d.lastlinedefined);
	lua_newtable(L);
	for (int i = 1; i <= d.nups; i++) {
		const char *name = lua_getupvalue(L, 1, i);
		if (!name)
			break;
		lua_createtable(L, 2, 0);
		lua_pushstring(L, name);
		lua_rawseti(L, -2, 1);
		lua_insert(L, -2);
		lua_rawseti(L, -2, 2);
		lua_rawseti(L, -2, ++n);
	}
	return 4;
}
