# labels.sh - training and scoring over many labels: a classifier [L, 384] on a bag of words, batch 32, generated documents whose labels' frequency falls with one over their rank;
# EURLEX57K where TAGLOOM_DATA holds it. Read by run; asked for by name. LABELS ("100000 670000") are the sizes.
. "$SRC/tests/bench/generate.sh"
cat >"$work/labels.lua" <<'LUA'
local tl = require "tagloom"
return tl.experiment {
	name = "labels", data = tl.dataset { path = tl.arg("data", ""), name = "bench", limit = tonumber(tl.arg("limit", "160")) },
	model = { tl.encoder.bow { dim = 384, vocab = 20000 }, tl.label.classifier {} },
	train = { epochs = 1, batch = 32, lr = 1e-3, select = "last", keep = "none" }, metrics = { "p@1", "ndcg@5" }, seeds = { 1 },
}
LUA
printf '%-12s %10s %12s %14s %14s %12s\n' data labels 'ms a step' 'peak MB' 'weights, m, v' 'beyond, MB'
labels_row() { # labels_row NAME LABELS DATA
	rm -rf "$work/labels.db" "$work/labels.db.d"
	"$tagloom" run "$work/labels.lua" --db "$work/labels.db" -D data="$3" --threads 2 --quiet 2>"$work/labels-said" || { cat "$work/labels-said"; return 1; }
	"$tagloom" sql --db "$work/labels.db" --format csv "SELECT train_seconds, peak_rss_bytes / 1e6 FROM run" | sed 1d | tr , ' ' |
		awk -v name="$1" -v L="$2" '{ w = (L * 385 + 20000 * 384) * 4 * 3 / 1e6; printf "%-12s %10d %12.0f %14.0f %14.0f %12.0f\n", name, L, 1000 * $1 / 5, $2, w, $2 - w }'
}
for labels_n in ${LABELS:-100000 670000}; do
	generate "$work/labels-data" 160 60 "$labels_n"
	labels_row generated "$labels_n" "$work/labels-data" || return 1
done
[ ! -f "$TAGLOOM_DATA/eurlex57k/labels.txt" ] || labels_row eurlex57k 4271 "$TAGLOOM_DATA/eurlex57k" || return 1
said="weights, m, v: what weights and optimizer state come to; beyond: gradients, the step, texts and the program"
