"""The encoders and label modules in PyTorch, float64, dropout off: written from their definitions, in plain loops, sharing nothing with the project's code.

A Step holds what one step of a model sees. Modules are functions module(step, name, params) that read and write step.slots and add losses; the tensors they ask for
(weights, given slots, returns of encoder calls) are drawn where nobody gave them, so that the same text generates a vector and computes it.
"""
import math

import torch
import torch.nn.functional as F

D = torch.float64
ACT = {"relu": torch.relu, "gelu": F.gelu, "tanh": torch.tanh, "none": lambda x: x}


class Step:
    def __init__(self, seed, labels, L, d, lengths=None, train=None, given=None, scale=1.0):
        self.g = torch.Generator().manual_seed(seed)
        self.labels, self.L, self.d, self.B, self.train, self.scale = labels, L, d, len(labels), train, scale
        self.offsets = [0]
        for n in lengths or []:
            self.offsets.append(self.offsets[-1] + n)
        self.slots, self.losses, self.weights, self.draws = {}, {}, {}, {}
        self.tensors = dict(given or {})  # every given tensor under the name that it has in a vector
        self.leaves = {}  # those of them that have a gradient
        self.produced = {}  # what else is expected: state_after

    # -- where tensors come from
    def randn(self, *shape):
        return torch.randn(*shape, generator=self.g, dtype=D)

    def leaf(self, key, shape, spread):
        if key not in self.tensors:
            self.tensors[key] = self.randn(*shape) * spread
        if key not in self.leaves:
            assert list(self.tensors[key].shape) == list(shape), (key, self.tensors[key].shape, shape)
            self.leaves[key] = self.tensors[key].detach().to(D).clone().requires_grad_()
        return self.leaves[key]

    def weight(self, module, name, *shape):
        spread = 0.3 if len(shape) == 1 else self.scale * (1.0 if "embedding" in name or "token" in name else 1.5 / math.sqrt(math.prod(shape[1:])))
        return self.leaf(f"weight.{module}.{name}", shape, spread)

    def linear(self, module, name, x, n_out, bias=True):
        w = self.weight(module, name + ".weight" if name else "weight", n_out, x.shape[-1])
        y = x @ w.T
        return y + self.weight(module, name + ".bias" if name else "bias", n_out) if bias else y

    def slot(self, name):
        """A slot's value: written before, or given, or (doc) what pooled is."""
        if name in self.slots:
            return self.slots[name]
        if name == "doc" and "in.doc" not in self.tensors:
            return self.slot("pooled")
        T, K = self.offsets[-1], getattr(self, "K", 3)
        shape = {"hidden": (T, self.d), "layers": (K, T, self.d), "pooled": (self.B, self.d), "cls": (self.B, self.d), "logits.initial": (self.B, self.L), "label_hidden": (self.L, self.d)}.get(name)
        if f"in.{name}" in self.tensors:
            shape = self.tensors[f"in.{name}"].shape
        self.slots[name] = self.leaf(f"in.{name}", shape, self.scale)
        return self.slots[name]

    def call(self, name, *shape):
        return self.leaf(f"in.call.{name}", shape, self.scale)

    def rows(self, i):
        return range(self.offsets[i], self.offsets[i + 1])

    def doc_label_hidden(self, i):
        h = self.slot("label_hidden")
        return h[i] if h.dim() == 3 else h

    def targets(self):
        y = torch.zeros(self.B, self.L, dtype=D)
        for i, ls in enumerate(self.labels):
            y[i, ls] = 1
        return y

    def loss(self, name, value, weight):
        self.losses[name], self.weights[name] = value, weight

    def total(self):
        return sum((self.weights[k] * v for k, v in self.losses.items()), torch.zeros((), dtype=D))


def bce(x, y, reduction):
    each = torch.clamp(x, min=0) - x * y + torch.log1p(torch.exp(-x.abs()))
    return {"mean": each.mean(), "sum_labels": each.sum() / x.shape[0], "sum": each.sum()}[reduction]


