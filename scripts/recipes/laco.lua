-- laco.lua - LACO: document and labels in one encoder sequence, cross attention between them, two optional co-occurrence tasks.
-- Adam, lr 5e-5, batch 32, length 320 (of the joint sequence). plcp = true or clcp = true alone has weight 1; both: alpha and 1 - alpha.
-- joint = false: a label embedding in its place (w/o JE); cross_attention = false: the classifier reads cls (w/o CA).
local tl, t = ...

return function(options)
	local o = t.recipe("laco", options, { encoder = true, variant = true, alpha = "number", plcp = true, clcp = true },
		{ "joint", "label_embedding", "cross_attention", "classifier", "plcp", "clcp" })
	local released = o.variant == "released"
	local both = o.given.plcp and o.given.clcp
	local alpha = o.alpha or 0.5
	local joint, attention = o.given.joint ~= false, o.given.cross_attention ~= false
	local list = {}
	local function add(module) list[#list + 1] = module end
	if o.alpha and not both then t.fail("tl.recipe.laco: alpha weighs plcp against clcp; ask for both, plcp = true, clcp = true") end
	if joint then add(o.label("joint", { label_token = "new", max_length = 320 })) end
	add(o.encoder { weights = "models/bert-base-uncased" })
	if not joint and (attention or o.given.plcp or o.given.clcp) then add(o.label("label_embedding", {})) end
	if attention then add(o.label("cross_attention", { window = 10, conv = released and "2d" or "words", normalize = released })) end
	add(o.label("classifier", { reduction = "sum_labels", from = joint and not attention and "cls" or nil }))
	if o.given.plcp then add(o.label("plcp", { ratio = 0.5, weight = both and alpha or 1 })) end
	if o.given.clcp then add(o.label("clcp", { weight = both and 1 - alpha or 1 })) end
	return o.list(list)
end
