-- experiments.lua - tl.experiment, its arms, and what becomes of them. Loaded with the checks, the host's functions, the module's table, parts.lua and define.lua;
-- returns `finish`, which turns the script's value into data.
local t, host, tl, parts, define = ...
local fail, fail_at, show, hint, copy, whole, is, is_list = t.fail, t.fail_at, t.show, t.hint, t.copy, t.whole, t.is, t.is_list
local keys_of, sorted_strings, check_keys, want_table = t.keys, t.sorted, t.check_keys, t.want_table
local Module, Dataset, Experiment = parts.Module, parts.Dataset, { __name = "experiment" }

local inside = setmetatable({}, { __mode = "k" }) -- what an experiment holds, by the table that the script sees
function Experiment.__index(e, k) return inside[e][k] end
function Experiment.__newindex(_, k)
	fail("tl.experiment: %s cannot be set afterwards; write tl.experiment { %s = ... }", tostring(k), tostring(k))
end

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
	e.data = parts.dataset_list(x.data, "data", where)
	if x.model then
		e.model = {}
		for i, m in ipairs(parts.check_model(x.model, "model", where)) do e.model[i] = copy(m) end
		parts.check_names(e.model, "model: ", where)
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
	local names = parts.instance_names(model)
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
		model = copy(parts.check_model(changes.model, who .. ": model", e.where))
	end
	if not model then fail_at(e.where, "%s: neither the experiment nor the arm has a model", who) end
	if changes.train ~= nil then
		for k, v in pairs(want_table(changes.train, who .. ": train", e.where)) do train[k] = copy(v) end
	end
	if changes.data ~= nil then
		local d = want_table(changes.data, who .. ": data", e.where)
		if not is(d, Dataset) and #d > 0 then
			datasets = copy(parts.dataset_list(d, who .. ": data", e.where))
		else
			local given = is(d, Dataset) and d.given or d
			if not is(d, Dataset) then parts.check_dataset(given, e.where .. ": " .. who) end
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

local function finish_experiment(e, known)
	local seeds, metrics = e.seeds, e.metrics
	for _, o in ipairs(define.given) do
		if o.key == "seeds" and not define.asked.seeds then
			seeds = define.guess_list(o.text)
			check_seeds(seeds, "-D seeds=" .. o.text)
			o.used = true
		elseif o.key == "metrics" and not define.asked.metrics then
			metrics = define.guess_list(o.text)
			if #metrics == 0 then error("-D metrics=: wanted at least one, such as p@1,ndcg@5", 0) end
			check_metrics(metrics, "-D metrics=" .. o.text)
			o.used = true
		end
	end
	local list, baseline = arm_list(e)
	local result = { name = e.name, baseline = baseline, seeds = host.list(seeds), metrics = host.list(metrics), line = e.where, arms = host.list {} }
	for _, arm in ipairs(list) do
		local datasets, model, train, who = arm_config(e, arm)
		parts.check_names(model, who .. ": ", e.where)
		define.names(known, model)
		for _, o in ipairs(define.given) do
			for _, m in ipairs(define.override(o, datasets, model, train)) do
				host.params(m.kind, m.plugin, m.params, m.name, "-D " .. o.key .. "=" .. o.text, nil)
			end
		end
		host.train(train, e.where, arm.name)
		local names, seen, modules = {}, {}, host.list {}
		for i, d in ipairs(datasets) do
			datasets[i] = parts.resolve_dataset(d)
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
		result[i].seeds_asked = define.asked.seeds ~= nil
		callbacks[e.name] = e.on_epoch
	end
	for name in next, define.asked do known[name] = true end
	for _, o in ipairs(define.given) do
		if not o.used then
			error(string.format("-D %s=%s: nothing of that name in the script%s", o.key, o.text, (function()
				local near = host.nearest(o.key, sorted_strings(known))
				return near and "; did you mean " .. near or ""
			end)()), 0)
		end
	end
	return result, callbacks
end

return finish
