-- common.lua - what the papers' scripts share: which table, which data, which encoder. Arguments of every script beside here:
--   -D table=8            the paper's table (8 or table8)
--   -D dataset=NAME       one of the table's data sets (default: the first that the script lists); all: every one, an experiment each
--   -D data=DIR           that data set's folder (default ROOT/NAME with -D root=ROOT, data); its name decides which printed rows it is put beside
--   -D encoder=DIR        the encoder's weights (default models/NAME); scratch: none, with -D transformer.dim=... and the like
--   -D variant=released   settings of the released implementation where it differs from the paper
-- Everything else is an ordinary override: -D train.epochs=2, -D corank.gamma=5, -D seeds=1, -D data.max_length=64, --limit-docs 500.
local tl = require "tagloom"
local common = {}

local function names_of(t)
	local names = {}
	for k in pairs(t) do names[#names + 1] = tostring(k) end
	table.sort(names)
	return table.concat(names, ", ")
end

-- The tables of a paper: number -> { datasets = { ... }, build = function(name) ... end }. Returns what the script returns.
function common.run(paper, tables, first)
	local asked = tl.arg("table", tostring(first)):gsub("^table", "")
	local t = tables[math.tointeger(tonumber(asked))]
	if not t then error(paper .. ": -D table=" .. asked .. ": wanted one of " .. names_of(tables), 0) end
	local wanted, list = tl.arg("dataset", t.datasets[1]), {}
	for _, name in ipairs(t.datasets) do
		if wanted == name or wanted == "all" then
			local e = t.build(name)
			e.name = paper .. "-table" .. asked .. "-" .. name
			list[#list + 1] = tl.experiment(e)
		end
	end
	if #list == 0 then
		error(paper .. ": -D dataset=" .. wanted .. ": table " .. asked .. " has " .. table.concat(t.datasets, ", ") .. " (or all)", 0)
	end
	return list
end

-- The data set under its folder's name, so that results on other data never pass for those of the paper's.
function common.data(name, options)
	local path = tl.arg("root", "data") .. "/" .. name
	options.path = tl.arg("dataset", "") == "all" and path or tl.arg("data", path)
	return tl.dataset(options)
end

function common.encoder(name, options)
	local weights = tl.arg("encoder", "models/" .. name)
	options = options or {}
	if weights ~= "scratch" then options.weights = weights end
	return tl.encoder.transformer(options)
end

function common.variant() return tl.arg("variant", "paper") end

-- A model made for a table's data set: the arm `name` that replaces the experiment's model.
function common.arm(name, model, train) return { name, { model = model, train = train } } end

return common
