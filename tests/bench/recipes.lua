-- recipes.lua - the models whose step recipes.sh measures beside the baseline: encoder and classifier. The first arm is the baseline; an arm's label set is that of its data.
-- -D data=DIR, -D many=DIR (the same documents with 3,956 labels), -D minilm=DIR
local tl = require "tagloom"
local weights = tl.arg("minilm", "")
local ops = tl.ops

local function encoder()
	return weights ~= "" and tl.encoder.transformer { weights = weights } or tl.encoder.transformer { dim = 384, layers = 6, heads = 12, ffn = 1536, vocab = 30522, max_positions = 512, pooled = "mean" }
end
local function on(path) return tl.dataset { path = path, name = "bench", max_length = 512 } end
local data, many = tl.arg("data", ""), tl.arg("many", "")

-- lgfs of plugins/labels written in Lua, to be held against it
local lgfs_lua = tl.module {
	name = "lgfs_lua", summary = "label-guided feature selection", reads = { doc = "B d", label_hidden = "L d" }, writes = { doc = "B 2*d" },
	forward = function(self, slots)
		local alpha = ops.softmax(ops.matmul(slots.doc, slots.label_hidden, false, true))
		slots.doc = ops.concat({ ops.matmul(alpha, slots.label_hidden), slots.doc }, 1)
	end,
}
local function lan(o) return { encoder(), tl.label.label_embedding {}, tl.label.lan(o or {}) } end
local function cacl() return { encoder(), tl.label.classifier {}, tl.label.cacl { tau = 5, weight = 0.7 } } end
local function guided(module) return { encoder(), tl.label.label_embedding {}, module {}, tl.label.classifier {} } end

local arms = {
	{ "baseline", {} },
	{ "labelcorank", { model = tl.recipe.labelcorank { encoder = encoder() } } },
	{ "gudn", { model = tl.recipe.gudn { encoder = encoder() } } },
	{ "laco", { model = tl.recipe.laco { encoder = encoder(), plcp = true, clcp = true } } },
	{ "sep", { model = tl.recipe.sep { encoder = encoder() } } },
	{ "uclaf", { model = tl.recipe.uclaf { encoder = encoder() } } },
	{ "lan", { model = lan() } },
	{ "cacl, queue 2048", { model = cacl() } },
	{ "lgfs", { model = guided(tl.label.lgfs) } },
	{ "lgfs in Lua", { model = guided(lgfs_lua) } },
	{ "baseline, 3956 labels", { data = { path = many } } },
	{ "lan, 3956 labels", { data = { path = many }, model = lan() } },
	{ "cacl, 3956 labels", { data = { path = many }, model = cacl() } },
	{ "labelcorank, 3956 labels", { data = { path = many }, model = tl.recipe.labelcorank { encoder = encoder() } } },
	{ "gudn, 3956 labels", { data = { path = many }, model = tl.recipe.gudn { encoder = encoder() } } },
	{ "sep, 3956 labels", { data = { path = many }, model = tl.recipe.sep { encoder = encoder() } } },
}

return tl.experiment {
	name = "recipes", data = on(data), model = tl.recipe.baseline { encoder = encoder() }, train = { batch = 16, select = "last", clip = 1 }, metrics = { "p@1" }, seeds = { 1 },
	baseline = "baseline", arms = arms,
}
