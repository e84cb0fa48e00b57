-- sandbox.lua - what an untrusted script sees of the standard libraries. Called with the originals; returns the table of globals.
-- Left out: debug, package, os.execute and its like, writing, bytecode, finalisers, chance that differs between two loads.
local raw, host, trusted = ...
local G = trusted and raw or {}
local type, next, error, select = raw.type, raw.next, raw.error, raw.select
local sort, concat = raw.table.sort, raw.table.concat

-- Order of pairs(): places, then names by their bytes, then the rest as it comes: a script sees the same order in every process.
local raw_pairs = raw.pairs
local function less(a, b)
	local ta, tb = type(a), type(b)
	if ta ~= tb then return ta == "number" end
	return a < b
end
function G.pairs(t)
	local mt = raw.getmetatable(t)
	if type(t) ~= "table" and not (type(mt) == "table" and mt.__pairs) then
		error("bad argument #1 to 'pairs' (table expected, got " .. (t == nil and "nil" or type(t)) .. ")", 2)
	end
	local f, s, c = raw_pairs(t)
	if f ~= next then return f, s, c end
	local keys, rest, n = {}, {}, 0
	for k in next, s do
		local kind = type(k)
		if kind == "string" or kind == "number" then
			n = n + 1
			keys[n] = k
		else
			rest[#rest + 1] = k
		end
	end
	sort(keys, less)
	for _, k in raw.ipairs(rest) do
		n = n + 1
		keys[n] = k
	end
	local i = 0
	return function()
		while i < n do
			i = i + 1
			local v = raw.rawget(s, keys[i])
			if v ~= nil then return keys[i], v end
		end
	end, s, nil
end
G.print = function(...)
	local parts = {}
	for i = 1, select("#", ...) do parts[i] = raw.tostring((select(i, ...))) end
	host.say(concat(parts, "\t"))
end
local random_seed = raw.math.randomseed
random_seed(1)
if trusted then return raw end

for _, name in raw.ipairs { "assert", "error", "getmetatable", "ipairs", "next", "pcall", "rawequal", "rawget", "rawlen", "rawset", "select", "tonumber", "tostring", "type", "xpcall",
	"coroutine", "utf8", "_VERSION" } do
	G[name] = raw[name]
end
G._G = G
local function copy(library, leave_out)
	local c = {}
	for k, v in next, library do c[k] = v end
	for _, k in raw.ipairs(leave_out) do c[k] = nil end
	return c
end
G.string = raw.string
G.string.dump = nil
local rep = raw.string.rep
G.string.rep = function(s, n, sep)
	if s == "" and (sep == nil or sep == "") then return "" end
	return rep(s, n, sep)
end
raw.getmetatable("").__metatable = "string"

G.table = copy(raw.table, {})
local LONGEST = 100000000
local function bounded(name)
	local f = raw.table[name]
	G.table[name] = function(t, ...)
		if type(t) == "table" and #t > LONGEST then error("table." .. name .. ": the table is too long", 2) end
		return f(t, ...)
	end
end
bounded "insert"
bounded "remove"
bounded "sort"
bounded "concat"
bounded "unpack"
G.table.move = function(a, from, to, at, b)
	if type(from) == "number" and type(to) == "number" and to - from > LONGEST then error("table.move: too many elements", 2) end
	return raw.table.move(a, from, to, at, b or a)
end

G.math = copy(raw.math, {})
G.math.randomseed = function(x, y)
	if x == nil then error("math.randomseed: wanted a number; a seed of the moment would give another script every time", 2) end
	random_seed(x, y or 0)
end
G.setmetatable = function(t, mt)
	if type(mt) == "table" and raw.rawget(mt, "__gc") ~= nil then error("setmetatable: __gc is not for scripts", 2) end
	return raw.setmetatable(t, mt)
end
G.collectgarbage = function(what)
	if what ~= nil and what ~= "collect" and what ~= "count" then error("collectgarbage: only \"collect\" and \"count\" are for scripts", 2) end
	return raw.collectgarbage(what)
end
G.load = function(chunk, name, mode, ...)
	if mode == "b" then return nil, "load: bytecode is not read" end
	return raw.load(chunk, name, "t", select("#", ...) > 0 and (...) or G)
end
G.loadfile = function(path, _, ...)
	return host.loadfile(path, select("#", ...) > 0 and (...) or G)
end
G.dofile = function(path)
	local f, why = host.loadfile(path, G)
	if not f then error(why, 2) end
	return f()
end
G.io = {
	open = function(path, mode)
		if mode ~= nil and mode ~= "r" and mode ~= "rb" then
			error("io.open: " .. raw.tostring(path) .. ": scripts read only; mode \"" .. raw.tostring(mode) .. "\" needs --trust", 2)
		end
		local f, why, late = host.open(path)
		if late then error(why, 2) end
		return f, why
	end,
	lines = function(path, ...)
		local f, why = host.open(path)
		if not f then error(why, 2) end
		return f:lines(...)
	end,
	write = function(...) host.say(concat { ... }) end,
	type = raw.io.type,
}
raw.debug.getregistry()["FILE*"].__metatable = "file"
G.os = { clock = raw.os.clock, date = raw.os.date, difftime = raw.os.difftime, time = raw.os.time }
local function missing(library, name, why)
	G[library][name] = function() error(library .. "." .. name .. ": " .. why .. "; run with --trust where the script needs it", 2) end
end
for _, name in raw.ipairs { "execute", "remove", "rename", "exit", "tmpname", "getenv", "setlocale" } do missing("os", name, "not for scripts") end
for _, name in raw.ipairs { "popen", "input", "output", "read", "tmpfile" } do missing("io", name, "not for scripts") end
return G
