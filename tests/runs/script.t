# script.t - what the command makes of a script: exit status, identities that do not depend on who asks, changes that make another run.
. "$SRC/tests/runs/lib.sh"
identities() { sql "SELECT group_concat(identity) FROM (SELECT identity FROM run ORDER BY id)"; }
arms one good-1 good-2
tagloom run one.lua --db a.db >out 2>err
is "$? $(sql "SELECT count(*) FROM run WHERE status = 'done'")" "0 2" "two arms, two runs"
first=$(identities)
mkdir -p elsewhere/deep && cp one.lua elsewhere/deep/other.lua && cp -R data elsewhere/data
(cd elsewhere && tagloom run deep/other.lua --db ../b.db --threads 1 --jobs 2 >/dev/null 2>&1)
is "$(DB=b.db identities)" "$first" "identities do not depend on paths, threads, jobs or the script's name"
sed "s/p@1'/p@1', 'ndcg@3'/; s/name = 'one'/name = 'two'/; s/'good-1'/'renamed'/" one.lua >two.lua
tagloom run two.lua --db a.db >out 2>err
has "$? $(cat err)" "0 all 2 runs are done already; nothing to train" "nor on metrics, names of arms and experiments"
is "$(sql "SELECT count(*) || ' ' || (SELECT count(*) FROM arm_run) FROM run")" "2 4" "the runs serve the arms of both"
tagloom run one.lua --db a.db -D odd.seconds=0.1 >out 2>err
is "$(sql "SELECT count(*) FROM run")" 4 "a parameter makes other runs"
tagloom run one.lua --db a.db --limit-docs 30 >out 2>err
is "$(sql "SELECT count(*) FROM run") $(sql "SELECT max(n_train) || ' ' || min(n_train) FROM dataset")" "6 60 30" "so do fewer documents"
is "$(sql "SELECT value FROM param WHERE key = 'data.limit'" | sort -u)" 30 "which the database says"
is "$(sql "SELECT group_concat(path, ' ') FROM source WHERE experiment_id = 1") $(sql "SELECT script_text LIKE '%tl.label.odd%' FROM experiment WHERE id = 1")" "one.lua 1" "the script is kept"

cat >stop.lua <<'EOT'
local tl = require "tagloom"
local helper = require "lib.helper"
return tl.experiment { name = "stop", data = tl.dataset { path = "data", max_length = 16 }, model = { tl.encoder.bow { dim = 8, vocab = 200 }, tl.label.classifier {} },
	train = { epochs = 9, lr = 1e-2 }, metrics = { "p@1" }, seeds = { 1, 2 }, on_epoch = helper.stop }
EOT
mkdir -p lib && echo 'return { stop = function(run, m) if run.epoch == 2 + run.seed and m["p@1"] then return "stop" end end }' >lib/helper.lua
tagloom run stop.lua --db a.db >out 2>err
is "$? $(sql "SELECT group_concat(n, ' ') FROM (SELECT max(epoch) AS n FROM result JOIN run ON run.id = run_id JOIN arm_run USING (run_id) JOIN arm ON arm.id = arm_id JOIN experiment x ON x.id = experiment_id WHERE x.name = 'stop' AND split = 'valid' GROUP BY run_id ORDER BY run_id)")" \
	"0 3 4" "on_epoch stops a run"
is "$(sql "SELECT group_concat(path, ' ') FROM (SELECT path FROM source JOIN experiment x ON x.id = experiment_id WHERE x.name = 'stop' ORDER BY path)")" "lib/helper.lua stop.lua" "every file that was read is kept"
has "$(sql "SELECT text FROM message WHERE text LIKE '%on_epoch%'")" "stopped by on_epoch after epoch 3" "and the run says so"
echo 1 >lib/last && echo 'return {}' >lib/later.lua
printf '\357\273\277' >told.lua
sed 's/"stop"/"told"/; s/helper.stop/function(run) local later = require "lib.later"; assert(io.open("lib\/later.lua")); if run.epoch == math.tointeger(tonumber(io.lines("lib\/last")())) then return "stop" end end/; s/^return/local last, later = io.open(".\/lib\/last"):read("n"), require "lib.later"\n&/' stop.lua >>told.lua
tagloom run told.lua --db a.db >out 2>err
is "$? $(sql "SELECT group_concat(n, ' ') FROM (SELECT max(epoch) AS n FROM result JOIN run ON run.id = run_id JOIN arm_run USING (run_id) JOIN arm ON arm.id = arm_id JOIN experiment x ON x.id = experiment_id WHERE x.name = 'told' AND split = 'valid' GROUP BY run_id)")" \
	"0 1 1" "also one that reads a file beside the script, which a byte order mark may begin"
