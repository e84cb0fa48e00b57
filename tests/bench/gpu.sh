# gpu.sh - training and inference steps on a GPU with random weights, at the sizes of MiniLM and BERT-base and batches of 16 and 64 documents: ours, and the peer's strongest layout there
# in bf16; then an epoch of the whole data set at the size of BERT-base, as `tagloom run` trains it. Read by run; asked for by name.
# DEVICE (cuda:0), PRECISION (bf16), SIZES (minilm base), BATCHES (16 64), DOCS (1024), LAYOUTS (varlen+compile), PEAK (790: TFLOP/s of products that were measured on the device),
# EPOCH=no leaves the epoch out.
gpu_device=${DEVICE:-cuda:0} gpu_precision=${PRECISION:-bf16} gpu_docs=${DOCS:-1024} gpu_layouts=${LAYOUTS:-varlen+compile} gpu_peer=
gpu_said=$("$tagloom" device "$gpu_device") || return 1
case $gpu_said in error*) echo "$gpu_said" | sed -n 2p >&2; return 1 ;; esac
echo "$gpu_said" | sed -n 2p
if has_peer torch; then
	gpu_peer=$("$python" -c 'import torch; print(torch.__version__ if torch.cuda.is_available() else "")')
	[ -n "$gpu_peer" ] && echo "PyTorch $gpu_peer" || echo "no peer: its PyTorch finds no GPU; only tagloom is measured"
fi
gpu_type=float32
[ "$gpu_precision" = bf16 ] && gpu_type=bfloat16
gpu_rows() { # gpu_rows LAYOUT: of the present round
	grep "\"layout\": \"$1\"" "$work/gpu" | field "$2" | median
}
gpu_ours() { DEVICE=$gpu_device PRECISION=$gpu_precision BATCH=$gpu_batch "$bench" step "$data" "$gpu_model" "$gpu_mode" "$gpu_docs" 2 "$rounds" >>"$work/gpu"; }
printf '%-8s %-6s %-6s %-16s %12s %8s %9s %7s\n' size batch mode layout tokens/s ratio TFLOP/s share
for gpu_size in ${SIZES:-minilm base}; do
	gpu_model=
	[ "$gpu_size" = base ] && gpu_model=base
	"$bench" ids "$data" "$gpu_model" "$work/gpu-ids.json" "$gpu_docs" || return 1
	for gpu_batch in ${BATCHES:-16 64}; do
		for gpu_mode in train infer; do
			: >"$work/gpu"
			gpu_beside=
			gpu_ours || return 1
			for gpu_layout in $(echo "${gpu_peer:+$gpu_layouts}" | tr , ' '); do
				"$python" "$SRC/tests/peers/torch_step.py" "$data" --ids "$work/gpu-ids.json" --size "$gpu_size" --docs "$gpu_docs" --batch "$gpu_batch" --rounds "$rounds" --mode "$gpu_mode" \
					--layout "$gpu_layout" --labels "$(grep -c . "$data/labels.txt")" --device cuda --dtype "$gpu_type" >>"$work/gpu" || return 1
			done
			gpu_ours || return 1 # on both sides of the peer
			gpu_rate=$(gpu_rows ours tokens_per_s) gpu_tflops=$(gpu_rows ours tflops)
			printf '%-8s %-6s %-6s %-16s %12s %8s %9s %7s\n' "$gpu_size" "$gpu_batch" "$gpu_mode" tagloom "$gpu_rate" "" "$gpu_tflops" "$(ratio "$gpu_tflops" "${PEAK:-790}")"
			for gpu_layout in $(echo "${gpu_peer:+$gpu_layouts}" | tr , ' '); do
				gpu_other=$(gpu_rows "$gpu_layout" tokens_per_s)
				printf '%-8s %-6s %-6s %-16s %12s %8s\n' "$gpu_size" "$gpu_batch" "$gpu_mode" "$gpu_layout" "$gpu_other" "$(ratio "$gpu_rate" "$gpu_other")"
				[ $gpu_mode = train ] && gpu_beside="$gpu_beside$(beside "$gpu_rate" "$gpu_other" "$gpu_layout")"
			done
			[ $gpu_mode = train ] && said="$said${said:+; }$gpu_size, batch $gpu_batch: $gpu_rate tokens/s$gpu_beside"
		done
	done
done
echo "TFLOP/s: products of the layers, attention's among them; share: of ${PEAK:-790}. ratio: tagloom over that layout, $gpu_precision. Medians of $rounds rounds of $gpu_docs documents, tagloom's on both sides of the peer's."
[ "$EPOCH" = no ] && return 0
cat >"$work/epoch.lua" <<'LUA'
local tl = require "tagloom"
return tl.experiment { name = "epoch", data = tl.dataset { path = tl.arg("data"), name = "bench", max_length = 512 },
	model = { tl.encoder.transformer { dim = 768, layers = 12, heads = 12, ffn = 3072, vocab = 30522, max_positions = 512, attention_dropout = 0 }, tl.label.classifier {} },
	train = { epochs = 1, batch = 64, precision = tl.arg("precision"), select = "last" }, metrics = { "p@1", "micro_f1" }, seeds = { 1 } }
LUA
TAGLOOM_CACHE=$work/cache "$tagloom" run "$work/epoch.lua" --db "$work/epoch.db" --device "$gpu_device" -D data="$data" -D precision="$gpu_precision" --quiet || return 1
gpu_epoch=$("$tagloom" sql --db "$work/epoch.db" --format csv "SELECT printf('%.1f', train_seconds) FROM run" | tail -1)
echo "an epoch of $name at the size of BERT-base, batch 64, evaluation included: $gpu_epoch s"
said="$said${said:+, }epoch $gpu_epoch s"
