#!/usr/bin/env python3
"""Reference values for the training layer, made with PyTorch and transformers.

usage: make.py OUT_DIR [--minilm MODEL_DIR --docs DATASET_DIR]

optimizer.json            three parameters through eight steps of AdamW, Adam and SGD in float64: clipping, warm-up, schedules, decay by rank
tiny/                     a random BERT of 2 layers as a Hugging Face folder (config.json, model.safetensors, vocab.txt)
tiny.safetensors          batches, head, and after transformers' BertModel in float64: loss, logits, gradients, weights after three AdamW steps
minilm.safetensors        (with --minilm) 50 abstracts as token ids; hidden vectors sampled and projected; gradients of one step, sampled
"""
import argparse, json, lzma, math, os

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

ap = argparse.ArgumentParser()
ap.add_argument("out"); ap.add_argument("--minilm"); ap.add_argument("--docs")
a = ap.parse_args()
D = torch.float64


def factor(schedule, warmup, s, steps):
    warm = max(1, round(warmup * steps)) if warmup > 0 else 0
    if s < warm:
        return (s + 1) / warm
    left = max(0.0, (steps - s) / (steps - warm))
    return {"linear": left, "cosine": 0.5 * (1 - math.cos(math.pi * left)), "constant": 1.0}[schedule]


def optimizers():
    """The arithmetic of the optimizers themselves: gradients are given."""
    g = torch.Generator().manual_seed(11)
    shapes = [[3, 5], [7], [2, 2, 3]]
    start = [torch.randn(s, generator=g, dtype=D) for s in shapes]
    steps = 8
    grads = [[torch.randn(s, generator=g, dtype=D) * (0.05 if t % 3 == 1 else 2.0) for s in shapes] for t in range(steps)]
    cases = []
    for name, schedule, warmup, clip, kw in [
        ("adamw", "linear", 0.25, 1.0, dict(lr=0.01, weight_decay=0.1, betas=(0.9, 0.999), eps=1e-8)),
        ("adamw", "cosine", 0.0, 0.0, dict(lr=0.02, weight_decay=0.01, betas=(0.8, 0.95), eps=1e-6)),
        ("adam", "constant", 0.5, 0.5, dict(lr=0.01, weight_decay=0.1, betas=(0.9, 0.999), eps=1e-8)),
        ("sgd", "linear", 0.1, 2.0, dict(lr=0.1, weight_decay=0.05, momentum=0.9)),
    ]:
        p = [torch.nn.Parameter(x.clone()) for x in start]
        groups = [{"params": [x], "weight_decay": kw["weight_decay"] if x.dim() > 1 else 0.0} for x in p]
        groups[2]["lr"] = kw["lr"] * 10  # an instance's own learning rate
        o = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}[name](groups, **kw)
        sched = torch.optim.lr_scheduler.LambdaLR(o, lambda s: factor(schedule, warmup, s, steps))
        norms, after = [], []
        for t in range(steps):
            for x, gr in zip(p, grads[t]):
                x.grad = gr.clone()
            n = torch.nn.utils.clip_grad_norm_(p, clip if clip else float("inf"))
            norms.append(float(n))
            o.step(); sched.step()
            after.append([x.detach().flatten().tolist() for x in p])
        cases.append({"optimizer": name, "schedule": schedule, "warmup": warmup, "clip": clip, "lr": kw["lr"], "weight_decay": kw["weight_decay"],
                      "betas": list(kw.get("betas", (0.9, 0.999))), "eps": kw.get("eps", 1e-8), "momentum": kw.get("momentum", 0.9), "norms": norms, "after": after})
    v = {"shapes": shapes, "steps": steps, "start": [x.flatten().tolist() for x in start], "gradients": [[x.flatten().tolist() for x in g] for g in grads], "cases": cases}
    json.dump(v, open(f"{a.out}/optimizer.json", "w"), separators=(",", ":"))


