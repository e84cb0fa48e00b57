-- sep.lua - SEP-MLDC: label texts by the shared encoder, contrasts between labels and between documents, label-guided features.
-- AdamW, lr 5e-5, dropout 0.5, both contrast weights 0.01, tau 0.1. The data steps are options of tl.dataset: descriptions in labels.txt
-- (w/o LSE: label_text = { source = "name" }) and augment = "FILE.jsonl" (w/o DATC: leave it out).
-- The paper prints raw dot products over tau = 0.1, which overflow; both contrasts normalise, as their modules do.
local tl, t = ...

return function(options)
	local o = t.recipe("sep", options, { encoder = true }, { "label_text", "sep_doc", "sep_label", "lgfs", "classifier" })
	return o.list {
		o.encoder { weights = "models/roberta-base" },
		o.label("label_text", { source = "description" }),
		o.label("sep_doc", { tau = 0.1, weight = 0.01 }),
		o.label("sep_label", { tau = 0.1, weight = 0.01 }),
		o.label("lgfs", {}),
		o.label("classifier", { hidden = 768, dropout = 0.5 }),
	}
end
