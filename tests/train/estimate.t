# estimate.t - the memory that --dry-run tells is what a run then uses, within 15 %; what cannot fit is refused with the numbers and a cure; where that is tight, the largest batch is tried first and leaves no trace.
. "$SRC/tests/tap.sh"
if grep -q '^SANITIZE = .' "$BUILD/config.mak"; then
	skip "estimates of memory" "a sanitizer needs memory of its own"
	done_testing
	exit
fi
mkdir -p data
awk 'BEGIN {
	srand(3)
	for (s = 1; s <= 3; s++) {
		file = "data/" (s == 1 ? "train" : s == 2 ? "valid" : "test") ".jsonl"
		for (i = 0; i < (s == 1 ? 48 : 16); i++) {
			text = ""
			for (k = int(60 + rand() * 200); k > 0; k--) text = text "word" int(rand() * 90) " "
			printf "{\"id\": \"%d-%d\", \"text\": \"%s\", \"labels\": [\"label %d\"]}\n", s, i, text, int(rand() * 40) > file
		}
	}
	for (l = 0; l < 40; l++) print "label " l > "data/labels.txt"
}'
cat >e.lua <<'LUA'
local tl = require "tagloom"
local function encoder() return tl.encoder.transformer { dim = 96, layers = 4, heads = 4, ffn = 384, vocab = 500, pooled = "mean" } end
local models = {
	baseline = tl.recipe.baseline { encoder = encoder() },
	laco = tl.recipe.laco { encoder = encoder(), plcp = true },
	uclaf = tl.recipe.uclaf { encoder = encoder() },
}
return tl.experiment {
	name = "e", data = tl.dataset { path = "data", max_length = 256 }, model = models[tl.arg("model", "baseline")], metrics = { "p@1" }, seeds = { 1 },
	train = { epochs = tonumber(tl.arg("epochs", "1")), batch = tonumber(tl.arg("batch", "16")), recompute = tl.arg("recompute", "none"), lr = 1e-4 },
}
LUA
sql() { tagloom sql --db "${DB:-a.db}" --format csv "$1" | sed 1d | tr -d '\r"'; }
within() { # within WHAT ARGS...: the estimate against the run
	what=$1
	shift
	told=$(tagloom run e.lua --db none.db --dry-run "$@" | sed -n 's/.*a run: about \([0-9]*\) MiB.*/\1/p')
	rm -rf a.db a.db.d
	tagloom run e.lua --db a.db --threads 2 --quiet "$@" >out 2>err
	used=$(sql 'SELECT peak_rss_bytes / 1048576 FROM run')
	awk -v a="$told" -v b="$used" 'BEGIN { exit !(b > 0 && a > 0.85 * b && a < 1.15 * b) }'
	ok $? "$what: told $told MiB, used $used"
}
within "encoder and classifier" -D batch=16
within "smaller batches" -D batch=4
within "layers computed again" -D batch=16 -D recompute=layer
within "labels in the sequence" -D batch=16 -D model=laco
within "a copy of the encoder, a queue, label attention" -D batch=16 -D model=uclaf

# A limit between what the smallest batch takes and what this one takes.
(ulimit -v 280000 && tagloom run e.lua --db b.db -D batch=48 --threads 1 >out 2>err)
is $? 1 "a run that cannot fit fails"
has "$(cat err)" "the run needs about" "and says what it needs"
has "$(cat err)" "GiB are left under the limit of its address space" "what there is"
has "$(cat err)" "it fits with" "and what would fit"
is "$(DB=b.db sql 'SELECT count(*) FROM curve')" 0 "before the first step"
(ulimit -v 280000 && tagloom run e.lua --db b.db -D batch=48 --threads 1 --dry-run >out 2>err)
is "$?" 0 "a dry run goes through"
has "$(cat out)" "it would be refused here: the run needs about" "and says the same sentence"

# Where memory is tight, as under the least limit that lets it pass, and the run has 50 steps, the largest batch is tried first; else it is not. The first steps are the same.
rm -rf a.db a.db.d
tagloom run e.lua --db a.db -D batch=2 -D epochs=1 --threads 1 --quiet >out 2>err
for limit in $(seq 80000 5000 400000); do
	(ulimit -v "$limit" && tagloom run e.lua --db a.db -D batch=2 -D epochs=3 --threads 1 --quiet >out 2>err) && break
done
is "$(sql "SELECT count(*), count(DISTINCT value) FROM curve WHERE name = 'loss.total' AND step = 1")" 2,1 "trying the largest batch changes nothing"
done_testing
