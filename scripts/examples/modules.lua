-- modules.lua - two modules of SEP-MLDC written in Lua, beside their C twins: the same seeds give the same bits.
--
--   tagloom run scripts/examples/modules.lua        then: tagloom compare c lua
--   tagloom check scripts/examples/modules.lua      the conformance tests of a plugin, for the modules of a script
local tl = require "tagloom"
local ops = tl.ops

-- Label-guided feature selection (eq. 16-18): doc = [softmax(e_x e_y^T) e_y ; e_x].
local lgfs = tl.module {
	name = "lgfs_lua",
	summary = "label-guided feature selection",
	reads = { doc = "B d", label_hidden = "L d" },
	writes = { doc = "B 2*d" },
	forward = function(self, slots)
		local alpha = ops.softmax(ops.matmul(slots.doc, slots.label_hidden, false, true)) -- [B, L]
		slots.doc = ops.concat({ ops.matmul(alpha, slots.label_hidden), slots.doc }, 1)
	end,
}

local function common(a, b) -- of two ascending lists
	local i, j, n = 1, 1, 0
	while i <= #a and j <= #b do
		if a[i] == b[j] then
			n, i, j = n + 1, i + 1, j + 1
		elseif a[i] < b[j] then
			i = i + 1
		else
			j = j + 1
		end
	end
	return n
end

-- Contrast between the documents of a batch (eq. 10-15).
local sep_doc = tl.module {
	name = "sep_doc_lua",
	summary = "contrastive loss between the documents of a batch",
	params = { tau = { 0.1, min = 1e-6, max = 1e6, doc = "temperature" } },
	reads = { doc = "B m" },
	losses = { [""] = 0.01 },
	forward = function(self, slots)
		if not self.training then return end
		local y, n, negative, positive = self:labels(), self.n_documents, {}, {}
		for i = 1, n do
			local total = 0
			for j = 1, n do
				local at, both = (i - 1) * n + j, common(y[i], y[j])
				local same = j ~= i and #y[i] > 0 and both == #y[i] and both == #y[j]
				negative[at] = (j == i or same or both == 0) and 0.0 or both / (#y[i] + #y[j] - both)
				positive[(j - 1) * n + i] = same and 1.0 or 0.0
				total = total + negative[at]
			end
			if total <= 0 then -- nothing to contrast with
				for j = 1, n do positive[(j - 1) * n + i] = 0.0 end
			end
		end
		local e = ops.l2_normalize(slots.doc)
		local sim = ops.matmul(e, e, false, true) * (1 / self.tau) -- [B, B]
		local lse = ops.logsumexp(sim, ops.reals({ n, n }, negative))
		local each = (sim - lse) * ops.reals({ n, n }, positive) -- pair by pair: sim is symmetric, its column i is measured against the denominator of row i
		self:loss(each:sum() * (-1 / n))
	end,
}

local function model(doc_loss, selection)
	return {
		tl.encoder.transformer { dim = 64, layers = 2, heads = 4, ffn = 128, vocab = 4000, pooled = "mean" },
		tl.label.label_embedding {},
		doc_loss { weight = 0.05 },
		selection {},
		tl.label.classifier { lr = 1e-2 },
	}
end

return tl.experiment {
	name = "modules-in-lua",
	data = tl.dataset { path = "../data/arxiv", max_length = 128 },
	model = model(tl.label.sep_doc, tl.label.lgfs),
	train = { epochs = 1, batch = 16, lr = 1e-3 },
	metrics = { "p@1", "ndcg@5" },
	seeds = { 1 },
	baseline = "c",
	arms = { { "c", {} }, { "lua", { model = model(sep_doc, lgfs) } } },
}
