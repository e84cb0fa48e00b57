# recipes.sh - the cost of a step of every recipe, of LAN and CACL at 3,956 labels, and of a module in Lua beside its C twin, relative to encoder + classifier, with floors by counted
# operations. Read by run; asked for by name. DOCS (64) bounds the documents, ROUNDS (3) the turns; ARM=NAME measures one arm.
recipes_many=$work/many
mkdir -p "$recipes_many"
awk 'BEGIN { for (l = 0; l < 3956; l++) print "label " l }' >"$recipes_many/labels.txt"
# The same texts with three to seven of 3,956 labels, whose frequency falls with one over their rank.
recipes_texts() {
	for recipes_file in "$data/train.jsonl" "$data/train.jsonl.xz" "$data/train.jsonl.gz"; do
		[ -f "$recipes_file" ] || continue
		case $recipes_file in *.xz) xz -dc "$recipes_file" ;; *.gz) gzip -dc "$recipes_file" ;; *) cat "$recipes_file" ;; esac 2>/dev/null | head -n 512
		return
	done
}
recipes_texts | awk 'BEGIN { srand(1); v = log(3956) } {
	sub(/"labels": *\[[^]]*\].*/, ""); line = ""; n = 3 + int(rand() * 5); delete seen
	for (k = 0; k < n; k++) { a = int(exp(rand() * v)) - 1; if (a in seen) continue; seen[a] = 1; line = line (line == "" ? "" : ", ") "\"label " a "\"" }
	print $0 "\"labels\": [" line "]}" }' >"$recipes_many/train.jsonl"
cp "$recipes_many/train.jsonl" "$recipes_many/test.jsonl"
"$BUILD/build/tests/bench/recipes" "$SRC/tests/bench/recipes.lua" "$docs" "$rounds" "$ARM" data="$data" many="$recipes_many" minilm="$minilm" >"$work/recipes" || return 1
sed -n 's/^{"products_gflops": \([0-9.]*\), "functions_g": \([0-9.]*\), "bytes_gb": \([0-9.]*\)}/one thread: products \1 Gop\/s, e^x \2 G\/s, copying \3 GB\/s/p' "$work/recipes"
printf '%-26s %8s %9s %6s %9s %9s %9s %7s %8s %6s\n' model 'ms/step' baseline ratio 'adds ms' 'floor ms' 'allowed' '' MB ratio
grep '"arm"' "$work/recipes" | while read -r recipes_line; do
	recipes_field() { echo "$recipes_line" | field "$1"; }
	printf '%-26s %8s %9s %6.2f %9s %9s %9s %7s %8s %6s\n' "$(echo "$recipes_line" | sed 's/{"arm": "\([^"]*\)".*/\1/')" "$(recipes_field ms)" "$(recipes_field baseline_ms)" "$(recipes_field ratio)" \
		"$(recipes_field added_ms)" "$(recipes_field added_floor_ms)" "$(recipes_field allowed_ms)" \
		"$(awk -v a="$(recipes_field added_ms)" -v b="$(recipes_field allowed_ms)" 'BEGIN { print (a <= b ? "" : "OVER") }')" "$(recipes_field mb)" "$(ratio "$(recipes_field mb)" "$(recipes_field baseline_mb)")"
done
echo "adds: to the baseline's step with the same data; allowed: 1.5 x floor + 5 % of the baseline's step. Processor time of one thread, least of $rounds rounds, $docs documents in batches of 16."
said="$(grep -c '"arm"' "$work/recipes") models measured"
