/*
 * module.c - modules written in Lua: a declaration becomes a plugin's descriptor at run time, whose functions call the script's. The ops are the lines of
 * ops.def; tensors are userdata that are good for one call of forward.
 */
#include "inside.h"

#include <stdlib.h>
#include <string.h>

#include "tensor/core.h"

static const char tensor_name[] = "tagloom.tensor", stream_name[] = "tagloom.stream", self_name[] = "tagloom.self";

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

/* A tensor in Lua's hands. `turn` says in which call of a forward it was made: a later one finds its memory gone. */
struct handle { tl_tensor *x; uint64_t turn; };
struct stream_handle { tl_stream s; };

static uint64_t turn;
static tl_ctx *now; /* the context of the forward that runs; NULL outside. Models of a process run one at a time in one thread. */

/* --- tensors in Lua ---------------------------------------------------------------------------------------------------------------- */
static void
push_tensor(lua_State *L, tl_tensor *x)
{
	struct handle *h;

	if (!x) {
		lua_pushnil(L);
		return;
	}
	h = lua_newuserdatauv(L, sizeof *h, 0);
	*h = (struct handle){ x, turn };
	luaL_setmetatable(L, tensor_name);
}

/* The context's first error becomes a Lua error, so that it carries the script's line. */
static int
raise_context(lua_State *L)
{
	tl_error *e = tl_ctx_error(now);
	char text[sizeof e->text];

	memcpy(text, e->text, sizeof text);
	e->status = 0;
	e->text[0] = 0;
	return luaL_error(L, "%s", text);
}

static tl_ctx *
context(lua_State *L)
{
	if (!now)
		luaL_error(L, "ops work inside forward only");
	return now;
}

static tl_tensor *
tensor_at(lua_State *L, int i)
{
	struct handle *h = luaL_checkudata(L, i, tensor_name);

	if (h->turn != turn || !now)
		luaL_error(L, "a tensor of an earlier call of forward; its memory is gone");
	return h->x;
}

static const char *const activations[] = { "none", "relu", "gelu", "tanh", "sigmoid", NULL };
static const char *const reductions[] = { "mean", "sum_labels", "sum", NULL };

/* Reads Lua arguments as a line of ops.def says and runs the op. Upvalue 1: its row. */
static int
call_op(lua_State *L)
{
	tl_ctx *ctx = context(L);
	const tl_op *op = tl_op_row(ctx, lua_tointeger(L, lua_upvalueindex(1)));
	tl_tensor *in[64], *out;
	double arg[16];
	int n_in = 0, n_arg = 0, at = 1;

	for (const char *s = op->signature; *s; at++) {
		size_t word = strcspn(s, " "), name = strcspn(s, ":");
		const char *kind = s + name + 1;
		size_t n = word - name - 1;
		bool missing = lua_isnoneornil(L, at);
		if (n == 5 && !memcmp(kind, "reals", 5)) {
			lua_Integer count = (luaL_checktype(L, at, LUA_TTABLE), luaL_len(L, at));
			if (count > 60)
				return luaL_error(L, "%s: %.*s: a list of %d tensors; at most 60", op->name, (int)name, s, (int)count);
			for (lua_Integer i = 1; i <= count; i++) {
				lua_geti(L, at, i);
				in[n_in++] = tensor_at(L, -1);
				lua_pop(L, 1);
			}
		} else if (!strncmp(kind, "real", 4) || !strncmp(kind, "int", 3)) {
			if (missing && kind[n - 1] != '?')
				return luaL_error(L, "%s: %.*s is missing; %s(%s)", op->name, (int)name, s, op->name, op->signature);
			in[n_in++] = missing ? NULL : tensor_at(L, at);
		} else if (n == 3 && !memcmp(kind, "act", 3)) {
			arg[n_arg++] = missing ? TL_NONE : luaL_checkoption(L, at, NULL, activations);
		} else if (n == 3 && !memcmp(kind, "red", 3)) {
			arg[n_arg++] = missing ? TL_MEAN : luaL_checkoption(L, at, NULL, reductions);
		} else if (n == 4 && !memcmp(kind, "flag", 4)) {
			arg[n_arg++] = lua_isnumber(L, at) ? lua_tonumber(L, at) : lua_toboolean(L, at);
		} else {
			arg[n_arg++] = missing ? 0 : luaL_checknumber(L, at);
		}
		s += word;
		s += strspn(s, " ");
	}
	if (lua_gettop(L) >= at)
		return luaL_error(L, "%s: %d arguments; it takes %d: %s", op->name, lua_gettop(L), at - 1, op->signature);
	out = tl_apply(ctx, op, in, n_in, arg, n_arg);
	if (!out)
		return raise_context(L);
	push_tensor(L, out);
	return 1;
}

