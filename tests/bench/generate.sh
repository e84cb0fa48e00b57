# generate.sh - a data set of any size, read by benches. generate DIR DOCUMENTS WORDS LABELS: words and labels whose frequency falls with one over their rank.
generate() {
	mkdir -p "$1"
	awk -v L="$4" 'BEGIN { for (l = 0; l < L; l++) print "label" l }' >"$1/labels.txt"
	for generate_split in train test; do
		generate_n=$2
		[ $generate_split = train ] || generate_n=200
		awk -v seed="$generate_split" -v N="$generate_n" -v words="$3" -v L="$4" 'BEGIN {
			srand(seed == "train" ? 1 : 2)
			v = log(20000); l = log(L)
			for (i = 0; i < N; i++) {
				line = "{\"id\": \"" seed i "\", \"text\": \""
				for (w = 0; w < words; w++) line = line "w" int(exp(rand() * v)) " "
				a = int(exp(rand() * l)) - 1; b = int(exp(rand() * l)) - 1
				print line "\", \"labels\": [\"label" a "\"" (a == b ? "" : ", \"label" b "\"") "]}"
			}
		}' >"$1/$generate_split.jsonl"
	done
}
