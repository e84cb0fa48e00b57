# step.sh - tokens/s of training and inference at MiniLM size, batch 16: ours, the peer's layouts, and what the matrix products alone would allow.
# Read by run. Rounds alternate between the two programs; each warms up with two batches first.
step_peer=
has_peer torch && step_peer=1
"$bench" ids "$data" "$minilm" "$work/ids.json" "$docs" || return 1
: >"$work/step"
step_round() { # step_round MODE THREADS LAYOUTS
	"$bench" step "$data" "$minilm" "$1" "$docs" "$2" 1 >>"$work/step" || return 1
	for step_layout in $(echo "${step_peer:+$3}" | tr , ' '); do # one process each: so the peak memory is that layout's
		"$python" "$SRC/tests/peers/torch_step.py" "$data" --ids "$work/ids.json" --docs "$docs" --batch 16 --threads "$2" --rounds 1 --mode "$1" --layout "$step_layout" \
			--labels "$(grep -c . "$data/labels.txt")" >>"$work/step" || return 1
	done
	"$bench" step "$data" "$minilm" gemm "$docs" "$2" 1 >>"$work/step"
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
printf '%-6s %-8s %-9s %10s %10s %8s %9s\n' mode threads layout tokens/s products ratio 'peak MB'
for step_mode in train infer; do
	for step_threads in 2 1; do
		step_ours=$(step_rate ours $step_mode $step_threads) step_products=$(step_rate products $step_mode $step_threads)
		printf '%-6s %-8s %-9s %10s %10s %8s %9s\n' $step_mode $step_threads tagloom "$step_ours" "$step_products" "$(ratio "$step_ours" "$step_products")" "$(step_rate ours $step_mode $step_threads peak_rss_mb)"
		for step_layout in $(echo "$layouts" | tr , ' '); do
			step_peer_rate=$(step_rate "$step_layout" $step_mode $step_threads)
			[ "$step_peer_rate" = - ] && continue
			printf '%-6s %-8s %-9s %10s %10s %8s %9s\n' $step_mode $step_threads "$step_layout" "$step_peer_rate" "" "$(ratio "$step_ours" "$step_peer_rate")" "$(step_rate "$step_layout" $step_mode $step_threads peak_rss_mb)"
		done
	done
done
echo "ratio: in the line of tagloom, its share of what the matrix products of the linear layers alone would allow; in the others, tagloom over that layout. $rounds rounds of $docs documents."
said="train $(step_rate ours train 2) tokens/s on 2 threads$(beside "$(step_rate ours train 2)" "$(step_rate packed train 2)" packed)$(beside "$(step_rate ours train 2)" "$(step_rate pad512 train 2)" pad512)"
said="$said, peak $(step_rate ours train 2 peak_rss_mb) MB$(beside "$(step_rate ours train 2 peak_rss_mb)" "$(step_rate packed train 2 peak_rss_mb)" "packed's"), inference $(step_rate ours infer 2) tokens/s$(beside "$(step_rate ours infer 2)" "$(step_rate packed infer 2)" packed)"
