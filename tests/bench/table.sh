#!/bin/sh
# table.sh - how long `tagloom table` takes on a database of 10,000 runs x 50 metrics x 20 epochs. usage: tests/bench/table.sh --build DIR
SRC=$(cd "$(dirname "$0")/../.." && pwd) BUILD=.
[ "$1" = --build ] && BUILD=$2
tagloom=$(cd "$BUILD" && pwd)/tagloom
work=$(mktemp -d "${TMPDIR:-/tmp}/tagloom-bench-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
now() { date +%s%N; }
start=$(now)
"$tagloom" sql --db "$work/t.db" --write --file "$SRC/tests/bench/table.sql" || exit 1
echo "generated in $((($(now) - start) / 1000000)) ms, $(($(wc -c <"$work/t.db") / 1048576)) MiB"
measure() { # measure NAME ARGS...: milliseconds, median of 5 after one that warms the file cache
	name=$1
	shift
	for i in 0 1 2 3 4 5; do
		start=$(now)
		"$tagloom" table --db "$work/t.db" --no-tests "$@" >"$work/out" || exit 1
		[ $i -gt 0 ] && echo $((($(now) - start) / 1000000))
	done | sort -n | sed -n 3p >"$work/ms"
	echo "$name: $(cat "$work/ms") ms, $(wc -l <"$work/out") lines"
}
measure "csv" --format csv
measure "json" --format json
measure "one experiment" --experiment experiment-3
measure "all tables, text"
ms=$(cat "$work/ms")
echo "table: $ms ms for 10,000 runs x 50 metrics x 20 epochs (wanted: at most 1000)"
[ "$ms" -le 1000 ]
