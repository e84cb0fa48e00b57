-- module.lua - tl.module { ... }: a label module declared in a script. Loaded with the prelude's tools, the host's functions and the constructor of a label module.
local t, host, constructor = ...

local keys = { name = "string", summary = "string", citation = "string", differs = "string", params = "table", weights = "table", reads = "table", writes = "table",
	losses = "table", forward = "function" }
local types = { integer = 1, number = 2, boolean = 3, choice = 4, string = 5 }
local inits = { xavier = 0, zeros = 1, ones = 2, normal = 3, orthogonal = 4 }
local kinds = { tensor = 0, list = 1, input = 2, int = 3 }

local function text_of(v)
	if math.type(v) == "float" then return string.format("%.17g", v) end
	return tostring(v)
end

local function param(name, v, who)
	local row = type(v) == "table" and v or { v }
	local default, rest = row[1], {}
	for k, x in next, row do
		if k ~= 1 then rest[k] = x end
	end
	t.check_keys(rest, { min = "number", max = "number", choices = "string", doc = "string" }, who .. ": params." .. name, host.where())
	local kind = row.choices and "choice" or math.type(default) == "float" and "number" or math.type(default) or type(default)
	if not types[kind] then t.fail("%s: params.%s: wanted a default that is a number, a string, true or false, found %s", who, name, t.show(default)) end
	return { name = name, type = types[kind], value = text_of(default), min = row.min or 0, max = row.max or 0, choices = row.choices, doc = row.doc or "" }
end
local function weight(name, v, who)
	local row = type(v) == "table" and v or { v }
	if type(row[1]) ~= "string" then t.fail("%s: weights.%s: wanted a shape such as \"L d\", found %s", who, name, t.show(row[1])) end
	local init = row.init or (name:match("bias$") and "zeros" or "xavier")
	if not inits[init] then t.fail("%s: weights.%s: init = %s: wanted xavier, zeros, ones, normal or orthogonal", who, name, t.show(init)) end
	return { name = name, shape = row[1], init = inits[init], when = row.when }
end
local function slot(name, v, who)
	local row = type(v) == "table" and v or { v }
	local kind = row.kind or (name == "input" and "input") or (name == "layers" and "list") or "tensor"
	if type(row[1]) ~= "string" then t.fail("%s: slot %s: wanted a shape such as \"B d\", found %s", who, name, t.show(row[1])) end
	if not kinds[kind] then t.fail("%s: slot %s: kind = %s: wanted tensor, list, input or int", who, name, t.show(kind)) end
	return { name = name, shape = kind ~= "input" and row[1] or nil, kind = kinds[kind], when = row.when }