rm lib/last
has "$(tagloom reproduce --db a.db "$(sql "SELECT max(id) FROM run")" 2>&1)" "same bits" "and reads it from the database when it is reproduced"
out=$(tagloom run told.lua --db a.db --only full --only other 2>&1)
is "$? $out" "2 tagloom run: --only full and --only other: wanted one of them; --only is given once" "two arms to run alone are one too many"

echo 1 >lib/last && echo 'return 1' >lib/unseen.lua
for how in 'require "lib.unseen"' 'assert(loadfile "lib\/unseen.lua")' 'io.open "lib\/last"' 'io.lines "lib\/last"' 'dofile("lib\/unseen.lua")'; do
	sed "s/\"stop\"/\"late\"/; s/helper.stop/function() $how end/; s/{ 1, 2 }/{ 1 }/" stop.lua >late.lua
	out=$(tagloom run late.lua --db late.db 2>&1)
	is "$? $(echo "$out" | grep -c 'on_epoch reads what the script has read before; the database does not hold this')" "1 1" "$how in on_epoch alone: the run fails, and says why"
done
tagloom run late.lua --db late.db --trust >out 2>err
is "$?" 0 "--trust lifts that"
printf 'local tl = require "tagloom"\nlocal kept = io.open("lib/last"):read("a")\nlocal m = tl.module { name = "peeks", reads = { doc = "B m" }, writes = { doc = "B m" }, forward = function(self, slots) slots.doc = slots.doc * tonumber(io.open("lib/last"):read("a")) end }\n' >peeks.lua
sed '1,2d; s/"stop"/"peeks"/; s/, on_epoch = helper.stop//; s/tl.label.classifier/m {}, &/; s/epochs = 9/epochs = 1/' stop.lua >>peeks.lua
out=$(tagloom run peeks.lua --db late.db 2>&1)
is "$?" 1 "a file that forward reads fails the run"
has "$out" "peeks.lua:3: lib/last: a module's forward reads no files, for what they hold decides its numbers: read it at the top of the script" "with the line and the cure"
sed 's/io.open("lib\/last"):read("a"))/kept)/' peeks.lua >keeps.lua
tagloom run keeps.lua --db late.db --quiet
echo 2 >lib/last
tagloom run keeps.lua --db late.db --quiet
is "$? $(DB=late.db sql "SELECT count(DISTINCT run.identity) FROM run JOIN v_run ON run_id = id WHERE experiment = 'peeks' AND run.status = 'done'")" "0 4" "through a local it is part of the run's identity"

