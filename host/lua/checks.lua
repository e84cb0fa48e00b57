-- checks.lua - what every constructor uses: errors that name a line of the script, and checks of the tables it gives. Loaded with the host's functions.
local host = ...

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
-- Every key of t must be one of `allowed` (name -> type, "list", true, or { least, most } of a whole number, which then is an integer in t).
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

return { fail = fail, fail_at = fail_at, keys = keys_of, sorted = sorted_strings, hint = hint, show = show, want_table = want_table, whole = whole, check_keys = check_keys, copy = copy,
	is_list = is_list, is = is }