end
local function rows(spec, make, who)
	local list = {}
	if spec and spec[1] ~= nil then t.fail("%s: params, weights, reads and writes go by name, such as { weight = \"L d\" }; found a list", who) end
	for _, name in ipairs(t.sorted(spec or {})) do
		list[#list + 1] = make(name, spec[name], who)
	end
	return list
end
local function losses(spec, who)
	local list = {}
	for _, part in ipairs(t.sorted(spec or {})) do
		if type(spec[part]) ~= "number" then t.fail("%s: losses[%q]: wanted the weight's default, a number, found %s", who, part, t.show(spec[part])) end
		list[#list + 1] = { part = part, param = part == "" and "weight" or "weight_" .. part, value = text_of(spec[part]) }
	end
	return list
end

-- What decides the numbers of a function: its own lines and, through its upvalues, the values and functions that it reaches.
local function lines(source, from, to)
	local text, n = host.source(source), 0
	if not text then return source .. ":" .. from .. "-" .. to end
	local part = {}
	for line in (text .. "\n"):gmatch("(.-)\n") do
		n = n + 1
		if n >= from and n <= to then part[#part + 1] = line end
	end
	return table.concat(part, "\n")
end
local function describe(v, seen, out)
	if type(v) == "function" then
		if seen[v] then return end
		seen[v] = true
		local ok, source, from, to, up = pcall(host.function_lines, v)
		if not ok or from < 1 then return end
		out[#out + 1] = lines(source, from, to)
		for _, u in ipairs(up) do
			out[#out + 1] = "upvalue " .. u[1]
			describe(u[2], seen, out)
		end
	elseif type(v) == "table" then
		if seen[v] or getmetatable(v) ~= nil or v == host.ops() then return end -- the library and its ops are the host's version
		seen[v] = true
		local names = {}
		for k in next, v do names[#names + 1] = k end
		table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
		for _, k in ipairs(names) do
			out[#out + 1] = "key " .. tostring(k)
			describe(v[k], seen, out)
		end
	elseif type(v) ~= "userdata" and type(v) ~= "thread" then
		out[#out + 1] = type(v) .. " " .. text_of(v)
	end
end
local function declared(list, out)
	for _, row in ipairs(list) do
		for _, k in ipairs(t.sorted(row)) do out[#out + 1] = k .. " " .. text_of(row[k]) end
	end
end

-- forward as the host calls it: names that are not declared are errors, in what it reads and in what it writes.
local function guarded(spec, d, who)
	local parts, known, written = { training = true, step = true, n_labels = true, n_documents = true, weights = true, labels = true, loss = true, stream = true,
		label_offsets = true, label_index = true, warn = true }, {}, {}
	for _, row in ipairs(d.params) do parts[row.name] = true end
	for _, row in ipairs(d.reads) do known[row.name] = true end
	for _, row in ipairs(d.writes) do known[row.name], written[row.name] = true, true end
	local function missing(what, name, names, why)
		t.fail("%s%s: %s%s", what, tostring(name), why, t.hint(name, t.sorted(names)))
	end
	local function write(values)
		return function(_, name, v)
			if not written[name] then missing("slots.", name, written, "not among the slots that " .. who .. " declares in writes") end
			if type(v) ~= "userdata" then t.fail("slots.%s: wanted a tensor, found %s", name, t.show(v)) end
			values[name] = v
		end
	end
	local function read(values, names, what, why)
		return function(_, name)
			local v = values[name]
			if v == nil and not names[name] then missing(what, name, names, why) end
			return v
		end
	end
	local weights = {}
	for _, row in ipairs(d.weights) do weights[row.name] = true end
	local function each(values)
		return function() return next, values end
	end
	return function(self, slots)
		setmetatable(self.weights, { __index = read({}, weights, "self.weights.", "not among the weights that " .. who .. " declares") })
		return spec.forward(
			setmetatable({}, { __index = read(self, parts, "self.", "neither a parameter of " .. who .. " nor a part of self"), __pairs = each(self) }),
			setmetatable({}, { __index = read(slots, known, "slots.", "not among the slots that " .. who .. " declares in reads"), __newindex = write(slots), __pairs = each(slots) }))
	end
end

return function(spec)
	local where = host.where()
	t.want_table(spec, "tl.module", where)
	t.check_keys(spec, keys, "tl.module", where)
	if not spec.name or not spec.name:match("^[%a_][%w_]*$") then t.fail("tl.module: name = %s: wanted letters, digits and _", t.show(spec.name)) end
	local who = "tl.module " .. spec.name
	if not spec.forward then t.fail("%s: forward is missing; wanted forward = function(self, slots) ... end", who) end
	local d = { name = spec.name, summary = spec.summary or "a module of the script", citation = spec.citation, differs = spec.differs, params = rows(spec.params, param, who),
		weights = rows(spec.weights, weight, who), reads = rows(spec.reads, slot, who), writes = rows(spec.writes, slot, who), losses = losses(spec.losses, who) }
	local out, seen = { "module " .. spec.name }, {}
	for _, list in ipairs { d.params, d.weights, d.reads, d.writes, d.losses } do declared(list, out) end
	describe(spec.forward, seen, out)
	host.declare(d, guarded(spec, d, who), table.concat(out, "\n"), where)
	return constructor(spec.name)
end
