# Runs and reference vectors on the emulated device (tests/cuda/emulate): the same kernels, on the CPU. With TAGLOOM_TEST_DEVICE=cuda:0 on
# this machine's device (make check-cuda).
. "$SRC/tests/tap.sh"
device=${TAGLOOM_TEST_DEVICE:-cuda:0}
if [ -z "$TAGLOOM_TEST_DEVICE" ]; then
	so=$BUILD/build/tests/cuda/tagloom-cuda-emulated.so
	if [ ! -e "$so" ]; then
		skip "runs on the emulated device" "no C++ compiler was found when it was configured"
		done_testing
		exit 0
	fi
	TAGLOOM_CUDA=$so
	export TAGLOOM_CUDA
	column=cuda-emulated:0
else
	column=$device
fi
sql() { tagloom sql --db "${DB:-a.db}" --format csv "$1" | sed 1d | tr -d '\r"'; }
mkdir -p data
awk 'BEGIN { srand(7); split("red green blue heavy light round square old new fast", w, " ");
	for (i = 0; i < 60; i++) { n = 3 + int(rand() * 9); t = ""; a = 0; for (k = 0; k < n; k++) { j = 1 + int(rand() * 10); t = t (k ? " " : "") w[j]; if (j <= 3) a = j }
		f = i < 40 ? "train" : i < 50 ? "valid" : "test"; printf "{\"id\": \"%d\", \"text\": \"%s\", \"labels\": [%s\"l%d\"]}\n", i, t, a ? "\"l" a "\", " : "", 4 + n % 3 >"data/" f ".jsonl" } }'
printf 'l1\nl2\nl3\nl4\nl5\nl6\n' >data/labels.txt
script() { # script FILE ENCODER TRAIN
	cat >"$1" <<LUA
local tl = require "tagloom"
return tl.experiment { name = "gpu", data = tl.dataset { path = "data", max_length = 24 },
	model = { $2, tl.label.classifier { dropout = 0.1, hidden = 16 } },
	train = { epochs = 2, batch = 16, lr = 1e-2, select = "ndcg@3", $3 }, metrics = { "p@1", "ndcg@3" }, seeds = { 1 } }
LUA
}
script one.lua 'tl.encoder.transformer { dim = 16, layers = 2, heads = 2, ffn = 32, vocab = 60, max_positions = 32 }' ''
TAGLOOM_EMULATE_PROTECT=1 tagloom run one.lua --db a.db --device "$device" --quiet >out 2>err
is "$?" 0 "a transformer is trained on the device"
[ -s err ] && sed 's/^/# /' err
is "$(sql 'SELECT status, device FROM run')" "done,$column" "the run says on which"
tagloom run one.lua --db b.db --device cpu --quiet >out 2>err
is "$?" 0 "and on the CPU"
curve() { DB=$1 sql "SELECT step || ' ' || printf('%.$2f', value) FROM curve WHERE name = 'loss.total' ORDER BY step"; }
is "$(curve a.db 3)" "$(curve b.db 3)" "the losses of every step are those of the CPU to three digits: same weights, batches, dropout masks"
is "$(DB=a.db sql 'SELECT count(*) FROM curve')" "$(DB=b.db sql 'SELECT count(*) FROM curve')" "nothing of the record is missing"
[ "$(DB=a.db sql 'SELECT identity FROM run')" != "$(DB=b.db sql 'SELECT identity FROM run')" ]
ok $? "the device is part of a run's identity"
TAGLOOM_EMULATE_ORDER=7 tagloom run one.lua --db c.db --device "$device" --quiet >out 2>err
is "$(DB=c.db sql 'SELECT weights_sha256 FROM run')" "$(DB=a.db sql 'SELECT weights_sha256 FROM run')" "again: the same bits, in another order of threads and blocks"
if [ -z "$TAGLOOM_TEST_DEVICE" ]; then
	for order in late:'batches come on the second stream' ahead:'all work but the coming of batches is done'; do
		rm -f c.db
		TAGLOOM_EMULATE_STREAMS=${order%%:*} tagloom run one.lua --db c.db --device "$device" --quiet >out 2>err
		is "$(DB=c.db sql 'SELECT weights_sha256 FROM run')" "$(DB=a.db sql 'SELECT weights_sha256 FROM run')" "${order#*:} as late as events allow: the same bits"
	done
	rm -f c.db
	TAGLOOM_EMULATE_STREAMS=lost tagloom run one.lua --db c.db --device "$device" --quiet >out 2>err
	[ "$(DB=c.db sql 'SELECT weights_sha256 FROM run')" != "$(DB=a.db sql 'SELECT weights_sha256 FROM run')" ]
	ok $? "without the events they would come too late, which shows"