/* x:reshape{2, -1, 4} reads better than reshape's rank and four dimensions. */
static int
op_reshape(lua_State *L)
{
	tl_ctx *ctx = context(L);
	tl_tensor *x = tensor_at(L, 1);
	int64_t dim[TL_MAX_RANK] = { 0 };
	lua_Integer rank = (luaL_checktype(L, 2, LUA_TTABLE), luaL_len(L, 2));

	if (rank > TL_MAX_RANK)
		return luaL_error(L, "reshape: %d dimensions; at most %d", (int)rank, TL_MAX_RANK);
	for (lua_Integer i = 0; i < rank; i++) {
		lua_geti(L, 2, i + 1);
		dim[i] = (int64_t)luaL_checkinteger(L, -1);
		lua_pop(L, 1);
	}
	x = tl_reshape(ctx, x, (int)rank, dim[0], dim[1], dim[2], dim[3]);
	if (!x)
		return raise_context(L);
	push_tensor(L, x);
	return 1;
}

static int
dims_at(lua_State *L, int index, int64_t *dim, int64_t *count)
{
	lua_Integer rank = (luaL_checktype(L, index, LUA_TTABLE), luaL_len(L, index));

	if (rank > TL_MAX_RANK)
		return luaL_error(L, "%d dimensions; at most %d", (int)rank, TL_MAX_RANK);
	*count = 1;
	for (lua_Integer i = 0; i < rank; i++) {
		lua_geti(L, index, i + 1);
		dim[i] = (int64_t)luaL_checkinteger(L, -1);
		if (dim[i] < 0 || (dim[i] && *count > INT32_MAX / dim[i]))
			return luaL_error(L, "dimension %d is %d", (int)i + 1, (int)dim[i]);
		*count *= dim[i];
		lua_pop(L, 1);
	}
	return (int)rank;
}

/* reals({dims}, {values}), ints({dims}, {values}), fill({dims}, value): constants. Upvalue 1: 'r', 'i' or 'f'. */
static int
op_constant(lua_State *L)
{
	tl_ctx *ctx = context(L);
	int which = (int)lua_tointeger(L, lua_upvalueindex(1));
	int64_t dim[TL_MAX_RANK], count;
	int rank = dims_at(L, 1, dim, &count);
	tl_tensor *x;
	double *real;
	int32_t *whole;

	if (which == 'f') {
		x = tl_fill(ctx, rank, dim, luaL_checknumber(L, 2));
	} else {
		luaL_checktype(L, 2, LUA_TTABLE);
		if (luaL_len(L, 2) != count)
			return luaL_error(L, "%d values for %d elements", (int)luaL_len(L, 2), (int)count);
		real = tl_scratch(ctx, (size_t)(count + 1) * sizeof *real);
		whole = tl_scratch(ctx, (size_t)(count + 1) * sizeof *whole);
		for (int64_t i = 0; real && whole && i < count; i++) {
			lua_rawgeti(L, 2, i + 1);
			if (which == 'r')
				real[i] = luaL_checknumber(L, -1);
			else
				whole[i] = (int32_t)luaL_checkinteger(L, -1);
			lua_pop(L, 1);
		}
		x = !real || !whole ? NULL : which == 'r' ? tl_reals(ctx, rank, dim, real) : tl_ints(ctx, rank, dim, whole);
	}
	if (!x)
		return raise_context(L);
	push_tensor(L, x);
	return 1;
}

static int
tensor_dim(lua_State *L)
{
	lua_pushinteger(L, tl_dim(tensor_at(L, 1), (int)luaL_checkinteger(L, 2) - (lua_tointeger(L, 2) > 0)));
	return 1;
}

