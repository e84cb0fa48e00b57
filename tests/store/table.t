# The commands that read a database: table, compare, runs, sql, rescore, merge, doctor.
. "$SRC/tests/tap.sh"
TAGLOOM_DB=$TMP/d.db
export TAGLOOM_DB
unset NO_COLOR
tagloom sql --write --file "$SRC/tests/store/fill.sql" >out 2>&1
ok $? "a database is filled through sql --write"
cat out >&2

# --- table
out=$(tagloom table --experiment demo 2>err)
ok $? "table"
has "$out" "demo · alpha · test split · mean ± sd over seeds" "table: a heading says what it is"
has "$out" "full         3  0.5200 ± 0.0100" "table: n, mean and sample sd"
has "$out" "linear       1  0.4900" "table: an arm that needs no seed has n = 1 and no sd"
has "$out" "demo · beta · test split" "table: a second dataset has a table of its own"
has "$out" "failed: w/o ranking, seed 4, alpha (run 50): label/corank: loss is NaN at" "table: a failed run is told under it"
has "$out" "p@1 [b]: p@1|another|v0" "table: two definitions of a metric do not share a column"
is "$(echo "$out" | awk 'length($0) > 100' | wc -l)" 0 "table: no line runs away"
line=$(echo "$out" | grep '^p@1 \[a\] *w/o ranking' | head -1)
has "$line" "-0.0200" "table: delta to the baseline"
has "$line" "0/3" "table: seeds won and lost"
p=$(tagloom sql --format csv "SELECT p FROM test WHERE metric = 'p@1' AND grp = '' AND n_docs = 40 LIMIT 1" | tail -1)
ok "$(echo "$p" | awk '{ print !($1 > 0.005 && $1 < 0.08) }')" "table: tests are made from stored scores and kept ($p)"
kept=$(tagloom sql --format csv 'SELECT count(*) FROM test' | tail -1)
again=$(tagloom table --experiment demo)
is "$again" "$out" "table: the cache gives the same table"
is "$(tagloom sql --format csv 'SELECT count(*) FROM test' | tail -1)" "$kept" "table: and nothing is computed twice"
csv=$(tagloom table --experiment demo --format csv --metrics p@1:group=tail,hamming_loss)
is "$(echo "$csv" | sed -n 1p)" "experiment,dataset,split,arm,baseline,metric,group,signature,n,mean,sd,min,max,delta,low,high,wins,losses,p,p_holm,note" "csv: one line of names"
is "$(echo "$csv" | wc -l)" 13 "csv: a line per dataset, arm and metric"
is "$(echo "$csv" | sed -n 2p | cut -d, -f1-9)" "demo,alpha,test,full,full,p@1,tail,p@1|hits/k|ties:index|v1,3" "csv: metrics in the order asked for"
is "$(echo "$csv" | sed -n 2p | cut -d, -f10-11)" "0.25,0" "csv: equal values have an sd of 0"
has "$(tagloom table --experiment demo --format md)" "| full | 3 | **0.5200 ± 0.0100** |" "md: the best is bold"
latex=$(tagloom table --experiment demo --format latex)
has "$latex" '\toprule' "latex: booktabs"
has "$latex" 'hamming\_loss' "latex: names are escaped"
has "$latex" '$\pm$' "latex: plus-minus"
tagloom table --format json >t.json
ok $? "json"
has "$(cat t.json)" '"unfinished": [' "json: has its keys"
case $(head -c 12 t.json)$(tail -c 4 t.json) in '{"tables": ['*'}'*) good=0 ;; *) good=1 ;; esac
ok $good "json: all experiments in one object"
out=$(tagloom table --experiment demo --rows metric --cols arm)
has "$out" "metric          full " "--rows metric --cols arm"
out=$(tagloom table --experiment demo --rows arm --cols dataset --metrics hamming_loss)
has "$out" "arm          alpha" "--cols dataset"
out=$(tagloom table --experiment demo --rows arm --cols seed --metrics hamming_loss --no-tests)
has "$out" "seed 1  seed 2  seed 3" "--cols seed"
has "$(tagloom table --experiment demo --split valid)" "0.3000 ± 0.0000" "--split valid: the best epoch"
has "$(tagloom table --experiment demo --baseline 'w/o ranking')" "difference to w/o ranking" "--baseline"
has "$(tagloom table --experiment 2)" "other · alpha" "--experiment by id"
refuse() { # refuse STATUS WORDS NAME ARGS...
	status=$1 words=$2 name=$3
	shift 3
	tagloom "$@" >out 2>err
	is "$?" "$status" "$name: exit status"
	has "$(cat err)" "$words" "$name: the sentence"
}
refuse 2 "did you mean demo" "an unknown experiment" table --experiment dmo
refuse 2 "did you mean hamming_loss" "an unknown metric" table --experiment demo --metrics haming_loss
refuse 2 "did you mean w/o ranking" "an unknown baseline" table --experiment demo --baseline 'w/o rankin'
refuse 2 "--rows and --cols name the same" "one dimension twice" table --rows arm --cols arm
refuse 2 "wanted text, md, latex, csv or json" "an unknown format" table --format html
refuse 3 "there is no database" "no database" table --db nowhere.db
has "$(tagloom table --reported labelcorank/table8)" "w/o correlation matrix" "--reported: the paper's rows"
refuse 2 "wanted one of labelcorank/{" "an unknown table of a paper" table --reported labelcorank/table99

