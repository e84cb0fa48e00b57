-- uclaf.lua - the tables of UCLAF: 3 comparison, 4 modules, 5 positives of the contrast, 6 second views.
--   tagloom run scripts/papers/uclaf.lua -D table=4 -D dataset=aapd -D data=DIR -D encoder=DIR
-- Printed: bert-base-uncased, length 512, batch 16, dropout 0.5; AAPD lr 1e-5, lambda 0.7, tau 5; EURLex lr 5e-5, lambda 0.5, tau 3. Not printed,
-- ours: AdamW, 20 epochs, queue 2,048, momentum 0.999, projection to 256. Captions of Tables 5 and 6 say AAPD; their full row is EURLex's, so EURLex
-- comes first there. Method rows at hand: uclaf, gudn, and Table 4's baseline (encoder + classifier).
local tl = require "tagloom"
local common = require "common"

local settings = {
	aapd = { lr = 1e-5, weight = 0.7, tau = 5 },
	["eurlex-4k"] = { lr = 5e-5, weight = 0.5, tau = 3 },
}
local precision, ranked = { "p@1", "p@3", "p@5" }, { "p@1", "p@3", "p@5", "ndcg@3", "ndcg@5" }

local function encoder() return common.encoder("bert-base-uncased") end
local function baseline() return tl.recipe.baseline { encoder = encoder(), classifier = { dropout = 0.5 } } end

local function experiment(metrics, arms)
	return function(name)
		local s = settings[name]
		return {
			data = common.data(name, { max_length = 512 }),
			model = tl.recipe.uclaf { encoder = encoder(), cacl = { weight = s.weight, tau = s.tau } },
			train = { epochs = 20, batch = 16, optimizer = "adamw", lr = s.lr },
			metrics = metrics,
			seeds = { 1, 2, 3 },
			baseline = "full",
			arms = arms(s),
		}
	end
end

local function comparison() return { { "full", {} }, { "gudn", { model = tl.recipe.gudn { encoder = encoder() } } } } end
local function modules(s)
	local with_cacl = baseline()
	with_cacl[#with_cacl + 1] = tl.label.cacl { weight = s.weight, tau = s.tau }
	return {
		{ "baseline", { model = baseline() } },
		{ "LAN", { cacl = false } },
		{ "CACL", { model = with_cacl } },
		{ "full", {} },
	}
end
local function positives()
	return { { "strategy=ALL", { cacl = { positives = "all" } } }, { "strategy=ANY", { cacl = { positives = "any" } } }, { "full", {} } }
end
local function views()
	return {
		{ "random masking", { cacl = { view = "mask" } } },
		{ "continuous masking", { cacl = { view = "span" } } },
		{ "token shuffling", { cacl = { view = "shuffle" } } },
		{ "full", {} },
	}
end

return common.run("uclaf", {
	[3] = { datasets = { "aapd", "eurlex-4k" }, build = experiment(ranked, comparison) },
	[4] = { datasets = { "aapd", "eurlex-4k" }, build = experiment(ranked, modules) },
	[5] = { datasets = { "eurlex-4k", "aapd" }, build = experiment(precision, positives) },
	[6] = { datasets = { "eurlex-4k", "aapd" }, build = experiment(precision, views) },
}, 4)
