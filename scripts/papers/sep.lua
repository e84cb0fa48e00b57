-- sep.lua - the tables of SEP-MLDC: 2 AAPD, 3 RCV1, 4 EUR-Lex, 5 ablation, 6 propensity-scored precision.
--   tagloom run scripts/papers/sep.lua -D table=5 -D dataset=aapd -D data=DIR -D encoder=DIR [-D augment=FILE.jsonl]
-- Printed: roberta-base for documents and labels, AdamW, lr 5e-5, dropout 0.5, both contrast weights 0.01, tau 0.1, ten runs. Not printed, ours:
-- batch 16, 20 epochs, length 512, a hidden layer of 768. The paper's data steps were made with GPT-4 and are not here:
-- LSE reads descriptions from labels.txt (a missing one is the name, and "w/o LSE" then changes nothing); DATC reads pseudo-documents from
-- -D augment=FILE.jsonl, and without that file every arm is one without DATC and the arm "w/o DATC" is left out.
local tl = require "tagloom"
local common = require "common"

local ranked = { "p@1", "p@3", "p@5", "ndcg@3", "ndcg@5" }
local augment = tl.arg("augment", "")
local augmented = augment ~= "" and { augment = augment } or nil

local function encoder() return common.encoder("roberta-base") end

local function experiment(name)
	return {
		data = common.data(name, { max_length = 512 }),
		model = tl.recipe.sep { encoder = encoder() },
		train = { epochs = 20, batch = 16, optimizer = "adamw", lr = 5e-5 },
		metrics = ranked,
		seeds = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 },
		baseline = "full",
	}
end

local function comparison(metrics)
	return function(name)
		local e = experiment(name)
		e.metrics = metrics
		e.arms = { { "full", { data = augmented } }, { "roberta", { model = tl.recipe.baseline { encoder = encoder(), classifier = { dropout = 0.5 } } } } }
		return e
	end
end

local function ablation(name)
	local e = experiment(name)
	e.arms = {
		{ "full", { data = augmented } },
		{ "w/o LSE", { data = augmented, label_text = { source = "name" } } },
		{ "w/o SMCL", { data = augmented, sep_label = false, sep_doc = false } },
		{ "w/o LGFS", { data = augmented, lgfs = false } },
	}
	if augmented then table.insert(e.arms, 3, { "w/o DATC", {} }) end
	return e
end

return common.run("sep-mldc", {
	[2] = { datasets = { "aapd" }, build = comparison(ranked) },
	[3] = { datasets = { "rcv1" }, build = comparison(ranked) },
	[4] = { datasets = { "eurlex-4k" }, build = comparison(ranked) },
	[5] = { datasets = { "aapd", "eurlex-4k" }, build = ablation },
	[6] = { datasets = { "eurlex-4k" }, build = comparison { "psp@1", "psp@3", "psp@5" } },
}, 5)
