"""Reference values of metrics, label statistics and thresholds: plain loops, with scikit-learn where it has the metric.

usage: make.py FOLDER SEED COUNT      writes COUNT random vectors of each kind into FOLDER
The files more_*.json beside this script were made with: make.py . 20 3 (renamed).
"""
import json
import math
import random
import sys

import numpy as np
from sklearn import metrics as sk


def statistics(train, L):
    count = [sum(l in y for y in train) for l in range(L)]
    order = sorted(range(L), key=lambda l: (-count[l], l))
    co = {}
    for y in train:
        for i in y:
            for j in y:
                if i != j:
                    co[i, j] = co.get((i, j), 0) + 1
    return count, order, co


def inverse_propensity(count, N, A, B):
    C = max(0.0, (math.log(N) - 1) * (B + 1) ** A) if N else 0.0
    return C, [1 + C * (c + B) ** -A for c in count]


def ranked(row):
    return sorted(range(len(row)), key=lambda l: (-row[l], l))


def div(a, b):
    return a / b if b else 0.0


def dcg(gains):
    return sum(g / math.log2(r + 2) for r, g in enumerate(gains))


def values(S, Y, L, inv, t, co, ks):
    docs = [d for d in range(len(Y)) if Y[d]]
    names = [f"{m}@{k}" for m in ("p", "r", "f1", "ndcg", "psp", "psndcg", "psp_raw") for k in ks]
    names += ["micro_p", "micro_r", "micro_f1", "macro_p", "macro_r", "macro_f1", "macro_f1_avg", "example_f1", "subset_accuracy", "hamming_loss", "map", "lrap",
              "coverage_error", "ranking_loss", "label_combinations", "conditional_kl", "conditional_kl_floored"]
    if not docs:
        return 0, {n: None for n in names}
    out = {}
    for k in ks:
        top = {d: ranked(S[d])[:k] for d in docs}
        hits = {d: sum(l in Y[d] for l in top[d]) for d in docs}
        best = {d: sorted((inv[l] for l in Y[d]), reverse=True)[:k] for d in docs}
        ideal = {d: dcg([1.0] * min(k, len(Y[d]))) for d in docs}
        mean = lambda f: sum(f(d) for d in docs) / len(docs)
        out[f"p@{k}"] = mean(lambda d: hits[d] / k)
        out[f"r@{k}"] = mean(lambda d: hits[d] / len(Y[d]))
        out[f"f1@{k}"] = mean(lambda d: 2 * hits[d] / (k + len(Y[d])))
        out[f"ndcg@{k}"] = mean(lambda d: dcg([float(l in Y[d]) for l in top[d]]) / ideal[d])
        out[f"psp_raw@{k}"] = mean(lambda d: sum(inv[l] for l in top[d] if l in Y[d]) / k)
        out[f"psp@{k}"] = out[f"psp_raw@{k}"] / mean(lambda d: sum(best[d]) / k)
        out[f"psndcg@{k}"] = mean(lambda d: dcg([inv[l] if l in Y[d] else 0.0 for l in top[d]]) / ideal[d]) / mean(lambda d: dcg(best[d]) / ideal[d])
    G = np.array([[l in Y[d] for l in range(L)] for d in docs], dtype=int)
    Z = np.array([S[d] for d in docs])
    P = (Z > t).astype(int)
    tp, pred, gold = (G & P).sum(0), P.sum(0), G.sum(0)
    out["micro_p"] = div(tp.sum(), pred.sum())
    out["micro_r"] = div(tp.sum(), gold.sum())
    out["micro_f1"] = div(2 * tp.sum(), pred.sum() + gold.sum())
    prec, rec = [div(a, b) for a, b in zip(tp, pred)], [div(a, b) for a, b in zip(tp, gold)]
    out["macro_p"], out["macro_r"] = sum(prec) / L, sum(rec) / L
    out["macro_f1"] = sum(div(2 * a, b + c) for a, b, c in zip(tp, pred, gold)) / L
    out["macro_f1_avg"] = div(2 * out["macro_p"] * out["macro_r"], out["macro_p"] + out["macro_r"])
    out["example_f1"] = sum(div(2 * (g & p).sum(), g.sum() + p.sum()) for g, p in zip(G, P)) / len(docs)
    out["subset_accuracy"] = sum((g == p).all() for g, p in zip(G, P)) / len(docs)
    out["hamming_loss"] = (G != P).mean()
    out["map"] = sum(sk.average_precision_score(G[:, l], Z[:, l]) if gold[l] else 0.0 for l in range(L)) / L
    if L > 1:
        out["lrap"] = sk.label_ranking_average_precision_score(G, Z)
        out["coverage_error"] = sk.coverage_error(G, Z)
        out["ranking_loss"] = sk.label_ranking_loss(G, Z)
    else:
        out["lrap"], out["coverage_error"], out["ranking_loss"] = 1.0, 1.0, 0.0
    out["label_combinations"] = len({tuple(p) for p in P})
    kl, floored = 0.0, 0
    for i, j in sorted(co):
        g = div((G[:, i] & G[:, j]).sum(), gold[i])
        q = div((P[:, i] & P[:, j]).sum(), pred[i])
        if g > 0:
            floored += q < 1e-6
            kl += g * math.log(g / max(q, 1e-6))
    out["conditional_kl"], out["conditional_kl_floored"] = kl, floored
    return len(docs), {n: float(out[n]) for n in names}


