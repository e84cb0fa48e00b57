# lib.sh - what the tests of the papers' scripts share: generated data of a given shape, a tiny encoder without weights.
. "$SRC/tests/tap.sh"
TAGLOOM_CACHE=$TMP/cache
export TAGLOOM_CACHE
TINY="-D encoder=scratch -D transformer.dim=24 -D transformer.layers=2 -D transformer.heads=2 -D transformer.ffn=48 -D transformer.vocab=400 -D transformer.max_positions=512 -D data.max_length=300"

# make_data FOLDER LABELS TRAIN VALID TEST: documents of 20 to 50 words, each with 1 to 4 labels; words tell of labels. Frequencies fall off as a power does.
make_data() {
	mkdir -p "$1"
	awk -v L="$2" 'BEGIN { for (i = 0; i < L; i++) printf "l%d\tlabel %d\twhat label %d of %d is about\n", i, i, i, L }' >"$1/labels.txt"
	for split in train:$3 valid:$4 test:$5; do
		awk -v name="${split%%:*}" -v n="${split##*:}" -v L="$2" 'BEGIN {
			s = name == "train" ? 1 : name == "valid" ? 2 : 3; srand(s * 1000 + L)
			for (d = 0; d < n; d++) {
				k = 1 + int(rand() * 4); m = 20 + int(rand() * 30); text = ""; labels = ""; had = " "
				for (j = 0; j < k; j++) { l = int(exp(rand() * log(L + 0.0001))) - 1; if (l < 0) l = 0; if (index(had, " " l " ")) continue; had = had l " "; labels = labels (labels == "" ? "" : ", ") "\"l" l "\"" }
				mine = split(had, own, " ")
				for (w = 0; w < m; w++) text = text (w ? " " : "") (rand() < 0.4 ? "topic" own[1 + int(rand() * mine)] % 300 : "word" int(rand() * 200))
				printf "{\"id\": \"%s%d\", \"text\": \"%s\", \"labels\": [%s]}\n", name, d, text, labels
			}
		}' >"$1/${split%%:*}.jsonl"
	done
}
