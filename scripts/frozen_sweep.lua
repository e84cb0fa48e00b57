-- frozen_sweep.lua - twenty arms over one frozen encoder: its outputs are computed once per document, and every run maps the same files.
--   scripts/get-minilm                                                       the encoder's weights, once
--   tagloom run scripts/frozen_sweep.lua -D data=DIR [-D minilm=DIR] --limit-docs 10000
--   tagloom run scripts/frozen_sweep.lua -D data=DIR -D reads=hidden ...     one arm that reads every token in place of the twenty
-- DIR holds train, valid, test (.jsonl, .gz, .xz, .zst) and labels.txt. `-D cache=bf16` halves what is kept, `-D cache=none` keeps nothing.
local tl = require "tagloom"

local function classifier(p)
	p.lr = p.lr or 2e-3
	return tl.label.classifier(p)
end

local arms = {}
local function arm(name, ...)
	local modules = { tl.encoder.transformer { weights = tl.arg("minilm", "models/minilm"), pooled = "mean", freeze = "all", cache = tl.arg("cache", "auto") }, ... }
	arms[#arms + 1] = { name, { model = modules } }
end

local function embedded(...)
	return tl.label.label_embedding { lr = 2e-3 }, ...
end

if tl.arg("reads", "pooled") == "hidden" then
	arm("lan over tokens", embedded(tl.label.lan { attention_dim = 64, lr = 1e-3 }))
else
	arm("linear", classifier {})
	for _, p in ipairs { 0, 0.3, 0.5 } do
		arm(("linear, dropout %g"):format(p), classifier { dropout = p })
	end
	arm("linear, lr 0.01", classifier { lr = 1e-2 })
	arm("linear, softmax", classifier { loss = "softmax" })
	arm("linear, summed", classifier { reduction = "sum_labels" })
	for _, hidden in ipairs { 128, 256, 512, 1024 } do
		arm(("hidden %d"):format(hidden), classifier { hidden = hidden })
	end
	arm("hidden 512, tanh", classifier { hidden = 512, activation = "tanh" })
	arm("hidden 512, gelu", classifier { hidden = 512, activation = "gelu" })
	arm("hidden 512, dropout 0.3", classifier { hidden = 512, dropout = 0.3 })
	arm("hidden 512, dropout 0.5", classifier { hidden = 512, dropout = 0.5 })
	arm("hidden 512, softmax", classifier { hidden = 512, loss = "softmax" })
	arm("label-guided features", embedded(tl.label.lgfs { lr = 2e-3 }, classifier {}))
	arm("label-guided features, hidden 512", embedded(tl.label.lgfs { lr = 2e-3 }, classifier { hidden = 512 }))
	arm("label attention", embedded(tl.label.lan { scope = "batch", attention_dim = 64, lr = 2e-3 }))
	arm("label attention, wide", embedded(tl.label.lan { scope = "batch", attention_dim = 256, lr = 2e-3 }))
end

return tl.experiment {
	name = tl.arg("reads", "pooled") == "hidden" and "frozen-hidden" or "frozen-sweep",
	data = tl.dataset { path = tl.arg("data", "data/aapd"), name = "aapd", max_length = 512 },
	train = { epochs = 5, batch = 64, select = "ndcg@5", keep = "none" },
	metrics = { "p@1", "p@3", "p@5", "ndcg@5", "micro_f1", "macro_f1" },
	seeds = { 1, 2, 3 },
	baseline = arms[1][1],
	arms = arms,
}
