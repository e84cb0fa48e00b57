-- One-vs-rest on TF-IDF: what tests/bench/linear.sh times.
local tl = require "tagloom"
return tl.experiment {
	name = "bench-linear", data = tl.dataset { path = tl.arg("data", "data/aapd") }, model = { tl.label.linear {} },
	train = { select = "last" }, metrics = { "p@1", "p@3", "p@5", "ndcg@5", "micro_f1", "macro_f1" }, seeds = { 1 },
}
