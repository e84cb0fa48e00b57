# step.sh - tokens/s of training and inference, batch 16, at the size of MiniLM, or of BERT-base with SIZE=base and random weights: ours, the peer's layouts, and what the matrix products alone would allow.
# Read by run. Rounds alternate between the two programs; each warms up with two batches first.
step_peer=
has_peer torch && step_peer=1
step_size=${SIZE:-minilm} step_model=$minilm
[ "$step_size" = base ] && step_model=base
"$bench" ids "$data" "$step_model" "$work/ids.json" "$docs" || return 1
: >"$work/step"
step_round() { # step_round MODE THREADS LAYOUTS
	"$bench" step "$data" "$step_model" "$1" "$docs" "$2" 1 >>"$work/step" || return 1
	for step_layout in $(echo "${step_peer:+$3}" | tr , ' '); do # one process each: so the peak memory is that layout's
		"$python" "$SRC/tests/peers/torch_step.py" "$data" --ids "$work/ids.json" --size "$step_size" --docs "$docs" --batch 16 --threads "$2" --rounds 1 --mode "$1" --layout "$step_layout" \
			--labels "$(grep -c . "$data/labels.txt")" >>"$work/step" || return 1
	done
	"$bench" step "$data" "$step_model" gemm "$docs" "$2" 1 >>"$work/step"
}
step_rate() { # step_rate LAYOUT MODE THREADS [FIELD]
	grep "\"layout\": \"$1\"" "$work/step" | grep "\"mode\": \"$2\"" | grep "\"threads\": $3[,}]" | field "${4:-tokens_per_s}" | median
}
for step_i in $(seq "$rounds"); do
	for step_threads in 2 1; do
		for step_mode in train infer; do
			# one thread is compared with the strongest layout alone
			step_layouts=$layouts
			[ $step_threads = 2 ] || step_layouts=packed
			step_round $step_mode $step_threads "$step_layouts" || return 1
		done
	done
done
step_processor() { # step_processor LAYOUT MODE THREADS: microseconds of processor time for a token, least of the rounds; "-" where there is none
	grep "\"layout\": \"$1\"" "$work/step" | grep "\"mode\": \"$2\"" | grep "\"threads\": $3[,}]" | sed -n 's/.*"tokens": *\([0-9]*\).*"cpu_s": *\([0-9.]*\).*/\1 \2/p' |
		awk '{ x = $2 / $1 * 1e6; if (!n++ || x < least) least = x } END { if (n) printf "%.0f\n", least; else print "-" }'
}
printf '%-6s %-8s %-9s %10s %10s %8s %9s %10s %8s\n' mode threads layout tokens/s products ratio 'peak MB' 'cpu us/tok' ratio
for step_mode in train infer; do
	for step_threads in 2 1; do
		step_ours=$(step_rate ours $step_mode $step_threads) step_products=$(step_rate products $step_mode $step_threads)
		printf '%-6s %-8s %-9s %10s %10s %8s %9s %10s\n' $step_mode $step_threads tagloom "$step_ours" "$step_products" "$(ratio "$step_ours" "$step_products")" "$(step_rate ours $step_mode $step_threads peak_rss_mb)" \
			"$(step_processor ours $step_mode $step_threads)"
		for step_layout in $(echo "$layouts" | tr , ' '); do
			step_peer_rate=$(step_rate "$step_layout" $step_mode $step_threads)
			[ "$step_peer_rate" = - ] && continue
			printf '%-6s %-8s %-9s %10s %10s %8s %9s %10s %8s\n' $step_mode $step_threads "$step_layout" "$step_peer_rate" "" "$(ratio "$step_ours" "$step_peer_rate")" \
				"$(step_rate "$step_layout" $step_mode $step_threads peak_rss_mb)" "$(step_processor "$step_layout" $step_mode $step_threads)" \
				"$(ratio "$(step_processor "$step_layout" $step_mode $step_threads)" "$(step_processor ours $step_mode $step_threads)")"
		done
	done
done
echo "size: $step_size. cpu us/tok: processor time of all threads, least of the rounds; its ratio says how much more the peer needs."
echo "ratio: in the line of tagloom, its share of what the matrix products of the linear layers alone would allow; in the others, tagloom over that layout. $rounds rounds of $docs documents."
said="train $(step_rate ours train 2) tokens/s on 2 threads$(beside "$(step_rate ours train 2)" "$(step_rate packed train 2)" packed)$(beside "$(step_rate ours train 2)" "$(step_rate pad512 train 2)" pad512)"
said="$said, peak $(step_rate ours train 2 peak_rss_mb) MB$(beside "$(step_rate ours train 2 peak_rss_mb)" "$(step_rate packed train 2 peak_rss_mb)" "packed's"), inference $(step_rate ours infer 2) tokens/s$(beside "$(step_rate ours infer 2)" "$(step_rate packed infer 2)" packed)"
