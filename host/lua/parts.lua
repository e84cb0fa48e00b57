-- parts.lua - what an experiment is made of: tl.dataset, tl.encoder.NAME and tl.label.NAME. Loaded with the checks, the host's functions and the module's table.
local t, host, tl = ...
local fail, fail_at, show, copy, is, is_list, check_keys, want_table = t.fail, t.fail_at, t.show, t.copy, t.is, t.is_list, t.check_keys, t.want_table
local Module, Dataset = { __name = "module" }, { __name = "dataset" }

-- What is made is checked when it is made: a key that is set afterwards would go unchecked, or nowhere.
function Module.__newindex(m, k)
	fail("%s: %s cannot be set afterwards; give it to the constructor, or to an arm as { %s = { %s = ... } }", m.name, tostring(k), m.name, tostring(k))
end
function Dataset.__newindex(_, k)
	fail("tl.dataset: %s cannot be set afterwards; write tl.dataset { %s = ... }", tostring(k), tostring(k))
end

-- Datasets ----------------------------------------------------------------------------------------------------------------
local MOST = 1000000000
local dataset_keys = { path = "string", name = "string", reader = "string", max_length = { 1, MOST }, valid = "number", limit = { 1, MOST }, augment = "string",
	tail_below = { 0, MOST }, keep = { 1, MOST }, propensity = "table" }

local function check_dataset(given, where)
	check_keys(given, dataset_keys, "tl.dataset", where)
	if given.propensity then
		check_keys(given.propensity, { A = "number", B = "number" }, "tl.dataset: propensity", where)
	end
	if given.name and (given.name == "" or given.name:find("%c")) then fail_at(where, "tl.dataset: name = %s: wanted a line of text", show(given.name)) end
	if given.valid and not (given.valid > 0 and given.valid < 1) then
		fail_at(where, "tl.dataset: valid = %s: wanted a share of the training split between 0 and 1, such as 0.1", show(given.valid))
	end
end
function tl.dataset(given)
	local where = host.where()
	given = copy(want_table(given, "tl.dataset", where))
	check_dataset(given, where)
	if not given.path then fail("tl.dataset: path is missing; wanted the dataset's folder, such as path = \"data/aapd\"") end
	host.allow(given.path)
	return setmetatable({ given = given, where = where }, Dataset)
end
local function basename(path)
	return path:match("([^/]+)/*$") or path
end
local function resolve_dataset(d)
	local r = copy(d.given)
	r.name = r.name or basename(r.path)
	r.reader = r.reader or "jsonl"
	r.max_length = r.max_length or 512
	r.tail_below = r.tail_below or 50
	r.keep = r.keep or 200
	local p = r.propensity or {}
	r.propensity = { A = p.A or 0.55, B = p.B or 1.5 }
	host.reader(r.reader, d.where)
	return r
end
local function dataset_list(v, who, where)
	if is(v, Dataset) then return { v } end
	want_table(v, who, where)
	if v.path then return { tl.dataset(v) } end
	if #v == 0 or not is_list(v) then fail_at(where, "%s: wanted tl.dataset { path = ... } or a list of them", who) end
	local list = {}
	for i, d in ipairs(v) do
		if not is(d, Dataset) then fail_at(where, "%s: element %d: wanted tl.dataset { ... }, found %s", who, i, show(d)) end
		list[i] = d
	end
	return list
end

-- Modules -----------------------------------------------------------------------------------------------------------------
local reserved = { model = true, train = true, data = true, total = true, seeds = true, metrics = true }

local function new_module(kind, plugin, given)
	local where = host.where()
	local who = "tl." .. kind .. "." .. plugin
	given = given == nil and {} or given
	want_table(given, who, where)
	local params = copy(given)
	local name = params.name
	params.name = nil
	if name == nil then name = plugin end
	if type(name) ~= "string" or not name:match("^[%w_%-]+$") then
		fail("%s: name = %s: wanted letters, digits, _ and -", who, show(name))
	end
	if reserved[name] then fail("%s: name = \"%s\": this name means something else in arms and overrides; choose another", who, name) end
	for _, k in ipairs(t.keys(params)) do
		if type(k) ~= "string" then fail("%s: %s stands there without a name (wanted PARAMETER = VALUE)", who, show(params[k])) end
		if type(params[k]) == "function" or type(params[k]) == "userdata" then fail("%s: %s: a %s is no parameter", who, k, type(params[k])) end
	end
	local m = setmetatable({ kind = kind, plugin = plugin, name = name, params = params, where = where }, Module)
	host.params(kind, plugin, params, name, where, nil)
	return m
end
local function family(kind)
	return setmetatable({}, {
		__index = host.entry(function(_, plugin)
			if type(plugin) ~= "string" then fail("tl.%s: wanted a plugin's name, found %s", kind, show(plugin)) end
			host.find(kind, plugin, host.where())
			return host.entry(function(given, ...)
				if select("#", ...) > 0 then fail("tl.%s.%s takes one table { ... }", kind, plugin) end
				return new_module(kind, plugin, given)
			end)
		end),
		__newindex = function() fail("tl.%s cannot be changed", kind) end,
	})
end
tl.encoder, tl.label = family("encoder"), family("label")

local function check_model(model, who, where)
	want_table(model, who, where)
	if is(model, Module) then fail_at(where, "%s: wanted a list of modules { ... }, found one module", who) end
	if #model == 0 or not is_list(model) then
		fail_at(where, "%s: wanted a list of modules without holes, such as { tl.encoder.cnn {}, tl.label.classifier {} }", who)
	end
	for i, m in ipairs(model) do
		if not is(m, Module) then fail_at(where, "%s: element %d: wanted tl.encoder.NAME { ... } or tl.label.NAME { ... }, found %s", who, i, show(m)) end
	end
	return model
end
local function instance_names(model)
	local names = {}
	for i, m in ipairs(model) do names[i] = m.name end
	return names
end
local function check_names(model, who, where)
	local seen = {}
	for _, m in ipairs(model) do
		if seen[m.name] then
			fail_at(m.where or where, "%stwo modules are called %s; give one of them another name = \"...\"", who, m.name)
		end
		seen[m.name] = true
	end
end

function t.is_module(v) return is(v, Module) end
return { Module = Module, Dataset = Dataset, dataset_keys = dataset_keys, check_dataset = check_dataset, resolve_dataset = resolve_dataset, dataset_list = dataset_list, check_model = check_model,
	instance_names = instance_names, check_names = check_names }