def unit(x):
    """x / |x| over the last axis; a vector shorter than 1e-12 gives zero, without a gradient."""
    flat = [v / v.norm() if v.detach().norm() >= 1e-12 else torch.zeros_like(v) for v in x.reshape(-1, x.shape[-1])]
    return torch.stack(flat).reshape(x.shape)


def jaccard(a, b):
    return len(a & b) / len(a | b) if a | b else 0.0


# ---------------------------------------------------------------- encoders

def layer_norm(s, m, name, x, eps):
    mean, var = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
    gain = s.leaf(f"weight.{m}.{name}.weight", (x.shape[-1],), 1.0)
    return (x - mean) / torch.sqrt(var + eps) * gain + s.weight(m, name + ".bias", x.shape[-1])


def transformer(s, m, p):
    c = p.get("config")
    if c is None:  # the same by the module's own parameters
        c = {"model_type": p.get("layout", "bert"), "hidden_size": p.get("dim", 384), "num_hidden_layers": p.get("layers", 6), "num_attention_heads": p.get("heads", 12), "intermediate_size": p.get("ffn", 1536),
             "vocab_size": p.get("vocab", 30000), "max_position_embeddings": p.get("max_positions", 512), "hidden_act": p.get("activation", "gelu"), "type_vocab_size": p.get("types", 2),
             "pad_token_id": p.get("pad", 0), "layer_norm_eps": p.get("eps", 1e-12)}
        c.update(dim=c["hidden_size"], n_layers=c["num_hidden_layers"], n_heads=c["num_attention_heads"], hidden_dim=c["intermediate_size"], activation=c["hidden_act"])
    distil = c["model_type"] == "distilbert"
    d, K, H = (c["dim"], c["n_layers"], c["n_heads"]) if distil else (c["hidden_size"], c["num_hidden_layers"], c["num_attention_heads"])
    ffn, act = (c["hidden_dim"], c["activation"]) if distil else (c["intermediate_size"], c["hidden_act"])
    eps, types = (1e-12, 0) if distil and p.get("config") else (c["layer_norm_eps"], 0 if distil else c["type_vocab_size"])
    names = ({"q": "attention.q_lin", "k": "attention.k_lin", "v": "attention.v_lin", "o": "attention.out_lin", "n1": "sa_layer_norm", "f1": "ffn.lin1", "f2": "ffn.lin2", "n2": "output_layer_norm"} if distil else
             {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value", "o": "attention.output.dense", "n1": "attention.output.LayerNorm",
              "f1": "intermediate.dense", "f2": "output.dense", "n2": "output.LayerNorm"})
    word = s.weight(m, "embeddings.word_embeddings.weight", c["vocab_size"], d)
    where = s.weight(m, "embeddings.position_embeddings.weight", c["max_position_embeddings"], d)
    ids, seg, pos = s.tensors["in.input.ids"], s.tensors["in.input.segments"], s.tensors["in.input.positions"]
    joint = getattr(s, "joint", None)
    docs, bounds = [], []
    for i in range(s.B):
        e, sg, ps = word[ids[s.offsets[i]:s.offsets[i + 1]]], seg[s.offsets[i]:s.offsets[i + 1]], pos[s.offsets[i]:s.offsets[i + 1]]
        if joint:
            last, mine = e[-1:], joint["vectors"](word)
            words = e[1:-1][:joint["max_length"] - s.L - 3]
            e = torch.cat([e[:1], words, last, mine, last])
            bounds.append(len(words) + 2)
            sg = torch.tensor([0] * bounds[-1] + [1] * (s.L + 1))
            ps = torch.arange(len(e))
        e = e + where[ps + (c["pad_token_id"] + 1 if c["model_type"] == "roberta" else 0)]
        if types:
            table = s.weight(m, "embeddings.token_type_embeddings.weight", types, d)
            e = e + table[sg if types > 1 else torch.zeros_like(sg)]
        docs.append(e)
    docs = [layer_norm(s, m, "embeddings.LayerNorm", e, eps) for e in docs]
    layers, dh = [], d // H
    for k in range(K):
        n = {a: ("transformer" if distil else "encoder") + f".layer.{k}.{b}" for a, b in names.items()}
        out = []
        for x in docs:
            q, ky, v = (s.linear(m, n[a], x, d) for a in "qkv")
            heads = [torch.softmax(q[:, h * dh:(h + 1) * dh] @ ky[:, h * dh:(h + 1) * dh].T / math.sqrt(dh), -1) @ v[:, h * dh:(h + 1) * dh] for h in range(H)]
            x = layer_norm(s, m, n["n1"], x + s.linear(m, n["o"], torch.cat(heads, 1), d), eps)
            out.append(layer_norm(s, m, n["n2"], x + s.linear(m, n["f2"], ACT[act](s.linear(m, n["f1"], x, ffn)), d), eps))
        docs = out
        layers.append(docs)
    cls = torch.stack([x[0] for x in docs])
    kind = p.get("pooled", "pooler")
    if kind in ("auto", "pooler"):
        s.slots["pooled"] = torch.tanh(s.linear(m, "pooler.dense", cls, d))
    else:
        s.slots["pooled"] = cls if kind == "cls" else torch.stack([x.mean(0) for x in docs])
    if joint:
        s.slots["label_hidden"] = torch.stack([x[b:b + s.L] for x, b in zip(docs, bounds)])
        layers = [[x[:b] for x, b in zip(xs, bounds)] for xs in layers]
        s.offsets = [sum(bounds[:i]) for i in range(s.B + 1)]
    s.slots["cls"], s.slots["hidden"], s.slots["layers"] = cls, torch.cat(layers[-1]), torch.stack([torch.cat(x) for x in layers])
    s.d, s.K = d, K


