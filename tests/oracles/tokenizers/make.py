#!/usr/bin/env python3
"""Reference values for the tokenizers, from the reference library `tokenizers`.

needs from PyPI: pip install tokenizers scikit-learn; Debian's iso-codes (its catalogues of translated names), and the data sets arxiv54, goemotions and eurlex57k
usage: make.py DATA_DIR [MINILM_DIR]        writes beside itself; see README for what
"""
import gettext, glob, hashlib, json, lzma, os, random, struct, sys
from tokenizers import AddedToken, Regex, Tokenizer, __version__, models, normalizers as N, pre_tokenizers as P, processors as R, trainers

data, minilm = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
here = os.path.dirname(os.path.abspath(__file__))
random.seed(20)


def first(folder, n):
    return [json.loads(line)["text"] for _, line in zip(range(n), lzma.open(f"{data}/{folder}/train.jsonl.xz", "rt"))]


def write(name, rows):
    with lzma.open(f"{here}/{name}", "wt", preset=9) as f:
        for row in rows:
            f.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


# --- documents in other scripts: names of countries, languages, currencies and scripts, twenty to forty of them a document
languages = "am ar as az be bg bn bo cs de dz el es et eu fa fi fr ga gu he hi hu hy is ja ka kk kn ko ku ky lo lt lv mi mk ml mn mr ms my ne nl nn or pa pl ps pt ro ru sa sd si sk sl sq sr sv ta te tg th ti tk tl tr tt ug uk ur uz vi yi zh_CN zh_TW".split()
scripts = []
for language in languages:
    names = []
    for path in sorted(glob.glob(f"/usr/share/locale/{language}/LC_MESSAGES/iso_*.mo")):
        if "-" in os.path.basename(path) or "15924" in path or "4217" in path:
            with open(path, "rb") as f:
                names += [v for k, v in sorted((k, v) for k, v in gettext.GNUTranslations(f)._catalog.items() if isinstance(k, str) and k) if v]
    random.shuffle(names)
    while len(names) >= 20 and sum(1 for s in scripts if s["language"] == language) < 40:
        n = random.randint(20, 40)
        scripts.append({"language": language, "text": random.choice([", ", "; ", "。", " – ", ".\n", " "]).join(names[:n])})
        names = names[n:]
random.shuffle(scripts)
scripts = scripts[:1500]
assert len(scripts) == 1500
write("scripts.jsonl.xz", scripts)
others = [s["text"] for s in scripts]
arxiv, emotions, laws = first("arxiv54", 7000), first("goemotions", 1000), first("eurlex57k", 500)

# --- tokenizers
S = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
corpus = arxiv[:3000] + emotions[:1000] + others


def template(t):
    c, s = t.token_to_id("[CLS]"), t.token_to_id("[SEP]")
    t.post_processor = R.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", c), ("[SEP]", s)])


def wordpiece(lower):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer, t.pre_tokenizer = N.BertNormalizer(lowercase=lower), P.BertPreTokenizer()
    t.train_from_iterator(corpus, trainers.WordPieceTrainer(vocab_size=5000, special_tokens=S, limit_alphabet=700, show_progress=False))
    template(t)
    return t


def bpe():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = P.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True)]
    t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=8000, special_tokens=special, initial_alphabet=P.ByteLevel.alphabet(), show_progress=False))
    t.post_processor = R.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return t


def split():  # a pattern of its own before the bytes, merges passed over for whole words
    t = Tokenizer(models.BPE(ignore_merges=True))
    pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    t.pre_tokenizer = P.Sequence([P.Split(Regex(pattern), "isolated"), P.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=3000, special_tokens=["<|begin|>", "<|end|>"], initial_alphabet=P.ByteLevel.alphabet(), show_progress=False))
    t.add_tokens([AddedToken("<tool>", single_word=True), AddedToken("QED", normalized=True, rstrip=True)])
    t.post_processor = R.Sequence([R.ByteLevel(), R.TemplateProcessing(single="<|begin|> $A", special_tokens=[("<|begin|>", 0)])])
    return t


