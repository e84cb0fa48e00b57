# Modules written in Lua: the same bits as their C twins, errors with the script's line, their text in a run's identity.
. "$SRC/tests/tap.sh"
mkdir -p scripts/examples scripts/data
cp "$SRC/scripts/examples/modules.lua" scripts/examples/
cp -r "$SRC/scripts/data/arxiv" scripts/data/
tagloom run scripts/examples/modules.lua --db m.db --limit-docs 160 >out 2>err
is "$?" 0 "the example trains both arms"
[ -s err ] && grep -i 'fail\|error' err >&2
hashes=$(tagloom sql --db m.db --format csv "SELECT DISTINCT weights_sha256 FROM run" | tail -n +2)
is "$(echo "$hashes" | wc -l)" 1 "after training the weights of the C arm and of the Lua arm are the same bits"
is "$(tagloom sql --db m.db --format csv "SELECT count(*) FROM (SELECT doc_id, logits FROM prediction WHERE split = 'test' GROUP BY doc_id, logits HAVING count(*) = 2)" | tail -1)" 2000 "and so are the scores of every test document"
is "$(tagloom sql --db m.db --format csv "SELECT count(DISTINCT value) || ' of ' || count(*) FROM curve WHERE name LIKE 'loss.sep_doc%' AND step = 10" | tail -1)" "1 of 2" "the loss written in Lua is logged with the same value"

module() { # module BODY: a script with one module
	cat >one.lua <<EOT
local tl = require "tagloom"
local ops = tl.ops
local factor = ${2:-2}
local twice = tl.module {
  name = "twice", reads = { doc = "B m" }, writes = { doc = "B m" },
  forward = function(self, slots)
    $1
  end,
}
return tl.experiment {
  name = "one", data = tl.dataset { path = "scripts/data/arxiv", max_length = 32, limit = 64 },
  model = { tl.encoder.bow { dim = 8, vocab = 500 }, twice {}, tl.label.classifier {} },
  train = { epochs = 1, batch = 32, lr = 1e-2 }, metrics = { "p@1" }, seeds = { 1 },
}
EOT
	tagloom run one.lua --db one.db >out 2>err
}
module 'slots.doc = slots.doc * factor'
is "$?" 0 "a module of one line trains"
module 'slots.doc = slots.doc * factor' 3
has "$(cat err)" "1 trained" "a changed upvalue makes another run"
module 'slots.doc = slots.doc * factor' 3
has "$(cat err)" "nothing to train" "an unchanged module does not"
module 'slots.doc = ops.matmul(slots.doc, slots.doc)'
is "$?" 1 "shapes that do not fit fail the run"
has "$(cat err)" "one.lua:7" "with the line inside the module"
has "$(cat err)" "matmul" "and the op"
module 'slots.docs = slots.doc'
has "$(cat err)" "one.lua:7: slots.docs: not among the slots that tl.module twice declares in writes; did you mean doc" "a slot that is not declared is not written"
module 'slots.doc = slots.hidden'
has "$(cat err)" "slots.hidden: not among the slots that tl.module twice declares in reads" "nor read"
module 'slots.doc = 5'
has "$(cat err)" "one.lua:7: slots.doc: wanted a tensor, found 5" "nor is a number one"
module 'slots.doc = slots.doc * self.factor'
has "$(cat err)" "one.lua:7: self.factor: neither a parameter of tl.module twice nor a part of self" "self has what is declared"
module 'slots.doc = slots.doc * self.weights.w'
has "$(cat err)" "self.weights.w: not among the weights that tl.module twice declares" "and so have its weights"
module 'local n = 0; for k, x in pairs(slots) do n = n + (k == "doc" and x:rank() or 9) end; slots.doc = slots.doc * (n == 2 and 1 or error("pairs"))'
is "$?" 0 "pairs goes over the slots"
sed 's/name = "twice"/name = "classifier"/' one.lua >twin.lua
out=$(tagloom run twin.lua --db one.db 2>&1)
is "$?" 2 "a module does not take a plugin's name"
has "$out" 'twin.lua:4: tl.module: name = "classifier": ' "which is told with the line"
sed 's/writes = /losses = { x = "y" }, writes = /' one.lua >loss.lua
has "$(tagloom run loss.lua --db one.db 2>&1)" 'tl.module twice: losses["x"]: wanted the weight'"'s default, a number, found" "a loss has a number"
module 'slots.doc, kept = ops.add(kept or slots.doc, slots.doc), slots.doc'
has "$(cat err)" "one.lua:7" "a tensor kept from an earlier step is told with its line"
has "$(cat err)" "its memory is gone" "and why it cannot be used"
tagloom check scripts/examples/modules.lua >out 2>err
is "$?" 0 "tagloom check runs the conformance tests of a script's modules"
has "$(cat out)" "lgfs_lua" "and names them"
done_testing
