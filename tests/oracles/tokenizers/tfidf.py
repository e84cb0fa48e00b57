#!/usr/bin/env python3
"""TF-IDF rows of scikit-learn's TfidfVectorizer (defaults) on the committed documents: the first 200 texts of vectors.jsonl.xz are fitted, all are transformed.

needs from PyPI: pip install scikit-learn
usage: tfidf.py        writes tfidf.jsonl.xz: first row: width, hash of the features' names, names of the last four texts alone; then one row a document: indices and values
Characters that this Python does not know (they are none of \\w for it, whatever a newer Unicode says) are taken out of the texts first, and the texts are written too.
"""
import hashlib, json, lzma, os, unicodedata
from sklearn.feature_extraction.text import TfidfVectorizer

here = os.path.dirname(os.path.abspath(__file__))
texts = [json.loads(line)["text"] for line in lzma.open(f"{here}/vectors.jsonl.xz", "rt")]
texts = ["".join(c for c in t if unicodedata.category(c) != "Cn") for t in texts]
texts += ["ΟΔΟΣ ΣΑΣ Σ. ΑΣ.Β ΑΣ'Β ΑΣ: ΑΣ\u0301 ΑΣ\u0301Β \u02b0Σ ªΣ aΣ\u00adΣ 1Σ ͅΣ ᾼΣ ⅷΣ ⓐΣ ʼΣ xʼΣ", "İI ıİSTANBUL Ǆungla ǅ ẞtraße ŒUVRE", "one a b c2 d_e _ __ x² ½½ ⅷⅷ ①① ٣٤ 中文字 हिन्दी \u0e44\u0e17\u0e22 don't e-mail", ""]
v = TfidfVectorizer().fit(texts[:200])
names, odd = v.get_feature_names_out(), TfidfVectorizer().fit(texts[-4:]).get_feature_names_out()
x = v.transform(texts)
x.sort_indices()
rows = [{"width": len(names), "names": hashlib.sha256("\n".join(names).encode()).hexdigest(), "odd": list(odd)}]
for i, t in enumerate(texts):
    rows.append({"text": t, "index": x[i].indices.tolist(), "value": [round(float(w), 9) for w in x[i].data]})
with lzma.open(f"{here}/tfidf.jsonl.xz", "wt", preset=9) as f:
    for r in rows:
        f.write(json.dumps(r, ensure_ascii=False, separators=(",", ":")) + "\n")
