#!/usr/bin/env python3
"""Decision values of LIBLINEAR (through scikit-learn) on a small sparse problem: L2-regularised squared hinge and logistic loss, a constant 1 appended to every row.

needs from PyPI: pip install scikit-learn; usage: make.py        writes values.json beside itself
"""
import json, os
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

rng = np.random.default_rng(5)
n, width, labels = 60, 30, 20
x = np.where(rng.random((n, width)) < 0.2, rng.random((n, width)), 0)
x[7] = 0  # a document without features
norm = np.linalg.norm(x, axis=1, keepdims=True)
x = (x / np.where(norm, norm, 1)).astype(np.float32).astype(float)
y = rng.random((n, labels)) < np.linspace(0.03, 0.6, labels)
y[np.arange(labels), np.arange(labels)] = True
y[:, 3] = np.arange(n) == 5  # one document only
values = {}
for loss in ("squared_hinge", "logistic"):
    for c in (1, 4):
        make = lambda: LinearSVC(C=c, tol=1e-9, max_iter=10**6, dual=True, random_state=1) if loss == "squared_hinge" else LogisticRegression(C=c, solver="liblinear", tol=1e-10, max_iter=10**5)
        values[f"{loss} {c}"] = [[round(float(v), 7) for v in row] for row in np.stack([make().fit(x, y[:, l]).decision_function(x) for l in range(labels)], 1)]
out = {"width": width, "n_labels": labels, "rows": [[[int(k), float(r[k])] for k in np.flatnonzero(r)] for r in x], "labels": [[int(l) for l in np.flatnonzero(r)] for r in y], "values": values}
json.dump(out, open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "values.json"), "w"), separators=(",", ":"))
