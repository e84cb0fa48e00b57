# hostile.t - what a careless or a hostile user writes on the command line: status 2 or 3 and a sentence, never silence.
. "$SRC/tests/runs/lib.sh"
cat >s.lua <<'EOT'
local tl = require "tagloom"
local function x(name) return tl.experiment { name = name, data = tl.dataset { path = "data", max_length = 16 }, metrics = { "p@1" }, seeds = { 1, 2 },
	model = { tl.encoder.bow { dim = 8, vocab = 200 }, tl.label.classifier {} }, train = { epochs = 2, batch = 8, lr = 1e-2 },
	arms = { { "full", {} }, { 'wide, „ü" & <b>', { bow = { dim = 12 } } } } } end
return { x "one", x "two ☃" }
EOT
tagloom run s.lua --db a.db --quiet >out 2>err
is "$? $(sql 'SELECT count(*) FROM run') $(sql 'SELECT count(*) FROM arm_run')" "0 4 8" "two experiments of one script share their runs"
is "$(tagloom table --db a.db --experiment 'two ☃' --baseline 'wide, „ü" & <b>' --format csv | grep -c '^two ☃,data,test,')" 2 "any name will do"
refuse() { # refuse STATUS WORDS ARGS...
	wanted=$1 words=$2
	shift 2
	timeout 60 tagloom "$@" >out 2>err </dev/null
	is "$?" "$wanted" "$*: status $wanted"
	has "$(cat err)" "$words" "and says: $words"
}
refuse 2 "wanted a whole number from -9223372036854775808 to 9223372036854775807" run s.lua --db a.db --jobs 99999999999999999999
refuse 2 "wanted 1 or more" run s.lua --db a.db --threads -3
refuse 2 "an instance's name cannot be changed" run s.lua --db a.db -D bow.name=z
refuse 2 "wanted at least one" run s.lua --db a.db -D metrics=
refuse 2 "wanted at least one" table --db a.db --metrics ,
refuse 2 "wanted a table" run s.lua --db a.db -D data.propensity=2
cp -r data blind
rm blind/valid.jsonl
refuse 2 "its threshold is tuned on the validation split, and the dataset has none" run s.lua --db blind.db -D data.path=blind -D train.select=last -D metrics=micro_f1:threshold=micro_f1
is "$(ls blind.db 2>/dev/null)" "" "before anything starts"
tagloom run s.lua --db inf.db --only full -D train.optimizer=sgd -D train.lr=1e6 -D train.clip=1e6 -D train.epochs=20 -D train.batch=60 -D classifier.lr=1e-2 -D seeds=1 --quiet >out 2>err
is "$? $(DB=inf.db sql 'SELECT error FROM run' | grep -o 'evaluation of valid after epoch' | wc -l)" "1 1" "numbers that leave the finite ones: where is told once"
mkdir nothing
refuse 3 "there is no split of a dataset" data stats nothing
refuse 3 "data: is a folder; wanted a file" predict --db a.db --run 1 --input data
for f in /dev/null blank; do
	[ $f = blank ] && printf '\n\n' >blank
	tagloom predict --db a.db --run 1 --input $f >out 2>err
	is "$? $(cat out)" "0 " "predict of $f: nothing, and no error"
done
tagloom table --db a.db >/dev/full 2>err
is "$?" 3 "a full standard output"
tagloom table --db a.db >&- 2>err
is "$?" 3 "a closed one"
# Runs that were measured on different documents.
cp data/test.jsonl kept && sed 's/alpha/omega/' kept >data/test.jsonl
tagloom run s.lua --db a.db --quiet --only full >out 2>err
mv kept data/test.jsonl
tagloom compare 1 "$(sql 'SELECT max(id) FROM run')" --db a.db >out 2>err
has "$(cat out)" "only one side was measured on these documents" "compare: runs on different documents"
# An experiment of which no run ended well.
arms bad fail
tagloom run bad.lua --db b.db --quiet >out 2>err
has "$(tagloom table --db b.db)" "bad: no finished run" "table without a finished run"
is "$(tagloom table --db b.db --format json | grep -c '"status": "failed"')" 1 "and as JSON"
# Overlapping databases.
tagloom merge m.db a.db b.db a.db >out 2>err
is "$? $(DB=m.db sql 'SELECT count(*) FROM run')" "0 $(($(sql 'SELECT count(*) FROM run') + 1))" "merge of overlapping databases"
mkdir ro && cp a.db ro && chmod 555 ro
if [ -w ro ]; then
	skip "a folder that cannot be written" "this user may write everywhere"
else
	refuse 3 "cannot be made: Permission denied" run s.lua --db ro/new.db
	refuse 3 "cannot be written" run s.lua --db ro/a.db
fi
chmod 755 ro
done_testing