# --- a narrow terminal
if command -v script >/dev/null 2>&1 && script -qec true /dev/null >/dev/null 2>&1; then
	long='an arm with a name as long as a sentence, which no terminal of eighty columns has room for'
	tagloom merge wide.db "$TAGLOOM_DB" >/dev/null 2>&1
	tagloom sql --write --db wide.db "UPDATE arm SET name = '$long' WHERE name = 'linear'"
	on_terminal() { script -qec "stty cols $1; NO_COLOR=1 tagloom runs --db wide.db" /dev/null </dev/null | tr -d '\r'; }
	out=$(on_terminal 80)
	is "$(echo "$out" | LC_ALL=C.UTF-8 awk '{ gsub(/[\200-\277]/, ""); if (length($0) > 80) n++ } END { print n + 0 }')" 0 "runs: rows fit a terminal"
	has "$out" "an arm with a name …  alpha     any  done" "names are cut"
	has "$out" "    label/corank: loss is NaN at step 7" "errors are told whole, below"
	has "$(on_terminal 300)" "$long" "a wide one has room for everything"
	has "$(tagloom runs --db wide.db)" "$long" "and what is piped is whole"
else
	skip "rows fit a terminal" "script(1) is not there"
fi

# --- compare
out=$(tagloom compare full 'w/o ranking' --experiment demo)
has "$out" "parameter  corank.ranking  –         false" "compare: a parameter that one side lacks"
has "$out" "1.0 aaaa  1.1 bbbb" "compare: plugin version and hash"
has "$out" "full (n = 3) and w/o ranking (n = 3) · alpha" "compare: who"
out=$(tagloom compare 11 12)
is "$(echo "$out" | sed -n '/^what differs/,$p' | sed -n '3p;4p')" "run   seed  1       2" "compare: two runs of one arm differ in the seed alone"
has "$out" "1/0" "compare: two runs pair whatever their seeds"
has "$(tagloom compare other/full 'w/o ranking')" "experiment  name" "compare: EXPERIMENT/ARM"
has "$(tagloom compare 11 12 --format json)" '"differences": [' "compare: json"
refuse 2 "neither an arm nor a run" "an unknown side" compare full nobody
refuse 2 "run 50 is failed" "an unfinished run" compare 11 50

# --- runs
is "$(tagloom runs --status failed --format csv | sed -n 2p | cut -d, -f1-6)" "50,demo,w/o ranking,alpha,4,failed" "runs --status"
has "$(tagloom runs --experiment other)" " 11 " "runs --experiment: a shared run"
refuse 2 "did you mean done" "an unknown status" runs --status doen

