# isolation.t - a plugin that crashes, hangs or exits loses its own run, which is recorded with its name; the sweep goes on.
. "$SRC/tests/runs/lib.sh"
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}handle_segv=0:handle_abort=0 # under a sanitizer the signals must stay what they are
export ASAN_OPTIONS
arms bad good crash exit quit abort fail noise hang good-2
tagloom run bad.lua --db a.db -D timeout=1 >out 2>err
is "$?" 1 "some run failed: status 1"
is "$(sql "SELECT a.name || ' ' || r.status FROM arm a JOIN arm_run ar ON ar.arm_id = a.id JOIN run r ON r.id = ar.run_id ORDER BY a.id")" "good done
crash failed
exit failed
quit failed
abort failed
fail failed
noise done
hang killed
good-2 done" "every other run went on"
is "$(sql "SELECT count(*) FROM run WHERE status IN ('failed', 'killed') AND plugin_at_fault = 'label/odd'")" 6 "the plugin at fault is named in each"
has "$(sql "SELECT error FROM run WHERE id = 2")" "Segmentation fault" "a crash says its signal"
has "$(sql "SELECT error FROM run WHERE id = 6")" "this module does not want to" "a plugin's own sentence is kept"
has "$(sql "SELECT error FROM run WHERE id = 8")" "no sign of life" "a hang says so"
is "$(cat out)" "" "what a plugin prints does not reach stdout"
is "$(sql "SELECT count(*) FROM result WHERE split = 'test'")" 3 "the good runs have their results"
has "$(cat err)" "crash, seed 1: failed: crashed: Segmentation fault (in label/odd)" "and the sweep told it"

arms fast crash good
tagloom run fast.lua --db b.db --fail-fast >out 2>err
is "$?" 1 "--fail-fast"
is "$(DB=b.db sql "SELECT group_concat(status, ' ') FROM (SELECT status FROM run ORDER BY id)")" "failed queued" "starts nothing more"
tagloom run fast.lua --db b.db --only good >out 2>err
is "$?" 0 "--only ARM runs one arm"
is "$(DB=b.db sql "SELECT group_concat(status, ' ') FROM (SELECT status FROM run ORDER BY id)")" "failed done" "and leaves the others"
tagloom run fast.lua --db b.db --only goood >out 2>err
is "$?" 2 "--only of a name that is none"
has "$(cat err)" "did you mean good" "has its nearest"
done_testing
