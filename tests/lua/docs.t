# docs.t - the reference of scripts is current: its parameter lists are the plugins' own, and what it shows loads.
. "$SRC/tests/tap.sh"
"$SRC/docs/parameters" --print tagloom >now
sed '1,/^<!-- parameters:/d; /^<!-- end of parameters/,$d' "$SRC/docs/lua.md" | sed '$d' >written
ok "$(cmp -s now written; echo $?)" "docs/lua.md lists the plugins' parameters (docs/parameters ./tagloom writes it anew)"
diff now written | head -5 | sed 's/^/# /'
ok "$([ "$(grep -c '^### ' now)" -ge 4 ]; echo $?)" "there are parameters to list"
sed -n '/^```lua/,/^```/p' "$SRC/docs/lua.md" | sed '/^```lua/d; /^```/,$d' >example.lua
mkdir -p scripts/data/arxiv && for s in train valid test; do printf '{"id":"%s","text":"a b","labels":["x"]}\n' $s >scripts/data/arxiv/$s.jsonl; done
printf 'x\ny\n' >scripts/data/arxiv/labels.txt
tagloom run example.lua --dry-run >out 2>err
is "$?" 0 "the page's first example loads"
has "$(cat out)" "only trigrams" "with its arms"
done_testing
