-- prelude.lua - what `require "tagloom"` returns: constructors that check what they are given and remember the script line.
-- Loaded with the table of functions that bind.c offers; returns the module and `finish`, which turns the script's value into data.
local host = ...
local tl = {}
local Module, Dataset, Experiment = { __name = "module" }, { __name = "dataset" }, { __name = "experiment" }

-- Errors ------------------------------------------------------------------------------------------------------------------
local function fail_at(where, format, ...)
	error(where .. ": " .. string.format(format, ...), 0)
end
local function fail(format, ...)
	fail_at(host.where(), format, ...)
end
local function keys_of(t)
	local list = {}
	for k in pairs(t) do
		list[#list + 1] = k
	end
	return list
end
local function sorted_strings(t)
	local list = {}
	for k in next, t do
		if type(k) == "string" then list[#list + 1] = k end
	end
	table.sort(list)
	return list
end
local function hint(name, names)
	local near = host.nearest(tostring(name), names)
	if near then return "; did you mean " .. near end
	if #names == 0 then return "" end
	return "; there are " .. table.concat(names, ", ")
end
local function show(v)
	if type(v) == "string" then return (string.format("%q", v):gsub("\\\n", "\\n")) end
	if math.type(v) == "float" then return string.format("%.14g", v) end
	if type(v) == "table" and type(getmetatable(v)) == "table" and getmetatable(v).__name then return "a " .. getmetatable(v).__name end
	if type(v) == "table" or type(v) == "function" then return "a " .. type(v) end
	return tostring(v)
end
local function want_table(v, who, where)
	if type(v) ~= "table" then
		fail_at(where, "%s: wanted a table { ... }, found %s", who, show(v))
	end
	return v
end
-- 5, 5.0 and 5e0 are the same whole number; nil where v is none that fits 64 bits.
local function whole(v)
	return type(v) == "number" and math.tointeger(v) or nil
end
-- Every key of t must be one of `allowed` (name -> type, true, or { least, most } of a whole number, which then is an integer in t).
local function check_keys(t, allowed, who, where)
	for _, k in ipairs(keys_of(t)) do
		if type(k) ~= "string" then
			fail_at(where, "%s: %s stands there without a name (wanted NAME = VALUE)", who, show(t[k]))
		end
		local want = allowed[k]
		if not want then
			fail_at(where, "%s: no such key: %s%s", who, k, hint(k, sorted_strings(allowed)))
		end
		local v = t[k]
		if type(want) == "table" then
			local n = whole(v)
			if not n or n < want[1] or n > want[2] then
				fail_at(where, "%s: %s = %s: wanted a whole number from %d to %d", who, k, show(v), want[1], want[2])
			end
			t[k] = n
		elseif want == "list" then
			if type(v) ~= "table" then fail_at(where, "%s: %s = %s: wanted a list; with this alone it is %s = { %s }", who, k, show(v), k, show(v)) end
		elseif want ~= true and type(v) ~= want then
			fail_at(where, "%s: %s: wanted a %s, found %s", who, k, want, show(v))
		end
	end
end
local function copy(v, depth)
	depth = depth or 0
	if depth > 40 then fail("a table lies in itself, or is deeper than 40 tables") end
	if type(v) ~= "table" then return v end
	local c = {}
	for k, x in next, v do c[k] = copy(x, depth + 1) end
	return setmetatable(c, getmetatable(v))
end
-- Is it a list 1 .. n without holes?
local function is_list(t)
	local n = 0
	for _ in next, t do n = n + 1 end
	return n == #t
end
local function is(v, tag)
	return type(v) == "table" and getmetatable(v) == tag
end

-- What is made is checked when it is made: a key that is set afterwards would go unchecked, or nowhere.
function Module.__newindex(m, k)
	fail("%s: %s cannot be set afterwards; give it to the constructor, or to an arm as { %s = { %s = ... } }", m.name, tostring(k), m.name, tostring(k))
end
function Dataset.__newindex(_, k)
	fail("tl.dataset: %s cannot be set afterwards; write tl.dataset { %s = ... }", tostring(k), tostring(k))
end
local inside = setmetatable({}, { __mode = "k" }) -- what an experiment holds, by the table that the script sees
function Experiment.__index(e, k) return inside[e][k] end
function Experiment.__newindex(_, k)
	fail("tl.experiment: %s cannot be set afterwards; write tl.experiment { %s = ... }", tostring(k), tostring(k))
end

-- -D ----------------------------------------------------------------------------------------------------------------------
local overrides, asked = {}, {} -- { key =, text =, used = } in the order given; script arguments asked for: name -> true
for i, text in ipairs(host.define) do
	local key, value = text:match("^([^=]+)=(.*)$")
	if not key then
		error(string.format("-D %s: wanted key=value, such as train.epochs=2", text), 0)
	end
	overrides[i] = { key = key, text = value, used = false }
end
local function guess(text)
	if text == "true" then return true end
	if text == "false" then return false end
	if text:match("^[%+%-]?%d+$") then return math.tointeger(tonumber(text)) or tonumber(text) end
	if text:match("^[%+%-]?[%d%.]+[eE]?[%+%-]?%d*$") and tonumber(text) then return tonumber(text) end
	return text
end
local function guess_list(text)
	local list = {}
	for item in (text .. ","):gmatch("%s*(.-)%s*,") do
		if item ~= "" then list[#list + 1] = guess(item) end
	end
	return list
end
local function convert(text, want)
	if want == "string" or want == "choice" then return text end
	if want == "ints" or want == "list" then return guess_list((text:gsub("^{(.*)}$", "%1"))) end
	local v = guess(text)
	if type(v) == "string" and text:find(",", 1, true) and want ~= "string" then return guess_list(text) end
	if type(v) == "string" then return (text:gsub('^"(.*)"$', "%1")) end
	return v
end

function tl.arg(name, default)
	if type(name) ~= "string" then fail("tl.arg: wanted a name, found %s", show(name)) end
	asked[name] = true
	local found
	for _, o in ipairs(overrides) do
		if o.key == name then
			found, o.used = o.text, true
		end
	end
	if found == nil then return default end
	if type(default) == "number" then
		local v = guess(found)
		if type(v) ~= "number" then fail("-D %s=%s: wanted a number (the script's default is %s)", name, found, show(default)) end
		return math.type(default) == "integer" and whole(v) or v
	elseif type(default) == "boolean" then
		if found ~= "true" and found ~= "false" then fail("-D %s=%s: wanted true or false", name, found) end
		return found == "true"
	elseif type(default) == "string" then
		return found
	elseif type(default) == "table" then
		return guess_list(found)
	end
	return guess(found)
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

local function check_module(m, where, arm)
	host.params(m.kind, m.plugin, m.params, m.name, where, arm)
end
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
	for _, k in ipairs(keys_of(params)) do
		if type(k) ~= "string" then fail("%s: %s stands there without a name (wanted PARAMETER = VALUE)", who, show(params[k])) end
		if type(params[k]) == "function" or type(params[k]) == "userdata" then fail("%s: %s: a %s is no parameter", who, k, type(params[k])) end
	end
	local m = setmetatable({ kind = kind, plugin = plugin, name = name, params = params, where = where }, Module)
	check_module(m, where)
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

-- Experiments -------------------------------------------------------------------------------------------------------------
local experiment_keys = { name = "string", data = "table", model = "table", train = "table", metrics = "list", seeds = "list", baseline = "string", arms = "table",
	on_epoch = "function" }
local default_metrics = { "p@1", "p@3", "p@5", "ndcg@3", "ndcg@5", "micro_f1", "macro_f1" }

local function check_metrics(list, where)
	if not is_list(list) then fail_at(where, "metrics: wanted a list such as { \"p@1\", \"ndcg@5\" }") end
	local seen = {}
	for i, m in ipairs(list) do
		if type(m) ~= "string" then fail_at(where, "metrics: element %d: wanted a name such as \"ndcg@5\", found %s", i, show(m)) end
		if seen[m] then fail_at(where, "metrics: %s is there twice", m) end
		seen[m] = true
		host.metric(m, where)
	end
end
local function check_seeds(list, where)
	if #list == 0 or not is_list(list) then fail_at(where, "seeds: wanted a list of whole numbers such as { 1, 2, 3 }") end
	local seen = {}
	for i, s in ipairs(list) do
		local n = whole(s)
		if not n or n < 0 then fail_at(where, "seeds: element %d: wanted a whole number from 0 to %d, found %s", i, math.maxinteger, show(s)) end
		if seen[n] then fail_at(where, "seeds: %d is there twice", n) end
		seen[n], list[i] = true, n
	end
end
function tl.experiment(x)
	local where = host.where()
	want_table(x, "tl.experiment", where)
	check_keys(x, experiment_keys, "tl.experiment", where)
	if not x.name then fail("tl.experiment: name is missing") end
	if x.name == "" or x.name:find("[%c]") then fail("tl.experiment: name = %s: wanted a line of text", show(x.name)) end
	if not x.data then fail("tl.experiment: data is missing; wanted data = tl.dataset { path = ... }") end
	local e = { name = x.name, where = where, on_epoch = x.on_epoch, baseline = x.baseline }
	e.data = dataset_list(x.data, "data", where)
	if x.model then
		e.model = {}
		for i, m in ipairs(check_model(x.model, "model", where)) do e.model[i] = copy(m) end
		check_names(e.model, "model: ", where)
	end
	e.train = copy(x.train or {})
	for _, k in ipairs(keys_of(e.train)) do
		if type(k) ~= "string" then fail("train: %s stands there without a name", show(e.train[k])) end
	end
	host.train(e.train, where, nil)
	e.metrics = copy(x.metrics or default_metrics)
	check_metrics(e.metrics, where)
	e.seeds = copy(x.seeds or { 1 })
	check_seeds(e.seeds, where)
	e.arms = x.arms and copy(x.arms)
	local made = setmetatable({}, Experiment)
	inside[made] = e
	return made
end

-- Arms of an experiment as { { name =, changes = }, ... } and the baseline's name.
local function arm_list(e)
	local list, named = {}, {}
	local function add(name, changes)
		if type(name) ~= "string" or name == "" or name:find("%c") then fail_at(e.where, "arms: wanted an arm's name, a line of text, found %s", show(name)) end
		if named[name] then fail_at(e.where, "arms: two arms are called %s", name) end
		if changes == nil then changes = {} end
		if type(changes) ~= "table" or is(changes, Module) then
			fail_at(e.where, "arm %s: wanted a table of changes { INSTANCE = { PARAMETER = VALUE } }, found %s", name, show(changes))
		end
		named[name] = true
		list[#list + 1] = { name = name, changes = changes }
	end
	local arms = e.arms
	if not arms then
		add("full", {})
	elseif #arms > 0 then
		if not is_list(arms) then fail_at(e.where, "arms: either a list { {\"name\", changes}, ... } or a table from name to changes, not both") end
		for i, a in ipairs(arms) do
			if type(a) ~= "table" then fail_at(e.where, "arms: element %d: wanted {\"name\", changes}, found %s", i, show(a)) end
			for _, k in ipairs(keys_of(a)) do
				if k ~= 1 and k ~= 2 then
					fail_at(e.where, "arms: element %d: wanted {\"name\", { changes }}, found the key %s beside them", i, tostring(k))
				end
			end
			add(a[1], a[2])
		end
	else
		local names = sorted_strings(arms)
		local first = e.baseline or (arms.full and "full")
		if first and arms[first] then add(first, arms[first]) end
		for _, name in ipairs(names) do
			if name ~= first then add(name, arms[name]) end
		end
		if #list == 0 then fail_at(e.where, "arms: the table is empty; leave it out to have one arm, full") end
	end
	local baseline = e.baseline or (named.full and "full") or list[1].name
	if not named[baseline] then
		if baseline ~= "full" then
			local names = {}
			for i, a in ipairs(list) do names[i] = a.name end
			fail_at(e.where, "baseline = \"%s\": no arm of that name%s", baseline, hint(baseline, names))
		end
		table.insert(list, 1, { name = "full", changes = {} })
	end
	return list, baseline
end

local function change_instance(model, name, change, who, where)
	for i, m in ipairs(model) do
		if m.name == name then
			if change == false then
				table.remove(model, i)
			elseif is(change, Module) then
				model[i] = copy(change)
			elseif type(change) == "table" then
				for _, k in ipairs(keys_of(change)) do
					if type(k) ~= "string" then fail_at(where, "%s: %s: %s stands there without a name", who, name, show(change[k])) end
					if k == "name" then fail_at(where, "%s: %s: an instance's name cannot be changed", who, name) end
					m.params[k] = copy(change[k])
				end
			else
				fail_at(where, "%s: %s: wanted { PARAMETER = VALUE }, a module, or false to remove it; found %s", who, name, show(change))
			end
			return
		end
	end
	local names = instance_names(model)
	names[#names + 1], names[#names + 2], names[#names + 3] = "model", "train", "data"
	fail_at(where, "%s: no module is called %s%s", who, name, hint(name, names))
end

-- One arm: the experiment's parts with the arm's changes, then with -D.
local function arm_config(e, arm)
	local who = "arm " .. arm.name
	local changes = arm.changes
	local datasets, model, train = copy(e.data), e.model and copy(e.model), copy(e.train)
	for _, k in ipairs(keys_of(changes)) do
		if type(k) ~= "string" then fail_at(e.where, "%s: %s stands there without a name", who, show(changes[k])) end
	end
	if changes.model ~= nil then
		model = copy(check_model(changes.model, who .. ": model", e.where))
	end
	if not model then fail_at(e.where, "%s: neither the experiment nor the arm has a model", who) end
	if changes.train ~= nil then
		for k, v in pairs(want_table(changes.train, who .. ": train", e.where)) do train[k] = copy(v) end
	end
	if changes.data ~= nil then
		local d = want_table(changes.data, who .. ": data", e.where)
		if not is(d, Dataset) and #d > 0 then
			datasets = copy(dataset_list(d, who .. ": data", e.where))
		else
			local given = is(d, Dataset) and d.given or d
			if not is(d, Dataset) then check_dataset(given, e.where .. ": " .. who) end
			if given.path then host.allow(given.path) end
			for _, one in ipairs(datasets) do
				for k, v in pairs(given) do one.given[k] = copy(v) end
			end
		end
	end
	for _, k in ipairs(sorted_strings(changes)) do
		if k ~= "model" and k ~= "train" and k ~= "data" then change_instance(model, k, changes[k], who, e.where) end
	end
	return datasets, model, train, who
end

local function set_path(t, path, value)
	local head, rest = path:match("^([^%.]+)%.(.+)$")
	if not head then
		t[path] = value
		return
	end
	if type(t[head]) ~= "table" then t[head] = {} end
	set_path(t[head], rest, value)
end
local function override(o, datasets, model, train)
	local head, rest = o.key:match("^([^%.]+)%.(.+)$")
	if not head then return end
	local changed = {}
	if head == "train" then
		local alone = {}
		set_path(alone, rest, convert(o.text))
		host.train(alone, "-D " .. o.key .. "=" .. o.text, nil)
		set_path(train, rest, convert(o.text))
		o.used = true
	elseif head == "data" then
		for _, d in ipairs(datasets) do
			local want = dataset_keys[rest:match("^[^%.]+")]
			set_path(d.given, rest, convert(o.text, want == "string" and "string" or nil))
			check_dataset(d.given, "-D " .. o.key .. "=" .. o.text)
			if rest == "path" then host.allow(o.text) end
		end
		o.used = true
	else
		for _, m in ipairs(model) do
			if m.name == head then
				if rest == "name" then error("-D " .. o.key .. "=" .. o.text .. ": an instance's name cannot be changed", 0) end
				local value = convert(o.text, host.param_type(m.kind, m.plugin, rest))
				m.params[rest] = value
				o.used = true
				changed[#changed + 1] = m
			end
		end
	end
	return changed
end

-- Every key that -D could have had, for the nearest name.
local function override_names(out, model)
	for _, m in ipairs(model) do
		for _, p in ipairs(host.param_names(m.kind, m.plugin)) do out[m.name .. "." .. p] = true end
	end
	for _, k in ipairs(host.train_names()) do out["train." .. k] = true end
	for k in next, dataset_keys do out["data." .. k] = true end
	out.seeds, out.metrics = true, true
end

local function finish_experiment(e, known)
	local seeds, metrics = e.seeds, e.metrics
	for _, o in ipairs(overrides) do
		if o.key == "seeds" and not asked.seeds then
			seeds = guess_list(o.text)
			check_seeds(seeds, "-D seeds=" .. o.text)
			o.used = true
		elseif o.key == "metrics" and not asked.metrics then
			metrics = guess_list(o.text)
			if #metrics == 0 then error("-D metrics=: wanted at least one, such as p@1,ndcg@5", 0) end
			check_metrics(metrics, "-D metrics=" .. o.text)
			o.used = true
		end
	end
	local list, baseline = arm_list(e)
	local result = { name = e.name, baseline = baseline, seeds = host.list(seeds), metrics = host.list(metrics), line = e.where, arms = host.list {} }
	for _, arm in ipairs(list) do
		local datasets, model, train, who = arm_config(e, arm)
		check_names(model, who .. ": ", e.where)
		override_names(known, model)
		for _, o in ipairs(overrides) do
			for _, m in ipairs(override(o, datasets, model, train) or {}) do
				host.params(m.kind, m.plugin, m.params, m.name, "-D " .. o.key .. "=" .. o.text, nil)
			end
		end
		host.train(train, e.where, arm.name)
		local names, seen, modules = {}, {}, host.list {}
		for i, d in ipairs(datasets) do
			datasets[i] = resolve_dataset(d)
			names[i] = datasets[i].name
			if seen[names[i]] then fail_at(e.where, "%s: two datasets are called %s; give one of them another name = \"...\"", who, names[i]) end
			seen[names[i]] = true
		end
		for i, m in ipairs(model) do
			local resolved = host.params(m.kind, m.plugin, m.params, m.name, m.where, arm.name)
			modules[i] = { kind = m.kind, plugin = m.plugin, name = m.name, params = m.params, resolved = resolved, where = m.where }
		end
		for i, d in ipairs(datasets) do
			result.arms[#result.arms + 1] = { name = arm.name, is_baseline = arm.name == baseline, dataset = names[i], datasets = host.list(names),
				config = { data = d, model = modules, train = train, metrics = host.list(metrics) } }
		end
	end
	return result
end

-- Called with the script's value: plain tables for the host, and the callbacks by experiment.
local function finish(value)
	local list = is(value, Experiment) and { value } or value
	if type(list) ~= "table" or #list == 0 or not is_list(list) then
		error(string.format("%s: wanted `return tl.experiment { ... }` or a list of them at the end of the script, found %s", host.script_name,
			value == nil and "nothing" or show(value)), 0)
	end
	local result, callbacks, names, known = host.list {}, {}, {}, {}
	for i, e in ipairs(list) do
		if not is(e, Experiment) then
			error(string.format("%s: element %d of what the script returns: wanted tl.experiment { ... }, found %s", host.script_name, i, show(e)), 0)
		end
		if names[e.name] then fail_at(e.where, "two experiments are called %s", e.name) end
		names[e.name] = true
		result[i] = finish_experiment(e, known)
		result[i].on_epoch = e.on_epoch ~= nil
		callbacks[e.name] = e.on_epoch
	end
	for name in next, asked do known[name] = true end
	for _, o in ipairs(overrides) do
		if not o.used then
			error(string.format("-D %s=%s: nothing of that name in the script%s", o.key, o.text, (function()
				local near = host.nearest(o.key, sorted_strings(known))
				return near and "; did you mean " .. near or ""
			end)()), 0)
		end
	end
	return result, callbacks
end

-- The rest of the module ------------------------------------------------------------------------------------------------------
local tools = { fail = fail, show = show, hint = hint, is_list = is_list, copy = copy, sorted = sorted_strings, keys = keys_of, is_module = function(v) return is(v, Module) end,
	check_keys = check_keys, whole = whole, want_table = want_table }

-- What every recipe does: reads its options, lets each module's parameters be overridden by its name, drops modules set to false.
-- keys: own options (name -> type or true); "variant" and "encoder" are understood. instances: names of the recipe's modules.
function tools.recipe(name, options, keys, instances)
	local who = "tl.recipe." .. name
	local given = options == nil and {} or want_table(options, who, host.where())
	local allowed = {}
	for k, v in next, keys do allowed[k] = v end
	for _, k in ipairs(instances) do allowed[k] = true end
	check_keys(given, allowed, who, host.where())
	for _, k in ipairs(instances) do
		local v = given[k]
		if v ~= nil and type(v) ~= "boolean" and (type(v) ~= "table" or getmetatable(v)) then
			fail("%s: %s: wanted { PARAMETER = VALUE } or false, found %s", who, k, show(v))
		end
	end
	local variant = given.variant or "paper"
	if variant ~= "paper" and variant ~= "released" then fail("%s: variant = %s: wanted \"paper\" or \"released\"", who, show(variant)) end
	local encoder = given.encoder
	if encoder ~= nil and not (is(encoder, Module) and encoder.kind == "encoder") then
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

for name, builder in next, host.chunk("host/lua/arms.lua")(tools) do tl[name] = builder end
tl.module = host.chunk("host/lua/module.lua")(tools, host, function(name) return tl.label[name] end)
tl.ops = host.ops()
tl.recipe = setmetatable({}, {
	__index = host.entry(function(_, name)
		local load_recipe = type(name) == "string" and host.chunk("scripts/recipes/" .. name .. ".lua")
		if not load_recipe then fail("tl.recipe.%s: no such recipe%s", tostring(name), hint(name, host.recipes())) end
		return host.entry(load_recipe(tl, tools))
	end),
	__newindex = function() fail("tl.recipe cannot be changed") end,
})
for _, name in ipairs { "arg", "dataset", "experiment" } do tl[name] = host.entry(tl[name]) end
for name, f in next, tl do
	if name ~= "arg" and name ~= "dataset" and name ~= "experiment" and type(f) == "function" then tl[name] = host.entry(f) end
end
return setmetatable({}, {
	__index = host.entry(function(_, name)
		local v = tl[name]
		if v == nil then fail("tl.%s: no such function%s", tostring(name), hint(name, sorted_strings(tl))) end
		return v
	end),
	__newindex = host.entry(function(_, name) fail("tl.%s: tl cannot be changed", tostring(name)) end),
	__name = "tl",
	__metatable = "tl",
}), finish
