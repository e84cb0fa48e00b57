#!/bin/sh
# tokenizer.sh - tokenization on one core against Hugging Face tokenizers. usage: tests/bench/tokenizer.sh --build DIR
# PYTHON: a python with that library; TAGLOOM_DATA: the folder with arxiv54; MINILM: a folder with its tokenizer.json (default: the committed WordPiece tokenizer)
SRC=$(cd "$(dirname "$0")/../.." && pwd) BUILD=.
[ "$1" = --build ] && BUILD=$2
BUILD=$(cd "$BUILD" && pwd)
[ -d "$TAGLOOM_DATA/arxiv54" ] || { echo "tokenizer: set TAGLOOM_DATA to the folder that holds arxiv54"; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/tagloom-bench-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
value() { sed -n "s/^$1 = *//p" "$BUILD/config.mak"; }
# shellcheck disable=SC2046
$(value CC) -std=c11 -D_GNU_SOURCE $(value CFLAGS) $(value INCS) -I"$SRC/include" -I"$SRC/host" "$SRC/tests/bench/tokenizer.c" "$BUILD"/build/host/base/*.o "$BUILD"/build/host/data/*.o \
	"$BUILD/build/gen/embedded.o" -o "$work/tokenizer" $(value LDFLAGS) $(value LIBS) || exit 1
docs=10000 train=$TAGLOOM_DATA/arxiv54/train.jsonl
middle() { sort -n "$1" | sed -n 2p; }
one() { # one NAME FILE
	: >"$work/ours" && : >"$work/theirs"
	for round in 1 2 3; do
		"$work/tokenizer" "$2" "$train" $docs >"$work/out" || exit 1
		cut -d' ' -f2 "$work/out" >>"$work/ours"
		[ -n "$PYTHON" ] && RAYON_NUM_THREADS=1 "$PYTHON" "$SRC/tests/peers/tokenizers_speed.py" "$2" "$TAGLOOM_DATA/arxiv54" $docs | sed 's/.*"single_mb_s": \([0-9.]*\).*/\1/' >>"$work/theirs"
	done
	ours=$(middle "$work/ours") theirs=$(middle "$work/theirs")
	echo "tokenizer: $1: $ours MB/s on one core${theirs:+; the reference library $theirs MB/s, $(echo "$ours $theirs" | awk '{ printf "%.1f", $1 / $2 }') times}"
}
one "byte-level BPE" "$SRC/tests/oracles/tokenizers/bpe.json"
[ -n "$MINILM" ] && wordpiece=$MINILM/tokenizer.json || wordpiece=$SRC/tests/oracles/tokenizers/wordpiece-uncased.json
one "WordPiece" "$wordpiece"
