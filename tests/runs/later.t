# later.t - a metric that is asked for when everything is done comes from stored scores: through the script, table and compare.
. "$SRC/tests/runs/lib.sh"
script() { # script NAME METRICS
	cat >"$1.lua" <<EOT
local tl = require "tagloom"
return tl.experiment { name = "later", data = tl.dataset { path = "data", max_length = 16 }, seeds = { 1, 2 }, metrics = { $2 },
	model = { tl.encoder.bow { dim = 8, vocab = 200 }, tl.label.classifier {} }, train = { epochs = 3, lr = 1e-2, batch = 8 },
	arms = tl.ablate { ["wide"] = { bow = { dim = 12 } } } }
EOT
}
measured() { sql "SELECT count(*) FROM result JOIN metric ON metric.id = metric_id JOIN run ON run.id = run_id WHERE split = 'test' AND epoch = best_epoch AND name = '$1' AND grp = '${2:-}'"; }
script few '"p@1"'
script more '"p@1", "ndcg@3", "p@1:group=tail", "micro_f1:threshold=label_f1"'
tagloom run few.lua --db a.db >out 2>err
is "$? $(sql 'SELECT count(*) FROM run') $(measured p@1)" "0 4 4" "two arms, two seeds, one metric"
is "$(sql 'SELECT tokens_per_doc BETWEEN 3 AND 16 FROM dataset')" 1 "the database says how many tokens a document has"
tagloom run more.lua --db a.db >out 2>err
is "$? $(sql 'SELECT count(*) FROM run')" "0 4" "metrics added to a finished script: nothing is trained"
has "$(cat err)" "computed from the stored scores of 4 runs" "and it says where they come from"
is "$(measured ndcg@3) $(measured p@1 tail) $(measured micro_f1:threshold=label_f1)" "4 4 4" "every run has them"
tagloom run more.lua --db b.db >out 2>err
values="SELECT group_concat(v, ' ') FROM (SELECT identity || split || name || grp || value AS v FROM result JOIN metric ON metric.id = metric_id JOIN run ON run.id = run_id WHERE epoch = best_epoch AND split = 'test' ORDER BY 1)"
is "$(sql "$values")" "$(DB=b.db sql "$values")" "to the bit what a run measures by itself"
tagloom run more.lua --db a.db >out 2>err
lacks() { case "$1" in *"$2"*) ok 1 "$3" ;; *) ok 0 "$3" ;; esac; }
lacks "$(cat err)" "stored scores" "and are computed once"

out=$(tagloom table --db a.db --no-tests --metrics r@2,micro_f1:threshold=0.5)
is "$? $(measured r@2) $(measured micro_f1)" "0 4 4" "table: a metric that nobody measured"
has "$(echo "$out" | sed -n 2p)" "micro_f1" "table: by its shortest name"
tagloom rescore 1 --metrics r@1 --db a.db >out 2>err
out=$(tagloom table --db a.db)
is "$(measured r@1)" 4 "table: a metric that one run has is computed for the others"
lacks "$out" "–" "table: no cell stays empty"
side() { echo "(SELECT avg(value) FROM result x JOIN run r ON r.id = x.run_id JOIN metric m ON m.id = x.metric_id WHERE instr(t.$1, r.identity) AND m.name = t.metric AND m.signature = t.signature AND x.grp = t.grp AND x.split = t.split AND x.epoch = r.best_epoch)"; }
is "$(sql "SELECT count(DISTINCT metric) || ' ' || sum(abs(delta - $(side a) + $(side b)) > 1e-9) || ' ' || sum(NOT (low <= delta AND delta <= high)) FROM test t WHERE metric LIKE 'micro_f1%'")" "2 0 0" \
	"what is tested is the difference of the seeds' means, also where a metric is no mean over documents"
tagloom compare full wide --metrics p@2 --db a.db >out 2>err
is "$? $(measured p@2)" "0 4" "compare: a metric that nobody measured"
tagloom sql --write --db a.db "DELETE FROM prediction WHERE run_id = 1; DELETE FROM result WHERE run_id = 1 AND metric_id = (SELECT id FROM metric WHERE name = 'r@2')" >out 2>err
has "$(tagloom table --db a.db --metrics r@2 --no-tests)" "(n=1)" "table: a run without scores stays out"
for bad in 'bogus' 'p@1:group=nowhere' 'p' 'p@0'; do
	tagloom table --db a.db --metrics "$bad" >out 2>err
	is "$? $(cat out)" "2 " "table --metrics $bad: status 2: $(cat err)"
done

# --- how a run reads the data is not what the data are
sed 's/\["wide"\] = { bow = { dim = 12 } }/["short"] = { data = { max_length = 4 } }/' few.lua >short.lua
tagloom run short.lua --db f.db >out 2>err
is "$? $(DB=f.db sql "SELECT (SELECT count(*) FROM run) || ' ' || (SELECT count(*) FROM dataset) || ' ' || (SELECT count(*) FROM v_compare WHERE pairs = 2 AND split = 'test')")" "0 4 1 1" "arms with another max_length are other runs on the same dataset"
sed 's/\["wide"\] = { bow = { dim = 12 } }/["half"] = { data = { limit = 30 } }/; s/"p@1"/"p@1", "psp@1"/' few.lua >half.lua
tagloom run half.lua --db h.db >out 2>err
is "$? $(DB=h.db sql "SELECT group_concat(n_train, ' ') || ' ' || (SELECT count(*) FROM v_compare WHERE pairs = 2 AND split = 'test' AND metric = 'p@1') FROM dataset")" "0 60 30 1" "an arm with fewer training documents is compared, too"
out=$(tagloom table --db h.db --format csv)
is "$(echo "$out" | cut -d, -f2,4 | sed 1d | sort -u | grep -c '^data,')" 2 "in one table: both arms on one dataset"
has "$(echo "$out" | grep ',half,full,p@1')" ",2," "with its difference to the baseline"
is "$(echo "$out" | grep ',half,full,p@1' | cut -d, -f19 | grep -c .)" 1 "and a test"
has "$(echo "$out" | grep ',half,full,psp@1')" "the arms were trained on different documents, which decide this metric" "but not of what depends on the training documents"
sed 's/alpha/omega/' data/test.jsonl >changed && mv data/test.jsonl kept && mv changed data/test.jsonl
tagloom run half.lua --db h.db >out 2>err
mv kept data/test.jsonl
is "$(tagloom table --db h.db --format csv --no-tests | cut -d, -f2 | sed 1d | sort -u | grep -c .)" 2 "other test documents make another table"
printf 'local tl = require "tagloom"\nreturn tl.experiment { name = "s", data = tl.dataset { path = "data" }, model = { tl.encoder.bow {}, tl.label.classifier {} }, train = { select = "nothing@3" } }\n' >select.lua
tagloom run select.lua --db g.db >out 2>err
is "$? $([ -e g.db ]; echo $?)" "2 1" "train.select that is no metric: status 2, nothing is started"
chmod a-w a.db
tagloom table --db a.db --metrics p@1 --no-tests >out 2>err
is "$?" 0 "a database that cannot be written shows what it has"
done_testing