static int
tensor_rank(lua_State *L)
{
	lua_pushinteger(L, tl_rank(tensor_at(L, 1)));
	return 1;
}

static int
tensor_detach(lua_State *L)
{
	push_tensor(L, tl_detach(context(L), tensor_at(L, 1)));
	return 1;
}

/* a OP b with tensors or numbers. Upvalue 1: the sign. */
static int
operate(lua_State *L)
{
	tl_ctx *ctx = context(L);
	int sign = (int)lua_tointeger(L, lua_upvalueindex(1));
	bool left = lua_isnumber(L, 1), right = lua_isnumber(L, 2);
	double k = left ? lua_tonumber(L, 1) : right ? lua_tonumber(L, 2) : 0;
	tl_tensor *a = left ? NULL : tensor_at(L, 1), *b = right ? NULL : sign == '~' ? NULL : tensor_at(L, 2), *x = left ? b : a, *y = NULL;

	switch (sign) {
	case '~': y = tl_scale(ctx, a, -1, 0); break;
	case '+': y = left || right ? tl_scale(ctx, x, 1, k) : tl_add(ctx, a, b); break;
	case '-': y = left ? tl_scale(ctx, b, -1, k) : right ? tl_scale(ctx, a, 1, -k) : tl_sub(ctx, a, b); break;
	case '*': y = left || right ? tl_scale(ctx, x, k, 0) : tl_mul(ctx, a, b); break;
	default:
		if (left)
			return luaL_error(L, "a number over a tensor; write ops.div(ops.fill({}, x), y) with equal shapes");
		y = right ? tl_scale(ctx, a, 1 / k, 0) : tl_div(ctx, a, b);
	}
	if (!y)
		return raise_context(L);
	push_tensor(L, y);
	return 1;
}

static int
stream_draw(lua_State *L)
{
	struct stream_handle *h = luaL_checkudata(L, 1, stream_name);

	switch (lua_tointeger(L, lua_upvalueindex(1))) {
	case 'u': lua_pushnumber(L, tl_random_unit(&h->s)); break;
	case 'b': lua_pushinteger(L, tl_random_below(&h->s, (uint32_t)luaL_checkinteger(L, 2))); break;
	default: lua_pushnumber(L, tl_random_normal(&h->s));
	}
	return 1;
}

static void
letter_function(lua_State *L, const char *name, lua_CFunction f, int letter)
{
	lua_pushinteger(L, letter);
	lua_pushcclosure(L, f, 1);
	lua_setfield(L, -2, name);
}

/* --- self: what forward's first argument offers beside parameters and weights ------------------------------------------------------ */
static int
self_labels(lua_State *L)
{
	const tl_lists *y = tl_labels(context(L));

	lua_createtable(L, y->n, 0);
	for (int32_t i = 0; i < y->n; i++) {
		lua_createtable(L, y->offsets[i + 1] - y->offsets[i], 0);
		for (int32_t k = y->offsets[i]; k < y->offsets[i + 1]; k++) {
			lua_pushinteger(L, y->index[k]);
			lua_rawseti(L, -2, k - y->offsets[i] + 1);
		}
		lua_rawseti(L, -2, i + 1);
	}
	return 1;
}

static int
self_loss(lua_State *L)
{
	int value = lua_gettop(L) > 2 ? 3 : 2;

	if (tl_add_loss(context(L), value == 3 ? luaL_checkstring(L, 2) : "", tensor_at(L, value)))
		return raise_context(L);
	return 0;
}

static int
self_stream(lua_State *L)
{
	struct stream_handle *h;
	const char *purpose = luaL_checkstring(L, 2);

	context(L);
	h = lua_newuserdatauv(L, sizeof *h, 0);
	h->s = tl_stream_for(now, purpose);
	luaL_setmetatable(L, stream_name);
	return 1;
}

static int
self_label_offsets(lua_State *L)
{
	push_tensor(L, tl_label_offsets(context(L)));
	return 1;
}

static int
self_label_index(lua_State *L)
{
	push_tensor(L, tl_label_index(context(L)));
	return 1;
}

static int
self_warn(lua_State *L)
{
	tl_warn(context(L), "%s", luaL_checkstring(L, 2));
	return 0;
}