def joint(s, m, p):
    if p.get("label_token", "new") == "new":
        def vectors(word):
            return s.weight(m, "label_token.weight", s.L, word.shape[1])
    else:
        pieces, at = s.tensors["in.label_tokens.ids"], s.tensors["in.label_tokens.offsets"].tolist()

        def vectors(word):
            return torch.stack([word[pieces[a:b]].mean(0) if b > a else torch.zeros(word.shape[1], dtype=D) for a, b in zip(at, at[1:])])
    s.joint = {"vectors": vectors, "max_length": p.get("max_length", 320)}


def bow(s, m, p):
    s.slots["hidden"] = s.weight(m, "embedding.weight", p.get("vocab", 30000), p.get("dim", 300))[s.tensors["in.input.ids"]]
    s.slots["pooled"] = torch.stack([s.slots["hidden"][list(s.rows(i))].mean(0) for i in range(s.B)])
    s.d = p.get("dim", 300)


def cnn(s, m, p):
    s.slots["hidden"] = s.weight(m, "embedding.weight", p.get("vocab", 30000), p.get("dim", 300))[s.tensors["in.input.ids"]]
    parts = []
    for w in p.get("widths", [3, 4, 5]):
        kernel, bias = s.weight(m, f"conv.{w}.weight", p.get("filters", 100), p.get("dim", 300), w), s.weight(m, f"conv.{w}.bias", p.get("filters", 100))
        docs = []
        for i in range(s.B):
            x = F.pad(s.slots["hidden"][list(s.rows(i))], (0, 0, w - 1, w - 1))
            docs.append(torch.stack([torch.relu((kernel * x[t:t + w].T).sum((1, 2)) + bias) for t in range(len(x) - w + 1)]).max(0)[0])
        parts.append(torch.stack(docs))
    s.slots["pooled"] = torch.cat(parts, 1)
    s.d = p.get("dim", 300)


# ---------------------------------------------------------------- shared modules

