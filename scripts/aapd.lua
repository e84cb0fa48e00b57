-- aapd.lua - the AAPD benchmark (55,840 abstracts, 54 labels): linear, cnn from scratch, and MiniLM fine-tuned.
--   scripts/get-minilm                                            the encoder's weights, once
--   tagloom run scripts/aapd.lua -D data=DIR [-D minilm=DIR]      everything
--   tagloom run scripts/aapd.lua -D data=DIR --limit-docs 2000    the first 2,000 training documents
-- DIR holds train, valid, test (.jsonl, .gz, .xz, .zst) and labels.txt. All arms read the first 96 tokens (linear: all words). MiniLM: mean of the tokens, three epochs, the last one tested.
local tl = require "tagloom"

return tl.experiment {
	name = "aapd",
	data = tl.dataset { path = tl.arg("data", "data/aapd"), name = "aapd", max_length = 96 },
	metrics = { "p@1", "p@3", "p@5", "ndcg@3", "ndcg@5", "micro_f1", "macro_f1" },
	seeds = { 1, 2, 3 },
	baseline = "linear",
	arms = {
		{ "linear", { model = { tl.label.linear {} } } },
		{ "cnn", {
			model = {
				tl.encoder.cnn { dim = 128, filters = 128, widths = { 3, 4, 5 }, vocab = 20000, dropout = 0.3 },
				tl.label.classifier { dropout = 0 },
			},
			train = { epochs = 8, batch = 32, lr = 1e-3, select = "ndcg@5" },
		} },
		{ "minilm", {
			model = {
				tl.encoder.transformer { weights = tl.arg("minilm", "models/minilm"), pooled = "mean" },
				tl.label.classifier { lr = 1e-2 },
			},
			train = { epochs = 3, batch = 16, lr = 2e-4, select = "last" },
		} },
	},
}