def letters():  # no bytes: characters, unknown ones fused, a marked end of the word
    t = Tokenizer(models.BPE(unk_token="[UNK]", fuse_unk=True, end_of_word_suffix="</w>"))
    t.normalizer = N.Sequence([N.NFKC(), N.Lowercase(), N.Replace(Regex(r"\d"), "0"), N.Replace("``", '"'), N.Strip(), N.StripAccents()])
    t.pre_tokenizer = P.Sequence([P.Whitespace(), P.Digits(individual_digits=True), P.Punctuation("merged_with_next")])
    t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=2500, special_tokens=S, limit_alphabet=400, end_of_word_suffix="</w>", show_progress=False))
    template(t)
    return t


made = {"wordpiece-uncased": wordpiece(True), "wordpiece-cased": wordpiece(False), "bpe": bpe(), "split": split(), "letters": letters()}
for name, t in made.items():
    with open(f"{here}/{name}.json", "w") as f:
        json.dump(json.loads(t.to_str()), f, ensure_ascii=False, separators=(",", ":"))
    made[name] = Tokenizer.from_file(f"{here}/{name}.json")
if minilm:
    made["minilm"] = Tokenizer.from_file(minilm + "/tokenizer.json")
    made["minilm"].no_truncation()
    made["minilm"].no_padding()

# --- hostile strings
hostile = ["", " ", "\n\t \r", "a", "\u0000", "a\u0000b\u0001c\u0007\u001b[31m\u007f\u0080\u009f", "\u0301", "\u0301\u0301a\u0301\u0323\u0301", "e\u0301\u0327 \u0327\u0301e", "\u093f\u0915 \u0941", "\u1100\u1161\u11a8 \uac01\u11a8",
           "👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫 #️⃣", "🫨🫩\U0001fadf", "[MASK][CLS]in[SEP]side [PAD]", " [MASK]  [mask] [UNK]x", "<s>a</s> <mask>  <mask>b <pad><unk>", "x<|end|>y <tool> a<tool> <tool>b QED  next QEDnext", "a" * 100, "b" * 101, "c" * 300, "é" * 300,
           "中" * 300, "supercalifragilistic" * 15, "\u200b\u200c\u200d\ufeff\u2060", "\u2028\u2029\u0085\u00a0\u3000\u1680\u180e\u202f", "ﬁ ﬀ ﬃ ſt ǆ Ǆ ① ½ ⅻ ª ² ™ ㎏", "İstanbul ISPARTA ıI ΑΣ ΑΣΑ Σ ẞ ß", "Å Å Å Ω Ω", "אָ שׁ שּׁ يّ كِتَابٌ",
           "don't DON'T I'll we've they're 'tis ''s 'S", "  two  spaces   three\n\nlines\r\n\r\n end ", "1234567890 3.14 1,000,000 ٣٤٥ ४५६ ⅷ ½²", "a_b-c.d/e\\f@g#h$i%j^k&l*m(n)o", "\ufffd\ufffe\uffff", "\U0010ffff\U000e0001\U000f0000", "日本語カタカナひらがなmixed中文한국어",
           "ไทยภาษา ລາວ မြန်မာ ខ្មែរ", "𝔘𝕟𝖎𝗰𝘰𝙙𝚎 𐐀𐐨 𞤀𞤢 𒀀", "x\u0338=\u0338 a\u20dd", "``quoted'' \"text\" “curly” ‘single’ «guillemets»", "\u0915\u094d\u0937 \u09be\u09c7 \u0d4a \u1b06\u1b35 \U00011938 \U00011935\U00011930", "end with mark\u0345 \u1fb3\u0345 \u0390", "\u2126\u212a\u212b \u1e9b\u0323",
           "\U00031350\U0002ebf0 \u9fff\u4dbf\u3400", "\u1c89\ua7da\U00010d50 \U000105c0", "a" * 64 + " " + "ab" * 40, " ".join("x" * k for k in (14, 15, 16, 17, 95, 96, 97, 99, 100)), "\u00ad-\u2010\u2011\u058a\u05be", "\u0600\u06dd\u070f", "p\u0307\u0323 p\u0323\u0307 \u1e0a\u0323"]
pool = [c for c in range(1, 0x33000) if not 0xD800 <= c < 0xE000]
while len(hostile) < 110:
    kind = len(hostile) % 3
    hostile.append("".join(chr(random.choice(pool)) if kind == 0 else random.choice("aeA \u1100\u0915") + chr(random.choice(range(0x300, 0x370))) if kind == 1 else chr(random.randint(1, 255)) for _ in range(random.randint(1, 40))))