def classifier(s, m, p):
    x = s.slot(p.get("from", "doc"))
    if p.get("hidden", 0):
        x = s.linear(m, "1", ACT[p.get("activation", "relu")](s.linear(m, "0", x, p["hidden"])), s.L)
    else:
        x = s.linear(m, "", x, s.L)
    s.slots[p.get("into", "logits")] = x
    if p.get("loss", "bce") == "bce":
        value = bce(x, s.targets(), p.get("reduction", "mean"))
    else:
        value = -(torch.log_softmax(x, 1) * s.targets()).sum() / s.B
    s.loss(m, value, p.get("weight", 1))


def label_text(s, m, p):
    at = s.tensors["in.call.label_text.offsets"].tolist()
    h = s.call("label_text", at[-1], s.d)
    s.slots["label_hidden"] = torch.stack([h[a] if p.get("pool", "cls") == "cls" else h[a:b].mean(0) for a, b in zip(at, at[1:])])


def label_embedding(s, m, p):
    s.slots["label_hidden"] = s.weight(m, "weight", s.L, p.get("dim", 0) or s.d)


# ---------------------------------------------------------------- LabelCoRank

def corank_selection(s, p, logits):
    L, gamma = s.L, p.get("gamma", 20)
    freq = [sum(l in y for y in s.train or []) for l in range(L)]
    best = sorted(range(L), key=lambda l: (-logits[l], l))
    if not p.get("cooccurrence", True) or p.get("select", "threshold") == "topk":
        chosen = best[:gamma]
    else:
        chosen = [l for l in best if (1 / (1 + math.exp(-logits[l])) if logits[l] > -700 else 0.0) > p.get("alpha", 0.3)][:gamma] or best[:1]
        m_hat = [0.0] * L
        for i in chosen:
            for j in range(L):
                n = sum(i in y and j in y for y in s.train or []) if i != j else 0
                m_hat[j] += (n / freq[i] if freq[i] else 0.0) if p.get("matrix", "conditional") == "conditional" else n
        rest = [j for j in range(L) if j not in chosen]
        rest = sorted((j for j in rest if m_hat[j] > 0), key=lambda j: (-m_hat[j], j)) + sorted((j for j in rest if m_hat[j] == 0), key=lambda j: (-freq[j], j))
        chosen = chosen + rest[:gamma - len(chosen)]
    return sorted(chosen, key=lambda l: (-freq[l], l)) if p.get("ranking", True) else chosen


def corank(s, m, p):
    H, gamma, d = p.get("heads", 12), p.get("gamma", 20), s.d
    logits, hidden = s.slot("logits.initial"), s.slot("hidden")
    table, dh = s.weight(m, "label_embedding.weight", s.L, d), d // H
    chosen, docs = [], []
    for i in range(s.B):
        chosen.append(corank_selection(s, p, logits[i].tolist()))
        f = table[chosen[-1]]
        if p.get("position", True):
            f = f + s.weight(m, "position_embedding.weight", gamma, d)
        if p.get("ffn", True):
            f = s.linear(m, "ffn.1", torch.relu(s.linear(m, "ffn.0", f, p.get("ffn_hidden", 512))), d)
        x = hidden[list(s.rows(i))]
        q, k, v = s.linear(m, "query", f, d), s.linear(m, "key", x, d), s.linear(m, "value", x, d)
        docs.append(torch.cat([torch.softmax(q[:, h * dh:(h + 1) * dh] @ k[:, h * dh:(h + 1) * dh].T / math.sqrt(dh), 1) @ v[:, h * dh:(h + 1) * dh] for h in range(H)], 1).reshape(-1))
    s.slots["doc"] = torch.stack(docs)
    s.slots[f"{m}.labels"] = torch.tensor(chosen)


# ---------------------------------------------------------------- GUDN

def firsts(layers, offsets, n):
    """First-token vectors of the last n layers, the last layer first."""
    return torch.cat([layers[k][offsets[:-1]] for k in range(len(layers) - 1, max(len(layers) - n, 0) - 1, -1)], 1)


