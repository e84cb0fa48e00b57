# docs.t - the pages of docs/methods: the wiring is what --dry-run prints today, the Lua runs, and what is spelled out is the recipe.
. "$SRC/tests/papers/lib.sh"
ln -s "$SRC/scripts" scripts
make_data data/aapd 54 60 10 10
for page in labelcorank gudn laco sep uclaf; do
	doc=$SRC/docs/methods/$page.md
	command=$(sed -n 's/^\$ \(tagloom run .*--dry-run\)$/\1/p' "$doc")
	$command >out 2>err
	is "$? $(grep '^    ' out | wc -l)" "0 $(sed -n '/^```wiring/,/^```$/p' "$doc" | grep -c '^    ')" "$page: the command of the wiring runs"
	is "$(grep '^    ' out)" "$(sed -n '/^```wiring/,/^```$/p' "$doc" | grep '^    ')" "$page: the wiring is what the modules declare"
	cat err >&2
	# The recipe and its spelled-out list, as two arms: the same parameters.
	sed -n '/^```lua/,/^```$/p' "$doc" | sed '/^```/d' | sed 's/weights = "[^"]*"/dim = 24, layers = 2, heads = 2, ffn = 48, vocab = 300/; s/^model = tl.recipe.\([a-z]*\) {/first = tl.recipe.\1 { encoder = encoder(),/; s/^model = {/second = {/; s/^data .*//; s/^first/local first/; s/^second/local second/' >body.lua
	{
		echo 'local tl = require "tagloom"'
		echo 'local function encoder() return tl.encoder.transformer { dim = 24, layers = 2, heads = 2, ffn = 48, vocab = 300 } end'
		cat body.lua
		echo 'return tl.experiment { name = "page", data = tl.dataset { path = "data/aapd", max_length = 40 }, arms = { { "a", { model = first } }, { "b", { model = second } } } }'
	} >page.lua
	tagloom run page.lua --dry-run >out 2>err
	is "$? $(grep -c '^arm ' out)" "0 2" "$page: the Lua runs"
	cat err >&2
	is "$(sed -n '/^arm a/,/^arm b/p' out | grep -E '^    ')" "$(sed -n '/^arm b/,$p' out | grep -E '^    ')" "$page: what is spelled out is the recipe"
done
done_testing
