# isolation.t - a plugin that crashes, hangs or exits loses its own run, which is recorded with its name; the sweep goes on.
. "$SRC/tests/runs/lib.sh"
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}handle_segv=0:handle_abort=0 # under a sanitizer the signals must stay what they are
export ASAN_OPTIONS
arms good good
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

arms orphan orphan
tagloom run orphan.lua --db c.db >out 2>err
is "$?" 0 "a plugin that leaves a process behind"
left=$(sed -n 's/^left \([0-9]*\) behind$/\1/p' err)
for i in 1 2 3 4 5; do
	state=$(sed 's/.*) //' "/proc/$left/stat" 2>/dev/null | cut -c1)
	case $state in '' | Z | X) break ;; esac
	sleep 0.2
done
case ${left:+$state} in '' | Z | X) ok 0 "it ends with its run" ;; *) kill -9 "$left"; ok 1 "it ends with its run" ;; esac
is "${left:+told}" "told" "(and it was there)"

arms crowd crowd good
(ulimit -u 2000 2>/dev/null; TAGLOOM_PROCESSES=60 tagloom run crowd.lua --db e.db >out 2>err)
is "$?" 1 "a plugin that starts more and more processes"
is "$(DB=e.db sql "SELECT group_concat(status || ' ' || coalesce(plugin_at_fault, '-'), ', ') FROM (SELECT * FROM run ORDER BY id)")" "killed label/odd, done -" "loses its own run and nothing else"
has "$(DB=e.db sql "SELECT error FROM run WHERE id = 1")" "too many processes and threads" "which says why"
tagloom run crowd.lua --db e2.db >out 2>err
is "$?" 0 "300 are fewer than a run may have"

arms outside slow
tagloom run outside.lua --db f.db -D odd.seconds=20 >out 2>err &
parent=$!
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
	sleep 0.2
	pid=$(DB=f.db sql "SELECT pid FROM run WHERE status = 'running'" 2>/dev/null)
	[ "$pid" ] && break
done
sleep 0.3
kill -9 "$pid"
wait $parent
is "$?" 1 "a run that is killed from outside"
is "$(DB=f.db sql "SELECT status || ' ' || coalesce(plugin_at_fault, '-') || ' ' || error FROM run")" "killed - killed by signal 9 from outside (out of memory?)" "blames no plugin"

arms stuck stuck good
TAGLOOM_PATIENCE=1 tagloom run stuck.lua --db g.db -D timeout=1 >out 2>err
is "$?" 1 "a plugin whose check hangs"
is "$(DB=g.db sql "SELECT group_concat(status || ' ' || coalesce(plugin_at_fault, '-'), ', ') FROM (SELECT * FROM run ORDER BY id)")" "killed label/odd, done -" "loses its own run and nothing else"
has "$(cat err)" "arm stuck: label/odd hangs: its check has not returned for 1 s" "and is named, with its callback, before anything is trained"
TAGLOOM_PATIENCE=1 tagloom run stuck.lua --db g2.db --dry-run >out 2>err
is "$? $(sed 's/ (TAGLOOM.*//' err)" "1 tagloom run: arm stuck: label/odd hangs: its check has not returned for 1 s" "--dry-run says so, too"
has "$(cat out)" "arm good on" "and goes on to the arms after it"
has "$(cat out)" "1 arm refused; nothing was trained" "and counts"
arms leaves leaves
tagloom run leaves.lua --db g3.db >out 2>err
is "$?" 0 "a check that leaves a process behind holds nobody up"

for what in hang:hangs crash:crashes exit:ends; do
	for verb in 'run good.lua --db h.db' 'plugins list' 'plugins show label/odd'; do
		ODD_LOADS=${what%:*} TAGLOOM_PATIENCE=1 tagloom $verb >out 2>err
		is "$?" 3 "tagloom $verb: a plugin that ${what#*:} while it is loaded"
		has "$(cat err)" "tagloom: $TMP/plugins/label/odd.so ${what#*:}" "is named"
	done
done

# What runs in the command's own process: readers, and metrics of stored scores.
mkdir -p plugins/reader plugins/metric
for kind in reader metric; do
	${CC:-cc} -std=c11 -D_GNU_SOURCE -O1 -fPIC -shared -I"$SRC/include" $([ $kind = metric ] && echo -DMETRIC) "$SRC/tests/runs/waits.c" -o plugins/$kind/waits.so || exit 1
done
arms read good && sed -i "s/path = 'data'/path = 'data', reader = 'waits'/" read.lua
waits() { # waits WHERE STATUS SENTENCE VERB...: a command whose plugin hangs there
	where=$1 status=$2 sentence=$3
	shift 3
	WAITS=$where TAGLOOM_PATIENCE=1 tagloom "$@" >out 2>err
	is "$?" "$status" "tagloom $*: WAITS=$where is ended"
	has "$(cat err)" "$sentence for 1 s (TAGLOOM_PATIENCE sets how long is too long)" "and told"
}
waits train 3 "tagloom: data: the reader hangs: while it reads train nothing has come from it" data stats data --reader waits
waits labels 3 "tagloom: data: the reader hangs: while it reads the label list nothing has come from it" data convert data --reader waits -o converted
waits test 3 "tagloom: data: the reader hangs: while it reads test nothing has come from it" run read.lua --db h.db
waits test 3 "tagloom: data: the reader hangs: while it reads test nothing has come from it" run read.lua --db h.db --dry-run
WAITS=slow TAGLOOM_PATIENCE=1 tagloom data stats data --reader waits >out 2>err
is "$?" 0 "one that is slow, but lives, is waited for"
WAITS=stopped TAGLOOM_PATIENCE=1 tagloom data stats data --reader waits >out 2>err &
stopped=$!
for i in 1 2 3 4; do # before the label list, and before each split
	while :; do
		state=$(sed 's/.*) //' "/proc/$stopped/stat" 2>/dev/null | cut -c1)
		case $state in T | Z | '') break ;; esac
		sleep 0.1
	done
	[ $i != 2 ] || sleep 4
	kill -CONT $stopped 2>/dev/null
done
wait $stopped
is "$? $(cat err)" "0 " "the time in which the command itself was stopped does not count"
arms many good-1 good-2
tagloom run many.lua --db m.db --quiet
waits add 3 "tagloom: metric waits hangs: nothing has come from it" rescore 1 --db m.db --metrics waits
waits compute 3 "tagloom: metric waits_all hangs: nothing has come from it" table --db m.db --metrics waits_all
waits rounds 3 "tagloom: metric waits hangs: its finish has not returned" table --db m.db --metrics waits
sed -i "s/'p@1'/'p@1', 'waits_all'/" many.lua
waits compute 0 "metrics of runs that were done already: metric waits_all hangs: nothing has come from it" run many.lua --db m.db
tagloom run many.lua --db m.db >out 2>err
is "$? $(DB=m.db sql "SELECT count(DISTINCT run_id) FROM result r JOIN metric m ON m.id = r.metric_id WHERE m.name = 'waits_all'")" "0 2" "nothing is lost"

refused() { # refused WHAT SENTENCE
	tagloom run fast.lua --db d.db -D "$1" >out 2>err
	is "$?" 2 "-D $1 is refused before anything starts"
	has "$(cat err)" "$2" "and the sentence tells the range"
}
refused train.timeout=1e18 "wanted a number above 0 to 1000000000"
done_testing
