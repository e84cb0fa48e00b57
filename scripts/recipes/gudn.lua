-- gudn.lua - GUDN: the text branch is guided by the encoded label sequence; the rank classifier is part of guide.
-- Batch 8, length 512, epochs 20 or 40; optimizer and rate are not printed in the paper.
-- released: ten layers on both sides, one shared linear classifier, MSE between the two pooled vectors.
local tl, t = ...

return function(options)
	local o = t.recipe("gudn", options, { encoder = true, variant = true }, { "guide" })
	local guide = { variant = o.variant, dropout = 0.5 }
	if o.variant == "paper" then
		guide.layers_text, guide.layers_label, guide.label_length = 8, 10, 512
	end
	return o.list {
		o.encoder { weights = "models/bert-base-uncased" },
		o.label("guide", guide),
	}
end
