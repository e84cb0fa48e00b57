-- quickstart.lua - three kinds of models on 8,000 arXiv abstracts, in about three minutes on two cores:
-- TF-IDF with linear classifiers, a convolutional network and a small transformer, both trained from scratch.
-- tagloom run scripts/quickstart.lua && tagloom table --experiment quickstart
local tl = require "tagloom"

return tl.experiment {
	name = "quickstart",
	data = tl.dataset { path = tl.arg("data", "data/arxiv"), name = "arxiv-small", max_length = 128 },
	train = { epochs = 4, batch = 32, lr = 3e-3, warmup = 0.1, select = "ndcg@5" },
	metrics = { "p@1", "p@3", "p@5", "ndcg@5", "micro_f1", "macro_f1" },
	seeds = { 1, 2, 3 },
	baseline = "linear",
	arms = {
		{ "linear", { model = { tl.label.linear { loss = "squared_hinge", c = 1 } } } },
		{ "cnn", {
			model = {
				tl.encoder.cnn { dim = 96, filters = 96, widths = { 3, 4, 5 }, vocab = 8000, dropout = 0.2 },
				tl.label.classifier { dropout = 0 },
			},
		} },
		{ "transformer", {
			model = {
				tl.encoder.transformer { dim = 96, layers = 2, heads = 4, ffn = 192, vocab = 8000, max_positions = 128, dropout = 0.1, attention_dropout = 0, pooled = "mean" },
				tl.label.classifier { dropout = 0 },
			},
			train = { epochs = 3, lr = 1.5e-3 },
		} },
	},
}