sed "s/name = 'one'/name = \"it's\"/" one.lua >its.lua
has "$(tagloom run its.lua --db 'a b.db' 2>&1)" "see: tagloom table --db 'a b.db' --experiment 'it'\\''s'" "what is told can be pasted into a shell"
sed 's/epochs = 9/epochs = 1/; s/, on_epoch.*/ }/' stop.lua >again.lua
tagloom run again.lua --db a.db >out 2>err
older=$(sql "SELECT min(id) FROM experiment WHERE name = 'stop'")
has "$(tagloom table --db a.db --experiment stop --no-tests | tr -s '\n ' ' ')" "2 finished runs of older scripts of this name left out; --experiment $older shows the last" "what only an older script had is told"
tagloom table --db a.db --experiment "$older" --no-tests >out 2>err
is "$? $(grep -c 'left out' out)" "0 0" "and shown by its number"
tagloom run one.lua --db parts.db --only good-1 --quiet
tagloom run one.lua --db parts.db --only good-2 --jobs 2 >/dev/null 2>&1
is "$(DB=parts.db sql "SELECT (SELECT count(*) || argv FROM experiment) || (SELECT count(*) FROM arm)")" '1[run,one.lua]2' "arms that are run one by one are arms of one experiment"
has "$(DB=parts.db sql "SELECT arm, pairs FROM v_compare WHERE split = 'test' AND grp = '' LIMIT 1")" "good-2" "which the views compare"
sed 's/"stop"/"seeds"/; s/epochs = 9/epochs = 1/; s/, on_epoch.*/ }/' stop.lua >seeds.lua
for seeds in 4 5,6; do tagloom run seeds.lua --db seeds.db -D seeds=$seeds --quiet; done
tagloom run seeds.lua --db seeds.db --quiet
is "$(DB=seeds.db sql "SELECT argv || ' ' || (SELECT group_concat(DISTINCT n) FROM v_summary WHERE split = 'test' AND grp = '') FROM experiment")" '[run,seeds.lua] 5' "so are seeds that are run one by one"
has "$(tagloom reproduce --db seeds.db 2 2>&1)" "same bits" "and each of them can be reproduced"
sed 's/seeds = { 1, 2 }/seeds = tl.arg("seeds", { 1, 2 })/' seeds.lua >asked.lua
tagloom run asked.lua --db asked.db -D seeds=4,5 --quiet
is "$? $(DB=asked.db sql "SELECT argv || ' ' || (SELECT group_concat(seed) FROM run) FROM experiment")" '0 [run,asked.lua,-D,seeds=4,5] 4,5' "an argument of that name is the script's own"
echo 2 >lib/list
printf 'local tl = require "tagloom"\nlocal arms = {}\nfor n in io.lines("lib/list") do arms[#arms + 1] = { "dim " .. n, { bow = { dim = tonumber(n) } } } end\n' >list.lua
sed '1,2d; s/"stop"/"list"/; s/, on_epoch = helper.stop/, arms = arms/; s/epochs = 9/epochs = 1/' stop.lua >>list.lua
tagloom run list.lua --db parts.db --quiet
run=$(DB=parts.db sql "SELECT max(id) FROM run")
echo 3 >lib/list
tagloom run list.lua --db parts.db --quiet
is "$(DB=parts.db sql "SELECT count(*) FROM experiment WHERE name = 'list'")" 2 "another text beside the script is another experiment"
has "$(tagloom reproduce --db parts.db "$run" 2>&1)" "same bits" "so that the first one can still be reproduced"
tagloom merge whole.db parts.db >/dev/null 2>&1 && tagloom merge whole.db parts.db >/dev/null 2>&1
is "$(DB=whole.db sql "SELECT group_concat(text) FROM source WHERE path = 'lib/list'" | tr -d '\n')" "2,3" "merge keeps both, once"
has "$(tagloom reproduce --db whole.db "$(DB=parts.db sql "SELECT identity FROM run WHERE id = $run")" 2>&1)" "same bits" "with what each of them read"
cp one.lua ./-Done.lua && tagloom run --db dash.db --limit-docs 40 -- -Done.lua >out 2>err
is "$? $(DB=dash.db sql "SELECT argv FROM experiment")" "0 [run,--limit-docs,40,--,-Done.lua]" "a script whose name looks like an option is run, and kept behind --"
has "$(tagloom reproduce --db dash.db 1 2>&1)" "same bits" "so that it can be reproduced"
mkdir -p bag && printf 'a 1:1\nb 2:1\n' >bag/train.svm && cp bag/train.svm bag/test.svm
printf 'local tl = require "tagloom"\nreturn tl.experiment { name = "bag", data = tl.dataset { path = "bag", reader = "svmlight" }, model = { tl.encoder.bow { dim = 8 }, tl.label.classifier {} } }\n' >bag.lua
out=$(tagloom run bag.lua --db c.db 2>&1)
is "$? $([ -e c.db ]; echo $?)" "2 1" "an encoder over bags of words: status 2, nothing is started"
has "$out" "reads texts, and the dataset bag has features only; tl.label.linear reads those" "and the sentence says why"
printf 'local tl = require "tagloom"\nreturn tl.experiment { name = "w", data = tl.dataset { path = "data" }, model = { tl.label.classifier {}, tl.encoder.bow { dim = 8 } } }\n' >wiring.lua
tagloom run wiring.lua --db c.db >out 2>err
is "$? $([ -e c.db ]; echo $?)" "2 1" "a wiring mistake: status 2, nothing is started"
has "$(cat err)" "wiring.lua:2" "with both ends' lines"
before() { # before WHAT SENTENCE: refused, nothing is started
	tagloom run stop.lua --db c.db -D "$1" >out 2>err
	is "$? $([ -e c.db ]; echo $?)" "2 1" "$1: status 2, nothing is started"
	has "$(cat err)" "$2" "and the sentence says why"
}
before bow.vocab=1 "a vocabulary of 1 tokens cannot be trained; wanted 7"
before data.max_length=1 "has no room for the 2 special tokens"
tagloom run stop.lua --db d.db -D data.max_length=1.6e1 -D seeds=1e9 -D train.epochs=1e0 -D bow.dim=8.0 >out 2>err
is "$? $(DB=d.db sql "SELECT seed || ' ' || (SELECT value FROM param WHERE key = 'data.max_length') FROM run")" "0 1000000000 16" "a whole number may be spelled 1e9"
tagloom run one.lua --db data >out 2>err
is "$?" 3 "a database that is a folder: status 3"
sed "s/path = 'data'/path = 'date'/" one.lua >three.lua
tagloom run three.lua --db c.db >out 2>err
is "$?" 3 "data that are not there: status 3"
tagloom run nothing.lua --db c.db >out 2>err
is "$?" 2 "a script that is not there: status 2"
tagloom run one.lua --db c.db --device cuda:0 >out 2>err
is "$?" 3 "a device that is not there: status 3"
tagloom run one.lua --dry-run --db c.db >out 2>err
is "$? $([ -e c.db ]; echo $?)" "0 1" "--dry-run starts nothing"
has "$(cat out)" "2 arms, 2 runs; nothing was trained" "and says so"
tagloom run one.lua --db c.db --quiet >out 2>err
is "$(cat out err)" "" "--quiet is quiet"
done_testing
