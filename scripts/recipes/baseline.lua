-- baseline.lua - encoder and linear classifier: what every method is held against.
local tl, t = ...

return function(options)
	local o = t.recipe("baseline", options, { encoder = true }, { "classifier" })
	return o.list {
		o.encoder { weights = "models/bert-base-uncased" },
		o.label("classifier", {}),
	}
end
