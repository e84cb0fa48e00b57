# start.sh - seconds from the command to the first training step of a MiniLM-size model, with data and tokens in the cache; the peer's imports beside it.
# Read by run. The whole command is timed, as its progress bar shows it: planning, the run's own process, data, weights.
cat >"$work/start.lua" <<'LUA'
local tl = require "tagloom"
local weights = tl.arg("minilm", "")
return tl.experiment {
	name = "start", data = tl.dataset { path = tl.arg("data", ""), name = "bench" },
	model = { weights ~= "" and tl.encoder.transformer { weights = weights } or tl.encoder.transformer {}, tl.label.classifier {} },
	train = { epochs = 1, select = "last", keep = "none" }, metrics = { "p@1" }, seeds = { tonumber(tl.arg("seed", "1")) },
}
LUA
start_peer=
has_peer torch transformers && start_peer=1
start_one() { # start_one SEED MINILM
	"$bench" start "$tagloom" run "$work/start.lua" --db "$work/start.db" -D data="$data" -D minilm="$2" -D seed="$1"
}
start_one 0 "$minilm" >/dev/null || return 1 # fills the caches
[ -z "$minilm" ] || start_one 0 "" >/dev/null || return 1
: >"$work/start-minilm"
: >"$work/start-scratch"
: >"$work/start-peer"
for start_i in $(seq "$rounds"); do
	[ -z "$minilm" ] || start_one "$start_i" "$minilm" >>"$work/start-minilm" || return 1
	start_one "$((100 + start_i))" "" >>"$work/start-scratch" || return 1
	[ -z "$start_peer" ] && continue
	start_began=$(now)
	HF_HUB_OFFLINE=1 "$python" -c "import torch, transformers; from transformers import AutoModel" 2>/dev/null
	since "$start_began" >>"$work/start-peer"
done
printf '%-28s %16s %12s\n' weights 'first step, s' 'its loss, s'
for start_kind in minilm scratch; do
	[ -s "$work/start-$start_kind" ] && printf '%-28s %16s %12s\n' "$start_kind" "$(field first_step_begins_s <"$work/start-$start_kind" | median)" "$(field first_loss_s <"$work/start-$start_kind" | median)"
done
[ -s "$work/start-peer" ] && printf '%-28s %16s\n' "imports of the peer alone" "$(median <"$work/start-peer")"
start_kind=minilm
[ -n "$minilm" ] || start_kind=scratch
said="$(field first_step_begins_s <"$work/start-$start_kind" | median) s to the first step (wanted: at most 1)"
