-- define.lua - -D: what the command line gives a script (tl.arg) or changes in what it made. Loaded with the checks, the host's functions, the module's table and parts.lua.
local t, host, tl, parts = ...
local fail, show, whole = t.fail, t.show, t.whole

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
	if type(v) == "string" and text:find(",", 1, true) then return guess_list(text) end
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

local function set_path(into, path, value)
	local head, rest = path:match("^([^%.]+)%.(.+)$")
	if not head then
		into[path] = value
		return
	end
	if type(into[head]) ~= "table" then into[head] = {} end
	set_path(into[head], rest, value)
end
-- Changes what -D names in one arm; returns the modules that got another parameter.
local function override(o, datasets, model, train)
	local head, rest = o.key:match("^([^%.]+)%.(.+)$")
	local changed = {}
	if not head then return changed end
	if head == "train" then
		local alone = {}
		set_path(alone, rest, convert(o.text))
		host.train(alone, "-D " .. o.key .. "=" .. o.text, nil)
		set_path(train, rest, convert(o.text))
		o.used = true
	elseif head == "data" then
		for _, d in ipairs(datasets) do
			local want = parts.dataset_keys[rest:match("^[^%.]+")]
			set_path(d.given, rest, convert(o.text, want == "string" and "string" or nil))
			parts.check_dataset(d.given, "-D " .. o.key .. "=" .. o.text)
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
	for k in next, parts.dataset_keys do out["data." .. k] = true end
	out.seeds, out.metrics = true, true
end

return { given = overrides, asked = asked, guess_list = guess_list, override = override, names = override_names }