texts = arxiv[-60:] + random.sample(emotions, 30) + random.sample(others, 100) + hostile
write("vectors.jsonl.xz", [{"text": x, "ids": {n: t.encode(x).ids for n, t in made.items() if n != "minilm"}} for x in texts])
assert len(texts) == 300

# --- 10,000 documents: the hash of all ids, little-endian 32-bit, -1 behind every document
documents = others + arxiv + emotions + laws
assert len(documents) == 10000
hashes = {}
for n, t in made.items():
    h = hashlib.sha256()
    for e in t.encode_batch(documents):
        h.update(struct.pack(f"<{len(e.ids) + 1}i", *e.ids, -1))
    hashes[n] = h.hexdigest()
hashes = {"library": f"tokenizers {__version__}", "documents": {"scripts.jsonl.xz": 1500, "arxiv54": 7000, "goemotions": 1000, "eurlex57k": 500}, "ids": hashes}

# --- every character there is, through every normalizer and pre-tokenizer: the hash of what comes out, a 0 byte behind every string or piece
points = [c for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000]
steps = {"NFC": N.NFC(), "NFD": N.NFD(), "NFKC": N.NFKC(), "NFKD": N.NFKD(), "Lowercase": N.Lowercase(), "StripAccents": N.StripAccents(), "uncased": N.BertNormalizer(), "cased": N.BertNormalizer(lowercase=False)}
hashes["normalizers"] = {}
for name, n in steps.items():
    h = hashlib.sha256()
    for c in points:
        h.update(n.normalize_str("a" + chr(c) + "\u0323\u0301" + chr(c) + "A").encode() + b"\0")
    hashes["normalizers"][name] = {"config": json.loads(n.__getstate__()), "sha256": h.hexdigest()}
splitters = {"BertPreTokenizer": P.BertPreTokenizer(), "Whitespace": P.Whitespace(), "WhitespaceSplit": P.WhitespaceSplit(), "Punctuation": P.Punctuation(), "Digits": P.Digits(), "CharDelimiterSplit": P.CharDelimiterSplit(","),
             "gpt2": P.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"), "isolated"),
             "words": P.Split(Regex(r"\w+"), "merged_with_previous"), "classes": P.Split(Regex(r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{M}]+|[\p{P}\p{S}]+|\p{Nd}{1,3}|\b"), "contiguous")}
hashes["pre_tokenizers"] = {}
for name, p in splitters.items():
    h = hashlib.sha256()
    for c in points:
        for piece, _ in p.pre_tokenize_str("a" + chr(c) + "1 " + chr(c) + chr(c)):
            h.update(piece.encode() + b"\0")
        h.update(b"\0")
    hashes["pre_tokenizers"][name] = {"config": json.loads(p.__getstate__()), "sha256": h.hexdigest()}
with open(f"{here}/hashes.json", "w") as f:
    json.dump(hashes, f, indent=1)

# --- single steps on hostile strings
steps |= {"strip": N.Strip(), "left": N.Strip(right=False), "prepend": N.Prepend("▁"), "replace": N.Replace("a", "bb"), "regex": N.Replace(Regex(r"\s+"), " "), "empty": N.Replace(Regex("x*"), "-"), "line": N.Replace(Regex("^.|.$"), "|"), "sequence": N.Sequence([N.NFD(), N.StripAccents(), N.Lowercase(), N.Strip()])}
splitters |= {f"{pattern} {b}{' inverted' if i else ''}": P.Split(pattern if len(pattern) == 1 else Regex(pattern), b, invert=i) for pattern in (" ", r"\s+", r"[^\w\s]", "a*", r"(?m:.)\b")
              for b in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous") for i in (False, True)}
splitters |= {"bytes": P.ByteLevel(add_prefix_space=True), "whole": P.ByteLevel(add_prefix_space=False, use_regex=False), "twice": P.Sequence([P.ByteLevel(add_prefix_space=False), P.Digits(True)])}
rows = []
for x in hostile:
    if not x:
        continue
    for n in random.sample(list(steps), 4):
        rows.append({"normalizer": json.loads(steps[n].__getstate__()), "text": x, "out": steps[n].normalize_str(x)})
    for p in random.sample(list(splitters), 6):
        rows.append({"pre_tokenizer": json.loads(splitters[p].__getstate__()), "text": x, "out": [s for s, _ in splitters[p].pre_tokenize_str(x)]})
write("steps.jsonl.xz", rows)
