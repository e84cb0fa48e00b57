# ops.sh - one thread's time of a training step, op by op, beside the least that it could take: counted operations at the measured rate of products, or bytes at the measured rate of copying,
# whichever is longer. Read by run; asked for by name. SIZE=base: BERT-base.
ops_model=$minilm
[ "${SIZE:-minilm}" = base ] && ops_model=base
"$bench" ops "$data" "$ops_model" "$docs" >"$work/ops" || return 1
printf '%-24s %10s %7s %9s %9s %10s %7s\n' op us/token share 'Gop/step' 'MB/step' 'floor us' ratio
grep '"op"' "$work/ops" | grep -v '"us_per_token": 0.0' | while read -r ops_line; do
	ops_field() { echo "$ops_line" | field "$1"; }
	printf '%-24s %10s %7s %9s %9s %10s %7s\n' "$(echo "$ops_line" | sed 's/{"op": "\([^"]*\)".*/\1/')" "$(ops_field us_per_token)" "$(ops_field share)" "$(ops_field products_g)" "$(ops_field mb)" \
		"$(ops_field floor_us)" "$(ops_field ratio)"
done
ops_floor=$(field floor_us <"$work/ops" | awk '{ sum += $1 } END { printf "%.1f\n", sum }') ops_all=$(grep machine "$work/ops" | field us_per_token)
echo "one thread, processor time: products $(grep machine "$work/ops" | field products_gflops) Gop/s, copying $(grep machine "$work/ops" | field copying_gb_s) GB/s; whole step $ops_all us a token, its floor $ops_floor"
said="$ops_all us a token, floor $ops_floor ($(ratio "$ops_floor" "$ops_all") of the time)"
