-- arms.lua - arm builders. Each returns a plain list { {"name", changes}, ... }, so that arms can be cut, spliced and filtered with Lua.
local t = ...
local builders = {}

local function text(v)
	if type(v) == "string" then return v end
	if math.type(v) == "float" then return string.format("%.14g", v) end
	if type(v) == "table" then
		local module, parts = t.is_module(v), {}
		local given = module and v.params or v
		for i, x in ipairs(given) do parts[i] = text(x) end
		for _, k in ipairs(t.sorted(given)) do parts[#parts + 1] = k .. "=" .. text(given[k]) end
		return (module and v.name or "") .. "{" .. table.concat(parts, ",") .. "}"
	end
	return tostring(v)
end

-- "corank.gamma" = 10 as changes; a key without a dot takes false (the module is removed) or a table of changes.
local function set(changes, key, value)
	local head, rest = key:match("^([^%.]+)%.(.+)$")
	if not head then
		if value ~= false and type(value) ~= "table" then t.fail("%s = %s: wanted INSTANCE.PARAMETER as the key, or false as the value", key, t.show(value)) end
		changes[key] = t.copy(value)
		return
	end
	if changes[head] == false then t.fail("%s: %s is removed by another key", key, head) end
	changes[head] = changes[head] or {}
	changes[head][rest] = t.copy(value)
end

-- { key = values } sorted by key, or { {key, values}, ... } in its own order, as a list of { key, values }.
local function axes(spec, who)
	t.want_table(spec, who, who)
	local list = {}
	if #spec > 0 then
		if not t.is_list(spec) then t.fail("%s: either a list { {\"key\", values}, ... } or a table from key to values, not both", who) end
		for i, a in ipairs(spec) do
			if type(a) ~= "table" or type(a[1]) ~= "string" or type(a[2]) ~= "table" then
				t.fail("%s: element %d: wanted {\"INSTANCE.PARAMETER\", { values }}", who, i)
			end
			list[i] = { a[1], a[2] }
		end
	else
		for _, key in ipairs(t.sorted(spec)) do list[#list + 1] = { key, spec[key] } end
	end
	if #list == 0 then t.fail("%s: wanted at least one [\"INSTANCE.PARAMETER\"] = { values }", who) end
	for _, a in ipairs(list) do
		if type(a[2]) ~= "table" then t.fail("%s: %s: wanted a list of values { ... }, found %s", who, a[1], t.show(a[2])) end
	end
	return list
end
local function value_list(a, who)
	if #a[2] == 0 or not t.is_list(a[2]) then t.fail("%s: %s: wanted a list of values { ... }", who, a[1]) end
	return a[2]
end
local function arm(keys, values)
	local parts, changes = {}, {}
	for i, key in ipairs(keys) do
		parts[i] = key .. "=" .. text(values[i])
		set(changes, key, values[i])
	end
	return { table.concat(parts, ", "), changes }
end

-- The unchanged model as "full", then one arm per entry.
function builders.ablate(spec)
	if type(spec) ~= "table" then t.fail("tl.ablate: wanted { [\"arm\"] = changes, ... }, found %s", t.show(spec)) end
	local list = { { "full", {} } }
	local function add(name, changes)
		if type(name) ~= "string" then t.fail("tl.ablate: wanted an arm's name, found %s", t.show(name)) end
		if type(changes) ~= "table" then t.fail("tl.ablate: %s: wanted a table of changes, found %s", name, t.show(changes)) end
		if name == "full" then
			if next(changes) ~= nil then t.fail("tl.ablate: \"full\" is the unchanged model; give the arm another name") end
			return
		end
		list[#list + 1] = { name, t.copy(changes) }
	end
	if #spec > 0 then
		if not t.is_list(spec) then t.fail("tl.ablate: either a list { {\"name\", changes}, ... } or a table from name to changes, not both") end
		for i, a in ipairs(spec) do
			if type(a) ~= "table" then t.fail("tl.ablate: element %d: wanted {\"name\", changes}, found %s", i, t.show(a)) end
			add(a[1], a[2])
		end
	else
		for _, name in ipairs(t.sorted(spec)) do add(name, spec[name]) end
	end
	return list
end

-- One arm without each: names of instances, modules, or lists of them that go together.
function builders.leave_one_out(list)
	if type(list) ~= "table" or #list == 0 or not t.is_list(list) then t.fail("tl.leave_one_out: wanted a list of instance names or modules") end
	local arms = { { "full", {} } }
	local function name_of(v)
		if t.is_module(v) then return v.name end
		if type(v) ~= "string" then t.fail("tl.leave_one_out: wanted an instance's name or a module, found %s", t.show(v)) end
		return v
	end
	for _, v in ipairs(list) do
		local names, changes = {}, {}
		for _, x in ipairs((type(v) == "table" and not t.is_module(v)) and v or { v }) do
			names[#names + 1] = name_of(x)
			changes[names[#names]] = false
		end
		arms[#arms + 1] = { "w/o " .. table.concat(names, ", "), changes }
	end
	return arms
end

-- Every combination; the last key varies fastest.
function builders.grid(spec)
	local list, keys, arms = axes(spec, "tl.grid"), {}, {}
	for i, a in ipairs(list) do
		keys[i] = a[1]
		value_list(a, "tl.grid")
	end
	local function go(i, values)
		if i > #list then
			arms[#arms + 1] = arm(keys, values)
			return
		end
		for _, v in ipairs(list[i][2]) do
			values[i] = v
			go(i + 1, values)
		end
	end
	go(1, {})
	return arms
end

-- The first values together, the second together, ...
function builders.zip(spec)
	local list, keys, arms = axes(spec, "tl.zip"), {}, {}
	for i, a in ipairs(list) do
		keys[i] = a[1]
		if #value_list(a, "tl.zip") ~= #list[1][2] then
			t.fail("tl.zip: %s has %d values and %s has %d; wanted as many", list[1][1], #list[1][2], a[1], #a[2])
		end
	end
	for j = 1, #list[1][2] do
		local values = {}
		for i, a in ipairs(list) do values[i] = a[2][j] end
		arms[j] = arm(keys, values)
	end
	return arms
end

local function same(a, b)
	if type(a) ~= type(b) then return false end
	if type(a) ~= "table" then return a == b end
	for k, v in next, a do if not same(v, b[k]) then return false end end
	for k in next, b do if a[k] == nil then return false end end
	return true
end
-- Lists one after the other; an arm that is there twice with the same changes is kept once.
function builders.concat(...)
	local arms, named = {}, {}
	for i, list in ipairs { ... } do
		if type(list) ~= "table" or (#list == 0 and next(list) ~= nil) then t.fail("tl.concat: argument %d: wanted a list of arms, found %s", i, t.show(list)) end
		for _, a in ipairs(list) do
			if type(a) ~= "table" or type(a[1]) ~= "string" then t.fail("tl.concat: argument %d: wanted arms {\"name\", changes}, found %s", i, t.show(a)) end
			local before = named[a[1]]
			if before and not same(before[2] or {}, a[2] or {}) then t.fail("tl.concat: two different arms are called %s", a[1]) end
			if not before then
				named[a[1]] = a
				arms[#arms + 1] = { a[1], t.copy(a[2] or {}) }
			end
		end
	end
	return arms
end

-- A generator of its own (splitmix64), so that the draws depend on `seed` alone.
local function stream(seed)
	local state = seed
	return function() -- in [0, 1)
		state = state + 0x9E3779B97F4A7C15
		local z = state
		z = (z ~ (z >> 30)) * 0xBF58476D1CE4E5B9
		z = (z ~ (z >> 27)) * 0x94D049BB133111EB
		z = z ~ (z >> 31)
		return (z >> 11) * (1.0 / 9007199254740992.0)
	end
end
local range_keys = { min = "number", max = "number", log = "boolean", integer = "boolean" }
local function draw(a, random)
	local v = a[2]
	if #v > 0 then return v[1 + math.floor(random() * #v)] end
	local low, high, x = v.min, v.max, nil
	local u = random()
	if v.integer then low, high = math.ceil(low), math.floor(high) + 1 - 1e-9 end
	if v.log then
		x = math.exp(math.log(low) + u * (math.log(high) - math.log(low)))
	else
		x = low + u * (high - low)
	end
	if v.integer then return math.tointeger(math.max(low, math.min(math.floor(v.max), math.floor(x)))) end
	return math.max(v.min, math.min(v.max, tonumber(string.format("%.3g", x)))) -- rounding does not leave the range
end
-- n random combinations: a list of values, or { min =, max =, log =, integer = } per key; seed = 1.
function builders.sample(spec)
	if type(spec) ~= "table" then t.fail("tl.sample: wanted { n =, [\"INSTANCE.PARAMETER\"] = values, ... }, found %s", t.show(spec)) end
	local n, seed, rest, room = t.whole(spec.n), t.whole(spec.seed or 1), {}, 1
	if not n or n < 1 then t.fail("tl.sample: n = %s: wanted how many arms to draw", t.show(spec.n)) end
	if not seed then t.fail("tl.sample: seed = %s: wanted a whole number", t.show(spec.seed)) end
	for k, v in next, spec do if k ~= "n" and k ~= "seed" then rest[k] = v end end
	local list, keys, arms, seen = axes(rest, "tl.sample"), {}, {}, {}
	for i, a in ipairs(list) do
		local v = a[2]
		keys[i] = a[1]
		if #v > 0 then
			value_list(a, "tl.sample")
			room = room * #v
		else
			t.check_keys(v, range_keys, "tl.sample: " .. a[1], "tl.sample")
			if not v.min or not v.max or v.min > v.max or (v.log and v.min <= 0) then
				t.fail("tl.sample: %s: wanted min <= max%s", a[1], v.log and ", both above 0 with log = true" or "")
			end
			local whole = v.integer and math.floor(v.max) - math.ceil(v.min) + 1
			if whole and whole < 1 then t.fail("tl.sample: %s: no whole number from %s to %s", a[1], t.show(v.min), t.show(v.max)) end
			room = whole and room * whole or math.huge
		end
	end
	if n > room then t.fail("tl.sample: n = %d, but there are only %d combinations", n, math.tointeger(room)) end
	local random = stream(seed)
	for _ = 1, n * 1000 do
		if #arms == n then break end
		local values = {}
		for i, a in ipairs(list) do values[i] = draw(a, random) end
		local one = arm(keys, values)
		if not seen[one[1]] then
			seen[one[1]] = true
			arms[#arms + 1] = one
		end
	end
	if #arms < n then t.fail("tl.sample: only %d different combinations were drawn; ask for fewer or use tl.grid", #arms) end
	return arms
end

return builders