def guide(s, m, p):
    released, R = p.get("variant", "paper") == "released", p.get("reduction", "mean")
    feature, link, layers, y = p.get("feature", True), p.get("link", True), s.slot("layers"), s.targets()
    weight = lambda part: p.get({"class": "weight"}.get(part, "weight_" + part), 1)

    def label_call():
        at = s.tensors["in.call.label_sequence.offsets"].tolist()
        return s.call("label_sequence", len(layers), at[-1], s.d), at
    if released:
        s.slots["logits"] = s.linear(m, "classifier", firsts(layers, s.offsets, 10), s.L)
        if feature or link:
            seq, at = label_call()
        if feature:
            s.loss(m + ".feature", ((s.slot("pooled") - s.call("label_sequence.pooled", s.B, s.d)) ** 2).mean(), weight("feature"))
        if link:
            s.loss(m + ".link", bce(s.linear(m, "classifier", firsts(seq, at, 10), s.L), y, R), weight("link"))
        s.loss(m + ".class", bce(s.slots["logits"], y, R), weight("class"))
        return
    n = p.get("feature_dim", 768)
    e_t = s.linear(m, "text", torch.relu(firsts(layers, s.offsets, p.get("layers_text", 8))), n)
    if feature or link:
        if p.get("label_source", "text") == "multihot":
            f_l = s.linear(m, "multihot", y, n)
        else:
            f_l = firsts(*label_call(), p.get("layers_label", 10))
        g_l = s.linear(m, "fc", s.linear(m, "label", torch.relu(f_l), n), n)
    if feature:
        g_t = s.linear(m, "fc", s.linear(m, "shape", e_t, n), n)
        s.loss(m + ".feature", ((g_t - g_l) ** 2).sum() / (2 * s.B), weight("feature"))
    if link:
        s.loss(m + ".link", bce(s.linear(m, "link", g_l, s.L), y, R), weight("link"))
    r = s.linear(m, "rank.0", e_t, n)
    theta = p.get("rank_activation", "softmax")
    s.slots["logits"] = s.linear(m, "rank.1", torch.softmax(r, 1) if theta == "softmax" else ACT[theta](r), s.L, bias=False)
    s.loss(m + ".class", bce(s.slots["logits"], y, R), weight("class"))


# ---------------------------------------------------------------- LACO

def cross_attention(s, m, p):
    w, L, norm = p.get("window", 10), s.L, unit if p.get("normalize", True) else lambda x: x
    before, hidden, docs = (w - 1) // 2, s.slot("hidden"), []
    after = w - 1 - before
    image = p.get("conv", "words") == "2d"
    kernel, bias = s.weight(m, "conv.weight", *((L, 1, w, w) if image else (L, L, w))), s.weight(m, "conv.bias", L)
    for i in range(s.B):
        h = norm(hidden[list(s.rows(i))])
        M = h @ norm(s.doc_label_hidden(i)).T
        if image:
            M = F.pad(M, (before, after, before, after))
            z = torch.stack([torch.stack([(kernel[:, 0] * M[t:t + w, l:l + w]).sum((1, 2)) + bias for l in range(L)]) for t in range(len(h))])
            z = z.reshape(len(h), -1)
        else:
            M = F.pad(M, (0, 0, before, after))
            z = torch.stack([(kernel * M[t:t + w].T).sum((1, 2)) + bias for t in range(len(h))])
        a = torch.tanh(torch.relu(z).max(1)[0])
        docs.append((a[:, None] * h).sum(0))
    s.slots["doc"] = torch.stack(docs)


def pair_logit(s, m, a, b):
    return (s.weight(m, "weight", 1, 2 * len(a)) @ torch.cat([a, b]) + s.weight(m, "bias", 1))[0]


