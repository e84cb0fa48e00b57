# resume.t - Ctrl-C and kill -9 in the middle of training: what goes on ends with the same bits as what was never stopped.
. "$SRC/tests/runs/lib.sh"
cat >long.lua <<'EOT'
local tl = require "tagloom"
return tl.experiment {
	name = "long", data = tl.dataset { path = "data", max_length = 16 }, seeds = { 3 }, metrics = { "p@1", "ndcg@3" },
	model = { tl.encoder.bow { dim = 16, vocab = 200 }, tl.label.classifier {} },
	train = { epochs = tl.arg("epochs", 4000), batch = 4, lr = 1e-3, eval_every = 1000, select = "ndcg@3" },
}
EOT
bits() { sql "SELECT weights_sha256 || ' ' || (SELECT group_concat(hex(logits)) FROM (SELECT logits FROM prediction WHERE run_id = run.id ORDER BY split, id)) || (SELECT group_concat(value) FROM (SELECT value FROM curve WHERE run_id = run.id ORDER BY name, step)) FROM run WHERE status = 'done'" | sha256sum; }
under_way() { # waits until the run of $DB is in the middle of its steps
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		sleep 0.1
		[ -f "$DB" ] && [ "$(sql "SELECT count(*) FROM run WHERE status = 'running'" 2>/dev/null)" = 1 ] && break
	done
	sleep 0.3
}
DB=whole.db
tagloom run long.lua --db whole.db >out 2>err
is "$?" 0 "a run that is left alone"
whole=$(bits)

DB=a.db
tagloom run long.lua --db a.db >out 2>err &
pid=$!
under_way
kill -INT $pid
wait $pid
is "$?" 130 "Ctrl-C: status 130"
is "$(sql "SELECT status FROM run")" killed "the run is resumable"
ok "$(ls a.db.d/*/checkpoint.safetensors >/dev/null 2>&1; echo $?)" "there is a checkpoint"
has "$(cat err)" "tagloom resume --db a.db" "and a word how to go on"
cp long.lua kept.lua
echo 'error "the script in the file is another one now"' >long.lua
tagloom resume --db a.db >out 2>err
is "$?" 0 "resume, by what the database holds"
is "$(bits)" "$whole" "ends with the same bits: weights, scores, curves"
ok "$(ls a.db.d/*/checkpoint.safetensors >/dev/null 2>&1; [ $? -ne 0 ]; echo $?)" "its checkpoint is gone"
cp kept.lua long.lua
tagloom resume --db a.db >out 2>err
has "$? $(cat err)" "0 nothing to continue" "nothing is left"

DB=b.db
tagloom run long.lua --db b.db >out 2>err &
pid=$!
under_way
kill -9 $pid
wait $pid 2>/dev/null
sleep 0.2
is "$(sql "SELECT status FROM run")" dead "kill -9: the run is dead"
tagloom resume --db b.db 1 >out 2>err
is "$?" 0 "resume RUN"
is "$(bits)" "$whole" "the same bits again"

# From any folder: relative paths of the script begin where it was started.
mkdir -p scripts
sed "s/epochs = tl.arg(\"epochs\", 4000)/epochs = 60/; s/seeds = { 3 }/seeds = { 4 }/" long.lua >scripts/short.lua
mkdir -p away && mv data moved
tagloom run scripts/short.lua --db c.db >out 2>err
is "$?" 3 "(data that are not there)"
mv moved data
tagloom run scripts/short.lua --db c.db >out 2>err
is "$?" 0 "a script beside which the data are not"
tagloom sql --db c.db --write "UPDATE run SET status = 'killed'" >/dev/null
(cd away && TAGLOOM_PLUGIN_PATH=../plugins:$BUILD/build/plugins tagloom resume --db ../c.db) >out 2>err
is "$? $(DB=c.db sql "SELECT status FROM run")" "0 done" "resume from another folder"
(cd away && tagloom reproduce --db ../c.db 1) >out 2>err
has "$? $(cat out)" "0 run 1: same bits" "reproduce from another folder"

DB=whole.db
tagloom reproduce --db whole.db 1 --threads 1 >out 2>err
is "$?" 0 "reproduce, with another number of threads"
has "$(cat out)" "run 1: same bits: weights" "says so"
rm long.lua
tagloom reproduce --db whole.db 1 >out 2>err
has "$? $(cat out)" "0 run 1: same bits" "the script's file is not needed"
cp data/train.jsonl kept.jsonl
sed 's/alpha/omega/' kept.jsonl >data/train.jsonl
tagloom reproduce --db whole.db 1 >out 2>err
is "$? $(cat out)" "1 run 1: changed since then: the data" "other data are named"
cp kept.jsonl data/train.jsonl
cp "$BUILD/build/plugins/encoders/bow.so" plugins/bow.so && printf x >>plugins/bow.so
tagloom reproduce --db whole.db 1 >out 2>err
is "$? $(cat out)" "1 run 1: changed since then: the plugin encoder/bow" "another plugin is named"
rm plugins/bow.so
TAGLOOM_ISA=plain tagloom reproduce --db whole.db 1 >out 2>err
case "$? $(cat out)" in
"1 run 1: changed since then: the instruction set"* | "0 run 1: same bits"*) ok 0 "another instruction set is named" ;;
*) ok 1 "another instruction set is named"; sed 's/^/# /' out ;;
esac
tagloom reproduce --db whole.db 9 >out 2>err
is "$?" 2 "a run that is not there"
done_testing
