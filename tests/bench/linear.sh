# linear.sh - seconds of TF-IDF + one-vs-rest on two threads, with the test metrics: the whole command with reading the files and storing the scores,
# nothing cached; and LibMultiLabel's preparation, training and testing, without its imports and reading. Both solve the same problem, which has no constant;
# what the module does by default, with one, is told beside it, run once. Read by run.
# SETS: data sets under TAGLOOM_DATA (default "goemotions reuters21578 aapd"); without TAGLOOM_DATA the abstracts that come with the sources.
linear_peer=
has_peer libmultilabel.linear && linear_peer=1
linear_sets=$data
if [ -n "$TAGLOOM_DATA" ]; then
	linear_sets=
	for linear_set in ${SETS:-goemotions reuters21578 aapd}; do
		if [ -f "$TAGLOOM_DATA/$linear_set/labels.txt" ]; then
			linear_sets="$linear_sets $TAGLOOM_DATA/$linear_set"
		else
			echo "left out: TAGLOOM_DATA=$TAGLOOM_DATA holds no $linear_set"
		fi
	done
fi
cat >"$work/linear.lua" <<'LUA'
local tl = require "tagloom"
return tl.experiment {
	name = "linear", data = tl.dataset { path = tl.arg("data", ""), name = "bench" }, model = { tl.label.linear { bias = tonumber(tl.arg("bias")) } },
	metrics = { "p@1", "p@3", "micro_f1", "macro_f1" }, seeds = { 1 },
}
LUA
linear_row='%-14s %-14s %8s %7s %7s %9s %9s\n'
linear_value() { # linear_value METRIC
	"$tagloom" sql --db "$work/linear.db" --format csv "SELECT printf('%.4f', value) FROM result JOIN metric ON metric.id = metric_id WHERE split = 'test' AND grp = '' AND name = '$1'" | tail -1
}
linear_ours() { # linear_ours FOLDER BIAS: seconds
	rm -rf "$work/linear.db" "$work/linear.db.d" "$work/cache"
	linear_start=$(now)
	TAGLOOM_CACHE=$work/cache "$tagloom" run "$work/linear.lua" --db "$work/linear.db" -D data="$1" -D bias="$2" --threads 2 --quiet || return 1
	since "$linear_start"
}
linear_told() { # linear_told NAME SECONDS
	printf "$linear_row" "$linear_name" "$1" "$2" "$(linear_value p@1)" "$(linear_value p@3)" "$(linear_value micro_f1)" "$(linear_value macro_f1)"
}
linear_set() { # linear_set FOLDER
	: >"$work/linear-ours"
	: >"$work/linear-peer"
	linear_with=$linear_peer linear_name=$(basename "$1")
	if [ -n "$linear_peer" ] && [ ! -f "$1/train.jsonl.xz" ]; then
		echo "no peer: it reads train.jsonl.xz, which $1 does not hold"
		linear_with=
	fi
	for linear_i in $(seq "$rounds"); do
		linear_ours "$1" 0 >>"$work/linear-ours" || return 1
		[ -z "$linear_with" ] && continue
		"$python" "$SRC/tests/peers/libmultilabel_linear.py" "$1" >"$work/linear-one" 2>"$work/linear-err" || { tail -3 "$work/linear-err" >&2; return 1; }
		cat "$work/linear-one" >>"$work/linear-peer"
	done
	linear_median=$(median <"$work/linear-ours")
	linear_other=$(awk -F'[:,]' '{ s = 0; for (i = 1; i < NF; i++) if ($i ~ /"(prepare|train|test)_s"/) s += $(i + 1); print s }' "$work/linear-peer" | median)
	linear_told tagloom "$linear_median"
	[ -z "$linear_with" ] || printf "$linear_row" "$linear_name" LibMultiLabel "$linear_other" "$(field P@1 <"$work/linear-peer" | median)" "$(field P@3 <"$work/linear-peer" | median)" \
		"$(field Micro-F1 <"$work/linear-peer" | median)" "$(field Macro-F1 <"$work/linear-peer" | median)"
	linear_default=$(linear_ours "$1" 1) || return 1
	linear_told "with constant" "$linear_default"
	said="$said${said:+, }$linear_name $linear_median s$(beside "$linear_median" "$linear_other" "LibMultiLabel's time")"
}
printf "$linear_row" data program seconds p@1 p@3 micro_f1 macro_f1
for linear_folder in $linear_sets; do
	linear_set "$linear_folder" || return 1
done
