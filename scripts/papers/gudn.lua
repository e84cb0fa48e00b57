-- gudn.lua - the tables of GUDN: 2 precision, 3 nDCG, 4 propensity-scored precision, 5 cost, 6 guides, 7 label sources, 8 lengths.
--   tagloom run scripts/papers/gudn.lua -D table=6 -D dataset=eurlex-4k -D data=DIR -D encoder=DIR
-- Printed: BERT with 12 layers, length 512, batch 8, 40 epochs (Eurlex-4K, Wiki10-31K) or 20, the three losses with weight 1. Not printed,
-- ours: AdamW, lr 1e-5 (the guide's own weights too; -D guide.lr=... for more), dropout 0.5. Table 6 has no row of the full model; ours is `full`.
-- Wiki-500K needs the label clusters of section 3.4, which are not here: the whole label set is ranked.
-- Table 8 is Longformer's, which is not here: its lengths are run with the encoder at hand, as far as its positions reach
-- (-D lengths=512,1024 -D encoder=scratch -D transformer.max_positions=1024). Table 5: times and sizes are `tagloom runs` and v_run.
local tl = require "tagloom"
local common = require "common"

local epochs = { ["eurlex-4k"] = 40, ["wiki10-31k"] = 40, ["amazoncat-13k"] = 20, ["wiki-500k"] = 20 }
local all = { "eurlex-4k", "amazoncat-13k", "wiki10-31k", "wiki-500k" }

local function encoder() return common.encoder("bert-base-uncased") end
local function bert() return { "bert", { model = tl.recipe.baseline { encoder = encoder() } } } end

local function experiment(metrics, arms)
	return function(name)
		local wiki = name == "wiki-500k"
		return {
			data = common.data(name, { max_length = 512, propensity = wiki and { A = 0.5, B = 0.4 } or nil }),
			model = tl.recipe.gudn { variant = common.variant(), encoder = encoder() },
			train = { epochs = epochs[name], batch = 8, optimizer = "adamw", lr = 1e-5 },
			metrics = metrics,
			seeds = { 1, 2, 3 },
			arms = arms(),
		}
	end
end

local function methods() return { { "full", {} }, bert() } end
local function guides()
	return { bert(), { "BERT+GUD-F", { guide = { link = false } } }, { "BERT+GUD-L", { guide = { feature = false } } }, { "full", {} } }
end
local function sources()
	return { bert(), { "raw labels", { guide = { label_source = "text" } } }, { "multi-hot vectors", { guide = { label_source = "multihot" } } } }
end
-- Fig. 5, beside the paper's tables: -D table=7 -D reinforcement=true adds the two ways of repeating the label sequence.
local function sources_and_more()
	local arms = sources()
	if tl.arg("reinforcement", false) then
		for _, how in ipairs { "ordered", "disordered" } do arms[#arms + 1] = { how .. " reinforcement", { guide = { reinforcement = how } } } end
	end
	return arms
end
local function lengths()
	local arms = {}
	for i, n in ipairs(tl.arg("lengths", { 512 })) do arms[i] = { "length=" .. n, { data = { max_length = n } } } end
	return arms
end

local precision, ndcg, psp = { "p@1", "p@3", "p@5" }, { "ndcg@3", "ndcg@5" }, { "psp@1", "psp@3", "psp@5" }
return common.run("gudn", {
	[2] = { datasets = all, build = experiment(precision, methods) },
	[3] = { datasets = all, build = experiment(ndcg, methods) },
	[4] = { datasets = all, build = experiment(psp, methods) },
	[5] = { datasets = all, build = experiment(precision, methods) },
	[6] = { datasets = all, build = experiment(precision, guides) },
	[7] = { datasets = all, build = experiment(precision, sources_and_more) },
	[8] = { datasets = all, build = experiment(precision, lengths) },
}, 2)