# --- sql
is "$(tagloom sql --format csv "SELECT 1 AS a, 2.5 AS b, NULL AS c, 'x,y' AS d" | tail -1)" '1,2.5,,"x,y"' "sql: csv"
has "$(tagloom sql --format json "SELECT 'a\"b' AS t")" '[
 {"t": "a\"b"}
]' "sql: json"
refuse 3 "open for reading only" "a change without --write" sql "DELETE FROM run"
is "$(tagloom sql --format csv 'SELECT count(*) FROM run' | tail -1)" 15 "sql: nothing was deleted"
refuse 2 "no such column" "a wrong query" sql "SELECT nowhere FROM run"
is "$(echo 'SELECT 7 AS x;' | tagloom sql --file - --format csv | tail -1)" 7 "sql: statements from standard input"
for f in "$SRC"/results/queries/*.sql; do
	tagloom sql --file "$f" >out 2>&1
	ok $? "results/queries/$(basename "$f")"
done

is "$(tagloom sql --file best-arms)" "$(tagloom sql --file "$SRC/results/queries/best-arms.sql")" "sql: a query that the program carries, by name"
refuse 3 "did you mean slowest-runs; there are best-arms, " "sql: a query that is not there" sql --file slowest-run
refuse 3 "nowhere.db: cannot be attached: there is no such file" "sql: attaching what is not there" sql "ATTACH 'nowhere.db' AS x"
cp "$TAGLOOM_DB" other.db
is "$(tagloom sql --format csv "ATTACH 'other.db' AS x; SELECT count(*) FROM x.run" | tail -1)" 15 "sql: attaching another database"
for change in "PRAGMA query_only = 0; DELETE FROM run" "PRAGMA journal_mode = DELETE" "PRAGMA user_version = 3" "CREATE TABLE t (a)"; do
	refuse 3 "open for reading only" "sql: $change" sql "$change"
done
is "$(tagloom sql --format csv 'SELECT count(*) FROM run' | tail -1)" 15 "sql: nothing was deleted"

# --- rescore: 32 of 40 right, and half of the documents
tagloom rescore 11 14 --metrics p@1,ndcg@3 --format csv >out 2>err
ok $? "rescore"
cat err >&2
is "$(grep '^11,test,p@1' out | cut -d, -f4-5)" "0.8,40" "rescore: from scores alone"
is "$(tagloom sql --format csv "SELECT count(*) FROM result x JOIN metric m ON m.id = x.metric_id WHERE m.name = 'ndcg@3' AND x.run_id IN (11, 14) AND x.epoch = 3" | tail -1)" 2 "rescore: stored at the best epoch"
refuse 2 "did you mean ndcg" "rescore: an unknown metric" rescore 11 --metrics nddcg@3
refuse 2 "holds 15 runs" "rescore: an unknown run" rescore 999 --metrics p@1
refuse 3 "no scores are stored" "rescore: a run without scores" rescore 17 --metrics p@1

# --- merge
tagloom merge copy.db "$TAGLOOM_DB" >out 2>&1
ok $? "merge makes a copy of a database"
has "$(cat out)" "15 runs added" "merge: says what came"
has "$(tagloom merge copy.db "$TAGLOOM_DB")" "0 runs added, 0 brought up to date" "merge again: nothing"
is "$(tagloom table --db copy.db --format csv)" "$(tagloom table --format csv)" "the copy gives the same tables"
refuse 3 "nothing was merged" "merge: a source that is not there" merge copy.db gone.db
mkdir -p "$TMP/e.db.d/$(printf '%064x' 111)" && echo weights >"$TMP/e.db.d/$(printf '%064x' 111)/w"
tagloom merge e.db copy.db >/dev/null && tagloom sql --db e.db --write "INSERT INTO artifact SELECT id, 'weights', '/elsewhere/e.db.d/' || identity || '/w', 'abc', 8 FROM run WHERE identity = '$(printf '%064x' 111)'" && tagloom merge f.db e.db >out
has "$(cat f.db.d/*/w)" weights "merge brings the files of the runs"
is "$(tagloom sql --db f.db --format csv "SELECT path FROM artifact WHERE kind = 'weights' AND bytes = 8" | tail -1)" "f.db.d/$(printf '%064x' 111)/w" "and says where they are now"

# --- doctor
tagloom doctor >out 2>err
is "$?" 0 "doctor: a sound database"
has "$(cat out)" "GEMM library" "doctor: the machine"
has "$(cat out)" "plugins       " "doctor: plugins"
has "$(cat out)" "14 done, 1 failed" "doctor: runs"
cp "$TAGLOOM_DB" hurt.db
tagloom sql --db hurt.db --write "UPDATE result SET epoch = 2 WHERE split = 'test' AND run_id = 11" >/dev/null
refuse 3 "contradict" "doctor: test results of another epoch" doctor --db hurt.db
size=$(wc -c <hurt.db)
dd if=/dev/urandom of=hurt.db bs=4096 seek=6 count=$((size / 4096 - 8)) conv=notrunc 2>/dev/null
tagloom doctor --db hurt.db >out 2>err
is "$?" 3 "doctor: a damaged file"

# --- docs/database.md: every example runs, every table and view has one
awk '/^```sql/ { on = 1; next } /^```/ { on = 0 } on' "$SRC/docs/database.md" >examples.sql
tagloom sql --file examples.sql >out 2>err
ok $? "every example of docs/database.md runs"
cat err >&2
awk '/^```sql tl_decode/ { next } /^```sql$/ { on = 1; next } /^```/ { on = 0 } on' "$SRC/docs/database.md" >plain.sql
if command -v sqlite3 >/dev/null 2>&1; then
	sqlite3 -bail "$TAGLOOM_DB" <plain.sql >out 2>err
	ok $? "and, but for tl_decode, in the sqlite3 shell"
	cat err >&2
else
	skip "the examples in the sqlite3 shell" "there is no sqlite3 here"