def plcp(s, m, p):
    pair_logit(s, m, s.doc_label_hidden(0)[0], s.doc_label_hidden(0)[0])  # the weights exist, also without a pair
    each = []
    for i, a, b, y in s.draws[m]:
        x = pair_logit(s, m, s.doc_label_hidden(i)[a], s.doc_label_hidden(i)[b])
        each.append(F.softplus(x) - x * y)
    s.loss(m, sum(each) / len(each) if each else torch.zeros((), dtype=D), p.get("weight", 1))


def clcp(s, m, p):
    pair_logit(s, m, s.doc_label_hidden(0)[0], s.doc_label_hidden(0)[0])
    value = torch.zeros((), dtype=D)
    for i, given in enumerate(s.draws[m]):
        if given:
            h = s.doc_label_hidden(i)
            g = sum(h[j] for j in given) / len(given)
            for j in range(s.L):
                if j not in given:
                    x = pair_logit(s, m, h[j], g)
                    value = value + F.softplus(x) - x * float(j in s.labels[i])
    s.loss(m, value / s.B, p.get("weight", 1))


# ---------------------------------------------------------------- SEP-MLDC

def contrast(e, tau, anchors, W):
    """Sum over (i, j, negatives) of -log( exp(e_i e_j / tau) / sum_k exp(e_i e_k / tau) W_ik ), W of the pair (i, j) being 1; an empty denominator adds 0."""
    value = (e * 0).sum()
    for i, j, others in anchors:
        terms = [e[i] @ e[k] / tau + math.log(W[i][k]) for k in others if W[i][k] > 0]
        if terms:
            value = value - e[i] @ e[j] / tau + torch.logsumexp(torch.stack(terms), 0)
    return value


def sep_label(s, m, p):
    e = s.slot("label_hidden")
    e = unit(e) if p.get("normalize", True) else e
    docs = [{i for i, y in enumerate(s.labels) if l in y} for l in range(s.L)]
    W = [[jaccard(a, b) or p.get("disjoint_weight", 0) for b in docs] for a in docs]
    anchors = [(i, i, [k for k in range(s.L) if k != i]) for i in range(s.L) if docs[i]]
    s.loss(m, contrast(e, p.get("tau", 0.1), anchors, W) / s.L, p.get("weight", 0.01))


def sep_doc(s, m, p):
    e = s.slot("doc")
    e = unit(e) if p.get("normalize", True) else e
    sets = [set(y) for y in s.labels]
    W = [[jaccard(a, b) or p.get("disjoint_weight", 0) for b in sets] for a in sets]
    same = lambda i, j: sets[i] == sets[j] and sets[i]
    anchors = [(i, j, [k for k in range(s.B) if k != i and not same(i, k)]) for i in range(s.B) for j in range(s.B) if j != i and same(i, j)]
    s.loss(m, contrast(e, p.get("tau", 0.1), anchors, W) / s.B, p.get("weight", 0.01))


def lgfs(s, m, p):
    x, y = s.slot("doc"), s.slot("label_hidden")
    s.slots["doc"] = torch.cat([torch.softmax(x @ y.T, 1) @ y, x], 1)


# ---------------------------------------------------------------- UCLAF

def lan(s, m, p):
    A, n, token = p.get("attention_dim", 256), p.get("hidden", 0) or s.d, p.get("scope", "token") == "token"
    wl, wf, v = s.weight(m, "attention.label.weight", A, s.d), s.weight(m, "attention.text.weight", A, s.d), s.weight(m, "attention.v", A)
    rows = []

    def attend(l, text):  # [L, d]: a softmax over the rows of text for each label
        score = torch.stack([torch.stack([v @ torch.tanh(wl @ lk + wf @ f) for f in text]) for lk in l])
        return torch.softmax(score, 1) @ text

    def fc(l, c, n_out):
        return s.linear(m, "fc.1", torch.relu(s.linear(m, "fc.0", torch.cat([l, c], 1), n)), n_out)
    if token:
        for i in range(s.B):
            l = s.doc_label_hidden(i)
            rows.append(fc(l, attend(l, s.slot("hidden")[list(s.rows(i))]), 1)[:, 0])
        s.slots["logits"] = torch.stack(rows)
    else:
        f, l = s.slot("pooled"), s.slot("label_hidden")
        s.slots["logits"] = f @ fc(l, attend(l, f), s.d).T
    s.loss(m, bce(s.slots["logits"], s.targets(), p.get("reduction", "mean")), p.get("weight", 1))


