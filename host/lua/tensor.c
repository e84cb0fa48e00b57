/*
 * tensor.c - what the forward of a module in Lua works with: the ops, which are the lines of ops.def; tensors, userdata that are good for one call of forward;
 * streams of random numbers; and the methods of `self`.
 */
#include "inside.h"

#include <stdlib.h>
#include <string.h>

#include "tensor/core.h"

static const char tensor_name[] = "tagloom.tensor", stream_name[] = "tagloom.stream", self_name[] = "tagloom.self";

/* A tensor in Lua's hands. `turn` says in which call of a forward it was made: a later one finds its memory gone. */
struct handle { tl_tensor *x; uint64_t turn; };
struct stream_handle { tl_stream s; };

static uint64_t turn;
static tl_ctx *now; /* the context of the forward that runs; NULL outside. Models of a process run one at a time in one thread. */

void
tl_lua_push_tensor(lua_State *L, tl_tensor *x)
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

/* What an op gave, for Lua; NULL is the context's error. */
static int
result(lua_State *L, tl_tensor *x)
{
	if (!x)
		return raise_context(L);
	tl_lua_push_tensor(L, x);
	return 1;
}

static tl_ctx *
context(lua_State *L)
{
	if (!now)
		luaL_error(L, "ops work inside forward only");
	return now;
}

tl_tensor *
tl_lua_tensor_at(lua_State *L, int i)
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
				in[n_in++] = tl_lua_tensor_at(L, -1);
				lua_pop(L, 1);
			}
		} else if (!strncmp(kind, "real", 4) || !strncmp(kind, "int", 3)) {
			if (missing && kind[n - 1] != '?')
				return luaL_error(L, "%s: %.*s is missing; %s(%s)", op->name, (int)name, s, op->name, op->signature);
			in[n_in++] = missing ? NULL : tl_lua_tensor_at(L, at);
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
	return result(L, out);
}

/* The dimensions that the table at index lists, each at least `least`. Returns how many. */
static int
dims_at(lua_State *L, int index, int64_t least, int64_t dim[TL_MAX_RANK])
{
	lua_Integer rank = (luaL_checktype(L, index, LUA_TTABLE), luaL_len(L, index));

	if (rank > TL_MAX_RANK)
		return luaL_error(L, "%d dimensions; at most %d", (int)rank, TL_MAX_RANK);
	for (lua_Integer i = 0; i < rank; i++) {
		lua_geti(L, index, i + 1);
		dim[i] = (int64_t)luaL_checkinteger(L, -1);
		if (dim[i] < least)
			return luaL_error(L, "dimension %d is %d", (int)i + 1, (int)dim[i]);
		lua_pop(L, 1);
	}
	return (int)rank;
}

/* x:reshape{2, -1, 4} reads better than reshape's rank and four dimensions. */
static int
op_reshape(lua_State *L)
{
	tl_ctx *ctx = context(L);
	tl_tensor *x = tl_lua_tensor_at(L, 1);
	int64_t dim[TL_MAX_RANK] = { 0 };
	int rank = dims_at(L, 2, INT64_MIN, dim); /* tl_reshape says what is wrong with them */

	return result(L, tl_reshape(ctx, x, rank, dim[0], dim[1], dim[2], dim[3]));
}

/* reals({dims}, {values}), ints({dims}, {values}), fill({dims}, value): constants. Upvalue 1: 'r', 'i' or 'f'. */
static int
op_constant(lua_State *L)
{
	tl_ctx *ctx = context(L);
	int which = (int)lua_tointeger(L, lua_upvalueindex(1));
	int64_t dim[TL_MAX_RANK], count = 1;
	int rank = dims_at(L, 1, 0, dim);
	tl_tensor *x;
	double *real;
	int32_t *whole;

	for (int i = 0; i < rank; i++) {
		if (dim[i] && count > INT32_MAX / dim[i])
			return luaL_error(L, "dimension %d is %d", i + 1, (int)dim[i]);
		count *= dim[i];
	}
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
	return result(L, x);
}

static int
tensor_dim(lua_State *L)
{
	lua_pushinteger(L, tl_dim(tl_lua_tensor_at(L, 1), (int)luaL_checkinteger(L, 2) - (lua_tointeger(L, 2) > 0)));
	return 1;
}

static int
tensor_rank(lua_State *L)
{
	lua_pushinteger(L, tl_rank(tl_lua_tensor_at(L, 1)));
	return 1;
}

static int
tensor_detach(lua_State *L)
{
	tl_lua_push_tensor(L, tl_detach(context(L), tl_lua_tensor_at(L, 1)));
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
	tl_tensor *a = left ? NULL : tl_lua_tensor_at(L, 1), *b = right ? NULL : sign == '~' ? NULL : tl_lua_tensor_at(L, 2), *x = left ? b : a, *y = NULL;

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
	return result(L, y);
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

	if (tl_add_loss(context(L), value == 3 ? luaL_checkstring(L, 2) : "", tl_lua_tensor_at(L, value)))
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
	tl_lua_push_tensor(L, tl_label_offsets(context(L)));
	return 1;
}

static int
self_label_index(lua_State *L)
{
	tl_lua_push_tensor(L, tl_label_index(context(L)));
	return 1;
}

static int
self_warn(lua_State *L)
{
	tl_warn(context(L), "%s", luaL_checkstring(L, 2));
	return 0;
}

void
tl_lua_self_methods(lua_State *L)
{
	luaL_setmetatable(L, self_name);
}

tl_ctx *
tl_lua_turn_begin(tl_ctx *ctx)
{
	tl_ctx *outer = now;

	now = ctx;
	turn++;
	return outer;
}

void
tl_lua_turn_end(tl_ctx *outer)
{
	now = outer;
}

void
tl_lua_tensor_open(lua_State *L)
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