fi
tagloom run one.lua --db a.db --device "$device" >out 2>err
has "$(cat out err)" "nothing" "a run that is done is not run again"
script two.lua 'tl.encoder.cnn { dim = 12, filters = 6, widths = { 2, 3 }, vocab = 60 }' 'accumulate = 2, optimizer = "sgd", '
tagloom run two.lua --db d.db --device "$device" --quiet >out 2>err && tagloom run two.lua --db e.db --quiet --device cpu >>out 2>>err
is "$?" 0 "a convolutional encoder, two batches a step, SGD"
is "$(curve d.db 3)" "$(curve e.db 3)" "the losses are those of the CPU"
script bad.lua 'tl.encoder.bow { dim = 8, vocab = 60 }' 'optimizer = "sgd", lr = 1e6, clip = 0, warmup = 0, '
tagloom run bad.lua --db f.db --device "$device" --quiet >out 2>err
is "$? $(DB=f.db sql 'SELECT status FROM run')" "1 failed" "numbers that are no longer finite end the run"
has "$(DB=f.db sql 'SELECT error FROM run')" "lower lr" "with the sentence"
script full.lua 'tl.encoder.transformer { dim = 64, layers = 2, heads = 2, ffn = 128, vocab = 60, max_positions = 32 }' ''
if [ -z "$TAGLOOM_TEST_DEVICE" ]; then
	TAGLOOM_EMULATE_MEMORY=600000 tagloom run full.lua --db g.db --device "$device" --quiet >out 2>err
	is "$? $(DB=g.db sql 'SELECT status FROM run')" "1 failed" "too little memory: the run is marked failed"
	has "$(DB=g.db sql 'SELECT error FROM run')" "of device memory were asked for" "and says what was asked for"