def restrict(S, Y, co, inv, columns):
    at = {l: i for i, l in enumerate(columns)}
    return ([[row[l] for l in columns] for row in S], [sorted(at[l] for l in y if l in at) for y in Y], {(at[i], at[j]): n for (i, j), n in co.items() if i in at and j in at},
            [inv[l] for l in columns])


def label_lists(r, n, L, most, empty):
    skew = r.uniform(0.5, 3)
    return [sorted({int(r.random() ** skew * L) for _ in range(0 if r.random() < empty else r.randint(1, most))}) for _ in range(n)]


def metrics_vector(r):
    L, N = r.choice([1, 2, 3, 7, 11, 20, 33]), r.choice([1, 2, 5, 12, 25])
    train = label_lists(r, r.choice([1, 2, 10, 60]), L, min(L, 6), 0.05)
    Y = label_lists(r, N, L, min(L, 5), 0.15)
    grid = r.choice([4, 16, 1 << 20])
    S = [[r.randint(0, grid) / grid for _ in range(L)] for _ in range(N)]
    for d in range(N):
        for l in Y[d]:
            if r.random() < 0.6:
                S[d][l] = min(1.0, S[d][l] + 0.4)
    t, (A, B) = r.choice([0.5, 0.5, 0.25, 0.75, 0.9]), r.choice([(0.55, 1.5), (0.5, 0.4), (0.6, 2.6)])
    count, order, co = statistics(train, L)
    _, inv = inverse_propensity(count, len(train), A, B)
    head = sorted(order[:(L + 9) // 10])
    tail = sorted(order[(L + 9) // 10:])
    expected = {}
    for name, columns in (("", list(range(L))), ("head", head), ("tail", tail)):
        if not columns:
            continue
        s, y, c, i = restrict(S, Y, co, inv, columns)
        n, v = values(s, y, len(columns), i, t, c, (1, 3, 5, 40))
        expected[name] = {"n_docs": n, "n_skipped": N - n, "values": v}
    for name, keep in (("head_docs", lambda y: y and all(l in head for l in y)), ("tail_docs", lambda y: y and sum(l in head for l in y) <= 2)):
        rows = [d for d in range(N) if keep(Y[d])]
        n, v = values([S[d] for d in rows], [Y[d] for d in rows], L, inv, t, co, (1, 3, 5, 40))
        expected[name] = {"n_docs": n, "n_skipped": 0, "values": v}
    return {"kind": "metrics", "n_labels": L, "train_labels": train, "scores": S, "labels": Y, "threshold": t, "propensity": {"A": A, "B": B}, "groups": {"head": head, "tail": tail},
            "expected": expected}


def statistics_vector(r):
    L = r.choice([1, 4, 12, 31])
    train = label_lists(r, r.choice([1, 2, 3, 40]), L, min(L, 6), 0.1)
    count, order, co = statistics(train, L)
    propensity = []
    for A, B in ((0.55, 1.5), (0.5, 0.4), (0.6, 2.6)):
        C, inv = inverse_propensity(count, len(train), A, B)
        propensity.append({"A": A, "B": B, "C": C, "inverse": inv, "p": [1 / x for x in inv]})
    return {"kind": "label_statistics", "n_labels": L, "train_labels": train, "expected": {
        "n_documents": len(train), "count": count, "by_frequency": order, "cooccurrence": [[i, j, co[i, j]] for i, j in sorted(co) if i < j],
        "conditional": [[i, j, co[i, j] / count[i]] for i, j in sorted(co)], "propensity": propensity, "head": sorted(order[:(L + 9) // 10]), "tail": sorted(order[(L + 9) // 10:]),
        "quantiles": {str(n): [sorted(order[g * L // n:(g + 1) * L // n]) for g in range(n)] for n in (1, 3, 5)}}}


def micro_f1(S, Y, t):
    tp = sum(S[d][l] > t[l] and l in Y[d] for d in range(len(Y)) if Y[d] for l in range(len(t)))
    pred = sum(S[d][l] > t[l] for d in range(len(Y)) if Y[d] for l in range(len(t)))
    return div(2 * tp, pred + sum(len(y) for y in Y)), (2 * tp, pred + sum(len(y) for y in Y))


def tuned(scores, f1):
    distinct = sorted(set(scores))
    candidates = [0.5] + [(a + b) / 2 for a, b in zip(distinct, distinct[1:])]
    # fractions are compared exactly; ties by nearness to 0.5, then the larger
    from fractions import Fraction
    key = lambda t: (Fraction(f1(t)[0], f1(t)[1]) if f1(t)[1] else Fraction(0), -abs(t - 0.5), t)
    return max(candidates, key=key)


def thresholds_vector(r):
    L, N, grid = r.choice([1, 3, 6]), r.choice([1, 4, 9, 15]), r.choice([8, 32, 1 << 20])
    Y = label_lists(r, N, L, min(L, 3), 0.2)
    S = [[min(1.0, r.randint(0, grid) / grid + (0.3 if l in Y[d] else 0.0)) for l in range(L)] for d in range(N)]
    docs = [d for d in range(N) if Y[d]]
    g = tuned([S[d][l] for d in docs for l in range(L)], lambda t: micro_f1(S, Y, [t] * L)[1])
    per = []
    for l in range(L):
        positives = sum(l in Y[d] for d in docs)
        f1 = lambda t: (2 * sum(S[d][l] > t and l in Y[d] for d in docs), sum(S[d][l] > t for d in docs) + positives)
        per.append(tuned([S[d][l] for d in docs], f1) if positives else 0.5)
    return {"kind": "thresholds", "n_labels": L, "scores": S, "labels": Y,
            "expected": {"global": g, "global_micro_f1": micro_f1(S, Y, [g] * L)[0], "per_label": per, "per_label_micro_f1": micro_f1(S, Y, per)[0]}}


def main():
    folder, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    r = random.Random(seed)
    for i in range(count):
        for name, make in (("metrics", metrics_vector), ("statistics", statistics_vector), ("thresholds", thresholds_vector)):
            with open(f"{folder}/more_{name}_{i}.json", "w") as f:
                json.dump(make(r), f)
                f.write("\n")


main()
