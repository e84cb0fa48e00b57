# frozen.t - a frozen encoder through the commands: the sweep script, what a dry run says is left out and kept, real sizes among the parameters, lengths told early.
. "$SRC/tests/tap.sh"
sql() { tagloom sql --db "$1" --format csv "$2" | sed 1d | tr -d '\r"'; }
# A checkpoint to read: a small encoder as `export` writes it.
cat >tiny.lua <<LUA
local tl = require "tagloom"
return tl.experiment { name = "tiny", data = tl.dataset { path = "$SRC/scripts/data/arxiv", max_length = 24, limit = 40 }, metrics = { "p@1" }, train = { epochs = 0, select = "last" },
  model = { tl.encoder.transformer { dim = 16, layers = 3, heads = 2, ffn = 24, vocab = 300, max_positions = 48, pooled = "mean" }, tl.label.classifier {} } }
LUA
tagloom run tiny.lua --db tiny.db >/dev/null 2>err || cat err
tagloom export --db tiny.db --run 1 weights >/dev/null 2>err
ok $? "a small checkpoint"
ls weights >&2
sweep() { tagloom run "$SRC/scripts/frozen_sweep.lua" --db s.db -D data="$SRC/scripts/data/arxiv" -D data.max_length=40 -D minilm="$PWD/weights" -D seeds=1 -D train.epochs=1 --limit-docs 64 "$@"; }
sweep --dry-run >plan 2>err
is "$? $(grep -c '^arm ' plan)" "0 20" "the sweep has twenty arms"
is "$(grep -c 'left out: frozen: no dropout, no gradient' plan)" 20 "the dry run says what a frozen encoder leaves out"
is "$(grep -c 'kept: pooled of .* documents, computed once for all runs and mapped' plan)" 20 "and what is kept"
if [ -e "$BUILD/build/tests/cuda/tagloom-cuda-emulated.so" ]; then
	lean_on() { TAGLOOM_CUDA=$BUILD/build/tests/cuda/tagloom-cuda-emulated.so sweep --dry-run --device cuda:0 --only "$(sed -n 's/^arm \(.*\) on .*/\1/p' plan | sed 's/ (baseline)//;q')" "$@" 2>&1; }
	has "$(lean_on)" 'not kept: pooled of' "on a GPU auto keeps nothing, and the dry run says so"
	is "$(lean_on | grep -c 'once for all runs')" 0 "nor counts them once"
else
	skip "what is kept on a GPU" "no C++ compiler was found when it was configured"
fi
if command -v script >/dev/null 2>&1 && script -qec true /dev/null >/dev/null 2>&1; then
	folded=$(script -qec "stty cols 80; tagloom run tiny.lua --dry-run" /dev/null </dev/null | tr -d '\r')
	is "$(echo "$folded" | awk 'length($0) > 80 { n++ } END { print n + 0 }')" 0 "the dry run's lines fit a terminal"
	[ "$(tagloom run tiny.lua --dry-run | awk 'length($0) > 80 { n++ } END { print n + 0 }')" -gt 0 ]
	ok $? "what is piped is not broken"
else
	skip "the dry run's lines fit a terminal" "script(1) is not there"
fi
sweep --jobs 2 >out 2>err
is "$? $(sql s.db "SELECT count(*) FROM run WHERE status = 'done'")" "0 20" "twenty runs"
is "$(sql s.db "SELECT count(*) FROM message WHERE text LIKE '%computed once and kept%'") $(sql s.db "SELECT count(*) FROM message WHERE text LIKE '%from the cache%'")" "1 19" "one computes the outputs, the others map them"
is "$(sql s.db "SELECT group_concat(value, ' ') FROM (SELECT DISTINCT value FROM param WHERE key IN ('transformer.dim', 'transformer.layers', 'transformer.max_positions') ORDER BY key)")" "16 3 48" "parameters that the checkpoint decides are told as they are"
cat >lean.lua <<LUA
local tl = require "tagloom"
return tl.experiment { name = "lean", data = tl.dataset { path = "$SRC/scripts/data/arxiv", max_length = tl.arg("length", 40), limit = 40 }, metrics = { "p@1" },
  model = { tl.encoder.transformer { weights = "weights", pooled = tl.arg("pooled", "cls"), freeze = tl.arg("freeze", "0") }, tl.label.classifier {} } }
