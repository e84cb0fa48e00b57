# growth.sh - how time and memory grow with documents, length, labels, modules and runs in the database. Read by run; asked for by name only (about ten minutes).
# For every series: a line a size, then the exponent fitted to its last three sizes (cost ~ size^exponent). LARGEST (1000000) bounds documents and labels, RUNS (100000)
# the runs; GROWTH=DIR keeps the numbers (growth.tsv) and, where gnuplot is there, a picture (growth.svg).
growth_out=${GROWTH:-$work}
mkdir -p "$growth_out" || return 1
: >"$growth_out/growth.tsv"

. "$SRC/tests/bench/generate.sh"
growth_point() { # growth_point SERIES SIZE SECONDS MB
	printf '%s\t%s\t%.4g\t%.4g\n' "$@" >>"$growth_out/growth.tsv"
	tail -1 "$growth_out/growth.tsv" | awk -F '\t' '{ printf "%-34s %9s %10s %9s\n", $1, $2, $3, $4 + 0 ? $4 : "" }'
}
# growth_run SERIES WHAT SIZE DATA: seconds of the run's training and its peak memory; what it costs before training is another series
growth_run() {
	growth_began=$(now)
	"$tagloom" run "$SRC/tests/bench/growth.lua" --db "$work/growth-$2-$3.db" -D what="$2" -D n="$3" -D data="$4" --quiet 2>"$work/growth-said" || { cat "$work/growth-said"; return 1; }
	growth_all=$(since "$growth_began")
	"$tagloom" sql --db "$work/growth-$2-$3.db" "SELECT train_seconds, peak_rss_bytes / 1048576.0 FROM run" --format csv | sed 1d | tr , ' ' >"$work/growth-point"
	read -r growth_s growth_mb <"$work/growth-point"
	growth_point "$1" "$3" "$growth_s" "$growth_mb"
	[ "$2" != bow ] || growth_point "documents: whole command" "$3" "$growth_all" "$growth_mb"
	rm -f "$work/growth-$2-$3.db"
}
growth_sizes() { # growth_sizes FROM TO: powers of ten
	awk -v a="$1" -v b="$2" 'BEGIN { for (; a <= b; a *= 10) print a }'
}
printf '%-34s %9s %10s %9s\n' series size seconds 'peak MB'
for growth_size in $(growth_sizes 1000 "${LARGEST:-1000000}"); do
	generate "$work/growth-data" "$growth_size" 30 50
	growth_run "documents: linear" linear "$growth_size" "$work/growth-data" || return 1
	growth_run "documents: an epoch of bow" bow "$growth_size" "$work/growth-data" || return 1
	growth_began=$(now)
	"$tagloom" data stats "$work/growth-data" >/dev/null || return 1
	growth_point "documents: data stats" "$growth_size" "$(since "$growth_began")" 0
done
for growth_size in 32 64 128 256 512; do
	generate "$work/growth-data" 64 "$growth_size" 50
	growth_run "length: 64 documents, MiniLM size" length "$growth_size" "$work/growth-data" || return 1
done
for growth_size in $(growth_sizes 100 "${LARGEST:-1000000}"); do
	generate "$work/growth-data" 2000 30 "$growth_size"
	growth_run "labels: 2,000 documents" many "$growth_size" "$work/growth-data" || return 1
done
generate "$work/growth-data" 2000 30 50
for growth_size in 1 4 16 64; do
	growth_run "modules: 2,000 documents" modules "$growth_size" "$work/growth-data" || return 1
done
for growth_size in $(growth_sizes 100 "${RUNS:-100000}"); do
	# The database of table.sql with 5 metrics and 2 epochs; 100 runs an experiment, so that one experiment's table has the same size everywhere.
	sed -e 's/i < 50)/i < 5)/' -e "s/x WHERE i < 10)/x WHERE i < $((growth_size / 100)))/" -e 's/i < 20)/i < 2)/' -e 's|i / 200 + 1|i / 20 + 1|' -e 's/i % 200/i % 20/g' -e "s/i < 1999/i < $((growth_size / 5 - 1))/" \
		-e "s/i < 9999/i < $((growth_size - 1))/" -e 's/i % 20 + 1, 60.0/i % 2 + 1, 60.0/' "$SRC/tests/bench/table.sql" >"$work/growth.sql"
	"$tagloom" sql --db "$work/growth.db" --write --file "$work/growth.sql" >/dev/null || return 1
	for growth_what in "table --no-tests --experiment experiment-1" "table --no-tests" "runs"; do
		"$tagloom" $growth_what --db "$work/growth.db" >/dev/null || return 1
		growth_began=$(now)
		"$tagloom" $growth_what --db "$work/growth.db" >/dev/null
		growth_point "runs: $(echo "$growth_what" | sed 's/ --no-tests//; s/ --experiment.*/ of one experiment/')" "$growth_size" "$(since "$growth_began")" 0
	done
	rm -f "$work/growth.db"*
done
printf '\n%-34s %16s %16s\n' series 'time ~ size^' 'memory ~ size^'
awk -F '\t' '
	function fit(s, column,   i, k, x, y, n, sx, sy, sxx, sxy) {
		for (i = count[s]; i > count[s] - 3 && i > 0; i--) {
			if (value[s, i, column] <= 0) return "-"
			x = log(size[s, i]); y = log(value[s, i, column])
			n++; sx += x; sy += y; sxx += x * x; sxy += x * y
		}
		return n < 2 ? "-" : sprintf("%.2f", (n * sxy - sx * sy) / (n * sxx - sx * sx))
	}
	!count[$1]++ { order[++m] = $1 }
	{ size[$1, count[$1]] = $2; value[$1, count[$1], 1] = $3; value[$1, count[$1], 2] = $4 }
	END { for (i = 1; i <= m; i++) printf "%-34s %16s %16s\n", order[i], fit(order[i], 1), fit(order[i], 2) }' "$growth_out/growth.tsv"
if command -v gnuplot >/dev/null; then
	# A block a series, in the order of their first line; memory only where it was taken.
	for growth_column in 3 4; do
		awk -F '\t' -v c=$growth_column '
			!($1 in block) { order[++m] = $1 }
			$c + 0 > 0 { block[$1] = block[$1] $2 " " $c "\n" }
			END { for (i = 1; i <= m; i++) if (block[order[i]] != "") printf "%s\"%s\"\n%s", n++ ? "\n\n" : "", order[i], block[order[i]] }' "$growth_out/growth.tsv" >"$work/growth-$growth_column.dat"
	done
	gnuplot <<GNUPLOT || return 1
set terminal svg size 900,900 background "white" font "sans,13"
set output "$growth_out/growth.svg"
set logscale xy
set format x "%.0s%c"
set format y "%g"
set key outside right top Left reverse
set grid
set xlabel "documents, words, labels, modules, runs"
set multiplot layout 2,1
set ylabel "seconds"
stats "$work/growth-3.dat" using 1:2 nooutput name "T"
plot for [i = 0:T_blocks - 1] "$work/growth-3.dat" index i using 1:2 with linespoints linewidth 2 title columnheader(1), [100:1000000] x * 1e-5 with lines linecolor "gray" title "in proportion"
set ylabel "peak MB"
stats "$work/growth-4.dat" using 1:2 nooutput name "M"
plot for [i = 0:M_blocks - 1] "$work/growth-4.dat" index i using 1:2 with linespoints linewidth 2 title columnheader(1)
unset multiplot
GNUPLOT
fi
said="in $growth_out/growth.tsv"
