#!/usr/bin/env python3
"""Random reference vectors for `tagloom verify`: sizes, parameters and corner cases drawn at random, values by reference.py.

usage: make.py OUT_DIR                            the files beside this script: CHOSEN, drawn such that together they take most values of most parameters
       make.py OUT_DIR SEED COUNT [MODULE...]     COUNT files of every module (below: the functions named case_*)

Where the seed divided by four leaves three, a file holds float32. refused/ holds vectors that leave out what they need.
"""
import json
import os
import random
import sys

import torch
from safetensors.torch import save_file

from reference import D, Step, compute

torch.set_num_threads(1)


def some(r, **choices):
    """Each parameter is left to its default, or one of its values."""
    return {k: r.choice(v) for k, v in choices.items() if r.random() < 0.75}


def lengths(r, B, least=1):
    kind = r.choice(["one", "short", "any", "long"])
    top = {"one": least, "short": 4, "any": 40, "long": 17}[kind]
    out = [r.randint(least, max(least, top)) for _ in range(B)]
    if kind == "long":
        out[r.randrange(B)] = r.choice([33, 40, 65, 100])
    return out


def label_sets(r, B, L, empty=0.15, full=0.1):
    pool = [sorted(r.sample(range(L), r.randint(1, min(L, 4)))) for _ in range(r.choice([2, B + 1]))]
    out = []
    for _ in range(B):
        u = r.random()
        out.append([] if u < empty else list(range(L)) if u < empty + full else list(r.choice(pool)) if u < 0.6 else sorted(r.sample(range(L), r.randint(1, min(L, 5)))))
    return out


def sizes(r, L=(1, 2, 3, 5, 8, 11, 17, 33), d=(1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 31), B=(1, 1, 2, 3, 4, 5, 8, 9)):
    return r.choice(L), r.choice(d), r.choice(B)


def step(r, B, L, d, n=None, **more):
    return Step(r.randrange(1 << 30), label_sets(r, B, L), L, d, n, scale=r.choice([0.5, 1.0]), **more)


def per_document(r, s, p=0.5):
    if r.random() < p:
        s.tensors["in.label_hidden"] = s.randn(s.B, s.L, s.d)


BCE = {"reduction": ["mean", "sum_labels", "sum"], "weight": [1, 0.25, 3.0]}


def case_classifier(r):
    L, d, B = sizes(r)
    p = some(r, **BCE, hidden=[0, 1, 3, 9, 16], activation=["relu", "tanh", "gelu"], loss=["bce", "softmax"], into=["logits", "logits.initial"])
    p["from"] = r.choice(["doc", "doc", "pooled", "cls"])
    s = step(r, B, L, d)
    m = r.choice([1, 2, 5, 8, 24, 40])
    if p["from"] == "doc" and r.random() < 0.5:
        s.tensors["in.doc"] = s.randn(B, m) * r.choice([1, 1, 30])
    return s, [{"plugin": "label/classifier", "params": p}], [p.get("into", "logits")] if r.random() < 0.5 else []


def case_label_text(r):
    L, d, B = sizes(r)
    s = step(r, B, L, d)
    n = lengths(r, L)
    s.tensors["in.call.label_text.offsets"] = torch.tensor([sum(n[:i]) for i in range(L + 1)])
    return s, [{"plugin": "label/label_text", "params": some(r, pool=["cls", "mean"])}], ["label_hidden"]


def case_label_embedding(r):
    L, d, B = sizes(r)
    return step(r, B, L, d), [{"plugin": "label/label_embedding", "params": some(r, dim=[0, 1, 3, 9])}], ["label_hidden"]


def corank_parameters(r, L, d):
    p = some(r, alpha=[0, 0.1, 0.3, 0.5, 0.9, 1], ffn_hidden=[1, 3, 8, 19], matrix=["conditional", "count"], select=["threshold", "threshold", "topk"], **{k: [True, False] for k in ("cooccurrence", "ranking", "position", "ffn")})
    p["gamma"] = r.choice([1, L, r.randint(1, L), r.randint(1, L)])
    p["heads"] = r.choice([h for h in range(1, d + 1) if d % h == 0])
    p.setdefault("ffn_hidden", r.choice([1, 3, 8, 19]))
    return p


