-- prelude.lua - what `require "tagloom"` returns: constructors that check what they are given and remember the script line.
-- Loaded with the table of functions that bind.c offers; returns the module and `finish` (experiments.lua).
local host = ...
local function part(name, ...) return host.chunk("host/lua/" .. name .. ".lua")(...) end
local tl = {}
local tools = part("checks", host)
local parts = part("parts", tools, host, tl)
local finish = part("experiments", tools, host, tl, parts, part("define", tools, host, tl, parts))
local fail, show, hint, is_module = tools.fail, tools.show, tools.hint, tools.is_module

-- What every recipe does: reads its options, lets each module's parameters be overridden by its name, drops modules set to false.
-- keys: own options (name -> type or true); "variant" and "encoder" are understood. instances: names of the recipe's modules.
function tools.recipe(name, options, keys, instances)
	local who = "tl.recipe." .. name
	local given = options == nil and {} or tools.want_table(options, who, host.where())
	local allowed = {}
	for k, v in next, keys do allowed[k] = v end
	for _, k in ipairs(instances) do allowed[k] = true end
	tools.check_keys(given, allowed, who, host.where())
	for _, k in ipairs(instances) do
		local v = given[k]
		if v ~= nil and type(v) ~= "boolean" and (type(v) ~= "table" or getmetatable(v)) then
			fail("%s: %s: wanted { PARAMETER = VALUE } or false, found %s", who, k, show(v))
		end
	end
	local variant = given.variant or "paper"
	if variant ~= "paper" and variant ~= "released" then fail("%s: variant = %s: wanted \"paper\" or \"released\"", who, show(variant)) end
	local encoder = given.encoder
	if encoder ~= nil and not (is_module(encoder) and encoder.kind == "encoder") then
		fail("%s: encoder: wanted tl.encoder.NAME { ... }, found %s", who, show(encoder))
	end
	local o = { given = given, variant = variant, alpha = given.alpha, beta = given.beta }
	-- The encoder given, or the paper's.
	function o.encoder(default) return encoder or tl.encoder.transformer(default) end
	function o.label(plugin, params)
		local change = given[params.name or plugin]
		if change == false then return false end
		if type(change) == "table" then
			for k, v in next, change do params[k] = v end
		end
		return tl.label[plugin](params)
	end
	function o.list(modules)
		local list = {}
		for _, m in ipairs(modules) do
			if m then list[#list + 1] = m end
		end
		return list
	end
	return o
end

for name, builder in next, part("arms", tools) do tl[name] = builder end
tl.module = part("module", tools, host, function(name) return tl.label[name] end)
tl.ops = host.ops()
tl.recipe = setmetatable({}, {
	__index = host.entry(function(_, name)
		local load_recipe = type(name) == "string" and host.chunk("scripts/recipes/" .. name .. ".lua")
		if not load_recipe then fail("tl.recipe.%s: no such recipe%s", tostring(name), hint(name, host.recipes())) end
		return host.entry(load_recipe(tl, tools))
	end),
	__newindex = function() fail("tl.recipe cannot be changed") end,
})
for name, f in next, tl do
	if type(f) == "function" then tl[name] = host.entry(f) end
end
return setmetatable({}, {
	__index = host.entry(function(_, name)
		local v = tl[name]
		if v == nil then fail("tl.%s: no such function%s", tostring(name), hint(name, tools.sorted(tl))) end
		return v
	end),
	__newindex = host.entry(function(_, name) fail("tl.%s: tl cannot be changed", tostring(name)) end),
	__name = "tl",
	__metatable = "tl",
}), finish
