#!/usr/bin/env python3
"""Which characters the reference library `tokenizers` takes for what: asks it about every code point and writes host/data/unicode_tables.c.

needs from PyPI: pip install tokenizers; and libutf8proc.so.2 (the C side decomposes with it; only differences are written)
usage: unicode.py > host/data/unicode_tables.c

The library's own tables come from several Unicode versions at once (its crates are of different ages), so they are measured, not looked up.
"""
import ctypes
import unicodedata
from tokenizers import Regex, __version__, normalizers, pre_tokenizers

points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
lib = ctypes.CDLL("libutf8proc.so.2")
lib.utf8proc_version.restype = lib.utf8proc_unicode_version.restype = ctypes.c_char_p


class Property(ctypes.Structure):  # the head of utf8proc_property_t
    _fields_ = [("category", ctypes.c_int16), ("ccc", ctypes.c_int16)]


lib.utf8proc_get_property.restype = ctypes.POINTER(Property)
COMPAT, DECOMPOSE = 1 << 2, 1 << 4


def decompose(c, options):
    buffer, last = (ctypes.c_int32 * 64)(), ctypes.c_int()
    n = lib.utf8proc_decompose_char(c, buffer, 64, options, ctypes.byref(last))
    return list(buffer[:n])


def removed_by(pattern):
    p = pre_tokenizers.Split(Regex(pattern), "removed")
    return {c for c in points if not p.pre_tokenize_str(chr(c))}


def splits(p):  # the character ends a word
    return {c for c in points if len(p.pre_tokenize_str("a" + chr(c))) > 1}


bert = lambda **on: normalizers.BertNormalizer(**{**dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False), **on})
clean, accents, cjk = bert(clean_text=True), bert(strip_accents=True), bert(handle_chinese_chars=True)
word = pre_tokenizers.Whitespace()
sets = [  # the bits, in this order
    ("OTHER", {c for c in points if clean.normalize_str(chr(c)) == ""}),
    ("PUNCTUATION", splits(pre_tokenizers.Punctuation())),
    ("NONSPACING", {c for c in points if accents.normalize_str(chr(c)) == ""}),
    ("MARK", {c for c in points if normalizers.StripAccents().normalize_str(chr(c)) == ""}),
    ("SPACE", {c for c in points if not pre_tokenizers.WhitespaceSplit().pre_tokenize_str(chr(c))}),
    ("NUMERIC", splits(pre_tokenizers.Digits(True))),
    ("WORD", {c for c in points if len(word.pre_tokenize_str("a" + chr(c))) == 1 and word.pre_tokenize_str(chr(c))}),
    ("LETTER", removed_by(r"\p{L}")),
    ("NUMBER", removed_by(r"\p{N}")),
    ("REGEX_WORD", removed_by(r"\w")),
    ("CJK", {c for c in points if cjk.normalize_str(chr(c)) == " " + chr(c) + " "}),
]
assert {c for c in points if clean.normalize_str(chr(c)) == " "} == sets[4][1] - sets[0][1], "cleaning and splitting disagree about blanks"
assert removed_by(r"\s") == sets[4][1], "the regular expressions know other blanks"

flags = [0] * 0x110000
for bit, (_, members) in enumerate(sets):
    for c in members:
        flags[c] |= 1 << bit
runs = [c for c in range(0x110000) if c == 0 or flags[c] != flags[c - 1]]

nfd, nfkd, lower = normalizers.NFD(), normalizers.NFKD(), normalizers.Lowercase()
wrong_d = {c: [ord(x) for x in nfd.normalize_str(chr(c))] for c in points if [ord(x) for x in nfd.normalize_str(chr(c))] != decompose(c, DECOMPOSE)}
wrong_k = {c: [ord(x) for x in nfkd.normalize_str(chr(c))] for c in points if [ord(x) for x in nfkd.normalize_str(chr(c))] != decompose(c, DECOMPOSE | COMPAT)}
wrong_l = {c: [ord(x) for x in lower.normalize_str(chr(c))] for c in points if [ord(x) for x in lower.normalize_str(chr(c))] != [lib.utf8proc_tolower(c)]}

