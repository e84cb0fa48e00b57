-- growth.lua - the models whose cost growth.sh measures. -D what=linear|bow|many|length|modules, -D data=DIR, -D n=SIZE
local tl = require "tagloom"
local what, n = tl.arg("what", "bow"), tonumber(tl.arg("n", "1"))

local function bow(dim) return tl.encoder.bow { dim = dim, vocab = 20000 } end
local model, train = nil, { epochs = 1, batch = 32, lr = 1e-3, select = "last", keep = "none" }
if what == "linear" then
	model = { tl.label.linear {} }
elseif what == "bow" then
	model, train.batch = { bow(64), tl.label.classifier {} }, 256
elseif what == "many" then
	model = { bow(64), tl.label.classifier {} }
elseif what == "length" then
	model = { tl.encoder.transformer { dim = 384, layers = 6, heads = 12, ffn = 1536, vocab = 8000, max_positions = 512 }, tl.label.classifier {} }
	train.batch = 16
else
	model = { bow(64), tl.label.classifier {} }
	for i = 2, n do model[#model + 1] = tl.label.classifier { name = "extra" .. i, from = "pooled", into = "logits.extra" .. i } end
end

return tl.experiment {
	name = what .. "-" .. n, data = tl.dataset { path = tl.arg("data", ""), name = "generated" }, model = model, train = train, metrics = { "p@1" }, seeds = { 1 },
}
