# scripts.t - the scripts that come with the program run as they are: small here, whole in `make demo`.
. "$SRC/tests/tap.sh"
tagloom run "$SRC/scripts/quickstart.lua" --dry-run >out 2>err
is "$?" 0 "quickstart.lua is sound"
has "$(cat out)" "3 arms, 7 runs; nothing was trained" "three arms; linear does not depend on the seed"
tagloom run "$SRC/scripts/quickstart.lua" --db q.db --limit-docs 300 -D train.epochs=1 -D seeds=1 >out 2>err
is "$?" 0 "and trains, on 300 documents"
is "$(tagloom sql --db q.db --format csv "SELECT count(DISTINCT run_id) FROM result WHERE split = 'test'" | sed 1d)" 3 "every arm has its test results"
tagloom table --db q.db --experiment quickstart --metrics p@1 --no-tests >out 2>err
has "$? $(cat out)" "transformer" "and stands in the table"
for r in baseline labelcorank gudn laco sep uclaf; do
	printf 'local tl = require "tagloom"\nreturn tl.experiment { name = "%s", data = tl.dataset { path = tl.arg("data"), max_length = 80 }, model = tl.recipe.%s { encoder = tl.encoder.transformer { dim = 24, layers = 2, heads = 2, ffn = 32, vocab = 400 }%s } }\n' \
		$r $r "$([ $r = labelcorank ] && echo ', corank = { heads = 2, gamma = 4 }')$([ $r = laco ] && echo ', joint = { max_length = 80 }')" >$r.lua
	tagloom run $r.lua --dry-run -D data="$SRC/scripts/data/arxiv" >out 2>err
	is "$? $(cat err)" "0 " "recipe $r fits together"
done
if [ -d "${TAGLOOM_DATA:-/nonexistent}/aapd" ]; then
	tagloom run "$SRC/scripts/aapd.lua" --db a.db -D data="$TAGLOOM_DATA/aapd" --only linear --limit-docs 2000 >out 2>err
	is "$?" 0 "aapd.lua, linear, on 2,000 documents"
	is "$(tagloom sql --db a.db --format csv "SELECT value > 0.6 FROM result JOIN metric m ON m.id = metric_id WHERE m.name = 'p@1' AND split = 'test'" | sed 1d)" 1 "learns something"
else
	skip "aapd.lua" "TAGLOOM_DATA does not name a folder with aapd/"
fi
if [ -f "${TAGLOOM_MINILM:-$SRC/models/minilm}/model.safetensors" ] && [ -d "${TAGLOOM_DATA:-/nonexistent}/aapd" ]; then
	tagloom run "$SRC/scripts/aapd.lua" --dry-run -D data="$TAGLOOM_DATA/aapd" -D minilm="${TAGLOOM_MINILM:-$SRC/models/minilm}" >out 2>err
	has "$? $(cat out)" "minilm" "aapd.lua is sound with MiniLM"
else
	skip "aapd.lua with MiniLM" "scripts/get-minilm was not called, or TAGLOOM_DATA is missing"
fi
done_testing