LUA
has "$(tagloom run lean.lua --dry-run 2>&1)" "left out: nobody reads every token: the last block computes keys and values of all, the rest of first tokens only" "pooled = cls: rows that nobody reads"
is "$(tagloom run lean.lua --dry-run -D pooled=mean 2>&1 | grep -c 'left out')" 0 "pooled = mean reads every row"
has "$(tagloom run lean.lua --dry-run -D freeze=2 2>&1)" "the embeddings and 2 of 3 blocks are frozen" "frozen blocks are told"
out=$(tagloom run lean.lua --db l.db -D freeze=many 2>&1)
is "$?" 2 "freeze = many is refused before anything starts"
has "$out" 'wanted 0, a number of blocks, or "all"' "in a sentence"
out=$(tagloom run lean.lua --db l.db -D length=49 2>&1)
is "$? $(ls l.db 2>/dev/null)" "2 " "documents longer than the encoder's positions: refused before anything starts"
has "$out" "tl.dataset: max_length lets sequences have 49 tokens, but transformer (lean.lua:3) has positions for 48" "with both numbers"
# What a frozen encoder costs: forward alone, in every step or once for all runs.
cat >cost.lua <<LUA
local tl = require "tagloom"
local token = tl.arg("token", "")
return tl.experiment { name = "cost", data = tl.dataset { path = "$SRC/scripts/data/arxiv", max_length = 40, limit = 40 }, metrics = { "p@1" }, train = { epochs = 1 },
  model = { token ~= "" and tl.label.joint { label_token = token, max_length = 128 } or tl.label.label_embedding { dim = 4 },
    tl.encoder.transformer { dim = 16, layers = 3, heads = 2, ffn = 24, vocab = 300, max_positions = 128, pooled = "mean", freeze = tl.arg("freeze", "0"), cache = tl.arg("cache", "none") }, tl.label.classifier {} } }
LUA
plan() { tagloom run cost.lua --dry-run "$@" 2>&1; }
gop() { plan "$@" | sed -n 's/.* s of matrix products (\([^ ]*\) Gop.*/\1/p'; }
every=$(gop -D freeze=all) trained=$(gop)
ok "$(awk "BEGIN { print !($every > 0.2 * $trained && $every < 0.4 * $trained) }")" "a frozen encoder is counted forward alone ($every of $trained Gop)"
is "$(TAGLOOM_CACHE_BYTES=1 gop -D freeze=all -D cache=auto)" "$every" "in every step where its outputs do not fit the cache"
once=$(plan -D freeze=all -D cache=f32 | sed -n 's/.*once for all runs at least [^ ]* s (\([^ ]*\) Gop).*/\1/p')
ok "$(awk "BEGIN { print !(${once:-0} > 10 * $every) }")" "once, with all 3040 documents, where they are kept (${once:-none} Gop)"
ok "$(awk "BEGIN { print !($(gop -D freeze=all -D cache=f32) < 0.1 * $every) }")" "and not in the steps"
has "$(plan -D freeze=all -D token=new)" "left out: frozen: no dropout, no gradient of their weights; what they compute is kept for the gradient of the vectors in the input" "trained label vectors get their gradient through a frozen encoder"
has "$(plan -D freeze=all -D token=name_mean)" "left out: frozen: no dropout, no gradient, nothing kept for one" "others get none"
cat >own.lua <<LUA
local tl = require "tagloom"
local n = tl.arg("n", 48)
return tl.experiment { name = "own", data = tl.dataset { path = "$SRC/scripts/data/arxiv", max_length = 40, limit = 40 }, metrics = { "p@1" }, train = { epochs = 1 },
  model = { tl.encoder.transformer { weights = "weights" }, tl.label.guide { label_length = n, label_source = tl.arg("source", "text") } },
  arms = { { "guide", {} }, { "texts", { model = { tl.encoder.transformer { weights = "weights" }, tl.label.label_text { max_length = n }, tl.label.lgfs {}, tl.label.classifier {} } } } } }
LUA
for arm in guide:label_length texts:max_length; do
	out=$(tagloom run own.lua --db o.db --only ${arm%:*} -D n=49 2>&1)
	is "$? $(ls o.db 2>/dev/null)" "2 " "${arm#*:} above the encoder's positions: refused before anything starts"
	has "$out" "${arm#*:} = 49, but the encoder has positions for 48 tokens" "with both numbers"
	tagloom run own.lua --db o.db --only ${arm%:*} --dry-run >/dev/null 2>err
	is "$? $(cat err)" "0 " "as many as there are"
done
tagloom run own.lua --only guide -D n=49 -D source=multihot --dry-run >/dev/null 2>err
is "$? $(cat err)" "0 " "where no text is encoded, its length refuses nothing"
tagloom run lean.lua --db l.db -D length=48 -D train.epochs=1 >/dev/null 2>&1
is "$?" 0 "as long as they are, they train"
done_testing
