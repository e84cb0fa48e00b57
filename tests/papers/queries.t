# queries.t - the papers' analyses in SQL give what the metrics gave; printed tables beside ours; what differs is said.
. "$SRC/tests/papers/lib.sh"
tagloom data convert "$SRC/scripts/data/arxiv" -o aapd --sample 600,100,150 --seed 1 >/dev/null 2>&1
cat >q.lua <<'EOT'
local tl = require "tagloom"
return tl.experiment { name = "q", data = tl.dataset { path = "aapd", max_length = 64 }, model = { tl.label.linear {} },
	metrics = { "p@5:group=head_docs", "p@3:group=tail_docs", "psp@3", "label_combinations", "subset_accuracy", "conditional_kl", "macro_f1" } }
EOT
tagloom run q.lua --db q.db --quiet >out 2>err
ok $? "a run with all scores stored"
cat err >&2
metric() { tagloom sql --db q.db --format csv "SELECT round(mean, 4) FROM v_summary WHERE split = 'test' AND metric || grp LIKE '$1'" | tail -1; }
rows() { tagloom sql --db q.db --format csv --file "$SRC/results/queries/$1"; }
is "$(rows laco-label-combinations.sql | sed -n 2p | cut -d, -f5,7)" "$(metric label_combinations),$(metric 'subset_accuracy')" "label combinations and subset accuracy"
is "$(rows laco-conditional-kl.sql | sed -n 2p | cut -d, -f9)" "$(metric conditional_kl)" "conditional KL"
is "$(rows laco-frequency-groups.sql | awk -F, 'NR > 1 { s += $5 * $8; n += $5 } END { printf "%d %.3f", n, s / n }')" "54 $(metric macro_f1 | awk '{ printf "%.3f", $1 }')" "frequency groups: all labels, and together the macro-F1"
is "$(rows labelcorank-head-tail.sql | grep ,head, | cut -d, -f9)" "$(metric 'p@5%head_docs')" "documents with head labels alone"
is "$(rows labelcorank-head-tail.sql | grep ,tail, | cut -d, -f8)" "$(metric 'p@3%tail_docs')" "documents with two head labels at most"
is "$(rows sep-psp.sql | sed -n 2p | cut -d, -f6)" "$(metric 'psp@3')" "propensity-scored precision"

tagloom run "$SRC/scripts/papers/labelcorank.lua" -D data=aapd $TINY -D data.max_length=32 -D data.limit=48 -D train.epochs=1 -D seeds=1,2 --only full --quiet --db r.db >out 2>err
ok $? "a small run of labelcorank's table 8"
cat err >&2
mean=$(tagloom sql --db r.db --format csv "SELECT printf('%.4f ± %.4f', mean, sd) FROM v_summary WHERE metric = 'p@3' AND split = 'test'" | tail -1)
tagloom table --db r.db --reported labelcorank/table8 >out
has "$(cat out)" "aapd     labelcorank                           p@3      0.6227  2  $mean" "printed, n, mean ± sd"
is "$(awk '/^aapd +labelcorank +p@3/ { printf "%+.4f %s", $6 - $4, $9 }' out | awk '{ d = $1 - $2; print (d * d < 2e-8) }')" 1 "and the difference"
has "$(cat out)" "encoder          printed RoBERTa (base or large not said); ours a transformer from scratch, dim 24, 2 layers" "the encoder differs"
has "$(cat out)" "n_train          printed 54840; ours 48" "the data differ"
has "$(cat out)" "n_valid          printed 0; ours 100" "the split differs"
has "$(cat out)" "data.max_length  printed 512; ours 32" "the length differs"
has "$(cat out)" "aapd labelcorank w/o correlation matrix p@5: higher than the full model in the same table" "contradictions are notes"
is "$(grep -c 'train.lr' out)" 0 "what is as printed is not told"
is "$(tagloom table --db r.db --reported labelcorank/table9 | grep '^aapd .* [-+]0\.[0-9]*$' | wc -l)" 0 "the other table has no numbers of ours"
tagloom run "$SRC/scripts/papers/labelcorank.lua" -D data=aapd $TINY -D data.name=elsewhere -D data.max_length=32 -D data.limit=48 -D train.epochs=1 -D seeds=1 --only full --quiet --db o.db >out 2>err
tagloom table --db o.db --reported labelcorank/table8 >out
has "$(cat out)" "not compared: labelcorank-table8-aapd on elsewhere (48 training documents): other data than the paper's" "other data are not put beside the printed numbers"
is "$(awk '$1 == "aapd" && $NF ~ /^[-+]0/' out | wc -l)" 0 "not one of them"
is "$(tagloom sql --db o.db --format csv "SELECT count(*), sum(note <> '') > 200 FROM reported" | tail -1)" "$(($(wc -l <"$SRC/results/reported/reported.csv") - 1)),1" "every printed number is loaded, with its notes"
done_testing
