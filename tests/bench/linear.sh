#!/bin/sh
# linear.sh - the linear baseline, from files to test metrics, against LibMultiLabel (LIBLINEAR). usage: tests/bench/linear.sh --build DIR
# PYTHON: a python with libmultilabel and liblinear-multicore; TAGLOOM_DATA: the folder with the data sets; SETS: which (default "goemotions reuters21578 aapd")
SRC=$(cd "$(dirname "$0")/../.." && pwd) BUILD=.
[ "$1" = --build ] && BUILD=$2
tagloom=$(cd "$BUILD" && pwd)/tagloom
[ -d "$TAGLOOM_DATA" ] || { echo "linear: set TAGLOOM_DATA to the folder that holds the data sets"; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/tagloom-bench-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
TAGLOOM_CACHE=$work/cache
export TAGLOOM_CACHE
middle() { sort -n "$1" | sed -n 2p; }
for set in ${SETS:-goemotions reuters21578 aapd}; do
	: >"$work/ours" && : >"$work/theirs"
	for round in 1 2 3; do
		rm -rf "$work/db" "$work/db.d" "$TAGLOOM_CACHE"
		start=$(date +%s%N)
		"$tagloom" run "$SRC/tests/bench/linear.lua" --db "$work/db" -D data="$TAGLOOM_DATA/$set" --threads 2 --quiet || exit 1
		echo $((($(date +%s%N) - start) / 1000000)) >>"$work/ours"
		[ -n "$PYTHON" ] && "$PYTHON" "$SRC/tests/peers/libmultilabel_linear.py" "$TAGLOOM_DATA/$set" 2>/dev/null >"$work/peer" &&
			sed 's/.*"prepare_s": \([0-9.]*\), "train_s": \([0-9.]*\), "test_s": \([0-9.]*\).*/\1 \2 \3/' "$work/peer" | awk '{ print 1000 * ($1 + $2 + $3) }' >>"$work/theirs"
	done
	ours=$(middle "$work/ours") theirs=$(middle "$work/theirs")
	"$tagloom" table --db "$work/db" --metrics p@1,p@3 --format csv | tail -1
	[ -s "$work/peer" ] && cat "$work/peer"
	echo "linear: $set: $ours ms on two threads, reading included${theirs:+; LibMultiLabel $theirs ms after reading, $(echo "$theirs $ours" | awk '{ printf "%.1f", $1 / $2 }') times as long}"
done