fi
missing=
for name in $(tagloom sql --format csv "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'" | tail -n +2); do
	grep -q "\*\*\`$name\`\*\*" "$SRC/docs/database.md" && grep -qE "(FROM|JOIN) $name( |;|\$)" examples.sql || missing="$missing $name"
done
is "$missing" "" "every table and view is described, with an example"

latex=$(tagloom sql --format latex "SELECT '[a|b]' AS x, '*' AS y UNION ALL SELECT '*', 1")
has "$latex" '{}[a$|$b]' "latex: a bracket at the start of a row is not the line end's"
has "$latex" '{}* & 1' "latex: nor is a star"
# --- rows that another program wrote
tagloom sql --write "INSERT INTO experiment (id, name) VALUES (90, 'hand'); INSERT INTO arm (id, experiment_id, name, is_baseline) VALUES (90, 90, 'base', 1), (91, 90, 'same', 0), (92, 90, 'endless', 0), (93, 90, 'once', 0);
	INSERT INTO run (id, dataset_id, seed, identity, status, best_epoch, seedless) VALUES (90, 1, 1, 'h90', 'done', 1, 0), (91, 1, 2, 'h91', 'done', 1, 0), (92, 1, 1, 'h92', 'done', 1, 0), (93, 1, 1, 'h93', 'done', 1, 1), (94, 1, 1, 'h94', 'done', 1, 0), (95, 1, 2, 'h95', 'done', 1, 0);
	INSERT INTO arm_run VALUES (90, 90), (90, 91), (92, 92), (93, 93), (91, 94), (91, 95);
	INSERT INTO result (run_id, split, epoch, metric_id, value) VALUES (90, 'test', 1, 2, 0.5), (91, 'test', 1, 2, 0.25), (92, 'test', 1, 2, 9e999), (93, 'test', 1, 2, 0.375), (94, 'test', 1, 2, 0.5), (95, 'test', 1, 2, 0.25)"
out=$(tagloom table --experiment hand --no-tests; echo .)
has "$out" "base     2  0.3750 ± 0.1768" "an infinite value in another arm takes no digits away"
has "$out" "endless  1  –" "and is undefined itself"
is "$(echo "$out" | tail -2)" "$(printf 'hamming_loss  once  +0.0000  1/1\n.')" "nothing stands below where there is nothing to tell"
out=$(tagloom table --experiment hand --no-tests --cols seed)
has "$out" "once     0.3750  0.3750" "a run that needs no seed stands under each"
out=$(tagloom compare hand/base hand/same)
has "$out" "nothing differs in parameters, plugins, data or script" "arms that differ in nothing"
is "$(echo "$out" | grep -c "^what  name")" 0 "have no empty table of differences"
tagloom sql --write "UPDATE run SET seed = NULL WHERE id IN (91, 95); UPDATE run SET seed = 0 WHERE id = 90; INSERT INTO run (id, dataset_id, identity, status) VALUES (96, 1, 'h96', 'failed'); INSERT INTO arm_run VALUES (92, 96)"
out=$(tagloom table --experiment hand --no-tests --cols seed)
has "$out" "arm      no seed  seed 0  seed 1" "a run without a seed has none: it is not seed 0"
has "$out" "same     0.2500   –       0.5000" "and is not paired with it"
tagloom sql --write "INSERT INTO run (id, dataset_id, identity, status, best_epoch, seedless) VALUES (97, 1, 'h97', 'done', 1, 0); INSERT INTO arm_run VALUES (90, 97); INSERT INTO result (run_id, split, epoch, metric_id, value) VALUES (97, 'test', 1, 2, 1)"
own=$(tagloom table --experiment hand --no-tests --format csv | awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } $at["arm"] == "base" { print "base", $at["n"] } $at["arm"] == "same" { print "same", $at["n"], "[" $at["wins"] "]" }')
is "$own" "base 3
same 2 []" "two such runs are neither one made again, nor a pair"
has "$out" "failed: endless, no seed (run 96)" "nor told as one that failed"
has "$(tagloom table --experiment hand --no-tests --format json | tr -d '\n')" '{"run": 91, "seed": null' "json: null"
is "$(tagloom runs --experiment hand | awk '$1 == 93 || $1 == 96 { printf "%s %s;", $1, $5 }')" "93 any;96 –;" "runs: none, not any"
has "$(tagloom reproduce h91 2>&1; tagloom reproduce 91 2>&1)" "run 91: the database does not hold its seed" "and reproduce says so"
tagloom merge lacking.db "$TAGLOOM_DB" >/dev/null 2>&1
tagloom sql --write --db lacking.db "DROP TABLE result"
out=$(tagloom table --db lacking.db 2>&1)
is "$?" 3 "a database without one of its tables is no usage error"
has "$out" "its tables are not those of schema version" "and says so"
done_testing
