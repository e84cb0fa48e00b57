-- laco.lua - the tables of LACO: 2 comparison, 4 ablation, 5 conditional KL, 6 label combinations; AAPD and RCV1-V2.
--   tagloom run scripts/papers/laco.lua -D table=4 -D data=DIR -D encoder=DIR
-- Printed: BERT base uncased, Adam, lr 5e-5, batch 32, length 320 with the labels, window 10, pair ratio 0.5; the best validation micro-F1,
-- training ended after 50,000 steps without a better one (30 epochs of AAPD, 2 of RCV1-V2). Not printed, ours: threshold 0.5, one pair a document,
-- one given label, at most 60 (AAPD) or 10 epochs. A validation split is needed (data.valid = 0.1 takes one from train).
-- +plcp and +clcp are the paper's two variants (alpha 1 and 0); the third, with both, is -D both=true. Method rows at hand: laco and its variants,
-- bert (encoder + classifier), br (TF-IDF, a linear classifier a label). Table 5's training column: no scores are kept of training documents, so the
-- test column alone is ours.
local tl = require "tagloom"
local common = require "common"

local settings = { aapd = { epochs = 60, patience = 30 }, ["rcv1-v2"] = { epochs = 10, patience = 2 } }

local function encoder() return common.encoder("bert-base-uncased") end
local function recipe(options)
	options.variant, options.encoder = common.variant(), encoder()
	return tl.recipe.laco(options)
end
local function bert() return tl.recipe.baseline { encoder = encoder(), classifier = { reduction = "sum_labels" } } end

local function variants()
	local arms = { { "full", {} }, { "plcp", { model = recipe { plcp = true } } }, { "clcp", { model = recipe { clcp = true } } } }
	if tl.arg("both", false) then arms[#arms + 1] = { "plcp and clcp", { model = recipe { plcp = true, clcp = true } } } end
	return arms
end
local function comparison()
	return tl.concat(variants(), { { "bert", { model = bert() } }, { "br", { model = { tl.label.linear {} } } } })
end
local function ablation()
	return {
		{ "full", {} },
		{ "w/o JE", { model = recipe { joint = false } } },
		{ "w/o CA", { model = recipe { cross_attention = false } } },
		{ "w/o JE & CA", { model = bert() } },
	}
end

local function experiment(metrics, arms)
	return function(name)
		local s = settings[name]
		return {
			data = common.data(name, { max_length = 320 }),
			model = recipe {},
			train = { epochs = s.epochs, patience = s.patience, batch = 32, optimizer = "adam", lr = 5e-5, select = "micro_f1" },
			metrics = metrics,
			seeds = { 1, 2, 3 },
			baseline = "full",
			arms = arms(),
		}
	end
end

local both = { "aapd", "rcv1-v2" }
return common.run("laco", {
	[2] = { datasets = both, build = experiment({ "hamming_loss", "micro_p", "micro_r", "micro_f1", "macro_p", "macro_r", "macro_f1" }, comparison) },
	[4] = { datasets = both, build = experiment({ "hamming_loss", "micro_f1", "macro_f1" }, ablation) },
	[5] = { datasets = both, build = experiment({ "conditional_kl", "conditional_kl_floored" }, variants) },
	[6] = { datasets = both, build = experiment({ "label_combinations", "subset_accuracy" }, variants) },
}, 2)