fi
tagloom run one.lua --db h.db --device "$device" -D train.precision=f64 >out 2>err
is "$?" 2 "f64 on a GPU is refused before anything starts"
has "$(cat err)" "--device cpu" "with a cure"
tagloom run one.lua --db h.db --device cpu -D train.precision=tf32 >out 2>err
is "$?" 2 "tf32 on the CPU is refused"
tagloom run one.lua --db h.db --device cuda:9 >out 2>err
is "$?" 3 "a device that is not there: status 3"
has "$(cat err)" "counted from 0" "and a sentence"
tagloom run one.lua --db i.db --device "$device" --quiet -D train.precision=tf32 >out 2>err
is "$?" 0 "tf32"
tagloom run one.lua --db h.db --device cpu -D train.precision=bf16 >out 2>err
is "$? $(ls h.db 2>/dev/null)" "2 " "bf16 on the CPU is refused before anything starts"
has "$(cat err)" "train.precision bf16: the CPU computes in f32 or f64; that one needs --device cuda" "in a sentence"
TAGLOOM_EMULATE_PROTECT=1 tagloom run one.lua --db j.db --device "$device" --quiet -D train.precision=bf16 -D train.epochs=6 >out 2>err
is "$?" 0 "bf16"
[ -s err ] && sed 's/^/# /' err
TAGLOOM_EMULATE_ORDER=7 tagloom run one.lua --db k.db --device "$device" --quiet -D train.precision=bf16 -D train.epochs=6 >out 2>err
is "$(DB=k.db sql 'SELECT weights_sha256 FROM run')" "$(DB=j.db sql 'SELECT weights_sha256 FROM run')" "again: the same bits, in another order of threads and blocks"
tagloom run one.lua --db k.db --device "$device" --quiet -D train.epochs=6 >out 2>err
is "$(DB=k.db sql "SELECT count(DISTINCT identity) || ' ' || count(DISTINCT weights_sha256) FROM run WHERE status = 'done'")" "2 2" "its identity and its weights are not those of f32"
near() { # near NAME AGGREGATE BOUND: the two runs' curves
	DB=k.db sql "SELECT CASE WHEN $2 < $3 THEN 'near' ELSE 'far: ' || $2 END FROM (SELECT max(value) - min(value) AS d, max(value) AS most FROM curve WHERE name = '$1' GROUP BY step HAVING count(*) = 2)"
}
is "$(near loss.total 'max(d / most)' 0.01)" near "the losses of all steps are within a hundredth of those of f32"
is "$(DB=k.db sql "SELECT CASE WHEN last < 0.97 * first THEN 'falls' ELSE 'stays' END FROM (SELECT (SELECT avg(value) FROM curve WHERE name = 'loss.total' AND step <= 3) AS first, (SELECT avg(value) FROM curve WHERE name = 'loss.total' AND step > 15) AS last)")" falls "and fall"
for other in 'tl.encoder.cnn { dim = 12, filters = 6, widths = { 2, 3 }, vocab = 60 }' 'tl.encoder.transformer { dim = 16, layers = 2, heads = 2, ffn = 32, vocab = 60, max_positions = 32, freeze = 1 }'; do
	script three.lua "$other" 'recompute = "layer", accumulate = 2, optimizer = "sgd", precision = tl.arg("precision", "bf16"), '
	rm -f k.db
	tagloom run three.lua --db k.db --device "$device" --quiet >out 2>err && tagloom run three.lua --db k.db --device "$device" --quiet -D precision=f32 >>out 2>>err
	is "$? $(near loss.total 'max(d / most)' 0.02)" "0 near" "bf16, layers computed again, SGD: ${other%% *}"
done
# Outputs of a frozen encoder, kept: near those that are computed in every step, and the same bits from the cache.
frozen() { # frozen NAME MODULES
	rm -f n.db m.db
	script frozen.lua "tl.encoder.transformer { dim = 12, layers = 2, heads = 2, ffn = 20, vocab = 60, max_positions = 32, freeze = 'all', cache = tl.arg('cache', 'none') }$2" ''
	for cache in none f32; do tagloom run frozen.lua --db n.db --device "$device" --quiet -D cache=$cache; done >out 2>err
	tagloom run frozen.lua --db m.db --device "$device" --quiet -D cache=f32 >>out 2>>err
	is "$(DB=n.db sql "SELECT count(*) FROM message WHERE text LIKE '%computed once and kept%'") $(DB=m.db sql "SELECT count(*) FROM message WHERE text LIKE '%from the cache%'")" "1 1" "frozen, $1: outputs are kept, and taken"
	is "$(DB=n.db sql "SELECT CASE WHEN count(*) > 0 AND max(d) < 1e-5 THEN 'near' ELSE 'far' END FROM (SELECT max(value) - min(value) AS d FROM curve WHERE name = 'loss.total' GROUP BY step HAVING count(*) = 2)")" near "the losses are those of outputs that are not kept"
	is "$(DB=m.db sql 'SELECT weights_sha256 FROM run')" "$(DB=n.db sql 'SELECT weights_sha256 FROM run ORDER BY id DESC LIMIT 1')" "the same bits from the cache"
}
frozen pooled ''
frozen hidden ', tl.label.label_embedding {}, tl.label.lan { attention_dim = 4 }'
frozen layers ', tl.label.guide { feature = false, link = false, feature_dim = 8, layers_text = 2, layers_label = 2 }'
# Every reference vector, in float32.
tagloom verify --device "$device" "$SRC"/tests/oracles/vectors/*.safetensors "$SRC"/tests/oracles/modules/*.safetensors >out 2>err
is "$?" 0 "reference vectors: $(grep -c '^ok' out) values"
grep '^not ok' out | head -20 | sed 's/^/# /'
tagloom verify --device "$device" --perturb "$SRC"/tests/oracles/vectors/classifier_bce_mean.safetensors >out 2>err
is "$?" 1 "and they can fail"
done_testing