def cacl(s, m, p):
    n, mode, tau = p.get("dim", 256), p.get("positives", "each"), p["tau"]
    z = unit(s.linear(m, "proj.1", torch.relu(s.linear(m, "proj.0", s.slot("pooled"), s.d)), n))
    for name, shape in (("0.weight", (s.d, s.d)), ("0.bias", (s.d,)), ("1.weight", (n, s.d)), ("1.bias", (n,))):
        s.tensors.setdefault(f"weight.{m}.key.proj.{name}", s.randn(*shape) / math.sqrt(shape[-1]))
    s.tensors.setdefault("in.call.key_view", s.randn(s.B, s.d))
    k = [s.tensors[f"weight.{m}.key.proj.{name}"].to(D) for name in ("0.weight", "0.bias", "1.weight", "1.bias")]
    keys = unit(torch.relu(s.tensors["in.call.key_view"].to(D) @ k[0].T + k[1]) @ k[2].T + k[3])
    old = s.tensors.get(f"state.{m}.queue", torch.zeros(0, n)).to(D)
    sets = [set(y) for y in s.labels] + [set(y) for y in s.draws[m]["queue_labels"]]
    everything, value = torch.cat([keys, old]), torch.zeros((), dtype=D)
    for i in range(s.B):
        logp = torch.log_softmax(everything @ z[i] / tau, 0)
        mine = sets[i]
        wanted = {"each": [lambda t, j=j: j in t for j in sorted(mine)], "any": [lambda t: t & mine], "all": [lambda t: t == mine]}[mode] if mine else []
        for share in wanted:
            P = [q for q, t in enumerate(sets) if share(t)]
            if P:
                value = value - logp[P].sum() / len(P)
    s.loss(m, value / s.B, p.get("weight", 1))
    rows = torch.cat([old, keys])
    s.produced[f"state_after.{m}.queue"] = rows[max(0, len(rows) - p.get("queue", 2048)):]


MODULES = {"encoder/transformer": transformer, "encoder/bow": bow, "encoder/cnn": cnn,
           **{"label/" + f.__name__: f for f in (joint, classifier, label_text, label_embedding, corank, guide, cross_attention, plcp, clcp, sep_label, sep_doc, lgfs, lan, cacl)}}


def compute(s, model, seeds=()):
    """Runs the model; seeds are slots whose values get a random gradient, or a dictionary slot -> tensor. Returns every expected tensor."""
    for module in model:
        s.module = module
        MODULES[module["plugin"]](s, module.get("name") or module["plugin"].split("/")[1], module.get("params", {}))
    out = {f"out.{k}": v for k, v in s.slots.items() if f"in.{k}" not in s.tensors or s.slots[k] is not s.leaves.get(f"in.{k}")}
    value = s.total()
    for k in seeds:
        s.tensors[f"seed.{k}"] = seeds[k] if isinstance(seeds, dict) else s.randn(*s.slot(k).shape)
        value = value + (s.slot(k) * s.tensors[f"seed.{k}"].to(D)).sum()
    out.update({f"loss.{k}": v for k, v in s.losses.items()})
    if s.losses:
        out["loss.total"] = s.total()
    out.update(s.produced)
    grads = torch.autograd.grad(value, list(s.leaves.values()), allow_unused=True) if value.requires_grad else [None] * len(s.leaves)
    out.update({f"grad.{k}": torch.zeros_like(x) if g is None else g for (k, x), g in zip(s.leaves.items(), grads)})
    return {k: v.detach() for k, v in out.items()}
