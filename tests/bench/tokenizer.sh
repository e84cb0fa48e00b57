# tokenizer.sh - MB of text per second on one core, one call per text: ours and Hugging Face tokenizers with the same tokenizer.json. Read by run.
# WordPiece: MiniLM's, else the one that the tests have; byte-level BPE: that of the tests.
token_peer=
has_peer tokenizers && token_peer=1
if [ -n "$token_peer" ] && [ ! -f "$data/train.jsonl.xz" ]; then
	echo "no peer: it reads train.jsonl.xz, which $data does not hold"
	token_peer=
fi
token_wordpiece=$minilm/tokenizer.json
[ -f "$token_wordpiece" ] || token_wordpiece=$SRC/tests/oracles/tokenizers/wordpiece-uncased.json
printf '%-16s %-20s %8s %9s\n' tokenizer program MB/s tokens
for token_kind in wordpiece bpe; do
	token_file=$token_wordpiece
	[ $token_kind = wordpiece ] || token_file=$SRC/tests/oracles/tokenizers/bpe.json
	: >"$work/token-ours"
	: >"$work/token-peer"
	for token_i in $(seq "$rounds"); do
		"$bench" tokenizer "$data" "$token_file" 10000 >>"$work/token-ours" || return 1
		[ -z "$token_peer" ] || RAYON_NUM_THREADS=1 "$python" "$SRC/tests/peers/tokenizers_speed.py" "$token_file" "$data" 10000 >>"$work/token-peer" || return 1
	done
	token_rate=$(field single_mb_s <"$work/token-ours" | median) token_other=$(field single_mb_s <"$work/token-peer" | median)
	printf '%-16s %-20s %8s %9s\n' $token_kind tagloom "$token_rate" "$(field tokens <"$work/token-ours" | median)"
	[ -z "$token_peer" ] || printf '%-16s %-20s %8s %9s\n' $token_kind tokenizers "$token_other" "$(field tokens <"$work/token-peer" | median)" \
		$token_kind 'tokenizers, batched' "$(field batch_mb_s <"$work/token-peer" | median)" ""
	said="$said${said:+, }$token_kind $token_rate MB/s per core$(beside "$token_rate" "$token_other" tokenizers)"
done