void
tl_lua_module_open(lua_State *L)
{
	static const luaL_Reg methods[] = { { "labels", self_labels }, { "loss", self_loss }, { "stream", self_stream }, { "label_offsets", self_label_offsets },
		{ "label_index", self_label_index }, { "warn", self_warn }, { NULL, NULL } };
	static const struct { const char *event; int sign; } signs[] = { { "__add", '+' }, { "__sub", '-' }, { "__mul", '*' }, { "__div", '/' }, { "__unm", '~' } };
	tl_ctx *any = tl_ctx_new(TL_F32, NULL, NULL); /* rows have names without one; the function wants a context */

	luaL_newmetatable(L, self_name);
	luaL_newlib(L, methods);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
	luaL_newmetatable(L, stream_name);
	lua_newtable(L);
	letter_function(L, "unit", stream_draw, 'u');
	letter_function(L, "below", stream_draw, 'b');
	letter_function(L, "normal", stream_draw, 'n');
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
	luaL_newmetatable(L, tensor_name);
	for (int i = 0; i < TL_COUNT(signs); i++)
		letter_function(L, signs[i].event, operate, signs[i].sign);
	lua_newtable(L); /* methods of a tensor: every op with the tensor as its first argument */
	for (int64_t i = 0; i < tl_op_count(); i++) {
		lua_pushinteger(L, i);
		lua_pushcclosure(L, call_op, 1);
		lua_setfield(L, -2, tl_op_row(any, i)->name);
	}
	tl_ctx_free(any);
	lua_pushcfunction(L, op_reshape);
	lua_setfield(L, -2, "reshape");
	letter_function(L, "reals", op_constant, 'r');
	letter_function(L, "ints", op_constant, 'i');
	letter_function(L, "fill", op_constant, 'f');
	lua_pushcfunction(L, tensor_dim);
	lua_setfield(L, -2, "dim");
	lua_pushcfunction(L, tensor_rank);
	lua_setfield(L, -2, "rank");
	lua_pushcfunction(L, tensor_detach);
	lua_setfield(L, -2, "detach");
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
}

/* The table of ops is pushed: tl.ops. */
int
tl_lua_ops(lua_State *L)
{
	luaL_getmetatable(L, tensor_name);
	lua_getfield(L, -1, "__index");
	return 1;
}

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
		push_tensor(L, in->ids);
		lua_setfield(L, -2, "ids");
		push_tensor(L, in->offsets);
		lua_setfield(L, -2, "offsets");
		push_tensor(L, in->segments);
		lua_setfield(L, -2, "segments");
		push_tensor(L, in->positions);
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
			push_tensor(L, list->item[i]);
			lua_rawseti(L, -2, i + 1);
		}
	} else {
		push_tensor(L, *(tl_tensor *const *)(const void *)(self + row->at));
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
		push_tensor(L, *(tl_tensor *const *)(void *)(call->self + m->weights[i].at));
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
	luaL_setmetatable(L, self_name);
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
		*(tl_tensor **)(void *)(call->self + m->writes[i].at) = tensor_at(L, -1);
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
	tl_ctx *outer = now;
	int status;

	tl_lua_arm(L);
	now = ctx;
	turn++;
	lua_pushcfunction(L, protected_forward);
	lua_pushlightuserdata(L, &call);
	status = lua_pcall(L, 1, 0, 0);
	now = outer;
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

/* declare(normalised declaration, forward, text that identifies it, where): registers label/NAME. */
int
tl_lua_declare(lua_State *L)
{
	tl_script *s = tl_script_of(L);
	struct lua_module *m = tl_alloc(sizeof *m);
	const char *text = luaL_checkstring(L, 3), *where = luaL_checkstring(L, 4);
	char hex[65];
	tl_error e = { 0 };
	size_t at = 0;

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
	tl_sha_of(text, strlen(text), hex);
	if (s->registry && !tl_registry_add(s->registry, &m->plugin, hex, where, &e))
		return luaL_error(L, "%s", e.text);
	return 0;
}

/* text(function): what decides what a function computes: its own lines, and what it reaches through upvalues. The prelude walks them; this gives source, lines and upvalues of one. */
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
