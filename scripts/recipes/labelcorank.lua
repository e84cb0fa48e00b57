-- labelcorank.lua - LabelCoRank: a first ranking, co-occurring labels, attention from them to the document, a second ranking.
-- AAPD: alpha 0.3, beta 0.25 (share of the first loss), gamma 20; AdamW, lr 1e-5, batch 16, length 512.
-- released: the gamma best labels of the first ranking, beta 0.2 (and lr 5e-6 in `train`).
local tl, t = ...

return function(options)
	local o = t.recipe("labelcorank", options, { encoder = true, variant = true, beta = "number" }, { "initial", "corank", "classifier" })
	local released = o.variant == "released"
	local beta = o.beta or (released and 0.2 or 0.25)
	return o.list {
		o.encoder { weights = "models/roberta-base" },
		o.label("classifier", { name = "initial", from = "pooled", into = "logits.initial", weight = beta }),
		o.label("corank", { alpha = 0.3, gamma = 20, select = released and "topk" or "threshold" }),
		o.label("classifier", { weight = 1 - beta }),
	}
end