# Combining classes: one witness per class, then where a mark goes when it stands after and before the witnesses.
single = [c for c in points if nfd.normalize_str(chr(c)) == chr(c)]
ccc = {c: lib.utf8proc_get_property(c).contents.ccc for c in single}
low = 0x0334   # class 1
high = 0x0345  # class 240
moves = lambda a, b: nfd.normalize_str("a" + chr(a) + chr(b)) != "a" + chr(a) + chr(b)
witness = {}
for c in single:
    if ccc[c] and ccc[c] not in witness and (moves(c, low) or moves(high, c)):
        witness[ccc[c]] = c
wrong_c = {}
for c in single:
    has = moves(c, low) or moves(high, c)
    if not has:
        if ccc[c]:
            wrong_c[c] = 0
        continue
    # the class is k where neither order moves against the witness of k
    if ccc[c] in witness and not moves(c, witness[ccc[c]]) and not moves(witness[ccc[c]], c):
        continue
    wrong_c[c] = next(k for k, w in sorted(witness.items()) if not moves(c, w) and not moves(w, c))
wrong_c = {c: k for c, k in wrong_c.items() if c not in (low, high)}

# General categories as the reference's regular expressions see them, where Unicode 14 (PCRE2 10.42's) has others: a character of
# Unicode 14 with that category and as many bytes stands in for each, for matching.
assert unicodedata.unidata_version == "14.0.0", "run this with a Python whose unicodedata is of Unicode 14 (3.11)"
category = {}
for k in "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co".split():
    for c in removed_by(r"\p{%s}" % k):
        category[c] = k
width = lambda c: len(chr(c).encode())
stand_in = {(k, w): next((c for c in range(0x80, 0x110000) if not 0xD800 <= c < 0xE000 and width(c) == w and c != 0x180E and unicodedata.category(chr(c)) == k and category.get(c) == k), None)
            for k in {*category.values(), "Cn"} for w in (2, 3, 4)}
for w in (2, 3, 4):
    stand_in["Cn", w] = {2: 0x378, 3: 0xFFF0, 4: 0x1FFFE}[w]
wrong_g = {c: stand_in[category.get(c, "Cn"), width(c)] for c in points if category.get(c, "Cn") != unicodedata.category(chr(c)) and c > 127}
for c in wrong_g:
    if category.get(c) == "Lo" and (c >> 16) in (2, 3):
        wrong_g[c] = 0x20000
wrong_g[0x180E] = stand_in["Cf", 3]  # PCRE2 takes it for a blank
assert None not in wrong_g.values()
groups = []
for c in sorted(wrong_g):
    if groups and groups[-1][1] == c - 1 and groups[-1][2] == wrong_g[c]:
        groups[-1][1] = c
    else:
        groups.append([c, c, wrong_g[c]])


def table(name, entries, doc):
    print(f"/* {doc} */\nconst uint32_t tl_unicode_{name}[] = {{")
    line = ""
    for e in entries:
        text = ", ".join(f"0x{x:x}" if x > 9 else str(x) for x in e) + ","
        if len(line) + len(text) > 150:
            print("\t" + line.rstrip())
            line = ""
        line += text + " "
    print("\t" + line.rstrip() + "\n};" if line else "\t0\n};")
    print(f"const int tl_unicode_{name}_n = {sum(map(len, entries))};\n")


print(f"""/*
 * unicode_tables.c - made by tests/oracles/tokenizers/unicode.py from the behaviour of tokenizers {__version__}
 * against utf8proc {lib.utf8proc_version().decode()} (Unicode {lib.utf8proc_unicode_version().decode()}). Not edited by hand.
 * Bits: {', '.join(f'{1 << i} {name.lower()}' for i, (name, _) in enumerate(sets))}.
 */
#include "data/unicode.h"
""")
table("runs", [[c | flags[c] << 21] for c in runs], "runs of characters with the same bits: first character | bits << 21")
table("nfd", [[c, len(s), *s] for c, s in sorted(wrong_d.items())], "canonical decompositions that differ: character, length, characters")
table("nfkd", [[c, len(s), *s] for c, s in sorted(wrong_k.items())], "compatibility decompositions that differ")
table("lower", [[c, len(s), *s] for c, s in sorted(wrong_l.items())], "lower-casing that differs")
table("ccc", sorted(wrong_c.items()), "combining classes that differ: character, class")
table("stand_in", groups, "characters that PCRE2 takes for something else: first, last, which character to match instead")
