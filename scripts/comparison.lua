-- comparison.lua - linear, the baseline and the five methods under the same conditions: 2,000 AAPD abstracts of 96 tokens, MiniLM, mean of the tokens, three epochs.
--   tagloom run scripts/comparison.lua -D data=DIR -D minilm=DIR --limit-docs 2000 [--jobs 2]
-- The encoder learns at 2e-4 and a linear classifier on one vector of the encoder's width at 1e-2 in every arm. What else a method adds learns at 2e-3: fixed beforehand, tuned for
-- no method (-D rate=R sets another). The papers' other settings stay, but for sizes that MiniLM (6 layers) or 96 tokens do not allow.
local tl = require "tagloom"
local recipe, minilm = tl.recipe, tl.arg("minilm", "models/minilm")

local function encoder() return tl.encoder.transformer { weights = minilm, pooled = "mean" } end
local rate = tonumber(tl.arg("rate", "2e-3"))
local output = { lr = 1e-2 }

local function labelcorank()
	return recipe.labelcorank { encoder = encoder(), initial = output, corank = { lr = rate }, classifier = { lr = rate } }
end
local function gudn()
	return recipe.gudn { encoder = encoder(), guide = { layers_text = 4, layers_label = 5, label_length = 96, lr = rate } }
end
local function gudn_released() -- without the softmax over features that is printed
	return recipe.gudn { encoder = encoder(), variant = "released", guide = { label_length = 96, lr = rate } }
end
local function laco()
	return recipe.laco { encoder = encoder(), classifier = output, cross_attention = { lr = rate } }
end
local function sep() -- AAPD's labels have names, no descriptions
	return recipe.sep { encoder = encoder(), label_text = { source = "name", lr = rate }, lgfs = { lr = rate }, classifier = { lr = rate } }
end
local function uclaf()
	return recipe.uclaf { encoder = encoder(), label_embedding = { lr = rate }, lan = { lr = rate }, cacl = { lr = rate } }
end

return tl.experiment {
	name = "comparison",
	data = tl.dataset { path = tl.arg("data", "data/aapd"), name = "aapd", max_length = 96 },
	model = recipe.baseline { encoder = encoder(), classifier = output },
	train = { epochs = 3, batch = 16, lr = 2e-4, select = "last", eval_every = 3 },
	metrics = { "p@1", "p@3", "p@5", "ndcg@3", "ndcg@5", "micro_f1", "macro_f1", "psp@1" },
	seeds = { 1, 2, 3 },
	baseline = "baseline",
	arms = {
		{ "baseline", {} },
		{ "linear", { model = { tl.label.linear {} } } },
		{ "labelcorank", { model = labelcorank() } },
		{ "gudn", { model = gudn() } },
		{ "gudn-released", { model = gudn_released() } },
		{ "laco", { model = laco() } },
		{ "sep", { model = sep() } },
		{ "uclaf", { model = uclaf() } },
	},
}
