-- uclaf.lua - UCLAF: label attention over the tokens, category-aware contrastive learning with a queue of keys.
-- AAPD: lr 1e-5, lambda 0.7 (cacl's weight), tau 5, batch 16, length 512, dropout 0.5. EURLex: lr 5e-5, cacl = { weight = 0.5, tau = 3 }.
local tl, t = ...

return function(options)
	local o = t.recipe("uclaf", options, { encoder = true }, { "label_embedding", "lan", "cacl" })
	return o.list {
		o.encoder { weights = "models/bert-base-uncased" },
		o.label("label_embedding", {}),
		o.label("lan", { scope = "token", dropout = 0.5 }),
		o.label("cacl", { tau = 5, weight = 0.7, view = "dropout" }),
	}
end