def case_corank(r):
    L, d, B = sizes(r)
    train = label_sets(r, r.choice([1, 2, 9, 40]), r.choice([L, max(1, L // 2)]), 0.1, 0.05)
    s = step(r, B, L, d, lengths(r, B), train=train)
    # ties are exact; everything else is far enough apart for float32
    grid = [0.0, 0.5, -0.5, 2.0, -3.0] if r.random() < 0.4 else [(x - L) / 4 + 0.1 for x in range(2 * L)]
    rows = [[r.choice(grid) for _ in range(L)] if len(grid) == 5 else r.sample(grid, L) for _ in range(B)]
    rows = [[x - 40 for x in row] if r.random() < 0.15 else [x + 60 for x in row] if r.random() < 0.15 else row for row in rows]
    s.tensors["in.logits.initial"] = torch.tensor(rows, dtype=D)
    return s, [{"plugin": "label/corank", "params": corank_parameters(r, L, d)}], ["doc"]


def case_guide(r):
    L, d, B = sizes(r)
    K = r.choice([1, 2, 3, 5, 12])
    s = step(r, B, L, d, lengths(r, B))
    s.K = K
    switches = {"feature": [True, False], "link": [True, False], "weight_feature": [1, 0.3], "weight_link": [1, 2.5]}
    if r.random() < 0.3:
        p = {"variant": "released", **some(r, **BCE, **switches)}
    else:
        p = {**some(r, **BCE, **switches, layers_text=[1, 2, 8, 20], layers_label=[1, 3, 10, 20], rank_activation=["softmax", "relu", "none"], label_source=["text", "text", "multihot"],
                    variant=["paper"]), "feature_dim": r.choice([1, 4, 7, 16, 19])}
    n = lengths(r, B)
    if (p.get("feature", True) or p.get("link", True)) and p.get("label_source", "text") == "text":
        s.tensors["in.call.label_sequence.offsets"] = torch.tensor([sum(n[:i]) for i in range(B + 1)])
    return s, [{"plugin": "label/guide", "params": p}], ["logits"] if r.random() < 0.3 else []


def case_cross_attention(r):
    L, d, B = sizes(r, L=(1, 2, 3, 5, 8, 11))
    s = step(r, B, L, d, [min(n, 40) for n in lengths(r, B)])
    per_document(r, s)
    p = some(r, window=[1, 2, 3, 4, 5, 7, 10, 25], conv=["words", "2d"], normalize=[True, False])
    if r.random() < 0.15:  # vectors shorter than 1e-12
        s.tensors["in.hidden"] = s.randn(s.offsets[-1], d)
        s.tensors["in.hidden"][r.randrange(s.offsets[-1])] = 0
    return s, [{"plugin": "label/cross_attention", "params": p}], ["doc"]


def draw_plcp(r, s, pairs):
    out = []
    for i, y in enumerate(s.labels):
        for _ in range(pairs):
            rest = [l for l in range(s.L) if l not in y]
            if len(y) > 1 and (not rest or r.random() < 0.5):
                out.append([i, *r.sample(y, 2), 1])
            elif y and rest:
                out.append([i, r.choice(y), r.choice(rest), 0])
    return out


def draw_clcp(r, s, given):
    return [r.sample(y, min(given, len(y))) for y in s.labels]


def case_plcp(r):
    L, d, B = sizes(r)
    s = step(r, B, L, d)
    per_document(r, s)
    p = some(r, ratio=[0, 0.5, 4], pairs=[1, 2, 5], weight=[1, 0.4])
    s.draws["plcp"] = draw_plcp(r, s, p.get("pairs", 1))
    return s, [{"plugin": "label/plcp", "params": p}], []


def case_clcp(r):
    L, d, B = sizes(r)
    s = step(r, B, L, d)
    per_document(r, s)
    p = some(r, given=[1, 2, 3, 40], weight=[1, 0.6])
    s.draws["clcp"] = draw_clcp(r, s, p.get("given", 1))
    return s, [{"plugin": "label/clcp", "params": p}], []


SEP = {"tau": [0.1, 0.5, 1, 7], "normalize": [True, False], "disjoint_weight": [0, 0.2, 1, 3.5], "weight": [0.01, 1, 0.5]}


def shrink(r, s, slot, n, m):
    """Sometimes one vector is zero, or all are very long or very short."""
    u = r.random()
    if u < 0.4:
        x = s.randn(n, m)
        if u < 0.2:
            x[r.randrange(n)] = 0
        else:
            x *= r.choice([1e-3, 20])
        s.tensors[f"in.{slot}"] = x


def case_sep_label(r):
    L, d, B = sizes(r)
    s = step(r, B, L, d)
    p = some(r, **SEP)
    if p.get("normalize", True):
        shrink(r, s, "label_hidden", L, d)
    return s, [{"plugin": "label/sep_label", "params": p}], []


def case_sep_doc(r):
    L, d, B = sizes(r, B=(1, 2, 3, 5, 8, 12, 17))
    s = step(r, B, L, d)
    p = some(r, **SEP)
    if p.get("normalize", True):
        shrink(r, s, r.choice(["doc", "pooled"]), B, d)
    return s, [{"plugin": "label/sep_doc", "params": p}], []


def case_lgfs(r):
    L, d, B = sizes(r)
    s = step(r, B, L, d)
    if r.random() < 0.5:
        s.tensors["in.doc"] = s.randn(B, d) * r.choice([1, 10])
    return s, [{"plugin": "label/lgfs"}], ["doc"]


def case_lan(r):
    L, d, B = sizes(r, L=(1, 2, 3, 5, 8, 11))
    s = step(r, B, L, d, [min(n, 40) for n in lengths(r, B)])
    p = {"attention_dim": r.choice([1, 3, 8, 13]), **some(r, **BCE, hidden=[0, 1, 5, 16], scope=["token", "token", "batch"])}
    if p.get("scope", "token") == "token":
        per_document(r, s)
    return s, [{"plugin": "label/lan", "params": p}], ["logits"] if r.random() < 0.3 else []


VIEW = {"view": ["dropout", "mask", "span", "shuffle"], "rate": [0, 0.5, 1]}  # of no consequence where the view's result is given


def case_cacl(r):
    L, d, B = sizes(r)
    s = step(r, B, L, d, r.choice([None, lengths(r, B)]))
    p = {"tau": r.choice([0.1, 0.5, 1, 3]), "dim": r.choice([1, 3, 4, 8, 13]), **some(r, positives=["each", "any", "all"], queue=[1, 2, 5, 11, 40], weight=[1, 0.7], momentum=[0, 0.9, 1], **VIEW)}
    n = r.choice([0, 1, p.get("queue", 12), r.randint(0, p.get("queue", 12))])
    if n or r.random() < 0.5:
        x = s.randn(n, p["dim"])
        s.tensors["state.cacl.queue"] = x / x.norm(dim=1, keepdim=True)
    s.draws["cacl"] = {"queue_labels": label_sets(r, n, L)}
    return s, [{"plugin": "label/cacl", "params": p}], []


# ---------------------------------------------------------------- with an encoder

def tokens(r, s, vocab, types=1, start=0):
    T = s.offsets[-1]
    s.tensors["in.input.ids"] = torch.tensor([r.randrange(vocab) for _ in range(T)])
    s.tensors["in.input.segments"] = torch.cat([torch.tensor([int(t >= cut) % types for t in range(n)]) for n, cut in ((b - a, r.randint(1, b - a)) for a, b in zip(s.offsets, s.offsets[1:]))])
    s.tensors["in.input.positions"] = torch.cat([torch.arange(b - a) + start for a, b in zip(s.offsets, s.offsets[1:])])


def an_encoder(r, s, longest, vocab=23):
    """A transformer for s, and the input to it."""
    layout = r.choice(["bert", "roberta", "distilbert"])
    H, d = r.choice([(1, 4), (1, 7), (2, 8), (3, 3), (3, 9), (4, 8), (2, 10)])
    K, ffn, pad = r.choice([1, 1, 2, 3]), r.choice([1, 5, 8, 17]), r.choice([0, 0, 1, 4])
    act, start, types = r.choice(["gelu", "gelu", "relu"]), r.choice([0, 0, 2]), r.choice([1, 2, 2, 3]) if layout != "distilbert" else 1
    rows = longest + start + r.choice([0, 0, 7]) + (pad + 1 if layout == "roberta" else 0)
    if layout == "distilbert":
        c = {"model_type": layout, "dim": d, "n_layers": K, "n_heads": H, "hidden_dim": ffn, "vocab_size": vocab, "max_position_embeddings": rows, "activation": act, "pad_token_id": pad,
             "sinusoidal_pos_embds": False}
    else:
        c = {"model_type": layout, "hidden_size": d, "num_hidden_layers": K, "num_attention_heads": H, "intermediate_size": ffn, "vocab_size": vocab, "max_position_embeddings": rows, "hidden_act": act,
             "type_vocab_size": types, "pad_token_id": pad, "layer_norm_eps": r.choice([1e-12, 1e-5, 1e-2])}
    tokens(r, s, vocab, types, start)
    s.d, s.K = d, K
    p = {"config": c, **({"pooled": k} if (k := r.choice(["", "pooler", "cls", "mean"])) else {}), **some(r, lean=[True, False])}
    return {"plugin": "encoder/transformer", "params": p}


def case_transformer(r):
    B = r.choice([1, 1, 2, 3, 5])
    s = step(r, B, r.choice([1, 4]), 4, lengths(r, B))
    module = an_encoder(r, s, max(b - a for a, b in zip(s.offsets, s.offsets[1:])))
    return s, [module], r.choice([["pooled"], ["hidden"], ["layers"], ["cls"], ["cls", "pooled", "hidden"], ["layers", "pooled"]])


def case_bow(r):
    B = r.choice([1, 2, 3, 7])
    s = step(r, B, r.choice([1, 4, 9]), 4, lengths(r, B))
    p = {"dim": r.choice([1, 3, 8, 17]), "vocab": r.choice([1, 5, 30])}
    s.d = p["dim"]
    tokens(r, s, p["vocab"])
    return s, [{"plugin": "encoder/bow", "params": p}, {"plugin": "label/classifier"}], r.choice([[], ["hidden"], ["pooled"]])


def case_cnn(r):
    B = r.choice([1, 2, 3, 7])
    s = step(r, B, r.choice([1, 4, 9]), 4, lengths(r, B))
    p = {"dim": r.choice([1, 3, 8, 17]), "vocab": r.choice([1, 5, 30]), "filters": r.choice([1, 4, 9]), **some(r, widths=[[1], [2], [3, 4, 5], [5, 1], [7], [2, 3, 4, 8]])}
    s.d = p["dim"]
    tokens(r, s, p["vocab"])
    return s, [{"plugin": "encoder/cnn", "params": p}, {"plugin": "label/classifier"}], r.choice([[], ["hidden"], ["pooled"]])


def case_joint(r):
    """joint, an encoder, and modules that read label vectors of each document."""
    B, L = r.choice([1, 2, 3]), r.choice([1, 2, 4, 7])
    n = lengths(r, B, 2)
    s = step(r, B, L, 4, n)
    top = r.choice([L + 4, L + 9, max(n) + L + 1, 320])
    encoder = an_encoder(r, s, max(max(n), min(max(n) + L + 1, top)))
    encoder["params"].pop("lean", None)
    j = {"max_length": top, **some(r, label_token=["new", "name_mean"])}
    if j.get("label_token") == "name_mean":
        k = [r.choice([0, 1, 1, 2, 5]) for _ in range(L)]
        s.tensors["in.label_tokens.ids"] = torch.tensor([r.randrange(23) for _ in range(sum(k))], dtype=torch.int64)
        s.tensors["in.label_tokens.offsets"] = torch.tensor([sum(k[:i]) for i in range(L + 1)])
    model = [{"plugin": "label/joint", "params": j}, encoder]
    if r.random() < 0.6:
        model.append({"plugin": "label/cross_attention", "params": some(r, window=[1, 2, 3, 6], conv=["words", "2d"], normalize=[True, False])})
    if r.random() < 0.4:
        model.append({"plugin": "label/plcp", "params": {"weight": 0.4}})
        s.draws["plcp"] = draw_plcp(r, s, 2)
    if r.random() < 0.4:
        model.append({"plugin": "label/clcp", "params": {"weight": 0.6}})
        s.draws["clcp"] = draw_clcp(r, s, 1)
    if r.random() < 0.3:
        model.append({"plugin": "label/lan", "name": "attend", "params": {"attention_dim": 3}})
    else:
        model.append({"plugin": "label/classifier", "params": {"reduction": "sum_labels", **({"from": "cls"} if r.random() < 0.3 else {})}})
    return s, model, r.choice([[], ["label_hidden"], ["hidden"], ["pooled"], ["layers"]])


def case_mixed(r):
    """An encoder and modules of several methods in one list."""
    B, L = r.choice([1, 2, 3, 4]), r.choice([1, 2, 4, 6])
    n = lengths(r, B)
    s = step(r, B, L, 4, n, train=label_sets(r, 20, L, 0.1, 0.05))
    model = [an_encoder(r, s, max(n))]
    d = s.d
    if r.random() < 0.6:
        model += [{"plugin": "label/classifier", "name": "initial", "params": {"from": r.choice(["pooled", "cls"]), "into": "logits.initial", "weight": 0.3}}]
    if r.random() < 0.5:
        model += [{"plugin": "label/label_embedding", "name": "labels"}]
    else:
        k = lengths(r, L)
        s.tensors["in.call.label_text.offsets"] = torch.tensor([sum(k[:i]) for i in range(L + 1)])
        model += [{"plugin": "label/label_text", "params": some(r, pool=["cls", "mean"])}]
    if r.random() < 0.4:
        model += [{"plugin": "label/sep_label", "params": some(r, **SEP) | {"normalize": True}}]
    if r.random() < 0.4:
        model += [{"plugin": "label/sep_doc", "params": some(r, **SEP) | {"normalize": True}}]
    if r.random() < 0.4:
        model += [{"plugin": "label/cacl", "name": "contrast", "params": {"tau": 0.5, "dim": 3, "weight": 0.7, **some(r, **VIEW)}}]
        s.draws["contrast"] = {"queue_labels": []}
    reads_doc = r.choice(["", "lgfs", "cross_attention", "corank"])
    if reads_doc == "corank" and model[1].get("name") == "initial":
        model += [{"plugin": "label/corank", "params": corank_parameters(r, L, d)}]
    elif reads_doc in ("lgfs", "cross_attention"):
        model += [{"plugin": f"label/{reads_doc}", "params": {}}]
    last = r.choice(["classifier", "classifier", "lan", "guide"])
    if last == "guide":
        n = lengths(r, B)
        s.tensors["in.call.label_sequence.offsets"] = torch.tensor([sum(n[:i]) for i in range(B + 1)])
        model += [{"plugin": "label/guide", "params": {"feature_dim": 5, "layers_text": 2, "layers_label": 1}}]
    else:
        model += [{"plugin": f"label/{last}", "params": {"attention_dim": 4} if last == "lan" else some(r, hidden=[0, 6], **BCE)}]
    return s, model, r.choice([[], ["pooled"], ["hidden"], ["logits"], ["doc"] if reads_doc else []])


def case_scratch(r):
    """An encoder by its own parameters, without a config."""
    B = r.choice([1, 2, 3])
    n = lengths(r, B)
    s = step(r, B, r.choice([1, 3]), 4, n)
    H, types, pad = r.choice([1, 2, 3]), r.choice([0, 1, 2, 3]), r.choice([0, 1, 3])
    s.d, s.K = H * r.choice([3, 4]), r.choice([1, 2])
    tokens(r, s, 9, max(1, types))
    p = {"dim": s.d, "heads": H, "layers": s.K, "ffn": r.choice([1, 7, 16]), "vocab": 9, "max_positions": max(n) + pad + 1, "types": types, "pad": pad,
         **some(r, layout=["bert", "roberta", "distilbert"], activation=["gelu", "relu", "tanh", "none"], eps=[1e-12, 1e-5, 1e-3], pooled=["auto", "pooler", "cls", "mean"])}
    return s, [{"plugin": "encoder/transformer", "params": p}, {"plugin": "label/classifier", "params": some(r, **{"from": ["doc", "cls", "pooled"]})}], r.choice([[], ["hidden"], ["layers"]])


def case_words(r):
    """cnn or bow under modules that usually read a transformer."""
    B, L, d = r.choice([1, 2, 4]), r.choice([1, 3, 6]), r.choice([2, 4, 6])
    s = step(r, B, L, d, lengths(r, B), train=label_sets(r, 12, L))
    tokens(r, s, 9)
    encoder, wide = r.choice(["cnn", "bow"]), r.random() < 0.5
    p = {"dim": d, "vocab": 9, **({} if encoder == "bow" else {"filters": d, "widths": [1, 4]} if wide else {"filters": d // 2, "widths": [3, 2]})}
    model = [{"plugin": f"encoder/{encoder}", "params": p}, {"plugin": "label/label_embedding"}]
    kind = r.choice(["lan", "corank", "cross_attention", "sep_doc", "plcp", "clcp", "sep_label"] + (["lgfs", "cacl", "lan batch"] if encoder == "bow" or not wide else []))
    if kind == "corank":
        model += [{"plugin": "label/classifier", "name": "initial", "params": {"from": "pooled", "into": "logits.initial"}}, {"plugin": "label/corank", "params": corank_parameters(r, L, d)}]
    else:
        own = {"lan": {"attention_dim": 5, **some(r, hidden=[0, 3])}, "lan batch": {"attention_dim": 2, "scope": "batch"}, "cacl": {"tau": 0.5, "dim": 4}, "cross_attention": {"window": 4}}.get(kind, {})
        model += [{"plugin": "label/" + kind.split()[0], "params": own}]
        s.draws = {"plcp": {"plcp": draw_plcp(r, s, 1)}, "clcp": {"clcp": draw_clcp(r, s, 2)}, "cacl": {"cacl": {"queue_labels": []}}}.get(kind, {})
    return s, model + ([] if kind.startswith("lan") else [{"plugin": "label/classifier"}]), []


def case_twice(r):
    """Instances of one plugin with names of their own, a classifier on another's logits, weights of zero and below."""
    L, d, B = r.choice([1, 2, 5, 8]), r.choice([2, 4, 6]), r.choice([1, 2, 4])
    s = step(r, B, L, d, lengths(r, B), train=label_sets(r, 12, L))
    return s, [{"plugin": "label/classifier", "name": "one", "params": {"from": "pooled", "into": "logits.initial", "weight": r.choice([0, -1, 2])}},
               {"plugin": "label/classifier", "name": "two", "params": {"from": "logits.initial", "into": "logits.second", "hidden": 3, "activation": "tanh"}},
               {"plugin": "label/corank", "name": "first", "params": corank_parameters(r, L, d)}, {"plugin": "label/sep_doc", "name": "x", "params": {"tau": 1}},
               {"plugin": "label/corank", "name": "second", "params": corank_parameters(r, L, d)}, {"plugin": "label/sep_doc", "name": "y", "params": {"tau": 2, "weight": 1}},
               {"plugin": "label/classifier", "name": "three"}], r.choice([[], ["logits.second"], ["doc"], ["logits.initial"]])


CHOSEN = {
    "bow": [16, 101], "cacl": [27, 43, 55, 95, 104, 105], "classifier": [8, 23, 26, 78], "clcp": [15, 27, 35, 80], "cnn": [5, 10, 71, 84],
    "corank": [6, 15, 31, 59, 65, 90, 112], "cross_attention": [46, 51, 55, 76, 88], "guide": [0, 6, 24, 36, 59, 87, 101],
    "joint": [7, 23, 55, 88, 107], "label_embedding": [64, 95], "label_text": [17, 43], "lan": [11, 47, 51, 62], "lgfs": [59, 94],
    "mixed": [19, 65, 75], "plcp": [3, 68, 115], "scratch": [0, 19, 45, 103, 105], "sep_doc": [1, 55, 65, 80], "sep_label": [27, 58, 74],
    "transformer": [63, 99], "twice": [36, 64, 77, 107], "words": [15, 35, 51, 58, 64, 86, 92, 99, 106, 118]
}
CASES = {k[5:]: f for k, f in list(globals().items()) if k.startswith("case_")}


def write(path, s, model, expected, note, dtype=D):
    """What was given and what is expected, as `tagloom verify` wants it."""
    if len(s.bounds) > 1:
        s.tensors["in.offsets"] = torch.tensor(s.bounds)
    tensors = {k: v.detach().clone().contiguous() for k, v in {**s.tensors, **expected}.items()}
    tensors = {k: v.to(dtype) if v.dtype.is_floating_point else v for k, v in tensors.items()}
    meta = {"model": json.dumps(model), "dims": json.dumps({"L": s.L, "d": s.width}), "labels": json.dumps(s.labels), "note": note}
    if s.train is not None:
        meta["train_labels"] = json.dumps(s.train)
    if s.draws:
        meta["draws"] = json.dumps(s.draws)
    save_file(tensors, path, meta)


def rounded(s):
    """The same step, its given tensors rounded to float32."""
    t = Step(0, s.labels, s.L, s.width, [b - a for a, b in zip(s.bounds, s.bounds[1:])], s.train, {k: v.float().to(D) if v.dtype.is_floating_point else v for k, v in s.tensors.items()})
    t.draws, t.bounds, t.width = s.draws, s.bounds, s.width
    if hasattr(s, "K"):
        t.K = s.K
    return t


def one(name, seed, path, dtype=D):
    s, model, seeds = CASES[name](random.Random(f"{name} {seed}"))
    s.bounds, s.width = list(s.offsets), s.d
    expected = compute(s, model, seeds)
    if dtype != D:
        given = s.tensors
        s = rounded(s)
        expected = compute(s, model, {k[5:]: s.tensors[k] for k in given if k.startswith("seed.")})
    write(path, s, model, expected, f"{name}, drawn with seed {seed}", dtype)


def refused(folder):
    """Bounds of documents without their token ids, given to modules that need them; returns of encoder calls for too many sequences."""
    os.makedirs(folder, exist_ok=True)
    words = {"plugin": "encoder/bow", "params": {"dim": 3, "vocab": 5}}
    table, pooled = {"weight.bow.embedding.weight": (5, 3)}, {"out.pooled": torch.zeros(2, 3, dtype=D)}
    proj = {"0.weight": (3, 3), "0.bias": (3,), "1.weight": (2, 3), "1.bias": (2,)}
    keys = {f"weight.cacl.{k}proj.{w}": shape for k in ("", "key.") for w, shape in proj.items()}
    for name, model, given, expected in [
        ("bow", [words], table, pooled),
        ("joint", [{"plugin": "label/joint", "params": {"max_length": 9}}, words], {"weight.joint.label_token.weight": (2, 3), **table}, pooled),
        ("cacl", [{"plugin": "label/cacl", "params": {"tau": 1, "dim": 2, "view": "shuffle"}}],
         {"in.pooled": (2, 3), **keys}, {"loss.cacl": torch.zeros((), dtype=D)}),
        ("many_keys", [{"plugin": "label/cacl", "params": {"tau": 1, "dim": 2}}], {"in.pooled": (2, 3), "in.call.key_view": (4, 3), **keys}, {"loss.cacl": torch.zeros((), dtype=D)}),
        ("many_labels", [{"plugin": "label/label_text"}], {"in.call.label_text": (64, 3)}, {"out.label_hidden": torch.zeros(2, 3, dtype=D)}),
    ]:
        s = Step(0, [[0], [1]], 2, 3, [3, 4])
        s.bounds, s.width = s.offsets, 3
        s.tensors = {k: s.randn(*shape) for k, shape in given.items()}
        if name == "many_labels":
            s.tensors["in.call.label_text.offsets"] = torch.arange(65)
        write(os.path.join(folder, name + ".safetensors"), s, model, expected, "a vector that is refused")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        refused(os.path.join(sys.argv[1], "refused"))
        for name, seeds in CHOSEN.items():
            for seed in seeds:
                one(name, seed, os.path.join(sys.argv[1], f"{name}-{seed}.safetensors"), torch.float32 if seed % 4 == 3 else D)
    else:
        folder, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
        for name in sys.argv[4:] or CASES:
            for i in range(seed, seed + count):
                one(name, i, os.path.join(folder, f"{name}-{i}.safetensors"), torch.float32 if i % 4 == 3 else D)