def tiny():
    torch.manual_seed(5)
    c = BertConfig(vocab_size=60, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=32, max_position_embeddings=24,
                   hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, hidden_act="gelu", layer_norm_eps=1e-12, attn_implementation="eager", tie_word_embeddings=False)
    m = BertModel(c, add_pooling_layer=True).to(torch.float32)
    with torch.no_grad():
        for p in m.parameters():
            p.add_(torch.randn_like(p) * 0.05)
    os.makedirs(f"{a.out}/tiny", exist_ok=True)
    save_file({k: v.contiguous() for k, v in m.state_dict().items() if "position_ids" not in k}, f"{a.out}/tiny/model.safetensors", {"format": "pt"})
    keep = ["model_type", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "max_position_embeddings", "type_vocab_size",
            "hidden_act", "layer_norm_eps", "pad_token_id"]
    json.dump({k: getattr(c, k) for k in keep}, open(f"{a.out}/tiny/config.json", "w"), indent=1, sort_keys=True)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [chr(97 + i) for i in range(26)] + ["##" + chr(97 + i) for i in range(26)] + ["the", "of", "and"]
    open(f"{a.out}/tiny/vocab.txt", "w").write("\n".join(words) + "\n")
    m = m.to(D); L = 6; out = {}
    m.embeddings.word_embeddings.padding_idx = None  # nothing is padded: a token with the pad id is an ordinary token
    head = torch.nn.Linear(16, L).to(D)
    with torch.no_grad():
        head.weight.copy_(head.weight.float()); head.bias.copy_(torch.randn(L).float() * 0.1)
    out["head.weight"], out["head.bias"] = head.weight.detach().clone(), head.bias.detach().clone()
    decay = lambda n: not (n.endswith("bias") or "LayerNorm" in n)
    named = [(n, p) for n, p in m.named_parameters() if not n.startswith("pooler")]
    groups = [{"params": [p for n, p in named if decay(n)], "weight_decay": 0.01, "lr": 2e-3}, {"params": [p for n, p in named if not decay(n)], "weight_decay": 0.0, "lr": 2e-3},
              {"params": [head.weight], "weight_decay": 0.01, "lr": 1e-2}, {"params": [head.bias], "weight_decay": 0.0, "lr": 1e-2}]
    opt = torch.optim.AdamW(groups, lr=2e-3); steps = 3
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: factor("linear", 0.5, s, steps))
    losses, norms = [], []
    for step in range(steps):
        lengths = [[5, 1, 9, 24], [2, 3], [12, 7, 4, 1, 6]][step]
        ids = [torch.randint(0, 60, (n,)) for n in lengths]
        labels = [sorted(torch.randperm(L)[: (i * 2 + step) % 4].tolist()) for i in range(len(ids))]
        out[f"ids.{step}"] = torch.cat(ids); out[f"offsets.{step}"] = torch.tensor([0] + lengths).cumsum(0)
        out[f"labels.{step}"] = torch.tensor([l for y in labels for l in y], dtype=torch.long)
        out[f"label_offsets.{step}"] = torch.tensor([0] + [len(y) for y in labels]).cumsum(0)
        pooled = torch.stack([m(input_ids=x[None]).last_hidden_state[0].mean(0) for x in ids])
        y = torch.zeros(len(ids), L, dtype=D)
        for i, row in enumerate(labels): y[i, row] = 1
        logits = head(pooled); loss = F.binary_cross_entropy_with_logits(logits, y)
        opt.zero_grad(); loss.backward(); losses.append(loss.item())
        if step == 0:
            out["logits"] = logits.detach().clone()
            for n, p in named: out[f"grad.transformer.{n}"] = p.grad.clone()
            out["grad.classifier.weight"], out["grad.classifier.bias"] = head.weight.grad.clone(), head.bias.grad.clone()
        norms.append(float(torch.nn.utils.clip_grad_norm_([p for g in groups for p in g["params"]], 0.5)))
        opt.step(); sched.step()
    for n, p in named: out[f"after.transformer.{n}"] = p.detach().clone()
    out["after.classifier.weight"], out["after.classifier.bias"] = head.weight.detach().clone(), head.bias.detach().clone()
    out["losses"], out["norms"] = torch.tensor(losses, dtype=D), torch.tensor(norms, dtype=D)
    save_file({k: v.contiguous() for k, v in out.items()}, f"{a.out}/tiny.safetensors")
    print("tiny: losses", losses, "norms", norms)


def minilm():
    from tokenizers import Tokenizer
    docs = []
    with lzma.open(f"{a.docs}/train.jsonl.xz", "rt") as f:
        for line in f:
            docs.append(json.loads(line))
            if len(docs) == 50: break
    tok = Tokenizer.from_file(f"{a.minilm}/tokenizer.json"); tok.no_padding(); tok.enable_truncation(128)
    names = [l.rstrip("\n").split("\t")[0] for l in open(f"{a.docs}/labels.txt")]; index = {n: i for i, n in enumerate(names)}; L = len(names)
    ids = [e.ids for e in tok.encode_batch([d["text"] for d in docs])]
    m = BertModel.from_pretrained(a.minilm, attn_implementation="eager").to(D).eval()
    hidden = torch.cat([m(input_ids=torch.tensor([x])).last_hidden_state[0] for x in ids]).detach()  # [T, 384]
    T, d = hidden.shape
    g = torch.Generator().manual_seed(3)
    at = torch.randint(0, T * d, (6000,), generator=g).sort().values
    ray = torch.cos(torch.arange(1, d + 1, dtype=D))
    out = {"ids": torch.tensor([i for x in ids for i in x], dtype=torch.int32), "offsets": torch.tensor([0] + [len(x) for x in ids]).cumsum(0),
           "hidden_at": at, "hidden": hidden.flatten()[at].float(), "projected": (hidden @ ray / d ** 0.5).float(), "largest": hidden.abs().max()[None].float()}
    n = 16
    labels = [sorted(index[l] for l in x["labels"]) for x in docs[:n]]
    out["labels"] = torch.tensor([l for y in labels for l in y]); out["label_offsets"] = torch.tensor([0] + [len(y) for y in labels]).cumsum(0)
    w = (0.05 * torch.sin(torch.arange(1, L * d + 1, dtype=D))).reshape(L, d).requires_grad_()
    b = torch.full((L,), -1.0, dtype=D, requires_grad=True)
    y = torch.zeros(n, L, dtype=D)
    for i, row in enumerate(labels): y[i, row] = 1
    pooled = torch.stack([m(input_ids=torch.tensor([x])).last_hidden_state[0].mean(0) for x in ids[:n]])
    loss = F.binary_cross_entropy_with_logits(pooled @ w.T + b, y); loss.backward()
    params = [(f"transformer.{k}", p) for k, p in m.named_parameters() if not k.startswith("pooler")] + [("classifier.weight", w), ("classifier.bias", b)]
    for k, p in params:
        x = p.grad.flatten(); big = x.abs().topk(min(8, x.numel())).indices; i = torch.cat([big, torch.randint(0, x.numel(), (24,), generator=g)])
        out[f"at.{k}"] = i; out[f"grad.{k}"] = x[i].float(); out[f"norm.{k}"] = x.norm()[None]
    out["loss"] = loss.detach()[None]
    save_file({k: v.contiguous() for k, v in out.items()}, f"{a.out}/minilm.safetensors", {"labels": str(L)})
    print("minilm: tokens", T, "loss", loss.item())


optimizers(); tiny()
if a.minilm: minilm()
